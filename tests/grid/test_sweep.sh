#!/bin/sh
# The grid from end to end with fake tools: what is made, what is counted, what is left alone.
. tests/grid/lib.sh

small plan
equal "a plan before any run" "$(cut -c1-60 out | tr -s ' ' | head -n 2 | tail -n 1)" "a/int8-int8/per_layer to do"
ok "makes no run" [ ! -e tmp ]
ok "and names what is unsupported, with the reason" grep -q '^a/fp4-int8/per_channel *unsupported (block scales)$' out
equal "then the totals, and the reason once" "$(cat err)" "8 cells: 6 to do, 2 unsupported; how long that takes will be known when a cell is scored
2 cells unsupported: per_channel does not go with the block scales of fp4 weights"

small sweep
equal "sweep: status" "$status" 0
equal "sweep: last line" "$(last_line)" "6 ok, 2 unsupported, 0 failed: sweep_index.json"
equal "a table of the cells that are least hurt: totals, layers for 80 %, the first three" \
    "$(sed -n '/first three/,/more, up to/p' err | tr -s ' ' | sed 's/in [0-9]* s/in T s/')" \
    " 6 cells in T s, least hurt first modelopt 80 % in first three layers
 a int8-int8 per_channel 1.11e+00 2 of 4 model.0.conv, =model.3,conv, model.1.conv
 a fp4-fp8 per_layer 1.14e+00 2 of 4 model.0.conv, =model.3,conv, model.1.conv
 a fp4-int8 per_layer 1.17e+00 2 of 4 model.0.conv, =model.3,conv, model.1.conv
 3 more, up to 1.76e+00 of a int8-fp8 per_channel"
equal "the reason why cells are unsupported, in a line" "$(grep 'unsupported: ' err)" "2 cells unsupported: per_channel does not go with the block scales of fp4 weights"
equal "what to type next" "$(sed -n '/^next:/,/^page:/p' err | grep -v page: | tr -s ' \\\n' ' ')" \
    "next: make verify MODEL=a W=int8 A=int8 G=per_layer IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 SCORE_SIZE=4 "
equal "all in ten lines of at most 100 columns" "$(sed -n '/first three/,$p' err | awk 'length > 100' | wc -l) $(sed -n '/first three/,$p' err | cat - out | wc -l)" "0 10"
ok "and the page" [ -f "$(sed -n 's/^page: //p' err)" ]
ok "the index that it names is there" [ -f "$(tail -n 1 out | sed 's/^.*: //')" ]
equal "one process scored" "$(calls sens-score)" 1
equal "images were prepared once" "$(calls calib-prep)" 1
cell=$run/outputs/a/int8-fp8/per_layer
for f in scores.json recipe.json status.json a_wint8_afp8_per_layer_quant_manifest.json a_wint8_afp8_per_layer_autoquant_state.pt \
    layer-sensitivity-report.md layer-sensitivity-report.json composed-config.yaml; do
    ok "a cell has $f" [ -s "$cell/$f" ]
done
for f in run.json grid.mk sweep_index.json sweep_index.csv failures.json layers.csv index.html; do
    ok "a run has $f" [ -s "$run/$f" ]
