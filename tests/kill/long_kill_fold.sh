#!/bin/sh
# The folded network's sweep, killed and gone on with.
exec tests/kill/kill.sh 12 FOLD=1 'FOLD=1 -j2 CELLS_PER_PROCESS=1'
