#!/bin/sh
# The bytes of scores do not depend on the threads, on the cells scored beside, or on a pass that was killed and taken up.
. tests/fixture.sh
bin=${BUILD:-build}/bin model=$checkpoint
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
check() { # TEXT FILE FILE
    if cmp -s "$2" "$3"; then echo "ok - $1"; else echo "not ok - $1"; fi
}
"$bin/calib-prep" --list calib/quant100.txt --count 12 --size 160 -o "$dir/calib" || exit 1
"$bin/calib-stats" -m $model -c "$dir/calib" -t 1 -o "$dir/amax" || exit 1
"$bin/calib-stats" -m $model -c "$dir/calib" -t 5 -o "$dir/amax5" || exit 1
check "amax by 1 and by 5 threads" "$dir/amax" "$dir/amax5"
# A calibration that is killed once it has saved something, and taken up with other threads; images end in any order.
"$bin/calib-prep" --list calib/quant100.txt --count 64 --size 160 -o "$dir/calib64" || exit 1
"$bin/calib-stats" -m $model -c "$dir/calib64" -t 1 -o "$dir/amax64" || exit 1
mkdir "$dir/half"
saved=0 tries=0
while [ $saved -eq 0 ] && [ $tries -lt 20 ]; do
    tries=$((tries + 1))
    rm -f "$dir/half"/* "$dir/cut"
    "$bin/calib-stats" -m $model -c "$dir/calib64" -t 3 --state "$dir/half" -o "$dir/cut" &
    pid=$!
    until [ -s "$dir/half/yolov10n-amax.json" ] || [ -s "$dir/cut" ]; do sleep 0.01; done
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ ! -s "$dir/half/yolov10n-amax.json" ] || saved=$(jq .done "$dir/half/yolov10n-amax.json")
done
if [ "$saved" -ge 20 ] && [ "$saved" -lt 64 ]; then echo "ok - killed with $saved of 64 images saved"; else echo "not ok - $saved of 64 images saved"; fi
"$bin/calib-stats" -m $model -c "$dir/calib64" -t 2 --state "$dir/half" -o "$dir/taken-up" || echo "not ok - calib-stats: status $?"
check "a killed calibration gives the same bytes" "$dir/amax64" "$dir/taken-up"
if [ -z "$(ls -A "$dir/half")" ]; then echo "ok - no state of it is left"; else echo "not ok - state is left"; fi

# Shards of a calibration: side by side, one of them killed and gone on with, another number of them at the next try, and what none has done.
calibrate() { # OPTION...
    "$bin/calib-stats" -m $model -c "$dir/calib64" --state "$dir/half" "$@" || echo "not ok - calib-stats $*: status $?"
}
for batch in 1 3; do
    "$bin/calib-stats" -m $model -c "$dir/calib64" -b $batch -t 1 -o "$dir/whole"
    calibrate -b $batch --shard 3/3 -t 2 &
    calibrate -b $batch --shard 1/3 -t 1
    wait $!
    rm -f "$dir/cut"
    "$bin/calib-stats" -m $model -c "$dir/calib64" -b $batch -t 1 --state "$dir/half" --shard 2/3 -o "$dir/cut" &
    pid=$!
    until [ -s "$dir/half/yolov10n-amax.2-of-3.json" ]; do sleep 0.01; done
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    done=$(jq .done "$dir/half/yolov10n-amax.2-of-3.json")
    if [ "$(find "$dir/half" -name '*.json' | wc -l)" -eq 3 ] && [ "$done" -gt 21 ] && [ ! -e "$dir/cut" ]; then echo "ok - batch $batch: shards leave their maxima alone, of the one that was killed up to image $done"
    else echo "not ok - batch $batch: shards left $(ls "$dir/half"), image $done"; fi
    # What an altered or a foreign file says is not believed.
    sed 's/"done":\t*[0-9]*/"done": 64/; s/"done": *[0-9]*/"done": 64/' "$dir/half/yolov10n-amax.2-of-3.json" >"$dir/half/yolov10n-amax.9-of-9.json"
    [ $batch -eq 1 ] || calibrate -b $batch --shard 5/8
    calibrate -b $batch -t 3 -o "$dir/joined"
    check "batch $batch: joined shards give the same bytes" "$dir/whole" "$dir/joined"
    if [ -z "$(ls -A "$dir/half")" ]; then echo "ok - no state of them is left"; else echo "not ok - state is left: $(ls "$dir/half")"; fi
