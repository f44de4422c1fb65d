# shellcheck shell=sh disable=SC2034
# Read with `.` by sweep.sh: what is made of a run that is scored, for a runtime. MODEL, W, A and G name the cell; whichever release of
# ModelOpt its artifacts are for will do.

MODELS_FILE=
cell="MODEL=$MODEL W=$W A=$A G=$G" one="MODELS=$MODEL WEIGHT_DTYPES=$W ACT_DTYPES=$A GRANULARITIES=$G"

# Sets RUN, name and out, of the cell; which must be finished.
find_cell() {
    find_run "$(advise cell "$cell") scores it first"
    row=$(MODELS=$MODEL WEIGHT_DTYPES=$W ACT_DTYPES=$A GRANULARITIES=$G MAX_RUNS='' MODELOPT='' && plan --table "$RUN") || exit 2
    name=${row%%"$tab"*}
    case $row in
    *"${tab}done$tab"*) out=$RUN/outputs/$name/$W-$A/$G ;;
    *) die 2 "$name/$W-$A/$G: not scored in $RUN; $(advise cell "$cell") does it" ;;
    esac
    measured=
    [ ! -s "$out/verify.json" ] || measured=$out/verify.json
    case $RANK_BY:$KEEP:$measured in
    measured:*: | *:ap=*:) die 2 "$name/$W-$A/$G: not measured in $RUN; $(advise verify "$one")${TYPED_VERIFY:+ $TYPED_VERIFY} does it" ;;
    esac
}

keep_list() { # TARGET [OPTION]...
    target=$1
    shift
    "$BIN/keep-list" --scores "$out/scores.json" --keep "$KEEP" --rank "$RANK_BY" --target "$target" ${measured:+--verify "$measured"} "$@"
}

do_keep_list() {
    find_cell
    keep_list "$TARGET" ${ONNX:+--onnx "$ONNX"} || exit 2
}

# The best mixes of MIXES effective bits: OUT/mixes/BITS.json, recipes, and OUT/mixes.json, what they do to the detector as
# damage-measure finds it.
measure_mixes() { # SCORES...
    amax=$RUN/work/amax/$name.json calib=$RUN/work/calib.bin
    for file in "$amax" "$calib"; do
        [ -s "$file" ] || die 2 "$file: is not there, and mixes are measured with it; make verify of a cell of $name makes it"
    done
    sound_checkpoint
    rm -rf "$out/mixes" && mkdir "$out/mixes" || exit 2
    recipes=
    for bits in $(echo "$MIXES" | tr , ' '); do
        "$BIN/pareto-solve" --rank "$RANK_BY" --at "bits=$bits" --recipe "$out/mixes/$bits.json" "$@" >/dev/null || exit 2
        recipes="$recipes $out/mixes/$bits.json"
    done
    set -- --list "$VERIFY_LIST"
    [ -n "$VERIFY_LIST" ] || set -- --list "$IMAGE_LIST" --last
    # Names hold no spaces.
    # shellcheck disable=SC2086
    "$BIN/damage-measure" --model "$checkpoint" --sha256 "$sum" --name "$name" ${fold:+--fold} --calib "$calib" --amax "$amax" \
        "$@" --count "$VERIFY_IMAGES" --batch-size "$BATCH_SIZE" --device "$DEVICE" --threads "$THREADS" -o "$out/mixes.json" --mixes $recipes || exit 2
    jq -L "${YS}mk" -r -f "${YS}mk/mixes.jq" "$out/mixes.json" >&2
}

# Sets sum and checkpoint: those that the run has scored.
sound_checkpoint() {
    read -r sum checkpoint <"$RUN/work/model/$name" || die 2 "$RUN: has not seen $MODEL; $(advise sweep "MODELS=$MODEL")"
    [ "$(sha256sum 2>/dev/null <"$checkpoint")" = "$sum  -" ] || die 2 "$checkpoint: has changed since $RUN scored it; $(advise sweep "MODELS=$MODEL") scores it again"
}

# Every format that the run has of the model.
do_pareto() {
    find_run "$(advise sweep "MODELS=$MODEL") scores it first"
    MODELS=$MODEL WEIGHT_DTYPES=$WEIGHT_WORDS ACT_DTYPES=$DTYPES GRANULARITIES=$GRANULARITY_WORDS MAX_RUNS='' MODELOPT='' && rows=$(plan --table "$RUN") || exit 2
    name=${rows%%"$tab"*}
    # shellcheck disable=SC2046
    set -- $(printf '%s\n' "$rows" | awk -F '\t' -v run="$RUN" '$3 == "done" { print run "/outputs/" $1 "/" $2 "/scores.json" }')
    [ $# -gt 0 ] || die 2 "$name: no cell is scored in $RUN; $(advise sweep "MODELS=$MODEL") does it"
    out=$RUN/outputs/$name
    # What was measured is of the mixes that were predicted with it.
    rm -f "$out/mixes.json"
    "$BIN/pareto-solve" --rank "$RANK_BY" ${MIXES:+--at "bits=$MIXES"} --svg "$out/pareto.svg" -o "$out/pareto.json" "$@" || exit 2
    [ -z "$MIXES" ] || measure_mixes "$@"
    export RUN
    "${YS}mk/index.sh" "$RUN" || exit 2
    note "drawn: $out/pareto.svg, and in $RUN/index.html"
    echo "$out/pareto.json"
}

# In float, or with a cell's layers quantized but those kept.
do_export() {
    if [ -z "$W$A$G" ]; then
        find_run "onnx-export by itself needs none"
        MODELS=$MODEL WEIGHT_DTYPES=int8 ACT_DTYPES=int8 GRANULARITIES=per_layer MAX_RUNS='' MODELOPT='' && row=$(plan --table "$RUN") || exit 2
        name=${row%%"$tab"*} out=$RUN/outputs/${row%%"$tab"*}
        set --
    else
        find_cell
        amax=$RUN/work/amax/$name.json recipe=$out/keep-recipe.json
        [ -s "$amax" ] || die 2 "$name: the run holds no calibration of it; $(advise verify "$one")${TYPED_VERIFY:+ $TYPED_VERIFY} makes one"
        keep_list recipe -o "$recipe" || exit 2
        set -- --amax "$amax" --recipe "$recipe"
    fi
    sound_checkpoint
    mkdir -p "$out" && "$BIN/onnx-export" --model "$checkpoint" --sha256 "$sum" --size "$IMGSZ" ${fold:+--fold} "$@" -o "$out/$name.onnx" || exit 2
    echo "$out/$name.onnx"
}
