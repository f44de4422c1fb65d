#define _GNU_SOURCE
#include "model/graph.h"

#include "model/builder.h"
#include "model/weight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void graph_free(struct graph **graph) {
    struct graph *g = *graph;
    if (!g)
        return;
    for (size_t i = 0; i < g->n_ops; i++) {
        free(g->ops[i].in);
        free(g->ops[i].node);
    }
    for (size_t i = 0; i < g->n_convs; i++) {
        free(g->convs[i].name);
        free(g->convs[i].node);
        free(g->convs[i].weight);
        free(g->convs[i].bias);
    }
    for (size_t i = 0; i < g->n_bns; i++) {
        free(g->bns[i].name);
        free(g->bns[i].weight);
        free(g->bns[i].bias);
        free(g->bns[i].mean);
        free(g->bns[i].var);
    }
    free(g->ops);
    free(g->convs);
    free(g->bns);
    free(g->leaves);
    free(g->logits);
    free(g->strides);
    free(g->kind);
    free(g);
    *graph = NULL;
}

int builder_add(struct builder *b, struct op op, const int *in, int n_in, int *out, struct err *err) {
    struct graph *g = b->g;
    if (n_in > OP_INPUTS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "an operation of %d inputs is not supported", n_in);
    if (g->n_ops == b->ops_room) {
        size_t room = b->ops_room ? 2 * b->ops_room : 256;
        struct op *ops = realloc(g->ops, room * sizeof *ops);
        if (!ops)
            return err_nomem(err);
        g->ops = ops;
        b->ops_room = room;
    }
    op.in = malloc((size_t)n_in * sizeof *op.in);
    op.node = strdup(b->at ? b->at->node : "");
    if (!op.in || !op.node) {
        free(op.in);
        free(op.node);
        return err_nomem(err);
    }
    memcpy(op.in, in, (size_t)n_in * sizeof *op.in);
    op.n_in = n_in;
    op.out = g->n_values++;
    g->ops[g->n_ops++] = op;
    *out = op.out;
    return 0;
}

static int read_conv(const struct module *m, struct conv *c, struct err *err) {
    int kernel[2], dims[4], bias;
    if (module_int(m, "in_channels", 1, 1 << 20, &c->cin, err) ||
        module_int(m, "out_channels", 1, 1 << 20, &c->cout, err) ||
        module_int(m, "groups", 1, 1 << 20, &c->groups, err) ||
        module_pair(m, "kernel_size", 1, 64, kernel, err) ||
        module_pair(m, "stride", 1, 64, c->stride, err) || module_pair(m, "padding", 0, 64, c->pad, err) ||
        module_pair(m, "dilation", 1, 64, c->dilation, err))
        return -1;
    if (c->cin % c->groups || c->cout % c->groups)
        return err_set(err, ERR_FAILED, "%s: %d groups do not divide its channels", m->path, c->groups);
    if (!module_is_none(m, "padding_mode") && !module_is_word(m, "padding_mode", "zeros"))
        return err_set(err, ERR_UNSUPPORTED, "%s: only padding with zeros is supported", m->path);
    c->kh = dims[2] = kernel[0];
    c->kw = dims[3] = kernel[1];
    dims[0] = bias = c->cout;
    dims[1] = c->cin / c->groups;
    if (module_floats(m, "weight", dims, 4, &c->weight, err))
        return -1;
    if (!module_is_none(m, "bias") && module_floats(m, "bias", &bias, 1, &c->bias, err))
        return -1;
    if (asprintf(&c->node, "%s/Conv", m->node) < 0)
        c->node = NULL;
    return c->node && (c->name = strdup(m->path)) ? 0 : err_nomem(err);
}

