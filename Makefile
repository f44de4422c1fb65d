# yolosens: how much each convolution of a YOLOv10 detector is hurt by quantization, for a grid of formats.
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

include mk/toolchain.mk

.PHONY: help build test clean
help:
	@echo "make build | test | clean"

build: $(TOOLS)

TEST_SCRIPTS := $(sort $(wildcard tests/*/test_*.sh))
test: $(TOOLS) $(TESTS)
	@BUILD=$B SHARED=$(abspath ../shared) tests/run $(TESTS) $(TEST_SCRIPTS)

clean:
	rm -rf build
