#!/bin/sh
# compute-sanitizer over the kernels' tests and a pass over two cells: no access out of bounds, no race in shared memory.
. tests/fixture.sh
command -v compute-sanitizer >/dev/null || { echo "# skip: no compute-sanitizer here (it is part of a CUDA toolkit)"; exit 0; }
build=${BUILD:-build}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
"$build/bin/calib-prep" --list calib/quant100.txt --count 10 --size 64 -o "$dir/calib" || exit 1
"$build/bin/qcfg-build" --weight int8 --act fp8 --granularity per_channel -o "$dir/a" || exit 1
"$build/bin/qcfg-build" --weight fp4 --act fp4 --granularity per_layer -o "$dir/b" || exit 1
clean() { # TOOL NAME COMMAND...
    tool=$1 name=$2
    shift 2
    if compute-sanitizer --tool "$tool" --error-exitcode 9 "$@" >"$dir/log" 2>&1 && grep -q "ERROR SUMMARY: 0 errors\|RACECHECK SUMMARY: 0 hazards" "$dir/log"; then
        echo "ok - $tool: $name"
    else
        echo "not ok - $tool: $name"
        tail -n 20 "$dir/log" | sed 's/^/# /'
    fi
}
for tool in memcheck racecheck; do
    for t in quantize conv plain damage; do clean $tool "test_$t" "$build/test/cuda/test_$t"; done
    clean $tool "sens-score" "$build/bin/sens-score" -m "$checkpoint" -c "$dir/calib" -n 2 --device cuda "$dir/a=$dir/a.json" "$dir/b=$dir/b.json"
done
