#!/bin/sh
# The short version of long_kill.sh.
exec tests/kill/kill.sh 10 '' '-j2 CELLS_PER_PROCESS=1'
