#!/bin/sh
# report.sh MODEL W-A/GRANULARITY: state file, manifest and reports of a cell that has scores and a recipe.
cd "$TOP" || exit 1
. mk/lib.sh
. mk/step/run-tool.sh

out=$RUN/outputs/$1/$2
[ -s "$out/scores.json" ] && [ -s "$out/recipe.json" ] || exit 0
quiet=1 # sens-score's step has said what there is to say of the model
run_tool "$RUN/work/failed/$1/$2" "$out/layer-sensitivity-report.json" "$BIN/report-gen" --scores "$out/scores.json" \
    --recipe "$out/recipe.json" --run "$RUN/run.json" -o "$out"
