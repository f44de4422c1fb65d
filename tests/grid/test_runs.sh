#!/bin/sh
# A run is the settings that its numbers depend on.
. tests/grid/lib.sh
cell_of=$cell
runs() { find tmp/yolo10_layer_sensitivity_sweep -name run.json | wc -l; }
one() { mk "$@" MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES=int8 GRANULARITIES=per_layer; }

one sweep
first=$(readlink $run)
for change in IMGSZ=320 BATCH_SIZE=2 SCORE_SIZE=5 FP4_PRESET=mxfp4 INT4_PRESET=awq BLOCK_DIM=reduction CALIB_IMAGES=11; do
    before=$(runs)
    one sweep $change
    equal "$change starts a run" "$(($(runs) - before))" 1
    ok "and says what differs" grep -q "differs in .*${change%%=*} (.* there, ${change#*=} now)" err
done
ok "of the first images of a list CALIB_IMAGES alone" sh -c 'grep -q "CALIB_IMAGES (12 there, 11 now)" err && ! grep -q "images of IMAGE_LIST" err'
one sweep
equal "the first settings find their run again" "$(readlink $run)" "$first"
before=$(runs)
one sweep IMGSZ=320 THREADS=3 TOP_K=3 CELLS_PER_PROCESS=1 DEVICE=cpu
equal "what numbers do not depend on starts none" "$(runs)" "$before"
one sweep
sed -i 's/"scoring_revision": "[0-9]*"/"scoring_revision": "1"/' tmp/yolo10_layer_sensitivity_sweep/2*/run.json
one sweep
ok "another scoring revision does" grep -q 'the scoring revision (1 there, [0-9]* now)' err
first=$(readlink $run)

cp -R lists moved
one sweep IMAGE_LIST=moved/list.txt
equal "the same images elsewhere are the same run" "$(readlink $run)" "$first"
echo "another image" >moved/images/15.jpg
one sweep IMAGE_LIST=moved/list.txt
ok "another image is another run" grep -q 'differs in the images\|differs in .*images of IMAGE_LIST' err
mkdir elsewhere && sed "s|^|$sandbox/lists/|" lists/list.txt >elsewhere/absolute.txt
sed 's|^|lists/|; s/$/\r/' lists/list.txt >elsewhere/current.txt
one sweep IMAGE_LIST=elsewhere/absolute.txt
equal "absolute paths" "$(readlink $run)" "$first"
one sweep IMAGE_LIST=elsewhere/current.txt
equal "paths relative to the current folder, CRLF" "$(readlink $run)" "$first"
one sweep CALIB_IMAGES=40
ok "a shorter list is used whole, and said" grep -q 'has 12 images, CALIB_IMAGES=40: all 12 are used' err

# More images to score on than there are.
one sweep SCORE_SIZE=12 CALIB_IMAGES=11
same=$(readlink $run)
one sweep SCORE_SIZE=11 CALIB_IMAGES=11
equal "SCORE_SIZE above the images is said" "$(readlink $run) $(grep -c 'SCORE_SIZE=12: all 11 are scored on' err)" "$same 0"
one sweep SCORE_SIZE=13 CALIB_IMAGES=11
equal "and is the run of as many as there are" "$(readlink $run) $(grep -c '11 images are used, SCORE_SIZE=13: all 11 are scored on' err)" "$same 1"
jq '.score_size = 12' $run/run.json >run.json && cp run.json $run/run.json
one sweep SCORE_SIZE=13 CALIB_IMAGES=11
equal "which holds for runs of the version before" "$(readlink $run)" "$same"

# Another release of ModelOpt takes other recipes and state files of the same scores.
one sweep
same=$(readlink $run)
cell=$run/outputs/a/int8-int8/per_layer
equal "a cell says which release it is for" "$(jq -r .modelopt $cell/status.json)" 0.47
forget
one plan MODELOPT=0.40
equal "for another it is to do" "$(tr -s ' ' <out)" "a/int8-int8/per_layer to do (made for ModelOpt 0.47)"
one sweep MODELOPT=0.40
equal "in the same run, from its scores" "$(readlink $run) $(calls calib-stats) $(calls sens-score) $(calls recipe-solve) $(calls report-gen)" "$same 0 0 1 1"
equal "which it says then" "$(jq -r .modelopt $cell/status.json) $(jq -r .modelopt $cell/recipe.json)" "0.40 0.40"
forget
one sweep MODELOPT=0.40
ok "once" [ ! -s "$FAKE_LOG" ]
forget
jq 'del(.modelopt)' $cell/status.json >status.json && cp status.json $cell/status.json
one sweep MODELOPT=0.40
ok "a cell of the version before is for 0.40" [ ! -s "$FAKE_LOG" ]
one plan
equal "not for the release that is the default" "$(tr -s ' ' <out)" "a/int8-int8/per_layer to do (made for ModelOpt 0.40)"

