# Every variable a user may set: its default, what values it takes, one line of help.
#
# $(call declare,NAME,DEFAULT,KIND,HELP): KIND is what mk/check.awk accepts for the value:
#   word:A B    one of these            words:A B   a list of these, not empty
#   int         within its row of src/base/limits.def; int32: and a multiple of 32; number: any number within its row
#   count       all, or 1 and more      command     anything
#   keep        80%, 10, bits=9, ap=0.99
#   models      names, paths of .pt and .pth files, or NAME=PATH; or one: model
#   path        no spaces, nothing that make or a shell reads; folder: inside tmp/; name: of one folder
# A leading ? allows it to be empty. None holds a newline, which would end a recipe's line and begin a command.
#
# Only the command line sets them: short names like A and V, and PyTorch's TORCH_HOME, mean other things in an environment. Those found
# there are said where one of GOALS is asked for, which read them.
comma := ,
define variable
VARIABLES += $1
FOREIGN += $(if $(filter environment,$(origin $1)),$(if $(value $1),$(if $(filter $(GOALS),$(MAKECMDGOALS)),$1)))
$1 = $2
KIND_$1 := $3
HELP_$1 := $4
endef
declare = $(eval $(call variable,$1,$2,$3,$4))

# The words of the program's own tables: $(call rows,TABLE) is word:WORD, of each row the first two columns, or word: alone.
ROWS := $(shell cd $(or $(YS),.) && sed -n 's/^\([A-Z]*\)."\([a-z0-9._-]*\)", *\([A-Z]*\).*/\1:\2:\3/p; s/^\(CHOICE\).\([A-Z0-9_]*\), "\([a-z0-9]*\)".*/\1:\2:\3/p' \
    src/cell/dtypes.def src/cell/granularities.def src/cell/choices.def src/cell/releases.def src/deploy/targets.def)
rows = $(patsubst %:,%,$(patsubst $1:%,%,$(filter $1:%,$(ROWS))))

