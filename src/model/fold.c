#define _GNU_SOURCE
#include "model/fold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What becomes of a convolution of the graph before. */
struct fate {
    int calls;           /* by ops that the leaf needs */
    const struct bn *bn; /* to be folded into it */
    int narrow;          /* the convolution to be merged into it, or -1 */
    bool merged;         /* into another */
    int made;            /* its index in the folded graph */
};

/* A fold under way. */
struct folding {
    const struct graph *from;
    struct graph *g;
    struct fold_conv *convs;
    struct fate *fates; /* of from->convs */
    /* of from's values: */
    int *maker;  /* the op that makes it; -1: none */
    int *uses;   /* how many ops that the leaf needs read it, and one where it is one of the leaf's */
    int *same;   /* the value that takes its place; itself */
    int *number; /* its number in g */
    bool *drop;  /* of from->ops: it is in none */
};

static int start(struct folding *f, struct err *err) {
    size_t values = (size_t)f->from->n_values;
    f->g = calloc(1, sizeof *f->g);
    f->convs = calloc(f->from->n_convs, sizeof *f->convs);
    f->fates = calloc(f->from->n_convs, sizeof *f->fates);
    f->maker = malloc(values * sizeof *f->maker);
    f->uses = calloc(values, sizeof *f->uses);
    f->same = malloc(values * sizeof *f->same);
    f->number = calloc(values, sizeof *f->number);
    f->drop = calloc(f->from->n_ops, sizeof *f->drop);
    if (!f->g || !f->convs || !f->fates || !f->maker || !f->uses || !f->same || !f->number || !f->drop)
        return err_nomem(err);
    for (size_t i = 0; i < f->from->n_convs; i++)
        f->fates[i].narrow = -1;
    for (int i = 0; i < f->from->n_values; i++) {
        f->maker[i] = -1;
        f->same[i] = i;
    }
    return 0;
}

static void end(struct folding *f) {
    free(f->fates);
    free(f->maker);
    free(f->uses);
    free(f->same);
    free(f->number);
    free(f->drop);
}

static void find_uses(struct folding *f, size_t leaf) {
    const struct graph *from = f->from;
    for (size_t i = 0; i < from->branch_leaves; i++)
        f->uses[from->leaves[leaf + i]]++;
    for (size_t i = from->n_ops; i-- > 0;) {
        const struct op *op = &from->ops[i];
        f->maker[op->out] = (int)i;
        f->drop[i] = !f->uses[op->out];
        for (int k = 0; k < op->n_in && !f->drop[i]; k++)
            f->uses[op->in[k]]++;
        if (op->kind == OP_CONV && !f->drop[i])
            f->fates[op->conv].calls++;
    }
}

/* The convolution op that makes a value which nothing else reads, and that runs once; NULL if none does. */
static const struct op *own_conv(const struct folding *f, int value) {
    const struct op *op = f->maker[value] < 0 ? NULL : &f->from->ops[f->maker[value]];
    return op && op->kind == OP_CONV && f->uses[value] == 1 && f->fates[op->conv].calls == 1 ? op : NULL;
}

/* Whether narrow's kernel, put in the middle of wide's, reads the same. */
static bool fits(const struct conv *wide, const struct conv *narrow) {
    bool same = wide->cin == narrow->cin && wide->cout == narrow->cout && wide->groups == narrow->groups;
    const int sides[2][2] = {{wide->kh, narrow->kh}, {wide->kw, narrow->kw}};
    for (int k = 0; k < 2; k++)
        same = same && wide->stride[k] == narrow->stride[k] && wide->dilation[k] == 1 &&
               narrow->dilation[k] == 1 && sides[k][0] >= sides[k][1] &&
               sides[k][0] - sides[k][1] == 2 * (wide->pad[k] - narrow->pad[k]);
    return same;
}

