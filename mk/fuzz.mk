# make fuzz: the readers of outside bytes under libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, in build/fuzz.
# Needs clang (`make deps fuzz`). tests/fuzz/fuzz_NAME.c is a fuzzer; what it is given to start with is made by tests/fuzz/seeds.c.
#
# make test needs no clang: tests/fuzz/test_replay.sh gives the same inputs, and those that were once findings, to the same
# functions, built by the ordinary compiler with a main that reads files.
F          := build/fuzz
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SAN   := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_FLAGS  = -std=c11 -O2 -g -ffp-contract=off $(WARN) -Isrc -Itests -I$B/gen $(FUZZ_SAN)
FUZZ_O     := $(patsubst %.c,$F/obj/%.o,$(LIB_C) src/exec/cuda/none.c)

# What is fuzzed counts for libFuzzer, the fuzzers themselves do not.
$(FUZZ_O): | $(PROTO).h
$(FUZZ_O): FUZZ_FLAGS += -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp
$F/obj/%.o: %.c
	$(call say,FUZ)
	@mkdir -p $(@D)
	$(Q)$(call object,$(FUZZ_CC) $(FUZZ_FLAGS) $(ISA_FLAGS_$(call isa,$*)))

$F/libyolosens.a: $(FUZZ_O)
	$(archive)

$(FUZZ_NAMES:%=$F/bin/%): $F/bin/%: $F/obj/tests/fuzz/fuzz_%.o $F/libyolosens.a
	$(call say,LD )
	@mkdir -p $(@D)
	$(Q)$(call whole,$(FUZZ_CC) $(FUZZ_SAN) -fsanitize=fuzzer -o "$$to" $^ $(LIBS))

# What tests/fuzz/inputs.sh runs.
FUZZ_INPUTS := $B/fuzz/seeds $(addprefix $B/test/pt/,test_hostile test_hostile_zip test_hostile_tree)

FUZZ_RUNS := $(FUZZ_NAMES:%=fuzz-%)
.PHONY: $(FUZZ_RUNS)
$(FUZZ_RUNS): fuzz-%: $F/bin/% $(FUZZ_INPUTS)
	@BUILD=$B mk/fuzz.sh $* $F $(FUZZ_SECONDS)

fuzz: $(FUZZ_RUNS)

# What the corpora cover, by as few inputs as that takes, into tests/fuzz/corpus, where make test replays it.
.PHONY: fuzz-keep
fuzz-keep: $(FUZZ_NAMES:%=$F/bin/%)
	@for name in $(FUZZ_NAMES); do mk/fuzz-keep.sh $$name $F || exit 1; done

# The same functions with a main, for make test.
REPLAYS := $(FUZZ_NAMES:%=$B/fuzz/replay-%)
$(REPLAYS): $B/fuzz/replay-%: $B/obj/tests/fuzz/fuzz_%.o $B/obj/tests/fuzz/replay.o $(LIB)
	$(link)

$B/fuzz/seeds: $B/obj/tests/fuzz/seeds.o $(LIB)
	$(link)

# One line rather than the compiler's.
$(FUZZ_O) $(FUZZ_NAMES:%=$F/obj/tests/fuzz/fuzz_%.o): | fuzz-compiler
.PHONY: fuzz-compiler
fuzz-compiler: $(if $(filter deps,$(MAKECMDGOALS)),deps)
	@echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | $(FUZZ_CC) -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null || { \
	    echo "make fuzz needs clang with libFuzzer: make deps fuzz installs it where apt has it; else FUZZ_CC=its name" >&2; exit 1; }

-include $(shell find $F/obj -name '*.d' 2>/dev/null)
