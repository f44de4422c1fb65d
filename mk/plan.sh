#!/bin/sh
# plan.sh RUN SCRATCH: the cells that the filters select and how each stands, into SCRATCH/plan; computes nothing.
# RUN is a run's folder, or empty: nothing is done yet. qcfgs are kept in RUN/work/qcfg, or in SCRATCH without a RUN.
#
# SCRATCH/plan has a line for each cell, in grid order, with tabs between
#   model  w-a/granularity  state  checkpoint  its SHA-256 (-: there is none)  reason  recorded|new
# state: done; todo; stale (finished, but the checkpoint has changed, or files were altered or are gone); failed (tried
# before); nomodel (no checkpoint); unsupported. recorded: the run holds a status.json of it.
# Environment: FILTERS, MODEL_DIR, the presets, BLOCK_DIM, EFFECTIVE_BITS, BIN.
. mk/lib.sh

run=$1 scratch=$2
qcfgs=${run:+$run/work/qcfg}
qcfgs=${qcfgs:-$scratch/qcfg}

once() { # the words, each once, in order
    seen=' '
    for w in $1; do
        case $seen in *" $w "*) ;; *) seen="$seen$w " ;; esac
    done
    printf %s "$seen"
}

# SCRATCH/models: name, checkpoint, digest (-: there is none).
find_models() {
    plain=
    for m in $(once "$MODELS"); do
        case $m in
        *.pt | *.pth) path=$m ;;
        *)
            plain="$plain$m "
            path=$MODEL_DIR/$m.pt
            [ -f "$path" ] || [ ! -f "calib/models/$m.pt" ] || path=calib/models/$m.pt
            ;;
        esac
        printf '%s\t%s\n' "$m" "$path"
    done >"$scratch/asked"
    while IFS=$tab read -r m path; do
        [ ! -f "$path" ] || [ ! -r "$path" ] || printf '%s\n' "$path"
    done <"$scratch/asked" >"$scratch/checkpoints"
    xargs -r "$BIN/file-digest" <"$scratch/checkpoints" >"$scratch/checkpoint-sums" || exit 1
    : >"$scratch/models"
    while IFS=$tab read -r m path; do
        sum=-
        while read -r digest of; do
            [ "$of" != "$path" ] || sum=$digest
        done <"$scratch/checkpoint-sums"
        case $m in *.pt | *.pth) name=$(name_of_path "$path" "$sum") ;; *) name=$m ;; esac
        printf '%s\t%s\t%s\n' "$name" "$path" "$sum" >>"$scratch/models"
    done <"$scratch/asked"
}

# Two files of one name do not share results: the one that comes second, in this call or in the run, is called after
# its whole path, and if that is taken too, also after its digest. The same file under another path, or another version of it, keeps
# its name.
name_of_path() { # PATH SHA256
    base=${1##*/} base=${base%.pt*}
    whole=$(printf %s "${1%.pt*}" | sed 's|^[./]*||; s|/[./]*|_|g')
    for name in "$base" "$whole" "$whole-$(printf %.8s "$2")"; do
        case " $plain$(cut -f1 "$scratch/models" | tr '\n' ' ')" in *" $name "*) continue ;; esac
        holder=$(holder_of "$name")
        [ -n "$holder" ] && [ "${holder%% *}" != "$2" ] && [ "${holder#* }" != "$1" ] || break
    done
    printf %s "$name"
}

# Digest and path of the checkpoint whose results the run holds under a name; nothing where it holds none.
holder_of() { # NAME
    [ -n "$run" ] || return 0
    if [ -f "$run/work/model/$1" ]; then
        cat "$run/work/model/$1"
        return 0
    fi
    # work/ may have been deleted.
    for scores in "$run/outputs/$1"/*/*/scores.json; do
        jq -r '"\(.digests.checkpoint) \(.checkpoint)"' "$scores" 2>/dev/null && break
    done
}

# All cells' in one process; those that the run has are left alone.
make_qcfgs() {
    mkdir -p "$qcfgs" || die 1 "$qcfgs: cannot be made"
    cells=
    for w in $(once "$WEIGHT_DTYPES"); do
        for a in $(once "$ACT_DTYPES"); do
            for g in $(once "$GRANULARITIES"); do
                cells="$cells $w-$a-$g=$qcfgs/$w-$a-$g.json"
            done
        done
    done
    # Names hold no spaces.
    # shellcheck disable=SC2086
    heard=$("$BIN/qcfg-build" --fp4-preset "$FP4_PRESET" --int4-preset "$INT4_PRESET" --block-dim "$BLOCK_DIM" \
        ${EFFECTIVE_BITS:+--effective-bits "$EFFECTIVE_BITS"} $cells 2>&1)
    case $? in 0 | 3) ;; *) die 2 "$heard" ;; esac
    # shellcheck disable=SC2086
    printf '%s\n' $cells | cut -d= -f2 >"$scratch/qcfgs"
}

# SCRATCH/status: the run's status.json files of the selected cells; SCRATCH/altered: files that are not what they say.
read_state() {
    : >"$scratch/altered"
    : >"$scratch/status"
    [ -n "$run" ] || return 0
    while read -r m _; do
        for s in "$run/outputs/$m"/*/*/status.json; do
            [ ! -s "$s" ] || printf '%s\n' "$s"
        done
    done <"$scratch/models" >"$scratch/found"
    [ -s "$scratch/found" ] || return 0
    xargs "$BIN/seal-check" <"$scratch/found" >"$scratch/altered" 2>/dev/null
    # A status.json that is no JSON counts as absent.
    grep -vxF -f "$scratch/altered" "$scratch/found" >"$scratch/status"
}

find_models
make_qcfgs
read_state
xargs cat <"$scratch/status" 2>/dev/null >"$scratch/statuses"
xargs cat <"$scratch/qcfgs" >"$scratch/all-qcfgs" || die 1 "$qcfgs: cannot be read; remove it"
jq -n -r -f mk/plan.jq --rawfile models "$scratch/models" --rawfile altered "$scratch/altered" \
    --rawfile qcfg_files "$scratch/qcfgs" --slurpfile qcfgs "$scratch/all-qcfgs" \
    --slurpfile statuses "$scratch/statuses" --arg run "$run" --arg max "$MAX_RUNS" --arg dir "$MODEL_DIR" \
    >"$scratch/plan" || {
    jq empty "$scratch/all-qcfgs" 2>/dev/null || die 1 "$qcfgs: cannot be read; remove it"
    die 1 "cannot plan the grid"
}
