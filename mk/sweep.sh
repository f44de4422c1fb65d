#!/bin/sh
# sweep.sh sweep|plan|index|drop|...: what make's targets of these names do, once the tools are built. Talk goes to stderr; stdout gets the
# plan, or the last line "22 ok, 10 unsupported, 0 failed: tmp/.../sweep_index.json".
# Environment: the variables of config.mk. Exit 2: refused, or a cell failed.
# shellcheck source=mk/lib.sh
. "${YS}mk/lib.sh"

TOP=$PWD
# YS, which is empty in the repository itself, is for steps that start in another folder too.
home=$YS
YS=${YS:-$TOP/}
CORES=$(nproc)
export TOP YS CORES LAUNCHER

# Make's jobs share the cores. MAKEFLAGS holds -jN before " -- " and the variables.
if [ -z "$THREADS" ]; then
    jobs=$(printf '%s\n' "${MAKEFLAGS%% -- *}" | sed -n 's/^.*-j\([0-9][0-9]*\).*$/\1/p')
    case " ${MAKEFLAGS%% -- *} " in *' -j '*) jobs=$CORES ;; esac
    THREADS=$((CORES / ${jobs:-1}))
fi
case " ${MAKEFLAGS%% -- *} " in *' -j'*) given_jobs=1 ;; *) given_jobs= ;; esac
[ "$THREADS" -ge 1 ] || THREADS=1
export THREADS given_jobs

scratch=
trap 'at_exit' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap 'exit 141' PIPE

# One sweep at a time in a run. The kernel's lock of RUN/lock passes on to every process that the sweep starts, and falls with
# the last of them, however they end; what the file says only tells others who that is. Those that LAUNCHER starts on other machines
# have locks of their own (mk/step/hand.sh).
lock() {
    writable "$RUN/lock" || die 1 "$RUN: cannot be written; TIMESTAMP= another run, or SUBDIR= another folder"
    exec 9>>"$RUN/lock"
    flock -n -E 3 9
    case $? in
    0) ;;
    3)
        exec 9>&-
        die 2 "$RUN: in use by $(holder); wait for it, or TIMESTAMP= another run"
        ;;
    *) die 1 "$RUN/lock: cannot be locked; the run must be on a file system with locks" ;;
    esac
    "${YS}mk/step/hands.sh" "$RUN" || exit $?
    echo "the sweep of process $$ on $(uname -n) since $(date '+%Y-%m-%d %H:%M:%S')" 2>/dev/null >"$RUN/lock" || full "$RUN"
}

# Who holds the lock. A sweep that has only just begun has not said so yet; one that was killed may have left processes behind.
holder() {
    lock=$(realpath "$RUN/lock")
    for wait in 0.3 0; do
        said=$(cat "$RUN/lock") pids=" $(find /proc/[0-9]*/fd/9 -maxdepth 0 -lname "$lock" 2>/dev/null | cut -d/ -f3 | tr '\n' ' ')"
        pid=${said#*process } pid=${pid%% *} host=${said#* on } host=${host%% *}
        # Of another machine /proc tells nothing.
        [ "$host" = "$(uname -n)" ] || pids=' '
        case $pids in *" $pid "*) break ;; esac
        sleep "$wait"
    done
    case $pids in
    *" $pid "* | ' ') printf %s "${said:-another sweep}" ;;
    *) printf %s "what is left of ${said:-another sweep}: process${pids% }" ;;
    esac
}

# auto: what it was when the run began. A GPU's models go side by side, unless -j says otherwise: it waits for none of them.
use_device() {
    [ "$DEVICE" != auto ] || DEVICE=$KIND
    export DEVICE KIND
    side_by_side=
    [ "$KIND" = cpu ] || [ -n "$given_jobs" ] || side_by_side=-j$CORES
}

# How many cells of the plan are done, unsupported, without a checkpoint, and to be made: sets done, unsupported, nomodel and todo.
count() {
    # shellcheck disable=SC2046
    set -- $(awk -F '\t' '{ n[$3]++ } END { print n["done"] + 0, n["unsupported"] + 0, n["nomodel"] + 0, n["todo"] + n["stale"] + n["failed"] }' "$scratch/plan")
    done=$1 unsupported=$2 nomodel=$3 todo=$4
}

summary() {
    note "page: $RUN/index.html"
    printf '%d ok, %d unsupported, %d failed: %s\n' "$@" "$RUN/sweep_index.json" || die 1 "standard output: cannot be written"
}

