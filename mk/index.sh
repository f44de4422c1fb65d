#!/bin/sh
# index.sh RUN: sweep_index.json, sweep_index.csv and failures.json from the cells that the run holds. Files that would
# hold the same bytes are left alone, and nothing is read when no cell has changed since. Environment: TOP_K.
. mk/lib.sh

run=$1
statuses=$(find "$run/outputs" -mindepth 4 -maxdepth 4 -name status.json -size +0 | sort)
stamp=$run/work/top_k
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$TOP_K" ] && [ -f "$run/sweep_index.json" ] && [ -f "$run/sweep_index.csv" ] &&
    [ -f "$run/failures.json" ] && [ -z "$(find "$run/outputs" -newer "$run/work/top_k" -name status.json)" ]; then
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

# The layers of highest score of each cell; equal ones in the model's order.
{ [ ! -s "$work/scores" ] || xargs jq -c --argjson k "$TOP_K" '
    {key: (input_filename | ltrimstr($ENV.RUN + "/") | rtrimstr("/scores.json")),
     value: ([.layers | to_entries[] | {layer: .key, sensitivity: .value.score}] | sort_by(-.sensitivity) | .[:$k])}' \
    <"$work/scores"; } >"$work/top" || die 1 "$run: a scores.json cannot be read; make sweep makes it anew"
jq -n -f mk/index.jq --slurpfile statuses "$work/statuses" --slurpfile top "$work/top" >"$work/index" ||
    die 1 "$run: a status.json cannot be read; make sweep makes it anew"
put_if_changed "$run/sweep_index.json" <"$work/index"
jq -L mk -r -f mk/index-csv.jq "$work/index" | put_if_changed "$run/sweep_index.csv"
jq .failures "$work/index" | put_if_changed "$run/failures.json"
echo "$TOP_K" | put "$stamp"
touch -r "$work/began" "$stamp"
