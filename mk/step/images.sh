# shellcheck shell=sh disable=SC2034
# Read with `.`, after run-tool.sh: the images of the run, which must be those that it began with.

# COMMAND, with the call of calib-prep as its last words.
prepare_images() { # OUTPUT COMMAND...
    output=$1 tee=
    shift
    [ -z "$feed" ] || [ "$output" = - ] || tee=--tee
    jq -r '.images[].sha256' "$RUN/run.json" >"$TMPDIR/$$.sha256" || exit 1
    "$@" "$BIN/calib-prep" --list "$IMAGE_LIST" --count "$CALIB_IMAGES" --sums "$TMPDIR/$$.sha256" --size "$IMGSZ" \
        --threads "$CORES" $tee -o "$output"
}

# Images for the tool that run_tool runs next, which reads them from its standard input as they are decoded. OUTPUT: a file that
# gets them too, or - for none.
feed_images() { # OUTPUT
    feed=$TMPDIR/$$.images
    # A pipe that no name leads to: 6 is its reader, 5 its writer, and each ends when the other does.
    mkfifo "$feed" && exec 4<>"$feed" 6<"$feed" 5>"$feed" 4>&- || exit 1
    rm -f "$feed"
    prepare_images "$1" start_feeder
    exec 5>&-
    trap 'kill "$feeder" 2>/dev/null' EXIT
}

start_feeder() { # COMMAND...
    show "$@"
    "$@" >&5 2>"$feed.err" 5>&- 6<&- &
    feeder=$!
}

# Whether all images were sent, or none was waiting to be; why not, in $feed.err.
end_feed() {
    exec 6<&-
    wait "$feeder"
    feed_status=$?
    trap - EXIT
    [ "$feed_status" -eq 0 ] && return
    [ -s "$feed.err" ] || echo "calib-prep $(how_it_ended "$feed_status")" 2>/dev/null >"$feed.err"
    return 1
}
