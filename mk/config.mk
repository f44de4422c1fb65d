# Every variable a user may set: its default, what values it takes, one line of help.
#
# $(call variable,NAME,DEFAULT,KIND,HELP): KIND is what mk/check.sh accepts for the value:
#   word:A|B     one of these         words:A|B     a list of these, not empty
#   int:MIN      an integer           int32:MIN     a multiple of 32
#   number       above 0, up to 16    path          no spaces, nothing that make or a shell would read
#   models       names or .pt paths   command       anything (LAUNCHER, compilers, flags)
# A leading ? allows it to be empty.
comma := ,
define variable
VARIABLES += $1
$1 ?= $2
KIND_$1 := $3
HELP_$1 := $4
endef
declare = $(eval $(call variable,$1,$2,$3,$4))

# The grid.
$(call declare,MODELS,yolov10n yolov10s yolov10m,models,names$(comma) or paths of .pt files)
$(call declare,MODEL_DIR,models,path,folder of NAME.pt (else calib/models/NAME.pt))
$(call declare,WEIGHT_DTYPES,int4 int8 fp4 fp8,words:int4|int8|fp4|fp8,weight types)
$(call declare,ACT_DTYPES,int4 int8 fp4 fp8,words:int4|int8|fp4|fp8|fp16,activation types; fp16: not quantized)
$(call declare,GRANULARITIES,per_channel per_layer,words:per_channel|per_layer,of the scales)
$(call declare,MAX_RUNS,,?int:1,only the first so many scorable cells)
$(call declare,MODEL,,?models,of make cell)
$(call declare,W,,?word:int4|int8|fp4|fp8,of make cell: weight type)
$(call declare,A,,?word:int4|int8|fp4|fp8|fp16,of make cell: activation type)
$(call declare,G,,?word:per_channel|per_layer,of make cell: granularity)
# What the numbers depend on: a run's identity.
$(call declare,IMAGE_LIST,calib/quant100.txt,path,one image path a line)
$(call declare,CALIB_IMAGES,100,int:10,images calibrated on)
$(call declare,SCORE_SIZE,16,int:1,images scored on$(comma) the first ones)
$(call declare,IMGSZ,640,int32:32,side of the square input)
$(call declare,BATCH_SIZE,1,int:1,images a batch)
$(call declare,EFFECTIVE_BITS,,?number,the solver's constraint; empty: by weight type)
$(call declare,FP4_PRESET,nvfp4,word:nvfp4|mxfp4,)
$(call declare,INT4_PRESET,blockwise,word:blockwise|awq,)
$(call declare,BLOCK_DIM,modelopt,word:modelopt|reduction,what blocks of a scale lie along)
$(call declare,DEVICE,auto,device,auto$(comma) cpu$(comma) cuda or cuda:N)
# Where and how.
$(call declare,TOP_K,25,int:0,layers a cell in the index)
$(call declare,SUBDIR,yolo10_layer_sensitivity_sweep,path,runs are in tmp/SUBDIR)
$(call declare,TIMESTAMP,,?name,the run of this name$(comma) made if absent)
$(call declare,NEW,,?word:0|1,1: a new run)
$(call declare,CELLS_PER_PROCESS,all,count,cells one scoring process takes)
$(call declare,THREADS,,?int:1,of each scoring process; empty: cores / -j)
$(call declare,LAUNCHER,,?command,put before each scoring process)
$(call declare,TORCH_HOME,,?path,a libtorch 2.x for the tests; empty: the system's)
$(call declare,CUDA_HOME,,?path,a CUDA toolkit; empty: that of make deps DEVICE=cuda$(comma) nvcc's$(comma) or /usr/local/cuda)
$(call declare,PREFIX,/usr/local,path,of make install)
$(call declare,DESTDIR,,?path,of make install)
$(call declare,BENCH_CELLS,all,count,of make bench-modelopt: how many of its 15 cells are timed)
$(call declare,BENCH_ENV,build/bench/modelopt-env,path,of make bench-modelopt: folder of ModelOpt's Python environment)
$(call declare,FUZZ_SECONDS,60,int:1,of make fuzz)
$(call declare,V,,?command,1: show the commands and every test)
$(call declare,SAN,,?command,1: build with ASan and UBSan)

# For developers: not in the help, but not refused.
$(call declare,BIN,$$B/bin,path,folder of the tools)
$(call declare,SHARED,$$(wildcard ../shared),?path,reference data of the tests)
$(call declare,MODELS_URL,https://github.com/jameslahm/yolov10/releases/download/v1.0,path,where make models downloads from)
QUIET_VARIABLES := BIN SHARED MODELS_URL
TOOL_VARIABLES := CC CXX AR CFLAGS CXXFLAGS CPPFLAGS LDFLAGS LDLIBS MAKEFLAGS MAKE SHELL

IDENTITY := IMAGE_LIST CALIB_IMAGES SCORE_SIZE IMGSZ BATCH_SIZE EFFECTIVE_BITS FP4_PRESET INT4_PRESET BLOCK_DIM DEVICE
FILTERS  := MODELS WEIGHT_DTYPES ACT_DTYPES GRANULARITIES MAX_RUNS
CELL     := MODEL W A G

# Given on the command line or in the environment, that is: not the defaults above.
given = $(strip $(foreach v,$1,$(if $(filter-out file undefined,$(firstword $(origin $v))),$v)))
on_command_line = $(strip $(foreach v,$1,$(if $(filter command,$(firstword $(origin $v))),$v)))

# One process judges names and values; its first line, if any, is the complaint. Values reach it unexpanded.
quote = '$(subst ','\'',$1)'
define newline


endef
TYPED := $(call on_command_line,$(filter-out -% .% MAKE%,$(.VARIABLES)))
UNKNOWN := $(filter-out $(VARIABLES) $(TOOL_VARIABLES),$(TYPED))
raw = $(if $(filter file undefined,$(firstword $(origin $1))),$($1),$(value $1))
COMPLAINT := $(shell mk/check.sh \
    goals=$(call quote,$(MAKECMDGOALS)) unknown=$(call quote,$(UNKNOWN)) \
    known=$(call quote,$(VARIABLES) $(TOOL_VARIABLES)) typed=$(call quote,$(TYPED)) \
    $(foreach v,$(VARIABLES),$v=$(call quote,$(KIND_$v)=$(subst $(newline), ,$(call raw,$v)))))
ifneq ($(COMPLAINT),)
$(error $(strip $(COMPLAINT)))
endif
