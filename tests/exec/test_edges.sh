#!/bin/sh
# Numbers at the edge (doc/numbers.md): the network of tests/models with values in it that no training leaves, through the real tools
# in every cell. What is defined has finite scores and the zeros that it should have; what is not is one line that names the layer,
# and no result.
. tests/fixture.sh
build=$PWD/${BUILD:-build} top=$PWD
bin=$build/bin
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
check() { # WHAT COMMAND...
    said=$1
    shift
    if "$@" >"$dir/out" 2>&1; then echo "ok - $said"; else
        echo "not ok - $said: $*"
        sed 's/^/#   /' "$dir/out" "$dir/err" 2>/dev/null | head -n 12
    fi
}

# Cells of every format, granularity, preset and way to block.
cells=
for pair in int4-int4 int4-fp16 int8-int8 fp4-fp4 fp8-fp8; do
    for how in 'per_layer nvfp4 modelopt' 'per_channel nvfp4 modelopt' 'per_layer mxfp4 reduction'; do
        # shellcheck disable=SC2086
        set -- $how
        "$bin/qcfg-build" -w ${pair%-*} -a ${pair#*-} -g "$1" --fp4-preset "$2" --block-dim "$3" -o "q-$pair-$1-$2" 2>/dev/null &&
            cells="$cells q-$pair-$1-$2=s-$pair-$1-$2"
    done
done
check "cells: $(echo "$cells" | wc -w)" test "$(echo "$cells" | wc -w)" -eq 12

edit() { # EDIT...: e.pt
    "$build/test/pt/edit_checkpoint" "$checkpoint" e.pt "$@" || exit 1
}
# The tools one after the other on e.pt; the status of the one that fails, its words in err.
tools() {
    rm -f amax s-*
    # shellcheck disable=SC2086
    "$bin/calib-stats" -m e.pt -c "${calib:-calib}" -o amax 2>err &&
        "$bin/sens-score" -m e.pt -c "${calib:-calib}" -a amax -n "${images:-1}" $cells 2>err
}
scored() { # WHAT CONDITION EDIT...: CONDITION is jq's, of one cell's layers
    what=$1 condition=$2
    shift 2
    [ $# -eq 0 ] || edit "$@"
    tools
    check "$what: every cell is scored" test "$?/$(ls s-* | wc -l)/$(wc -l <err)" = "0/$(echo "$cells" | wc -w)/0"
    check "$what: no NaN, no infinity" sh -c "! grep -lwiE 'nan|inf|infinity' s-* amax"
    check "$what: numbers of at least zero, and $condition" jq -n -e "[inputs.layers] | length > 0 and
        all(.[]; all(.[].score; type == \"number\" and . >= 0 and . < 3.5e38) and ($condition))" s-*
}
refused() { # WHAT WORDS EDIT...
    what=$1 words=$2
    shift 2
    edit "$@"
    tools
    check "$what: status 1, one line" test "$?/$(wc -l <err)" = 1/1
    check "$what: \"$words\"" grep -q -e "$words" err
    check "$what: no result" sh -c '! ls s-* 2>/dev/null'
}
zeros='[to_entries[] | select(.value.score == 0).key]'
"$bin/calib-prep" --list "$top/calib/quant100.txt" --count 10 --size 64 -o calib || exit 1

# --- weights
for value in nan inf -inf; do
    case $value in nan) kind=NaN ;; *) kind='an infinity' ;; esac
    refused "a weight of $value" "e.pt: model.3.conv.weight: holds $kind" at model.3.conv.weight 5 $value
    refused "a shift of $value" "e.pt: model.3.bn.bias: holds $kind" at model.3.bn.bias 5 $value
done
refused "a variance below zero" 'model.3.bn.running_var: -1 in channel 5 is no variance' at model.3.bn.running_var 5 -1
scored "a variance of zero" '.["model.3.conv"].score > 0' set model.3.bn.running_var 0
scored "a layer of zero weights" '.["model.0.conv"].score == 0 and .["model.1.conv"].score > 0' set model.0.conv.weight 0
scored "nothing but zero weights" "$zeros == keys_unsorted" set '*.weight' 0
scored "subnormal weights" '.["model.0.conv"].score > 0' set 'model.23.cv3.0.2.weight' 6e-8
check "which integer formats take for zero: an error, not none" jq -e '.layers["model.23.cv3.0.2"].score > 0' s-int8-int8-per_layer-nvfp4
scored "a channel that is always zero" '.["model.1.conv"].score > 0' at model.0.bn.weight 3 0 at model.0.bn.bias 3 0
check "its amax is zero" jq -e '.layers["model.1.conv"].input.channels[3] == 0' amax

# --- images
pixel() { # NAME BASE64: ten images that are one color
    echo "$2" | base64 -d >"$1.png"
    for _ in 0 1 2 3 4 5 6 7 8 9; do echo "$1.png"; done >"$1.txt"
    "$bin/calib-prep" --list "$1.txt" --count 10 --size 64 -o "$1" || exit 1
}
pixel black iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAADElEQVR42mNgoA4AAABIAAEQRe/SAAAAAElFTkSuQmCC
pixel white iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAADklEQVR42mP4DwUMlDEA98A/wa9cD80AAAAASUVORK5CYII=
cp "$checkpoint" e.pt
calib=black
scored "black images" '.["model.0.conv"].score == 0 and .["model.1.conv"].score > 0'
check "the amax of what they feed is zero" jq -e '.layers["model.0.conv"].input.amax == 0' amax
calib=white
scored "white images" '.["model.1.conv"].score > 0'
calib=

# --- overflow
refused "an activation that overflows" 'images/000000000009.jpg: model.[0-9a-z._]*: its input is not finite during calibration' \
    set '*.bn.weight' 65504
refused "an output that overflows" 'score step 1: model.23.cv3.0.2: its output is not finite' \
    set 'model.23.cv3.0.?.?.bn.weight' 65504 set 'model.23.cv3.0.1.?.conv.weight' 65504 set model.23.cv3.0.2.weight 65504
edit set 'model.23.cv2.*.2.weight' 65504 set 'model.23.cv2.*.bn.weight' 65504
tools
check "gradients that overflow: status 1, no result" sh -c "[ $? -eq 1 ] && ! ls s-*"
check "a line for each cell, which names a layer, and their number" test \
    "$(grep -c '^sens-score: s-[a-z0-9_-]*: the score of model[0-9a-z._]* is not finite' err)/$(tail -n 1 err)" = \
    "$(echo "$cells" | wc -w)/sens-score: $(echo "$cells" | wc -w) of $(echo "$cells" | wc -w) cells failed"

# Scores around float32's largest number: some cells have them and some do not.
edit set model.23.one2one_cv3.0.2.weight 65504 set model.23.one2one_cv3.0.1.1.bn.weight 23000
cp e.pt large.pt
images=4
tools
check "scores that overflow in some cells: status 1" test $? -eq 1
check "those have a line, the others a result" test "$(($(grep -c 'is not finite' err) + $(ls s-* | wc -l)))" -eq "$(echo "$cells" | wc -w)"
check "$(grep -c 'is not finite' err) of the one, $(ls s-* | wc -l) of the other" test -s s-int8-int8-per_layer-nvfp4 -a ! -e s-int4-int4-per_layer-nvfp4
check "results are whole and finite" jq -e '[.layers[].score] | length == 108 and max < 3.5e38' s-int8-int8-per_layer-nvfp4
images=

# --- every level of the processor agrees on what is zero and what is refused
for level in baseline avx2; do
    export YOLOSENS_CPU=$level
    if "$bin/calib-stats" -m e.pt -c /dev/null 2>&1 | grep -q 'this machine has no'; then
        echo "# skip $level: this machine has none"
        continue
    fi
    calib=black
    cp "$checkpoint" e.pt
    scored "$level, black images" '.["model.0.conv"].score == 0 and .["model.1.conv"].score > 0'
    calib=
    scored "$level, nothing but zero weights" "$zeros == keys_unsorted" set '*.weight' 0
    cp large.pt e.pt
    images=4
    tools
    check "$level, scores that overflow" test "$?" -eq 1 -a -s s-int8-int8-per_layer-nvfp4 -a ! -e s-int4-int4-per_layer-nvfp4
    images=
done
unset YOLOSENS_CPU

# --- in a sweep: a failed cell that says why, and JSON without a NaN
cd "$top" || exit 1
mkdir -p tmp && sub=$(mktemp -d tmp/edges.XXXXXX) || exit 1
trap 'rm -rf "$dir" "$sub"; rmdir tmp 2>/dev/null' EXIT
env -u MAKEFLAGS make sweep BIN="$bin" SUBDIR="${sub#tmp/}" MODELS="$dir/large.pt" WEIGHT_DTYPES='int4 int8' ACT_DTYPES='int4 int8' GRANULARITIES=per_layer \
    IMGSZ=64 CALIB_IMAGES=10 SCORE_SIZE=4 >"$dir/out" 2>"$dir/err"
status=$? run=$sub/latest
cp "$dir/out" "$dir/said"
check "a sweep over it: $(cut -d: -f1 "$dir/said")" test "$status/$(cut -d: -f1 "$dir/said")" = "2/2 ok, 0 unsupported, 2 failed"
check "the reason names the layer" jq -e '.failures[0].error | test("the score of model[0-9a-z._]+ is not finite")' "$run/sweep_index.json"
check "in the log too" grep -q '^\[ERROR\] the score of model' "$run/logs/large/int4-int4/per_layer.log"
check "and in the page" grep -q 'the score of model[0-9a-z._]* is not finite' "$run/index.html"
check "the failed cell has no scores" test ! -e "$run/outputs/large/int4-int4/per_layer/scores.json"
check "no JSON of the run holds a NaN" sh -c "! find '$run/' -name '*.json' -exec grep -lwiE 'nan|infinity' {} + | grep ."
