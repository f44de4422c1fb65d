# sweep, cell, plan, index and what else is asked of a run. The scripts in mk/ choose the run, plan the cells and write the run's own grid.mk, which a
# second make runs; design and reasons stand at the top of each.

# Tools of another folder (BIN=) are taken as they are.
GRID_TOOLS := $(if $(call given,BIN),,build)

GRID_SETTINGS := MODEL_DIR MAX_RUNS MODELS MODELS_FILE WEIGHT_DTYPES ACT_DTYPES GRANULARITIES $(IDENTITY) \
    EFFECTIVE_BITS MODELOPT TOP_K SUBDIR TIMESTAMP NEW CELLS_PER_PROCESS SHARDS THREADS LAUNCHER BIN VERIFY_LIST VERIFY_IMAGES \
    SEARCH MIXES \
    RANK_BY KEEP TARGET ONNX MODEL W A G
GRID_GOALS := sweep verify cell keep-list pareto export plan drop index runs prune
# The same settings in a command that is advised: those that were typed.
typed = $(foreach v,$(call given,$1),$v=$(if $(word 2,$($v)),"$($v)",$($v)))
settings = YS=$(call quote,$(YS)) $(foreach v,$(GRID_SETTINGS),$v=$(call quote,$($v))) MAKE=$(call quote,$(MAKE)) V=$(call quote,$V) \
    DTYPES='$(ACT_WORDS)' WEIGHT_WORDS='$(WEIGHT_WORDS)' GRANULARITY_WORDS='$(GRANULARITY_WORDS)' \
    BY_IDENTITY=$(call quote,$(call given,$(IDENTITY) NEW)) TYPED=$(call quote,$(call typed,$(IDENTITY) EFFECTIVE_BITS MODELOPT MODEL_DIR SUBDIR TIMESTAMP)) \
    TYPED_VERIFY=$(call quote,$(call typed,VERIFY_LIST VERIFY_IMAGES SEARCH $(if $(filter ap=%,$(KEEP)),KEEP)))

one_cell = MAX_RUNS= MODELS_FILE= MODELS=$(call quote,$(MODEL)) WEIGHT_DTYPES=$W ACT_DTYPES=$A GRANULARITIES=$G

# `exec`: what make tells its child to do, stop for one, must reach the script and not a shell before it.
# `+`: the second make shares this one's jobs. Not where make only shows (-n), asks (-q) or touches (-t).
LETTERS := $(filter-out --%,$(firstword -$(MAKEFLAGS)))
JOBS := $(if $(findstring n,$(LETTERS))$(findstring q,$(LETTERS))$(findstring t,$(LETTERS)),,+)

sweep: $(GRID_TOOLS)
	$(JOBS)@exec env $(settings) $(YS)mk/sweep.sh sweep

# KEEP=ap=0.99 asks for the fewest layers that keep so much of the agreement.
verify: $(filter sweep cell,$(MAKECMDGOALS)) $(GRID_TOOLS)
	$(JOBS)@exec env $(settings) $(if $(verify_cell),$(one_cell)) REACH=$(or $(patsubst ap=%,%,$(filter ap=%,$(KEEP))),0) $(YS)mk/sweep.sh verify

# Of several goals in one call, each sees what the one before it left.
cell: $(filter sweep,$(MAKECMDGOALS)) $(GRID_TOOLS)
	$(JOBS)@exec env $(settings) $(one_cell) $(YS)mk/sweep.sh sweep

keep-list pareto export: $(filter sweep cell verify,$(MAKECMDGOALS)) $(GRID_TOOLS)
	@exec env $(settings) $(YS)mk/sweep.sh $@

plan: $(GRID_TOOLS)
	@exec env $(settings) $(YS)mk/sweep.sh plan

drop runs prune: $(GRID_TOOLS)
	@exec env $(settings) $(YS)mk/sweep.sh $@

index: $(filter sweep cell,$(MAKECMDGOALS)) $(GRID_TOOLS)
	@exec env $(settings) $(YS)mk/sweep.sh index
