#!/bin/sh
# KILLS: how often a sweep is killed (300, about ten minutes); kill.sh says how.
exec tests/kill/kill.sh "${KILLS:-300}" '' -j2 CELLS_PER_PROCESS=1 '-j2 CELLS_PER_PROCESS=1'