# So does another limit.
one sweep
same=$(readlink $run)
forget
one plan EFFECTIVE_BITS=9
equal "with another limit it is to do" "$(tr -s ' ' <out)" "a/int8-int8/per_layer to do (solved for 8 effective bits)"
one sweep EFFECTIVE_BITS=9
equal "EFFECTIVE_BITS solves again in place: no score is made anew" \
    "$(readlink $run) $(calls calib-stats) $(calls sens-score) $(calls recipe-solve) $(calls report-gen) $(last_line)" "$same 0 0 1 1 1 ok, 0 unsupported, 0 failed: sweep_index.json"
ok "the solver is told of the limit" grep -q '^recipe-solve --modelopt 0.47 --effective-bits 9 ' "$FAKE_LOG"
equal "the cell's record and log say it" "$(jq .effective_bits $cell/status.json) $(grep -o 'effective_bits=.*' $run/logs/a/int8-int8/per_layer.log)" "9 effective_bits=9.0"
forget
one sweep EFFECTIVE_BITS=9.0
ok "once" [ ! -s "$FAKE_LOG" ]
jq 'del(.effective_bits)' $cell/status.json >status.json && cp status.json $cell/status.json
one plan
equal "of a cell of the version before its recipe says it" "$(tr -s ' ' <out)" "a/int8-int8/per_layer to do (solved for 9 effective bits)"
one sweep
equal "without one it is the weights' type's own" "$(calls sens-score) $(jq .effective_bits $cell/status.json)" "0 8"
ok "of which the solver is not told" grep -q '^recipe-solve --modelopt 0.47 tmp/' "$FAKE_LOG"
jq '.effective_bits = 9' $run/run.json >run.json && cp run.json $run/run.json
one sweep EFFECTIVE_BITS=10
equal "a run of the version before, whose settings had one, is gone on with" "$(readlink $run) $(calls sens-score)" "$same 0"
one sweep NEW=1

# What is scored is what the run was asked for, though make exports PROBES as well.
forget
one sweep OBJECTIVES=modelopt
ok "OBJECTIVES=modelopt scores that alone" grep -q '^sens-score .*--objectives modelopt --probes' "$FAKE_LOG"
forget
one sweep PROBES=2
ok "PROBES=2 makes two vectors of signs" grep -q '^sens-score .*--objectives modelopt detection --probes 2' "$FAKE_LOG"
one sweep

before=$(runs)
one sweep NEW=1
equal "NEW=1 is a new run" "$(runs)" $((before + 1))
one sweep
ok "which the next sweep resumes" [ "$(readlink $run)" != "$first" ]
one sweep TIMESTAMP=mine
equal "TIMESTAMP makes a run of that name" "$(readlink $run)" mine
forget
one sweep TIMESTAMP=mine
ok "and takes it again" [ "$status" -eq 0 -a ! -s "$FAKE_LOG" ]
one sweep TIMESTAMP=mine IMGSZ=320
equal "but not for other settings: status" "$status" 2
ok "and says why" grep -q 'TIMESTAMP=mine: this run has other settings: IMGSZ (640 there, 320 now)' err
one sweep SUBDIR=other/place
# What is there and is no run is left alone.
mkdir -p tmp/yolo10_layer_sensitivity_sweep/theirs/deep
echo precious | tee tmp/yolo10_layer_sensitivity_sweep/theirs/.env >tmp/yolo10_layer_sensitivity_sweep/theirs/deep/.keep
one sweep TIMESTAMP=theirs
equal "a folder that is no run is refused, as it was" "$status $(grep -c 'theirs: there is something there that is no run; choose another TIMESTAMP' err) \
$(find tmp/yolo10_layer_sensitivity_sweep/theirs -type f | wc -l)" "2 1 2"
one plan TIMESTAMP=theirs
equal "by plan too" "$status" 2
mkdir tmp/yolo10_layer_sensitivity_sweep/empty
echo half >tmp/yolo10_layer_sensitivity_sweep/empty/.run.json.Ab12Cd
one sweep TIMESTAMP=empty
equal "one that is empty, but for what a killed sweep left, is taken" "$status" 0
one sweep SUBDIR=yolo10_layer_sensitivity_sweep/mine
equal "a run is no folder of runs" "$status $(grep -c 'mine: is a run itself; choose another SUBDIR' err)" "2 1"
one sweep SUBDIR=linked
ln -s "$(readlink tmp/linked/latest)" tmp/linked/named
one sweep SUBDIR=linked TIMESTAMP=named
equal "a run by a symbolic link" "$status" 0
one sweep SUBDIR=other/place
ok "SUBDIR" [ -f tmp/other/place/latest/sweep_index.json ]