/* A transposed convolution whose outputs do not overlap, as products (graph.h). */
static int read_transposed(const struct module *m, struct conv *c, struct err *err) {
    int kernel[2], stride[2], pad[2], more[2], dilation[2], groups, outputs, dims[4];
    if (module_int(m, "in_channels", 1, 1 << 16, &c->cin, err) ||
        module_int(m, "out_channels", 1, 1 << 16, &outputs, err) ||
        module_int(m, "groups", 1, 1 << 16, &groups, err) ||
        module_pair(m, "kernel_size", 1, 64, kernel, err) || module_pair(m, "stride", 1, 64, stride, err) ||
        module_pair(m, "padding", 0, 64, pad, err) || module_pair(m, "output_padding", 0, 64, more, err) ||
        module_pair(m, "dilation", 1, 64, dilation, err))
        return -1;
    const int k = kernel[0];
    if (k < 2 || k > 8 || kernel[1] != k || stride[0] != k || stride[1] != k || pad[0] || pad[1] || more[0] ||
        more[1] || dilation[0] != 1 || dilation[1] != 1 || groups != 1)
        return err_set(
            err, ERR_UNSUPPORTED,
            "%s: only a transposed convolution of one group whose stride is its kernel's side, 2 to 8, "
            "is supported, without padding and dilation",
            m->path);
    c->up = k;
    c->cout = outputs * k * k;
    c->kh = c->kw = c->groups = 1;
    for (int i = 0; i < 2; i++)
        c->stride[i] = c->dilation[i] = 1;
    weight_shape(c, dims);
    float *weight = NULL, *bias = NULL;
    if (module_floats(m, "weight", dims, 4, &weight, err))
        return -1;
    if ((c->weight = malloc(conv_numel(c) * sizeof *weight)))
        weight_from_torch(c, weight, c->weight);
    free(weight);
    if (!module_is_none(m, "bias") && module_floats(m, "bias", &outputs, 1, &bias, err))
        return -1;
    if (bias && (c->bias = malloc((size_t)c->cout * sizeof *bias)))
        for (int i = 0; i < c->cout; i++)
            c->bias[i] = bias[i / (k * k)];
    const bool made = c->weight && (c->bias || !bias);
    free(bias);
    if (!made || asprintf(&c->node, "%s/ConvTranspose", m->node) < 0)
        c->node = NULL;
    return c->node && (c->name = strdup(m->path)) ? 0 : err_nomem(err);
}

enum { DEPTH_MAX = 64, MODULES_MAX = 1 << 13, SEEN_ROOM = 4 * MODULES_MAX };

/* A walk over the tree in the order of named_modules, each module once, however many names it has. seen: an
 * open-addressed table of SEEN_ROOM. */
struct walk {
    struct builder *b;
    const struct pt_value **seen;
    size_t n_seen;
};

/* Where v stands in the table, or is to be put. */
static const struct pt_value **slot_of(const struct walk *w, const struct pt_value *v) {
    size_t i = ((uintptr_t)v >> 4) * 0x9e3779b97f4a7c15u % SEEN_ROOM;
    while (w->seen[i] && w->seen[i] != v)
        i = (i + 1) % SEEN_ROOM;
    return &w->seen[i];
}

static int visit(struct walk *w, const struct module *m, int depth, struct err *err) {
    const struct pt_value **slot = slot_of(w, m->v);
    if (*slot)
        return 0;
    if (depth > DEPTH_MAX || w->n_seen == MODULES_MAX)
        return err_set(err, ERR_FAILED, "%s: the module tree is too deep or too large", m->path);
    *slot = m->v;
    w->n_seen++;
    if (module_check_forward(m, err))
        return -1;
    const bool transposed = kind_is(m, KIND_CONV_TRANSPOSE2D);
    if (transposed || kind_is(m, KIND_CONV2D)) {
        struct graph *g = w->b->g;
        struct conv *convs = realloc(g->convs, (g->n_convs + 1) * sizeof *convs);
        if (!convs)
            return err_nomem(err);
        g->convs = convs;
        const struct pt_value **modules =
            realloc(w->b->conv_modules, (g->n_convs + 1) * sizeof(const struct pt_value *));
        if (!modules)
            return err_nomem(err);
        w->b->conv_modules = modules;
        modules[g->n_convs] = m->v;
        convs[g->n_convs] = (struct conv){0};
        return (transposed ? read_transposed : read_conv)(m, &convs[g->n_convs++], err);
    }
    struct module child;
    int more;
    for (size_t at = 0; (more = module_next(m, &at, &child, err)) > 0;)
        if (!builder_trains_only(m, &child) && visit(w, &child, depth + 1, err))
            return -1;
    return more;
}

