#!/bin/sh
# A run on a folder that hosts share: each host knows by the file system's lock whether another one works in it, and by the file's words
# who that is. A host is a process of its own name that sees no process of the others, and whose end is the end of all of its processes.
. tests/grid/lib.sh
. tests/cluster/host.sh
hosts || exit 0
runs=tmp/yolo10_layer_sensitivity_sweep
settings="BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 SCORE_SIZE=4 MODELS=a WEIGHT_DTYPES=int8"
few() { # [VARIABLE=VALUE]...
    mk sweep MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES='int8 fp8' "$@"
}
wait_for() { # COMMAND...: to succeed, 10 seconds at most
    tries=0
    until "$@" 2>/dev/null || [ $tries -ge 200 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
}
all_ok='0 4 ok, 0 unsupported, 0 failed: sweep_index.json'
few TIMESTAMP=whole
tree $runs/whole >whole

# shellcheck disable=SC2086
FAKE_SLEEP=1 on far make $settings ACT_DTYPES='int8 fp8' TIMESTAMP=it sweep >bg.out 2>bg.err &
host=$!
wait_for [ -s $runs/it/grid.mk ]
few TIMESTAMP=it
equal "a sweep of another host keeps others out: status" "$status" 2
ok "and is named, in one line" grep -qx "yolosens: $runs/it: in use by the sweep of process [0-9]* on far since 20[0-9: -]*; wait for it, or TIMESTAMP= another run" err
wait_for [ -s $runs/it/outputs/a/int8-int8/per_channel/scores.json ]
power_off $host
few TIMESTAMP=it
equal "when that host is switched off, the run is free" "$status $(last_line)" "$all_ok"
tree $runs/it >content
ok "to the same bytes" cmp whole content

# A launcher that starts its job on another host, as srun does: the job lives on when the sweep and the launcher are killed.
cat >launch <<'END'
#!/bin/sh
here=$PWD
. tests/cluster/host.sh
on far "$@" </dev/null 9>&- 6<&- &
echo $! >hosts.far
wait $!
END
chmod +x launch
# shellcheck disable=SC2086
FAKE_SLEEP=2 setsid make $settings ACT_DTYPES='int8 fp8' TIMESTAMP=left LAUNCHER=./launch sweep >bg.out 2>bg.err &
sweep=$!
scoring() {
    grep -q '^sens-score' "$FAKE_LOG" && cat $runs/left/work/hands/* | grep -q far
}
forget
wait_for scoring
# The group and not the host, which is of a session of its own.
kill -s KILL -- -$sweep
wait $sweep
few TIMESTAMP=left
equal "what a killed sweep left on another host keeps others out: status" "$status" 2
ok "and is named" grep -qx "yolosens: $runs/left: in use by what a killed sweep's LAUNCHER left running: process [0-9]* on far since 20[0-9: -]*; wait for it or end it, or TIMESTAMP= another run" err
make -C $runs/left -f grid.mk BIN=tests/grid/fake-bin >out 2>err
ok "grid.mk by hand is refused too" grep -q "in use by what a killed sweep's LAUNCHER left running: process [0-9]* on far" err
power_off "$(cat hosts.far)"
few TIMESTAMP=left
equal "when it is gone, the run is free" "$status $(last_line)" "$all_ok"
tree $runs/left >content
ok "to the same bytes again" cmp whole content
equal "and nobody is named any more" "$(find $runs/left/work/hands -type f)" ""

few TIMESTAMP=launched LAUNCHER=./launch
equal "a sweep by that launcher" "$status $(last_line)" "$all_ok"
tree $runs/launched >content
ok "has the same bytes" cmp whole content
equal "its processes take their names away" "$(find $runs/launched/work/hands -type f)" ""

# A job that its launcher had ended: the launcher lives, and has the status of SIGTERM.
cat >limited <<'END'
#!/bin/sh
case $* in *int8-fp8*) echo "srun: error: CANCELLED DUE TO TIME LIMIT" >&2; exit 143 ;; esac
exec "$@"
END
chmod +x limited
few TIMESTAMP=limited LAUNCHER=./limited CELLS_PER_PROCESS=1
equal "a job that was ended fails with its cells; the others go on" "$status $(last_line)" "2 2 ok, 0 unsupported, 2 failed: sweep_index.json"
ok "and is told with the launcher's words" grep -q "^a/int8-fp8/per_[a-z]* and 1 more: .*signal 15 ended its job: .*CANCELLED DUE TO TIME LIMIT" err
few TIMESTAMP=limited
equal "which the next sweep makes" "$status $(last_line)" "$all_ok"
tree $runs/limited >content
ok "with the same bytes as well" cmp whole content
exit $failed
