#include "exec/gradient_plan.h"

#include "op/op.h"

#include <stdlib.h>
#include <string.h>

/* Whether the pass goes back through op. */
static bool goes_through(const struct backward *b, const struct op *op) {
    return op_rows[op->kind].place != OP_CUT || b->objective != SCORES_MODELOPT;
}

/* What the start of a pass depends on. A box does not depend on logits, though they lie in the maps that it is made of. */
static void mark_reaching(const struct graph *g, const struct backward *b, bool *reaches) {
    for (size_t i = 0; i < b->n_starts; i++)
        reaches[b->starts[i]] = true;
    for (size_t i = g->n_ops; i-- > 0;) {
        const struct op *op = &g->ops[i];
        for (int k = 0; k < g->levels && b->objective == SCORES_BOX; k++)
            if (g->logits[k] == op->out)
                reaches[op->out] = false;
        for (int k = 0; k < op->n_in && goes_through(b, op); k++)
            reaches[op->in[k]] = reaches[op->in[k]] || reaches[op->out];
    }
}

/* Gradients are wanted behind a convolution, of what the start depends on; every convolution has one of ModelOpt's loss. */
static int mark(const struct graph *g, struct backward *b, struct err *err) {
    bool *reaches = calloc((size_t)g->n_values, sizeof *reaches);
    int ret = 0;
    if (!reaches)
        return err_nomem(err);
    mark_reaching(g, b, reaches);
    for (size_t i = 0; i < g->n_ops && !ret; i++) {
        const struct op *op = &g->ops[i];
        bool *out = &b->wanted[op->out];
        *out = op->kind == OP_CONV;
        for (int k = 0; k < op->n_in && goes_through(b, op); k++)
            *out = *out || b->wanted[op->in[k]];
        if (op->kind == OP_CONV && b->objective == SCORES_MODELOPT && !reaches[op->out])
            ret = err_set(err, ERR_UNSUPPORTED, "%s: no output of the network depends on it",
                          g->convs[op->conv].name);
    }
    for (int v = 0; v < g->n_values; v++)
        b->wanted[v] = b->wanted[v] && reaches[v];
    free(reaches);
    return ret;
}

/* Whether other values lie in v. */
static bool has_parts(const struct gradient_plan *p, int v) {
    for (int part = 0; part < p->graph->n_values; part++)
        if (part != v && p->values[part].root == v)
            return true;
    return false;
}

/* A sum hands its gradient on: what nobody else reads has the very same. */
static void share_sums(const struct gradient_plan *p, struct backward *b, const int *readers) {
    for (size_t i = p->n_stages; i-- > 0;) {
        const struct op *op = p->stages[i].op;
        for (int k = 0; op->kind == OP_ADD && k < 2; k++) {
            int v = op->in[k];
            if (readers[v] == 1 && p->values[v].root == v && !has_parts(p, v))
                b->gradients[v] = b->gradients[op->out];
        }
    }
}

/* Which channels of each root's gradient are written so far, during a walk through the backward pass. */
struct walk {
    const struct gradient_plan *p;
    struct backward *b;
    bool *written;
    size_t *first; /* of each root, into written */
    bool again;    /* a root turned out to need zeros: walk once more */
};

static bool *channels_of(const struct walk *w, int v) {
    const struct home *part = &w->b->gradients[v];
    return w->written + w->first[part->root] + part->channel;
}

static size_t count_written(const struct walk *w, int v) {
    size_t n = 0, c = (size_t)w->p->shapes[v].c;
    for (size_t i = 0; i < c; i++)
        n += channels_of(w, v)[i];
    return n;
}

static void need_zeros(struct walk *w, int v) {
    w->b->zeroed[w->b->gradients[v].root] = true;
    w->again = true;
}

/* A contribution to v's gradient; only_add: its operation cannot store. */
static enum flow contribute(struct walk *w, int v, bool only_add) {
    size_t c = (size_t)w->p->shapes[v].c, n = count_written(w, v);
    if (!w->b->wanted[v])
        return FLOW_NONE;
    if (n == 0 && !only_add) {
        memset(channels_of(w, v), true, c);
        return FLOW_STORE;
    }
    if (n < c)
        need_zeros(w, v);
    return FLOW_ADD;
}

