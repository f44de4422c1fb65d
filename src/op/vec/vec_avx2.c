#define KERNELS vec_avx2
#include "op/vec/vec_simd.h"
