#!/bin/bash
# kill.sh KILLS WAY...: sends SIGKILL to a whole sweep at a random moment and runs it again, until KILLS have been killed; every
# second one that goes on is killed as well. Each run must end with the content of an undisturbed one. WAY: -j and
# CELLS_PER_PROCESS, as one word.
. tests/kill/lib.sh
kills=$1
shift
ways=("$@") done=0 round=0 survived=0 wrong=0
undisturbed
while [ "$done" -lt "$kills" ]; do
    way=$((round % ${#ways[@]})) run=killed-$round moments=
    round=$((round + 1))
    while :; do
        at=$(moment $way)
        # shellcheck disable=SC2086
        signal_after KILL group "$at" TIMESTAMP=$run ${ways[way]}
        [ $ended -eq 137 ] || break # it was through
        done=$((done + 1)) moments="$moments $at"
        [ "$took" -lt 5000 ] || survived=$((survived + 1))
        [ $((RANDOM % 2)) -eq 0 ] || break
    done
    # shellcheck disable=SC2086
    if resumed $run ${ways[way]}; then
        rm -rf "${runs:?}/$run"
    else
        wrong=$((wrong + 1))
        ok "run $round ${ways[way]}, killed after$moments ms: the content of the undisturbed one" diff whole content
        ok "run $round: its end" false
    fi
done
equal "$done kills in $round runs: runs that are not as the undisturbed one" $wrong 0
equal "kills that left a process for five seconds" $survived 0
sweep TIMESTAMP=last
equal "temporary files outside of the runs" "$(left_outside)" ""
exit $failed
