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
    for w in $*; do
        case $seen in *" $w "*) ;; *) seen="$seen$w " ;; esac
    done
    printf %s "$seen"
}

# SCRATCH/models: name, checkpoint, digest (-: there is none).
find_models() {
    : >"$scratch/models"
    plain=
    for m in $(once "$MODELS"); do
        case $m in *.pt) ;; *) plain="$plain$m " ;; esac
    done
    for m in $(once "$MODELS"); do
        case $m in
        *.pt) path=$m ;;
        *)
            path=$MODEL_DIR/$m.pt
            [ -f "$path" ] || [ ! -f "calib/models/$m.pt" ] || path=calib/models/$m.pt
            ;;
        esac
        sum=-
        if [ -f "$path" ] && [ -r "$path" ]; then sum=$(sha256_of "$path"); fi
        case $m in *.pt) name=$(name_of_path "$path" "$sum") ;; *) name=$m ;; esac
        printf '%s\t%s\t%s\n' "$name" "$path" "$sum" >>"$scratch/models"
    done
}

# Two files of one name do not share results: the one that comes second, in this call or in the run, is called after
# its whole path, and if that is taken too, also after its digest. The same file under another path, or another version of it, keeps
# its name.
name_of_path() { # PATH SHA256
    base=${1##*/} base=${base%.pt}
    whole=$(printf %s "${1%.pt}" | sed 's|^[./]*||; s|/[./]*|_|g')
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

# A qcfg that is not what it was when it was made is made anew. All at once: each is a process of a few milliseconds.
make_qcfgs() {
    mkdir -p "$qcfgs" || die 1 "$qcfgs: cannot be made"
    intact=" $([ ! -f "$qcfgs/sums" ] || (cd "$qcfgs" && sha256sum -c sums 2>/dev/null) | sed -n 's/: OK$//p' | tr '\n' ' ')"
    made=
    : >"$scratch/qcfgs"
    : >"$scratch/refused"
    for w in $(once "$WEIGHT_DTYPES"); do
        for a in $(once "$ACT_DTYPES"); do
            for g in $(once "$GRANULARITIES"); do
                q=$qcfgs/$w-$a-$g.json
                printf '%s\n' "$q" >>"$scratch/qcfgs"
                case $intact in *" $w-$a-$g.json "*) continue ;; esac
                made="$made $w-$a-$g.json"
                make_qcfg "$q" "$w" "$a" "$g" &
            done
        done
    done
    wait
    [ ! -s "$scratch/refused" ] || die 2 "$(head -n 1 "$scratch/refused")"
    [ -n "$made" ] || return 0
    # Names hold no spaces.
    # shellcheck disable=SC2086
    (cd "$qcfgs" && sha256sum $intact $made) >"$scratch/qcfg-sums" || die 1 "$qcfgs: cannot be read"
    put "$qcfgs/sums" <"$scratch/qcfg-sums"
}

make_qcfg() { # FILE W A G
    heard=$("$BIN/qcfg-build" --weight "$2" --act "$3" --granularity "$4" --fp4-preset "$FP4_PRESET" \
        --int4-preset "$INT4_PRESET" --block-dim "$BLOCK_DIM" \
        ${EFFECTIVE_BITS:+--effective-bits "$EFFECTIVE_BITS"} -o "$1" 2>&1)
    case $? in 0 | 3) ;; *) printf '%s\n' "$heard" >>"$scratch/refused" ;; esac
}

# SCRATCH/status: the run's status.json files of the selected cells; SCRATCH/altered: files that are not what they say.
read_state() {
    : >"$scratch/altered"
    : >"$scratch/status"
    [ -n "$run" ] || return 0
    for m in $(cut -f1 "$scratch/models"); do
        for s in "$run/outputs/$m"/*/*/status.json; do
            [ ! -s "$s" ] || printf '%s\n' "$s"
        done
    done >"$scratch/status"
    [ -s "$scratch/status" ] || return 0
    if ! xargs jq -r "$digests_of" <"$scratch/status" >"$scratch/sums" 2>/dev/null; then
        # A status.json that is no JSON counts as absent.
        mv "$scratch/status" "$scratch/candidates"
        while read -r s; do
            jq -r "$digests_of" "$s" 2>/dev/null && printf '%s\n' "$s" >>"$scratch/status"
        done <"$scratch/candidates" >"$scratch/sums"
    fi
    [ ! -s "$scratch/sums" ] || sha256sum -c --quiet "$scratch/sums" 2>/dev/null |
        sed 's/: FAILED.*$//' >"$scratch/altered"
}
digests_of='(input_filename | rtrimstr("status.json")) as $dir | (.files // {}) | to_entries[] | "\(.value)  \($dir)\(.key)"'

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
