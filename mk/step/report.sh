#!/bin/sh
# report.sh MODEL W-A/GRANULARITY...: state file, manifest and reports of those of these cells that have scores and a recipe,
# in one process.
cd "$TOP" || exit 1
. mk/lib.sh
. mk/step/run-tool.sh

model=$1 last=$("$BIN/report-gen" --list | tail -n 1)
shift
folders='' stems=''
for stem in "$@"; do
    out=$RUN/outputs/$model/$stem
    [ -s "$out/scores.json" ] && [ -s "$out/recipe.json" ] || continue
    remove "$out/$last"
    stems="$stems $stem" folders="$folders $out"
done
[ -n "$folders" ] || exit 0
pass=$TMPDIR/$$
quiet=1 # sens-score's step has said what there is to say of the model
# Names hold no spaces.
# shellcheck disable=SC2086
{
    run_tool "$model" "$pass" /dev/null "$BIN/report-gen" --run "$RUN/run.json" $folders
    share_reasons report-gen "$last" "$pass" "$model" $stems
}