/* op adds two kernels' outputs: if it can be, the narrow one goes into the wide one. */
static void merge(struct folding *f, const struct op *op) {
    const struct op *conv[FOLD_PARTS];
    for (int k = 0; k < FOLD_PARTS; k++) {
        int value = op->in[k];
        if (f->uses[value] != 1 || !(conv[k] = own_conv(f, f->same[value])))
            return;
    }
    const struct conv *wide = &f->from->convs[conv[0]->conv], *narrow = &f->from->convs[conv[1]->conv];
    if (conv[0]->in[0] != conv[1]->in[0] || !fits(wide, narrow))
        return;
    f->fates[conv[0]->conv].narrow = conv[1]->conv;
    f->fates[conv[1]->conv].merged = true;
    f->drop[conv[1] - f->from->ops] = f->drop[op - f->from->ops] = true;
    f->same[op->out] = conv[0]->out;
}

static void find_fates(struct folding *f) {
    for (size_t i = 0; i < f->from->n_ops; i++) {
        const struct op *op = &f->from->ops[i], *conv;
        if (f->drop[i])
            continue;
        if (op->kind == OP_BN && (conv = own_conv(f, op->in[0]))) {
            f->fates[conv->conv].bn = &f->from->bns[op->bn];
            f->same[op->out] = conv->out;
            f->drop[i] = true;
        } else if (op->kind == OP_DETACH) {
            f->same[op->out] = f->same[op->in[0]];
            f->drop[i] = true;
        } else if (op->kernels) {
            merge(f, op);
        }
    }
}

static float deviation_of(const struct bn *bn, int c) {
    return 1 / sqrtf(bn->var[c] + (float)bn->eps);
}

static float factor_of(const struct bn *bn, int c) {
    return bn ? (bn->weight ? bn->weight[c] : 1) * deviation_of(bn, c) : 1;
}

/* The bias of channel c of a convolution and its bn. */
static float bias_of(const struct conv *conv, const struct bn *bn, int c) {
    const float bias = conv->bias ? conv->bias[c] : 0;
    if (!bn)
        return bias;
    return (bias - bn->mean[c]) * deviation_of(bn, c) * (bn->weight ? bn->weight[c] : 1) +
           (bn->bias ? bn->bias[c] : 0);
}

/* Adds number `conv` of the convolutions before to the new one, `to`. */
static int add_part(const struct folding *f, int conv, struct conv *to, struct fold_conv *made,
                    struct err *err) {
    const struct conv *c = &f->from->convs[conv];
    const struct bn *bn = f->fates[conv].bn;
    struct fold_part *part = &made->part[made->n_parts++];
    const int rows = c->cin / c->groups * c->kh, top = (to->kh - c->kh) / 2, left = (to->kw - c->kw) / 2;
    part->conv = conv;
    if (bn && !(part->factor = malloc((size_t)c->cout * sizeof *part->factor)))
        return err_nomem(err);
    if ((bn || c->bias) && !to->bias && !(to->bias = calloc((size_t)c->cout, sizeof *to->bias)))
        return err_nomem(err);
    const float *w = c->weight;
    for (int k = 0; k < c->cout; k++) {
        const float factor = factor_of(bn, k);
        if (part->factor)
            part->factor[k] = factor;
        if (to->bias)
            to->bias[k] += bias_of(c, bn, k);
        for (int r = 0; r < rows; r++) {
            const size_t row =
                (size_t)(k * (rows / c->kh) + r / c->kh) * (size_t)to->kh + (size_t)(top + r % c->kh);
            float *out = to->weight + row * (size_t)to->kw + left;
            for (int x = 0; x < c->kw; x++)
                out[x] += *w++ * factor;
        }
    }
    return 0;
}

/* Length of a name without its last part. */
static int stem(const char *name, char separator) {
    return (int)(strrchr(name, separator) - name);
}

/* The node of what is made of number `conv` of the convolutions before; the caller's, NULL: no memory. */
static char *node_of(const struct folding *f, int conv) {
    const struct conv *c = &f->from->convs[conv];
    const int end = stem(c->node, '/');
    int n = end;
    char *node;
    if (f->fates[conv].narrow >= 0)
        while (c->node[--n] != '/')
            ;
    return asprintf(&node, "%.*s%s", n, c->node, c->node + end) < 0 ? NULL : node;
}

