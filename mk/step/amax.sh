#!/bin/sh
# amax.sh MODEL: RUN/work/amax/MODEL.json, and where RUN/work/calib.bin is missing, that too, from the images that calib-stats is
# given meanwhile. What went wrong is left in RUN/work/amax/MODEL.err.
cd "$TOP" || exit 1
. mk/lib.sh
. mk/step/run-tool.sh
. mk/step/images.sh

model=$1
err=$RUN/work/amax/$model.err calib=$RUN/work/calib.bin
rm -f "$err"
if [ ! -s "$calib" ] && [ -e "$RUN/work/calib.err" ]; then
    cat "$RUN/work/calib.err" >"$err"
    exit 0
fi
read -r sum checkpoint <"$RUN/work/model/$model"
mkdir -p "$RUN/work/state/$model" || exit 1
note "$model: calibrating on $(jq '.images | length' "$RUN/run.json") images"
[ -s "$calib" ] || feed_images "$calib"
launch_tool "$model" "$err" "$RUN/work/amax/$model.json" "$BIN/calib-stats" --model "$checkpoint" --sha256 "$sum" ${fold:+--fold} --calib "$([ -n "$feed" ] && echo - || echo "$calib")" \
    --batch-size "$BATCH_SIZE" --device "$DEVICE" --threads "$THREADS" --state "$RUN/work/state/$model" -o "$RUN/work/amax/$model.json"
[ -s "$calib" ] || mv -f "$feed.err" "$RUN/work/calib.err"
