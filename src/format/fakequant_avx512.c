#include "format/fakequant_simd.h"

const struct fakequant_kernels fakequant_avx512 = {integers, e4m3_run, rows, columns, amax};
