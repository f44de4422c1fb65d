#!/bin/sh
# report.sh MODEL W-A/GRANULARITY...: state file, manifest and reports of those of these cells that have scores and a recipe,
# in one process.
cd "$TOP" || exit 1
# shellcheck source=mk/lib.sh
. "${YS}mk/lib.sh"
# shellcheck source=mk/step/run-tool.sh
. "${YS}mk/step/run-tool.sh"

model=$1 last=$("$BIN/report-gen" --list | tail -n 1)
shift
folders='' stems=''
for stem in "$@"; do
    out=$RUN/outputs/$model/$stem
    [ -s "$out/scores.json" ] && [ -s "$out/recipe.json" ] || continue
    remove "$out/$last"
    # What was measured says of which scores it is.
    if [ -s "$out/verify.json" ]; then
        digest=$(sed -n 's/^ *"digest": "\(.*\)".*/\1/p' "$out/scores.json")
        if [ -n "$digest" ] && ! grep -qF "\"scores\": \"$digest\"" "$out/verify.json"; then
            note "$model $stem: verify.json is of other scores, and goes; make verify measures again"
            remove "$out/verify.json"
        fi
    fi
    stems="$stems $stem" folders="$folders $out"
done
[ -n "$folders" ] || exit 0
pass=$TMPDIR/$$
show_words=on_failure # sens-score's step has said what there is to say of the model
# Names hold no spaces.
# shellcheck disable=SC2086
{
    run_tool "$model" "$pass" /dev/null "$BIN/report-gen" --run "$RUN/run.json" $folders
    share_reasons report-gen "$last" "$pass" "$model" $stems
}