# The run of these settings: its folder and the kind of its device, or with --find, JSON.
choose() { # [--find]
    [ "$NEW" != 1 ] || set -- "$@" --new
    "$BIN/grid-run" "$@" --list "$IMAGE_LIST" --count "$CALIB_IMAGES" --score-size "$SCORE_SIZE" --objectives "$OBJECTIVES" --probes "$PROBES" ${fold:+--fold} --size "$IMGSZ" \
        --batch-size "$BATCH_SIZE" --fp4-preset "$FP4_PRESET" \
        --int4-preset "$INT4_PRESET" --block-dim "$BLOCK_DIM" --device "$DEVICE" ${TIMESTAMP:+--name "$TIMESTAMP"} \
        "tmp/$SUBDIR"
}

# RUN, which is there already.
find_run() { # WHAT TO DO where there is none
    found=$(choose --find) || exit 2
    RUN=$(printf '%s\n' "$found" | jq -r '.run // empty')
    [ -n "$RUN" ] || die 2 "tmp/$SUBDIR: no run has these settings; $1"
}

# The command that makes what is missing: typed settings are typed again.
advise() { # GOAL AND VARIABLES
    printf '%s %s%s' "${CALLED:-make}" "$*" "${TYPED:+ $TYPED}"
}

# How the cells stand that the filters select. Without MODELOPT, whatever they were solved for.
plan() { # [OPTION]... RUN
    case $MODELS_FILE in '') set -- --models "$MODELS" "$@" ;; *) set -- --models-file "$MODELS_FILE" "$@" ;; esac
    limit="--effective-bits $EFFECTIVE_BITS"
    [ -n "$EFFECTIVE_BITS" ] || limit=--own-bits
    # shellcheck disable=SC2086
    "$BIN/grid-plan" --model-dir "$MODEL_DIR" --bundled "${home}calib/models" --weights "$WEIGHT_DTYPES" --acts "$ACT_DTYPES" \
        --granularities "$GRANULARITIES" ${MODELOPT:+--modelopt "$MODELOPT" $limit} ${MAX_RUNS:+--max-runs "$MAX_RUNS"} "$@"
}

do_plan() {
    found=$(choose --find) && rows=$(printf '%s\n' "$found" | plan --table -) || exit 2
    RUN=$(printf '%s\n' "$found" | jq -r '.run // empty')
    time=$(estimate)
    export time
    printf '%s\n' "$rows" | awk -f "${YS}mk/plan.awk" && printf '%s\n' "$rows" | awk -f "${YS}mk/unsupported.awk" >&2
}

# How long what is to do of the plan will take, in words, by what this run has made, or else the newest one on such a device.
estimate() {
    printf '%s\n' "$rows" | cut -f 3 | grep -q 'todo\|stale\|failed' || return 0
    device=$(printf '%s\n' "$found" | jq -r .settings.device)
    for run in $RUN $(cd "tmp/$SUBDIR" 2>/dev/null && ls -td -- */ | sed "s|^|tmp/$SUBDIR/|; s|/$||"); do
        # Work grows with an image's area and with images; small ones are mostly other work.
        scale=$(jq -r --arg device "$device" --argjson now "$((IMGSZ * IMGSZ * SCORE_SIZE))" 'select(.device == $device) | $now / (.imgsz * .imgsz * .score_size) | select(. <= 4 and . >= 0.25)' \
            "$run/run.json" 2>/dev/null)
        seconds=$([ -z "$scale" ] || jq -r -f "${YS}mk/estimate.jq" --arg plan "$rows" --argjson scale "$scale" "$run/sweep_index.json" 2>/dev/null)
        [ -z "$seconds" ] || { echo "about $(duration "$seconds"), going by ${run##*/}" && return; }
    done
    echo "how long that takes will be known when a cell is scored"
}

# What a killed sweep was writing, by the names of what is ours. An index may be writing beside us.
clear_temporaries() {
    set -f
    # shellcheck disable=SC2046
    find "$RUN" -type f \( -path "$RUN/work/*" -name '.?*' \
        $(temporary run.json grid.mk scores.json recipe.json status.json '*.log' $("$BIN/report-gen" --list | sed 's/^_/*_/')) \) -delete
    # shellcheck disable=SC2046
    flock -n -x "$RUN" find "$RUN" -maxdepth 1 -type f \( -false $(temporary sweep_index.json sweep_index.csv failures.json layers.csv index.html) \) -delete
    set +f
}

temporary() { # NAME...
    printf ' -o -name .%s.??????' "$@"
}