# A name that is taken gets a number: that of each of the next seconds is taken.
mkdir -p tmp/taken
now=$(date +%s)
for after in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    mkdir "tmp/taken/$(date -d @$((now + after)) +%Y-%m-%d_%H-%M-%S)"
done
one sweep SUBDIR=taken
ok "a run's name that is taken gets a number" expr "$(readlink tmp/taken/latest)" : '[0-9_-]*-2$' >/dev/null
first=$(readlink tmp/taken/latest)
one sweep NEW=1 SUBDIR=taken

# A damaged run.json is left alone.
echo '{' >"tmp/taken/$(readlink tmp/taken/latest)/run.json"
one sweep SUBDIR=taken
equal "a damaged run.json takes nothing with it" "$status $(readlink tmp/taken/latest)" "0 $first"

# What runs hold, what they share, what they give back.
make prune SUBDIR=none >out 2>err
equal "make prune where nothing is" "$? $(grep -c 'tmp/none: no such run' err)" "2 1"
one sweep SUBDIR=held TIMESTAMP=first
forget
one sweep SUBDIR=held TIMESTAMP=second BLOCK_DIM=reduction
equal "another run of the same images takes them by a hard link" "$(stat -c '%h' tmp/held/first/work/calib.bin tmp/held/second/work/calib.bin | tr '\n' ' ')$(calls calib-prep)" "2 2 0"
forget
one sweep SUBDIR=held TIMESTAMP=third BLOCK_DIM=reduction INT4_PRESET=awq
equal "and decodes none" "$(calls calib-prep)" 0
one sweep SUBDIR=held TIMESTAMP=fourth IMGSZ=320
equal "one of another size its own" "$(stat -c '%h' tmp/held/fourth/work/calib.bin)" 1
mk runs SUBDIR=held
equal "make runs: a line each" "$status $(sed 's/  */ /g; s/ [0-9]* [KM]B / SIZE /' out)" "0 run (* the latest) size cells of what
first SIZE 1 a: 640 px, 12 images, 4 scored, cpu
fourth * SIZE 1 a: 320 px, 12 images, 4 scored, cpu
second SIZE 1 a: 640 px, 12 images, 4 scored, cpu
third SIZE 1 a: 640 px, 12 images, 4 scored, cpu"
ok "and all in all" grep -q 'B in all; make prune SUBDIR=held gives back' err
(flock 9 && mk prune SUBDIR=held TIMESTAMP=first 9>&-) 9>>tmp/held/first/lock
equal "a run in use is left alone" "$(grep -c 'held/first: in use, and left alone' err) $(find tmp/held/first -name calib.bin | wc -l)" "1 1"
tree tmp/held/second >before
mk prune SUBDIR=held
equal "make prune takes the images away: $(cat out)" "$status $(find tmp/held -name calib.bin | wc -l)" "0 0"
one sweep SUBDIR=held TIMESTAMP=second BLOCK_DIM=reduction
tree tmp/held/second >after
equal "a run that gave them back is as finished as before" "$status $(last_line) $(cmp before after)" "0 1 ok, 0 unsupported, 0 failed: sweep_index.json "

# By the real tools: what was solved again is what would have been made at once.
real cell $cell_of EFFECTIVE_BITS=12 TIMESTAMP=again
real cell $cell_of TIMESTAMP=again
real cell $cell_of EFFECTIVE_BITS=12 TIMESTAMP=again
real cell $cell_of EFFECTIVE_BITS=12 TIMESTAMP=once
equal "solved three times, the bytes are those of once" "$status $(tree tmp/yolo10_layer_sensitivity_sweep/again)" "0 $(tree tmp/yolo10_layer_sensitivity_sweep/once)"
exit $failed
