#include "exec/cpu/measure_pass.h"

#include "exec/cpu/fused.h"
#include "exec/cpu/operand.h"
#include "exec/measure_plan.h"
#include "format/fakequant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct measure_net {
    const struct measure_job *job;
    struct pairs pairs; /* the cell's */
    struct measure_plan plan;
    struct fused *plain, *quantized; /* of each stage; empty for other operations */
    struct err *failures;            /* of each stage, while its weights are packed */
};

struct measure_pass {
    const struct measure_net *net;
    struct op_scratch scratch;
    struct measure_memory memory; /* of one image */
    float *input;                 /* of a convolution, quantized */
    float *for_op;                /* what an operation leaves for backward, which nobody asks for here */
    bool *changed;                /* of each stage: its value of this variant is another than the kept one */
    bool *expected;               /* of each stage: it is behind a convolution that the variant quantizes */
    const bool *have;             /* of each stage: its kept value is this image's */
};

static const struct stage *stage_of(const struct measure_net *net, size_t i) {
    return &net->plan.forward.stages[i];
}

static struct chw shape_of(const struct measure_net *net, int v) {
    return net->plan.forward.shapes[v];
}

/* ---- the net ---- */

static int fuse(struct measure_net *net, size_t i, struct err *err) {
    const struct graph *g = net->job->graph;
    const struct stage *s = stage_of(net, i);
    const struct conv *c = &g->convs[s->op->conv];
    float *values = malloc((conv_numel(c) + (size_t)c->cout) * sizeof *values);
    if (!values)
        return err_nomem(err);
    int ret =
        operand_weight(&net->pairs.weights[measure_pair(net->job, &net->pairs, (size_t)s->op->conv)->weight],
                       &net->job->amax->layers[s->op->conv], c, values, values + conv_numel(c), err);
    if (!ret)
        ret = fused_new(g, s, c->weight, &net->plain[i], err);
    if (!ret)
        ret = fused_new(g, s, values, &net->quantized[i], err);
    free(values);
    return ret;
}

static void fuse_task(void *ctx, size_t i, int worker) {
    (void)worker;
    struct measure_net *net = ctx;
    if (measure_plan_is_conv(&net->plan, i))
        fuse(net, i, &net->failures[i]);
}

int measure_net_new(const struct measure_job *job, struct pool *pool, struct measure_net **out,
                    struct err *err) {
    struct measure_net *net = calloc(1, sizeof *net);
    if (!net)
        return err_nomem(err);
    net->job = job;
    if (measure_pairs(job, &net->pairs, err) ||
        measure_plan_make(job->graph, job->images->size, &net->plan, err))
        goto fail;
    size_t n = measure_net_stages(net);
    net->plain = calloc(n + 1, sizeof *net->plain);
    net->quantized = calloc(n + 1, sizeof *net->quantized);
    net->failures = calloc(n + 1, sizeof *net->failures);
    if (!net->plain || !net->quantized || !net->failures) {
        err_nomem(err);
        goto fail;
    }
    pool_run(pool, n, fuse_task, net);
    for (size_t i = 0; i < n; i++)
        if (net->failures[i].code) {
            *err = net->failures[i];
            goto fail;
        }
    *out = net;
    return 0;
fail:
    measure_net_free(&net);
    return -1;
}

void measure_net_free(struct measure_net **measure_net) {
    struct measure_net *net = *measure_net;
    if (!net)
        return;
    for (size_t i = 0; net->plain && net->quantized && i < measure_net_stages(net); i++) {
        fused_free(&net->plain[i]);
        fused_free(&net->quantized[i]);
    }
    free(net->plain);
    free(net->quantized);
    free(net->failures);
    measure_plan_free(&net->plan);
    pairs_free(&net->pairs);
    free(net);
    *measure_net = NULL;
}

size_t measure_net_stages(const struct measure_net *net) {
    return net->plan.forward.n_stages;
}

struct chw measure_net_leaf(const struct measure_net *net) {
    return shape_of(net, measure_plan_leaf(&net->plan));
}

struct detect_more measure_net_more(const struct measure_net *net) {
    const struct graph *g = net->plan.graph;
    const struct measure_more more = measure_plan_more(&net->plan);
    struct detect_more about = {0};
    if (!more.y)
        return about;
    about.rows = (int)(shape_of(net, more.y).c - measure_net_leaf(net).c);
    about.kind = more.proto ? DETECT_MASKS : g->points[0] ? DETECT_POINTS : DETECT_ANGLES;
    about.dims = g->points[1];
    if (more.proto) {
        const struct chw p = shape_of(net, more.proto);
        about.proto_w = (int)p.w;
        about.proto_h = (int)p.h;
        about.proto_per_pixel = (double)p.w / (double)shape_of(net, 0).w;
    }
    return about;
}

