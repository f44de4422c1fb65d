#!/bin/sh
# Every variable of interface.md is known and judged; a typo starts nothing and names what was meant.
. tests/grid/lib.sh

refused() { # EXPECTED-WORDS ARGUMENT...
    words=$1
    shift
    forget
    mk "$@"
    ok "$* is refused with status 2" [ "$status" -eq 2 ]
    ok "$*: in one line" [ "$(wc -l <err)" -eq 1 ]
    ok "$*: says \"$words\"" grep -q -e "$words" err
    ok "$*: nothing has run" [ ! -s "$FAKE_LOG" -a ! -e tmp ]
}

for v in MODELS MODEL_DIR WEIGHT_DTYPES ACT_DTYPES GRANULARITIES MAX_RUNS IMAGE_LIST CALIB_IMAGES SCORE_SIZE IMGSZ BATCH_SIZE \
    EFFECTIVE_BITS FP4_PRESET INT4_PRESET BLOCK_DIM MODELOPT TOP_K DEVICE TORCH_HOME CUDA_HOME SUBDIR TIMESTAMP NEW CELLS_PER_PROCESS THREADS LAUNCHER \
    PREFIX DESTDIR BENCH_CELLS BENCH_ENV FUZZ_SECONDS; do
    make >out 2>err
    ok "help shows $v" grep -q "^  $v " out
done
for t in help deps build sweep cell plan drop index runs prune test test-cuda test-long bless bench bench-modelopt fuzz models man install uninstall clean; do
    ok "help shows $t" grep -q "^  $t " out
done
ok "help shows the granularities, and those of the default grid" grep -q '^  GRANULARITIES  *per_channel per_layer  *.*(per_channel per_layer per_channel_weight)$' out
ok "help shows what int4 weights can be" grep -q '^  INT4_PRESET  *blockwise  *.*(blockwise awq axis)$' out
make help IMGSZ=320 >out 2>err
ok "help shows a current value" grep -q '^  IMGSZ  *320 ' out

