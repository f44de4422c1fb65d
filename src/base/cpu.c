#include "base/cpu.h"

#include <cpuid.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *const cpu_level_names[] = {"baseline", "avx2", "avx512", "avx512vnni", "avx512bf16", NULL};

enum { UNKNOWN = -1 };
static atomic_int in_use = UNKNOWN;

/* clang's __builtin_cpu_supports does not know this word. */
static bool has_f16c(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

enum cpu_level cpu_level_best(void) {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !has_f16c())
        return CPU_BASELINE;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
        return CPU_AVX2;
    if (!__builtin_cpu_supports("avx512vnni"))
        return CPU_AVX512;
    return __builtin_cpu_supports("avx512bf16") ? CPU_AVX512_BF16 : CPU_AVX512_VNNI;
}

int cpu_level_force(enum cpu_level level, struct err *err) {
    enum cpu_level best = cpu_level_best();
    if (level > best)
        return err_set(err, ERR_USAGE, "this machine has no %s: its best level is %s", cpu_level_names[level],
                       cpu_level_names[best]);
    atomic_store(&in_use, (int)level);
    return 0;
}

int cpu_level_init(struct err *err) {
    const char *word = getenv("YOLOSENS_CPU");
    if (!word || !*word)
        return cpu_level_force(cpu_level_best(), err);
    int i = 0;
    while (i < CPU_LEVELS && strcmp(word, cpu_level_names[i]) != 0)
        i++;
    if (i < CPU_LEVELS && cpu_level_force((enum cpu_level)i, err) == 0)
        return 0;
    atomic_store(&in_use, CPU_BASELINE);
    if (i < CPU_LEVELS)
        return err_wrap(err, "YOLOSENS_CPU=%s", word);
    return err_set(err, ERR_USAGE, "YOLOSENS_CPU=%s: use baseline, avx2, avx512, avx512vnni or avx512bf16",
                   word);
}

enum cpu_level cpu_level(void) {
    int level = atomic_load(&in_use);
    if (level == UNKNOWN) {
        (void)cpu_level_init(NULL);
        level = atomic_load(&in_use);
    }
    return (enum cpu_level)level;
}
