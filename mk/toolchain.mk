# Compilers, flags and the rules that turn src/, tools/ and tests/ into build/.
#
#   SAN=1      everything under AddressSanitizer and UndefinedBehaviorSanitizer, in build/san
#   TORCH_HOME a libtorch 2.x for the tests; empty: the system's libtorch (Debian's libtorch-dev)

CC  ?= gcc
CXX ?= g++
B   := build
ifdef SAN
B := build/san
SAN_FLAGS := -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
endif
ifneq ($(TORCH_HOME),)
B := $(B)/torch2
endif

# Hardening, which tests/base/test_hardening.sh reads back from the tools.
HARDEN  := -fPIE -fstack-protector-strong -fstack-clash-protection
HARDEN_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack
ifndef SAN
HARDEN  += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif

# Rounding is the product: no contraction of a*b+c, no fast-math. Baseline x86-64; faster kernels are
# separate objects, chosen at run time.
WARN       := -Wall -Wextra -Werror -Wno-missing-field-initializers
ALL_CFLAGS   = -std=c11 -O2 -g -ffp-contract=off $(WARN) -Isrc -Itests -I$B/gen $(HARDEN) $(SAN_FLAGS) $(CFLAGS)
ALL_CXXFLAGS = -std=c++17 -O2 -g $(WARN) -Isrc -Itests $(HARDEN) $(SAN_FLAGS) $(CXXFLAGS)
ALL_LDFLAGS  = $(HARDEN_LD) -Wl,--as-needed $(SAN_FLAGS) $(LDFLAGS)
LIBS         = -lcjson -lyaml -lzip -ljpeg -lpng -lprotobuf-c -lcrypto -lm -lpthread

ifeq ($(TORCH_HOME),)
TORCH_INC  := -isystem /usr/include/torch/csrc/api/include
TORCH_LIBS := -ltorch -ltorch_cpu -lc10
else
TORCH_INC  := -isystem $(TORCH_HOME)/include -isystem $(TORCH_HOME)/include/torch/csrc/api/include
TORCH_LIBS := -L$(TORCH_HOME)/lib -Wl,-rpath,$(TORCH_HOME)/lib -ltorch -ltorch_cpu -lc10
endif

include mk/cuda.mk

# Kernels for one instruction set are files named *_<isa>.c; only these are compiled for more than baseline.
ISA_FLAGS_avx2   := -mavx2 -mfma -mf16c
ISA_FLAGS_avx512 := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c
ISA_FLAGS_avx512vnni := $(ISA_FLAGS_avx512) -mavx512vnni
ISA_FLAGS_avx512bf16 := $(ISA_FLAGS_avx512vnni) -mavx512bf16
isa = $(lastword $(subst _, ,$(basename $(notdir $1))))

# The format of ONNX files, as protobuf-c's compiler makes it of src/onnx/onnx.proto.
PROTO   := $B/gen/onnx.pb-c
LIB_C   := $(filter-out src/exec/cuda/%,$(wildcard src/*/*.c src/*/*/*.c)) $(PROTO).c
TORCH_C := tests/oracle/network.c
TORCH_X := $(wildcard tests/oracle/*.cpp)
TOOL_C  := $(wildcard tools/*.c)
TEST_C  := $(filter-out tests/cuda/%,$(wildcard tests/*/test_*.c))
SHIM_C  := $(wildcard tests/*/shim_*.c)

LIB_O   := $(LIB_C:%.c=$B/obj/%.o) $(CUDA_O)
TORCH_O := $(TORCH_C:%.c=$B/obj/%.o) $(TORCH_X:%.cpp=$B/obj/%.o)
LIB     := $B/libyolosens$(if $(CUDA),-cuda).a
TORCHLIB := $B/libyolosens-torch.a
TOOLS   := $(TOOL_C:tools/%.c=$B/bin/%)
TESTS   := $(TEST_C:tests/%.c=$B/test/%)
# What scripts among the tests make their inputs with.
EDITORS := $(patsubst tests/%.c,$B/test/%,$(wildcard tests/*/edit_*.c))
CUDA_TESTS := $(CUDA_TEST_C:tests/%.c=$B/test/%)
SHIMS   := $(SHIM_C:tests/%.c=$B/test/%.so)

# The tests that load libtorch, which their results are compared with; nothing else does.
TORCH_TESTS := $(filter $B/test/oracle/%,$(TESTS))

Q := $(if $(V),,@)
say = $(if $(V),,@echo "  $1 $(patsubst $B/%,%,$@)")

# $(call whole,COMMAND): COMMAND writes $$to, which then becomes the target. Builds that go side by side, and what runs meanwhile, find
# each file as it was or as it will be.
whole = to=$@.$$$$; $1 && mv -f "$$to" $@ || { rm -f "$$to" "$$to.d"; exit 1; }
# The same of an object file, with the list of headers that it depends on.
object = $(call whole,$1 -MMD -MP -MT $@ -MF "$$to.d" -c -o "$$to" $< && mv -f "$$to.d" $(@:.o=.d))

$(PROTO).c $(PROTO).h &: src/onnx/onnx.proto
	$(call say,GEN)
	@mkdir -p $(@D)
	$(Q)to=$(@D)/$$$$; mkdir "$$to" && protoc-c --proto_path=src/onnx --c_out="$$to" $< && mv -f "$$to"/* $(@D) && rmdir "$$to" || { rm -rf "$$to"; exit 1; }
$(LIB_O): | $(PROTO).h

$B/obj/%.o: %.c
	$(call say,CC )
	@mkdir -p $(@D)
	$(Q)$(call object,$(CC) $(ALL_CFLAGS) $(ISA_FLAGS_$(call isa,$*)))

$B/obj/%.o: %.cpp
	$(call say,CXX)
	@mkdir -p $(@D)
	$(Q)$(call object,$(CXX) $(ALL_CXXFLAGS) $(TORCH_INC))

define archive
	$(call say,AR )
	$(Q)$(call whole,$(AR) rcs "$$to" $^)
endef
$(LIB): $(LIB_O)
	$(archive)
	$(if $(CUDA),@mkdir -p $B/cuda)

$(TORCHLIB): $(TORCH_O)
	$(archive)

$(TORCH_TESTS): $(TORCHLIB)
$(TORCH_TESTS): LINK = $(CXX)
$(TORCH_TESTS): LINK_LIBS = $(LIB) $(TORCHLIB) $(LIB) $(CUDA_LIBS) $(TORCH_LIBS)
LINK = $(if $(CUDA),$(CXX),$(CC))
LINK_LIBS = $(LIB) $(CUDA_LIBS)

define link
	$(call say,LD )
	@mkdir -p $(@D)
	$(Q)$(call whole,$(LINK) $(ALL_LDFLAGS) -o "$$to" $(filter %.o,$^) $(LINK_LIBS) $(LIBS))
endef
$(TOOLS): $B/bin/%: $B/obj/tools/%.o $(LIB)
	$(link)

$(TESTS) $(EDITORS) $(CUDA_TESTS): $B/test/%: $B/obj/tests/%.o $(LIB)
	$(link)

# Libraries that tests preload into tools: without a sanitizer of their own.
$(SHIMS): $B/test/%.so: tests/%.c
	$(call say,CC )
	@mkdir -p $(@D)
	$(Q)$(call whole,$(CC) -std=c11 -O2 -g $(WARN) -fPIC -shared -o "$$to" $< -ldl)

.SECONDARY:
-include $(shell find $B/obj -name '*.d' 2>/dev/null)
