#!/bin/sh
# index.sh RUN: sweep_index.json, sweep_index.csv, failures.json and index.html from the cells that the run holds. Files that would
# hold the same bytes are left alone, and nothing is read when neither a cell nor the page's source has changed since.
# Environment: TOP_K, and RUN again.
. mk/lib.sh

run=$1
statuses=$(find "$run/outputs" -mindepth 4 -maxdepth 4 -name status.json -size +0 | sort)
stamp=$run/work/top_k
made=1
for file in sweep_index.json sweep_index.csv failures.json index.html; do
    [ -f "$run/$file" ] || made=
done
if [ -n "$made" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$TOP_K" ] &&
    [ -z "$(find "$run/outputs" mk/page mk/*.jq mk/index.sh -newer "$stamp" -type f \( -path 'mk/*' -o -name status.json \))" ]; then
    exit 0
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

touch "$work/began"
printf '%s\n' "$statuses" | while read -r status; do
    [ -n "$status" ] || continue
    scores=${status%status.json}scores.json
    [ ! -s "$scores" ] || printf '%s\n' "$scores"
done >"$work/scores"
[ -z "$statuses" ] || printf '%s\n' "$statuses" | xargs cat >"$work/statuses"
[ -n "$statuses" ] || : >"$work/statuses"

# Most of an index's time is the reading of its scores: some at a time, side by side.
split -l 12 "$work/scores" "$work/part."
for part in "$work"/part.*; do
    [ -s "$part" ] || continue
    { xargs jq -n -c --argjson k "$TOP_K" -f mk/index-scores.jq <"$part" >"$part.cells" || : >"$work/unread"; } &
done
wait
[ ! -e "$work/unread" ] || die 1 "$run: a scores.json cannot be read; make sweep makes it anew"
[ ! -s "$work/scores" ] || cat "$work"/part.*.cells >"$work/cells"
[ -e "$work/cells" ] || : >"$work/cells"
jq -L mk -n -f mk/index.jq --slurpfile statuses "$work/statuses" --slurpfile scores "$work/cells" >"$work/index" ||
    die 1 "$run: a status.json cannot be read; make sweep makes it anew"
# A < in the data could end the script element, or open a comment in it.
jq -L mk -n -c -f mk/page/data.jq --slurpfile index "$work/index" --slurpfile scores "$work/cells" --slurpfile run "$run/run.json" |
    sed 's/</\\u003c/g' >"$work/data"
[ -s "$work/data" ] && awk -v data="$work/data" -f mk/page/build.awk mk/page/page.html >"$work/page" || die 1 "$run: the page cannot be made"
put_if_changed "$run/sweep_index.json" <"$work/index"
jq -L mk -r -f mk/index-csv.jq "$work/index" | put_if_changed "$run/sweep_index.csv"
jq .failures "$work/index" | put_if_changed "$run/failures.json"
put_if_changed "$run/index.html" <"$work/page"
echo "$TOP_K" | put "$stamp"
touch -r "$work/began" "$stamp"
