#!/bin/sh
# tests/exec/parity.sh CHECKPOINT REFERENCE CALIB: scores every cell that REFERENCE holds files of
# (<w>-<a>[-mxfp4|-awq|-axis]/<granularity>.json) in one pass over CHECKPOINT and compares all layers. Environment: DEVICE, if not cpu.
bin=${BUILD:-build}/bin
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
set -e
operands='' cells=''
for ref in "$2"/*/*.json; do
    pair=$(basename "$(dirname "$ref")") granularity=$(basename "$ref" .json)
    fp4=nvfp4 int4=blockwise
    case $pair in
    *-mxfp4) fp4=mxfp4 ;;
    *-awq | *-axis) int4=${pair##*-} ;;
    esac
    weight=${pair%%-*} act=${pair#*-}
    act=${act%%-*}
    cell=$pair-$granularity
    "$bin/qcfg-build" --weight "$weight" --act "$act" --granularity "$granularity" --fp4-preset $fp4 \
        --int4-preset $int4 -o "$dir/$cell.q.json"
    operands="$operands $dir/$cell.q.json=$dir/$cell.json" cells="$cells $ref:$cell"
done
"$bin/calib-stats" --model "$1" --calib "$3" --device "${DEVICE:-cpu}" -o "$dir/amax.json"
# shellcheck disable=SC2086
"$bin/sens-score" --model "$1" --calib "$3" --device "${DEVICE:-cpu}" --amax "$dir/amax.json" $operands
for c in $cells; do
    jq -rn --slurpfile ours "$dir/${c##*:}.json" --slurpfile ref "${c%:*}" --arg cell "$(basename "$2") ${c##*:}" \
        -f tests/exec/parity.jq
done
