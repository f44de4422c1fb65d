#!/bin/bash
# kill.sh KILLS WAY...: sends SIGKILL to a whole sweep at a random moment and runs it again, until KILLS have been killed; every
# second one that goes on is killed as well. Each run must end with the content of an undisturbed one. WAY: -j and
# CELLS_PER_PROCESS, as one word. Then SIGINT and SIGTERM, a tenth as often.
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

# SIGINT and SIGTERM, to the whole sweep or to make alone, stop it at once and leave nothing behind.
slowest=0
for round in $(seq $(((kills + 29) / 30))); do
    for how in 'INT group' 'TERM group' 'TERM make'; do
        way=$((round % ${#ways[@]})) run=stopped ended=0
        until [ $ended -ne 0 ]; do # it was through
            rm -rf "${runs:?}/$run"
            at=$(moment $way)
            # shellcheck disable=SC2086
            signal_after $how "$at" TIMESTAMP=$run ${ways[way]}
        done
        [ $took -le $slowest ] || slowest=$took
        what="SIG$how ${ways[way]} after $at ms"
        ok "$what stops it in $took ms" [ $took -lt 1000 ]
        equal "$what leaves no temporary files" "$(left_outside)$([ ! -d $runs/$run ] || temporaries $runs/$run)" "$([ ! -d $runs/$run ] || echo 0)"
        # shellcheck disable=SC2086
        ok "$what: the next sweep ends it" resumed $run ${ways[way]}
    done
done
echo "# the slowest stop: $slowest ms"
exit $failed
