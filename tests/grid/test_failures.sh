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

FAKE_FAIL_CALIB=1
export FAKE_FAIL_CALIB
small sweep NEW=1
equal "an image that cannot be decoded" "$status $(last_line)" "2 0 ok, 2 unsupported, 6 failed: sweep_index.json"
equal "is said once" "$(grep -c '^calib-prep: a.jpg: truncated' err)" 1
ok "and is each cell's reason" [ "$(grep -c '"error": "calib-prep: a.jpg: truncated"' $run/failures.json)" -eq 6 ]
exit $failed