/* Whether what concat's input k holds lies in concat's output, at `channel`, already. */
static bool lies_in_concat(const struct gradient_plan *p, const struct op *concat, int k, size_t channel) {
    struct home in = p->values[concat->in[k]], out = p->values[concat->out];
    return in.root == out.root && in.channel == out.channel + channel;
}

static bool same_home(struct home a, struct home b) {
    return a.root == b.root && a.channel == b.channel;
}

static void walk_stage(struct walk *w, size_t i) {
    const struct op *op = w->p->stages[i].op;
    int out = w->p->stages[i].out;
    if (!w->b->wanted[out])
        return;
    if (count_written(w, out) < (size_t)w->p->shapes[out].c)
        need_zeros(w, out);
    size_t channel = 0;
    for (int k = 0; k < op->n_in; k++) {
        int v = op->in[k];
        bool own = (op->kind == OP_ADD && same_home(w->b->gradients[v], w->b->gradients[out])) ||
                   (op->kind == OP_CONCAT && lies_in_concat(w->p, op, k, channel));
        w->b->flows[i * OP_INPUTS_MAX + (size_t)k] =
            own ? FLOW_NONE : contribute(w, v, op_kernels(op->kind)->only_adds);
        channel += (size_t)w->p->shapes[v].c;
    }
}

static int find_flows(const struct gradient_plan *p, struct backward *b, struct err *err) {
    const struct graph *g = p->graph;
    struct walk w = {.p = p, .b = b, .again = true};
    size_t channels = 0;
    if (!(w.first = calloc((size_t)g->n_values, sizeof *w.first)))
        return err_nomem(err);
    for (int v = 0; v < g->n_values; v++) {
        w.first[v] = channels;
        channels += (size_t)p->shapes[v].c;
    }
    if (!(w.written = calloc(channels, sizeof *w.written))) {
        free(w.first);
        return err_nomem(err);
    }
    while (w.again) {
        w.again = false;
        for (int v = 0; v < g->n_values; v++)
            memset(w.written + w.first[v], b->zeroed[v], (size_t)p->shapes[v].c);
        for (size_t i = 0; i < b->n_starts; i++)
            b->start_flows[i] = contribute(&w, b->starts[i], false);
        for (size_t i = p->n_stages; i-- > 0;)
            walk_stage(&w, i);
    }
    free(w.written);
    free(w.first);
    return 0;
}

static bool some_want(const struct gradient_plan *p, int v) {
    bool some = false;
    for (size_t i = 0; i < p->n_backwards; i++)
        some = some || p->backwards[i].wanted[v];
    return some;
}

/* The convolutions' calls, and the gradients of their inputs. */
static int find_calls(struct gradient_plan *p, int threads, struct err *err) {
    const struct graph *g = p->graph;
    for (size_t i = p->n_stages; i-- > 0;) {
        const struct op *op = p->stages[i].op;
        if (op->kind != OP_CONV)
            continue;
        struct chw in = p->shapes[op->in[0]];
        if (p->n_calls[op->conv]++) {
            struct chw other = p->shapes[p->stages[p->first_stage[op->conv]].op->in[0]];
            if (in.h != other.h || in.w != other.w)
                return err_set(err, ERR_UNSUPPORTED, "%s: it runs on inputs of different sizes",
                               g->convs[op->conv].name);
        }
        p->first_stage[op->conv] = (int)i;
        if (threads > 0 && some_want(p, op->in[0]) && !p->dgrads[op->conv] &&
            dgrad_new(&g->convs[op->conv], (int)in.h, (int)in.w, &p->dgrads[op->conv], err))
            return -1;
    }
    return 0;
}

static void count_readers(const struct graph *g, int *readers) {
    for (size_t i = 0; i < g->n_ops; i++)
        for (int k = 0; k < g->ops[i].n_in; k++)
            readers[g->ops[i].in[k]]++;
    for (size_t i = 0; i < g->n_leaves; i++)
        readers[g->leaves[i]]++;
    for (int i = 0; i < g->levels && g->logits; i++)
        readers[g->logits[i]]++;
}

