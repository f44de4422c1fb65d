#define KERNELS vec_avx512
#include "op/vec/vec_simd.h"
