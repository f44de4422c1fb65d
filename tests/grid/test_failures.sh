#!/bin/sh
# A cell, a model, a process may fail: it is recorded with its reason, tried again, and the rest goes on.
. tests/grid/lib.sh

FAKE_FAIL=int8-fp8-per_layer
export FAKE_FAIL
small sweep
equal "a failing cell: status and last line" "$status $(last_line)" "2 5 ok, 2 unsupported, 1 failed: sweep_index.json"
equal "its reason" "$(jq -r '.failures[] | select(.status == "failed") | .error' $index)" "layer model.3.conv: the score is not finite"
equal "its keys" "$(jq -r '.failures[] | select(.status == "failed") | keys_unsorted | join(" ")' $index)" \
    "run status error traceback out_dir log_path"
ok "its log" grep -q '^\[ERROR\] layer model.3.conv: the score is not finite' $run/logs/a/int8-fp8/per_layer.log
ok "its row in the CSV" grep -q '^a,int8,fp8,per_layer,failed,,,outputs/a/int8-fp8/per_layer,' $run/sweep_index.csv
small plan
ok "plan says why" grep -q '^a/int8-fp8/per_layer *failed (layer model.3.conv' out
# By hand: the pass fails, with the finished cells of it.
other=$run/outputs/a/int8-int8/per_layer
rm $other/scores.json $other/status.json
by_hand() {
    make -k -C $run -f grid.mk BIN=tests/grid/fake-bin >out 2>err
    status=$?
}
by_hand
equal "grid.mk by hand: Make fails, and says what" "$status $(grep -c '^make.*status.json\] Error 1$' err)" "2 1"
equal "the other cell of the pass is recorded as finished, the failed one as failed" \
    "$(jq -r .status $other/status.json $run/outputs/a/int8-fp8/per_layer/status.json | tr '\n' ' ')" "ok failed "
unset FAKE_FAIL
by_hand
equal "when it can be made, Make is content" "$status $(jq -r .status $run/outputs/a/int8-fp8/per_layer/status.json)" "0 ok"
FAKE_FAIL=int8-fp8-per_layer
export FAKE_FAIL
rm $run/outputs/a/int8-fp8/per_layer/scores.json
small sweep
equal "it fails again" "$status $(last_line)" "2 5 ok, 2 unsupported, 1 failed: sweep_index.json"
unset FAKE_FAIL
forget
small sweep
equal "it is tried again" "$status $(last_line)" "0 6 ok, 2 unsupported, 0 failed: sweep_index.json"
equal "and nothing else is" "$(grep -c 'outputs' "$FAKE_LOG")/$(grep '^sens-score' "$FAKE_LOG" | grep -o '=tmp' | wc -l)" "3/1"

FAKE_UNSOLVABLE=fp4-fp8
export FAKE_UNSOLVABLE
small sweep NEW=1
equal "a cell without a solution" "$status $(last_line)" "2 5 ok, 2 unsupported, 1 failed: sweep_index.json"
ok "its reason" grep -q 'cannot be met' $run/failures.json
unset FAKE_UNSOLVABLE
forget
small sweep
equal "its scores are kept" "$(calls sens-score) $(last_line)" "0 6 ok, 2 unsupported, 0 failed: sweep_index.json"

FAKE_DIE=2
export FAKE_DIE
small sweep NEW=1
equal "a process that is killed keeps its finished cells" "$(last_line)" "2 ok, 2 unsupported, 4 failed: sweep_index.json"
ok "and says so" grep -q 'sens-score was killed by signal 9' $run/failures.json
unset FAKE_DIE
small sweep
equal "the others follow" "$(last_line)" "6 ok, 2 unsupported, 0 failed: sweep_index.json"

before=$(cat $index)
small sweep MODELS='nosuch a'
equal "with a checkpoint that is missing nothing is done, and the run stays as it is" "$status $(cat out)$([ "$before" = "$(cat $index)" ] || echo changed)" "2 "
echo broken >models/broken.pt
small sweep MODELS='broken a'
equal "a checkpoint that cannot be read" "$status $(last_line)" "2 6 ok, 4 unsupported, 6 failed: sweep_index.json"
ok "its reason" grep -q 'models/broken.pt: not a checkpoint' $run/failures.json

# A changed checkpoint remakes its own model's cells, in place.
small sweep MODELS='a b'
mtime=$(stat -c %y $run/outputs/b/int8-int8/per_layer/scores.json)
touch models/a.pt
forget
small sweep MODELS='a b'
ok "a touched checkpoint is no other" [ ! -s "$FAKE_LOG" ]
echo "checkpoint a, trained on" >models/a.pt
small plan
equal "a changed one is planned" "$(grep -c 'to do (another checkpoint)' out)" 6
before=$(readlink $run)
small sweep MODELS='a b'
equal "and made anew, in place" "$(calls sens-score) $(last_line) $(readlink $run)" "1 12 ok, 4 unsupported, 0 failed: sweep_index.json $before"
equal "the amax file too" "$(calls calib-stats)" 1
equal "the new digest" "$(jq -r .digests.checkpoint $run/outputs/a/int8-int8/per_layer/scores.json)" "$(sha256sum <models/a.pt | cut -c1-64)"
equal "the other model's cells are left alone" "$(stat -c %y $run/outputs/b/int8-int8/per_layer/scores.json)" "$mtime"