# Which of what is not remade by name was cut or altered: that is made anew. Amax goes with the images that it is of.
check_inputs() {
    set --
    for file in "$RUN/work/calib.bin" "$RUN"/work/amax/*.json; do
        [ ! -e "$file" ] || set -- "$@" "$file"
    done
    [ $# -eq 0 ] || "$BIN/seal-check" "$@" 2>/dev/null | while read -r file; do
        note "$file: was cut or altered; it is made anew"
        rm -f "$file"
    done
    rm -f "$RUN/work/calib.err"
    [ -s "$RUN/work/calib.bin" ] || rm -f "$RUN"/work/amax/*.json
}

# RUN: by TIMESTAMP, by the settings that were typed, or the latest.
find_any_run() {
    if [ -n "$TIMESTAMP" ]; then
        RUN=tmp/$SUBDIR/$TIMESTAMP
    elif [ -n "$BY_IDENTITY" ]; then
        find_run "$(advise sweep) starts one"
    else
        RUN=tmp/$SUBDIR/$(readlink "tmp/$SUBDIR/latest") || die 2 "tmp/$SUBDIR: no run yet; $(advise sweep) starts one"
    fi
    [ -f "$RUN/run.json" ] || die 2 "$RUN: no such run; $(advise sweep) starts one"
    export RUN
}

do_index() {
    find_any_run
    "${YS}mk/index.sh" "$RUN" || exit 2
    # shellcheck disable=SC2046
    summary $(jq -r '(.successes | length), ([.failures[].status] | (map(select(. == "skipped")) | length), (map(select(. != "skipped")) | length))' \
        "$RUN/sweep_index.json")
}

# The runs of tmp/SUBDIR, or that of TIMESTAMP: a folder a line, the oldest first.
list_runs() {
    if [ -n "$TIMESTAMP" ]; then set -- "tmp/$SUBDIR/$TIMESTAMP"; else set -- "tmp/$SUBDIR"/*; fi
    for run in "$@"; do
        [ ! -f "$run/run.json" ] || [ -L "$run" ] || printf '%s\n' "$run"
    done
}

size() { # PATH...: in words; what several hold is counted once
    du -sk -c "$@" 2>/dev/null | awk 'END { if ($1 >= 1048576) printf "%.1f GB", $1 / 1048576; else if ($1 >= 1024) printf "%d MB", $1 / 1024; else printf "%d KB", $1 }'
}

do_runs() {
    runs=$(list_runs)
    [ -n "$runs" ] || die 2 "tmp/$SUBDIR: no run yet; $(advise sweep) starts one"
    latest=$(readlink "tmp/$SUBDIR/latest")
    printf '%-21s  %7s  %5s  %s\n' 'run (* the latest)' size cells 'of what'
    printf '%s\n' "$runs" | while read -r run; do
        cells=$(jq '.successes | length' "$run/sweep_index.json" 2>/dev/null)
        about=$(jq -r '"\(.imgsz) px, \(.images | length) images, \(.score_size) scored\(if .fold == 1 then ", folded" else "" end), \(.device)"' "$run/run.json" 2>/dev/null)
        name=${run##*/}
        [ "$name" != "$latest" ] || name="$name *"
        line=$(printf '%-21s  %7s  %5s  %s: %s' "$name" "$(size "$run")" "${cells:--}" "$(ls "$run/outputs" 2>/dev/null | paste -s -d ' ')" "${about:-run.json cannot be read}")
        printf '%s\n' "$line"
    done
    note "$(size "tmp/$SUBDIR") in all; ${CALLED:-make} prune SUBDIR=$SUBDIR gives back what can be made again"
}

# What a run makes again where it is needed: images, and sums of what is scored already. A run that is in use is left alone.
do_prune() {
    runs=$(list_runs)
    [ -n "$runs" ] || die 2 "tmp/$SUBDIR${TIMESTAMP:+/$TIMESTAMP}: no such run"
    # Of all together: runs share images.
    gone=$(printf '%s\n' "$runs" | while read -r RUN; do
        (
            exec 9>>"$RUN/lock" && flock -n 9 || { note "$RUN: in use, and left alone" && exit; }
            for path in "$RUN/work/calib.bin" "$RUN/work/state" "$RUN/work/scratch"; do [ ! -e "$path" ] || printf '%s\n' "$path"; done
        ) 2>&3
    done) 3>&2
    # shellcheck disable=SC2086
    freed=$([ -z "$gone" ] && echo 0 KB || size $gone)
    # shellcheck disable=SC2086
    remove $gone
    echo "$freed given back by $(printf '%s\n' "$runs" | grep -c .) run$([ "$(printf '%s\n' "$runs" | grep -c .)" -eq 1 ] || echo s) of tmp/$SUBDIR"
}

