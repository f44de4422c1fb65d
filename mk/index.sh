#!/bin/sh
# index.sh RUN: sweep_index.json, sweep_index.csv, failures.json and index.html from the cells that the run holds. Files that would
# hold the same bytes are left alone, and no cell is read when none of these, nor a cell, nor the page's source has changed since.
# Environment: TOP_K, DTYPES, and RUN again.
. mk/lib.sh

run=$1
files='sweep_index.json sweep_index.csv failures.json index.html'
statuses=$(find "$run/outputs" -mindepth 4 -maxdepth 4 -name status.json -size +0 | sort)
stamp=$run/work/top_k
if [ -f "$stamp" ] && [ "$(head -n 1 "$stamp")" = "$TOP_K" ] &&
    tail -n +2 "$stamp" | (cd "$run" && sha256sum -c --status 2>/dev/null) &&
    [ -z "$(find "$run/outputs" mk/page mk/*.jq mk/index.sh -newer "$stamp" -type f \( -path 'mk/*' -o -name status.json \))" ]; then
    exit 0
fi
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
work=$(mktemp -d) || exit 1

# A sweep that begins now is not to take our temporary files for those of a killed one.
exec 7<"$run"
flock -n -s 7

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
jq -L mk -n -r -f mk/index.jq --slurpfile statuses "$work/statuses" --slurpfile scores "$work/cells" --slurpfile run "$run/run.json" >"$work/all" ||
    die 1 "$run: a status.json cannot be read; make sweep makes it anew"
folder="$work" awk '/^\036/ { out = ENVIRON["folder"] "/" substr($0, 2); next } { print >out }' "$work/all" &&
    data="$work/data" awk -f mk/page/build.awk mk/page/page.html >"$work/index.html" || die 1 "$run: the page cannot be made"
set --
for file in $files; do
    set -- "$@" "$work/$file=$run/$file"
done
"$BIN/file-put" "$@" || exit 1
# shellcheck disable=SC2086
{ echo "$TOP_K" && (cd "$run" && sha256sum $files); } >"$work/stamp" || die 1 "$run: cannot be read"
put "$stamp" <"$work/stamp"
touch -r "$work/began" "$stamp"
