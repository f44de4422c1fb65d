#include "op/vec/vec.h"

#include "base/cpu.h"

const struct vec_kernels *vec(void) {
    enum cpu_level level = cpu_level();
    return level >= CPU_AVX512 ? &vec_avx512 : level >= CPU_AVX2 ? &vec_avx2 : &vec_ref;
}
