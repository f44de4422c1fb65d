/* Levels of the processor, and YOLOSENS_CPU. What the machine has differs, so the checks follow
 * cpu_level_best(). */
#define _POSIX_C_SOURCE 200809L
#include "base/cpu.h"
#include "test.h"

#include <stdlib.h>

int main(void) {
    struct err err = {0};
    enum cpu_level best = cpu_level_best();
    printf("# this machine's best level: %s\n", cpu_level_names[best]);
    CHECK(cpu_level_names[CPU_LEVELS] == NULL, "each level has a name");

    unsetenv("YOLOSENS_CPU");
    CHECK(cpu_level() == best, "unset: the first call of cpu_level finds the best");
    setenv("YOLOSENS_CPU", "", 1);
    CHECK(cpu_level_init(&err) == 0 && cpu_level() == best, "empty: the best");
    for (int i = 0; i < CPU_LEVELS; i++) {
        setenv("YOLOSENS_CPU", cpu_level_names[i], 1);
        int ret = cpu_level_init(&err);
        if (i <= (int)best)
            CHECK(ret == 0 && (int)cpu_level() == i, "%s is used", cpu_level_names[i]);
        else
            CHECK(ret == -1 && err.code == ERR_USAGE && strstr(err.msg, cpu_level_names[best]) &&
                      cpu_level() == CPU_BASELINE,
                  "a level that is missing is refused: %s", err.msg);
        err = (struct err){0};
        ret = cpu_level_force((enum cpu_level)i, &err);
        CHECK(i <= (int)best ? ret == 0 && (int)cpu_level() == i : ret == -1 && err.code == ERR_USAGE,
              "cpu_level_force, %s", cpu_level_names[i]);
    }
    static const char *const wrong[] = {"AVX2", "avx", "avx2 ", "sse2", "1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        (void)cpu_level_force(best, NULL);
        setenv("YOLOSENS_CPU", wrong[i], 1);
        err = (struct err){0};
        CHECK(cpu_level_init(&err) == -1 && err.code == ERR_USAGE && cpu_level() == CPU_BASELINE,
              "\"%s\": %s", wrong[i], err.msg);
    }
    CHECK_STR(err.msg, "YOLOSENS_CPU=1: use baseline, avx2, avx512, avx512vnni or avx512bf16",
              "an unknown word");
    return test_end();
}
