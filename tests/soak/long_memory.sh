#!/bin/sh
# A process's memory does not grow with the images that it works through: the resident set at the 200th of 1,000 and at the last.
. tests/fixture.sh
build=$PWD/${BUILD:-build} top=$PWD
bin=$build/bin model=$checkpoint
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
allowed=1024 # kB: what an allocator keeps for threads that come and go
for _ in 0 1 2 3 4 5 6 7 8 9; do sed "s|^|$top/calib/|" "$top/calib/quant100.txt"; done >list
mkdir state

# How many images are done, from what the tool leaves on its way.
prepared() { echo $(($(stat -c %s .calib.?????? 2>/dev/null || echo 0) / (64 * 64 * 3))); }
in_sums() { wc -l state/*.sums 2>/dev/null | awk 'NR == 1 { print $1 }'; }
in_state() { sed -n 's/.*"done": \([0-9]*\).*/\1/p' state/*.json 2>/dev/null | head -n 1; }

grows_not() { # WHAT DONE COMMAND...: DONE tells how many images are done
    what=$1 done=$2
    shift 2
    rm -f samples
    "$@" 2>err &
    pid=$!
    while rss=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$pid/status 2>/dev/null) && [ -n "$rss" ]; do
        n=$($done)
        [ -z "$n" ] || echo "$n $rss" >>samples
        sleep 0.05
    done
    wait $pid
    status=$?
    # shellcheck disable=SC2046
    set -- $(awk '$1 >= 200 && !first { at = $1; first = $2 } first && $2 > most { most = $2 } { last = $1; n++ }
        END { print at + 0, first + 0, last + 0, most + 0, n + 0 }' samples)
    said="$what: $2 kB at image $1, at most $4 kB up to image $3 ($5 samples)"
    if [ $status -eq 0 ] && [ "$1" -ge 200 ] && [ "$1" -lt 500 ] && [ "$3" -ge 900 ] && [ $(($4 - $2)) -le $allowed ]; then
        echo "ok - $said"
    else
        echo "not ok - $said, status $status"
        sed 's/^/#   /' err
    fi
}
grows_not calib-prep prepared "$bin/calib-prep" --list list --count 1000 --size 64 -o calib
grows_not calib-stats in_state "$bin/calib-stats" -m "$model" -c calib --state state -o amax
rm -f state/*
for cell in 'int8 fp8 per_layer' 'fp4 fp4 per_layer' 'fp8 int8 per_channel'; do
    # shellcheck disable=SC2086
    set -- $cell
    "$bin/qcfg-build" -w "$1" -a "$2" -g "$3" -o "q-$1-$2" || exit 1
done
allowed=$((allowed + 3 * 1000 * 3 * 120 * 8 / 1024)) # three cells' sums of each image, which errors are computed from
grows_not sens-score in_sums "$bin/sens-score" -m "$model" -c calib -a amax -n 1000 --state state q-int8-fp8=a q-fp4-fp4=b q-fp8-int8=c