# Results that were altered or lost are made anew, from as far back as is needed.
forget
rm $run/outputs/a/int8-int8/per_layer/composed-config.yaml
echo x >>$run/outputs/a/int8-fp8/per_layer/recipe.json
small sweep
equal "lost or altered reports: scoring is not repeated" "$(cells sens-score) $(cells recipe-solve) $(cells report-gen) $(last_line)" "0 2 2 6 ok, 2 unsupported, 0 failed: sweep_index.json"
forget
echo ' ' >>$run/outputs/a/int8-int8/per_layer/scores.json
small sweep
equal "altered scores: that cell alone is" "$(cells sens-score) $(cells recipe-solve) $(cells report-gen)" "1 1 1"
forget
rm -r $run/outputs/a/fp4-int8/per_layer
small sweep
equal "a cell that is lost costs that cell: processes" "$(cut -d' ' -f1 "$FAKE_LOG" | tr '\n' ' ')" "sens-score recipe-solve report-gen "
equal "and theirs" "$(cells sens-score) $(cells recipe-solve) $(cells report-gen) $(last_line)" \
    "1 1 1 6 ok, 2 unsupported, 0 failed: sweep_index.json"
echo '{' >$run/outputs/a/int8-int8/per_layer/status.json
small sweep
equal "an altered status.json" "$status $(last_line)" "0 6 ok, 2 unsupported, 0 failed: sweep_index.json"
rm -r $run/work
forget
small sweep
equal "without its intermediates a finished run stays finished" "$(calls sens-score) $(last_line)" "0 6 ok, 2 unsupported, 0 failed: sweep_index.json"

