# The build with CUDA: asked for once, with DEVICE=cuda, and kept until make clean.
#
# Kernels are src/cuda/*.cu; a build without CUDA has src/cuda/none.c in the place of all files there. Nothing but the
# driver is needed to run what comes out, and it starts on a machine that has none.
#
#   CUDA_HOME  a CUDA toolkit, 12.8 or newer; empty: the one that make deps DEVICE=cuda installed, nvcc's, /usr/local/cuda
CUDA := $(if $(filter cuda%,$(DEVICE)),1,$(if $(wildcard $B/cuda),1))

CUDA_ENV := $B/cuda-toolkit
CUDA_PIP := $(firstword $(wildcard $(CUDA_ENV)/lib/python*/site-packages/nvidia/cu*))
CUDA_DIR := $(firstword $(CUDA_HOME) $(CUDA_PIP) \
    $(patsubst %/bin/nvcc,%,$(realpath $(shell command -v nvcc 2>/dev/null))) /usr/local/cuda)
NVCC := $(CUDA_DIR)/bin/nvcc
CUDA_LIB := $(firstword $(wildcard $(CUDA_DIR)/lib64 $(CUDA_DIR)/targets/x86_64-linux/lib $(CUDA_DIR)/lib))

# Ampere, Hopper, the RTX 50 cards, and PTX that the driver compiles for any other from Ampere on.
# Who builds for one card alone may say so in the environment.
CUDA_ARCHS ?= -gencode arch=compute_80,code=[sm_80,compute_80] -gencode arch=compute_90a,code=sm_90a \
    -gencode arch=compute_120,code=sm_120
NVCC_FLAGS := -std=c++17 -O3 --extended-lambda -lineinfo $(CUDA_ARCHS) -Isrc -ccbin $(CXX) \
    -Xcompiler -Wall,-fPIE,-fstack-protector-strong -Werror all-warnings

ifdef CUDA
CUDA_C := $(filter-out src/cuda/none.c,$(wildcard src/cuda/*.c))
CUDA_X := $(wildcard src/cuda/*.cu)
CUDA_LIBS := $(CUDA_LIB)/libcudart_static.a -ldl -lrt
else
CUDA_C := src/cuda/none.c
endif
CUDA_O := $(CUDA_C:%.c=$B/obj/%.o) $(CUDA_X:%.cu=$B/obj/%.cu.o)

define no_nvcc
make $(MAKECMDGOALS): no nvcc: looked for it in CUDA_HOME$(comma) PATH and $(CUDA_DIR)/bin; \
make deps DEVICE=cuda installs one into $(CUDA_ENV)$(comma) or give CUDA_HOME=folder
endef

$B/obj/%.cu.o: %.cu
	@[ -x $(NVCC) ] || { echo "$(strip $(no_nvcc))" >&2; exit 2; }
	$(call say,NVCC)
	@mkdir -p $(@D)
	$(Q)$(NVCC) $(NVCC_FLAGS) -MMD -MP -c -o $@ $<

$(CUDA_C:%.c=$B/obj/%.o) $(CUDA_TEST_C:%.c=$B/obj/%.o): ALL_CFLAGS += $(if $(CUDA),-isystem $(CUDA_DIR)/include)
$(CUDA_C:%.c=$B/obj/%.o): | $(if $(CUDA),$(CUDA_X:%.cu=$B/obj/%.cu.o))
