#!/bin/sh
# Every tool under valgrind's memcheck, at the baseline and the AVX2 level (valgrind knows no AVX-512): no bad access, no use of what was
# never set, nothing lost; also where a tool refuses its input.
. tests/fixture.sh
build=$PWD/${BUILD:-build} top=$PWD
bin=$build/bin model=$checkpoint
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
if ! command -v valgrind >/dev/null; then
    echo "# skip soak/long_valgrind.sh: there is no valgrind (make deps test-long installs it)"
    exit 0
fi
cd "$dir" || exit 1
BAD=99
memcheck() { # WHAT STATUS TOOL ARGUMENT...
    what=$1 wanted=$2 tool=$3
    shift 3
    valgrind -q --error-exitcode=$BAD --leak-check=full --show-leak-kinds=definite,indirect,possible --log-file=log "$bin/$tool" "$@" >out 2>err
    status=$?
    if [ $status -eq "$wanted" ] && [ ! -s log ]; then echo "ok - $tool, $what"; else
        echo "not ok - $tool, $what: status $status, not $wanted"
        head -n 30 log err | sed 's/^/#   /'
    fi
    echo "$tool" >>seen
}

head -c 3000 "$model" >cut.pt
"$build/test/pt/edit_checkpoint" "$model" nan.pt at model.3.conv.weight 5 nan || exit 1
"$build/test/pt/edit_checkpoint" "$model" large.pt set '*.bn.weight' 65504 || exit 1
echo '{"weight": "int8", "layers": ' >cut.json
memcheck "two cells' formats" 0 qcfg-build -w int4 -a fp8 -g per_layer -o q1
memcheck "formats that exclude each other" 3 qcfg-build -w int4 -a fp8 -g per_channel -o q2
memcheck "cells in one process" 3 qcfg-build int8-fp8-per_layer=q3 int4-fp8-per_channel=q4
memcheck "a format it does not know" 2 qcfg-build -w int5 -a fp8 -g per_layer
"$bin/qcfg-build" -w fp4 -a fp4 -g per_layer -o q3
"$bin/qcfg-build" -w int8 -a int8 -g per_channel -o q4
"$bin/qcfg-build" -w fp8 -a fp16 -g per_layer --block-dim reduction -o q5
memcheck "ten images" 0 calib-prep --list "$top/calib/quant100.txt" --count 10 --size 32 --threads 2 -o calib
ls "$top"/tests/image/fixtures/* >fixtures
memcheck "fixtures" 0 calib-prep --list fixtures --count 500 --size 32 --threads 2 -o many
memcheck "a file that is no image" 1 calib-prep --list - --size 32 -o none <<EOT
$(for _ in 1 2 3 4 5 6 7 8 9 10; do echo "$dir/cut.pt"; done)
EOT
memcheck "a checkpoint" 0 model-dump --size 64 "$model" -o dump
memcheck "a checkpoint that is cut" 1 model-dump cut.pt
for level in baseline avx2; do
    export YOLOSENS_CPU=$level
    rm -rf state
    mkdir state
    memcheck "$level" 0 calib-stats -m "$model" -c calib -t 2 --state state -o amax
    memcheck "$level, activations that overflow" 1 calib-stats -m large.pt -c calib -t 2 -o none
    memcheck "$level, four cells" 0 sens-score -m "$model" -c calib -a amax -n 2 -t 2 --state state q1=s1 q3=s3 q4=s4 q5=s5
done
unset YOLOSENS_CPU
memcheck "a checkpoint with a NaN" 1 calib-stats -m nan.pt -c calib -o none
memcheck "a calib stream that is cut" 1 sens-score -m "$model" -c cut.json q1
memcheck "another checkpoint's amax" 1 sens-score -m large.pt -c calib -a amax q1
memcheck "four cells" 0 recipe-solve s1=r1 s3=r3 s4=r4 s5=r5
memcheck "a limit that cannot be met" 1 recipe-solve --effective-bits 2 s4 -o none
memcheck "JSON that is cut" 1 recipe-solve cut.json
memcheck "a cell" 0 report-gen --scores s3 --recipe r3 -o reports
memcheck "a recipe of other scores" 1 report-gen --scores s3 --recipe r4 -o none
memcheck "a network" 0 onnx-export -m "$model" -S 64 -e -o onnx1
memcheck "a quantized network" 0 onnx-export -m "$model" -S 64 -a amax -r r5 -o onnx2
memcheck "a recipe whose formats ONNX has not" 3 onnx-export -m "$model" -a amax -r r4 -o none
memcheck "whole files" 0 seal-check calib amax s1 r1
memcheck "a stream and JSON that are cut" 1 seal-check cut.json
echo '{"status": "ok", "files": {"s1": "0", "none": "0"}}' >record
memcheck "a cell's record" 1 seal-check record q1
memcheck "files in their places" 0 file-put s1=put1 r1=put2
memcheck "files, one of them as it was" 0 file-put s1=put/two q1=q1
memcheck "one that cannot be written" 1 file-put s1=put/two s1=put/none/x
memcheck "words of two steps" 0 progress-board <<EOT
calibrating
$(printf '\377\033[2J') and a line that is not ended
EOT
memcheck "an operand" 2 progress-board none
for tool in "$bin"/*; do
    memcheck "--help" 0 "${tool##*/}" --help
done
for tool in "$bin"/*; do
    [ "$(grep -cx "${tool##*/}" seen)" -gt 2 ] || echo "not ok - ${tool##*/} has too few cases here"
done
