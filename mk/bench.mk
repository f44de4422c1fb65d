# The benchmarks, in bench/: a folder each. They are no tests: nothing here is judged by its time.

# The files that MODELS stands for, as src/grid/plan.c finds them.
CHECKPOINTS = $(foreach m,$(MODELS),$(if $(filter %.pt %.pth,$m),$(lastword $(subst =, ,$m)),$(or $(wildcard $(MODEL_DIR)/$m.pt),calib/models/$m.pt)))

# bench: bench/speed, of each model by itself, so that the largest resident set is a model's own.
SPEED   := $B/bench/speed
SPEED_O := $(patsubst %.c,$B/obj/%.o,$(wildcard bench/speed/*.c))
$(SPEED_O): ALL_CFLAGS += -Ibench/speed

$(SPEED): $(SPEED_O) $(LIB)
	$(link)

# bench DEVICE=cuda: bench/cuda, on a card.
BENCH_CUDA := $B/bench/cuda
BENCH_CUDA_O := $B/obj/bench/cuda/main.o $B/obj/bench/cuda/peak.cu.o
$(BENCH_CUDA_O): ALL_CFLAGS += -Ibench/cuda $(if $(CUDA),-isystem $(firstword $(CUDA_DIR))/include)
$(BENCH_CUDA): $(BENCH_CUDA_O) $(LIB)
	$(link)

ifneq ($(filter cuda%,$(DEVICE)),)
bench: $(BENCH_CUDA) $B/bin/calib-prep
	@CHECKPOINTS=$(call quote,$(CHECKPOINTS)) IMAGE_LIST=$(call quote,$(IMAGE_LIST)) CALIB_IMAGES=$(CALIB_IMAGES) \
	    SCORE_SIZE=$(SCORE_SIZE) IMGSZ=$(IMGSZ) BUILD=$B bench/cuda/run.sh
test-cuda: $(BENCH_CUDA)
else
bench: $(SPEED) $B/bin/calib-prep $B/bin/file-put
	@CHECKPOINTS=$(call quote,$(CHECKPOINTS)) IMAGE_LIST=$(call quote,$(IMAGE_LIST)) CALIB_IMAGES=$(CALIB_IMAGES) \
	    SCORE_SIZE=$(SCORE_SIZE) IMGSZ=$(IMGSZ) THREADS=$(THREADS) BUILD=$B bench/speed/run.sh
endif

# Built with the tests, so that it cannot rot.
build-tests: $(SPEED)
ifneq ($(filter deps,$(MAKECMDGOALS)),)
$(SPEED_O): | deps
endif

# bench-modelopt: ModelOpt's AutoQuantize and ours on the same cells, images and cores; needs python3's venv.
BENCH_SETTINGS := CHECKPOINTS IMAGE_LIST CALIB_IMAGES SCORE_SIZE IMGSZ BATCH_SIZE INT4_PRESET MODELOPT BENCH_CELLS

# What is timed calls make itself: it must not inherit what this one was given.
bench-modelopt: $(GRID_TOOLS)
	@bench/modelopt/install.sh $(call quote,$(BENCH_ENV)) $(MODELOPT)
	@exec env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES $(foreach v,$(call given,$(VARIABLES)),-u $v) \
	    $(call quote,$(BENCH_ENV)/bin/python) -B bench/modelopt/run.py --bin $(call quote,$(BIN)) --make $(call quote,$(MAKE)) \
	    --threads $(or $(THREADS),2) -o $B/bench/modelopt.json $(foreach v,$(BENCH_SETTINGS),$v=$(call quote,$($v)))
