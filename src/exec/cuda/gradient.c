#include "exec/cuda/gradient.h"

#include "exec/spans.h"

#include <math.h>
#include <stdlib.h>

static struct view view_at(const struct device_gradient *e, float *root, const struct part *part, int v,
                           int n) {
    struct chw s = e->plan.shapes[v];
    return (struct view){
        root + part->channel, n, (int)s.h, (int)s.w, (int)s.c, (int)e->plan.shapes[part->root].c};
}

static struct view value_of(const struct device_gradient *e, int v, int n) {
    const struct part *p = &e->plan.values[v];
    return view_at(e, p->root == 0 ? e->images : e->arena + value_span(&e->plan, v)->at, p, v, n);
}

static struct view gradient_of(const struct device_gradient *e, int v, int n) {
    return view_at(e, e->arena + gradient_span(&e->plan, v)->at, &e->plan.gradients[v], v, n);
}

/* Memory of a step that has a value's shape. */
static struct view dense_of(const struct device_gradient *e, size_t step, int kind, int n) {
    struct chw s = e->plan.shapes[e->plan.steps[step].out];
    return (struct view){
        e->arena + step_span(&e->plan, step, kind)->at, n, (int)s.h, (int)s.w, (int)s.c, (int)s.c};
}

static struct view output_of(const struct device_gradient *e, size_t step, int n) {
    return is_fused(&e->plan.steps[step]) ? dense_of(e, step, SPAN_OUTPUT, n)
                                          : value_of(e, e->plan.steps[step].out, n);
}

static struct view output_gradient_of(const struct device_gradient *e, size_t step, int n) {
    return is_fused(&e->plan.steps[step]) ? dense_of(e, step, SPAN_GRADIENT, n)
                                          : gradient_of(e, e->plan.steps[step].out, n);
}

static size_t softmax_stride(const struct device_gradient *e, const struct op *op) {
    int64_t n = e->plan.shapes[op->in[0]].h * e->plan.shapes[op->in[0]].w;
    return value_room((struct chw){1, n, n}, 1);
}

/* Of all images: attention's gradient of its map. */
static size_t work_floats(const struct device_gradient *e) {
    size_t room = 0;
    for (size_t i = 0; i < e->plan.n_steps; i++) {
        const struct op *op = e->plan.steps[i].op;
        if (op->kind == OP_ATTN_MIX) {
            size_t need = softmax_stride(e, op) * (size_t)op->heads * (size_t)e->batch;
            room = need > room ? need : room;
        }
    }
    return room;
}

/* 1 where the card has no room. */
static int make_room(struct device_gradient *e, struct cuda *cuda, int size, struct err *err) {
    size_t pixels = 3 * (size_t)size * (size_t)size * (size_t)e->batch;
    int ret = device_try((void **)&e->arena, e->plan.arena * sizeof(float), err);
    if (!ret)
        ret = device_try((void **)&e->images, pixels * sizeof(float), err);
    if (!ret)
        ret = device_try((void **)&e->work, work_floats(e) * sizeof(float), err);
    return ret ? ret : upload_new(cuda, calib_image_bytes(size), e->batch, &e->upload, err);
}

int device_gradient_new(struct cuda *cuda, const struct graph *graph, int size, int batch,
                        struct device_gradient *out, struct err *err) {
    struct device_gradient e = {.batch = batch};
    int most = 1, ret = -1;
    if (gradient_plan_make(graph, size, (size_t)batch, 0, &e.plan, err))
        return -1;
    for (size_t i = 0; i < graph->n_convs; i++)
        most = e.plan.n_calls[i] > most ? e.plan.n_calls[i] : most;
    if (!(e.calls = calloc((size_t)most, sizeof *e.calls)))
        err_nomem(err);
    else if ((ret = make_room(&e, cuda, size, err)) == 0)
        ret = net_new(cuda, graph, e.plan.steps, e.plan.n_steps, false, true, &e.net, err);
    if (ret)
        device_gradient_free(&e);
    else
        *out = e;
    return ret;
}

void device_gradient_free(struct device_gradient *e) {
    net_free(&e->net);
    if (e->plan.graph)
        gradient_plan_free(&e->plan);
    cudaFree(e->arena);
    cudaFree(e->images);
    cudaFree(e->work);
    upload_free(&e->upload);
    free(e->calls);
    *e = (struct device_gradient){0};
}

static void forward_step(struct device_gradient *e, size_t i, int n) {
    const struct step *s = &e->plan.steps[i];
    const struct op *op = s->op;
    const struct act none = {0};
    cudaStream_t stream = e->net.cuda->stream;
    struct view in[OP_INPUTS_MAX], out = value_of(e, s->out, n);
    for (int k = 0; k < op->n_in; k++)
        in[k] = value_of(e, op->in[k], n);
    if (op->kind != OP_CONV) {
        bool mixes = op->kind == OP_ATTN_MIX;
        net_operate(&e->net, i, op, in, out,
                    mixes ? e->arena + step_span(&e->plan, i, SPAN_ATTENTION)->at : NULL,
                    mixes ? softmax_stride(e, op) : 0);
        return;
    }
    struct conv_geometry g = conv_geometry(&e->net.graph->convs[op->conv]);
    struct view y = output_of(e, i, n);
    cuda_trace_begin(e->net.cuda->trace, stream, PHASE_FORWARD, (size_t)op->conv);
    cuda_conv_f32(stream, &g, in[0], e->net.packed + e->net.packed_at[op->conv], NULL,
                  net_bias(&e->net, (size_t)op->conv), none, false, y);
    if (is_fused(s))
        cuda_affine(stream, y, net_scale(&e->net, i), net_shift(&e->net, i), activation_of(s->act), out);
    cuda_trace_end(e->net.cuda->trace, stream);
}

