#!/bin/sh
# What bench-modelopt is made of, as far as the standard library of Python goes: its checkpoint reader, its choice of cells, its
# judgement of scores, its refusals.
. tests/fixture.sh
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    echo "# skip there is no python3, 3.10 or newer"
    exit 0
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
python3 -B tests/bench/tools_check.py "${BUILD:-build}/bin" "$tmp" 2>"$tmp/err" || { echo "not ok - tools_check.py ended early"; tail -n 20 "$tmp/err"; }

refused() { # WORDS ARGUMENT...
    words=$1
    shift
    env "$level" python3 -B bench/modelopt/run.py --bin "${BUILD:-build}/bin" --make false -o "$tmp/out.json" "$@" >"$tmp/said" 2>&1
    status=$?
    if [ "$status" -eq 2 ] && [ "$(wc -l <"$tmp/said")" -eq 1 ] && grep -q -e "$words" "$tmp/said" && [ ! -e "$tmp/out.json" ]; then
        echo "ok - $level $*: refused in one line"
    else
        echo "not ok - $level $*: status $status: $(head -n 3 "$tmp/said")"
    fi
}
level=YOLOSENS_CPU=
refused 'no such checkpoint' --threads 2 CHECKPOINTS=models/no-such.pt BENCH_CELLS=all
refused 'another of MODELS' --threads 2 "CHECKPOINTS=$checkpoint ${checkpoint%/*}/./yolov10n.pt" BENCH_CELLS=all
refused 'can run 15' --threads 2 CHECKPOINTS="$checkpoint" BENCH_CELLS=16
refused 'cores may be used here' --threads 100000 CHECKPOINTS="$checkpoint" BENCH_CELLS=all
level=YOLOSENS_CPU=avx3
refused 'use baseline, avx2' --threads 2 CHECKPOINTS="$checkpoint" BENCH_CELLS=1
