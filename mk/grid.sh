#!/bin/sh
# grid.sh RUN PLAN: writes RUN/grid.mk from plan.sh's PLAN, and clears away what this call will make anew.
#
# In grid.mk every selected cell that can be scored is a target, outputs/MODEL/W-A/GRANULARITY, and so is each file on
# the way to it. The cells of a model that have no scores yet are grouped targets (&:) of CELLS_PER_PROCESS cells, one
# process each. Whether a file is out of date was decided by digests (plan.sh), so what a finished cell came from
# stands behind a |: a newer time stamp alone remakes nothing.
#
# No recipe fails, except when it is interrupted: what cannot be made leaves RUN/work/failed/MODEL/W-A/GRANULARITY, and
# the steps that come after it find nothing to do.
. mk/lib.sh

run=$1 plan=$2

mkdir -p "$run/work/model" "$run/work/amax" "$run/work/state" "$run/work/failed" || die 1 "$run: cannot write"

# Which of what this call would build on was cut or altered: that is made anew. Amax goes with the images that it is of.
awk -F '\t' -v run="$run" '$3 ~ /^(todo|stale|failed)$/ { print run "/outputs/" $1 "/" $2 "/scores.json"; model[$1] = n++ }
    END { for (m in model) print run "/work/amax/" m ".json"; if (n) print run "/work/calib.bin" }' "$plan" |
    while read -r file; do [ ! -e "$file" ] || printf '%s\n' "$file"; done >"$plan.used"
xargs -r "$BIN/seal-check" <"$plan.used" >"$plan.damaged" 2>"$plan.why"
while read -r file; do
    note "$file: was cut or altered; it is made anew"
    rm -f "$file"
done <"$plan.damaged"
rm -f "$run/work/calib.err"
[ -s "$run/work/calib.bin" ] || rm -f "$run"/work/amax/*.json

# Digests and paths of checkpoints.
cut -f 1,4,5 "$plan" | uniq | while IFS=$tab read -r model path sum; do
    [ "$sum" != - ] || continue
    stamp=$run/work/model/$model
    read -r old _ 2>/dev/null <"$stamp" && [ "$old" = "$sum" ] || rm -rf "$run/work/amax/$model.json" "$run/work/state/$model"
    printf '%s %s\n' "$sum" "$path" | put "$stamp"
done || exit 1

# Of the cells to be made: are its scores there, whole, and of this checkpoint?
awk -F '\t' '$3 ~ /^(todo|stale|failed)$/ { print $1, $2, $5 }' "$plan" | while read -r model stem sum; do
    out=$run/outputs/$model/$stem
    found=
    if [ -s "$out/scores.json" ]; then
        keep=$(jq -r --arg sum "$sum" --arg actual "$(sha256_of "$out/scores.json")" \
            --slurpfile status "$([ -s "$out/status.json" ] && echo "$out/status.json" || echo /dev/null)" '
            (.digests.checkpoint == $sum) and ($status[0].files["scores.json"] // $actual | . == $actual)' \
            "$out/scores.json" 2>/dev/null)
        [ "$keep" != true ] || found=1
    fi
    # What is made of scores takes no time, and carries no digest before the cell is finished. Their sums have done their duty.
    if [ -n "$found" ]; then
        find "$out" -type f ! -name scores.json -exec rm -f {} +
        rm -f "$run/work/state/$model/$model-${stem%/*}-${stem#*/}.json"
    else
        remove "$out"
    fi
    remove "$run/work/failed/$model/$stem"
    printf '%s\t%s\t%s\n' "$model" "$stem" "${found:-0}"
done >"$plan.missing" || exit 1
awk -F '\t' -v run="$run" '{ print run "/outputs/" $1 "/" $2 }' "$plan.missing" >"$plan.folders"
xargs -r mkdir -p <"$plan.folders" 2>/dev/null || while read -r out; do
    [ -d "$out" ] || die 1 "$out: cannot be made"
done <"$plan.folders"

# shellcheck disable=SC2154
missing="$plan.missing" awk -F '\t' -v chunk="$CELLS_PER_PROCESS" -v kind="$KIND" -v jobs="$given_jobs" -v artifacts="$("$BIN/report-gen" --list | tr '\n' ' ')" \
    -f mk/grid.awk "$plan" >"$plan.mk" ||
    die 1 "$run/grid.mk: cannot be made"
put "$run/grid.mk" <"$plan.mk"