# The images of another run that has the same, but where all is to be new, by a hard link: a file that is made anew takes another's place, and is never written into.
share_images() {
    [ ! -e "$RUN/work/calib.bin" ] && [ "$NEW" != 1 ] || return 0
    wanted=$(jq -c '[.images_sha256, .imgsz]' "$RUN/run.json")
    for calib in "tmp/$SUBDIR"/*/work/calib.bin; do
        other=${calib%/work/calib.bin}
        [ -s "$calib" ] && [ ! -L "$other" ] && [ "$(jq -c '[.images_sha256, .imgsz]' "$other/run.json" 2>/dev/null)" = "$wanted" ] &&
            [ -z "$("$BIN/seal-check" "$calib" 2>/dev/null)" ] && ln "$calib" "$RUN/work/calib.bin" 2>/dev/null && return 0
    done
}

# A model that is to be no longer in the run. It goes by one rename, so that a sweep finds all of its results or none.
do_drop() {
    find_any_run
    case $MODEL in
    */* | *=*) known= ;;
    *) known=$RUN/outputs/$MODEL ;;
    esac
    [ -d "$known" ] || die 2 "$MODEL: not a model of $RUN, which has: $(ls "$RUN/outputs" | paste -s -d ' ')"
    cells=$(find "$known/" -mindepth 3 -maxdepth 3 -name status.json | wc -l)
    lock
    clear_temporaries
    open_scratch
    mv "$known" "$scratch/" || die 1 "$known: cannot be removed"
    rm -rf "$RUN/logs/$MODEL" "$RUN/work/amax/$MODEL.json" "$RUN/work/amax/$MODEL.err"
    for folder in model state failed made time; do
        rm -rf "$RUN/work/$folder/$MODEL"
    done
    note "$MODEL: dropped from $RUN, with its $cells cell$([ "$cells" -eq 1 ] || echo s)"
    do_index
}

# Temporary files of all that follows: on the disk of the results, and cleared away by the next sweep whatever happens.
open_scratch() {
    scratch=$RUN/work/scratch TMPDIR=$TOP/$RUN/work/scratch
    export TMPDIR
    rm -rf "$scratch" && mkdir -p "$scratch" 2>/dev/null && room "$scratch" || full "$RUN"
}

