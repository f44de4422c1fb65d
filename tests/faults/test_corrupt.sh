#!/bin/sh
# The short version of long_corrupt.sh.
exec tests/faults/corrupt.sh 0
