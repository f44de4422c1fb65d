#!/bin/sh
# record.sh OUT...: log and status.json of cells of which the grid has made what it could; OUT is
# outputs/MODEL/W-A/GRANULARITY. A cell that is neither complete nor failed, because the grid was interrupted, gets none.
# record.sh -: the same for lines OUT, kind (skipped or failed), checkpoint, reason, separated by tabs, on standard input.
cd "$TOP" || exit 1
. mk/lib.sh
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if [ "$1" = - ]; then
    awk -F '\t' -v OFS='\t' '{ print $1, $2, $3, "-", "", $4 }' >"$work/cells"
    cut -f 1 "$work/cells" >"$work/outs"
else
    printf '%s\n' "$@" >"$work/outs"
    for out in "$@"; do
        stem=${out#outputs/} dir=$RUN/$out
        model=${stem%%/*}
        read -r sum checkpoint <"$RUN/work/model/$model" || exit 1
        failed=$RUN/work/failed/$stem
        if [ -s "$failed" ]; then
            printf '%s\t%s\t%s\t%s\t\t%s\n' "$out" failed "$checkpoint" "$sum" \
                "$(tr '\t\n' ' \037' <"$failed")"
        elif [ -s "$dir/scores.json" ] && [ -s "$dir/recipe.json" ] && [ -s "$dir/layer-sensitivity-report.json" ]; then
            began='' cells=''
            [ ! -s "$RUN/work/time/$stem" ] || read -r began cells <"$RUN/work/time/$stem"
            printf '%s\t%s\t%s\t%s\t%s\t\n' "$out" ok "$checkpoint" "$sum" \
                "${began:+$(stat -c %.Y "$dir/scores.json") $began $cells}"
        fi
    done >"$work/cells"
fi
[ -s "$work/cells" ] || exit 0

: >"$work/sums"
: >"$work/qcfg-files"
while IFS=$tab read -r out kind _; do
    stem=${out#outputs/*/}
    printf '%s\n' "$RUN/work/qcfg/${stem%/*}-${stem#*/}.json" >>"$work/qcfg-files"
    [ "$kind" != ok ] || (cd "$RUN" && find "$out" -maxdepth 1 -type f ! -name '.*' ! -name status.json) >>"$work/files"
    mkdir -p "$RUN/$out" "$RUN/logs/${out#outputs/}" && rmdir "$RUN/logs/${out#outputs/}" || exit 1
done <"$work/cells"
[ ! -s "$work/files" ] || (cd "$RUN" && sort | xargs sha256sum) <"$work/files" >"$work/sums" || exit 1
xargs cat <"$work/qcfg-files" | jq -s . >"$work/qcfgs" || exit 1

jq -L mk -n -r -f mk/record.jq --rawfile cells "$work/cells" --rawfile sums "$work/sums" --slurpfile qcfgs "$work/qcfgs" \
    --arg now "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$work/stream" || exit 1
unpack "$RUN" <"$work/stream"
