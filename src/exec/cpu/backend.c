/* The processor as a backend: the pool's threads. */
#include "base/cpu.h"
#include "exec/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

static int probe(const char *device, struct err *err) {
    return strcmp(device, backend_cpu.word) == 0
               ? 0
               : err_set(err, ERR_USAGE, "device \"%s\" is not one of auto, cpu, cuda, cuda:N, cuda:N,M",
                         device);
}

static int open_cpu(const char *device, int turn, struct pool *pool, err_say_fn *say, struct backend **out,
                    struct err *err) {
    (void)device;
    (void)turn;
    (void)say;
    struct cpu_backend *cpu = malloc(sizeof *cpu);
    if (!cpu)
        return err_nomem(err);
    *cpu = (struct cpu_backend){{&backend_cpu}, pool};
    *out = &cpu->base;
    return 0;
}

static void close_cpu(struct backend *backend) {
    free(backend);
}

static const char *name_of(const struct backend *backend) {
    (void)backend;
    return cpu_level_names[cpu_level()];
}

const struct backend_kind backend_cpu = {
    .word = "cpu",
    .computed_on = "CPU, float32",
    .steps_between_saves = 1,
    .probe = probe,
    .open = open_cpu,
    .close = close_cpu,
    .name = name_of,
    .calibrate = cpu_calibrate,
    .score = cpu_score,
    .measure = cpu_measure,
};
