#include "model/dump.h"

#include "base/digest.h"
#include "base/json.h"
#include "model/op.h"
#include "model/weight.h"

#include <stdlib.h>

/* [channels, height, width]; NULL when out of memory. */
static cJSON *shape_to_json(struct chw s) {
    return cJSON_CreateIntArray((int[]){(int)s.c, (int)s.h, (int)s.w}, 3);
}

static void add_digest(struct json_builder *b, const char *key, const float *v, size_t n) {
    char hex[DIGEST_HEX];
    if (!v)
        return;
    digest_bytes(v, n * sizeof *v, hex);
    json_add_string(b, key, hex);
}

/* Of a weight as torch has it. */
static void add_weight_digest(struct json_builder *b, const struct conv *c) {
    float *v = malloc(conv_numel(c) * sizeof *v);
    if (!v) {
        json_fail(b, NULL);
        return;
    }
    weight_to_torch(c, c->weight, v);
    add_digest(b, "weight_sha256", v, conv_numel(c));
    free(v);
}

/* Of a bias: of a transposed convolution's outputs one value each. */
static void add_bias_digest(struct json_builder *b, const struct conv *c) {
    const size_t n = (size_t)weight_outputs(c), apart = (size_t)c->cout / n;
    float *v = malloc(n * sizeof *v);
    for (size_t i = 0; v && c->bias && i < n; i++)
        v[i] = c->bias[i * apart];
    if (v)
        add_digest(b, "bias_sha256", c->bias ? v : NULL, n);
    else
        json_fail(b, NULL);
    free(v);
}

static void add_act(struct json_builder *b, const struct act *act) {
    const struct act_row *row = &act_rows[act->kind];
    json_add_string(b, "act", row->name);
    for (int i = 0; i < ACT_PARAMS; i++)
        if (row->param[i].key)
            json_add_real(b, row->param[i].key, act->param[i]);
}

static void add_op(struct json_builder *b, const struct graph *g, const struct op *op,
                   const struct chw *shapes) {
    json_open_object(b, NULL);
    json_add_string(b, "kind", op_rows[op->kind].name);
    json_add_ints(b, "in", op->in, op->n_in);
    json_add_int(b, "out", op->out);
    json_add_item(b, "shape", shape_to_json(shapes[op->out]));
    for (const struct op_field *f = op_rows[op->kind].fields; f->key; f++) {
        const void *member = (const char *)op + f->offset;
        switch (f->type) {
        case OP_FIELD_INT:
            json_add_int(b, f->key, *(const int *)member);
            break;
        case OP_FIELD_CONV:
            json_add_string(b, f->key, g->convs[*(const int *)member].name);
            break;
        case OP_FIELD_ACT:
            add_act(b, member);
            break;
        }
    }
    json_close(b);
}

/* What a convolution runs on, where it runs last. */
struct conv_run {
    struct chw in, out;
    bool any;
};

static void add_conv(struct json_builder *b, const struct conv *c, const struct conv_run *r) {
    int dims[WEIGHT_DIMS];
    if (!r->any) {
        json_add_null(b, c->name);
        return;
    }
    json_open_object(b, c->name);
    json_add_item(b, "input", shape_to_json(r->in));
    json_add_item(b, "output", shape_to_json(weight_output_shape(c, r->out)));
    weight_shape(c, dims);
    json_add_ints(b, "weight_shape", dims, WEIGHT_DIMS);
    if (c->up)
        json_add_int(b, "up", c->up);
    json_add_ints(b, "stride", c->stride, 2);
    json_add_ints(b, "padding", c->pad, 2);
    json_add_ints(b, "dilation", c->dilation, 2);
    json_add_int(b, "groups", c->groups);
    json_add_int(b, "calls", c->calls);
    json_add_int(b, "macs", conv_macs(c, r->out.h, r->out.w));
    json_add_bool(b, "exported", c->exported);
    json_add_string(b, "node", c->node);
    add_weight_digest(b, c);
    add_bias_digest(b, c);
    json_close(b);
}

static void add_bn(struct json_builder *b, const struct bn *n) {
    size_t c = (size_t)n->channels;
    json_open_object(b, NULL);
    json_add_string(b, "name", n->name);
    json_add_int(b, "channels", n->channels);
    json_add_real(b, "eps", n->eps);
    add_digest(b, "weight_sha256", n->weight, c);
    if (!n->factor) {
        add_digest(b, "bias_sha256", n->bias, c);
        add_digest(b, "mean_sha256", n->mean, c);
        add_digest(b, "var_sha256", n->var, c);
    }
    json_close(b);
}

int graph_to_json(const struct graph *g, int size, cJSON **out, struct err *err) {
    struct conv_run *runs = NULL;
    struct chw *shapes = NULL;
    int64_t macs = 0;
    *out = NULL;
    if (graph_shapes(g, size, &shapes, err))
        return -1;
    struct json_builder b = json_builder();
    if (!(runs = calloc(g->n_convs + 1, sizeof *runs)))
        json_fail(&b, NULL);
    for (size_t i = 0; runs && i < g->n_ops; i++)
        if (g->ops[i].kind == OP_CONV) {
            const struct op *op = &g->ops[i];
            runs[op->conv] = (struct conv_run){shapes[op->in[0]], shapes[op->out], true};
            macs += conv_macs(&g->convs[op->conv], shapes[op->out].h, shapes[op->out].w);
        }
    json_add_string(&b, "kind", g->kind);
    json_add_int(&b, "classes", g->classes);
    json_add_int(&b, "reg_max", g->reg_max);
    json_add_item(&b, "strides", cJSON_CreateFloatArray(g->strides, g->levels));
    json_add_int(&b, "input", size);
    json_open_array(&b, "ops");
    for (size_t i = 0; i < g->n_ops; i++)
        add_op(&b, g, &g->ops[i], shapes);
    json_close(&b);
    json_add_ints(&b, "leaves", g->leaves, (int)g->n_leaves);
    json_open_object(&b, "convs");
    for (size_t i = 0; runs && i < g->n_convs; i++)
        add_conv(&b, &g->convs[i], &runs[i]);
    json_close(&b);
    json_open_array(&b, "bns");
    for (size_t i = 0; i < g->n_bns; i++)
        add_bn(&b, &g->bns[i]);
    json_close(&b);
    json_add_int(&b, "macs", macs);
    free(runs);
    free(shapes);
    return json_built(&b, out, err);
}
