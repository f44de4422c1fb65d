#!/bin/sh
# The grid on a GPU: parity with the reference and with the CPU, the same bytes on every run, little memory, words.
. tests/fixture.sh
bin=${BUILD:-build}/bin
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
ok() { echo "ok - $*"; }
bad() { echo "not ok - $*"; }
model=$checkpoint
"$bin/calib-prep" --list calib/quant100.txt -o "$dir/calib" || exit 1
DEVICE=cuda tests/exec/parity.sh $model tests/reference/yolov10n "$dir/calib" || bad "yolov10n: exit $?"
for m in yolov10s yolov10m; do
    if [ -r "$SHARED/models/$m.pt" ] && [ -d "$SHARED/reference/$m" ]; then
        DEVICE=cuda tests/exec/parity.sh "$SHARED/models/$m.pt" "$SHARED/reference/$m" "$dir/calib" || bad "$m: exit $?"
    else
        echo "# skip $m: its checkpoint and reference scores are not here"
    fi
done

# Every cell of the grid, and of the other presets, on both.
cells() { # FOLDER
    for w in int4 int8 fp4 fp8; do for a in int4 int8 fp4 fp8 fp16; do for g in per_channel per_layer per_channel_weight; do
        for preset in '' '--fp4-preset mxfp4' '--int4-preset awq' '--int4-preset axis' '--block-dim reduction'; do
            # shellcheck disable=SC2086
            "$bin/qcfg-build" --weight $w --act $a --granularity $g $preset -o "$1/$w-$a-$g${preset##* }.q" 2>/dev/null ||
                rm -f "$1/$w-$a-$g${preset##* }.q"
        done
    done; done; done
}
mkdir "$dir/q"
cells "$dir/q"
score() { # DEVICE INTO [OPTION]...
    device=$1 into=$2
    shift 2
    mkdir -p "$dir/$into"
    for q in "$dir"/q/*.q; do set -- "$@" "$q=$dir/$into/$(basename "$q" .q).json"; done
    "$bin/sens-score" -m $model -c "$dir/calib" --device "$device" "$@" 2>"$dir/$into.err"
}
score cpu cpu || bad "on the CPU: $(cat "$dir/cpu.err")"
score cuda gpu || bad "on the GPU: $(cat "$dir/gpu.err")"
# mxfp4: a block's scale is a power of two, which one ulp of x can double. The detection objectives weigh few outputs, so that one
# value that is rounded the other way tells more. What is a billionth of the total is the rounding of two libraries.
n=0
for f in "$dir"/cpu/*.json; do
    n=$((n + 1))
    jq -n -r --slurpfile c "$f" --slurpfile g "$dir/gpu/$(basename "$f")" --arg cell "$(basename "$f" .json)" '
        ("score", "class_score", "box_score") as $key |
        ([$c[0].layers[][$key]] | add * 1e-9) as $tiny |
        ([$c[0].layers | to_entries[] | select(.value[$key] >= ([1e-12, $tiny] | max)) |
          (.value[$key] - $g[0].layers[.key][$key] | fabs) / .value[$key]] | sort) as $e |
        ($e[($e | length) / 2 | floor]) as $median | $e[-1] as $worst |
        (if ($cell | test("mxfp4")) then 3 else 1 end * (if $key == "score" then 1e-3 else 1e-2 end)) as $most |
        (if $median <= 5e-5 and $worst <= $most then "ok" else "not ok" end) +
        " - \($cell): CPU and GPU agree on \($key) of \($e | length) layers, median \($median), worst \($worst)"'
done
[ $n -gt 60 ] && ok "$n cells compared" || bad "only $n cells compared"
score cuda again && diff -r "$dir/gpu" "$dir/again" >/dev/null && ok "the same bytes again" || bad "other bytes on a second run"

# The other objectives change no byte of ModelOpt's scores.
score cuda alone --objectives modelopt
same=0
for f in "$dir"/gpu/*.json; do
    [ "$(jq -c '.layers | map_values(.score)' "$f")" = "$(jq -c '.layers | map_values(.score)' "$dir/alone/$(basename "$f")")" ] || same=1
done
[ $same -eq 0 ] && ok "ModelOpt's scores are the same without the others" || bad "ModelOpt's scores differ without the others"

# A card with little memory: smaller batches, the same bytes, and it is said.
YOLOSENS_CUDA_BYTES=2500000000 score cuda small && diff -r "$dir/gpu" "$dir/small" >/dev/null &&
    ok "the same bytes with 2.5 GB" || bad "other bytes with 2.5 GB: $(cat "$dir/small.err")"
grep -q "memory is short" "$dir/small.err" && ok "it says so: $(grep -m 1 "memory is short" "$dir/small.err")" || bad "silent about its small memory"
YOLOSENS_CUDA_BYTES=100000000 score cuda tiny && bad "100 MB are enough" || ok "100 MB: $(tail -n 1 "$dir/tiny.err")"
[ "$(wc -l <"$dir/tiny.err")" -eq 1 ] && [ -z "$(ls "$dir/tiny")" ] && ok "one line, nothing written" || bad "100 MB: more than one line, or files"

score cuda:77 none && bad "cuda:77 is there" || ok "cuda:77: $(cat "$dir/none.err")"
CUDA_VISIBLE_DEVICES='' score auto hidden -n 1 && grep -q "computing on the CPU" "$dir/hidden.err" && ok "auto without a GPU: $(cat "$dir/hidden.err")" ||
    bad "auto without a GPU: $(cat "$dir/hidden.err")"

# Several cards deal the images among themselves; a card that is named twice stands for two.
cards=$(nvidia-smi -L 2>/dev/null | grep -c '^GPU')
score cuda:0 one --score-size 40
for several in cuda:0,0 $([ "$cards" -lt 2 ] || echo cuda "cuda:1,0"); do
    score "$several" several --score-size 40 && diff -r "$dir/one" "$dir/several" >/dev/null &&
        ok "$several: the bytes of one card" || bad "$several: other bytes than one card's: $(cat "$dir/several.err")"
done
score "cuda:0," comma && bad "cuda:0, is a device" || ok "a list that ends too early: $(cat "$dir/comma.err")"
q=$dir/q/int8-int8-per_channel_weight.q
"$bin/calib-stats" -m $model -c "$dir/calib" --device cuda -o "$dir/amax" 2>/dev/null
measure() { # DEVICE INTO
    "$bin/damage-measure" -m $model -c "$dir/calib" -a "$dir/amax" --list calib/quant100.txt --count 40 --device "$1" -o "$dir/$2" "$q" 2>"$dir/$2.err"
}
measure cuda:0 one.damage && measure cuda:0,0 several.damage && cmp -s "$dir/one.damage" "$dir/several.damage" &&
    ok "damage: the bytes of one card" || bad "damage: other bytes than one card's: $(cat "$dir/one.damage.err" "$dir/several.damage.err")"

# The other families: small networks of all their module kinds, with one head and with two; and what makes more than boxes.
"$bin/calib-prep" --list calib/quant100.txt --count 16 --size 128 -o "$dir/calib128" 2>/dev/null
for family in tiny-one-head tiny-end2end tiny-segment tiny-segment26 tiny-pose tiny-pose26 tiny-obb tiny-obb26; do
    m=tests/ultralytics/$family.pt
    "$bin/calib-stats" -m "$m" -c "$dir/calib128" --device cpu -o "$dir/amax128" 2>/dev/null
    for cell in int8-int8-per_channel_weight int8-fp8-per_channel fp8-fp8-per_layer int4-fp16-per_layer; do
        for device in cpu cuda; do
            "$bin/sens-score" -m "$m" -c "$dir/calib128" -a "$dir/amax128" --device $device -o "$dir/$device.json" "$dir/q/$cell.q" 2>"$dir/err" ||
                bad "$family $cell: $(cat "$dir/err")"
            "$bin/damage-measure" -m "$m" -c "$dir/calib128" -a "$dir/amax128" --list calib/quant100.txt --count 4 --device $device -o "$dir/$device.damage" "$dir/q/$cell.q" 2>"$dir/err" ||
                bad "$family $cell: $(cat "$dir/err")"
        done
        # Weights of few bits lie on rounding's ties, so single layers are further apart.
        jq -n -r --slurpfile c "$dir/cpu.json" --slurpfile g "$dir/cuda.json" --slurpfile a "$dir/cpu.damage" --slurpfile b "$dir/cuda.damage" --arg what "$family $cell" '
            def median: sort | .[length / 2 | floor];
            def off($x; $y): ($x - $y | fabs) / $x;
            (("score", "class_score", "box_score") as $key |
             ([$c[0].layers | to_entries[] | select(.value[$key] > 1e-12) | off(.value[$key]; $g[0].layers[.key][$key])] | median) as $m |
             (if $m <= 1e-4 then "ok" else "not ok" end) + " - \($what): \($key) of CPU and GPU, median \($m)"),
            (([$a[0].layers | to_entries[] | select(.value.class_kl > 1e-6) | off(.value.class_kl; $b[0].layers[.key].class_kl)] | median) as $m |
             (if $m <= 2e-2 then "ok" else "not ok" end) + " - \($what): damage of layers, median \($m)")'
    done
done
