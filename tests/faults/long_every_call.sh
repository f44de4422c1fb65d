#!/bin/sh
# Every call of every tool, in every way; every_call.sh says how.
exec tests/faults/every_call.sh all
