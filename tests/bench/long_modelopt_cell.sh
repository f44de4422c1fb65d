#!/bin/sh
# A cell by ModelOpt over the network that bench-modelopt builds has the reference's scores, and the state file that ModelOpt resumes from.
. tests/bench/with_modelopt.sh
"${BUILD:-build}/bin/model-dump" -o "$tmp/dump.json" "$checkpoint" || exit 1
"$PYTHON" -B bench/modelopt/cell.py --dump "$tmp/dump.json" --checkpoint "$checkpoint" --list calib/quant100.txt \
    --weight int8 --act int8 --granularity per_layer -o "$tmp/cell" 2>"$tmp/err" || { tail -n 20 "$tmp/err"; exit 1; }
jq -rn --slurpfile ours "$tmp/cell/scores.json" --slurpfile ref tests/reference/yolov10n/int8-int8/per_layer.json --arg cell int8-int8/per_layer \
    -f tests/exec/parity.jq
for file in autoquant_state.pt quant_manifest.json; do
    if [ -s "$tmp/cell/yolov10n_wint8_aint8_per_layer_$file" ]; then echo "ok - $file"; else echo "not ok - $file"; fi
done
