# The benchmarks. bench-modelopt: ModelOpt's AutoQuantize and ours on the same cells, images and cores; needs python3's venv.
BENCH_SETTINGS := MODELS MODEL_DIR IMAGE_LIST CALIB_IMAGES SCORE_SIZE IMGSZ BATCH_SIZE INT4_PRESET BENCH_CELLS

# What is timed calls make itself: it must not inherit what this one was given.
bench-modelopt: $(GRID_TOOLS)
	@bench/modelopt/install.sh $(call quote,$(BENCH_ENV))
	@exec env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES $(foreach v,$(call on_command_line,$(VARIABLES)),-u $v) \
	    $(call quote,$(BENCH_ENV)/bin/python) -B bench/modelopt/run.py --bin $(call quote,$(BIN)) --make $(call quote,$(MAKE)) \
	    --threads $(or $(THREADS),2) -o $B/bench/modelopt.json $(foreach v,$(BENCH_SETTINGS),$v=$(call quote,$($v)))