refused 'nearest: MODELS' sweep MODEL_=a
refused 'nearest: MODEL_DIR' sweep MODEL_DIRS=x
refused 'nearest: WEIGHT_DTYPES' sweep WEIGHTS=int8
refused 'nearest: MODELS' plan models=a
refused 'nearest: int8' sweep WEIGHT_DTYPES='fp8 in8'
refused 'nearest: fp4 or fp8' sweep WEIGHT_DTYPES=fp16
refused 'nearest: per_layer' sweep GRANULARITIES=per_layers
refused 'nearest: per_channel_weight' sweep GRANULARITIES=per_channel_weights
refused 'nearest: per_channel_weight' cell MODEL=a W=int8 A=fp8 G=per_chanel_weight
refused 'nearest: axis' sweep INT4_PRESET=axes
refused '0.41 is not one of 0.47 0.46 0.45 0.44 0.43 0.40' sweep MODELOPT=0.41
refused 'nearest: nvfp4' sweep FP4_PRESET=nvfp
refused 'nearest: awq' sweep INT4_PRESET=aqw
refused 'nearest: reduction' sweep BLOCK_DIM=reduce
refused 'nearest: cuda' sweep DEVICE=cud
refused '608 or 640' sweep IMGSZ=639
refused 'at least 32' sweep IMGSZ=0
refused 'at least 10' sweep CALIB_IMAGES=9
refused 'not an integer' sweep SCORE_SIZE=4x
refused 'is empty' sweep BATCH_SIZE=
refused 'at least 1' sweep BATCH_SIZE=0
refused 'not an integer' sweep MAX_RUNS=-1
refused 'not a number' sweep EFFECTIVE_BITS=abc
refused 'at most 16' sweep EFFECTIVE_BITS=17
refused 'nearest: all' sweep CELLS_PER_PROCESS=al
refused 'not an integer' sweep THREADS=two
# One table of limits, which the tools have too.
refused 'at most 1024' sweep THREADS=1025
refused 'at most 1024' sweep BATCH_SIZE=1025
refused 'at most 8192' sweep IMGSZ=8224
refused 'at least 0.1' sweep EFFECTIVE_BITS=0.05
refused 'at most 1048576' sweep CALIB_IMAGES=1048577
refused 'at most 1048576' sweep SCORE_SIZE=1048577
refused 'at most 1000000' index TOP_K=1000001
refused 'int8-int8 has 8' sweep MODELS=a EFFECTIVE_BITS=7.9
refused 'int8-int4 has 4' cell MODEL=a W=int8 A=int4 G=per_layer EFFECTIVE_BITS=3
refused 'fp4-fp8 has 4.5' sweep MODELS=a WEIGHT_DTYPES=fp4 ACT_DTYPES=fp8 EFFECTIVE_BITS=4
refused 'fp4-fp4 has 4 ' cell MODEL=a W=fp4 A=fp4 G=per_layer EFFECTIVE_BITS=3.9 MODELOPT=0.40
refused 'fp4-fp4 has 4 ' cell MODEL=a W=fp4 A=fp4 G=per_layer EFFECTIVE_BITS=3.9 FP4_PRESET=mxfp4
# Quotes forgotten; a target mistyped.
refused 'stand in quotes: MODELS="a b"' sweep MODELS=a b
refused 'stand in quotes: MODELS="yolov10n yolov10s m.pt"' sweep MODELS=yolov10n yolov10s m.pt
refused 'stand in quotes: WEIGHT_DTYPES="int8 fp8"' sweep MODELS=a WEIGHT_DTYPES=int8 fp8
refused 'models are given as MODELS="yolov10n"' sweep yolov10n
refused 'nearest: sweep' swep MODEL=a
# Checkpoints that are not there.
echo 1 >models/yolov10n.pt
refused 'MODELS: yolo10n: no such checkpoint; the nearest: yolov10n or yolo11n or yolo12n' sweep MODELS='a yolo10n'
refused 'yolov10s yolov10m: not in models/; make models MODELS="yolov10s yolov10m"' sweep
refused 'yolov10s: not in models/; make models MODELS="yolov10s" downloads what is missing; MODELS=a is there' plan MODELS='a yolov10s'
refused 'MODEL: models/aa.pt: no such checkpoint; the nearest: models/a.pt' cell MODEL=models/aa.pt W=int8 A=fp8 G=per_layer
refused 'MODELS: lists/a.pth: no such checkpoint' plan MODELS=lists/a.pth
rm models/yolov10n.pt
refused 'nearest: all' bench-modelopt BENCH_CELLS=some
refused 'empty' sweep MODELS=
refused 'spaces' sweep MODELS=a IMAGE_LIST='my list.txt'
refused 'spaces' sweep MODEL_DIR='a b'
refused 'ends in .pt' sweep MODELS='runs/my best.pt'
refused 'x=models/a.pt and x=models/b.pt: two models need two names' sweep MODELS='x=models/a.pt x=models/b.pt'
refused 'a and a=models/b.pt: two models need two names' plan MODELS='a a=models/b.pt'
refused 'x/y=models/a.pt: a name stands before the =, without /' sweep MODELS=x/y=models/a.pt
refused "a model's name does not begin with a dot or -" cell MODEL=.x=models/a.pt W=int8 A=fp8 G=per_layer
refused 'x=a: a path that ends in .pt or .pth stands after the =' sweep MODELS=x=a
echo 1 >'my best.pt' && mkdir 'my runs' && echo 1 >'my runs/best.pt'
refused 'my best.pt: make cannot carry paths with spaces' sweep MODELS='a my best.pt'
refused 'my runs/best.pt: make cannot carry paths with spaces' sweep MODELS='my runs/best.pt'
rm -r 'my best.pt' 'my runs'
refused 'letters' sweep MODELS='runs/a#b.pt'
refused 'letters' sweep MODELS='runs/a%b.pt'
refused 'letters' sweep MODELS='runs/a:b.pt'
refused 'read the' sweep MODELS='runs/a$b.pt'
refused 'read the' sweep MODELS='$(shell touch hacked)'
refused 'letters' sweep MODELS='a;touch'
refused 'inside tmp' sweep SUBDIR=../x
refused 'name of a folder' sweep TIMESTAMP=a/b
refused 'cannot be read' sweep MODELS=a IMAGE_LIST=lists/none.txt
refused 'is missing' cell MODEL=a W=int8 A=fp8
refused 'is not one of' sweep WEIGHT_DTYPES='int8|fp4'
refused 'nearest: int4 or int8\|nearest: int8' cell MODEL=a W=int A=fp8 G=per_layer
refused 'WEIGHT_DTYPES' sweep W=int8
refused 'not a variable of make cell' cell MODEL=a W=int8 A=fp8 G=per_layer WEIGHT_DTYPES=int4
ok "no shell in a value was run" [ ! -e hacked ]

