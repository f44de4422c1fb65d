#!/bin/sh
# The whole grid of three models, 96 cells, by make -j8 with a process for each cell, against one process a model; then eight makes
# at once, each with a run of its own. Every byte under outputs/ but status.json is the same, as is the index but for times.
. tests/fixture.sh
build=$PWD/${BUILD:-build} top=$PWD
box=$(mktemp -d) || exit 1
trap 'rm -rf "$box"' EXIT
cd "$box" || exit 1
ln -s "$top/Makefile" "$top/mk" "$top/src" "$top/tools" "$top/tests" "$top/calib" .
unset MAKEFLAGS MFLAGS MAKELEVEL
runs=tmp/yolo10_layer_sensitivity_sweep
check() { # WHAT COMMAND...
    what=$1
    shift
    if "$@" >out 2>&1; then echo "ok - $what"; else
        echo "not ok - $what: $*"
        sed 's/^/#   /' out | tail -n 12
    fi
}
mkdir models
for n in n s m; do # three checkpoints
    "$build/test/pt/edit_checkpoint" "$checkpoint" models/yolov10$n.pt at model.0.conv.weight 0 "0.0$(printf %d "'$n")" || exit 1
done
sweep() { # NAME VARIABLE...
    name=$1
    shift
    make sweep BIN="$build/bin" TIMESTAMP="$name" IMGSZ=64 CALIB_IMAGES=10 SCORE_SIZE=2 "$@" >"$name.out" 2>"$name.err"
    sed "s|: .*||" "$name.out" | tail -n 1
}
tree() { # RUN: digests of what its cells hold
    (cd "$runs/$1" && find outputs -type f ! -name status.json | sort | xargs sha256sum)
}
timeless() { # RUN
    jq 'walk(if type == "object" then del(.elapsed_s) else . end)' "$runs/$1/sweep_index.json"
}

began=$(date +%s)
said=$(sweep whole)
check "96 cells, a process a model: $said in $(($(date +%s) - began)) s" test "$said" = "66 ok, 30 unsupported, 0 failed"
began=$(date +%s)
said=$(sweep eight -j8 CELLS_PER_PROCESS=1)
check "96 cells, make -j8, a process a cell: $said in $(($(date +%s) - began)) s" test "$said" = "66 ok, 30 unsupported, 0 failed"
tree whole >whole.tree
tree eight >eight.tree
check "the same $(wc -l <whole.tree) files" test "$(wc -l <whole.tree)" -eq $((66 * 7))
check "of the same bytes" diff whole.tree eight.tree
timeless whole >whole.index
timeless eight >eight.index
check "and the same index" diff whole.index eight.index
check "no temporary file is left" test -z "$(find "$runs" -name '.*' ! -name .choice -type f)"

pids=
for k in 1 2 3 4 5 6 7 8; do
    sweep at-once-$k MODELS=yolov10n WEIGHT_DTYPES='int8 fp4' ACT_DTYPES='int8 fp8' THREADS=1 >at-once-$k.said &
    pids="$pids $!"
done
for pid in $pids; do wait "$pid"; done
check "eight makes at once, eight runs" test "$(sort at-once-*.said | uniq -c | sed 's/^ *//')" = "8 6 ok, 2 unsupported, 0 failed"
for k in 1 2 3 4 5 6 7 8; do
    tree at-once-$k >at-once.tree
    if [ $k -eq 1 ]; then cp at-once.tree first.tree; fi
    check "run $k: files of the same bytes as the whole grid's" sh -c 'cmp at-once.tree first.tree && ! grep -vxFf whole.tree at-once.tree'
done