/* What is made of number `conv` of the convolutions before. A merged one takes the place of the module around it. */
static int make_conv(struct folding *f, int conv, struct err *err) {
    const struct conv *c = &f->from->convs[conv];
    struct fate *fate = &f->fates[conv];
    fate->made = (int)f->g->n_convs;
    struct conv *to = &f->g->convs[f->g->n_convs];
    struct fold_conv *made = &f->convs[f->g->n_convs++];
    *to = *c;
    to->bias = NULL;
    to->calls = fate->calls;
    to->exported = true;
    to->weight = calloc(conv_numel(c), sizeof *to->weight);
    to->name = strndup(c->name, fate->narrow < 0 ? strlen(c->name) : (size_t)stem(c->name, '.'));
    to->node = node_of(f, conv);
    if (!to->weight || !to->name || !to->node)
        return err_nomem(err);
    if (add_part(f, conv, to, made, err))
        return -1;
    return fate->narrow < 0 ? 0 : add_part(f, fate->narrow, to, made, err);
}

static int make_convs(struct folding *f, struct err *err) {
    if (!(f->g->convs = calloc(f->from->n_convs, sizeof *f->g->convs)))
        return err_nomem(err);
    for (size_t i = 0; i < f->from->n_convs; i++)
        if (f->fates[i].calls && !f->fates[i].merged && make_conv(f, (int)i, err))
            return -1;
    return 0;
}

static float *copy(const float *v, size_t n, bool *failed) {
    float *p = v ? malloc(n * sizeof *p) : NULL;
    if (p)
        memcpy(p, v, n * sizeof *p);
    *failed |= v && !p;
    return p;
}

static int keep_bn(struct folding *f, const struct bn *bn, struct err *err) {
    struct graph *g = f->g;
    const size_t n = (size_t)bn->channels;
    bool failed = false;
    struct bn *to = realloc(g->bns, (g->n_bns + 1) * sizeof *to);
    if (!to)
        return err_nomem(err);
    g->bns = to;
    to += g->n_bns++;
    *to = *bn;
    to->name = strdup(bn->name);
    to->weight = copy(bn->weight, n, &failed);
    to->bias = copy(bn->bias, n, &failed);
    to->mean = copy(bn->mean, n, &failed);
    to->var = copy(bn->var, n, &failed);
    return failed || !to->name ? err_nomem(err) : 0;
}

static int number_of(const struct folding *f, int value) {
    return f->number[f->same[value]];
}

static int make_ops(struct folding *f, struct err *err) {
    struct graph *g = f->g;
    if (!(g->ops = calloc(f->from->n_ops + 1, sizeof *g->ops)))
        return err_nomem(err);
    g->n_values = 1;
    for (size_t i = 0; i < f->from->n_ops; i++) {
        const struct op *op = &f->from->ops[i];
        if (f->drop[i])
            continue;
        struct op *to = &g->ops[g->n_ops++];
        *to = *op;
        to->in = malloc((size_t)op->n_in * sizeof *to->in);
        to->node = op->kind == OP_CONV ? NULL : strdup(op->node);
        to->out = f->number[op->out] = g->n_values++;
        if (op->kind == OP_CONV) {
            to->conv = f->fates[op->conv].made;
            to->node = strndup(g->convs[to->conv].node, (size_t)stem(g->convs[to->conv].node, '/'));
        }
        if (!to->in || !to->node)
            return err_nomem(err);
        for (int k = 0; k < op->n_in; k++)
            to->in[k] = number_of(f, op->in[k]);
        if (op->kind == OP_BN) {
            to->bn = (int)g->n_bns;
            if (keep_bn(f, &f->from->bns[op->bn], err))
                return -1;
        }
    }
    return 0;
}

