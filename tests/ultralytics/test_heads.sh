#!/bin/sh
# Networks that make more than boxes, from checkpoint to keep list and ONNX file: PyPI's ultralytics' Segment, Pose and OBB, and YOLO26's.
. tests/checks.sh
shared=$(mktemp -d) || exit 1
log=$shared/err
trap 'rm -rf "$shared" "tmp/heads-$$"' EXIT
bin=${BUILD:-build}/bin
make -j2 verify BIN="$bin" SUBDIR="heads-$$" MODELS="$(ls tests/ultralytics/tiny-segment*.pt tests/ultralytics/tiny-pose*.pt tests/ultralytics/tiny-obb*.pt | tr '\n' ' ')" WEIGHT_DTYPES=int8 ACT_DTYPES=int8 \
    GRANULARITIES=per_channel_weight IMGSZ=64 CALIB_IMAGES=10 SCORE_SIZE=2 VERIFY_IMAGES=2 FOLD=1 >"$shared/out" 2>"$shared/err"
run=tmp/heads-$$/latest
for model in tiny-segment tiny-segment26 tiny-pose tiny-pose26 tiny-obb tiny-obb26; do
    case $model in *segment*) task=segment more=masks ;; *pose*) task=pose more=points ;; *) task=obb more=angles ;; esac
    cell=$run/outputs/$model/int8-int8/per_channel_weight scores=$run/outputs/$model/int8-int8/per_channel_weight/scores.json
    ok "$model: every layer is scored" jq -e '.fold and ([.layers[].score | select(. > 0)] | length) == (.layers | length)' "$scores"
    [ $task != segment ] || ok "$model: the transposed convolution as torch has it" jq -e --arg node /model.11/proto/upsample/ConvTranspose \
        '.layers["model.11.proto.upsample"] | .weight_shape[2:] == [2, 2] and .node == $node' "$scores"
    ok "$model: its $more are measured too" jq -e --arg task $task --arg more $more '.task == $task and .more_loss_of == [$more] and
        ([.layers[].more_loss | select(. >= 0)] | length) == (.layers | length) and (.all_quantized.more_loss | . >= 0 and . < 1)' "$cell/verify.json"
    ok "$model: what makes them alone has no other damage" jq -e '[.layers | to_entries[] | select(.key | test("cv4|proto")) | .value.class_kl] | max == 0' "$cell/verify.json"
    ok "$model: it is exported, quantized" make export BIN="$bin" SUBDIR="heads-$$" MODEL="tests/ultralytics/$model.pt" W=int8 A=int8 G=per_channel_weight KEEP=5 \
        IMGSZ=64 CALIB_IMAGES=10 SCORE_SIZE=2 FOLD=1
    file=$(find "$run/outputs/$model/" "$run/" -name '*.onnx' | head -n 1)
    [ $task = obb ] || ok "$model: the rank by boxes says what it does not see" sh -c "$bin/keep-list --scores $scores --keep 5 --target plain --rank box -o $shared/list 2>&1 | grep -q 'no part in classes and boxes'"
    ok "$model: keep-list finds every node in it" "$bin/keep-list" --scores "$scores" --keep 100% --target onnxruntime --rank modelopt --onnx "$file" -o "$shared/list"
    [ $task != segment ] || ok "$model: the transposed convolution among them" grep -q /model.11/proto/upsample/ConvTranspose "$shared/list"
    rm -f "$file"
done