# Cells that were copied in from a run of other settings are not this run's.
small sweep TIMESTAMP=there IMGSZ=320
runs=${run%/*}
small sweep TIMESTAMP=here
rm -r $runs/here/outputs/a/int8-int8/per_layer
cp -a $runs/there/outputs/a/int8-int8/per_layer $runs/here/outputs/a/int8-int8/
small plan TIMESTAMP=here
equal "copied-in cells of another image size are to do" "$(grep '^a/int8-int8/per_layer ' out | tr -s ' ')" \
    "a/int8-int8/per_layer to do (scores of other settings: its imgsz is 320, the run's is 640)"
sed 's/images.15/other\/15/' lists/list.txt >lists/other.txt && mkdir lists/other && echo "another image 15" >lists/other/15.jpg
small sweep TIMESTAMP=elsewhere IMAGE_LIST=lists/other.txt
cp -a $runs/elsewhere/outputs/a/int8-int8/per_layer $runs/here/outputs/a/int8-int8/
small plan TIMESTAMP=here
equal "so are those of other images of the same number" "$(grep '^a/int8-int8/per_layer ' out | tr -s ' ')" \
    "a/int8-int8/per_layer to do (scores of other settings: its images are others than the run's)"
for change in batch_size=2 scoring_revision=3 device='"cuda"' model='"b"' 'digests={"checkpoint": "0"}'; do
    jq -c ".${change%%=*} = ${change#*=}" $runs/there/outputs/a/int8-int8/per_layer/scores.json | jq 'del(.imgsz)' >altered.json
    cp altered.json $runs/here/outputs/a/int8-int8/per_layer/scores.json
    jq --arg sum "$(sha256sum <altered.json | cut -c1-64)" '.files["scores.json"] = $sum' $runs/there/outputs/a/int8-int8/per_layer/status.json \
        >$runs/here/outputs/a/int8-int8/per_layer/status.json
    small plan TIMESTAMP=here
    ok "and those of another ${change%%=*}" grep -q '^a/int8-int8/per_layer *to do (scores of other settings: its \|^a/int8-int8/per_layer *to do (scores of another cell)\|^a/int8-int8/per_layer *to do (another checkpoint)' out
done
small sweep TIMESTAMP=here
equal "they are made anew" "$(jq .imgsz $runs/here/outputs/a/int8-int8/per_layer/scores.json) $(last_line)" "640 6 ok, 2 unsupported, 0 failed: sweep_index.json"

# Logs and grid.mk that are lost come again; a record that is broken is named, and the rest goes on.
rm $runs/here/logs/a/int8-int8/per_layer.log $runs/here/logs/a/fp4-int8/per_channel.log $runs/here/grid.mk
forget
small sweep TIMESTAMP=here
equal "lost logs and grid.mk are made again, and nothing else" "$(ls $runs/here/logs/a/int8-int8/per_layer.log $runs/here/logs/a/fp4-int8/per_channel.log $runs/here/grid.mk | wc -l) $(wc -l <"$FAKE_LOG")" "3 0"
jq '.status = "failed" | .error = 7' $runs/here/outputs/a/int8-int8/per_layer/status.json >broken.json
cp broken.json $runs/here/outputs/a/int8-int8/per_layer/status.json
small index TIMESTAMP=here
equal "a status.json whose error is a number is named, and left out of the index" \
    "$status $(grep -c 'here/outputs/a/int8-int8/per_layer/status.json: cannot be read' err) $(last_line)" "0 1 5 ok, 2 unsupported, 0 failed: sweep_index.json"
small sweep TIMESTAMP=here
equal "and its cell is made anew" "$status $(last_line)" "0 6 ok, 2 unsupported, 0 failed: sweep_index.json"

# The index goes by names and digests, through symbolic links.
sums() { sha256sum <$runs/here/sweep_index.json; }
sums >before
mv $runs/here/outputs/a elsewhere-a && ln -s "$PWD/elsewhere-a" $runs/here/outputs/a
small index TIMESTAMP=here
equal "a symbolic link to a model's folder" "$status $(last_line)" "0 6 ok, 2 unsupported, 0 failed: sweep_index.json"
mv elsewhere-a/int8-int8/per_layer lost
small index TIMESTAMP=here
equal "a cell that is gone" "$(last_line)" "5 ok, 2 unsupported, 0 failed: sweep_index.json"
cp -a lost elsewhere-a/int8-int8/per_layer
touch -d 2001-01-01 elsewhere-a/int8-int8/per_layer/status.json
small index TIMESTAMP=here
equal "one that is back, with an old time stamp" "$(last_line)$(sums | cmp - before)" "6 ok, 2 unsupported, 0 failed: sweep_index.json"
(flock 9 && sleep 1) 9<$runs/here &
began=$(date +%s%N)
small index TIMESTAMP=here
ok "one index at a time" [ $((($(date +%s%N) - began) / 1000000)) -gt 500 ]
wait

# A user's ~/.jq, and a standard output that takes no more.
mkdir home && echo 'def tojson: "hacked"; def length: 7; def sort_by(f): reverse;' >home/.jq
cp $runs/here/sweep_index.csv csv
rm $runs/here/sweep_index.csv $runs/here/work/index
HOME=$PWD/home make index BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 SCORE_SIZE=4 TIMESTAMP=here >out 2>err
equal "no jq reads ~/.jq" "$? $(sums | cmp - before)$(cmp csv $runs/here/sweep_index.csv)" "0 "
make sweep BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 SCORE_SIZE=4 TIMESTAMP=here MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES=int8 >/dev/full 2>err
equal "make sweep >/dev/full fails" "$? $(grep -c 'standard output: cannot be written' err)" "2 1"
# Two goals side by side; nobody reads.
mk sweep cell -j2 TIMESTAMP=both MODELS=a MODEL=b W=int8 A=int8 G=per_layer
grep -c 'is a variable of make cell\|in use' err >said
equal "sweep and cell in one call with -j2" "$status $(cat said)" "0 0"
mkdir temporary
for goal in plan sweep; do
    TMPDIR=$PWD/temporary make $goal BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 SCORE_SIZE=4 MODELS='a b' TIMESTAMP=unread 2>&1 | true
    i=0
    while [ $i -lt 50 ] && [ -e $runs/unread/work/scratch ]; do sleep 0.1; i=$((i + 1)); done
    equal "make $goal 2>&1 | true leaves nothing" "$(ls temporary)$([ ! -e $runs/unread ] || find $runs/unread/work -name 'scratch*')" ""
done

FAKE_FAIL_CALIB=1
export FAKE_FAIL_CALIB
small sweep NEW=1
equal "an image that cannot be decoded" "$status $(last_line)" "2 0 ok, 2 unsupported, 6 failed: sweep_index.json"
equal "is said once" "$(grep -c '^calib-prep: a.jpg: truncated' err)" 1
ok "and is each cell's reason" [ "$(grep -c '"error": "calib-prep: a.jpg: truncated"' $run/failures.json)" -eq 6 ]
unset FAKE_FAIL_CALIB

# Who sends the images, and who reads them, may be killed before either has begun.
for FAKE_KILL in calib-prep calib-stats; do
    export FAKE_KILL
    timeout -k 1 30 make sweep BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 SCORE_SIZE=4 NEW=1 MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES=int8 >out 2>err
    equal "$FAKE_KILL is killed at once: nothing hangs" "$? $(last_line)" "2 0 ok, 0 unsupported, 2 failed: sweep_index.json"
    ok "which is the reason" grep -q "\"error\": \"$FAKE_KILL was killed by signal 9" $run/failures.json
done
unset FAKE_KILL
mk sweep MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES=int8
equal "and the next sweep goes on" "$status $(last_line)" "0 2 ok, 0 unsupported, 0 failed: sweep_index.json"
exit $failed