# The grid.
DTYPES       := $(call rows,DTYPE)
WEIGHT_WORDS := $(patsubst %:BOTH,%,$(filter %:BOTH,$(DTYPES)))
ACT_WORDS    := $(foreach d,$(DTYPES),$(firstword $(subst :, ,$d)))
# word:USUAL or word:ASKED, and option:word; an option's first word is its default.
GRANULARITY_ROWS  := $(call rows,GRANULARITY)
GRANULARITY_WORDS := $(foreach g,$(GRANULARITY_ROWS),$(firstword $(subst :, ,$g)))
CHOICES           := $(call rows,CHOICE)
choices = $(patsubst $1:%,%,$(filter $1:%,$(CHOICES)))
choice  = $(call declare,$1,$(firstword $(choices)),word:$(choices),$2)
GOALS := sweep verify plan bench bench-modelopt
$(call declare,MODELS,yolov10n yolov10s yolov10m,models,names$(comma) paths of .pt files$(comma) or NAME=PATH)
$(call declare,MODELS_FILE,,?path,instead: a list of models$(comma) one a line)
$(call declare,WEIGHT_DTYPES,int4 int8 fp4 fp8,words:$(WEIGHT_WORDS),weight types)
$(call declare,ACT_DTYPES,int4 int8 fp4 fp8,words:$(ACT_WORDS),activation types; fp16: not quantized)
$(call declare,GRANULARITIES,$(patsubst %:USUAL,%,$(filter %:USUAL,$(GRANULARITY_ROWS))),words:$(GRANULARITY_WORDS),of the scales)
$(call declare,MAX_RUNS,,?int,only the first so many scorable cells)
GOALS := cell keep-list pareto export drop
$(call declare,MODEL,,?model,of make cell$(comma) keep-list$(comma) pareto$(comma) export$(comma) drop)
$(call declare,W,,?word:$(WEIGHT_WORDS),of the cell: weight type)
$(call declare,A,,?word:$(ACT_WORDS),of the cell: activation type)
$(call declare,G,,?word:$(GRANULARITY_WORDS),of the cell: granularity)
GOALS := sweep verify plan bench bench-modelopt cell models keep-list pareto export
$(call declare,MODEL_DIR,models,path,folder of NAME.pt (else calib/models/NAME.pt))
# What the numbers depend on: a run's identity.
GOALS := sweep verify plan bench bench-modelopt cell index keep-list pareto export
$(call declare,IMAGE_LIST,$(YS)calib/quant100.txt,path,one image path a line$(comma) a folder$(comma) or data.yaml)
$(call declare,CALIB_IMAGES,100,int,images calibrated on)
$(call declare,SCORE_SIZE,16,int,images scored on$(comma) the first ones)
$(call declare,OBJECTIVES,modelopt detection,words:modelopt detection,what is scored: modelopt alone$(comma) or both)
$(call declare,PROBES,1,int,vectors of signs an image$(comma) for detection)
$(call declare,FOLD,0,word:0 1,1: the network that is exported$(comma) BatchNorm folded into its convolutions)
$(call declare,IMGSZ,640,int32,side of the square input)
$(call declare,BATCH_SIZE,1,int,images a batch)
$(call choice,FP4_PRESET,what fp4 means)
$(call choice,INT4_PRESET,what int4 weights mean)
$(call choice,BLOCK_DIM,what blocks of a scale lie along)
GOALS := sweep verify plan bench-modelopt cell
$(call declare,EFFECTIVE_BITS,,?number,the solver's limit$(comma) by which another one solves again; empty: by weight type)
RELEASES := $(call rows,RELEASE)
$(call declare,MODELOPT,$(firstword $(RELEASES)),word:$(RELEASES),release that resumes the state files$(comma) and counts sizes)
# What is measured, and what it is for.
TARGET_WORDS := $(call rows,TARGET)
GOALS := verify keep-list pareto export
$(call declare,VERIFY_LIST,,?path,images to measure on: its first$(comma) labels beside them; empty: IMAGE_LIST's last)
$(call declare,VERIFY_IMAGES,32,int,how many of them)
$(call declare,MIXES,,?bits,make pareto measures its mixes of these effective bits: 6$(comma)8$(comma)10)
$(call declare,SEARCH,0,int,tries of a search for better sets; 100 are a good number)
$(call declare,TARGET,modelopt-onnx,word:$(TARGET_WORDS),the runtime that make keep-list writes for)
$(call declare,ONNX,,?path,your model: make keep-list takes its nodes' names)
$(call declare,KEEP,80%,keep,layers in 16 bits: 80% of the rank$(comma) 10$(comma) bits=9$(comma) or ap=0.99 of make verify)
GOALS := sweep verify plan bench bench-modelopt cell index keep-list pareto export
# Where and how.
$(call declare,RANK_BY,detection,word:detection modelopt class box measured,what layers are listed and kept by)
$(call declare,TOP_K,25,int,layers a cell in the index)
$(call declare,SUBDIR,yolo10_layer_sensitivity_sweep,folder,runs are in tmp/SUBDIR)
$(call declare,TIMESTAMP,,?name,the run of this name$(comma) made if absent)
$(call declare,NEW,,?word:0 1,1: a new run)
$(call declare,CELLS_PER_PROCESS,all,count,cells one scoring process takes)
$(call declare,SHARDS,1,int,processes that calibrate and score a part of the images each$(comma) or measure a part of the layers; with -j or LAUNCHER)
$(call declare,THREADS,,?int,of each scoring process; empty: cores / -j)
$(call declare,LAUNCHER,,?command,put before each process that calibrates$(comma) scores or measures)
GOALS += build deps test-cuda
$(call declare,DEVICE,auto,device,auto$(comma) cpu$(comma) cuda (all GPUs)$(comma) cuda:N or cuda:N$(comma)M)
GOALS := test install uninstall bench-modelopt fuzz
$(call declare,TORCH_HOME,,?path,a libtorch 2.x for the tests; empty: the system's)
$(call declare,PREFIX,/usr/local,path,of make install)
$(call declare,DESTDIR,,?path,of make install)
$(call declare,BENCH_CELLS,all,count,of make bench-modelopt: how many of its 15 cells are timed)
$(call declare,BENCH_ENV,build/bench/modelopt-env,path,of make bench-modelopt: folder of ModelOpt's Python environment)
$(call declare,FUZZ_SECONDS,60,int,of make fuzz)
GOALS :=
$(call declare,CUDA_HOME,,?path,a CUDA toolkit; empty: that of make deps DEVICE=cuda$(comma) nvcc's$(comma) or /usr/local/cuda)
$(call declare,V,,?word:1,1: show the commands and every test)
$(call declare,SAN,,?word:1,1: build with ASan and UBSan)

# For developers: not in the help, but not refused.
QUIET_VARIABLES := FUZZ_CC BIN SHARED MODELS_URL
$(call declare,BIN,$(if $(YS),$(YS)build/bin,$$B/bin),path,folder of the tools)
$(call declare,SHARED,$$(wildcard ../shared),?path,reference data of the tests)
$(call declare,MODELS_URL,https://github.com/jameslahm/yolov10/releases/download/v1.0,command,where make models downloads from)
$(call declare,FUZZ_CC,clang,command,compiler of make fuzz: a clang with libFuzzer)

IDENTITY := IMAGE_LIST CALIB_IMAGES SCORE_SIZE OBJECTIVES PROBES FOLD IMGSZ BATCH_SIZE FP4_PRESET INT4_PRESET BLOCK_DIM DEVICE

# Those of the variables that the command line sets.
given = $(strip $(foreach v,$1,$(if $(filter command,$(firstword $(origin $v))),$v)))
