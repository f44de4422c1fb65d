#!/bin/sh
# amax.sh MODEL: RUN/work/amax/MODEL.json. What went wrong is left in RUN/work/amax/MODEL.err.
cd "$TOP" || exit 1
. mk/lib.sh
. mk/step/run-tool.sh

model=$1
err=$RUN/work/amax/$model.err
rm -f "$err"
if [ ! -s "$RUN/work/calib.bin" ]; then
    cat "$RUN/work/calib.err" >"$err"
    exit 0
fi
read -r sum checkpoint <"$RUN/work/model/$model"
mkdir -p "$RUN/work/state/$model" || exit 1
note "$model: calibrating on $(jq '.images | length' "$RUN/run.json") images"
run_tool "$model" "$err" "$RUN/work/amax/$model.json" "$BIN/calib-stats" --model "$checkpoint" --sha256 "$sum" --calib "$RUN/work/calib.bin" \
    --batch-size "$BATCH_SIZE" --device "$DEVICE" --threads "$THREADS" --state "$RUN/work/state/$model" -o "$RUN/work/amax/$model.json"
