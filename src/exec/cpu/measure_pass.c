#include "exec/cpu/measure_pass.h"

#include "exec/cpu/fused.h"
#include "exec/cpu/operand.h"
#include "exec/forward_plan.h"
#include "exec/spans.h"
#include "format/fakequant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct measure_net {
    const struct measure_job *job;
    struct pairs pairs; /* the cell's */
    struct forward_plan plan;
    struct fused *plain, *quantized; /* of each stage; empty for other operations */
    struct err *failures;            /* of each stage, while its weights are packed */
    int *maker;   /* of each value: the stage that makes it or what it is a part of; -1: none */
    size_t *kept; /* of each root: floats from the kept values' start */
    size_t kept_floats, quantized_floats, kept_room;
};

struct measure_pass {
    const struct measure_net *net;
    struct op_scratch scratch;
    float *pixels, *kept, *arena;
    float *input;     /* of a convolution, quantized */
    float *for_op;    /* what an operation leaves for backward, which nobody asks for here */
    bool *changed;    /* of each stage: its value of this variant is another than the kept one */
    bool *expected;   /* of each stage: it is behind a convolution that the variant quantizes */
    bool *own;        /* of each root: it lies in the arena, whole, for this variant */
    const bool *have; /* of each stage: its kept value is this image's */
};

static const struct graph *graph_of(const struct measure_net *net) {
    return net->job->graph;
}

static int leaf_of(const struct measure_net *net) {
    return graph_of(net)->leaves[graph_of(net)->exported];
}

static bool is_conv(const struct measure_net *net, size_t i) {
    return net->plan.stages[i].op->kind == OP_CONV;
}

/* ---- the net ---- */

static int fuse(struct measure_net *net, size_t i, struct err *err) {
    const struct graph *g = graph_of(net);
    const struct stage *s = &net->plan.stages[i];
    const struct conv *c = &g->convs[s->op->conv];
    float *values = malloc((conv_numel(c) + (size_t)c->cout) * sizeof *values);
    if (!values)
        return err_nomem(err);
    operand_weight(&net->pairs.weights[0], &net->job->amax->layers[s->op->conv], c, values,
                   values + conv_numel(c));
    int ret = fused_new(g, s, c->weight, &net->plain[i], err);
    if (!ret)
        ret = fused_new(g, s, values, &net->quantized[i], err);
    free(values);
    return ret;
}

static void fuse_task(void *ctx, size_t i, int worker) {
    (void)worker;
    struct measure_net *net = ctx;
    if (is_conv(net, i))
        fuse(net, i, &net->failures[i]);
}

static void find_makers(struct measure_net *net) {
    const struct graph *g = graph_of(net);
    for (int v = 0; v < g->n_values; v++)
        net->maker[v] = -1;
    for (size_t i = 0; i < net->plan.n_stages; i++)
        net->maker[net->plan.stages[i].out] = (int)i;
    for (size_t i = 0; i < g->n_ops; i++)
        if (stage_is_part(&g->ops[i]))
            net->maker[g->ops[i].out] = net->maker[g->ops[i].in[0]];
}

/* Places for the kept values, and the room that stages work in. */
static void find_rooms(struct measure_net *net) {
    const struct forward_plan *p = &net->plan;
    for (int v = 1; v < graph_of(net)->n_values; v++)
        if (p->made[v] && p->values[v].root == v) {
            net->kept[v] = net->kept_floats;
            net->kept_floats += spans_room(shape_numel(p->shapes[v]));
        }
    for (size_t i = 0; i < p->n_stages; i++) {
        const struct op *op = p->stages[i].op;
        size_t in = spans_room(shape_numel(p->shapes[op->in[0]])),
               kept = op_room(op_kernels(op->kind)->kept, op, p->shapes);
        if (is_conv(net, i) && in > net->quantized_floats)
            net->quantized_floats = in;
        net->kept_room = kept > net->kept_room ? kept : net->kept_room;
    }
}