static void conv_back(struct device_gradient *e, size_t i, enum flow flow, int n) {
    const struct step *s = &e->plan.steps[i];
    const struct act none = {0};
    struct conv_geometry g = conv_geometry_back(&e->net.graph->convs[s->op->conv]);
    if (is_fused(s))
        cuda_affine_grad(e->net.cuda->stream, output_of(e, i, n), gradient_of(e, s->out, n),
                         net_scale(&e->net, i), net_shift(&e->net, i), activation_of(s->act), false,
                         output_gradient_of(e, i, n));
    if (flow != FLOW_NONE)
        cuda_conv_f32(e->net.cuda->stream, &g, output_gradient_of(e, i, n),
                      e->net.packed_back + e->net.packed_at[s->op->conv], NULL, NULL, none, flow == FLOW_ADD,
                      gradient_of(e, s->op->in[0], n));
}

static void attention_back(struct device_gradient *e, size_t i, int n) {
    const struct op *op = e->plan.steps[i].op;
    cudaStream_t s = e->net.cuda->stream;
    struct view x = value_of(e, op->in[0], n), dx = gradient_of(e, op->in[0], n),
                d = gradient_of(e, op->out, n);
    int cells = x.h * x.w, kd = op->key_dim, hd = op->head_dim, heads = op->heads;
    size_t stride = softmax_stride(e, op), head = (size_t)(2 * kd + hd);
    size_t image = (size_t)cells * (size_t)x.stride, d_image = (size_t)cells * (size_t)dx.stride;
    size_t out_image = (size_t)cells * (size_t)d.stride;
    float *softmax = e->arena + step_span(&e->plan, i, SPAN_ATTENTION)->at, factor = (float)pow(kd, -0.5);
    struct matrices map = {softmax, stride * (size_t)heads, stride, cells, 1}, dmap = map, turned, dturned;
    struct matrices q = {x.p, image, head, x.stride, 1}, k = {x.p + kd, image, head, x.stride, 1};
    struct matrices v_turned = {x.p + 2 * kd, image, head, 1, x.stride};
    struct matrices dq = {dx.p, d_image, head, dx.stride, 1}, dk = dq, dv = dq;
    struct matrices out = {d.p, out_image, (size_t)hd, d.stride, 1};
    dk.p += kd;
    dv.p += 2 * kd;
    dmap.p = e->work;
    turned = map;
    turned.row = 1;
    turned.col = cells;
    dturned = turned;
    dturned.p = e->work;
    cuda_products(s, out, v_turned, dmap, cells, cells, hd, 1, false, n, heads);
    cuda_softmax_grad(s, softmax, e->work, cells, cells, stride, stride, n * heads);
    cuda_products(s, dmap, k, dq, cells, kd, cells, factor, true, n, heads);
    cuda_products(s, dturned, q, dk, cells, kd, cells, factor, true, n, heads);
    cuda_products(s, turned, out, dv, cells, hd, cells, 1, true, n, heads);
}

/* The gradient of op's input k, with a p of NULL where nobody wants it. */
static struct view wanted_gradient(const struct device_gradient *e, size_t i, int k, int n) {
    const struct op *op = e->plan.steps[i].op;
    struct view v = gradient_of(e, op->in[k], n);
    if (e->plan.flows[i * OP_INPUTS_MAX + (size_t)k] == FLOW_NONE)
        v.p = NULL;
    return v;
}

static void box_back(struct device_gradient *e, size_t i, int n) {
    const struct op *op = e->plan.steps[i].op;
    const struct graph *g = e->net.graph;
    int first = op->n_in - g->levels, cell = 0;
    struct view made = value_of(e, op->out, n), d = gradient_of(e, op->out, n), distances = {0};
    if (op->kind == OP_BOX_DECODE && g->reg_max > 1)
        distances = wanted_gradient(e, i, 0, n);
    for (int k = 0; k < g->levels; k++) {
        struct view level = wanted_gradient(e, i, first + k, n);
        if (op->kind == OP_BOX_DECODE)
            cuda_box_decode_grad(e->net.cuda->stream, made, d, g->reg_max, g->strides[k], cell, level,
                                 distances);
        else if (level.p)
            cuda_box_softmax_grad(e->net.cuda->stream, made, d, g->reg_max, cell, level);
        cell += level.h * level.w;
    }
}

