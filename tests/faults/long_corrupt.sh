#!/bin/sh
# Files of a run at random; corrupt.sh says how.
exec tests/faults/corrupt.sh "${TIMES:-100}"
