# build and the tests. A test is a program tests/FOLDER/test_NAME.c or a script tests/FOLDER/test_NAME.sh; the long ones are
# scripts tests/FOLDER/long_NAME.sh. tests/FOLDER/shim_NAME.c is preloaded into tools. Scripts run from the repository root with BUILD and SHARED set.
build: $(TOOLS)

TEST_SCRIPTS := $(sort $(wildcard tests/*/test_*.sh))
LONG_SCRIPTS := $(sort $(wildcard tests/*/long_*.sh))
# Tests call make themselves: they must not inherit what this one was given.
run_tests = @env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES $(foreach v,$(call on_command_line,$(VARIABLES)),-u $v) \
    BUILD=$B SHARED=$(abspath $(SHARED)) V=$V tests/run

test: $(TOOLS) $(TESTS) $(SHIMS)
	$(run_tests) $(TESTS) $(TEST_SCRIPTS)

test-long: $(TOOLS) $(SHIMS)
	$(run_tests) $(LONG_SCRIPTS)

# Said rather than pretended.
test-cuda fuzz:
	@echo "make $@: not built yet" >&2; exit 2

# With deps in the same call, nothing is compiled before it is done.
ifneq ($(filter deps,$(MAKECMDGOALS)),)
$(LIB_O) $(TORCH_O) $(TOOL_C:%.c=$B/obj/%.o) $(TEST_C:%.c=$B/obj/%.o): | deps
endif
