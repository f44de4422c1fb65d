#!/bin/sh
# amax.sh MODEL: RUN/work/amax/MODEL.json, and where RUN/work/calib.bin is missing, that too, from the images that calib-stats is
# given meanwhile. What went wrong is left in RUN/work/amax/MODEL.err. Environment: SHARD, 2/4: only the maxima of a part of the images, for
# the process that joins them.
cd "$TOP" || exit 1
# shellcheck source=mk/lib.sh
. "${YS}mk/lib.sh"
# shellcheck source=mk/step/run-tool.sh
. "${YS}mk/step/run-tool.sh"
# shellcheck source=mk/step/images.sh
. "${YS}mk/step/images.sh"

model=$1
err=$RUN/work/amax/$model.err calib=$RUN/work/calib.bin result=$RUN/work/amax/$model.json
[ -z "$SHARD" ] || err=$TMPDIR/$$.err result=/dev/null
rm -f "$err"
if [ ! -s "$calib" ] && [ -e "$RUN/work/calib.err" ]; then
    cat "$RUN/work/calib.err" >"$err"
    exit 0
fi
read -r sum checkpoint <"$RUN/work/model/$model"
mkdir -p "$RUN/work/state/$model" || exit 1
note "$model: calibrating on $(jq '.images | length' "$RUN/run.json") images${SHARD:+, part $SHARD}"
[ -s "$calib" ] || feed_images "$calib"
launch_tool "$model${SHARD:+ part $SHARD}" "$err" "$result" "$BIN/calib-stats" --model "$checkpoint" --sha256 "$sum" ${fold:+--fold} --calib "$([ -n "$feed" ] && echo - || echo "$calib")" \
    --batch-size "$BATCH_SIZE" --device "$DEVICE" --threads "$THREADS" --state "$RUN/work/state/$model" ${SHARD:+--shard "$SHARD"} -o "$result"
[ -s "$calib" ] || mv -f "$feed.err" "$RUN/work/calib.err"
# Why a part failed, the process that has to calibrate it will find out.
[ -z "$SHARD" ] || rm -f "$err"
