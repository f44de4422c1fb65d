#!/bin/sh
# every_call.sh ERRORS: makes each call fail in turn by which each tool's results reach the disk (shim_writes.c). The tool ends with
# status 1 and one line that names what could not be written; each file is whole or as it was; no temporary is left; and the
# tool, run again, makes what it should. ERRORS: all, for each call in every way, or some: every fourth call, in ways by turns.
. tests/faults/lib.sh
errors=$1 step=1 first=1
[ "$errors" = all ] || step=4
shim=$(realpath "$here/${BUILD:-build}")/test/faults/shim_writes.so
# Of a sanitized tool: the shim comes before its libraries.
ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0
export ASAN_OPTIONS

mkdir in
for k in 1 2 3 4 5; do cat lists/list.txt; done >lists/fifty.txt
"$bin/calib-prep" --list lists/fifty.txt --count 50 --size 32 -o in/calib.bin && "$bin/qcfg-build" -w int8 -a int8 -g per_layer -o in/q.json &&
    "$bin/calib-stats" -m models/a.pt -c in/calib.bin -t 1 -o in/amax.json &&
    "$bin/sens-score" -m models/a.pt -c in/calib.bin -a in/amax.json -n 2 -t 1 -o in/scores.json in/q.json &&
    "$bin/recipe-solve" in/scores.json -o in/recipe.json || exit 1

run_tool() { # TOOL
    case $1 in
    calib-prep) set -- calib-prep --list lists/list.txt --count 10 --size 64 -t 1 -o out/calib.bin ;;
    npy) set -- calib-prep --list lists/list.txt --count 10 --size 32 -t 1 --npy -o out/images.npy ;;
    model-dump) set -- model-dump models/a.pt -o out/model.json ;;
    qcfg-build) set -- qcfg-build -w int8 -a int8 -g per_layer -o out/q.json ;;
    calib-stats) set -- calib-stats -m models/a.pt -c in/calib.bin -t 1 --state state -o out/amax.json ;;
    sens-score) set -- sens-score -m models/a.pt -c in/calib.bin -a in/amax.json -n 2 -t 1 --state state -o out/scores.json in/q.json ;;
    recipe-solve) set -- recipe-solve in/scores.json -o out/recipe.json ;;
    file-put) set -- file-put in/scores.json=out/one in/recipe.json=out/two in/q.json=out/three ;;
    report-gen) set -- report-gen -s in/scores.json -r in/recipe.json -o out/report ;;
    esac
    tool=$1
    shift
    LD_PRELOAD=$preload "$bin/$tool" "$@" >stdout 2>err
    status=$?
}
# A folder of earlier results, of the names that are in `whole`.
prepare() {
    rm -rf out state calls
    mkdir out state
    [ ! -d "whole/$what" ] || (cd "whole/$what" && find . -type f ! -path './report/*') | while read -r f; do echo earlier >"out/$f"; done
}
# Files in out that are neither whole nor as they were, and files that should not be there.
half_written() {
    find out state -type f | while read -r f; do
        case $f in
        state/*) case ${f##*/} in .*) echo "$f" ;; *) "$bin/seal-check" "$f" 2>/dev/null ;; esac ;;
        *) cmp -s "$f" "whole/$what/${f#out/}" || [ "$(cat "$f")" = earlier ] || echo "$f" ;;
        esac
    done
}
complain() { # WHAT
    echo "# $what, call $at ($(sed -n "${at}s/^[0-9]* //p" calls)) $FAULT_ERROR: $1"
    wrong=$((wrong + 1))
}

FAULT_LOG=$sandbox/calls
export FAULT_AT FAULT_ERROR FAULT_LOG
for what in calib-prep npy model-dump qcfg-build calib-stats sens-score recipe-solve report-gen file-put; do
    preload='' FAULT_AT='' wrong=0 tried=0
    prepare
    run_tool $what
    mkdir -p whole && mv out "whole/$what"
    preload=$shim
    prepare
    run_tool $what
    calls=$(wc -l <calls)
    equal "$what through the shim, $calls calls" "$status$(half_written)$(grep -l earlier out/* 2>/dev/null)" 0
    at=$first
    while [ $at -le "$calls" ]; do
        ways='ENOSPC EIO EINTR'
        [ "$errors" = all ] || ways=$(echo EINTR ENOSPC EIO | cut -d' ' -f$((at % 3 + 1)))
        for FAULT_ERROR in $ways; do
            prepare
            FAULT_AT=$at preload=$shim tried=$((tried + 1))
            run_tool $what
            [ $status -eq 1 ] || complain "status $status"
            [ "$(wc -l <err)" -eq 1 ] && grep -q "^$tool: .*\(out\|state\)[/:].*\(No space left on device\|Input/output error\|Interrupted system call\)$" err ||
                complain "says $(cat err)"
            [ -z "$(half_written)" ] || complain "leaves $(half_written | tr '\n' ' ')"
            preload=
            run_tool $what
            [ $status -eq 0 ] && diff -r out "whole/$what" >/dev/null && [ -z "$(find state -type f)" ] || complain "then status $status"
        done
        at=$((at + step))
    done
    # The next tool's begin with another of them.
    [ "$errors" = all ] || first=$((first % step + 1))
    equal "$what with a call that fails, $tried times: wrong" $wrong 0
done
exit $failed
