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

static struct view gradient_of(const struct device_gradient *e, const struct backward *b, int v, int n) {
    return view_at(e, e->arena + gradient_plan_gradient(b, v)->at, &b->gradients[v], v, n);
}

/* Memory of a stage that has its value's shape. */
static struct view dense_of(const struct device_gradient *e, size_t stage, const struct span *span, int n) {
    struct chw s = e->plan.shapes[e->plan.stages[stage].out];
    return (struct view){e->arena + span->at, n, (int)s.h, (int)s.w, (int)s.c, (int)s.c};
}

static struct view output_of(const struct device_gradient *e, size_t stage, int n) {
    return stage_is_fused(&e->plan.stages[stage])
               ? dense_of(e, stage, gradient_plan_memory(&e->plan, stage, SPAN_OUTPUT), n)
               : value_of(e, e->plan.stages[stage].out, n);
}

static struct view output_gradient_of(const struct device_gradient *e, const struct backward *b, size_t stage,
                                      int n) {
    return stage_is_fused(&e->plan.stages[stage])
               ? dense_of(e, stage, gradient_plan_output_gradient(&e->plan, b, stage), n)
               : gradient_of(e, b, e->plan.stages[stage].out, n);
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

int device_gradient_new(struct cuda *cuda, const struct graph *graph, int size, int batch, int probes,
                        struct device_gradient *out, struct err *err) {
    struct device_gradient e = {.batch = batch};
    int most = 1, ret = -1;
    if (gradient_plan_make(graph, size, (size_t)batch, probes, 0, &e.plan, err))
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

/* A stage's operation on n images, with its gradients in a backward pass; b NULL: forward. */
static struct cuda_task task_of(const struct device_gradient *e, const struct backward *b, size_t i, int n) {
    const struct stage *s = &e->plan.stages[i];
    const enum flow *flows = b ? &b->flows[i * OP_INPUTS_MAX] : NULL;
    struct cuda_task t = net_task(&e->net, i, s->op);
    t.out = value_of(e, s->out, n);
    t.kept = e->arena + gradient_plan_memory(&e->plan, i, SPAN_KEPT)->at;
    t.work = e->work;
    t.room = kept_of(e, i);
    if (b)
        t.d_out = gradient_of(e, b, s->out, n);
    for (int k = 0; k < s->op->n_in; k++) {
        t.in[k] = value_of(e, s->op->in[k], n);
        if (b && flows[k] != FLOW_NONE)
            t.d_in[k] = gradient_of(e, b, s->op->in[k], n);
        t.add[k] = b && flows[k] == FLOW_ADD;
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
    const struct cuda_task t = task_of(e, NULL, i, n);
    if (op->kind == OP_CONV)
        forward_conv(e, i, n);
    else
        cuda_op(op->kind)->forward(&t);
}

static void backward_conv(struct device_gradient *e, const struct backward *b, size_t i, int n) {
    const struct stage *s = &e->plan.stages[i];
    const struct act none = {0};
    enum flow flow = b->flows[i * OP_INPUTS_MAX];
    struct conv_geometry g = conv_geometry_back(&e->net.graph->convs[s->op->conv]);
    if (stage_is_fused(s))
        cuda_affine_grad(e->net.cuda->stream, output_of(e, i, n), gradient_of(e, b, s->out, n),
                         net_scale(&e->net, i), net_shift(&e->net, i), activation_of(s->act), false,
                         output_gradient_of(e, b, i, n));
    if (flow != FLOW_NONE)
        cuda_conv_f32(e->net.cuda->stream, &g, output_gradient_of(e, b, i, n),
                      e->net.packed_back + e->net.packed_at[s->op->conv], NULL, NULL, none, flow == FLOW_ADD,
                      gradient_of(e, b, s->op->in[0], n));
}

/* All calls of the convolution whose first one is stage i. */
static void show(struct device_gradient *e, size_t i, int n, device_see_fn *see, void *ctx) {
    int conv = e->plan.stages[i].op->conv, calls = 0;
    for (size_t k = i; k < e->plan.n_stages; k++) {
        const struct op *op = e->plan.stages[k].op;
        if (op->kind != OP_CONV || op->conv != conv)
            continue;
        struct device_call *call = &e->calls[calls++];
        *call = (struct device_call){.x = value_of(e, op->in[0], n), .y = output_of(e, k, n)};
        for (size_t b = 0; b < e->plan.n_backwards; b++)
            if (e->plan.backwards[b].wanted[e->plan.stages[k].out])
                call->g[b] = output_gradient_of(e, &e->plan.backwards[b], k, n);
    }
    see(ctx, (size_t)conv, e->calls, calls);
}

static void backward_stage(struct device_gradient *e, const struct backward *b, size_t i, int n) {
    const struct op *op = e->plan.stages[i].op;
    const struct cuda_task t = task_of(e, b, i, n);
    bool wanted = false;
    if (op->kind == OP_CONV) {
        cuda_trace_begin(e->net.cuda->trace, t.stream, PHASE_BACKWARD, (size_t)op->conv);
        backward_conv(e, b, i, n);
        cuda_trace_end(e->net.cuda->trace, t.stream);
        return;
    }
    for (int k = 0; k < op->n_in; k++)
        wanted = wanted || t.d_in[k].p;
    if (wanted)
        cuda_op(op->kind)->back(&t);
}

/* d mean over leaves of mean(leaf^2) / d leaf, of a score step's images. */
static void start_at_leaves(struct device_gradient *e, const struct backward *b, int n, int step_images) {
    for (size_t i = 0; i < b->n_starts; i++) {
        struct view leaf = value_of(e, b->starts[i], n);
        double count = (double)step_images * leaf.c * leaf.h * leaf.w, leaves = (double)b->n_starts;
        if (b->start_flows[i] != FLOW_NONE)
            cuda_copy(e->net.cuda->stream, leaf, (float)(2 / (count * leaves)), b->start_flows[i] == FLOW_ADD,
                      gradient_of(e, b, b->starts[i], n));
    }
}

/* The gradient that a detection objective begins with, of images first and on. */
static void start_at_output(struct device_gradient *e, const struct backward *b, int first, int n) {
    const struct graph *g = e->net.graph;
    struct view y = value_of(e, g->boxes, n);
    for (size_t i = 0, from = 0; i < b->n_starts; i++) {
        struct view d = gradient_of(e, b, b->starts[i], n);
        if (b->objective == SCORES_CLASS)
            cuda_start_class(e->net.cuda->stream, y, (int)from, first, b->probe, d);
        else
            cuda_start_box(e->net.cuda->stream, y, g->corners, first, b->probe, d);
        from += (size_t)(d.h * d.w); /* a level's anchors */
    }
}

/* Zeros where all is added to, and the gradients that the pass begins with. */
static void start(struct device_gradient *e, const struct backward *b, int first, int n, int step_images) {
    for (int v = 0; v < e->net.graph->n_values; v++)
        if (b->zeroed[v] && b->gradients[v].root == v)
            cudaMemsetAsync(e->arena + gradient_plan_gradient(b, v)->at, 0,
                            (size_t)n * shape_numel(e->plan.shapes[v]) * sizeof(float), e->net.cuda->stream);
    if (b->objective == SCORES_MODELOPT)
        start_at_leaves(e, b, n, step_images);
    else
        start_at_output(e, b, first, n);
}

int device_gradient_run(struct device_gradient *e, const struct calib_set *images, int first, int n,
                        int step_images, device_see_fn *see, void *ctx, struct err *err) {
    const struct gradient_plan *p = &e->plan;
    if (upload_images(&e->upload, images, first, n, value_of(e, 0, n), err))
        return -1;
    for (size_t i = 0; i < p->n_stages; i++)
        forward_stage(e, i, n);
    for (size_t b = 0; b < p->n_backwards; b++)
        start(e, &p->backwards[b], first, n, step_images);
    for (size_t i = p->n_stages; i-- > 0;) {
        const struct stage *s = &p->stages[i];
        for (size_t b = 0; b < p->n_backwards; b++)
            if (p->backwards[b].wanted[s->out])
                backward_stage(e, &p->backwards[b], i, n);
        if (s->op->kind == OP_CONV && p->first_stage[s->op->conv] == (int)i)
            show(e, i, n, see, ctx);
    }
    return 0;
}
