/* What a build without CUDA has of cuda.h. */
#include "exec/cuda/cuda.h"

static int unsupported(struct err *err) {
    return err_set(
        err, ERR_UNSUPPORTED,
        "this build computes on the CPU only; make build DEVICE=cuda makes one with CUDA, or use the cpu");
}

bool cuda_is_built(void) {
    return false;
}

int cuda_probe(const char *device, struct err *err) {
    unsupported(err);
    return err_wrap(err, "--device %s", device);
}

int cuda_open(const char *device, void (*say)(const char *message), struct cuda **out, struct err *err) {
    (void)say;
    (void)out;
    return cuda_probe(device, err);
}

void cuda_close(struct cuda **cuda) {
    *cuda = NULL;
}

const char *cuda_name(const struct cuda *cuda) {
    (void)cuda;
    return "";
}

int cuda_calibrate(struct cuda *cuda, const struct graph *graph, const struct calib_set *images,
                   struct amax *amax, struct err *err) {
    (void)cuda;
    (void)graph;
    (void)images;
    (void)amax;
    return unsupported(err);
}

int cuda_scorer_new(struct cuda *cuda, const struct graph *graph, const struct amax *amax,
                    const struct plan *plan, const struct calib_set *images, int batch_size, int steps,
                    struct cuda_scorer **out, struct err *err) {
    (void)cuda;
    (void)graph;
    (void)amax;
    (void)plan;
    (void)images;
    (void)batch_size;
    (void)steps;
    (void)out;
    return unsupported(err);
}

void cuda_scorer_free(struct cuda_scorer **scorer) {
    *scorer = NULL;
}

int cuda_scorer_batch(const struct cuda_scorer *scorer, int first, int n) {
    (void)scorer;
    (void)first;
    return n;
}

int cuda_scorer_run(struct cuda_scorer *scorer, int first, int n, const bool *wanted, double *sums,
                    struct err *err) {
    (void)scorer;
    (void)first;
    (void)n;
    (void)wanted;
    (void)sums;
    return unsupported(err);
}