/* All calls of the convolution whose first one is step i. */
static void show(struct device_gradient *e, size_t i, int n, device_see_fn *see, void *ctx) {
    int conv = e->plan.steps[i].op->conv, calls = 0;
    for (size_t k = i; k < e->plan.n_steps; k++) {
        const struct op *op = e->plan.steps[k].op;
        if (op->kind == OP_CONV && op->conv == conv)
            e->calls[calls++] = (struct device_call){value_of(e, op->in[0], n), output_of(e, k, n),
                                                     output_gradient_of(e, k, n)};
    }
    see(ctx, (size_t)conv, e->calls, calls);
}

static void backward_step(struct device_gradient *e, size_t i, int n, device_see_fn *see, void *ctx) {
    const struct step *s = &e->plan.steps[i];
    const struct op *op = s->op;
    const enum flow *flows = &e->plan.flows[i * OP_INPUTS_MAX];
    const struct act none = {0};
    cudaStream_t stream = e->net.cuda->stream;
    struct view d = gradient_of(e, s->out, n), x = value_of(e, op->in[0], n);
    bool add = flows[0] == FLOW_ADD;
    switch (op->kind) {
    case OP_CONV:
        cuda_trace_begin(e->net.cuda->trace, stream, PHASE_BACKWARD, (size_t)op->conv);
        conv_back(e, i, flows[0], n);
        cuda_trace_end(e->net.cuda->trace, stream);
        if (e->plan.first_step[op->conv] == (int)i)
            show(e, i, n, see, ctx);
        break;
    case OP_BN:
        cuda_affine_grad(stream, x, d, net_scale(&e->net, i), net_shift(&e->net, i), none, add,
                         gradient_of(e, op->in[0], n));
        break;
    case OP_ACT:
        cuda_affine_grad(stream, x, d, NULL, NULL, activation_of(op), add, gradient_of(e, op->in[0], n));
        break;
    case OP_ADD:
    case OP_CONCAT:
        for (int k = 0, channel = 0; k < op->n_in; k++) {
            struct view to = gradient_of(e, op->in[k], n);
            if (flows[k] != FLOW_NONE)
                cuda_copy(stream, view_channels(d, channel, to.c), 1, flows[k] == FLOW_ADD, to);
            channel += op->kind == OP_CONCAT ? to.c : 0;
        }
        break;
    case OP_MAXPOOL:
        cuda_max_pool_grad(stream, x, d, op->kernel, op->stride, op->pad, add, gradient_of(e, op->in[0], n));
        break;
    case OP_UPSAMPLE:
        cuda_upsample_grad(stream, d, op->scale, add, gradient_of(e, op->in[0], n));
        break;
    case OP_ATTN_V:
        for (int h = 0; h < op->heads && flows[0] != FLOW_NONE; h++)
            cuda_copy(stream, view_channels(d, h * op->head_dim, op->head_dim), 1, true,
                      view_channels(gradient_of(e, op->in[0], n),
                                    h * (2 * op->key_dim + op->head_dim) + 2 * op->key_dim, op->head_dim));
        break;
    case OP_ATTN_MIX:
        if (flows[0] != FLOW_NONE)
            attention_back(e, i, n);
        break;
    case OP_BOX_SOFTMAX:
    case OP_BOX_DECODE:
        box_back(e, i, n);
        break;
    case OP_SLICE:
    case OP_DETACH:
        break;
    }
}

/* d mean over leaves of mean(leaf^2) / d leaf, of a step's images. */
static void start_at_leaves(struct device_gradient *e, int n, int step_images) {
    const struct graph *g = e->net.graph;
    for (size_t i = 0; i < g->n_leaves; i++) {
        struct view leaf = value_of(e, g->leaves[i], n);
        double count = (double)step_images * leaf.c * leaf.h * leaf.w, leaves = (double)g->n_leaves;
        if (e->plan.leaf_flows[i] != FLOW_NONE)
            cuda_copy(e->net.cuda->stream, leaf, (float)(2 / (count * leaves)),
                      e->plan.leaf_flows[i] == FLOW_ADD, gradient_of(e, g->leaves[i], n));
    }
}

int device_gradient_run(struct device_gradient *e, const struct calib_set *images, int first, int n,
                        int step_images, device_see_fn *see, void *ctx, struct err *err) {
    const struct graph *g = e->net.graph;
    if (upload_images(&e->upload, images, first, n, value_of(e, 0, n), err))
        return -1;
    for (size_t i = 0; i < e->plan.n_steps; i++)
        forward_step(e, i, n);
    for (int v = 0; v < g->n_values; v++)
        if (e->plan.zeroed[v] && e->plan.gradients[v].root == v) {
            struct chw s = e->plan.shapes[v];
            cudaMemsetAsync(e->arena + gradient_span(&e->plan, v)->at, 0,
                            (size_t)n * (size_t)(s.c * s.h * s.w) * sizeof(float), e->net.cuda->stream);
        }
    start_at_leaves(e, n, step_images);
    for (size_t i = e->plan.n_steps; i-- > 0;)
        if (e->plan.wanted[e->plan.steps[i].out])
            backward_step(e, i, n, see, ctx);
    return 0;
}
