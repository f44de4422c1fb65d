/* The scoring pass's gradients on the device (exec/cpu/gradient.h has what they are), of as many images at
 * once as there is room for. Private to src/exec/cuda. */
#ifndef YS_EXEC_CUDA_GRADIENT_H
#define YS_EXEC_CUDA_GRADIENT_H

#include "exec/cuda/net.h"
#include "exec/cuda/upload.h"
#include "exec/gradient_plan.h"

/* What one run of a convolution leaves: its input, its output with the bias, and d objective / d output in each backward
 * pass; a p of NULL where an objective does not depend on it. */
struct device_call {
    struct view x, y, g[GRADIENT_BACKWARDS_MAX];
};

/* Sees each convolution once all its runs' gradients are known; the work that it adds to the stream may read
 * them. */
typedef void device_see_fn(void *ctx, size_t conv, const struct device_call *calls, int n_calls);

struct device_gradient {
    struct net net;
    struct gradient_plan plan;
    int batch; /* images at once, at most */
    float *arena, *images, *work;
    struct upload upload;
    struct device_call *calls;
};

/* For batches of `batch` images and so many vectors of signs; 1 where the card has no room for so many. Errors as gradient_new. */
int device_gradient_new(struct cuda *cuda, const struct graph *graph, int size, int batch, int probes,
                        struct device_gradient *out, struct err *err);
void device_gradient_free(struct device_gradient *g);

/* Images first .. first + n - 1, n <= batch; each has the loss of a step of step_images images. */
int device_gradient_run(struct device_gradient *g, const struct calib_set *images, int first, int n,
                        int step_images, device_see_fn *see, void *ctx, struct err *err);

#endif
