#!/bin/sh
# Every input that a fuzzer starts with, that once was a finding, and of the corpus that it has grown, through the function that it
# fuzzes: none crashes, breaks a promise of fuzz.h, or takes over 10 seconds of CPU. One that is to be kept goes to tests/fuzz/found/NAME.
BUILD=${BUILD:-build}
export BUILD
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0
for replay in "$BUILD"/fuzz/replay-*; do
    name=${replay##*/replay-}
    mkdir "$scratch/$name" && tests/fuzz/inputs.sh "$name" "$scratch/$name" || { echo "not ok - $name has no inputs"; exit 1; }
    inputs=$(find "$scratch/$name" -type f)
    # shellcheck disable=SC2086,SC3045
    if (ulimit -t 10; "$replay" $inputs >"$scratch/out" 2>"$scratch/err"); then
        echo "ok - $name: $(cat "$scratch/out")"
    else
        echo "not ok - $name: $(tail -n 40 "$scratch/err" | grep -v '^$' | head -n 12)"
        failed=1
    fi
done
exit $failed
