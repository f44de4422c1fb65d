#!/bin/sh
# score.sh MODEL W-A/GRANULARITY...: scores.json of these cells, in one process. A cell that gets none has the reason in
# RUN/work/failed/MODEL/W-A/GRANULARITY; the others keep theirs. Environment: TURN, how manieth of these processes this is; SHARD, 2/4:
# only the sums of a part of the images, for the process that makes the scores.
cd "$TOP" || exit 1
# shellcheck source=mk/lib.sh
. "${YS}mk/lib.sh"
# shellcheck source=mk/step/run-tool.sh
. "${YS}mk/step/run-tool.sh"
# shellcheck source=mk/step/images.sh
. "${YS}mk/step/images.sh"

model=$1
shift
began=$(date +%s.%N)
cells='' folders=''
for stem in "$@"; do
    folders="$folders $RUN/work/time/$model/${stem%/*} $RUN/work/failed/$model/${stem%/*}"
done
# shellcheck disable=SC2086
mkdir -p $folders || exit 1
for stem in "$@"; do
    echo "$began $#" >"$RUN/work/time/$model/$stem"
    cells="$cells $RUN/work/qcfg/${stem%/*}-${stem#*/}.json=$RUN/outputs/$model/$stem/scores.json"
done
pass=$TMPDIR/$$

# A GPU calibrates faster than another process starts, on images as they are decoded: its scores need neither file.
amax='' calib=''
[ "$KIND" != cpu ] || amax=$RUN/work/amax/$model.json calib=$RUN/work/calib.bin
if [ -n "$calib" ] && [ ! -s "$calib" ]; then
    cat "$RUN/work/calib.err" >"$pass"
elif [ -n "$amax" ] && [ ! -s "$amax" ]; then
    cat "$RUN/work/amax/$model.err" >"$pass"
else
    read -r sum checkpoint <"$RUN/work/model/$model"
    mkdir -p "$RUN/work/state/$model" || exit 1
    note "$model: scoring $# cell$([ $# -eq 1 ] || echo s)${SHARD:+, part $SHARD of the images}"
    label=$model
    [ $# -gt 1 ] || label="$model $1"
    label="$label${SHARD:+ part $SHARD}"
    [ -n "$calib" ] || feed_images -
    # The cells are a list of words: names hold no spaces.
    # shellcheck disable=SC2086
    launch_tool "$label" "$pass" /dev/null "$BIN/sens-score" --model "$checkpoint" --sha256 "$sum" --name "$model" \
        --calib "$([ -n "$feed" ] && echo - || echo "$calib")" ${amax:+--amax "$amax"} --score-size "$SCORE_SIZE" \
        --objectives "$OBJECTIVES" --probes "$PROBES" ${fold:+--fold} --batch-size "$BATCH_SIZE" \
        --device "$DEVICE" --turn "$TURN" --threads "$THREADS" --state "$RUN/work/state/$model" ${SHARD:+--shard "$SHARD"} \
        $cells
fi
# Why a part failed, the process that has to score it will find out.
[ -z "$SHARD" ] || { rm -f "$pass"; exit 0; }

share_reasons sens-score scores.json "$pass" "$model" "$@"
