# shellcheck shell=bash disable=SC2034
# Read by the tests of this folder (bash), from the repository root. SEED repeats the random moments of an earlier test; how far
# a sweep is by then depends on the machine as well.
. tests/faults/lib.sh
RANDOM=${SEED:-$(($(date +%s) % 32768))}
seed=${SEED:-$RANDOM}
RANDOM=$seed
ways=('')
lengths=()

# The undisturbed run of each way, in milliseconds, and what all of them hold: the file `whole`.
undisturbed() {
    echo "# seed $seed"
    for way in "${!ways[@]}"; do
        local began
        began=$(date +%s%N)
        # shellcheck disable=SC2086
        sweep TIMESTAMP="whole-$way" ${ways[way]}
        lengths[way]=$((($(date +%s%N) - began) / 1000000))
        equal "undisturbed ${ways[way]}, ${lengths[way]} ms" "$status $(last_line)" "$all_ok"
        content "$runs/whole-$way" >"content-$way"
        ok "the same content" cmp content-0 "content-$way"
    done
    mv content-0 whole
}

# Moments of a sweep of this way: anywhere in an undisturbed one's length.
moment() { # WAY
    echo $(((RANDOM * 32768 + RANDOM) % lengths[$1]))
}

# Whether a process of the group lives; one that is dead and waits for its parent does not.
alive() { # GROUP
    local stat state group
    for stat in /proc/[0-9]*/stat; do
        read -r stat 2>/dev/null <"$stat" || continue
        read -r state _ group _ <<<"${stat##*) }"
        [ "$group" != "$1" ] || [ "$state" = Z ] || return 0
    done
    return 1
}

# Starts a sweep of its own session, and sends SIGNAL to TARGET (group, or make alone) after MILLISECONDS; $ended: its exit
# status, $took: the milliseconds from the signal until all of its processes are gone.
signal_after() { # SIGNAL TARGET MILLISECONDS [VARIABLE=VALUE]...
    local signal=$1 target=$2 after=$3 pid began
    shift 3
    # A script's child in the background ignores SIGINT: env gives it back.
    prefix='env --default-signal=INT setsid'
    (exec_sweep "$@") >out 2>err &
    pid=$!
    prefix=
    sleep "$((after / 1000)).$(printf %03d $((after % 1000)))"
    began=$(date +%s%N)
    if [ "$target" = group ]; then kill -s "$signal" -- "-$pid" 2>/dev/null; else kill -s "$signal" "$pid" 2>/dev/null; fi
    wait "$pid" 2>/dev/null
    ended=$?
    while alive "$pid"; do
        sleep 0.01
        [ $(($(date +%s%N) - began)) -lt 5000000000 ] || break
    done
    took=$((($(date +%s%N) - began) / 1000000))
}

# Temporary files that are nobody's.
left_outside() {
    find "$TMPDIR" "$runs" -mindepth 1 -maxdepth 1 -name '*.?*' ! -name .choice
}

# Runs the sweep to its end and compares what the run holds with what it should.
resumed() { # RUN [VARIABLE=VALUE]...
    local run=$1
    shift
    sweep TIMESTAMP="$run" "$@"
    content "$runs/$run" >content
    [ "$status $(last_line)" = "$all_ok" ] && cmp -s whole content && [ "$(temporaries $runs/"$run")" -eq 0 ]
}