do_sweep() {
    began=$(date +%s)
    [ -x "$BIN/grid-run" ] || die 2 "$BIN/grid-run: not built; make build"
    chosen=$(choose) || exit 2
    RUN=${chosen% *} KIND=${chosen##* }
    export RUN
    mkdir -p "$RUN/outputs" "$RUN/logs" "$RUN/work" || die 1 "$RUN: cannot be written"
    lock
    use_device
    clear_temporaries
    open_scratch
    plan --table --prepare "${home}mk/cells.mk" "$RUN" >"$scratch/plan" || exit 2
    point_latest
    share_images
    awk -F '\t' '$3 == "nomodel" && !seen[$1]++ { print $1 ": " $4 }' "$scratch/plan" >&2

    count
    before=$todo
    if [ "$todo" -gt 0 ]; then
        make_goal all
        room "$scratch" || full "$RUN"
        find "$RUN/work/state" "$RUN/work/failed" -mindepth 1 -type d -empty -delete
        plan --table "$RUN" >"$scratch/plan" || exit 2
        count
        # What Make could not make is recorded as failed, unless it was stopped.
        [ -z "$broken" ] || ! grep -q "${tab}todo${tab}" "$scratch/plan" || interrupted=1
    fi
    if [ -n "$verifying" ] && [ -z "$interrupted" ]; then
        make_goal verify
        [ ! -e "$scratch/unmeasured" ] || unmeasured=1
        [ -z "$broken" ] || { [ -n "$unmeasured" ] && [ ! -e "$scratch/interrupted" ]; } || interrupted=1
    fi
    "${YS}mk/index.sh" "$RUN" || exit 1
    if [ -n "$interrupted" ]; then
        die 2 "$RUN: not finished; the same command goes on where it was"
    fi
    awk -F '\t' '$3 ~ /^(failed|stale|todo)$/ && !n[$4]++ { why[++k] = $4; first[k] = $1 "/" $2 }
        END { for (i = 1; i <= k; i++) print first[i] (n[why[i]] > 1 ? " and " n[why[i]] - 1 " more" : "") ": " (why[i] ? why[i] : "not made") }' "$scratch/plan" >&2
    close_with_cells
    [ -z "$verifying" ] || awk -F '\t' '$3 == "done" { print $1 "/" $2 }' "$scratch/plan" | while read -r cell; do
        # What an earlier call measured, on other images perhaps, is not this one's result.
        [ ! -s "$RUN/outputs/$cell/verify.json" ] || { [ -n "$unmeasured" ] && grep -qxF "$cell" "$scratch/unmeasured"; } ||
            jq -r -L "${YS}mk" -f "${YS}mk/measured.jq" --arg cell "$cell" --arg rank "$RANK_BY" "$RUN/outputs/$cell/verify.json"
    done >&2
    summary "$done" "$unsupported" "$((todo + nomodel))"
    [ "$((todo + nomodel))" -eq 0 ] && [ -z "$unmeasured" ] || exit 2
}

# How wide standard error is, but 100 at most.
columns() {
    set -- 0 100
    # shellcheck disable=SC2046
    [ ! -t 2 ] || set -- $(stty size <&2 2>/dev/null)
    [ "${2:-0}" -ge 60 ] && [ "$2" -lt 100 ] || set -- 0 100
    echo "$2"
}

duration() { # SECONDS
    if [ "$1" -lt 60 ]; then echo "$1 s"; elif [ "$1" -lt 3600 ]; then echo "$(($1 / 60)) min $(($1 % 60)) s"; else echo "$(($1 / 3600)) h $(($1 % 3600 / 60)) min"; fi
}

# What became of this call's cells, in few lines.
close_with_cells() {
    made=$((before - todo))
    cells="$done cell$([ "$done" -eq 1 ] || echo s)"
    took="$cells, least hurt first"
    [ "$made" -le 0 ] || took="$([ "$made" -eq "$done" ] || echo "$made of ")$cells in $(duration $(($(date +%s) - began))), least hurt first"
    jq -r -f "${YS}mk/closing.jq" --rawfile plan "$scratch/plan" --arg rank "$RANK_BY" --arg took "$took" --arg called "${CALLED:-make}" --arg typed "$TYPED" --argjson lines "$([ -n "$TYPED" ] && echo 5 || echo 6)" \
        --argjson width "$(columns)" --arg unsupported "$(awk -f "${YS}mk/unsupported.awk" "$scratch/plan")" "$RUN/sweep_index.json" >&2
}

# Makes a goal of the run's grid.mk; broken: not all of it.
make_goal() { # GOAL
    broken=
    check_inputs
    open_board
    running=1
    # MAKEFLAGS hands -j and its job server on; -k: what fails takes nothing else with it. This shell must not hold the board's
    # pipe by 1 or 2, or it would wait for itself.
    # shellcheck disable=SC2016
    interruptible sh -c 'exec "$@" >&8 2>&8 8>&-' sh env LOCKED=1 "$MAKE" $side_by_side -s -k --no-print-directory -C "$RUN" -f grid.mk "$1" || broken=1
    running=
    close_board
}

# The steps' words go to descriptor 8 (make's job server has low ones): standard error, or on a terminal a board, which
# also shows how far each step is.
open_board() {
    if [ -t 2 ] && [ "${TERM:-dumb}" != dumb ]; then
        mkfifo "$scratch/board" || die 1 "$scratch: no pipe can be made there"
        # What ends the steps must not end it: it goes when the last of them has gone.
        (trap '' INT TERM HUP && exec "$BIN/progress-board" <"$scratch/board" >&2 9>&-) &
        board=$!
        BOARD=1
        export BOARD
        exec 8>"$scratch/board"
    else
        exec 8>&2
    fi
}

at_exit() {
    close_board
    [ -z "$scratch" ] || rm -rf "$scratch"
    [ -z "$running" ] || note "$RUN: not finished; the same command goes on where it was"
}

close_board() {
    exec 8>&-
    [ -z "$board" ] || wait "$board"
    board=
}

point_latest() {
    [ "$(readlink "tmp/$SUBDIR/latest")" != "${RUN##*/}" ] || return 0
    # Under grid-run's lock of the folder.
    # shellcheck disable=SC2016
    flock "tmp/$SUBDIR/.choice" sh -c 'ln -sfn "$1" "$2/.latest" && mv -fT "$2/.latest" "$2/latest"' sh "${RUN##*/}" "tmp/$SUBDIR" ||
        die 1 "tmp/$SUBDIR/latest: cannot be made"
}

interrupted='' broken='' board='' running='' verifying='' unmeasured=''
unset BOARD
case $1 in
sweep | plan | index | drop | runs | prune) "do_$1" ;;
verify) verifying=verify; do_sweep ;;
keep-list | pareto | export)
    # shellcheck source=mk/deploy.sh
    . "${YS}mk/deploy.sh"
    case $1 in keep-list) do_keep_list ;; *) "do_$1" ;; esac
    ;;
*) die 2 "sweep.sh: no such step: $1" ;;
esac
