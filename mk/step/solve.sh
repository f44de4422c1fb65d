#!/bin/sh
# solve.sh MODEL W-A/GRANULARITY...: recipe.json of those of these cells that have scores, in one process.
cd "$TOP" || exit 1
# shellcheck source=mk/lib.sh
. "${YS}mk/lib.sh"
# shellcheck source=mk/step/run-tool.sh
. "${YS}mk/step/run-tool.sh"

model=$1
shift
cells='' stems=''
for stem in "$@"; do
    out=$RUN/outputs/$model/$stem
    [ -s "$out/scores.json" ] || continue
    stems="$stems $stem" cells="$cells $out/scores.json=$out/recipe.json"
done
[ -n "$cells" ] || exit 0
for cell in $cells; do
    remove "${cell#*=}"
done
pass=$TMPDIR/$$
# Names hold no spaces. EFFECTIVE_BITS is what was asked for: a limit that nobody named is raised to what the formats need.
# shellcheck disable=SC2086
{
    run_tool "$model" "$pass" /dev/null "$BIN/recipe-solve" ${MODELOPT:+--modelopt "$MODELOPT"} ${EFFECTIVE_BITS:+--effective-bits "$EFFECTIVE_BITS"} $cells
    share_reasons recipe-solve recipe.json "$pass" "$model" $stems
}
