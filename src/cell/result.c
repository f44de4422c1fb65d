#include "cell/result.h"

#include "base/json.h"
#include "model/dump.h"

#include <stdlib.h>

/* Shapes of one image's input and output of a convolution. */
struct conv_shapes {
    struct chw in, out;
};

static cJSON *layer_to_json(const struct score_pass *pass, const struct score_cell *cell, size_t i,
                            const struct conv_shapes *s, struct err *err) {
    const struct conv *c = &pass->graph->convs[i];
    const int shape[] = {c->cout, c->cin / c->groups, c->kh, c->kw};
    double numel = (double)conv_numel(c);
    float score;
    if (score_of(pass, cell, i, &score, err))
        return NULL;
    cJSON *o = cJSON_CreateObject();
    json_put_real(o, "score", (double)score, err);
    json_put_real(o, "cost", numel * cell->qcfg.bits / 16, err);
    json_put_real(o, "none_cost", numel, err);
    cJSON_AddItemToObject(o, "weight_shape", cJSON_CreateIntArray(shape, 4));
    cJSON_AddNumberToObject(o, "macs", (double)(conv_macs(c, s->out.h, s->out.w) * c->calls));
    cJSON_AddBoolToObject(o, "exported", c->exported);
    cJSON_AddItemToObject(o, "input_shape", chw_to_json(s->in));
    cJSON_AddItemToObject(o, "output_shape", chw_to_json(s->out));
    return o;
}

/* Of every convolution; caller frees. */
static int shapes_of_convs(const struct score_pass *pass, struct conv_shapes **all, struct err *err) {
    const struct graph *g = pass->graph;
    struct chw *values = NULL;
    if (!(*all = calloc(g->n_convs, sizeof **all)))
        return err_nomem(err);
    if (graph_shapes(g, pass->images->size, &values, err))
        return -1;
    for (size_t i = 0; i < g->n_ops; i++)
        if (g->ops[i].kind == OP_CONV)
            (*all)[g->ops[i].conv] = (struct conv_shapes){values[g->ops[i].in[0]], values[g->ops[i].out]};
    free(values);
    return 0;
}

int result_write(const struct score_pass *pass, const struct score_cell *cell,
                 const struct score_result *about, const char *path, struct err *err) {
    const struct qcfg *q = &cell->qcfg;
    struct conv_shapes *shapes = NULL;
    int ret = -1;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "model", about->model);
    cJSON_AddStringToObject(o, "weight", q->weight_dtype);
    cJSON_AddStringToObject(o, "activation", q->act_dtype);
    cJSON_AddStringToObject(o, "granularity", q->granularity);
    cJSON *presets = cJSON_AddObjectToObject(o, "presets");
    cJSON_AddStringToObject(presets, "fp4_preset", q->fp4_preset);
    cJSON_AddStringToObject(presets, "int4_preset", q->int4_preset);
    cJSON_AddStringToObject(o, "block_dim", q->block_dim == BLOCK_DIM_REDUCTION ? "reduction" : "modelopt");
    cJSON_AddStringToObject(o, "base_format", q->base_format);
    if (json_put_real(o, "effective_bits", q->effective_bits, err))
        goto out;
    cJSON_AddStringToObject(o, "recipe", q->recipe);
    cJSON_AddStringToObject(o, "computed_on", "CPU, float32");
    cJSON_AddNumberToObject(o, "calibration_images", pass->amax->images);
    cJSON_AddNumberToObject(o, "score_images", about->score_images);
    cJSON_AddNumberToObject(o, "imgsz", pass->images->size);
    cJSON_AddNumberToObject(o, "batch_size", pass->batch_size);
    cJSON_AddStringToObject(o, "checkpoint", about->checkpoint);
    cJSON_AddBoolToObject(o, "demonstration", about->demonstration);
    cJSON_AddNumberToObject(o, "scoring_revision", SCORE_REVISION);
    cJSON *digests = cJSON_AddObjectToObject(o, "digests");
    cJSON_AddStringToObject(digests, "checkpoint", pass->checkpoint);
    cJSON_AddStringToObject(digests, "calib", pass->images->digest);
    cJSON_AddStringToObject(digests, "qcfg", cell->qcfg_digest);
    cJSON_AddItemToObject(o, "qcfg", qcfg_to_json(q));
    cJSON *layers = cJSON_AddObjectToObject(o, "layers");
    if (shapes_of_convs(pass, &shapes, err))
        goto out;
    for (size_t i = 0; i < pass->graph->n_convs; i++) {
        cJSON *layer = layer_to_json(pass, cell, i, &shapes[i], err);
        if (!layer) {
            err_wrap(err, "%s", path);
            goto out;
        }
        cJSON_AddItemToObject(layers, pass->graph->convs[i].name, layer);
    }
    if (json_seal(o, err))
        goto out;
    ret = json_write(path, o, err);
out:
    free(shapes);
    cJSON_Delete(o);
    return ret;
}