head -n 9 lists/list.txt >lists/nine.txt
mk sweep MODELS=a IMAGE_LIST=lists/nine.txt
equal "a list of 9 images: status, a line that says so, no run" "$status $(grep -c 'lists/nine.txt: .*9 images' err) $(find tmp -name run.json | wc -l)" "2 1 0"
{ cat lists/list.txt; echo images/gone.jpg; } >lists/gone.txt
mk sweep MODELS=a IMAGE_LIST=lists/gone.txt CALIB_IMAGES=13
equal "a list that names a missing image: status" "$status" 2
ok "and says which" grep -q 'lists/gone.txt:13: images/gone.jpg: no such file' err

# Lists of strangers.
listed() { # WHAT VARIABLE=VALUE...: a plan of them, for what it says
    what=$1
    shift
    mk plan MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES=int8 GRANULARITIES=per_layer "$@"
    equal "$what" "$status $(cat out)" "0 a/int8-int8/per_layer                to do"
}
{ echo '# my images'; sed 's/$/ /' lists/list.txt | head -c -1; } >lists/odd.txt
listed "a list with a comment, blanks, and no newline at its end" IMAGE_LIST=lists/odd.txt
equal "has all its images" "$(grep -c "images" err)" 0
listed "a folder of images" IMAGE_LIST=lists/images
mkfifo lists/images/pipe.jpg
{ cat lists/list.txt; echo images/pipe.jpg; } >lists/pipe.txt
mk plan MODELS=a IMAGE_LIST=lists/pipe.txt CALIB_IMAGES=13
equal "a list that names a pipe is refused, and does not hang" "$status $(head -n 1 err)" \
    "2 grid-run: lists/pipe.txt:13: images/pipe.jpg: a pipe or device, not a file of an image"
rm lists/images/pipe.jpg

mk test-cuda
ok "test-cuda of a build without CUDA says how to make one, status 2" [ "$status" -eq 2 -a -n "$(grep 'make build DEVICE=cuda' err)" ]
rm -rf tmp
mk sweep MODELS=a DEVICE=cuda:1
ok "a device that is not there: status 2, its reason, no run" [ "$status" -eq 2 -a -n "$(grep "^grid-run: .*cuda:1" err)" -a ! -e tmp ]
MODELS=b TORCH_HOME=/nowhere THREADS=many A=5 V=7 CUDA_HOME='/opt/my cuda'
export MODELS TORCH_HOME THREADS A V CUDA_HOME
mk plan MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES=int8 GRANULARITIES=per_layer
equal "variables of ours in the environment are not used" "$status $(cut -d' ' -f1 out)" "0 a/int8-int8/per_layer"
equal "which is said of those that would have mattered" "$(grep -v "^1 cell: " err)" \
    "yolosens: THREADS of the environment is not used; to set it: make THREADS=many"
make help >out 2>err
equal "and stops no target" "$? $(cat err)$(grep -c '^  MODELS  *yolov10n yolov10s yolov10m ' out)" "0 1"
make -n build >out 2>err
ok "nor makes it build elsewhere" [ -z "$(grep torch2 out)" ]
exit $failed
