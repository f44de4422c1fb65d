#!/bin/sh
# A cell that is swept, measured, and swept again, through the real tools: what was measured shows in its report and in the run's index,
# and goes when its scores are others.
. tests/sandbox.sh
ln -s "$here/calib" .
bin=$here/${BUILD:-build}/bin run=tmp/measured/latest
cell=$run/outputs/yolov10n/int4-int8/per_channel_weight
sweep() {
    make BIN="$bin" sweep MODELS=yolov10n MODEL_DIR="$here/tests/models" WEIGHT_DTYPES=int4 ACT_DTYPES=int8 GRANULARITIES=per_channel_weight INT4_PRESET=axis \
        IMGSZ=64 CALIB_IMAGES=10 SCORE_SIZE=2 SUBDIR=measured >out 2>err
    status=$?
}
again() { # makes the report anew
    rm "$cell/layer-sensitivity-report.json"
    sweep
}
told() { grep -c 'AP agreement' "$cell/layer-sensitivity-report.md"; }
indexed() { jq -c '[.successes[].verify.images]' "$run/sweep_index.json"; }

sweep
equal "a sweep: nothing was measured" "$status $(told) $(indexed)" "0 0 [null]"
sed -n '21,24s|^|calib/|p' calib/quant100.txt >more.txt
ok "it is measured" "$bin/damage-measure" --model "$checkpoint" --calib "$run/work/calib.bin" --amax "$run/work/amax/yolov10n.json" \
    --list more.txt --scores "$cell/scores.json" "$run/work/qcfg/int4-int8-per_channel_weight.json" -o "$cell/verify.json"
again
equal "the report is made again with it, and the index" "$status $(told | sed 's/[1-9]/some/') $(indexed)" "0 some [4]"
equal "every layer's numbers are there" "$(jq --slurpfile v "$cell/verify.json" '[.layer_sensitivity[] | select(.exported)] |
    length == ($v[0].layers | length) and all(.class_kl == $v[0].layers[.layer].class_kl and .box_loss == $v[0].layers[.layer].box_loss)' \
    "$cell/layer-sensitivity-report.json")" true
ok "on which images too" grep -q 'Measured on 4 images (`more.txt`); none was calibrated on; none was scored on' "$cell/layer-sensitivity-report.md"
sweep
equal "a sweep with nothing to do leaves it" "$status $(told | sed 's/[1-9]/some/') $(indexed)" "0 some [4]"
jq '.sets[0].by = "A|B" | del(.digest)' "$cell/verify.json" >odd
cp "$cell/verify.json" good
cp odd "$cell/verify.json"
again
equal "one that cannot be believed fails the cell, and says why" "$status $(grep -c 'verify.json: set 1: "by" is no word of small letters; make it again' err)" "2 1"
jq '.digests.scores = "00" | del(.digest)' good >"$cell/verify.json"
sweep
equal "one of other scores goes" "$status $(told) $(indexed) $(find "$cell" -name 'verify*' | wc -l)" "0 0 [null] 0"
ok "and that is said" grep -q 'yolov10n int4-int8/per_channel_weight: verify.json is of other scores, and goes; make verify measures again' err
exit $failed
