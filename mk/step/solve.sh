#!/bin/sh
# solve.sh MODEL W-A/GRANULARITY: recipe.json of a cell that has scores.
cd "$TOP" || exit 1
. mk/lib.sh
. mk/step/run-tool.sh

out=$RUN/outputs/$1/$2
[ -s "$out/scores.json" ] || exit 0
run_tool "$RUN/work/failed/$1/$2" "$out/recipe.json" "$BIN/recipe-solve" "$out/scores.json" -o "$out/recipe.json"
