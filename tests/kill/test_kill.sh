#!/bin/sh
# The short version of long_kill.sh: seven kills, and three stops.
exec tests/kill/kill.sh 7 '-j2 CELLS_PER_PROCESS=1'
