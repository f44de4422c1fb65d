/* Inside src/exec: what both passes work with. */
#ifndef YS_EXEC_CPU_GRADIENT_ENGINE_H
#define YS_EXEC_CPU_GRADIENT_ENGINE_H

#include "exec/cpu/gradient.h"
#include "exec/gradient_plan.h"
#include "op/op.h"

/* The BatchNorm of a stage as scale and shift of each channel; 1 and 0 without one. */
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
    struct affine *affines;       /* of each stage that has one */
};

struct gradient {
    const struct gradient_net *net;
    struct op_scratch scratch;
    float *arena;
    size_t arena_bytes;
    struct dense *dense; /* x, y and the gradients of each call of one convolution */
    struct conv_call *calls, **call_list;
    const float *images;
    size_t n;        /* images of this run */
    int first;       /* number of its first image */
    double *squares; /* of each plane of a leaf: sum of its squares */
    size_t squares_room;
    double loss;
    gradient_watch_fn *watch; /* or NULL */
    void *watch_ctx;
};

/* Value v of all images, and its gradient in a backward pass. */
struct op_value gradient_value(const struct gradient *e, int v);
struct op_value gradient_of(const struct gradient *e, const struct backward *b, int v);

/* A convolution's own output, before BatchNorm and activation, and its gradient. */
struct op_value gradient_output(const struct gradient *e, size_t stage);
struct op_value gradient_of_output(const struct gradient *e, const struct backward *b, size_t stage);

/* A stage's own memory of one kind, SPAN_OUTPUT and so on. */
float *gradient_memory(const struct gradient *e, size_t stage, int kind);

/* A stage at work, with its gradients if it goes backward: what the tasks of one stage share. */
struct gradient_task {
    const struct gradient *e;
    const struct backward *backward; /* or NULL: forward */
    size_t stage;
    struct act act; /* a convolution's */
    const struct op_kernels *kernels;
    struct op_task op;
    int k; /* of the inputs, whose gradient is made */
};
struct gradient_task gradient_task_of(struct gradient *e, size_t stage, const struct backward *backward);

/* A loop over the planes of a value of all images, fn(ctx, image * channels + channel, worker), on all threads where it
 * is worth their start. */
void gradient_for_planes(const struct gradient *e, int v, pool_fn *fn, void *ctx);

/* Tells who watches. */
void gradient_tell(const struct gradient *e, size_t conv, bool backward);

/* All values from the images; then the loss and, from where backward passes begin, all gradients. */
int gradient_forward(struct gradient *e, struct err *err);
int gradient_backward(struct gradient *e, gradient_see_fn *see, void *ctx, struct err *err);

#endif
