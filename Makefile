# yolosens: how much each convolution of a YOLO detector is hurt by quantization, for a grid of formats.
# `make` alone explains itself; README.md says more. Called from another folder, as make -f elsewhere/Makefile, it makes its runs there.
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Where the other files of ours are: empty, or a path that ends in /.
YS := $(filter-out ./,$(dir $(lastword $(MAKEFILE_LIST))))
YS := $(YS:%=$(patsubst %/,%,$(abspath $(YS)))/)

include $(YS)mk/config.mk
include $(YS)mk/help.mk
include $(YS)mk/check.mk
ifeq ($(YS),)
include mk/toolchain.mk
include mk/deps.mk
include mk/fuzz.mk
include mk/test.mk
include mk/bench.mk
include mk/install.mk
include mk/deb.mk
endif
include $(YS)mk/grid.mk
include $(YS)mk/models.mk
ifneq ($(YS),)
include $(YS)mk/elsewhere.mk
endif
