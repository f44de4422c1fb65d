# yolosens: how much each convolution of a YOLO detector is hurt by quantization, for a grid of formats.
# `make` alone explains itself; README.md says more.
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

include mk/config.mk
include mk/help.mk
include mk/check.mk
include mk/toolchain.mk
include mk/deps.mk
include mk/grid.mk
include mk/models.mk
include mk/fuzz.mk
include mk/test.mk
include mk/bench.mk
include mk/install.mk