int measure_net_reads(const struct measure_net *net, const struct measure_variant *variants, size_t n,
                      bool *reads, struct err *err) {
    return measure_plan_reads(&net->plan, variants, n, reads, err);
}

/* ---- a pass ---- */

size_t measure_pass_bytes(const struct measure_net *net) {
    const struct measure_plan *p = &net->plan;
    return (p->kept_floats + p->forward.arena + 2 * p->input_floats + p->op_floats) * sizeof(float);
}

int measure_pass_new(const struct measure_net *net, int threads, struct measure_pass **out, struct err *err) {
    struct measure_pass *p = calloc(1, sizeof *p);
    if (!p)
        return err_nomem(err);
    struct measure_memory *m = &p->memory;
    const struct measure_plan *plan = &net->plan;
    p->net = net;
    m->images = 1;
    m->pixels = malloc(shape_numel(shape_of(net, 0)) * sizeof *m->pixels);
    m->kept = calloc(plan->kept_floats, sizeof *m->kept);
    m->arena = calloc(plan->forward.arena, sizeof *m->arena);
    m->own = calloc((size_t)plan->graph->n_values, sizeof *m->own);
    p->input = malloc(plan->input_floats * sizeof *p->input);
    p->for_op = malloc((plan->op_floats + 1) * sizeof *p->for_op);
    p->changed = calloc(measure_net_stages(net) + 1, sizeof *p->changed);
    p->expected = calloc(measure_net_stages(net) + 1, sizeof *p->expected);
    if (!m->pixels || !m->kept || !m->arena || !m->own || !p->input || !p->for_op || !p->changed ||
        !p->expected) {
        err_nomem(err);
        goto fail;
    }
    if (pool_new(threads, &p->scratch.pool, err) || conv_scratch_new(p->scratch.pool, &p->scratch.conv, err))
        goto fail;
    *out = p;
    return 0;
fail:
    measure_pass_free(&p);
    return -1;
}

void measure_pass_free(struct measure_pass **pass) {
    struct measure_pass *p = *pass;
    if (!p)
        return;
    conv_scratch_free(&p->scratch.conv);
    pool_free(&p->scratch.pool);
    free(p->scratch.memory);
    free(p->memory.pixels);
    free(p->memory.kept);
    free(p->memory.arena);
    free(p->memory.own);
    free(p->input);
    free(p->for_op);
    free(p->changed);
    free(p->expected);
    free(p);
    *pass = NULL;
}

float *measure_pass_pixels(struct measure_pass *p) {
    return p->memory.pixels;
}

static struct chw shape(const struct measure_pass *p, int v) {
    return shape_of(p->net, v);
}

/* Value v in its root. */
static float *part(const struct measure_pass *p, float *root, int v) {
    return root + p->net->plan.forward.values[v].channel * (size_t)(shape(p, v).h * shape(p, v).w);
}

static float *kept_value(const struct measure_pass *p, int v) {
    const struct measure_plan *plan = &p->net->plan;
    return part(p, measure_memory_kept(plan, &p->memory, plan->forward.values[v].root), v);
}

static float *value(const struct measure_pass *p, int v) {
    const struct measure_plan *plan = &p->net->plan;
    return part(p, measure_memory_root(plan, &p->memory, plan->forward.values[v].root), v);
}

static void make_own(struct measure_pass *p, int v) {
    int root = p->net->plan.forward.values[v].root;
    if (measure_memory_own(&p->net->plan, &p->memory, v))
        memcpy(value(p, root), kept_value(p, root), shape_numel(shape(p, root)) * sizeof(float));
}

/* q(x), cut into tasks by channels that share blocks. */
struct quantizing {
    const struct conv_source *source;
    struct chw shape;
    float *out;
};

static void quantize_channels(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct quantizing *q = ctx;
    size_t first = i * q->source->group, left = (size_t)q->shape.c - first, h = (size_t)q->shape.h;
    q->source->fill(q->source->ctx, 0, first, left < q->source->group ? left : q->source->group, 0, h,
                    q->out + first * h * (size_t)q->shape.w);
}

/* Puts a convolution's quantized input into x, unless its format leaves it as it is. */
static int quantize_input(struct measure_pass *p, int conv, struct op_value *x, struct err *err) {
    struct operand_input operand;
    struct conv_source source;
    const int64_t dims[4] = {1, x->shape.c, x->shape.h, x->shape.w};
    const struct measure_net *net = p->net;
    const struct input_spec *spec =
        &net->pairs.inputs[measure_pair(net->job, &net->pairs, (size_t)conv)->input];
    int ret = operand_input(&operand, p->scratch.pool, spec, &p->net->job->amax->layers[conv], x->v, dims,
                            &source, err);
    if (!ret && source.fill) {
        struct quantizing q = {&source, x->shape, p->input};
        pool_run(p->scratch.pool, ((size_t)x->shape.c + source.group - 1) / source.group, quantize_channels,
                 &q);
        x->v = p->input;
    }
    operand_input_free(&operand);
    return ret;
}

