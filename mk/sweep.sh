#!/bin/sh
# sweep.sh sweep|plan|index: what make's targets of these names do, once the tools are built. Talk goes to stderr; stdout gets the
# plan, or the last line "22 ok, 10 unsupported, 0 failed: tmp/.../sweep_index.json".
# Environment: the variables of config.mk. Exit 2: refused, or a cell failed.
. mk/lib.sh

TOP=$PWD
STEP=$TOP/mk/step
CORES=$(nproc)
export TOP STEP CORES LAUNCHER

# Make's jobs share the cores. MAKEFLAGS holds -jN before " -- " and the variables.
if [ -z "$THREADS" ]; then
    jobs=$(printf '%s\n' "${MAKEFLAGS%% -- *}" | sed -n 's/^.*-j\([0-9][0-9]*\).*$/\1/p')
    case " ${MAKEFLAGS%% -- *} " in *' -j '*) jobs=$CORES ;; esac
    THREADS=$((CORES / ${jobs:-1}))
fi
case " ${MAKEFLAGS%% -- *} " in *' -j'*) given_jobs=1 ;; *) given_jobs= ;; esac
[ "$THREADS" -ge 1 ] || THREADS=1
export THREADS

scratch=$(mktemp -d) || exit 1
trap 'at_exit' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

for tool in calib-prep calib-stats qcfg-build sens-score recipe-solve report-gen progress-board; do
    [ "$1" = index ] || [ -x "$BIN/$tool" ] || die 2 "$BIN/$tool: not built; make build"
done

# One sweep at a time in a run: the lock falls with the last process that holds it.
lock() {
    mkdir -p "$RUN/work" || die 1 "$RUN: cannot be written"
    exec 9>>"$RUN/work/lock"
    flock -n 9 || die 2 "$RUN: in use by the sweep of process $(cat "$RUN/work/lock"); wait for it, or TIMESTAMP= another run"
    echo "$$" >"$RUN/work/lock"
}

# auto: what it was when the run began. A GPU's models go side by side, unless -j says otherwise: it waits for none of them.
use_device() {
    KIND=$(jq -r .device "$RUN/run.json")
    [ "$DEVICE" != auto ] || DEVICE=$KIND
    export DEVICE KIND
    side_by_side=
    [ "$KIND" = cpu ] || [ -n "$given_jobs" ] || side_by_side=-j$CORES
}

count() { # STATE...: cells of the plan in these states
    awk -F '\t' -v states=" $* " 'index(states, " " $3 " ") { n++ } END { print n + 0 }' "$scratch/plan"
}

summary() {
    note "page: $RUN/index.html"
    printf '%d ok, %d unsupported, %d failed: %s\n' "$@" "$RUN/sweep_index.json"
}

do_plan() {
    RUN=$(mk/run.sh find) || exit 2
    mk/plan.sh "$RUN" "$scratch" || exit 2
    awk -F '\t' '{
        say = $3
        if ($3 == "todo" || $3 == "stale") say = "to do"
        if ($3 == "nomodel") say = "failed"
        printf "%-36s %s%s\n", $1 "/" $2, say, $6 == "" ? "" : " (" $6 ")"
    }' "$scratch/plan"
}

do_index() {
    if [ -n "$TIMESTAMP" ]; then
        RUN=tmp/$SUBDIR/$TIMESTAMP
    elif [ -n "$BY_IDENTITY" ]; then
        RUN=$(mk/run.sh find) || exit 2
        [ -n "$RUN" ] || die 2 "tmp/$SUBDIR: no run has these settings; make sweep starts one"
    else
        RUN=tmp/$SUBDIR/$(readlink "tmp/$SUBDIR/latest") || die 2 "tmp/$SUBDIR: no run yet; make sweep starts one"
    fi
    [ -f "$RUN/run.json" ] || die 2 "$RUN: no such run; make sweep starts one"
    export RUN
    mk/index.sh "$RUN" || exit 2
    # shellcheck disable=SC2046
    summary $(jq -r '(.successes | length), ([.failures[].status] | (map(select(. == "skipped")) | length), (map(select(. != "skipped")) | length))' \
        "$RUN/sweep_index.json")
}

do_sweep() {
    RUN=$(mk/run.sh make) || exit 2
    export RUN
    lock
    use_device
    # What a killed sweep was writing. An index may be writing beside us, in the run's own folder.
    find "$RUN" -mindepth 2 -name '.?*' -type f -delete
    find "$RUN" -maxdepth 1 -name '.?*' -type f -mmin +5 -delete
    mk/plan.sh "$RUN" "$scratch" || exit 2
    point_latest

    # What needs no computing: unsupported cells, and those of checkpoints that are not there.
    awk -F '\t' '$3 == "nomodel" && !seen[$1]++ { print $1 ": " $6 }' "$scratch/plan" >&2
    awk -F '\t' -v OFS='\t' '$3 == "unsupported" && $7 == "new" { print "outputs/" $1 "/" $2, "skipped", $4, $6 }
        $3 == "nomodel" { print "outputs/" $1 "/" $2, "failed", $4, $6 }' "$scratch/plan" | mk/step/record.sh - || exit 1

    if [ "$(count todo stale failed)" -gt 0 ]; then
        mk/grid.sh "$RUN" "$scratch/plan" || exit 1
        # MAKEFLAGS hands -j and its job server on; -k: what fails takes nothing else with it.
        open_board
        # This shell must not hold the board's pipe by 1 or 2, or it would wait for itself.
        # shellcheck disable=SC2016
        running=1
        interruptible sh -c 'exec "$@" >&8 2>&8 8>&-' sh "$MAKE" $side_by_side -s -k --no-print-directory -C "$RUN" -f grid.mk all || interrupted=1
        running=
        close_board
        find "$RUN/work/state" "$RUN/work/failed" -mindepth 1 -type d -empty -delete
        mk/plan.sh "$RUN" "$scratch" || exit 2
    fi
    mk/index.sh "$RUN" || exit 1
    if [ -n "$interrupted" ]; then
        die 2 "$RUN: not finished; make sweep goes on where it was"
    fi
    awk -F '\t' '$3 == "failed" { print $1 "/" $2 ": " $6 }' "$scratch/plan" >&2
    jq -r -f mk/closing.jq --rawfile plan "$scratch/plan" "$RUN/sweep_index.json" >&2
    failed=$(count todo stale failed nomodel)
    summary "$(count done)" "$(count unsupported)" "$failed"
    [ "$failed" -eq 0 ] || exit 2
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
    rm -rf "$scratch"
    [ -z "$running" ] || note "$RUN: not finished; make sweep goes on where it was"
}

close_board() {
    exec 8>&-
    [ -z "$board" ] || wait "$board"
    board=
}

point_latest() {
    [ "$(readlink "tmp/$SUBDIR/latest")" != "${RUN##*/}" ] || return 0
    ln -s "${RUN##*/}" "tmp/$SUBDIR/.latest.$$" && mv -fT "tmp/$SUBDIR/.latest.$$" "tmp/$SUBDIR/latest" ||
        die 1 "tmp/$SUBDIR/latest: cannot be made"
}

interrupted='' board='' running=''
unset BOARD
case $1 in
sweep | plan | index) "do_$1" ;;
*) die 2 "sweep.sh: sweep, plan or index" ;;
esac
