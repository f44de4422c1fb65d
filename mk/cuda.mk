# The build with CUDA: asked for once, with DEVICE=cuda, and kept until make clean.
#
# Kernels are src/exec/cuda/*.cu; a build without CUDA has src/exec/cuda/none.c in the place of all files there. Nothing but the
# driver is needed to run what comes out, and it starts on a machine that has none.
#
#   CUDA_HOME  a CUDA toolkit, 12.8 or newer; empty: the one that make deps DEVICE=cuda installed, nvcc's, /usr/local/cuda
CUDA := $(if $(filter cuda%,$(DEVICE)),1,$(if $(wildcard $B/cuda),1))

CUDA_ENV := $B/cuda-toolkit
# When it is needed, not before: deps may be installing it.
CUDA_DIR = $(shell mk/cuda-home.sh $(call quote,$(CUDA_HOME)) $(CUDA_ENV))
cuda_lib = $(firstword $(wildcard $1/lib64 $1/targets/x86_64-linux/lib $1/lib))

# Ampere, Hopper, the RTX 50 cards, and PTX that the driver compiles for any other from Ampere on.
# Who builds for one card alone may say so in the environment.
CUDA_ARCHS ?= -gencode arch=compute_80,code=[sm_80,compute_80] -gencode arch=compute_90a,code=sm_90a \
    -gencode arch=compute_120,code=sm_120
NVCC_FLAGS := -std=c++17 -O3 --threads 0 --extended-lambda -lineinfo $(CUDA_ARCHS) -Isrc -ccbin $(CXX) \
    -Xcompiler -Wall,-fPIE,-fstack-protector-strong -Werror all-warnings

ifdef CUDA
CUDA_C := $(filter-out src/exec/cuda/none.c,$(wildcard src/exec/cuda/*.c))
CUDA_X := $(wildcard src/exec/cuda/*.cu)
CUDA_LIBS = $(call cuda_lib,$(CUDA_DIR))/libcudart_static.a -ldl -lrt
else
CUDA_C := src/exec/cuda/none.c
endif
CUDA_TEST_C := $(wildcard tests/cuda/test_*.c)
CUDA_O := $(CUDA_C:%.c=$B/obj/%.o) $(CUDA_X:%.cu=$B/obj/%.cu.o)

$B/obj/%.cu.o: %.cu
	@mk/cuda-home.sh $(call quote,$(CUDA_HOME)) $(CUDA_ENV) >/dev/null || exit 2
	$(call say,NVCC)
	@mkdir -p $(@D)
	$(Q)$(call object,$(CUDA_DIR)/bin/nvcc $(NVCC_FLAGS))

$(CUDA_C:%.c=$B/obj/%.o) $(CUDA_TEST_C:%.c=$B/obj/%.o): ALL_CFLAGS += $(if $(CUDA),-isystem $(firstword $(CUDA_DIR))/include)
$(CUDA_C:%.c=$B/obj/%.o): | $(if $(CUDA),$(CUDA_X:%.cu=$B/obj/%.cu.o))
