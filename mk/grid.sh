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

# Digests of checkpoints, as files that change only with them.
mkdir -p "$run/work/model" "$run/work/amax" "$run/work/state" "$run/work/failed" || die 1 "$run: cannot write"
cut -f 1,4,5 "$plan" | uniq | while IFS=$tab read -r model path sum; do
    [ "$sum" != - ] || continue
    stamp=$run/work/model/$model
    if [ -f "$stamp" ] && read -r old _ <"$stamp" && [ "$old" = "$sum" ]; then continue; fi
    rm -rf "$run/work/amax/$model.json" "$run/work/state/$model"
    printf '%s %s\n' "$sum" "$path" | put "$stamp"
done

# Of the cells to be made: are its scores there, whole, and of this checkpoint?
awk -F '\t' '$3 ~ /^(todo|stale|failed)$/ { print $1, $2, $3, $5 }' "$plan" | while read -r model stem state sum; do
    out=$run/outputs/$model/$stem
    found=
    if [ -s "$out/scores.json" ]; then
        keep=$(jq -r --arg sum "$sum" --arg actual "$(sha256_of "$out/scores.json")" \
            --slurpfile status "$([ -s "$out/status.json" ] && echo "$out/status.json" || echo /dev/null)" '
            (.digests.checkpoint == $sum) and ($status[0].files["scores.json"] // $actual | . == $actual)' \
            "$out/scores.json" 2>/dev/null)
        [ "$keep" != true ] || found=1
    fi
    if [ -z "$found" ]; then
        remove "$out"
    elif [ "$state" = stale ]; then
        find "$out" -type f ! -name scores.json -exec rm -f {} +
    fi
    remove "$run/work/failed/$model/$stem"
    printf '%s\t%s\t%s\n' "$model" "$stem" "${found:-0}"
done >"$plan.missing"
awk -F '\t' -v run="$run" '{ print run "/outputs/" $1 "/" $2 }' "$plan.missing" | xargs -r mkdir -p || die 1 "$run: cannot write"

missing="$plan.missing" awk -F '\t' -v chunk="$CELLS_PER_PROCESS" -v kind="$KIND" -f mk/grid.awk "$plan" | put_if_changed "$run/grid.mk"