done
ok "the run's name is a time" expr "$(readlink $run)" : '20[0-9-]*_[0-9-]*$' >/dev/null
equal "log of a cell" "$(sed 's/in [0-9.]*s/in T/' $run/logs/a/int8-fp8/per_layer.log)" "[INFO] run=a_wint8_afp8_per_layer
[INFO] checkpoint=models/a.pt
[INFO] weight_dtype=int8 act_dtype=fp8 granularity=per_layer
[INFO] base_format=INT8_DEFAULT_CFG
[INFO] quant_cfg_overrides={\"*weight_quantizer\": {\"axis\": null}, \"*input_quantizer\": {\"axis\": null}}
[INFO] effective_quant_cfg_summary={\"*weight_quantizer\": {\"num_bits\": 8, \"axis\": null, \"enable\": true}, \"*input_quantizer\": {\"num_bits\": [4, 3], \"axis\": null, \"enable\": true}, \"default\": {\"enable\": false}}
[INFO] effective_bits=8.0
[INFO] completed in T
[INFO] out_dir=outputs/a/int8-fp8/per_layer
[INFO] manifest=outputs/a/int8-fp8/per_layer/a_wint8_afp8_per_layer_quant_manifest.json
[INFO] report=outputs/a/int8-fp8/per_layer/layer-sensitivity-report.md"
ok "an unsupported cell has a log with the reason" grep -q 'reason=per_channel requires' $run/logs/a/fp4-fp8/per_channel.log
equal "every cell is a line of grid.mk" "$(grep -c '^    [a-z0-9]*-[a-z0-9]*/per_[a-z]*=[0-9a-f]* *.*$' $run/grid.mk)" 6
equal "which shows by itself that nothing is to be made" "$(make -n -C $run -f grid.mk 2>&1 | grep -vc 'Nothing to be done\|directory')" 0

# By hand in the run's folder.
rm $run/outputs/a/int8-int8/per_layer/scores.json $run/outputs/a/int8-int8/per_layer/status.json
forget
make -n -C $run -f grid.mk >shown 2>&1
equal "make -n shows the steps of what is missing" "$(grep -o 'mk/step/[a-z]*.sh a.*' shown)" "mk/step/score.sh a int8-int8/per_layer
mk/step/solve.sh a int8-int8/per_layer
mk/step/report.sh a int8-int8/per_layer
mk/step/record.sh a/int8-int8/per_layer"
ok "and runs none" [ ! -s "$FAKE_LOG" ]
make -C $run -f grid.mk BIN=tests/grid/fake-bin outputs/a/int8-int8/per_layer >out 2>err
equal "a cell by hand" "$? $(calls sens-score) $(jq -r .status $run/outputs/a/int8-int8/per_layer/status.json)" "0 1 ok"
make -C $run -f grid.mk BIN=tests/grid/fake-bin >out 2>err
equal "all by hand: nothing is left" "$? $(calls sens-score)" "0 1"
(flock 9 && { make -C $run -f grid.mk BIN=tests/grid/fake-bin 9>&- >out 2>err; echo $? >ended; }) 9>>$run/lock
equal "one at a time" "$(cat ended) $(grep -c 'in use by the sweep of process' err)" "2 1"
small sweep
equal "no temporary files" "$(temporaries $run)" 0

# The index, against the reference's form.
equal "index: keys" "$(jq -r 'keys_unsorted | join(" ")' $index)" "successes failures"
equal "index: keys of a success" "$(jq -r '.successes[0] | keys_unsorted | join(" ")' $index)" \
    "run status elapsed_s base_format_name out_dir log_path manifest_path report_path top_layers ranked_layers"
equal "index: keys of an unsupported cell" "$(jq -r '.failures[0] | keys_unsorted | join(" ")' $index)" \
    "run status reason base_format_name out_dir log_path"
equal "failures.json is the index's" "$(jq -c . $run/failures.json)" "$(jq -c .failures $index)"
equal "top layers: by score, ties in the model's order" \
    "$(jq -r '.successes[] | select(.run.act_dtype == "fp8" and .run.weight_dtype == "fp4") | .top_layers | map(.layer) | map(select(. != "model.1.conv")) | join(" ")' $index)" \
    "model.0.conv =model.3,conv model.2.conv"
ok "paths in the index are relative to the run" jq -e --arg run $run '[.. | strings | select(startswith("/") or startswith("tmp"))] == []' $index >/dev/null
equal "CSV: header" "$(head -n 1 $run/sweep_index.csv | tr -d '\r')" \
    "model,weight_dtype,act_dtype,granularity,status,base_format,elapsed_s,out_dir,log_path,top_layers"
equal "CSV: rows" "$(wc -l <$run/sweep_index.csv)" 9
ok "CSV: lines end as Python's do" [ "$(grep -c "$(printf '\r')$" $run/sweep_index.csv)" -eq 9 ]

# Nothing to do is nothing done.
find tmp/ -type f -exec stat -c '%n %y' {} + | grep -v /lock | sort >before
forget
began=$(date +%s%N)
small sweep
took=$((($(date +%s%N) - began) / 1000000))
ok "nothing to do takes under two seconds: $took ms" [ $took -lt 2000 ]
equal "and says the same" "$(last_line)" "6 ok, 2 unsupported, 0 failed: sweep_index.json"
ok "and calls no tool" [ ! -s "$FAKE_LOG" ]
find tmp/ -type f -exec stat -c '%n %y' {} + | grep -v /lock | sort >after
ok "and touches no file" cmp -s before after
small plan
equal "plan: all done" "$(grep -c ' done$' out)" 6

# The filters may change: the run grows.
forget
mk sweep MODELS='a bundled' WEIGHT_DTYPES=int8 ACT_DTYPES='int8 fp16' GRANULARITIES=per_layer
equal "a grown run counts this call's cells" "$(last_line)" "4 ok, 0 unsupported, 0 failed: sweep_index.json"
equal "and scores what is missing: processes" "$(calls sens-score)" 2
equal "and tells of these only" "$(grep -c "^  [a-z]* int8-" err)" 4
equal "it is the same run" "$(ls tmp/yolo10_layer_sensitivity_sweep | wc -l)" 2
equal "images were not prepared again" "$(calls calib-prep)" 0
equal "the index holds the whole run" "$(jq '.successes | length' $index)" 9

mk cell MODEL=b W=int8 A=fp8 G=per_layer
equal "cell" "$(last_line)" "1 ok, 0 unsupported, 0 failed: sweep_index.json"
mk cell MODEL=b W=int4 A=fp8 G=per_channel
equal "an unsupported cell" "$status $(last_line)" "0 0 ok, 1 unsupported, 0 failed: sweep_index.json"

mk plan MODELS='b a' WEIGHT_DTYPES='int4 int8' ACT_DTYPES='int8' MAX_RUNS=2
equal "MAX_RUNS counts scorable cells in grid order" "$(cut -d' ' -f1 out | tr '\n' ' ')" \
    "b/int4-int8/per_channel b/int4-int8/per_layer b/int8-int8/per_channel "
mk plan MODELS='a a' WEIGHT_DTYPES='int8 int8' ACT_DTYPES=int8 GRANULARITIES='per_layer per_layer'
equal "what is named twice is one cell" "$(wc -l <out)" 1

# index: from what the run holds.
small index TOP_K=1
equal "index with another TOP_K: status and layers" "$status $(jq '[.successes[].top_layers | length] | unique[]' $index)" "0 1"
rm $run/sweep_index.* $run/failures.json $run/index.html
small index
ok "index makes what is gone" [ -s $index -a -s $run/sweep_index.csv -a -s $run/failures.json -a -s $run/index.html ]

# -j, a process per cell, and the launcher: the same bytes.
tree $run >reference
mk sweep NEW=1 -j2 CELLS_PER_PROCESS=1 LAUNCHER="env WRAPPED=1" MODELS='a bundled b' WEIGHT_DTYPES='int8 fp4' ACT_DTYPES='int8 fp8 fp16'
ok "-j2: make's jobs are shared" [ "$(grep -c jobserver err)" -eq 0 ]
equal "-j2 CELLS_PER_PROCESS=1: last line" "$(last_line)" "27 ok, 9 unsupported, 0 failed: sweep_index.json"
equal "-j2 reaches the second make" "$(grep -c jobserver err)" 0
tree $run | grep -F -f reference >both
ok "the same bytes for each cell that both have: $(wc -l <both)" [ "$(wc -l <both)" -eq "$(grep -c . reference)" ]
half=$(($(nproc) / 2))
ok "-j2 gives each process half the cores, one at least" grep -q "sens-score .*--threads $((half ? half : 1)) " "$FAKE_LOG"
forget
small sweep NEW=1 SHARDS=3 CELLS_PER_PROCESS=4
ok "SHARDS=3: the same bytes" [ "$(tree $run | grep -c -F -f reference)" -gt 0 ]
equal "each process' cells in three parts, and then as a whole" "$(sed -n 's|^sens-score.*--shard \([^ ]*\).*|\1|p; /^sens-score/!d; s/.*/whole/p' "$FAKE_LOG" | tr '\n' ' ')" "1/3 2/3 3/3 whole 1/3 2/3 3/3 whole "
equal "and its images are calibrated on in three" "$(sed -n 's|^calib-stats.*--shard \([^ ]*\).*|\1|p; /^calib-stats/!d; s/.*/whole/p' "$FAKE_LOG" | tr '\n' ' ')" "1/3 2/3 3/3 whole "
small sweep SHARDS=3
equal "once" "$(grep -c '^calib-stats' "$FAKE_LOG")" 4
forget
mk sweep NEW=1 V=1 MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES=int8
ok "V=1 shows each step's command" [ "$(grep -o '^tests/grid/fake-bin/[a-z-]* ' err | cut -d/ -f4 | tr -d '\n')" = \
    "calib-prep calib-stats sens-score recipe-solve report-gen " ]
make -n sweep BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt NEW=1 >out 2>err
equal "make -n sweep starts no run" "$(ls tmp/yolo10_layer_sensitivity_sweep | wc -l)" 5
exit $failed