done
calibrate --shard 1/2 -o "$dir/none"
jq -e '.done == 32 and (has("first") | not)' "$dir/half/yolov10n-amax.1-of-2.json" >/dev/null && echo "ok - a shard says which images it has" || echo "not ok - a shard's images"
said=$("$bin/sens-score" -m $model -c "$dir/calib64" -a "$dir/half/yolov10n-amax.1-of-2.json" -o "$dir/none" "$dir/a" 2>&1)
case $said in *'stopped after 32 of 64 images'*) echo "ok - and is no calibration" ;; *) echo "not ok - a shard is taken for a calibration: $said" ;; esac
rm -f "$dir"/half/*

"$bin/qcfg-build" -w int8 -a fp8 -g per_channel -o "$dir/a"
"$bin/qcfg-build" -w fp4 -a int4 -g per_layer -o "$dir/b"
"$bin/qcfg-build" -w int4 -a fp16 -g per_layer -o "$dir/c"
score() { # OPTIONS AND OPERANDS...
    "$bin/sens-score" -m $model -c "$dir/calib" -a "$dir/amax" -n 8 "$@" || echo "not ok - sens-score: status $?"
}
for batch in 1 3; do
    score -b $batch -t 1 "$dir/a=$dir/a.all" "$dir/b=$dir/b.all" "$dir/c=$dir/c.all"
    for cell in a b c; do
        score -b $batch -t 5 -o "$dir/$cell.alone" "$dir/$cell"
        check "batch $batch, cell $cell: alone with 5 threads, beside others with 1" "$dir/$cell.all" "$dir/$cell.alone"
    done
done

# Killed at growing delays until a pass gets through; a cell joins for the last tries.
mkdir "$dir/state"
score -o "$dir/a.whole" "$dir/a"
score -o "$dir/b.whole" "$dir/b"
killed=0 delay=30 # milliseconds
while [ ! -s "$dir/a.resumed" ] && [ $killed -lt 40 ]; do
    cells="$dir/a=$dir/a.resumed"
    [ $killed -lt 3 ] || cells="$cells $dir/b=$dir/b.resumed"
    # shellcheck disable=SC2086
    timeout -s KILL "$(printf '0.%03d' $delay)" "$bin/sens-score" -m $model -c "$dir/calib" -a "$dir/amax" -n 8 --state "$dir/state" $cells 2>"$dir/err"
    [ -s "$dir/a.resumed" ] || killed=$((killed + 1))
    [ $delay -ge 900 ] || delay=$((delay + 20))
done
score --state "$dir/state" "$dir/a=$dir/a.resumed" "$dir/b=$dir/b.resumed"
if [ $killed -gt 0 ]; then echo "ok - killed $killed times"; else echo "not ok - no pass was killed"; fi
check "a killed pass gives the same bytes" "$dir/a.whole" "$dir/a.resumed"
check "and so does a cell that joined" "$dir/b.whole" "$dir/b.resumed"
if [ -z "$(ls -A "$dir/state")" ]; then echo "ok - no state is left"; else echo "not ok - state is left"; fi

# A state that was altered, or of other inputs, is not used.
timeout -s KILL 0.9 "$bin/sens-score" -m $model -c "$dir/calib" -a "$dir/amax" -n 8 --state "$dir/state" -o "$dir/d" "$dir/a"
for f in "$dir"/state/*; do
    [ ! -s "$f" ] || sed -i 's/ 0x1\./ 0x1.8/3' "$f"
done
score --state "$dir/state" -o "$dir/d" "$dir/a"
check "an altered state is not used" "$dir/a.whole" "$dir/d"

# Shards: the parts side by side, one of them killed, and another number of them at the next try; a call without --shard joins them.
rm -f "$dir"/state/*
score --state "$dir/state" --shard 3/3 "$dir/a=$dir/a.joined" "$dir/b=$dir/b.joined" &
score --state "$dir/state" --shard 1/3 "$dir/a=$dir/a.joined" "$dir/b=$dir/b.joined"
wait $!
timeout -s KILL 0.4 "$bin/sens-score" -m $model -c "$dir/calib" -a "$dir/amax" -n 8 --state "$dir/state" --shard 2/3 "$dir/a=$dir/a.joined" "$dir/b=$dir/b.joined"
if [ "$(find "$dir/state" -name '*-of-3.sums' | wc -l)" -ge 4 ] && [ ! -e "$dir/a.joined" ]; then echo "ok - shards leave sums and no scores"
else echo "not ok - shards left $(ls "$dir"/state)"; fi
score --state "$dir/state" --shard 1/2 "$dir/a=$dir/a.joined" "$dir/b=$dir/b.joined"
score --state "$dir/state" "$dir/a=$dir/a.joined" "$dir/b=$dir/b.joined"
check "joined shards give the same bytes" "$dir/a.whole" "$dir/a.joined"
check "and those of a cell beside" "$dir/b.whole" "$dir/b.joined"
if [ -z "$(ls -A "$dir/state")" ]; then echo "ok - no shard's sums are left"; else echo "not ok - sums are left: $(ls "$dir"/state)"; fi
score --state "$dir/state" --shard 1/8 -o "$dir/never" "$dir/a"
for f in "$dir"/state/*; do sed -i 's/ 0x1\./ 0x1.8/3' "$f"; done
score --state "$dir/state" -o "$dir/d" "$dir/a"
check "altered sums of a shard are not used" "$dir/a.whole" "$dir/d"
for word in 0/2 3/2 2 1/2/3 a/b -1/2 1/; do
    said=$("$bin/sens-score" -m $model -c "$dir/calib" --state "$dir/state" --shard="$word" -o "$dir/never" "$dir/a" 2>&1)
    if [ $? -eq 2 ] && [ "$(printf '%s\n' "$said" | head -n 1)" = "sens-score: --shard: \"$word\" is no shard; 2/4 is the second of four" ]; then echo "ok - --shard=$word"
    else echo "not ok - --shard=$word: $said"; fi
done
said=$("$bin/sens-score" -m $model -c "$dir/calib" --shard 1/2 -o "$dir/never" "$dir/a" 2>&1)
case $? in 2) echo "ok - a shard needs a folder: $said" ;; *) echo "not ok - a shard without a folder: $said" ;; esac
