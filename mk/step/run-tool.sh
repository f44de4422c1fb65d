# shellcheck shell=sh disable=SC2034
# Read with `.`: how the steps of the grid run a tool.

# make sweep says it, once.
room "$TMPDIR" || exit 1

# show_words=always, on_failure or on_success; feeder: images.sh's, whose process sends the tool its images.
show_words=always feed='' feeder='' hand=''

# As run_tool, by LAUNCHER: on another machine perhaps, where hand.sh tells and holds that it works in this run.
launch_tool() { # LABEL ERR RESULT COMMAND...
    [ -n "$LAUNCHER" ] || { run_tool "$@"; return; }
    hand=$RUN/work/hands/$(uname -n).$$
    mkdir -p "${hand%/*}" || exit 1
    label=$1 err=$2 result=$3
    shift 3
    # LAUNCHER is a list of words.
    # shellcheck disable=SC2086
    run_tool "$label" "$err" "$result" $LAUNCHER "${YS}mk/step/hand.sh" "$hand" "$@"
    # A launcher that was killed may have left its job behind.
    [ ! -e "$hand" ] || flock -n "$hand" rm -f "$hand"
    hand=
}

# Runs COMMAND, which makes RESULT, and shows its words; sweep.sh's board, if there is
# one, shows its progress as LABEL's, by descriptor 3. If there is no RESULT afterwards, ERR holds why: the words, or
# how it ended. Always succeeds, but ends the step when the tool was interrupted, so that make stops.
run_tool() { # LABEL ERR RESULT COMMAND...
    label=$1 err=$2 result=$3
    shift 3
    heard=$TMPDIR/$$.heard
    mkdir -p "${err%/*}" || exit 1
    show "$@"
    if [ -n "$BOARD" ]; then
        YOLOSENS_PROGRESS="3 $$ $label"
        export YOLOSENS_PROGRESS
        interruptible "$@" 3>&2 2>"$heard"
        status=$?
        # Also where the tool was killed.
        printf '\036%s\037\n' "$$ $label" >&2
    else
        interruptible "$@" 2>"$heard"
        status=$?
    fi
    # A tool whose images stopped coming cannot know why.
    [ -z "$feeder" ] || interrupted || end_feed || ! grep -q 'standard input' "$heard" || cat "$feed.err" >"$heard"
    case $show_words:$status in
    on_failure:0) ;;
    always:* | on_failure:* | on_success:0) cat "$heard" >&2 ;;
    esac
    if interrupted; then
        rm -f "$heard"
        : >"$TMPDIR/interrupted"
        exit "$status"
    fi
    if [ "$status" -ne 0 ] || [ ! -s "$result" ]; then
        [ "$status" -gt 128 ] || [ ! -s "$heard" ] || { mv -f "$heard" "$err" && return 0; }
        { echo "${1##*/} $(how_it_ended "$status")"; cat "$heard"; } 2>/dev/null >"$err"
    fi
    rm -f "$heard"
}

show() { # COMMAND...
    [ -z "$V" ] || note "$*"
}

# Of a launcher SIGTERM's status is what became of its job, at its time limit for one: had this step been stopped, it would not be here.
interrupted() {
    [ "$status" -ne 143 ] || [ -z "$hand" ] || return 1
    [ "$status" -eq 130 ] || [ "$status" -eq 143 ] || [ "$status" -eq 129 ]
}

how_it_ended() { # STATUS
    if [ "$1" -gt 128 ]; then
        # What runs jobs tells why in its last words.
        [ -z "$hand" ] || { echo "ended with status $1, since signal $(($1 - 128)) ended its job: $(tail -n 3 "$heard" | tr '\n' ' ')" && return; }
        echo "was killed by signal $(($1 - 128))$([ "$1" -ne 137 ] || echo ', as the kernel does when memory runs out')"
    else
        echo "ended with status $1 and made no result"
    fi
}

# A pass of TOOL over cells that ended: what it said, in PASS, becomes the reasons of those that have no RESULT, in
# RUN/work/failed/MODEL/W-A/GRANULARITY. "TOOL: OUT/FILE: reason", or after OUT alone, is one cell's; other words are everybody's.
share_reasons() { # TOOL RESULT PASS MODEL W-A/GRANULARITY...
    tool=$1 result=$2 pass=$3 model=$4
    shift 4
    for stem in "$@"; do
        out=$RUN/outputs/$model/$stem why=$RUN/work/failed/$model/$stem
        [ ! -s "$out/$result" ] || { remove "$why" && continue; }
        {
            grep -F "$tool: $out/" "$pass" | sed 's|^[^ ]*: [^ ]*: ||'
            grep -v "^$tool: $RUN/outputs/" "$pass"
        } >"$why" 2>/dev/null
        [ -s "$why" ] || echo "$tool made no $result" 2>/dev/null >"$why"
    done
    rm -f "$pass"
}