/* What the graph knows of its head. A level's map is its boxes and its classes, side by side. */
static int describe(struct folding *f, size_t leaf, struct err *err) {
    const struct graph *from = f->from;
    struct graph *g = f->g;
    const size_t levels = (size_t)from->levels;
    bool failed = false;
    g->classes = from->classes;
    g->reg_max = from->reg_max;
    g->levels = from->levels;
    g->task = from->task;
    g->more = from->more;
    memcpy(g->points, from->points, sizeof g->points);
    g->n_leaves = g->branch_leaves = from->branch_leaves;
    g->leaves = calloc(g->n_leaves, sizeof *g->leaves);
    g->logits = calloc(levels, sizeof *g->logits);
    g->strides = copy(from->strides, levels, &failed);
    g->kind = strdup(from->kind);
    for (const struct op *op = from->ops; op < from->ops + from->n_ops; op++)
        if (op->kind == OP_BOX_DECODE && !f->drop[op - from->ops]) {
            g->boxes = number_of(f, op->out);
            g->corners = op->corners;
        }
    g->overlaps = from->overlaps;
    if (!g->leaves || !g->logits || failed || !g->kind)
        return err_nomem(err);
    for (size_t i = 0; i < g->n_leaves; i++)
        g->leaves[i] = number_of(f, from->leaves[leaf + i]);
    if (from->proto)
        g->proto = g->leaves[g->n_leaves - 1];
    for (size_t i = 0; i < levels; i++)
        g->logits[i] = number_of(f, from->ops[f->maker[from->leaves[leaf + 1 + i]]].in[1]);
    return 0;
}

int fold_new(const struct graph *from, size_t leaf, struct fold *out, struct err *err) {
    struct folding f = {.from = from};
    int ret = -1;
    *out = (struct fold){0};
    if (start(&f, err))
        goto out;
    find_uses(&f, leaf);
    find_fates(&f);
    if (make_convs(&f, err) || make_ops(&f, err) || describe(&f, leaf, err))
        goto out;
    ret = 0;
out:
    *out = (struct fold){f.g, f.convs, f.g ? f.g->n_convs : 0};
    if (ret)
        fold_free(out);
    end(&f);
    return ret;
}

int fold_nodes(const struct graph *g, char **nodes, struct err *err) {
    struct folding f = {.from = g};
    int ret = start(&f, err);
    memset(nodes, 0, g->n_convs * sizeof *nodes);
    if (!ret) {
        find_uses(&f, g->exported);
        find_fates(&f);
    }
    for (size_t i = 0; i < g->n_convs && !ret; i++) {
        const struct fate *fate = &f.fates[i];
        if (!fate->calls || fate->merged)
            continue;
        if (!(nodes[i] = node_of(&f, (int)i)) ||
            (fate->narrow >= 0 && !(nodes[fate->narrow] = strdup(nodes[i]))))
            ret = err_nomem(err);
    }
    for (size_t i = 0; i < g->n_convs && ret; i++) {
        free(nodes[i]);
        nodes[i] = NULL;
    }
    struct fold none = {f.g, f.convs, 0};
    fold_free(&none);
    end(&f);
    return ret;
}

int fold_exported(struct graph **g, struct err *err) {
    struct fold fold = {0};
    if (fold_new(*g, (*g)->exported, &fold, err))
        return -1;
    graph_free(g);
    *g = fold.graph;
    fold.graph = NULL;
    fold_free(&fold);
    return 0;
}

void fold_digest(const char *checkpoint, bool folded, char network[DIGEST_HEX]) {
    char text[DIGEST_HEX + sizeof "folded "];
    const int n = snprintf(text, sizeof text, "folded %s", checkpoint);
    if (folded)
        digest_bytes(text, (size_t)n, network);
    else
        snprintf(network, DIGEST_HEX, "%s", checkpoint);
}

void fold_free(struct fold *fold) {
    for (size_t i = 0; i < fold->n_convs; i++)
        for (int k = 0; k < fold->convs[i].n_parts; k++)
            free(fold->convs[i].part[k].factor);
    free(fold->convs);
    graph_free(&fold->graph);
    *fold = (struct fold){0};
}