/* The layers of the root's `model`, each wired to earlier ones by its attribute f (-1: the one before). */
static int build_layers(struct builder *b, const struct module *root, struct err *err) {
    struct module layers, m, last;
    if (builder_part(root, "model", KIND_SEQUENTIAL, NULL, &layers, err))
        return err_wrap(err, "not a detector");
    size_t n = module_count(&layers), next = 0;
    if (n && module_at(&layers, n - 1, &last, err))
        return -1;
    b->head = n && !builder_head_of(&last) ? last.cls : NULL;
    int *value = calloc(n + 1, sizeof *value), ret = -1, image = 0;
    if (!value)
        return err_nomem(err);
    for (size_t i = 0; i < n; i++) {
        int from[OP_INPUTS_MAX], in[OP_INPUTS_MAX], n_in;
        if (module_next(&layers, &next, &m, err) < 0 ||
            module_int_list(&m, "f", OP_INPUTS_MAX, from, &n_in, err))
            goto out;
        for (int k = 0; k < n_in; k++) {
            long at = from[k] < 0 ? (long)i + from[k] : from[k];
            if (at < (i ? 0 : -1) || at >= (long)i) {
                err_set(err, ERR_FAILED, "%s: it reads layer %d, which is not before it", m.path, from[k]);
                goto out;
            }
            in[k] = at < 0 ? image : value[at];
        }
        const struct head *head = builder_head_of(&m);
        if (head) {
            if (i + 1 != n) {
                err_set(err, ERR_UNSUPPORTED, "%s: the head is not the last layer", m.path);
                goto out;
            }
            ret = builder_head(b, head, &m, in, n_in, err);
            goto out;
        }
        if (builder_module(b, &m, in, n_in, &value[i], err))
            goto out;
    }
    err_set(err, ERR_UNSUPPORTED,
            "its last layer is not a head, Detect, v10Detect, Segment, Pose or OBB; " BUILDER_SCORED);
out:
    free(value);
    return ret;
}

int graph_build(const struct pt_value *v, struct graph **out, struct err *err) {
    struct builder b = {.g = calloc(1, sizeof *b.g)};
    struct walk walk = {.b = &b};
    struct module root;
    int ret = -1;
    if (!b.g || !(walk.seen = calloc(SEEN_ROOM, sizeof(const struct pt_value *)))) {
        err_nomem(err);
        goto out;
    }
    b.g->n_values = 1;
    if (module_root(v, &root, err) || visit(&walk, &root, 0, err))
        goto out;
    if (!(b.g->kind = strdup(root.cls))) {
        err_nomem(err);
        goto out;
    }
    if (build_layers(&b, &root, err))
        goto out;
    if (!b.g->n_convs) {
        err_set(err, ERR_UNSUPPORTED, "it has no convolutions, and they are what is scored");
        goto out;
    }
    for (size_t i = 0; i < b.g->n_convs; i++)
        if (!b.g->convs[i].calls) {
            err_set(err, ERR_UNSUPPORTED, "%s: no part of the forward pass uses it", b.g->convs[i].name);
            goto out;
        }
    *out = b.g;
    b.g = NULL;
    ret = 0;
out:
    graph_free(&b.g);
    free(b.conv_modules);
    free(walk.seen);
    return ret;
}
