#include "model/dump.h"

#include "base/digest.h"
#include "base/json.h"
#include "model/shape.h"

#include <stdlib.h>

static const char *const op_names[] = {
    [OP_CONV] = "conv",
    [OP_BN] = "batch_norm",
    [OP_ACT] = "act",
    [OP_ADD] = "add",
    [OP_CONCAT] = "concat",
    [OP_SLICE] = "slice",
    [OP_MAXPOOL] = "max_pool",
    [OP_UPSAMPLE] = "upsample",
    [OP_DETACH] = "detach",
    [OP_ATTN_V] = "attention_v",
    [OP_ATTN_MIX] = "attention_mix",
    [OP_BOX_SOFTMAX] = "box_softmax",
    [OP_BOX_DECODE] = "box_decode",
};

static const char *const act_names[] = {
    [ACT_SILU] = "silu", [ACT_RELU] = "relu", [ACT_LEAKY_RELU] = "leaky_relu", [ACT_HARDSWISH] = "hardswish"};

cJSON *chw_to_json(struct chw s) {
    return cJSON_CreateIntArray((int[]){(int)s.c, (int)s.h, (int)s.w}, 3);
}

static void add_digest(cJSON *o, const char *key, const float *v, size_t n) {
    char hex[DIGEST_HEX];
    if (!v)
        return;
    digest_bytes(v, n * sizeof *v, hex);
    cJSON_AddStringToObject(o, key, hex);
}

static cJSON *op_to_json(const struct graph *g, const struct op *op, const struct chw *shapes) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "kind", op_names[op->kind]);
    cJSON_AddItemToObject(o, "in", cJSON_CreateIntArray(op->in, op->n_in));
    cJSON_AddNumberToObject(o, "out", op->out);
    cJSON_AddItemToObject(o, "shape", chw_to_json(shapes[op->out]));
    switch (op->kind) {
    case OP_CONV:
        cJSON_AddStringToObject(o, "conv", g->convs[op->conv].name);
        break;
    case OP_BN:
        cJSON_AddNumberToObject(o, "bn", op->bn);
        break;
    case OP_ACT:
        cJSON_AddStringToObject(o, "act", act_names[op->act]);
        if (op->act == ACT_LEAKY_RELU)
            json_add_real(o, "slope", op->slope, NULL);
        break;
    case OP_SLICE:
        cJSON_AddNumberToObject(o, "from", op->from);
        cJSON_AddNumberToObject(o, "to", op->to);
        break;
    case OP_MAXPOOL:
        cJSON_AddNumberToObject(o, "kernel", op->kernel);
        cJSON_AddNumberToObject(o, "stride", op->stride);
        cJSON_AddNumberToObject(o, "padding", op->pad);
        break;
    case OP_UPSAMPLE:
        cJSON_AddNumberToObject(o, "scale", op->scale);
        break;
    case OP_ATTN_V:
    case OP_ATTN_MIX:
        cJSON_AddNumberToObject(o, "heads", op->heads);
        cJSON_AddNumberToObject(o, "key_dim", op->key_dim);
        cJSON_AddNumberToObject(o, "head_dim", op->head_dim);
        break;
    default:
        break;
    }
    return o;
}

static cJSON *conv_to_json(const struct conv *c, struct chw in, struct chw out) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToObject(o, "input", chw_to_json(in));
    cJSON_AddItemToObject(o, "output", chw_to_json(out));
    cJSON_AddItemToObject(o, "weight_shape",
                          cJSON_CreateIntArray((int[]){c->cout, c->cin / c->groups, c->kh, c->kw}, 4));
    cJSON_AddItemToObject(o, "stride", cJSON_CreateIntArray(c->stride, 2));
    cJSON_AddItemToObject(o, "padding", cJSON_CreateIntArray(c->pad, 2));
    cJSON_AddItemToObject(o, "dilation", cJSON_CreateIntArray(c->dilation, 2));
    cJSON_AddNumberToObject(o, "groups", c->groups);
    cJSON_AddNumberToObject(o, "calls", c->calls);
    cJSON_AddNumberToObject(o, "macs", (double)conv_macs(c, out.h, out.w));
    cJSON_AddBoolToObject(o, "exported", c->exported);
    add_digest(o, "weight_sha256", c->weight, conv_numel(c));
    add_digest(o, "bias_sha256", c->bias, (size_t)c->cout);
    return o;
}

static cJSON *bn_to_json(const struct bn *b) {
    size_t n = (size_t)b->channels;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", b->name);
    cJSON_AddNumberToObject(o, "channels", b->channels);
    json_add_real(o, "eps", b->eps, NULL);
    add_digest(o, "weight_sha256", b->weight, n);
    add_digest(o, "bias_sha256", b->bias, n);
    add_digest(o, "mean_sha256", b->mean, n);
    add_digest(o, "var_sha256", b->var, n);
    return o;
}

int graph_to_json(const struct graph *g, int size, cJSON **out, struct err *err) {
    struct chw *shapes = NULL;
    if (graph_shapes(g, size, &shapes, err))
        return -1;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "kind", g->kind);
    cJSON_AddNumberToObject(o, "classes", g->classes);
    cJSON_AddNumberToObject(o, "reg_max", g->reg_max);
    cJSON_AddItemToObject(o, "strides", cJSON_CreateFloatArray(g->strides, g->levels));
    cJSON_AddNumberToObject(o, "input", size);
    cJSON *ops = cJSON_AddArrayToObject(o, "ops");
    cJSON_AddItemToObject(o, "leaves", cJSON_CreateIntArray(g->leaves, (int)g->n_leaves));
    cJSON *convs = cJSON_AddObjectToObject(o, "convs"), *bns = cJSON_AddArrayToObject(o, "bns");
    int64_t macs = 0;
    for (size_t i = 0; i < g->n_convs; i++) /* in the tree's order; where each runs is found below */
        cJSON_AddItemToObject(convs, g->convs[i].name, cJSON_CreateNull());
    for (size_t i = 0; i < g->n_ops; i++) {
        const struct op *op = &g->ops[i];
        cJSON_AddItemToArray(ops, op_to_json(g, op, shapes));
        if (op->kind != OP_CONV)
            continue;
        const struct conv *c = &g->convs[op->conv];
        macs += conv_macs(c, shapes[op->out].h, shapes[op->out].w);
        cJSON_ReplaceItemInObjectCaseSensitive(convs, c->name,
                                               conv_to_json(c, shapes[op->in[0]], shapes[op->out]));
    }
    for (size_t i = 0; i < g->n_bns; i++)
        cJSON_AddItemToArray(bns, bn_to_json(&g->bns[i]));
    cJSON_AddNumberToObject(o, "macs", (double)macs);
    free(shapes);
    *out = o;
    return 0;
}
