# make help: the targets, the variables of config.mk with their current values, three examples.
define HELP
yolosens: quantization sensitivity of YOLO checkpoints

Targets
  help|            this
  deps|            install what a bare Debian 12 lacks; elsewhere name what is missing
  build|           the tools, into build/bin/
  sweep|           every cell that the variables select, then the index and the page
  cell|            one of them: MODEL, W, A, G
  verify|          sweep, and what quantizing its cells' layers does to the detector, measured
  keep-list|       what tells a runtime to leave a cell's worst layers in 16 bits: MODEL, W, A, G, KEEP, TARGET
  pareto|          of MODEL, the best mix of all its scored formats at every size
  export|          MODEL as an ONNX file: in float, or with W, A, G and KEEP quantized
  plan|            the cells of sweep, one a line: done, to do, failed, unsupported
  index|           the index, failures and page again, from what a run holds
  drop|            takes MODEL out of a run, with all that the run holds of it
  runs|            the runs of SUBDIR: size, cells, models, settings
  prune|           delete what runs can make again (decoded images), or one run: TIMESTAMP
  test|            every test a CPU can run
  test-cuda|       those that need a GPU, after make build DEVICE=cuda
  test-long|       the long ones
  bless|           the golden files of the tests, from what the tools write now: read git diff then
  bench|           where a sweep of each of MODELS spends its time, against the peak of the machine
  bench-modelopt|  ModelOpt and ours on the same cells: times, ratio, agreement
  fuzz|            the fuzzers of all that comes from outside, FUZZ_SECONDS each; needs clang: make deps fuzz
  models|          download the official checkpoints into MODEL_DIR
  man|             the man pages of the tools, into build/man/
  install|         yolosens, the tools, completion and man pages, into DESTDIR and PREFIX
  deb|             a Debian package of that, into build/
  uninstall|       take them away again
  clean|           remove build/; never a run

Variables, with their current values
endef
TARGETS := $(patsubst %|,%,$(filter %|,$(HELP)))

.PHONY: $(TARGETS)

# The words that a variable takes, in brackets.
accepts = $(if $(filter word:% words:% ?word:%,$(firstword $1)), ($(wordlist 2,99,$(subst :, ,$1))))

help:
	@:$(info $(subst |, ,$(HELP)))
	@printf '  %-17s %-36s %s\n' $(foreach v,$(filter-out $(QUIET_VARIABLES),$(VARIABLES)),$v $(call quote,$($v)) $(call quote,$(HELP_$v)$(call accepts,$(KIND_$v))))
	@printf '\nExamples\n'
	@printf '  %s\n' 'make sweep MODELS=yolov10n' \
	    'make plan WEIGHT_DTYPES="int8 fp8" ACT_DTYPES=fp16 GRANULARITIES=per_layer' \
	    'make cell MODEL=yolov10n W=int8 A=fp8 G=per_layer'