int measure_net_new(const struct measure_job *job, struct pool *pool, struct measure_net **out,
                    struct err *err) {
    struct measure_net *net = calloc(1, sizeof *net);
    if (!net)
        return err_nomem(err);
    net->job = job;
    if (pairs_make(&job->qcfg, 1, &net->pairs, err) ||
        forward_plan_make(job->graph, FORWARD_EXPORTED, job->images->size, &net->plan, err))
        goto fail;
    size_t n = net->plan.n_stages, values = (size_t)job->graph->n_values;
    net->plain = calloc(n + 1, sizeof *net->plain);
    net->quantized = calloc(n + 1, sizeof *net->quantized);
    net->failures = calloc(n + 1, sizeof *net->failures);
    net->maker = calloc(values, sizeof *net->maker);
    net->kept = calloc(values, sizeof *net->kept);
    if (!net->plain || !net->quantized || !net->failures || !net->maker || !net->kept) {
        err_nomem(err);
        goto fail;
    }
    find_makers(net);
    find_rooms(net);
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
    for (size_t i = 0; net->plain && net->quantized && i < net->plan.n_stages; i++) {
        fused_free(&net->plain[i]);
        fused_free(&net->quantized[i]);
    }
    free(net->plain);
    free(net->quantized);
    free(net->failures);
    free(net->maker);
    free(net->kept);
    forward_plan_free(&net->plan);
    pairs_free(&net->pairs);
    free(net);
    *measure_net = NULL;
}

size_t measure_net_stages(const struct measure_net *net) {
    return net->plan.n_stages;
}

struct chw measure_net_leaf(const struct measure_net *net) {
    return net->plan.shapes[leaf_of(net)];
}

/* Whether any input of stage i comes from a stage that is marked. */
static bool reads_marked(const struct measure_net *net, size_t i, const bool *marked) {
    const struct op *op = net->plan.stages[i].op;
    for (int k = 0; k < op->n_in; k++)
        if (net->maker[op->in[k]] >= 0 && marked[net->maker[op->in[k]]])
            return true;
    return false;
}

/* What a variant changes at stage i, unless quantizing happens to change nothing. */
static bool changes(const struct measure_net *net, size_t i, const bool *quantized, const bool *changed) {
    return (is_conv(net, i) && quantized[net->plan.stages[i].op->conv]) || reads_marked(net, i, changed);
}

/* Marks the stages that make the inputs of stage i, except those in `but`. */
static void mark_inputs(const struct measure_net *net, size_t i, const bool *but, bool *marked) {
    const struct op *op = net->plan.stages[i].op;
    for (int k = 0; k < op->n_in; k++) {
        int maker = net->maker[op->in[k]];
        if (maker >= 0 && !(but && but[maker]))
            marked[maker] = true;
    }
}

int measure_net_reads(const struct measure_net *net, const struct measure_variant *variants, size_t n,
                      bool *reads, struct err *err) {
    size_t stages = net->plan.n_stages;
    bool *changed = malloc((stages + 1) * sizeof *changed);
    if (!changed)
        return err_nomem(err);
    memset(reads, 0, stages * sizeof *reads);
    for (size_t v = 0; v < n; v++) {
        for (size_t i = 0; i < stages; i++)
            changed[i] = changes(net, i, variants[v].quantized, changed);
        for (size_t i = 0; i < stages; i++)
            if (changed[i])
                mark_inputs(net, i, changed, reads);
    }
    for (size_t i = stages; i-- > 0;)
        if (reads[i])
            mark_inputs(net, i, NULL, reads);
    free(changed);
    return 0;
}

/* ---- a pass ---- */

size_t measure_pass_bytes(const struct measure_net *net) {
    return (net->kept_floats + net->plan.arena + 2 * net->quantized_floats + net->kept_room) * sizeof(float);
}

