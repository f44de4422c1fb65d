/* The C face of libtorch: only what yolosens uses. This header is C11; torch_c.cpp is the project's only C++.
 *
 *     struct tc_tensor *x = NULL, *y = NULL;
 *     if (tc_from_floats(pixels, (int64_t[]){1, 3, 640, 640}, 4, &x, &err) || tc_sigmoid(x, &y, &err)) ...
 *     tc_free(&x);
 *
 * Every call that can fail returns 0 or -1 with the message in err; no C++ exception crosses. Tensors are
 * float32 and handles are the caller's: each result is a new one, to be freed with tc_free, and stays valid
 * when its inputs are freed. Results are set only on success. */
#ifndef YS_TORCH_C_H
#define YS_TORCH_C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "base/err.h"
#include "model/graph.h"

enum { TC_DIMS_MAX = 5 };

struct tc_tensor;

/* To be called once, before any other call. libtorch's own loops get two threads whatever the machine has:
 * how it splits tensors among threads decides where its vector code ends and scalar code begins, and with it
 * the last bits (measured at 3, 8 and 16 threads); with one thread ATen sends 1x1 convolutions elsewhere. */
int tc_init(struct err *err);

/* Version of the libtorch that was loaded, "1.13.1". */
const char *tc_version(void);

/* Whether operations record what tc_grad needs. Off at the start. */
void tc_record_gradients(bool on);

/* A view of data (row-major, shape of ndim dimensions), which must outlive the tensor and every view of it.
 */
int tc_from_floats(const float *data, const int64_t *shape, int ndim, struct tc_tensor **out,
                   struct err *err);

void tc_free(struct tc_tensor **t);

/* Shape into shape[0 .. ndim-1]; ndim is at most TC_DIMS_MAX. */
int tc_shape(const struct tc_tensor *t, int64_t shape[TC_DIMS_MAX], int *ndim, struct err *err);

/* The elements in row-major order: a pointer into t, valid while t lives. Errors if t is not contiguous. */
int tc_floats(const struct tc_tensor *t, const float **data, size_t *n, struct err *err);

/* t itself if it is contiguous, else a copy that is. */
int tc_contiguous(const struct tc_tensor *t, struct tc_tensor **out, struct err *err);

/* x (N, cin, H, W), w (cout, cin / groups, kh, kw), b (cout) or NULL -> (N, cout, H', W'). Padding with
 * zeros. */
int tc_conv2d(const struct tc_tensor *x, const struct tc_tensor *w, const struct tc_tensor *b,
              const int stride[2], const int pad[2], const int dilation[2], int groups,
              struct tc_tensor **out, struct err *err);

/* (x - mean) / sqrt(var + eps) * weight + bias over channels; weight and bias may be NULL. */
int tc_batch_norm(const struct tc_tensor *x, const struct tc_tensor *weight, const struct tc_tensor *bias,
                  const struct tc_tensor *mean, const struct tc_tensor *var, double eps,
                  struct tc_tensor **out, struct err *err);

int tc_act(const struct tc_tensor *x, const struct act *act, struct tc_tensor **out, struct err *err);
int tc_sigmoid(const struct tc_tensor *x, struct tc_tensor **out, struct err *err);
int tc_softmax(const struct tc_tensor *x, int dim, struct tc_tensor **out, struct err *err);
int tc_add(const struct tc_tensor *a, const struct tc_tensor *b, struct tc_tensor **out, struct err *err);
int tc_sub(const struct tc_tensor *a, const struct tc_tensor *b, struct tc_tensor **out, struct err *err);
int tc_mul(const struct tc_tensor *a, const struct tc_tensor *b, struct tc_tensor **out, struct err *err);
int tc_scale(const struct tc_tensor *x, double factor, struct tc_tensor **out, struct err *err);
int tc_matmul(const struct tc_tensor *a, const struct tc_tensor *b, struct tc_tensor **out, struct err *err);
int tc_max_pool(const struct tc_tensor *x, int kernel, int stride, int pad, struct tc_tensor **out,
                struct err *err);
int tc_upsample_nearest(const struct tc_tensor *x, int scale, struct tc_tensor **out, struct err *err);
int tc_concat(const struct tc_tensor *const *t, size_t n, int dim, struct tc_tensor **out, struct err *err);
/* Indices from .. to-1 of one dimension; a view. */
int tc_slice(const struct tc_tensor *x, int dim, int64_t from, int64_t to, struct tc_tensor **out,
             struct err *err);
int tc_transpose(const struct tc_tensor *x, int dim0, int dim1, struct tc_tensor **out, struct err *err);
/* The elements in order under another shape; a copy only if x's strides do not allow a view. */
int tc_reshape(const struct tc_tensor *x, const int64_t *shape, int ndim, struct tc_tensor **out,
               struct err *err);
int tc_detach(const struct tc_tensor *x, struct tc_tensor **out, struct err *err);

/* Makes t a point at which tc_grad can be asked, if nothing before it is one: t then starts a record of its
 * own. */
int tc_watch(struct tc_tensor *t, struct err *err);

/* mean over leaves of mean(leaf^2): the loss of one batch, a scalar. */
int tc_loss(const struct tc_tensor *const *leaves, size_t n, struct tc_tensor **out, struct err *err);

/* Sum of a and b multiplied element by element, a scalar. */
int tc_dot(const struct tc_tensor *a, const struct tc_tensor *b, struct tc_tensor **out, struct err *err);

/* d loss / d t[i] into grads[0 .. n-1], contiguous; zeros where the loss does not depend on t[i]. Frees the record of the
 * forward pass. */
int tc_grad(const struct tc_tensor *loss, const struct tc_tensor *const *t, size_t n,
            struct tc_tensor **grads, struct err *err);

#ifdef __cplusplus
}
#endif

#endif
