#!/bin/sh
# Killing the whole sweep at a random moment and running it again gives the bytes of an undisturbed run. KILLS: how often
# (100); with fake tools, so it is the grid that is tested: the tools' own resumption has its tests beside them.
. tests/grid/lib.sh
kills=${KILLS:-100}
undisturbed() { mk sweep MODELS='a b' WEIGHT_DTYPES=int8 ACT_DTYPES='int8 fp8' TIMESTAMP=whole; }
undisturbed
tree tmp/yolo10_layer_sensitivity_sweep/whole >whole
ok "the undisturbed run: $(last_line)" [ "$status" -eq 0 ]

FAKE_SLEEP=0.03
export FAKE_SLEEP
round=0 done=0 disturbed=0
while [ "$done" -lt "$kills" ]; do
    round=$((round + 1))
    options=$(echo '|-j2|CELLS_PER_PROCESS=1|-j2 CELLS_PER_PROCESS=1' | cut -d'|' -f$((round % 4 + 1)))
    while :; do
        # shellcheck disable=SC2086
        setsid make BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 SCORE_SIZE=4 MODELS='a b' WEIGHT_DTYPES=int8 \
            ACT_DTYPES='int8 fp8' TIMESTAMP=killed-$round sweep $options >out 2>err &
        pid=$!
        at=$(awk -v seed="$done$round" 'BEGIN { srand(seed); printf "%.2f", 0.1 + rand() * 1.8 }')
        sleep "$at"
        signal=$(echo KILL KILL TERM INT | cut -d' ' -f$((done % 4 + 1)))
        kill -s "$signal" -- "-$pid" 2>/dev/null || { wait "$pid"; break; }
        wait "$pid" 2>/dev/null
        done=$((done + 1)) disturbed=1
        [ $((done % 7)) -ne 0 ] || break
    done
    # A background make ignores SIGINT, and so may go on for a while.
    mk sweep MODELS='a b' WEIGHT_DTYPES=int8 ACT_DTYPES='int8 fp8' TIMESTAMP=killed-$round
    until ! grep -q 'in use by' err; do
        sleep 0.3
        mk sweep MODELS='a b' WEIGHT_DTYPES=int8 ACT_DTYPES='int8 fp8' TIMESTAMP=killed-$round
    done
    tree tmp/yolo10_layer_sensitivity_sweep/killed-$round >killed
    if ! cmp -s whole killed || [ "$status" -ne 0 ]; then
        ok "round $round ($options): the same bytes" diff whole killed
    fi
done
ok "$done kills in $round runs, each ended with the undisturbed run's bytes" [ "$failed" -eq 0 -a "$disturbed" -eq 1 ]
exit $failed
