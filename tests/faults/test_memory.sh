#!/bin/sh
# Each allocation of a tool fails in turn, alone or with all that follow: the tool then ends with a reason and nothing that is not part
# of its whole result, or with the result that it always has.
build=${BUILD:-build}
shim=$(realpath "$build/test/faults/shim_memory.so") || exit 1
nm "$build/bin/recipe-solve" | grep -q __asan && { echo "# skip faults/test_memory.sh: a sanitizer has allocations of its own"; exit 0; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/empty"
to=$dir/got

# Runs the tool in a new copy of the folder $before, which is the @ in its options; standard output is a file there too. Times in
# it are not compared.
try() { # OPTION...
    for option; do
        shift
        set -- "$@" "$(printf %s "$option" | sed "s|@|$to|g")"
    done
    rm -rf "$to" && cp -a "$before" "$to"
    LD_PRELOAD=$preload "$build/bin/$tool" "$@" >"$to/stdout" 2>"$dir/err"
    status=$?
    sed -i "s|$to|@|g; s|\"created\": *\"[^\"]*\"|\"created\": \"1\"|" "$to/stdout"
    find "$to" \( -name run.json -o -name status.json \) -exec sed -i 's/"\(created\|finished\)": *"[^"]*"/"\1": "1"/' {} +
}
# Files that are neither the whole result's nor as they were before, those that it keeps and that are gone, and lines of standard
# output that are not the whole's.
parts() {
    (cd "$before" && find . -type f) | while read -r f; do
        [ -f "$to/$f" ] || [ ! -f "$dir/want/$f" ] || echo "$f is gone"
    done
    find "$to" -type f ! -path "$to/stdout" | while read -r f; do
        cmp -s "$f" "$dir/want${f#"$to"}" || cmp -s "$f" "$before${f#"$to"}" || echo "${f#"$to/"}"
    done
    grep -vxFf "$dir/want/stdout" "$to/stdout"
}

# in_turn STEP TOOL OPTION...: every STEPth allocation fails, until there is none left to fail.
in_turn() {
    every=$1 tool=$2 failed=0 wrong=0
    shift 2
    preload=
    try "$@"
    rm -rf "$dir/want" && mv "$to" "$dir/want"
    [ $status -eq 0 ] || echo "not ok - $tool without faults: $(cat "$dir/err")"
    preload=$shim
    for FAIL_ALL in '' 1; do
        # The tools try some allocations that they can do without; after enough of these in turn there are no more.
        at=1 clean=0 enough=25 every=${MEMORY_STEP:-$every}
        [ -z "$FAIL_ALL" ] || enough=3 every=$((every * 2))
        while [ $wrong -lt 10 ]; do
            FAIL_AT=$at try "$@"
            if [ $status -eq 1 ] && [ "$(wc -l <"$dir/err")" -le "$lines" ] && [ -s "$dir/err" ]; then
                failed=$((failed + 1)) clean=0
                parts >"$dir/parts"
                [ -s "$dir/parts" ] && wrong=$((wrong + 1)) && echo "# allocation $at${FAIL_ALL:+ and all after}: part of a result: $(head -c 300 "$dir/parts")"
            elif [ $status -eq 0 ] && diff -r "$to" "$dir/want" >/dev/null; then
                clean=$((clean + 1))
                [ $clean -lt $enough ] || break
            else
                wrong=$((wrong + 1)) clean=0
                echo "# allocation $at${FAIL_ALL:+ and all after}: status $status: $(head -c 300 "$dir/err")"
            fi
            at=$((at + every))
        done
    done
    if [ $wrong -eq 0 ] && [ $failed -ge 10 ]; then echo "ok - $tool: a reason and no result, or the whole, each of $failed times that memory lacked"
    else echo "not ok - $tool: $wrong wrong, $failed failed"; fi
}
FAIL_ALL=
export FAIL_ALL
before=$dir/empty
. tests/writers.sh
bin=$build/bin in=$dir/in state=
prepare_inputs . || exit 1
# Over a network of few channels; a stride, since most make thousands of allocations. MEMORY_STEP=1: each of every tool.
for writer in $writers; do
    step=797 lines=1
    case $writer in
    file-put) step=1 ;;
    qcfg-build) step=3 ;;
    calib-prep) step=7 ;;
    npy) continue ;; # as calib-prep
    recipe-solve) step=97 ;;
    keep-list) step=197 lines=2 ;; # tells what it kept before it may lack memory
    pareto-solve | report-gen) step=397 ;;
    esac
    call_writer $writer @/it in_turn $step
done
lines=2
in_turn 67 keep-list -s tests/deploy/scores.json -k 5 -t modelopt-onnx -o @/keep.txt
lines=3
# It says what each file suffers from, and then how many do.
in_turn 197 seal-check "$in/calib" "$in/amax"
lines=1

# The grid's tools: a run begins, is looked for, records the first of two cells, and is planned.
grid_run() { # OPTION...
    in_turn 7 grid-run --list calib/quant100.txt --count 10 --score-size 10 --size 32 --device cpu --name run "$@"
}
lines=2 # one tells of the new run
grid_run @
lines=1 before=$dir/runs done=outputs/tiny/int8-int8/per_layer
cp -a "$dir/want" "$before" && mkdir -p "$before/run/$done" || exit 1
grid_run --find @
cell=$before/run/$done
"$build/bin/qcfg-build" -w int8 -a int8 -g per_layer -o "$dir/q" &&
    "$build/bin/sens-score" -m "$writer_model" --name tiny -c "$in/calib" -n 10 -t 1 "$dir/q" -o "$cell/scores.json" || exit 1
plan() { # STEP OPTION...
    planned=$1
    shift
    in_turn "$planned" grid-plan -m "$writer_model" -w 'int8 int4' -a int8 -g per_layer "$@" @/run
}
go_on() { # from what the last one made
    rm -rf "$before" && mv "$dir/want" "$before" && rm "$before/stdout"
}
plan 181 --prepare mk/cells.mk
go_on
"$build/bin/recipe-solve" "$cell/scores.json" -o "$cell/recipe.json" && "$build/bin/report-gen" "$cell" || exit 1
in_turn 11 grid-record @/run ${done#outputs/}
go_on
plan 43
grep -q 'int8-int8/per_layer *done$' "$dir/want/stdout" || echo "not ok - no cell is done"
plan 61 --prepare mk/cells.mk
