#!/bin/sh
# fuzz.sh NAME FOLDER SEEDS SECONDS: runs the fuzzer FOLDER/bin/NAME so long over its corpus, FOLDER/corpus/NAME, which grows from
# call to call, and prints one line: executions, edges, findings. An input that crashes, leaks, takes over 5 seconds or 1 GB of memory
# is a finding: it is kept in FOLDER/found, and the exit status is 1.
LC_ALL=C
# A small quarantine and short stacks of allocations: twice the executions.
ASAN_OPTIONS=quarantine_size_mb=16:malloc_context_size=4:detect_stack_use_after_return=0
export LC_ALL ASAN_OPTIONS
name=$1 folder=$2 seeds=$3 seconds=$4
corpus=$folder/corpus/$name found=$folder/found log=$folder/$name.log
mkdir -p "$corpus" "$found" && "$seeds" "$name" "$corpus" || exit 1

set -- "$corpus"
[ ! -d "tests/fuzz/found/$name" ] || set -- "$@" "tests/fuzz/found/$name"
[ "$name" != image ] || set -- "$@" tests/image/fixtures
case $name in
checkpoint | pickle) set -- -dict=tests/fuzz/pickle.dict "$@" ;;
json | report) set -- -dict=tests/fuzz/json.dict "$@" ;;
esac
"$folder/bin/$name" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=16384 -print_final_stats=1 \
    -artifact_prefix="$found/$name-" "$@" >"$log" 2>&1
status=$?

runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
input=$(sed -n 's/.*Test unit written to \(.*\)/\1/p' "$log" | tail -n 1)
if [ "$status" -eq 0 ]; then
    echo "fuzz $name: ${runs:-0} executions, ${edges:-0} edges, no findings"
    exit 0
fi
echo "fuzz $name: ${runs:-?} executions, a finding: ${input:-no input was kept}; $log says more" >&2
grep -m 1 -E '^SUMMARY|ERROR|runtime error' "$log" >&2
exit 1
