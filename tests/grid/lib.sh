# shellcheck shell=sh disable=SC2034
# Read by the tests of the grid, from the repository root: a sandbox with the fake tools in place of the real ones, a list of 12
# small "images" and "checkpoints" that only the fakes read.
. tests/sandbox.sh
REAL_BIN=$here/${BUILD:-build}/bin
export REAL_BIN
unset FAKE_SLEEP FAKE_FAIL FAKE_DIE FAKE_UNSOLVABLE FAKE_FAIL_CALIB FAKE_SIGNAL FAKE_KILL
mkdir -p models calib/models lists/images
i=10
while [ $i -lt 22 ]; do
    echo "image $i" >lists/images/$i.jpg
    echo "images/$i.jpg" >>lists/list.txt
    i=$((i + 1))
done
echo "checkpoint a" >models/a.pt
echo "checkpoint b" >models/b.pt
echo "checkpoint of the repository" >calib/models/bundled.pt
FAKE_LOG=$sandbox/calls
export FAKE_LOG
: >"$FAKE_LOG"
run=tmp/yolo10_layer_sensitivity_sweep/latest
index=$run/sweep_index.json

# A small grid of the sandbox; stdout in out, stderr in err, the exit status in status. Small makes 8 cells of a model,
# 6 of them scorable.
mk() {
    make BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 SCORE_SIZE=4 "$@" >out 2>err
    status=$?
}
small() { # GOAL [VARIABLE=VALUE]...
    goal=$1
    shift
    mk "$goal" MODELS=a WEIGHT_DTYPES='int8 fp4' ACT_DTYPES='int8 fp8' "$@"
}

# A small grid of the real tools and the checkpoint of tests/models; and one of its cells, by both names.
real() { # GOAL [VARIABLE]...
    make "$@" BIN="$here/${BUILD:-build}/bin" MODEL_DIR="$here/tests/models" IMAGE_LIST="$here/calib/quant100.txt" CALIB_IMAGES=10 SCORE_SIZE=2 IMGSZ=64 \
        >out 2>err
    status=$?
}
cell='MODEL=yolov10n W=int8 A=int8 G=per_channel_weight'
of='WEIGHT_DTYPES=int8 ACT_DTYPES=int8 GRANULARITIES=per_channel_weight MODELS=yolov10n'

calls() { # TOOL: how often it was called since the last forget
    grep -c "^$1 " "$FAKE_LOG"
}
cells() { # TOOL: how many cells it was given since the last forget
    grep "^$1 " "$FAKE_LOG" | grep -o 'outputs/[^ /]*/[^ /]*/[^ /=]*' | sort -u | wc -l
}
forget() {
    : >"$FAKE_LOG"
}
