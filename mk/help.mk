# make help: the targets, the variables of config.mk with their current values, three examples.

TARGETS := help deps build sweep cell plan index test test-cuda test-long bless bench bench-modelopt fuzz models man install uninstall clean
HELP_OF_help      := this
HELP_OF_deps      := install what a bare Debian 12 lacks; elsewhere name what is missing
HELP_OF_build     := the tools, into build/bin/
HELP_OF_sweep     := every cell that the variables select, then the index and the page
HELP_OF_cell      := one of them: MODEL, W, A, G
HELP_OF_plan      := the cells of sweep, one a line: done, to do, failed, unsupported
HELP_OF_index     := the index, failures and page again, from what a run holds
HELP_OF_test      := every test a CPU can run
HELP_OF_test-cuda := those that need a GPU (not built yet)
HELP_OF_test-long := the long ones
HELP_OF_bless     := the golden files of the tests, from what the tools write now: read git diff then
HELP_OF_bench     := where a sweep of each of MODELS spends its time, against the peak of the machine
HELP_OF_bench-modelopt := ModelOpt and ours on the same cells: times, ratio, agreement
HELP_OF_fuzz      := the fuzzers, FUZZ_SECONDS each (not built yet)
HELP_OF_models    := download the official checkpoints into MODEL_DIR
HELP_OF_man       := the man pages of the tools, into build/man/
HELP_OF_install   := the tools and their man pages, into DESTDIR and PREFIX
HELP_OF_uninstall := take them away again
HELP_OF_clean     := remove build/; never a run

.PHONY: $(TARGETS)

help:
	@printf 'yolosens: quantization sensitivity of YOLOv10 checkpoints\n\nTargets\n'
	@printf '  %-15s %s\n' $(foreach t,$(TARGETS),$t $(call quote,$(HELP_OF_$t)))
	@printf '\nVariables, with their current values\n'
	@printf '  %-17s %-36s %s\n' $(foreach v,$(filter-out $(QUIET_VARIABLES),$(VARIABLES)),$v $(call quote,$($v)) $(call quote,$(HELP_$v)$(call accepts,$(KIND_$v))))
	@printf '\nExamples\n'
	@printf '  %s\n' 'make sweep MODELS=yolov10n' \
	    'make plan WEIGHT_DTYPES="int8 fp8" ACT_DTYPES=fp16 GRANULARITIES=per_layer' \
	    'make cell MODEL=yolov10n W=int8 A=fp8 G=per_layer'

# The words that a variable takes, in brackets.
accepts = $(if $(filter word:% words:% ?word:%,$1), ($(subst |, ,$(lastword $(subst :, ,$1)))))
