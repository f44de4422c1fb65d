#!/bin/bash
# SIGINT and SIGTERM, to the whole sweep or to make alone, stop it at once: no process and no temporary file is left, and the next
# sweep goes on to the bytes of an undisturbed one.
. tests/kill/lib.sh
ways=('-j2 CELLS_PER_PROCESS=1')
undisturbed
round=0
for how in 'INT group' 'TERM group' 'TERM make'; do
    round=$((round + 1)) ended=0
    until [ $ended -ne 0 ]; do # it was through by then
        run=stopped-$round at=$(moment 0)
        rm -rf "${runs:?}/$run"
        # shellcheck disable=SC2086
        signal_after $how "$at" TIMESTAMP=$run ${ways[0]}
    done
    ok "SIG$how after $at ms: stops, $took ms" [ $took -lt 1000 ]
    equal "temporary files" "$(left_outside)$([ ! -d $runs/$run ] || temporaries $runs/$run)" "$([ ! -d $runs/$run ] || echo 0)"
    ok "one line at most says why" [ "$(grep -c '^yolosens' err)" -le 1 ]
    # shellcheck disable=SC2086
    ok "the next sweep goes on" resumed $run ${ways[0]}
done
exit $failed
