# shellcheck shell=sh disable=SC2034
# Read by the tests of kills and faults, from the repository root: a sandbox with the real tools over a small grid, the
# checkpoint of tests/models under the name a and again as b; of each model 3 cells can be scored and 1 cannot.
. tests/sandbox.sh
bin=$(realpath "$here/${BUILD:-build}")/bin
mkdir -p models lists/images temporary
cp "$checkpoint" models/a.pt
cp models/a.pt models/b.pt
for image in $(head -n 10 "$here/calib/quant100.txt"); do
    cp "$here/calib/$image" lists/images/
    echo "$image"
done >lists/list.txt
TMPDIR=$sandbox/temporary
export TMPDIR
runs=tmp/yolo10_layer_sensitivity_sweep

# The small grid's sweep in place of this subshell; $prefix: a command put before make.
exec_sweep() { # [VARIABLE=VALUE]...
    # shellcheck disable=SC2086
    exec $prefix make sweep BIN="$bin" IMAGE_LIST=lists/list.txt CALIB_IMAGES=10 SCORE_SIZE=4 IMGSZ=32 THREADS=1 MODELS="$models" \
        WEIGHT_DTYPES='int8 fp4' ACT_DTYPES=int8 "$@"
}
prefix=
models=a
# stdout in out, stderr in err, the exit status in status.
sweep() { # [VARIABLE=VALUE]...
    (exec_sweep "$@") >out 2>err
    status=$?
}
all_ok='0 3 ok, 1 unsupported, 0 failed: sweep_index.json' # of a alone

# Everything of a run that does not depend on when it was made: every byte of outputs/ but status.json's times, the page, the
# index, logs and status.json without their times, and which other files there are.
content() { # RUN
    tree "$1"
    (
        cd "$1" || exit 1
        # The page says which run it is of, and when that began.
        sed 's/"run":{"name":"[^"]*"/"run":{"name":"R"/; s/"created":[0-9]*/"created":0/' index.html | sha256sum
        sha256sum failures.json layers.csv
        jq -c '.successes[].elapsed_s = 0' sweep_index.json
        find outputs -name status.json | sort | xargs jq -c 'del(.elapsed_s, .finished)'
        find logs -type f | sort | xargs sed 's/completed in [0-9.]*s/completed in T/'
        find . -path ./outputs -prune -o -type f -print | sort
    )
}
