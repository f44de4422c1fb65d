#!/bin/sh
# verify.sh MODEL W-A/GRANULARITY: what quantizing the layers of a finished cell does to the detector, measured: verify.json beside
# its scores, and its report again. A cell that was measured from these very inputs is left alone.
# Environment: VERIFY_LIST, VERIFY_IMAGES, SEARCH, REACH, SHARDS; SHARD, 2/4: only a part of the layers, for the process that makes the
# result.
cd "$TOP" || exit 1
# shellcheck source=mk/lib.sh
. "${YS}mk/lib.sh"
# shellcheck source=mk/step/run-tool.sh
. "${YS}mk/step/run-tool.sh"

unmeasured() { # WHY
    # Why a part failed, the process that has to measure it will find out.
    [ -z "$SHARD" ] || exit 0
    note "$model $stem: not measured: $1"
    echo "$model/$stem" >>"$TMPDIR/unmeasured"
    exit 1
}

model=$1 stem=$2 out=$RUN/outputs/$1/$2
[ -s "$out/scores.json" ] && [ -s "$out/status.json" ] || exit 0 # the sweep has said why
for file in "$RUN/work/calib.bin" "$RUN/work/amax/$model.json"; do
    [ -s "$file" ] || unmeasured "$(tail -n 1 "${file%.*}.err")"
done
read -r sum checkpoint <"$RUN/work/model/$model"
why=$TMPDIR/$$.why
before=$(cksum "$out/verify.json" 2>/dev/null)
mkdir -p "$RUN/work/state/$model" "$RUN/work/failed/$model/${stem%/*}" || exit 1
show_words=on_success # why it failed is told with the cell
set -- --list "$VERIFY_LIST"
[ -n "$VERIFY_LIST" ] || set -- --list "$IMAGE_LIST" --last
if [ -n "$SHARD" ]; then
    set -- "$@" --shard "$SHARD"
elif [ "${SHARDS:-1}" -ne 1 ]; then
    set -- "$@" --shards "$SHARDS"
fi
launch_tool "$model $stem${SHARD:+ part $SHARD}" "$why" "$out/verify.json" "$BIN/damage-measure" --model "$checkpoint" --sha256 "$sum" --name "$model" ${fold:+--fold} \
    --calib "$RUN/work/calib.bin" --amax "$RUN/work/amax/$model.json" --scores "$out/scores.json" \
    "$@" --count "$VERIFY_IMAGES" --search "$SEARCH" --reach "$REACH" --batch-size "$BATCH_SIZE" --device "$DEVICE" --threads "$THREADS" --state "$RUN/work/state/$model" --update \
    -o "$out/verify.json" "$RUN/work/qcfg/${stem%/*}-${stem#*/}.json"
# Of one that was killed the first line says so; else the last one is the reason.
[ "$status" -eq 0 ] || unmeasured "$(if [ "$status" -gt 128 ]; then head -n 1 "$why"; else tail -n 1 "$why" | sed 's/^damage-measure: //'; fi)"
[ -n "$SHARD" ] || [ "$(cksum "$out/verify.json")" = "$before" ] || { "${YS}mk/step/report.sh" "$model" "$stem" && "${YS}mk/step/record.sh" "$model/$stem"; }
