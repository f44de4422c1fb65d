/* A graph's parameters on the device, and what both passes do with its operations. Private to src/exec/cuda. */
#ifndef YS_EXEC_CUDA_NET_H
#define YS_EXEC_CUDA_NET_H

#include "exec/cuda/device.h"
#include "exec/cuda/op.h"
#include "exec/stages.h"
#include "model/shape.h"

struct net {
    struct cuda *cuda;
    const struct graph *graph;
    struct slab slab;
    size_t *weights, *biases;    /* of each convolution, in the slab; biases: SIZE_MAX for none */
    size_t *scales, *shifts;     /* of each stage that has a BatchNorm or, of a fused one, a bias */
    float *packed, *packed_back; /* of all convolutions; packed_back NULL without backward */
    size_t *packed_at;
};

/* shapes: of all values. stages, n_stages: scales and shifts of each; fused: a convolution's bias is part of them. backward: packs the
 * weights for gradients of inputs too. Borrows its arguments. */
int net_new(struct cuda *cuda, const struct graph *graph, const struct chw *shapes,
            const struct stage *stages, size_t n_stages, bool fused, bool backward, struct net *out,
            struct err *err);
void net_free(struct net *net);

const float *net_weight(const struct net *net, size_t conv);
const float *net_bias(const struct net *net, size_t conv);   /* NULL: none */
const float *net_scale(const struct net *net, size_t stage); /* NULL: none */
const float *net_shift(const struct net *net, size_t stage);

/* Geometry of a convolution, and of the gradient of its input. */
struct conv_geometry conv_geometry(const struct conv *c);
struct conv_geometry conv_geometry_back(const struct conv *c);

/* The activation fused into a stage; NULL: none. */
struct act activation_of(const struct op *act);

/* An operation about to work; the caller fills in its values. */
struct cuda_task net_task(const struct net *net, size_t stage, const struct op *op);

#endif
