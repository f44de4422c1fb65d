#!/bin/sh
# A sweep on a cluster: a real Slurm with two nodes, a shared folder, the real tools. Nodes die and jobs hit their time limits; the bytes
# are those of one process.
. tests/grid/lib.sh
. tests/cluster/host.sh
. tests/cluster/slurm.sh
slurm_start || exit $failed
runs=tmp/yolo10_layer_sensitivity_sweep
ln -s "$here/doc" doc
# n, and s where the references are, else another n.
ln -s "$here/calib/models/yolov10n.pt" models/yolov10n.pt
if [ -s "$SHARED/models/yolov10s.pt" ]; then ln -s "$(realpath "$SHARED/models/yolov10s.pt")" models/second.pt
else "$REAL_BIN/../test/pt/edit_checkpoint" "$here/calib/models/yolov10n.pt" models/second.pt set 'model.23.one2one_cv3.*.2.bias' -3 || exit 1; fi
small="BIN=$REAL_BIN IMAGE_LIST=$here/calib/quant100.txt CALIB_IMAGES=10 SCORE_SIZE=4 IMGSZ=160 WEIGHT_DTYPES=int8"
both='MODELS=yolov10n second'
swept() { # [VARIABLE=VALUE]...
    # shellcheck disable=SC2086
    make sweep $small "$both" ACT_DTYPES='int8 fp8' "$@" >out 2>err
    status=$?
}
wait_for() { # SECONDS COMMAND...
    end=$(($(date +%s) + $1))
    shift
    until "$@" 2>/dev/null || [ "$(date +%s)" -ge $end ]; do sleep 0.1; done
}
held() { # RUN
    [ -e "$runs/$1/work/state/yolov10n/held" ]
}
all_ok='0 8 ok, 0 unsupported, 0 failed: sweep_index.json'

# Slurm counts in minutes: this one ends while others begin.
one_cell="$small MODELS=yolov10n ACT_DTYPES=int8 GRANULARITIES=per_layer"
# shellcheck disable=SC2086
make sweep $one_cell TIMESTAMP=limit LAUNCHER="srun -n1 -w node2 -t1 tests/cluster/hold.sh" >limit.out 2>limit.err &
limited=$!
wait_for 60 held limit

swept TIMESTAMP=one
equal "a sweep without a launcher" "$status $(last_line)" "$all_ok"
tree $runs/one >whole
swept TIMESTAMP=two -j8 CELLS_PER_PROCESS=1 LAUNCHER='srun -n1'
equal "make sweep -j8 LAUNCHER=srun, two nodes" "$status $(last_line)" "$all_ok"
tree $runs/two >content
ok "has the bytes of one process" cmp whole content
equal "its jobs were on both nodes" "$(scontrol show job -o | grep -o ' NodeList=node[12]' | sort -u | tr '\n' ' ')" " NodeList=node1  NodeList=node2 "
swept TIMESTAMP=shards -j8 SHARDS=2 LAUNCHER='srun -n1'
equal "SHARDS=2" "$status $(last_line)" "$all_ok"
tree $runs/shards >content
ok "has the same bytes" cmp whole content

# A node dies in the middle.
make sweep $one_cell TIMESTAMP=node LAUNCHER="srun -n1 -w node1 tests/cluster/hold.sh" >node.out 2>node.err &
sweep=$!
wait_for 60 held node
began=$(date +%s)
host_off node1
wait $sweep
status=$?
log=node.err
equal "a node dies in the middle of its cell: status, after $(($(date +%s) - began)) s" $status 2
ok "and the last line" grep -q '^0 ok, 0 unsupported, 1 failed' node.out
ok "the reason is told" grep -q '^yolov10n/int8-int8/per_layer: srun: error: Node failure on node1' node.err
log=err
ok "sums are kept" [ -n "$(find $runs/node/work/state -name '*.sums' -size +0)" ]
# shellcheck disable=SC2086
make sweep $one_cell TIMESTAMP=node -j2 LAUNCHER='srun -n1' >out 2>err
equal "the next make makes it on the node that is left" "$? $(last_line)" "0 1 ok, 0 unsupported, 0 failed: sweep_index.json"
tree $runs/node >content
ok "with the same bytes" [ "$(grep -c -F -x -f whole content)" = "$(grep -c outputs content)" -a -s content ]
host_on node1

# An array, and a job of several tasks.
printf '# two checkpoints\nmodels/yolov10n.pt # small\n\nsecond=models/second.pt\n' >models.txt
# shellcheck disable=SC2086
sbatch -Q --wait --array=1-2 doc/array.sbatch models.txt $small ACT_DTYPES="int8 fp8" SUBDIR=fleet >out 2>err
equal "doc/array.sbatch: status" $? 0
(tree tmp/fleet/models_yolov10n && tree tmp/fleet/second) | sort >content
sort whole | cmp -s - content
equal "each model has a run, with the same bytes" "$? $(cat yolosens-*_[12].log | grep -c '^4 ok, 0 unsupported, 0 failed')" "0 2"
wait_for 60 sh -c '[ "$(sinfo -h -N -t idle,mix | wc -l)" -eq 2 ]'
# shellcheck disable=SC2086
sbatch -Q --wait -N2 -n4 -c1 doc/sweep.sbatch $small "$both" ACT_DTYPES="int8 fp8" TIMESTAMP=batch CELLS_PER_PROCESS=2 >out 2>err
equal "doc/sweep.sbatch on two nodes: status" "$? $(cat yolosens-[0-9].log yolosens-[0-9][0-9].log 2>/dev/null | tail -n 1 | sed 's|tmp/[^ ]*/||')" "$all_ok"
tree $runs/batch >content
ok "has the same bytes as well" cmp whole content

wait $limited
equal "a job at its time limit: status" $? 2
log=limit.err
ok "and the last line" grep -q '^0 ok, 0 unsupported, 1 failed' limit.out
ok "the reason is told" grep -q '^yolov10n/int8-int8/per_layer: srun ended .*DUE TO TIME LIMIT' limit.err
log=err
ok "sums are kept" [ -n "$(find $runs/limit/work/state -name '*.sums' -size +0)" ]
# shellcheck disable=SC2086
make sweep $one_cell TIMESTAMP=limit LAUNCHER='srun -n1 -t1' >out 2>err
equal "the next make goes on from them" "$? $(last_line)" "0 1 ok, 0 unsupported, 0 failed: sweep_index.json"
tree $runs/limit >content
ok "with the same bytes" [ "$(grep -c -F -x -f whole content)" = "$(grep -c outputs content)" -a -s content ]

# A sweep that is stopped stops its jobs.
# shellcheck disable=SC2086
make sweep $one_cell TIMESTAMP=stopped LAUNCHER="srun -n1 tests/cluster/hold.sh" >out 2>err &
sweep=$!
wait_for 60 held stopped
equal "a sweep has a job" "$(squeue -h -t running | wc -l)" 1
kill $sweep
wait $sweep
# shellcheck disable=SC2016
wait_for 20 sh -c '[ -z "$(squeue -h)" ]'
equal "which ends when the sweep is stopped" "$(squeue -h)" ""
exit $failed
