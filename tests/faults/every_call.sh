#!/bin/sh
# every_call.sh FAULTS: makes each call go wrong in turn by which each tool's results reach the disk (shim_writes.c). If it fails, the
# tool ends with status 1 and one line that names what could not be written; of a signal it dies. Each file is whole or as it was, no
# temporary is left, and the tool, run again, makes what it should. If it is interrupted or does a part, nothing is to be seen of it.
# FAULTS: all, for each call in every way, or some: every fourth call, in ways by turns.
. tests/faults/lib.sh
errors=$1 step=1 first=1 turn=0
[ "$errors" = all ] || step=4
shim=$(realpath "$here/${BUILD:-build}")/test/faults/shim_writes.so
# Of a sanitized tool: the shim comes before its libraries.
ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0
export ASAN_OPTIONS

. tests/writers.sh
in=$sandbox/in
prepare_inputs "$here" || exit 1

# What a script starts in the background ignores SIGINT: env gives it back.
run_it() { # TOOL ARGUMENT...
    tool=$1
    shift
    env --default-signal=INT LD_PRELOAD="$preload" "$bin/$tool" "$@" >stdout 2>err
    status=$?
}
run_tool() { # WRITER
    state=state call_writer "$1" out/it run_it
}
# A folder of earlier results, of the names that are in `whole`.
prepare() {
    rm -rf out state calls
    mkdir out state
    [ ! -d "whole/$made" ] || (cd "whole/$made" && find . -maxdepth 1 -type f) | while read -r f; do echo earlier >"out/$f"; done
}
# Files in out that are neither whole nor as they were, and files that should not be there.
half_written() {
    find out state -type f | while read -r f; do
        case $f in
        state/*.sums) ;; # a journal: what is torn at its end does not count
        state/*) case ${f##*/} in .*) echo "$f" ;; *) "$bin/seal-check" "$f" 2>/dev/null ;; esac ;;
        *) cmp -s "$f" "whole/$made/${f#out/}" || [ "$(cat "$f")" = earlier ] || echo "$f" ;;
        esac
    done
}
unharmed() {
    [ $status -eq 0 ] && diff -r out "whole/$made" >/dev/null && [ -z "$(find state -type f)" ]
}
complain() { # WHAT
    echo "# $made, call $at ($(sed -n "${at}s/^[0-9]* //p" all-calls)) $FAULT_ERROR: $1"
    wrong=$((wrong + 1))
}

FAULT_LOG=$sandbox/calls
export FAULT_AT FAULT_ERROR FAULT_LOG
for made in $writers; do
    preload='' FAULT_AT='' wrong=0 tried=0
    prepare
    run_tool "$made"
    mkdir -p whole && mv out "whole/$made"
    preload=$shim
    prepare
    run_tool "$made"
    calls=$(wc -l <calls)
    cp calls all-calls
    equal "$made through the shim, $calls calls" "$status$(half_written)$(grep -l earlier out/* 2>/dev/null)" 0
    # file-put's files are all on the disk before the first has its name.
    files=$(find "whole/$made" -type f | wc -l) order='write fsync close rename folder'
    [ "$made" != file-put ] || order='\(create write fsync close \)\{3\}\(rename folder \)\{3\}' files=1
    equal "$made: each file is on the disk before it has its name, and its name before the tool ends" \
        "$(sed 's/^[0-9]* //' calls | uniq | tr '\n' ' ' | grep -o "$order" | wc -l)" "$files"
    for FAULT_ERROR in SHORT EINTR; do
        prepare
        FAULT_AT=all
        run_tool "$made"
        ok "$made with $FAULT_ERROR at every call" unharmed
    done
    at=$first
    while [ $at -le "$calls" ]; do
        ways='ENOSPC EIO EINTR SHORT SIGINT SIGTERM SIGHUP'
        [ "$errors" = all ] || ways=$(echo "$ways" | cut -d' ' -f$((turn % 7 + 1))) turn=$((turn + 1))
        for FAULT_ERROR in $ways; do
            # Of the others there is no part.
            [ "$FAULT_ERROR" != SHORT ] || grep -qx "$at write" all-calls || FAULT_ERROR=EINTR
            prepare
            FAULT_AT=$at preload=$shim tried=$((tried + 1))
            run_tool "$made"
            case $FAULT_ERROR in
            E[NI][OI]*)
                [ $status -eq 1 ] || complain "status $status"
                [ "$(wc -l <err)" -eq 1 ] && grep -q "^$tool: .*\(out\|state\)[/:].*\(No space left on device\|Input/output error\)$" err ||
                    complain "says $(cat err)"
                ;;
            SIG*) [ "$(kill -l $status)" = "${FAULT_ERROR#SIG}" ] || complain "status $status" ;;
            *) unharmed || complain "status $status, $(cat err)" ;;
            esac
            [ -z "$(half_written)" ] || complain "leaves $(half_written | tr '\n' ' ')"
            preload=
            run_tool "$made"
            unharmed || complain "then status $status"
        done
        at=$((at + step))
    done
    # The next tool's begin with another of them.
    [ "$errors" = all ] || first=$((first % step + 1))
    equal "$made with a call that goes wrong, $tried times: wrong" $wrong 0
done

# Standard output.
FAULT_AT=all
shimmed() { # TOOL ARGUMENT...
    tool=$1
    shift
    LD_PRELOAD=$shim "$bin/$tool" "$@"
}
for FAULT_ERROR in SHORT EINTR; do
    call_writer calib-prep - shimmed 2>err | cat >got
    ok "calib-prep into a pipe with $FAULT_ERROR at every call" cmp got whole/calib-prep/it
done
exit $failed
