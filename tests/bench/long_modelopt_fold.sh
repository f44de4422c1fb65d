#!/bin/sh
# ModelOpt's scores of the network that torch folded (bench/modelopt/folded.py) are those of sens-score --fold.
. tests/bench/with_modelopt.sh
bin=${BUILD:-build}/bin
"$bin/model-dump" -o "$tmp/dump.json" "$checkpoint" &&
    "$bin/calib-prep" --list calib/quant100.txt --count 10 --size 192 -o "$tmp/calib" || exit 1
for cell in int8-int8/per_channel_weight int8-fp8/per_channel int4-fp16/per_layer; do
    weight=${cell%%-*} act=${cell#*-}
    "$PYTHON" -B bench/modelopt/cell.py --fold --dump "$tmp/dump.json" --checkpoint "$checkpoint" --list calib/quant100.txt \
        --calib 10 --size 192 --score 3 --threads 1 --weight "$weight" --act "${act%/*}" --granularity "${cell#*/}" -o "$tmp/$cell" 2>"$tmp/err" || { tail -n 20 "$tmp/err"; exit 1; }
    "$bin/qcfg-build" --weight "$weight" --act "${act%/*}" --granularity "${cell#*/}" -o "$tmp/q.json" &&
        "$bin/sens-score" --fold --device cpu --model "$checkpoint" --calib "$tmp/calib" --score-size 3 "$tmp/q.json" -o "$tmp/ours.json" || exit 1
    jq -rn --slurpfile ours "$tmp/ours.json" --slurpfile ref "$tmp/$cell/scores.json" --arg cell "folded $cell" -f tests/exec/parity.jq
done