int measure_pass_new(const struct measure_net *net, int threads, struct measure_pass **out, struct err *err) {
    struct measure_pass *p = calloc(1, sizeof *p);
    if (!p)
        return err_nomem(err);
    p->net = net;
    p->pixels = malloc(shape_numel(net->plan.shapes[0]) * sizeof *p->pixels);
    p->kept = calloc(net->kept_floats, sizeof *p->kept);
    p->arena = calloc(net->plan.arena, sizeof *p->arena);
    p->input = malloc(net->quantized_floats * sizeof *p->input);
    p->for_op = malloc((net->kept_room + 1) * sizeof *p->for_op);
    p->changed = calloc(net->plan.n_stages + 1, sizeof *p->changed);
    p->expected = calloc(net->plan.n_stages + 1, sizeof *p->expected);
    p->own = calloc((size_t)graph_of(net)->n_values, sizeof *p->own);
    if (!p->pixels || !p->kept || !p->arena || !p->input || !p->for_op || !p->changed || !p->expected ||
        !p->own) {
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
    free(p->pixels);
    free(p->kept);
    free(p->arena);
    free(p->input);
    free(p->for_op);
    free(p->changed);
    free(p->expected);
    free(p->own);
    free(p);
    *pass = NULL;
}

float *measure_pass_pixels(struct measure_pass *p) {
    return p->pixels;
}

static struct chw shape(const struct measure_pass *p, int v) {
    return p->net->plan.shapes[v];
}

static float *kept_value(const struct measure_pass *p, int v) {
    struct home home = p->net->plan.values[v];
    size_t channel = home.channel * (size_t)(shape(p, v).h * shape(p, v).w);
    return (home.root == 0 ? p->pixels : p->kept + p->net->kept[home.root]) + channel;
}

static float *value(const struct measure_pass *p, int v) {
    return p->own[p->net->plan.values[v].root] ? p->arena + p->net->plan.offsets[v] : kept_value(p, v);
}

/* Gives the variant a root of its own: what it does not make of it is the unquantized one's. */
static void make_own(struct measure_pass *p, int out) {
    int root = p->net->plan.values[out].root;
    size_t n = shape_numel(shape(p, root));
    if (p->own[root])
        return;
    p->own[root] = true;
    if (shape_numel(shape(p, out)) != n)
        memcpy(value(p, root), kept_value(p, root), n * sizeof(float));
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
    int ret = operand_input(&operand, p->scratch.pool, &p->net->pairs.inputs[0],
                            &p->net->job->amax->layers[conv], x->v, dims, &source, err);
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
    const struct stage *s = &p->net->plan.stages[i];
    const struct op_kernels *k = op_kernels(s->op->kind);
    struct op_task t = {.graph = graph_of(p->net), .op = s->op, .scratch = &p->scratch, .kept = p->for_op};
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

/* Names the last convolution up to stage i. */
static int not_finite(const struct measure_pass *p, size_t i, const char *when, struct err *err) {
    while (i > 0 && !is_conv(p->net, i))
        i--;
    int conv = p->net->plan.stages[i].op->conv;
    return err_set(err, ERR_FAILED, "%s: numbers that are not finite come out of it%s",
                   is_conv(p->net, i) ? graph_of(p->net)->convs[conv].name : "the image", when);
}

int measure_pass_float(struct measure_pass *p, const bool *have, const float **leaf, struct err *err) {
    p->have = have;
    memset(p->own, 0, (size_t)graph_of(p->net)->n_values * sizeof *p->own);
    for (size_t i = 0; i < p->net->plan.n_stages; i++)
        if (have[i] && run_stage(p, i, false, err))
            return -1;
    int v = leaf_of(p->net);
    *leaf = have[p->net->maker[v]] ? value(p, v) : NULL;
    if (!*leaf || is_finite(p, v))
        return 0;
    size_t i = 0;
    while (is_finite(p, p->net->plan.stages[i].out))
        i++;
    return not_finite(p, i, "", err);
}

/* Makes what a variant changes: what is behind a quantized convolution, except where quantizing happened to change nothing
 * and the unquantized value is there to read. With `watch`, *broken receives the first stage whose value is not finite. */
static int run_variant(struct measure_pass *p, const bool *quantized, bool watch, size_t *broken,
                       struct err *err) {
    const struct measure_net *net = p->net;
    memset(p->own, 0, (size_t)graph_of(net)->n_values * sizeof *p->own);
    for (size_t i = 0; i < net->plan.n_stages; i++) {
        int out = net->plan.stages[i].out;
        p->expected[i] = changes(net, i, quantized, p->expected);
        p->changed[i] = changes(net, i, quantized, p->changed) || (p->expected[i] && !p->have[i]);
        if (!p->changed[i])
            continue;
        make_own(p, out);
        if (run_stage(p, i, is_conv(net, i) && quantized[net->plan.stages[i].op->conv], err))
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

int measure_pass_variant(struct measure_pass *p, const bool *quantized, const float **leaf, struct err *err) {
    int v = leaf_of(p->net);
    size_t broken = 0;
    if (run_variant(p, quantized, false, NULL, err))
        return -1;
    *leaf = p->changed[p->net->maker[v]] ? value(p, v) : NULL;
    if (!*leaf || is_finite(p, v))
        return 0;
    return run_variant(p, quantized, true, &broken, err)
               ? -1
               : not_finite(p, broken, " once layers are quantized", err);
}
