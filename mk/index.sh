#!/bin/sh
# index.sh RUN: sweep_index.json, sweep_index.csv, failures.json, layers.csv and index.html from the cells that the run holds, and their reports as pages. Files that would
# hold the same bytes are left alone, and no cell is read when these, the cells' records and the page's source are those of the last
# time, by their digests.
# Environment: TOP_K, RANK_BY, DTYPES, GRANULARITY_WORDS, and RUN again.
# shellcheck source=mk/lib.sh
. "${YS}mk/lib.sh"

run=$1
files='sweep_index.json sweep_index.csv failures.json layers.csv index.html'
stamp=$run/work/index
# One at a time in a run: the one that comes later reads what there is then. A sweep that begins takes no file of ours for that of a
# killed one.
exec 7<"$run"
flock -x 7
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap 'exit 141' PIPE

# Folders may be symbolic links.
found=$(find -L "$run/outputs" -mindepth 2 -maxdepth 4 \( -name status.json -o -name verify.json -o -name layer-sensitivity-report.md -o -name pareto.json -o -name mixes.json \) -size +0 | sort)
called() { # NAME DEPTH: those that are so many folders below outputs/
    printf '%s\n' "$found" | grep -E "^.{${#run}}/outputs(/[^/]*){$2}/$1\$"
}
statuses=$(called status.json 3)
# Of the cells that were measured: their reports tell what was found.
reports=$(called verify.json 3 | sed 's|verify.json$|layer-sensitivity-report.json|' |
    while read -r report; do [ ! -s "$report" ] || printf '%s\n' "$report"; done)
texts=$(called layer-sensitivity-report.md 3)
# The same as pages.
pages=$(printf '%s\n' "$texts" | sed 's|md$|html|')
mixes=$(called pareto.json 1; called mixes.json 1)
made_from() {
    echo "$TOP_K $RANK_BY"
    { printf '%s\n' "$statuses" "$reports" "$texts" "$mixes" "$BIN/index-cells"; find "${YS}mk/page" "${YS}mk"/*.jq "${YS}mk/index.sh" -type f | sort; } | sed '/^$/d' | xargs sha256sum
}
made_from=$(made_from | sha256sum)
made() { # all that there is of the files, and from what
    echo "$made_from"
    # shellcheck disable=SC2086
    (cd "$run" && sha256sum $files 2>/dev/null)
    [ -z "$pages" ] || printf '%s\n' "$pages" | xargs sha256sum 2>/dev/null
}
[ ! -f "$stamp" ] || [ "$(made)" != "$(cat "$stamp")" ] || exit 0
work=$(mktemp -d) || exit 1

# Side by side with what follows.
[ -z "$texts" ] || printf '%s\n' "$texts" | folder="$work" style="${YS}mk/page/report.css" awk -f "${YS}mk/page/report.awk" || : >"$work/unread" &

# The records, a line each, of what is told of them. One that is not as it should be is named, and left out.
record='def text: type == "string"; select((.run | [.model, .weight_dtype, .act_dtype, .granularity] | all(text)) and
    ([.status, .out_dir, .log_path, .base_format_name // "", .reason // .error // ""] | all(text)) and
    (.status != "ok" or (.elapsed_s | type == "number"))) |
    if .status == "ok" then {run, status, elapsed_s, base_format_name, out_dir, log_path, manifest_path, report_path} else . end'
: >"$work/statuses"
[ -z "$statuses" ] || printf '%s\n' "$statuses" | xargs env HOME=/dev/null jq -c "$record" >"$work/statuses" 2>/dev/null
if [ "$(wc -l <"$work/statuses")" -ne "$(printf '%s\n' "$statuses" | grep -c .)" ]; then
    printf '%s\n' "$statuses" | while read -r status; do
        line=$(jq -c "$record" "$status" 2>/dev/null)
        [ -n "$line" ] && printf '%s\n' "$line" || note "$status: cannot be read, and is left out; make sweep makes it anew"
    done >"$work/statuses"
fi
jq -L "${YS}mk" -s -r 'include "grid-order"; sort_by(grid_order)[] | select(.status == "ok") | .out_dir' "$work/statuses" | while read -r dir; do
    [ ! -s "$run/$dir/scores.json" ] || printf '%s\n' "$dir"
done >"$work/scored"
"$BIN/index-cells" --run "$run" --top "$TOP_K" --rank "$RANK_BY" --layers "$work/layers.csv" --cells "$work/scored" --output "$work/cells" ||
    die 1 "$run: cannot be indexed; make sweep makes anew what cannot be read"
: >"$work/detection"
[ -z "$reports" ] || printf '%s\n' "$reports" | xargs env HOME=/dev/null jq -L "${YS}mk" -n -c -f "${YS}mk/index-detection.jq" >"$work/detection" ||
    die 1 "$run: a layer-sensitivity-report.json cannot be read; make sweep makes it anew"
: >"$work/mixes"
[ -z "$mixes" ] || printf '%s\n' "$mixes" | xargs env HOME=/dev/null jq -L "${YS}mk" -n -c -f "${YS}mk/page/pareto.jq" >"$work/mixes" ||
    die 1 "$run: a pareto.json or mixes.json cannot be read; make pareto makes it anew"
tail -n 1 "$work/cells" >"$work/common"
run_jq() { # SCRIPT OPTION
    jq -L "${YS}mk" -n "$2" -f "$1" --slurpfile mixes "$work/mixes" --slurpfile statuses "$work/statuses" --slurpfile common "$work/common" \
        --slurpfile detection "$work/detection" --slurpfile run "$run/run.json" "$work/cells"
}
{ run_jq "${YS}mk/page/data.jq" -j >"$work/data" && data="$work/data" awk -f "${YS}mk/page/build.awk" "${YS}mk/page/page.html" >"$work/index.html" || : >"$work/unread"; } &
run_jq "${YS}mk/index.jq" -r >"$work/all" || die 1 "$run: a status.json cannot be read; make sweep makes it anew"
folder="$work" awk '/^\036/ { out = ENVIRON["folder"] "/" substr($0, 2); next } { print >out }' "$work/all" || : >"$work/unread"
wait
[ ! -e "$work/unread" ] || die 1 "$run: the page cannot be made"
# Where they lie may hold a =.
case $run in /*) at=$run ;; *) at=$PWD/$run ;; esac
file_put=$(realpath "$BIN/file-put")
n=0
for file in $files; do
    printf '%s\n' "$file=$at/$file"
done >"$work/put"
for text in $texts; do
    n=$((n + 1)) text=${text#"$run"}
    printf '%s\n' "$n.html=$at${text%md}html"
done >>"$work/put"
# As many as a command line holds.
(cd "$work" && xargs -d '\n' "$file_put" <put) || exit 1
rm -f "$work"/* # a full disk has room for the stamp then
made >"$work/stamp" || die 1 "$run: cannot be read"
put "$stamp" <"$work/stamp"
