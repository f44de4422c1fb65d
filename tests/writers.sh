# shellcheck shell=sh disable=SC2034,SC2154
# Read by the tests of what tools write: every tool that writes a file, called on little. A tool that has no call here fails
# tests/cli/test_outputs.sh.
writers='calib-prep npy model-dump qcfg-build calib-stats sens-score recipe-solve damage-measure keep-list pareto-solve onnx-export report-gen index-cells file-put'

# Makes what the calls below read, in the folder $in.
prepare_inputs() { # REPOSITORY
    writer_model=$1/tests/ultralytics/tiny.pt writer_list=$1/calib/quant100.txt
    mkdir -p "$in" && "$bin/calib-prep" --list "$writer_list" --count 10 --size 32 -o "$in/calib" &&
        "$bin/qcfg-build" -w int8 -a int8 -g per_channel_weight -o "$in/q.json" &&
        "$bin/calib-stats" -m "$writer_model" -c "$in/calib" -t 1 -o "$in/amax" &&
        "$bin/sens-score" -m "$writer_model" -c "$in/calib" -a "$in/amax" -n 2 -t 1 -o "$in/scores.json" "$in/q.json" &&
        "$bin/recipe-solve" "$in/scores.json" -o "$in/recipe.json" && echo . >"$in/cells"
}

# Runs COMMAND TOOL ARGUMENT..., where the tool writes FILE, or files that begin with this name. $state: the folder where it keeps
# what a killed pass has computed, or empty.
call_writer() { # WRITER FILE COMMAND...
    writer_name=$1 writer_to=$2
    shift 2
    case $writer_name in
    calib-prep) set -- "$@" calib-prep --list "$writer_list" --count 10 --size 64 -t 1 -o "$writer_to" ;;
    npy) set -- "$@" calib-prep --list "$writer_list" --count 10 --size 32 -t 1 --npy -o "$writer_to" ;;
    model-dump) set -- "$@" model-dump --size 32 "$writer_model" -o "$writer_to" ;;
    qcfg-build) set -- "$@" qcfg-build -w int4 -a fp8 -g per_layer -o "$writer_to" ;;
    calib-stats) set -- "$@" calib-stats -m "$writer_model" -c "$in/calib" -t 1 ${state:+--state "$state"} -o "$writer_to" ;;
    sens-score) set -- "$@" sens-score -m "$writer_model" -c "$in/calib" -a "$in/amax" -n 2 -t 1 ${state:+--state "$state"} -o "$writer_to" "$in/q.json" ;;
    recipe-solve) set -- "$@" recipe-solve "$in/scores.json" -o "$writer_to" ;;
    damage-measure) set -- "$@" damage-measure -m "$writer_model" -c "$in/calib" -a "$in/amax" -l "$writer_list" --last -n 1 -t 1 --scores "$in/scores.json" ${state:+--state "$state"} -o "$writer_to" "$in/q.json" ;;
    keep-list) set -- "$@" keep-list -s "$in/scores.json" -k 5 -t recipe -o "$writer_to" ;;
    pareto-solve) set -- "$@" pareto-solve "$in/scores.json" --at bits=9 --recipe "$writer_to.recipe" --svg "$writer_to.svg" -o "$writer_to" ;;
    onnx-export) set -- "$@" onnx-export -m "$writer_model" -S 32 -a "$in/amax" -r "$in/recipe.json" -o "$writer_to" ;;
    report-gen) set -- "$@" report-gen -s "$in/scores.json" -r "$in/recipe.json" -o "$writer_to.folder" ;;
    index-cells) set -- "$@" index-cells -u "$in" -c "$in/cells" -t 1 -l "$writer_to.csv" -o "$writer_to" ;;
    file-put) set -- "$@" file-put "$in/scores.json=$writer_to" "$in/recipe.json=$writer_to.2" "$in/q.json=$writer_to.3" ;;
    esac
    "$@"
}
