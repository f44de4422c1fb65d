# make fuzz: the readers of outside bytes under libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, in build/fuzz.
# Needs clang (`make deps fuzz`). tests/fuzz/fuzz_NAME.c is a fuzzer; what it is given to start with is made by tests/fuzz/seeds.c.
#
# make test needs no clang: tests/fuzz/test_replay.sh gives the same inputs, and those that were once findings, to the same
# functions, built by the ordinary compiler with a main that reads files.
F          := build/fuzz
FUZZ_CC    ?= clang
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SAN   := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_FLAGS  = -std=c11 -O2 -g -ffp-contract=off $(WARN) -Isrc -Itests $(FUZZ_SAN)
FUZZ_O     := $(LIB_C:%.c=$F/obj/%.o)

# What is fuzzed counts for libFuzzer, the fuzzers themselves do not.
$(FUZZ_O): FUZZ_FLAGS += -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp
$F/obj/%.o: %.c
	$(call say,FUZ)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) $(ISA_FLAGS_$(call isa,$*)) -MMD -MP -c -o $@ $<

$(FUZZ_NAMES:%=$F/bin/%): $F/bin/%: $F/obj/tests/fuzz/fuzz_%.o $(FUZZ_O)
	$(call say,LD )
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_SAN) -fsanitize=fuzzer -o $@ $^ $(LIBS)

FUZZ_RUNS := $(FUZZ_NAMES:%=fuzz-%)
.PHONY: $(FUZZ_RUNS)
$(FUZZ_RUNS): fuzz-%: $F/bin/% $B/fuzz/seeds
	@mk/fuzz.sh $* $F $B/fuzz/seeds $(FUZZ_SECONDS)

fuzz: $(FUZZ_RUNS)

# The same functions with a main, for make test.
REPLAYS := $(FUZZ_NAMES:%=$B/fuzz/replay-%)
$(REPLAYS): $B/fuzz/replay-%: $B/obj/tests/fuzz/fuzz_%.o $B/obj/tests/fuzz/replay.o $(LIB)
	$(call say,LD )
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(LIBS)

$B/fuzz/seeds: $B/obj/tests/fuzz/seeds.o $(LIB)
	$(call say,LD )
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(LIB) $(LIBS)

ifneq ($(filter deps,$(MAKECMDGOALS)),)
$(FUZZ_O) $(FUZZ_NAMES:%=$F/obj/tests/fuzz/fuzz_%.o): | deps
endif
-include $(shell find $F/obj -name '*.d' 2>/dev/null)
