#!/bin/sh
# record.sh OUT...: log and status.json of cells of which the grid has made what it could; OUT is
# outputs/MODEL/W-A/GRANULARITY. A cell that is neither complete nor failed, because the grid was interrupted, gets none.
# record.sh -: the same for lines OUT, kind (skipped or failed), checkpoint, reason, separated by tabs, on standard input.
cd "$TOP" || exit 1
. mk/lib.sh
room "$TMPDIR" || exit 0
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
work=$(mktemp -d) || exit 1

if [ "$1" = - ]; then
    awk -F '\t' -v OFS='\t' '{ print $1, $2, $3, "-", "", $4 }' >"$work/cells"
else
    last=$("$BIN/report-gen" --list | tail -n 1)
    for out in "$@"; do
        stem=${out#outputs/} dir=$RUN/$out
        model=${stem%%/*}
        read -r sum checkpoint <"$RUN/work/model/$model" || exit 1
        failed=$RUN/work/failed/$stem
        if [ -s "$failed" ]; then
            printf '%s\t%s\t%s\t%s\t\t%s\n' "$out" failed "$checkpoint" "$sum" \
                "$(tr '\t\n' ' \037' <"$failed")"
        elif [ -s "$dir/scores.json" ] && [ -s "$dir/recipe.json" ] && [ -s "$dir/$last" ]; then
            began='' cells=''
            [ ! -s "$RUN/work/time/$stem" ] || read -r began cells <"$RUN/work/time/$stem"
            printf '%s\t%s\t%s\t%s\t%s\t\n' "$out" ok "$checkpoint" "$sum" "${began:+$began $cells}"
        fi
    done >"$work/begun"
    # The time of a cell's scores goes before the time at which their pass began.
    awk -F '\t' -v run="$RUN" '$2 == "ok" { print run "/" $1 "/scores.json" }' "$work/begun" |
        xargs -r stat -c "%n$tab%.Y" >"$work/scored" || exit 1
    scored="$work/scored" awk -F '\t' -v OFS='\t' -v run="$RUN" '
        BEGIN { while ((getline line < ENVIRON["scored"]) > 0) { split(line, f, "\t"); at[f[1]] = f[2] } }
        $5 != "" { $5 = at[run "/" $1 "/scores.json"] " " $5 }
        { print }' "$work/begun" >"$work/cells"
fi
[ -s "$work/cells" ] || exit 0

: >"$work/sums"
: >"$work/ok"
while IFS=$tab read -r out kind _; do
    stem=${out#outputs/*/}
    printf '%s\n' "$RUN/work/qcfg/${stem%/*}-${stem#*/}.json" >>"$work/qcfg-files"
    [ "$kind" != ok ] || printf '%s\n' "$RUN/$out" >>"$work/ok"
done <"$work/cells"
[ ! -s "$work/ok" ] ||
    xargs sh -c 'find "$@" -maxdepth 1 -type f ! -name ".*" ! -name status.json' find <"$work/ok" | sort |
    xargs "$BIN/file-digest" >"$work/sums" || exit 1
xargs cat <"$work/qcfg-files" >"$work/qcfgs" || exit 1

jq -L mk -n -r -f mk/record.jq --rawfile cells "$work/cells" --rawfile sums "$work/sums" --slurpfile qcfgs "$work/qcfgs" \
    --arg run "$RUN" --arg now "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$work/stream" || exit 1
unpack "$RUN" <"$work/stream"
