#!/bin/sh
# hands.sh RUN: fails, and names them, where processes that LAUNCHER started for a sweep still work in a run, though that sweep is gone
# (mk/step/hand.sh). Called by one that holds the run's lock, or is about to take it.
# shellcheck source=mk/lib.sh
. "${YS}mk/lib.sh"
left=
for hand in "$1"/work/hands/*; do
    [ -e "$hand" ] || continue
    flock -n -E 3 "$hand" rm -f "$hand"
    case $? in
    0) ;;
    3) left="$left, $(cat "$hand")" ;;
    *) die 1 "$hand: cannot be locked; the run must be on a file system with locks" ;;
    esac
done
[ -z "$left" ] || die 2 "$1: in use by what a killed sweep's LAUNCHER left running: ${left#, }; wait for it or end it, or TIMESTAMP= another run"
