#include "exec/cuda/net.h"

#include "op/op.h"

#include <stdlib.h>
#include <string.h>

static int put_convs(struct net *net, struct err *err) {
    const struct graph *g = net->graph;
    for (size_t i = 0; i < g->n_convs; i++) {
        const struct conv *c = &g->convs[i];
        net->biases[i] = SIZE_MAX;
        if (slab_put(&net->slab, c->weight, conv_numel(c), &net->weights[i], err) ||
            (c->bias && slab_put(&net->slab, c->bias, (size_t)c->cout, &net->biases[i], err)))
            return -1;
    }
    return 0;
}

/* The BatchNorm (or its like) of a stage as scale and shift, after its convolution's bias if that is not added before. */
static int put_affine(struct net *net, const struct stage *s, size_t stage, size_t channels, bool fused,
                      struct err *err) {
    const struct graph *g = net->graph;
    const struct op *affine = op_kernels(s->op->kind)->affine ? s->op : s->bn;
    const struct conv *c = s->op->kind == OP_CONV ? &g->convs[s->op->conv] : NULL;
    const float *bias = fused && c ? c->bias : NULL;
    net->scales[stage] = net->shifts[stage] = SIZE_MAX;
    if (!affine && !bias)
        return 0;
    if (slab_put(&net->slab, NULL, channels, &net->scales[stage], err) ||
        slab_put(&net->slab, NULL, channels, &net->shifts[stage], err))
        return -1;
    for (size_t i = 0; i < channels; i++) {
        double scale = 1, shift = bias ? bias[i] : 0;
        if (affine)
            op_kernels(affine->kind)->affine(g, affine, i, &scale, &shift);
        net->slab.host[net->scales[stage] + i] = (float)scale;
        net->slab.host[net->shifts[stage] + i] = (float)shift;
    }
    return 0;
}

static int pack(struct net *net, bool backward, float **out, struct err *err) {
    const struct graph *g = net->graph;
    size_t total = 0;
    for (size_t i = 0; i < g->n_convs; i++) {
        net->packed_at[i] = total;
        total += (conv_numel(&g->convs[i]) + 63) / 64 * 64;
    }
    if (device_new((void **)out, total * sizeof **out, err))
        return -1;
    for (size_t i = 0; i < g->n_convs; i++) {
        const struct conv *c = &g->convs[i];
        cuda_pack_f32(net->cuda->stream, net_weight(net, i), c->cout, c->cin, c->groups, c->kh * c->kw,
                      backward, *out + net->packed_at[i]);
    }
    return 0;
}

int net_new(struct cuda *cuda, const struct graph *graph, const struct chw *shapes,
            const struct stage *stages, size_t n_stages, bool fused, bool backward, struct net *out,
            struct err *err) {
    struct net net = {.cuda = cuda, .graph = graph};
    net.weights = calloc(graph->n_convs + 1, sizeof *net.weights);
    net.biases = calloc(graph->n_convs + 1, sizeof *net.biases);
    net.packed_at = calloc(graph->n_convs + 1, sizeof *net.packed_at);
    net.scales = calloc(n_stages + 1, sizeof *net.scales);
    net.shifts = calloc(n_stages + 1, sizeof *net.shifts);
    if (!net.weights || !net.biases || !net.packed_at || !net.scales || !net.shifts) {
        err_nomem(err);
        goto fail;
    }
    if (put_convs(&net, err))
        goto fail;
    for (size_t i = 0; i < n_stages; i++)
        if (put_affine(&net, &stages[i], i, (size_t)shapes[stages[i].out].c, fused, err))
            goto fail;
    if (slab_upload(&net.slab, cuda, err) || pack(&net, false, &net.packed, err) ||
        (backward && pack(&net, true, &net.packed_back, err)))
        goto fail;
    *out = net;
    return 0;
fail:
    net_free(&net);
    return -1;
}

void net_free(struct net *net) {
    slab_free(&net->slab);
    cudaFree(net->packed);
    cudaFree(net->packed_back);
    free(net->weights);
    free(net->biases);
    free(net->packed_at);
    free(net->scales);
    free(net->shifts);
    *net = (struct net){0};
}

static const float *in_slab(const struct net *net, size_t at) {
    return at == SIZE_MAX ? NULL : net->slab.device + at;
}

const float *net_weight(const struct net *net, size_t conv) {
    return in_slab(net, net->weights[conv]);
}

const float *net_bias(const struct net *net, size_t conv) {
    return in_slab(net, net->biases[conv]);
}

const float *net_scale(const struct net *net, size_t stage) {
    return in_slab(net, net->scales[stage]);
}

const float *net_shift(const struct net *net, size_t stage) {
    return in_slab(net, net->shifts[stage]);
}

struct conv_geometry conv_geometry(const struct conv *c) {
    return (struct conv_geometry){
        .in = c->cin,
        .out = c->cout,
        .kh = c->kh,
        .kw = c->kw,
        .groups = c->groups,
        .mul = {c->stride[0], c->stride[1]},
        .add = {-c->pad[0], -c->pad[1]},
        .step = {c->dilation[0], c->dilation[1]},
        .div = {1, 1},
    };
}

/* dx[i] = sum over taps k with i + pad - k dilation = stride j of g[j] w[k]. */
struct conv_geometry conv_geometry_back(const struct conv *c) {
    return (struct conv_geometry){
        .in = c->cout,
        .out = c->cin,
        .kh = c->kh,
        .kw = c->kw,
        .groups = c->groups,
        .mul = {1, 1},
        .add = {c->pad[0], c->pad[1]},
        .step = {-c->dilation[0], -c->dilation[1]},
        .div = {c->stride[0], c->stride[1]},
    };
}

struct act activation_of(const struct op *act) {
    return act ? act->act : (struct act){0};
}

const struct cuda_op *cuda_op(enum op_kind kind) {
    static const struct cuda_op *const all[] = {
#define OP(word, name, ...) &cuda_op_##name,
#include "model/ops.def"
    };
    return all[kind];
}

struct cuda_task net_task(const struct net *net, size_t stage, const struct op *op) {
    return (struct cuda_task){.stream = net->cuda->stream,
                              .graph = net->graph,
                              .op = op,
                              .scale = net_scale(net, stage),
                              .shift = net_shift(net, stage)};
}
