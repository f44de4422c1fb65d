#!/bin/bash
# The files of test_hostile, test_hostile_zip and test_hostile_tree through the tools that open checkpoints. Each ends with 1 (or 3: a network that is not
# YOLOv10's) and one line on stderr that names the file, prints nothing else, writes nothing, runs nothing, within a second of CPU and an
# address space that the file's size bounds.
BUILD=${BUILD:-build}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
"$BUILD/bin/calib-prep" --list calib/quant100.txt --count 10 --size 32 -o "$scratch/calib.bin" || exit 1
mkdir "$scratch/work"

# Bytes that a checkpoint may take for each of its own, as pt/checkpoint.h has it, and what the program and its libraries take.
factor=$(sed -n 's/^ *CHECKPOINT_FACTOR = \([0-9]*\),/\1/p' src/pt/checkpoint.h) base_kib=65536
case $BUILD in */san*) limited= ;; *) limited=1 ;; esac
[ -n "$limited" ] || echo "# skip bounds on memory: AddressSanitizer has its own"

attack() ( # FILE TOOL ARGUMENT...
    cd "$scratch/work" || exit 9
    [ -z "$limited" ] || ulimit -v $((base_kib + factor * $(stat -c %s "$1") / 1024))
    ulimit -t 1
    shift
    "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
)

complaint() { # FILE STATUS
    [ "$2" = 1 ] || [ "$2" = 3 ] || echo "it ended with $2"
    [ "$(wc -l <"$scratch/err")" = 1 ] || echo "its words are not one line"
    grep -q -F "$1: " "$scratch/err" || echo "its words do not name the file"
    [ ! -s "$scratch/out" ] || echo "it printed something"
    [ -z "$(ls -A "$scratch/work")" ] || echo "it left $(ls "$scratch/work")"
    [ ! -e "${1%/*}/ran" ] || echo "it ran what the file says"
}

failed=0
bin=$PWD/$BUILD/bin
for test in test_hostile test_hostile_zip test_hostile_tree; do
    files=$scratch/$test
    mkdir "$files"
    "$BUILD/test/pt/$test" "$files" >/dev/null || { echo "not ok - $test cannot write its files"; exit 1; }
    for tool in "model-dump -o d.json" "calib-stats --calib ../calib.bin -o a.json --model"; do
        n=0 bad=0
        for file in "$files"/*.pt; do
            # shellcheck disable=SC2086
            attack "$file" "$bin"/$tool "$file"
            why=$(complaint "$file" $?)
            n=$((n + 1))
            [ -z "$why" ] && continue
            bad=$((bad + 1))
            echo "not ok - ${tool%% *} of ${file##*/}: $why ($(head -c 200 "$scratch/err"))"
        done
        [ $bad -gt 0 ] || echo "ok - ${tool%% *} refuses the $n files of $test"
        [ $n -gt 5 ] || { echo "not ok - only $n files"; bad=1; }
        failed=$((failed + bad))
    done
done
exit $((failed > 0))
