#include "exec/cuda/gradient.h"

#include "op/op.h"

#include <stdlib.h>

static struct view view_at(const struct device_gradient *e, float *root, const struct home *part, int v,
                           int n) {
    struct chw s = e->plan.shapes[v];
    return (struct view){
        root + part->channel, n, (int)s.h, (int)s.w, (int)s.c, (int)e->plan.shapes[part->root].c};
}

static struct view value_of(const struct device_gradient *e, int v, int n) {
    const struct home *p = &e->plan.values[v];
    return view_at(e, p->root == 0 ? e->images : e->arena + gradient_plan_value(&e->plan, v)->at, p, v, n);
}

static struct view gradient_of(const struct device_gradient *e, int v, int n) {
    return view_at(e, e->arena + gradient_plan_gradient(&e->plan, v)->at, &e->plan.gradients[v], v, n);
}

/* Memory of a stage that has a value's shape. */
static struct view dense_of(const struct device_gradient *e, size_t stage, int kind, int n) {
    struct chw s = e->plan.shapes[e->plan.stages[stage].out];
    return (struct view){e->arena + gradient_plan_memory(&e->plan, stage, kind)->at,
                         n,
                         (int)s.h,
                         (int)s.w,
                         (int)s.c,
                         (int)s.c};
}

static struct view output_of(const struct device_gradient *e, size_t stage, int n) {
    return stage_is_fused(&e->plan.stages[stage]) ? dense_of(e, stage, SPAN_OUTPUT, n)
                                                  : value_of(e, e->plan.stages[stage].out, n);
}

static struct view output_gradient_of(const struct device_gradient *e, size_t stage, int n) {
    return stage_is_fused(&e->plan.stages[stage]) ? dense_of(e, stage, SPAN_GRADIENT, n)
                                                  : gradient_of(e, e->plan.stages[stage].out, n);
}

/* Floats that a stage keeps from an image's forward for its backward. */
static size_t kept_of(const struct device_gradient *e, size_t stage) {
    const struct op *op = e->plan.stages[stage].op;
    return op_room(op_kernels(op->kind)->kept, op, e->plan.shapes);
}

