#!/bin/sh
# One sweep at a time in a run: a second one is told who is there; what a dead one held is free. Two in different runs are fine.
. tests/grid/lib.sh
runs=tmp/yolo10_layer_sensitivity_sweep
few() { # [VARIABLE=VALUE]...
    mk sweep MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES='int8 fp8' "$@"
}
# The same in a group of its own, its words in bg.NAME; $pid: make's.
start() { # NAME SLEEP [VARIABLE=VALUE]...
    name=$1 sleep=$2
    shift 2
    FAKE_SLEEP=$sleep setsid make BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 SCORE_SIZE=4 MODELS=a \
        WEIGHT_DTYPES=int8 ACT_DTYPES='int8 fp8' sweep "$@" >bg.out.$name 2>bg.$name &
    pid=$!
}
wait_for() { # COMMAND...: to succeed, 10 seconds at most
    tries=0
    until "$@" || [ $tries -ge 200 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
}
all_ok='0 4 ok, 0 unsupported, 0 failed: sweep_index.json'
said='in use by the sweep of process [0-9]* on [^ ]* since 20[0-9]*-[0-9-]* [0-9:]*; wait for it, or TIMESTAMP= another run'

start one 0.4 TIMESTAMP=it
wait_for [ -s $runs/it/grid.mk ]
few TIMESTAMP=it
equal "a second sweep in one run: status" "$status" 2
ok "is told who holds it, in one line" [ "$(grep -c "^yolosens: $runs/it: $said\$" err) $(grep -vc '^make' err)" = "1 1" ]
ok "that process is alive" kill -0 "$(sed -n 's/.*sweep of process \([0-9]*\) .*/\1/p' err)"
few TIMESTAMP=other
equal "one in another run is not refused" "$status $(last_line)" "$all_ok"
wait $pid
few TIMESTAMP=it
equal "afterwards the run is free" "$status $(last_line)" "$all_ok"

# A sweep that died by SIGKILL, with all of its processes, holds nothing, whoever has its number now.
start killed 0.4 TIMESTAMP=killed
wait_for [ -s $runs/killed/grid.mk ]
kill -s KILL -- "-$pid"
wait $pid
equal "a sweep is killed" "$?" 137
echo "the sweep of process 1 on $(uname -n) since 2020-02-02 02:02:02" >$runs/killed/lock
few TIMESTAMP=killed
equal "a lock whose owner died is taken over" "$status $(last_line)" "$all_ok"
ok "and names the new owner" [ "$(grep -c 'process 1 on\|since 2020' $runs/killed/lock)" -eq 0 ]

# Where only its head was killed, its hands still write.
forget
start headless 1 TIMESTAMP=headless
wait_for grep -q '^sens-score' "$FAKE_LOG"
head=$(sed 's/.*process \([0-9]*\) .*/\1/' $runs/headless/lock)
kill -s KILL "$head"
wait $pid
few TIMESTAMP=headless
equal "what a killed sweep left running keeps others out: status" "$status" 2
ok "and is named" grep -q "in use by what is left of the sweep of process $head on .*: process [0-9 ]*[0-9]; wait for it" err
# shellcheck disable=SC2046
ok "these are alive" kill -0 $(sed -n 's/.*: process \([0-9 ]*\); wait.*/\1/p' err)
free() {
    few TIMESTAMP=headless
    ! grep -q 'in use by' err
}
wait_for free
equal "once they are done, it goes on" "$status $(last_line)" "$all_ok"
tree $runs/it >whole
tree $runs/headless >content
ok "to the same bytes" cmp whole content

# At the same moment.
for round in 1 2 3; do
    start first 0.1 TIMESTAMP=race-$round
    first=$pid
    start second 0.1 TIMESTAMP=race-$round
    wait $first
    one=$?
    wait $pid
    equal "two that begin at the same moment: one goes, one is refused" "$(printf '%s\n' $one $? | sort | tr '\n' ' ')$(cat bg.first bg.second | grep -c "$said\|in use by another sweep")" "0 2 1"
    tree $runs/race-$round >content
    ok "the run is whole" cmp whole content
done
start first 0.1 TIMESTAMP=settings IMGSZ=320
first=$pid
start second 0.1 TIMESTAMP=settings IMGSZ=640
wait $first
one=$?
wait $pid
equal "two of other settings under one name: one goes" "$(printf '%s\n' $one $? | sort | tr '\n' ' ')$(cat bg.first bg.second | grep -c 'this run has other settings: IMGSZ')" "0 2 1"
ok "with the settings of the run" [ "$(head -n 1 $runs/settings/work/calib.bin | cut -d' ' -f3)" = "$(jq .imgsz $runs/settings/run.json)" ]
start first 0.1 NEW=1 SUBDIR=two
first=$pid
start second 0.1 NEW=1 SUBDIR=two
wait $first
one=$?
wait $pid
equal "two in different runs at the same moment: both go" "$one $?" "0 0"
for dir in tmp/two/20*; do
    tree "$dir" >content
    ok "$(basename "$dir") is whole" cmp whole content
done
equal "these are" "$(ls -d tmp/two/20* | wc -l)" 2
exit $failed
