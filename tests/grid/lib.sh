# Read by the tests of the grid, from the repository root. A sandbox is a folder that looks like the repository to make, with the
# fake tools in place of the real ones, a list of 12 small "images" and "checkpoints" that only the fakes read.
here=$PWD
REAL_BIN=$here/${BUILD:-build}/bin
export REAL_BIN
sandbox=$(mktemp -d) || exit 1
trap 'rm -rf "$sandbox"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL FAKE_SLEEP FAKE_FAIL FAKE_DIE FAKE_UNSOLVABLE FAKE_FAIL_CALIB FAKE_REVISION
ln -s "$here/Makefile" "$here/mk" "$here/src" "$here/tools" "$here/tests" "$sandbox/"
cd "$sandbox" || exit 1
mkdir -p models calib/models lists/images
i=10
while [ $i -lt 22 ]; do
    echo "image $i" >lists/images/$i.jpg
    echo "images/$i.jpg" >>lists/list.txt
    i=$((i + 1))
done
echo "checkpoint a" >models/a.pt
echo "checkpoint b" >models/b.pt
echo "checkpoint of demonstration" >calib/models/demo.pt
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

ok() { # WHAT COMMAND...: a check that COMMAND succeeds
    what=$1
    shift
    if "$@"; then
        echo "ok - $what"
    else
        echo "not ok - $what: $*"
        sed 's/^/#   out: /' out 2>/dev/null | tail -n 8
        sed 's/^/#   err: /' err 2>/dev/null | tail -n 12
        failed=1
    fi
}
failed=0

equal() { # WHAT GOT WANTED
    if [ "$2" = "$3" ]; then echo "ok - $1: $2"; else
        echo "not ok - $1: $2"
        echo "#   wanted: $3"
        sed 's/^/#   err: /' err 2>/dev/null | tail -n 12
        failed=1
    fi
}

calls() { # TOOL: how often it was called since the last forget
    grep -c "^$1 " "$FAKE_LOG"
}
cells() { # TOOL: how many cells it was given since the last forget
    grep "^$1 " "$FAKE_LOG" | grep -o 'outputs/[^ /]*/[^ /]*/[^ /=]*' | sort -u | wc -l
}
forget() {
    : >"$FAKE_LOG"
}
last_line() {
    tail -n 1 out | sed "s|tmp/[^ ]*/||"
}
# What a run's outputs are, but for the times: digests of everything except status.json.
tree() { # FOLDER
    (cd "$1" && find outputs -type f ! -name status.json | sort | xargs sha256sum)
}
temporaries() { # FOLDER
    find "$1" -name '.*' -type f | grep -v '/work/' | wc -l
}
