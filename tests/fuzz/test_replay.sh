#!/bin/sh
# Every input that a fuzzer starts with, that once was a finding, and of the corpus that it has grown, through the function that it
# fuzzes: none crashes, breaks a promise of fuzz.h, or takes over 10 seconds of CPU. One that is to be kept goes to tests/fuzz/found/NAME.
BUILD=${BUILD:-build}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0
for replay in "$BUILD"/fuzz/replay-*; do
    name=${replay##*/replay-}
    mkdir "$scratch/$name" && "$BUILD/fuzz/seeds" "$name" "$scratch/$name" || { echo "not ok - $name has no seeds"; exit 1; }
    [ ! -f "tests/fuzz/corpus/$name.tar.gz" ] || tar -xzf "tests/fuzz/corpus/$name.tar.gz" -C "$scratch/$name" || exit 1
    inputs=$(find "$scratch/$name" "tests/fuzz/found/$name" -type f 2>/dev/null)
    [ "$name" != image ] || inputs="$inputs $(find tests/image/fixtures -type f)"
    # shellcheck disable=SC2086
    if (ulimit -t 10; "$replay" $inputs >"$scratch/out" 2>"$scratch/err"); then
        echo "ok - $name: $(cat "$scratch/out")"
    else
        echo "not ok - $name: $(tail -n 40 "$scratch/err" | grep -v '^$' | head -n 12)"
        failed=1
    fi
done
exit $failed