static void make_channel(void *ctx, size_t c, int worker) {
    (void)worker;
    const struct op_task *t = ctx;
    op_kernels(t->op->kind)->channel(t, 0, c);
}

static int run_stage(struct measure_pass *p, size_t i, bool quantized, struct err *err) {
    const struct stage *s = stage_of(p->net, i);
    const struct op_kernels *k = op_kernels(s->op->kind);
    struct op_task t = {.graph = p->net->job->graph, .op = s->op, .scratch = &p->scratch, .kept = p->for_op};
    t.out = (struct op_value){value(p, s->out), 0, shape(p, s->out)};
    for (int j = 0; j < s->op->n_in; j++)
        t.in[j] = (struct op_value){value(p, s->op->in[j]), 0, shape(p, s->op->in[j])};
    if (s->op->kind == OP_CONV) {
        if (quantized && quantize_input(p, s->op->conv, &t.in[0], err))
            return -1;
        return fused_run(quantized ? &p->net->quantized[i] : &p->net->plain[i], s, &t, err);
    }
    if (!k->channel)
        return k->image(&t, 0, err);
    pool_run(p->scratch.pool, (size_t)t.out.shape.c, make_channel, &t);
    return 0;
}

static bool is_finite(const struct measure_pass *p, int v) {
    return isfinite(fakequant_amax(value(p, v), shape_numel(shape(p, v))));
}

/* The outputs that `made` marks the makers of. Returns whether all are finite. */
static bool take_outputs(const struct measure_pass *p, const bool *made, struct measure_outputs *out) {
    const struct measure_plan *plan = &p->net->plan;
    const struct measure_more more = measure_plan_more(plan);
    const int leaf = measure_plan_leaf(plan), values[] = {leaf, more.y, more.proto};
    const float *found[3] = {NULL};
    bool finite = true;
    for (int k = 0; k < 3; k++)
        if ((k == 0 || values[k]) && made[plan->maker[values[k]]]) {
            found[k] = value(p, values[k]);
            finite = finite && is_finite(p, values[k]);
        }
    *out = (struct measure_outputs){found[0], found[1] ? found[1] + shape_numel(shape(p, leaf)) : NULL,
                                    found[2]};
    return finite;
}

int measure_pass_float(struct measure_pass *p, const bool *have, struct measure_outputs *out,
                       struct err *err) {
    p->have = have;
    measure_memory_reset(&p->net->plan, &p->memory);
    for (size_t i = 0; i < measure_net_stages(p->net); i++)
        if (have[i] && run_stage(p, i, false, err))
            return -1;
    if (take_outputs(p, have, out))
        return 0;
    size_t i = 0;
    while (!have[i] || is_finite(p, stage_of(p->net, i)->out))
        i++;
    return measure_plan_not_finite(&p->net->plan, i, false, err);
}

/* Makes what a variant changes: what is behind a quantized convolution, except where quantizing happened to change nothing
 * and the unquantized value is there to read. With `watch`, *broken receives the first stage whose value is not finite. */
static int run_variant(struct measure_pass *p, const bool *quantized, bool watch, size_t *broken,
                       struct err *err) {
    const struct measure_plan *plan = &p->net->plan;
    measure_memory_reset(plan, &p->memory);
    for (size_t i = 0; i < plan->forward.n_stages; i++) {
        const struct stage *s = &plan->forward.stages[i];
        int out = s->out;
        p->expected[i] = measure_plan_changes(plan, i, quantized, p->expected);
        p->changed[i] =
            measure_plan_changes(plan, i, quantized, p->changed) || (p->expected[i] && !p->have[i]);
        if (!p->changed[i])
            continue;
        make_own(p, out);
        if (run_stage(p, i, measure_plan_is_conv(plan, i) && quantized[s->op->conv], err))
            return -1;
        if (p->have[i] &&
            memcmp(value(p, out), kept_value(p, out), shape_numel(shape(p, out)) * sizeof(float)) == 0)
            p->changed[i] = false;
        if (watch && !is_finite(p, out)) {
            *broken = i;
            return 0;
        }
    }
    return 0;
}

int measure_pass_variant(struct measure_pass *p, const bool *quantized, struct measure_outputs *out,
                         struct err *err) {
    size_t broken = 0;
    if (run_variant(p, quantized, false, NULL, err))
        return -1;
    if (take_outputs(p, p->changed, out))
        return 0;
    return run_variant(p, quantized, true, &broken, err)
               ? -1
               : measure_plan_not_finite(&p->net->plan, broken, true, err);
}