/* What backward works in beside it, of all images: as much as is kept. */
static size_t work_floats(const struct device_gradient *e) {
    size_t room = 0;
    for (size_t i = 0; i < e->plan.n_stages; i++)
        room = kept_of(e, i) > room ? kept_of(e, i) : room;
    return room * (size_t)e->batch;
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
        ret = net_new(cuda, graph, e.plan.shapes, e.plan.stages, e.plan.n_stages, false, true, &e.net, err);
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

/* A stage's operation on n images, with its gradients for a backward pass. */
static struct cuda_task task_of(const struct device_gradient *e, size_t i, int n, bool backward) {
    const struct stage *s = &e->plan.stages[i];
    const enum flow *flows = &e->plan.flows[i * OP_INPUTS_MAX];
    struct cuda_task t = net_task(&e->net, i, s->op);
    t.out = value_of(e, s->out, n);
    t.kept = e->arena + gradient_plan_memory(&e->plan, i, SPAN_KEPT)->at;
    t.work = e->work;
    t.room = kept_of(e, i);
    if (backward)
        t.d_out = gradient_of(e, s->out, n);
    for (int k = 0; k < s->op->n_in; k++) {
        t.in[k] = value_of(e, s->op->in[k], n);
        if (backward && flows[k] != FLOW_NONE)
            t.d_in[k] = gradient_of(e, s->op->in[k], n);
        t.add[k] = flows[k] == FLOW_ADD;
    }
    return t;
}

static void forward_conv(struct device_gradient *e, size_t i, int n) {
    const struct stage *s = &e->plan.stages[i];
    const struct act none = {0};
    size_t conv = (size_t)s->op->conv;
    cudaStream_t stream = e->net.cuda->stream;
    struct conv_geometry g = conv_geometry(&e->net.graph->convs[conv]);
    struct view y = output_of(e, i, n);
    cuda_trace_begin(e->net.cuda->trace, stream, PHASE_FORWARD, conv);
    cuda_conv_f32(stream, &g, value_of(e, s->op->in[0], n), e->net.packed + e->net.packed_at[conv], NULL,
                  net_bias(&e->net, conv), none, false, y);
    if (stage_is_fused(s))
        cuda_affine(stream, y, net_scale(&e->net, i), net_shift(&e->net, i), activation_of(s->act),
                    value_of(e, s->out, n));
    cuda_trace_end(e->net.cuda->trace, stream);
}

static void forward_stage(struct device_gradient *e, size_t i, int n) {
    const struct op *op = e->plan.stages[i].op;
    const struct cuda_task t = task_of(e, i, n, false);
    if (op->kind == OP_CONV)
        forward_conv(e, i, n);
    else
        cuda_op(op->kind)->forward(&t);
}

static void backward_conv(struct device_gradient *e, size_t i, enum flow flow, int n) {
    const struct stage *s = &e->plan.stages[i];
    const struct act none = {0};
    struct conv_geometry g = conv_geometry_back(&e->net.graph->convs[s->op->conv]);
    if (stage_is_fused(s))
        cuda_affine_grad(e->net.cuda->stream, output_of(e, i, n), gradient_of(e, s->out, n),
                         net_scale(&e->net, i), net_shift(&e->net, i), activation_of(s->act), false,
                         output_gradient_of(e, i, n));
    if (flow != FLOW_NONE)
        cuda_conv_f32(e->net.cuda->stream, &g, output_gradient_of(e, i, n),
                      e->net.packed_back + e->net.packed_at[s->op->conv], NULL, NULL, none, flow == FLOW_ADD,
                      gradient_of(e, s->op->in[0], n));
}

/* All calls of the convolution whose first one is stage i. */
static void show(struct device_gradient *e, size_t i, int n, device_see_fn *see, void *ctx) {
    int conv = e->plan.stages[i].op->conv, calls = 0;
    for (size_t k = i; k < e->plan.n_stages; k++) {
        const struct op *op = e->plan.stages[k].op;
        if (op->kind == OP_CONV && op->conv == conv)
            e->calls[calls++] = (struct device_call){value_of(e, op->in[0], n), output_of(e, k, n),
                                                     output_gradient_of(e, k, n)};
    }
    see(ctx, (size_t)conv, e->calls, calls);
}

static void backward_stage(struct device_gradient *e, size_t i, int n, device_see_fn *see, void *ctx) {
    const struct op *op = e->plan.stages[i].op;
    const enum flow *flows = &e->plan.flows[i * OP_INPUTS_MAX];
    const struct cuda_task t = task_of(e, i, n, true);
    bool wanted = false;
    if (op->kind == OP_CONV) {
        cuda_trace_begin(e->net.cuda->trace, t.stream, PHASE_BACKWARD, (size_t)op->conv);
        backward_conv(e, i, flows[0], n);
        cuda_trace_end(e->net.cuda->trace, t.stream);
        if (e->plan.first_stage[op->conv] == (int)i)
            show(e, i, n, see, ctx);
        return;
    }
    for (int k = 0; k < op->n_in; k++)
        wanted = wanted || t.d_in[k].p;
    if (wanted)
        cuda_op(op->kind)->back(&t);
}

/* d mean over leaves of mean(leaf^2) / d leaf, of a score step's images. */
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
    for (size_t i = 0; i < e->plan.n_stages; i++)
        forward_stage(e, i, n);
    for (int v = 0; v < g->n_values; v++)
        if (e->plan.zeroed[v] && e->plan.gradients[v].root == v) {
            struct chw s = e->plan.shapes[v];
            cudaMemsetAsync(e->arena + gradient_plan_gradient(&e->plan, v)->at, 0,
                            (size_t)n * (size_t)(s.c * s.h * s.w) * sizeof(float), e->net.cuda->stream);
        }
    start_at_leaves(e, n, step_images);
    for (size_t i = e->plan.n_stages; i-- > 0;)
        if (e->plan.wanted[e->plan.stages[i].out])
            backward_stage(e, i, n, see, ctx);
    return 0;
}
