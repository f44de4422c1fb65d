# What make was asked is judged before anything else happens: by mk/check.awk, in one process. Its first line, if any, is the complaint.
# Values reach it unexpanded; a newline in one, as the words $(newline).
quote = '$(subst ','\'',$1)'
define newline


endef
flat = $(call quote,$(subst $(newline),$$(newline),$1))
raw = $(if $(filter file undefined,$(firstword $(origin $1))),$($1),$(value $1))

# Of the tools that make starts: the environment may set these.
TOOL_VARIABLES := CC CXX AR CFLAGS CXXFLAGS CPPFLAGS LDFLAGS LDLIBS MAKEFLAGS MAKE SHELL
YOLOV10_MODELS := yolov10n yolov10s yolov10m yolov10b yolov10l yolov10x
ULTRALYTICS_MODELS := $(foreach family,yolov8 yolo11 yolo12 yolo26,$(addprefix $(family),n s m l x))
OFFICIAL_MODELS := $(YOLOV10_MODELS) $(ULTRALYTICS_MODELS)

# make verify takes a grid, or with MODEL, W, A and G one cell.
verify_cell := $(if $(filter sweep plan bench bench-modelopt,$(MAKECMDGOALS))$(call given,MODELS MODELS_FILE MAX_RUNS WEIGHT_DTYPES ACT_DTYPES GRANULARITIES),,$(call given,MODEL W A G))

TYPED := $(call given,$(filter-out -% .% MAKE%,$(.VARIABLES)))
COMPLAINT := $(shell LC_ALL=C awk -f $(YS)mk/check.awk home=$(call quote,$(YS)) goals=$(call flat,$(MAKECMDGOALS)) typed=$(call flat,$(TYPED)) verify_cell=$(call quote,$(verify_cell)) \
    targets=$(call quote,$(TARGETS) build-tests libtorch fuzz-keep fuzz-compiler) known=$(call quote,$(VARIABLES) $(TOOL_VARIABLES)) \
    official=$(call quote,$(OFFICIAL_MODELS)) foreign=$(call quote,$(filter-out $(TYPED),$(FOREIGN))) \
    $(foreach v,$(VARIABLES),$v=$(call flat,$(KIND_$v)=$(call raw,$v))))
ifneq ($(.SHELLSTATUS),0)
$(error mk/check.awk ended with status $(.SHELLSTATUS), so the variables are not judged; it needs awk and src/base/limits.def)
endif
ifneq ($(COMPLAINT),)
$(error $(strip $(COMPLAINT)))
endif
