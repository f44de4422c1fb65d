#!/bin/sh
# SIGINT and SIGTERM stop a sweep quickly, leave no process and no temporary file behind, and lose nothing.
. tests/grid/lib.sh

# A make in the background of a script ignores SIGINT, as do its children: env gives it back.
start() {
    FAKE_SLEEP=$1 env --default-signal=INT setsid make BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 SCORE_SIZE=4 \
        MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES='int8 fp8' TIMESTAMP=it sweep >bg.out 2>bg.err &
    pid=$!
}
wait_for() { # FILE
    tries=0
    until [ -s "$1" ] || [ $tries -ge 200 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}
left() { # processes whose work is in this sandbox
    for p in /proc/[0-9]*; do
        case $(readlink "$p/cwd") in "$sandbox"*) echo "$(tr '\0' ' ' <"$p/cmdline")" ;; esac 2>/dev/null
    done | grep -e "[s]ens-score" -e "[m]k/" | grep -v test_interrupt
}

run=tmp/yolo10_layer_sensitivity_sweep/it
for signal in INT TERM; do
    for whom in '' -; do
        # make leaves SIGINT to the terminal, which sends it to the whole group.
        [ "$signal$whom" != INT ] || continue
        rm -rf tmp
        start 1
        wait_for $run/outputs/a/int8-int8/per_channel/scores.json
        began=$(date +%s%N)
        kill -s $signal -- "$whom$pid"
        wait $pid
        status=$?
        took=$((($(date +%s%N) - began) / 1000000))
        ok "SIG$signal to ${whom:+the group of }make stops the sweep: $took ms" [ $took -lt 3000 -a $status -ne 0 ]
        ok "no process is left" [ -z "$(sleep 0.2; left)" ]
        ok "what was scored is kept" [ -s $run/outputs/a/int8-int8/per_channel/scores.json ]
        ok "no cell is called failed" [ -z "$(find $run/outputs -name status.json -exec cat {} +)" ]
        equal "no temporary files" "$(temporaries $run)" 0
    done
done
forget
mk sweep MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES='int8 fp8' TIMESTAMP=it
equal "the next sweep ends it" "$status $(last_line)" "0 4 ok, 0 unsupported, 0 failed: sweep_index.json"
ok "without the cells that were there" [ "$(grep '^sens-score' "$FAKE_LOG" | grep -o '=tmp' | wc -l)" -lt 4 ]
echo half >$run/outputs/a/.scores.json.Xy12Zz
echo theirs | tee $run/outputs/a/.env $run/.git $run/outputs/a/int8-int8/per_layer/notes.txt >$run/outputs/a/int8-int8/per_layer/.scores.json.bak
rm $run/outputs/a/int8-int8/per_layer/recipe.json
echo half >$run/.sweep_index.json.7xY12z
mk sweep MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES='int8 fp8' TIMESTAMP=it
equal "what a killed process was writing is cleared away" "$(find $run -name '.*.??????')" ""
equal "and nothing that is not ours by name" \
    "$(cat $run/outputs/a/.env $run/.git $run/outputs/a/int8-int8/per_layer/notes.txt $run/outputs/a/int8-int8/per_layer/.scores.json.bak | tr '\n' ' ')" \
    "theirs theirs theirs theirs "
equal "nor does a record name a user's file" "$(grep -c notes.txt $run/outputs/a/int8-int8/per_layer/status.json)" 0

# A signal to all of them while a run is chosen.
hidden() {
    find tmp -name '.?*' ! -name .choice 2>/dev/null
}
for SIGNAL in INT TERM; do
    rm -rf tmp
    FAKE_SIGNAL=$SIGNAL env --default-signal=INT setsid -w make BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 MODELS=a sweep \
        >out 2>err
    ok "SIG$SIGNAL while a run is chosen stops the sweep" [ $? -ne 0 -a ! -e $run ]
    # A subshell may outlive the script by a moment.
    for _ in 1 2 3 4 5; do [ -z "$(hidden)" ] || sleep 0.2; done
    equal "and leaves nothing" "$(hidden)" ""
done

exit $failed
