/* Where networks are calibrated and scored: a processor's threads (exec/cpu) or a GPU (exec/cuda). Both
 * compute what exec/calibrate.h and exec/score.h define and differ in the last bits; nobody above knows which
 * one it has.
 *
 *     struct backend *backend = NULL;
 *     if (backend_open("auto", pool, say, &backend, &err)) ...
 *     calibrate(backend, ...); score_run(...);
 *     backend_close(&backend);
 *
 * One more kind of device is a struct backend_kind and a row of the table in backend.c. */
#ifndef YS_EXEC_BACKEND_H
#define YS_EXEC_BACKEND_H

#include "base/pool.h"

struct calibration;
struct measure_job;
struct measurer;
struct score_job;
struct pairs;

/* Takes the sums of a score step, score_step_sums of them: add[(objective * n_pairs + pair) * n_convs + conv], of the pairs that
 * the step was asked for, and of the job's objectives. */
typedef int score_take_fn(void *ctx, int step, const double *add, struct err *err);

/* An open device. A kind's own struct begins with it. */
struct backend {
    const struct backend_kind *kind;
};

struct backend_kind {
    const char *word;        /* a device's name begins with it: "cuda", "cuda:1". What a run was made on */
    const char *computed_on; /* the same as results say it */
    int steps_between_saves; /* a fast device makes steps anew sooner than a disk keeps them */

    /* Whether open would find the device, with its errors: ERR_USAGE for a name that is none, ERR_FAILED where
     * the machine lacks it, with what to do. */
    int (*probe)(const char *device, struct err *err);
    /* Borrows pool, the threads that the host computes with. */
    /* Of several devices that the name stands for, `turn` says which is the first: processes with different turns begin
     * with different ones. */
    int (*open)(const char *device, int turn, struct pool *pool, err_say_fn *say, struct backend **out,
                struct err *err);
    void (*close)(struct backend *backend);
    /* Of the device, or of what decides its bits: "NVIDIA H200", "avx2". Part of the identity of a pass that is
     * gone on with. */
    const char *(*name)(const struct backend *backend);
    /* Runs the images that c lacks through the network: calibrate.h's calibrate_add and calibrate_done. */
    int (*calibrate)(struct backend *backend, struct calibration *c, struct err *err);
    /* Scores steps first .. job->steps - 1, step s those pairs with from[pair] <= s, and hands each step's sums
     * to take: one after another, in order. Stops at the first step that fails, which err is about. */
    int (*score)(struct backend *backend, const struct score_job *job, const struct pairs *pairs, int first,
                 const int *from, score_take_fn *take, void *ctx, struct err *err);
    /* Gets ready to quantize any convolutions of a network together (exec/measure.h). */
    int (*measure)(struct backend *backend, const struct measure_job *job, struct measurer **out,
                   struct err *err);
};

extern const struct backend_kind backend_cpu;
extern const struct backend_kind *const cuda_backend; /* NULL in a build without CUDA */

/* The kind that a device's name stands for on this machine: cpu, cuda, cuda:N, cuda:N,M, or auto, a GPU where one can be
 * used; where a build with CUDA finds none, say (or NULL) hears it. Errors: those of probe, ERR_UNSUPPORTED
 * for a kind that this build lacks. */
int backend_find(const char *device, err_say_fn *say, const struct backend_kind **kind, struct err *err);

/* Opens it. Borrows pool. */
int backend_open(const char *device, int turn, struct pool *pool, err_say_fn *say, struct backend **out,
                 struct err *err);
void backend_close(struct backend **backend);

#endif
