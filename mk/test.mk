# build and the tests. A test is a program tests/FOLDER/test_NAME.c or a script tests/FOLDER/test_NAME.sh; the long ones are
# scripts tests/FOLDER/long_NAME.sh. Scripts run from the repository root with BUILD and SHARED set; edit_NAME.c are programs that
# they use, shim_NAME.c is preloaded into tools.
build: $(TOOLS)

TEST_SCRIPTS := $(sort $(filter-out tests/cuda/%,$(wildcard tests/*/test_*.sh)))
CUDA_SCRIPTS := $(sort $(wildcard tests/cuda/test_*.sh))
LONG_SCRIPTS := $(sort $(wildcard tests/*/long_*.sh))
# Tests call make themselves: they must not inherit what this one was given.
run_tests = @env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES $(foreach v,$(call given,$(VARIABLES)),-u $v) \
    BUILD=$B SHARED=$(abspath $(SHARED)) V=$V tests/run

test: build-tests
	$(run_tests) $(TESTS) $(TEST_SCRIPTS)

# Everything that make test runs, and nothing run.
.PHONY: build-tests
build-tests: $(TOOLS) $(TESTS) $(REPLAYS) $(FUZZ_INPUTS) $(EDITORS) $(SHIMS)

# One line rather than the compiler's.
$(TORCH_O): | libtorch
.PHONY: libtorch
libtorch: $(if $(filter deps,$(MAKECMDGOALS)),deps)
	@echo '#include <torch/version.h>' | $(CXX) $(CXXFLAGS) $(TORCH_INC) -E -x c++ - >/dev/null 2>&1 || { \
	    echo "make test needs libtorch 2.x: make deps test installs it where apt has it; else TORCH_HOME=its folder" >&2; exit 1; }

test-long: $(TOOLS) $(EDITORS) $(SHIMS) $B/test/ultralytics/test_outputs
	$(run_tests) $(LONG_SCRIPTS)

# What the tools write now becomes what the tests expect: scripts tests/FOLDER/bless.sh.
bless: $(TOOLS)
	@for script in $(wildcard tests/*/bless.sh); do BUILD=$B "$$script" || exit 1; done

# On a machine with a GPU.
ifdef CUDA
test-cuda: $(TOOLS) $(CUDA_TESTS)
	$(run_tests) $(CUDA_TESTS) $(CUDA_SCRIPTS)
else
test-cuda:
	@echo "make test-cuda: this build has no CUDA; make build DEVICE=cuda first" >&2; exit 2
endif

# With deps in the same call, nothing is compiled before it is done.
ifneq ($(filter deps,$(MAKECMDGOALS)),)
$(PROTO).c $(PROTO).h $(LIB_O) $(TORCH_O) $(TOOL_C:%.c=$B/obj/%.o) $(TEST_C:%.c=$B/obj/%.o) $(EDITORS:$B/test/%=$B/obj/tests/%.o) $(patsubst %.c,$B/obj/%.o,$(wildcard tests/fuzz/*.c)): | deps
endif
