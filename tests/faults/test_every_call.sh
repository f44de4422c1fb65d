#!/bin/sh
# The short version of long_every_call.sh.
exec tests/faults/every_call.sh some