static int make_backward(const struct gradient_plan *p, size_t i, const int *readers, struct err *err) {
    const struct graph *g = p->graph;
    struct backward *b = &p->backwards[i];
    size_t n = (size_t)g->n_values;
    *b = (struct backward){.objective = gradient_objective((int)i),
                           .probe = i == 0 ? 0 : (int)(i - 1) / 2,
                           .wanted = calloc(n, sizeof *b->wanted),
                           .gradients = calloc(n, sizeof *b->gradients),
                           .zeroed = calloc(n, sizeof *b->zeroed),
                           .flows = calloc((g->n_ops + 1) * OP_INPUTS_MAX, sizeof *b->flows)};
    b->starts = b->objective == SCORES_MODELOPT ? g->leaves
                : b->objective == SCORES_CLASS  ? g->logits
                                                : &g->boxes;
    b->n_starts = b->objective == SCORES_MODELOPT ? g->n_leaves
                  : b->objective == SCORES_CLASS  ? (size_t)g->levels
                                                  : 1;
    b->start_flows = calloc(b->n_starts + 1, sizeof *b->start_flows);
    if (!b->wanted || !b->gradients || !b->zeroed || !b->flows || !b->start_flows)
        return err_nomem(err);
    memcpy(b->gradients, p->values, n * sizeof *p->values);
    share_sums(p, b, readers);
    return mark(g, b, err) || find_flows(p, b, err) ? -1 : 0;
}

int gradient_plan_make(const struct graph *g, int size, size_t batch, int probes, int threads,
                       struct gradient_plan *out, struct err *err) {
    size_t n = (size_t)g->n_values, n_backwards = 1 + 2 * (size_t)probes;
    struct gradient_plan p = {.graph = g,
                              .stages = calloc(g->n_ops + 1, sizeof *p.stages),
                              .values = calloc(n, sizeof *p.values),
                              .backwards = calloc(n_backwards, sizeof *p.backwards),
                              .first_stage = calloc(g->n_convs + 1, sizeof *p.first_stage),
                              .n_calls = calloc(g->n_convs + 1, sizeof *p.n_calls),
                              .dgrads = calloc(g->n_convs + 1, sizeof(struct dgrad *))};
    bool *needed = malloc(n * sizeof *needed);
    int *readers = calloc(n, sizeof *readers), ret = -1;
    if (!p.stages || !p.values || !p.backwards || !p.first_stage || !p.n_calls || !p.dgrads || !needed ||
        !readers) {
        err_nomem(err);
        goto out;
    }
    memset(needed, true, n * sizeof *needed);
    count_readers(g, readers);
    p.n_stages = stages_make(g, needed, readers, p.stages);
    if (graph_shapes(g, size, &p.shapes, err) || stages_find_homes(g, p.shapes, needed, true, p.values, err))
        goto out;
    for (p.n_backwards = 0; p.n_backwards < n_backwards;)
        if (make_backward(&p, p.n_backwards++, readers, err))
            goto out;
    if (find_calls(&p, threads, err) || gradient_plan_place(&p, batch, threads, err))
        goto out;
    *out = p;
    p = (struct gradient_plan){0};
    ret = 0;
out:
    gradient_plan_free(&p);
    free(needed);
    free(readers);
    return ret;
}

void gradient_plan_free(struct gradient_plan *p) {
    for (size_t i = 0; p->dgrads && i < p->graph->n_convs; i++)
        dgrad_free(&p->dgrads[i]);
    for (size_t i = 0; i < p->n_backwards; i++) {
        struct backward *b = &p->backwards[i];
        free(b->wanted);
        free(b->gradients);
        free(b->zeroed);
        free(b->flows);
        free(b->start_flows);
    }
    free(p->stages);
    free(p->shapes);
    free(p->values);
    free(p->backwards);
    free(p->first_stage);
    free(p->n_calls);
    free(p->dgrads);
    free(p->spans);
    *p = (struct gradient_plan){0};
}
