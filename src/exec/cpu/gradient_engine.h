/* Inside src/exec: what both passes work with. */
#ifndef YS_EXEC_CPU_GRADIENT_ENGINE_H
#define YS_EXEC_CPU_GRADIENT_ENGINE_H

#include "exec/cpu/gradient.h"
#include "exec/gradient_plan.h"
#include "op/op.h"

/* The BatchNorm of a step as scale and shift of each channel; 1 and 0 without one. */
struct affine {
    float *scale, *shift;
};

/* Memory for a batch's values that do not lie side by side. */
struct dense {
    float *values;
    size_t room;
};

struct gradient_net {
    const struct graph *graph;
    struct gradient_plan plan;
    struct conv_weight **weights; /* of each convolution */
    float **biases;               /* of each convolution; zeros where it has none */
    float *ones;                  /* as many as any convolution has outputs */
    struct affine *affines;       /* of each step that has one */
};

struct gradient {
    const struct gradient_net *net;
    struct op_scratch scratch;
    float *arena;
    size_t arena_bytes;
    struct dense *dense; /* x, y and g of each call of one convolution */
    struct conv_call *calls, **call_list;
    const float *images;
    size_t n;        /* images of this run */
    double *squares; /* of each plane of a leaf: sum of its squares */
    size_t squares_room;
    double loss;
    gradient_watch_fn *watch; /* or NULL */
    void *watch_ctx;
};

/* Pixels of a channel of value v, and floats from one image of it to the next. */
size_t plane_of(const struct gradient *e, int v);
size_t image_stride(const struct gradient *e, int v);
size_t gradient_stride(const struct gradient *e, int v);

/* Value v of an image, its gradient, and a step's own memory, of SPAN_OUTPUT and SPAN_GRADIENT one image's.
 */
const float *value_of(const struct gradient *e, int v, size_t image);
float *target_of(const struct gradient *e, int v, size_t image);
float *gradient_of(const struct gradient *e, int v, size_t image);
float *memory_of(const struct gradient *e, size_t step, int kind);
float *output_of(const struct gradient *e, size_t step, size_t image);
/* d loss / d output of a convolution's step, of an image. */
float *output_gradient_of(const struct gradient *e, size_t step, size_t image);
/* Floats from one image's output to the next, and of the gradient. */
size_t output_stride(const struct gradient *e, size_t step);
size_t output_gradient_stride(const struct gradient *e, size_t step);

/* A step's operation at work, with its gradients for a backward pass. */
struct op_task gradient_task(struct gradient *e, size_t step, bool backward);

/* A loop over the planes of a value of all images, fn(ctx, image * channels + channel, worker), on all
 * threads where it is worth their start. */
void for_planes(const struct gradient *e, int v, pool_fn *fn, void *ctx);

/* Tells who watches. */
void tell_watch(const struct gradient *e, size_t conv, bool backward);

/* All values from the images. */
int run_forward(struct gradient *e, struct err *err);

/* The loss and, from the leaves, all gradients. */
int run_backward(struct gradient *e, gradient_see_fn *see, void *ctx, struct err *err);

#endif
