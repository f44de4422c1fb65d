#!/bin/sh
# Each allocation of a tool fails in turn: it then ends with a reason and no result, or with the result that it always has.
build=${BUILD:-build} cell=tests/report/tiny
shim=$(realpath "$build/test/faults/shim_memory.so") || exit 1
nm "$build/bin/recipe-solve" | grep -q __asan && { echo "# skip faults/test_memory.sh: a sanitizer has allocations of its own"; exit 0; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# in_turn STEP RESULT TOOL OPTION...: of TOOL -o RESULT every STEPth allocation fails, until there is none left to fail.
in_turn() {
    step=$1 out=$2 tool=$3 at=1 failed=0 wrong=0 clean=0
    shift 3
    rm -rf "$dir/want" && mkdir "$dir/want"
    "$build/bin/$tool" "$@" -o "$dir/want/$out" 2>/dev/null || echo "not ok - $tool without faults"
    while :; do
        rm -rf "$dir/got" && mkdir "$dir/got"
        FAIL_AT=$at LD_PRELOAD=$shim "$build/bin/$tool" "$@" -o "$dir/got/$out" >/dev/null 2>"$dir/err"
        status=$?
        if [ $status -eq 1 ] && [ "$(wc -l <"$dir/err")" -eq 1 ]; then
            failed=$((failed + 1)) clean=0
            find "$dir/got" -type f | while read -r f; do cmp -s "$f" "$dir/want${f#"$dir/got"}" || echo "$f"; done >"$dir/parts"
            [ -s "$dir/parts" ] && wrong=$((wrong + 1)) && echo "# allocation $at: part of a result: $(cat "$dir/parts")"
        elif [ $status -eq 0 ] && diff -r "$dir/got" "$dir/want" >/dev/null; then
            # The tools try some allocations that they can do without; after enough of these in turn there are no more.
            clean=$((clean + 1))
            [ $clean -lt 25 ] || break
        else
            wrong=$((wrong + 1)) clean=0
            echo "# allocation $at: status $status: $(head -c 300 "$dir/err")"
            [ $wrong -lt 10 ] || break
        fi
        at=$((at + step))
    done
    if [ $wrong -eq 0 ] && [ $failed -gt 20 ]; then echo "ok - $tool: a reason and no result, or the whole, each of $failed times that memory lacked"
    else echo "not ok - $tool: $wrong wrong, $failed failed"; fi
}
in_turn 3 q.json qcfg-build -w int4 -a fp8 -g per_layer
in_turn 3 r.json recipe-solve $cell/scores.json
in_turn 13 report report-gen -s $cell/scores.json -r $cell/recipe.json --run $cell/run.json

# The network's tools, over a network of few channels; a stride, since they make thousands of allocations. MEMORY_STEP=1: all.
model=tests/ultralytics/tiny.pt step=${MEMORY_STEP:-97}
"$build/bin/calib-prep" --list calib/quant100.txt --count 10 --size 32 -o "$dir/calib" &&
    "$build/bin/calib-stats" -m $model -c "$dir/calib" -t 1 -o "$dir/amax" &&
    "$build/bin/qcfg-build" -w int8 -a fp8 -g per_channel -o "$dir/q" || exit 1
in_turn "$step" dump.json model-dump --size 32 $model
in_turn "$step" amax calib-stats -m $model -c "$dir/calib" -t 1
in_turn "$step" scores.json sens-score -m $model -c "$dir/calib" -a "$dir/amax" -n 2 -t 1 "$dir/q"
in_turn 3 calib calib-prep --list calib/quant100.txt --count 10 --size 32 -t 1
