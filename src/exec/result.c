#include "exec/result.h"

#include "cell/scores.h"
#include "exec/spread.h"
#include "model/fold.h"
#include "model/weight.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the graph says of convolution i; its shapes follow in fill_shapes. */
static int fill_layer(const struct score_job *job, const struct score_cell *cell, size_t i,
                      struct scores_layer *l, struct err *err) {
    const struct conv *c = &job->graph->convs[i];
    const int64_t numel = (int64_t)conv_numel(c);
    *l = (struct scores_layer){
        .name = c->name,
        .bits = numel * cell->qcfg.bits,
        .none_bits = numel * SCORES_BITS,
        .exported = c->exported,
    };
    weight_shape(c, l->shape);
    for (int o = 0; o < SCORES_OBJECTIVES; o++) {
        float score = NAN;
        if (o < score_objectives(job) && score_of(job, cell, (enum scores_objective)o, i, &score, err))
            return -1;
        l->score[o] = (double)score;
        l->error[o] = isnan(score) ? NAN : spread_error(job, cell, (enum scores_objective)o, i);
    }
    return 0;
}

static int fill_shapes(const struct score_job *job, struct scores_layer *layers, struct err *err) {
    const struct graph *g = job->graph;
    struct chw *values = NULL;
    if (graph_shapes(g, job->images->size, &values, err))
        return -1;
    for (size_t i = 0; i < g->n_ops; i++)
        if (g->ops[i].kind == OP_CONV) {
            const struct conv *c = &g->convs[g->ops[i].conv];
            struct scores_layer *l = &layers[g->ops[i].conv];
            struct chw in = values[g->ops[i].in[0]], made = values[g->ops[i].out],
                       out = weight_output_shape(c, made);
            memcpy(l->input, (int[]){(int)in.c, (int)in.h, (int)in.w}, sizeof l->input);
            memcpy(l->output, (int[]){(int)out.c, (int)out.h, (int)out.w}, sizeof l->output);
            l->macs = (double)(conv_macs(c, made.h, made.w) * c->calls);
        }
    free(values);
    return 0;
}

int result_write(const struct score_job *job, const struct score_cell *cell, const struct score_result *about,
                 const char *path, struct err *err) {
    const struct qcfg *q = &cell->qcfg;
    struct scores s = {
        .qcfg = *q,
        .layers = calloc(job->graph->n_convs, sizeof *s.layers),
        .n_layers = job->graph->n_convs,
        .calibration_images = job->amax->images,
        .score_images = about->score_images,
        .imgsz = job->images->size,
        .batch_size = job->batch_size,
        .probes = job->probes,
        .each_call = job->each_call,
        .revision = SCORE_REVISION,
        .checkpoint = about->checkpoint,
        .computed_on = about->device->computed_on,
        .device = about->device->word,
        .checkpoint_digest = job->checkpoint,
        .fold = job->fold,
        .calib_digest = job->images->digest,
        .images_digest = *job->images->files_digest ? job->images->files_digest : NULL,
        .qcfg_digest = cell->qcfg_digest,
        .amax_digest = job->amax->digest,
    };
    char **nodes = calloc(job->graph->n_convs + 1, sizeof *nodes);
    int ret = s.layers && nodes
                  ? cell_name_set(&s.name, about->model, q->weight_dtype, q->act_dtype, q->granularity, err)
                  : err_nomem(err);
    for (size_t i = 0; i < s.n_layers && !ret; i++)
        if ((ret = fill_layer(job, cell, i, &s.layers[i], err)))
            err_wrap(err, "%s", path);
    if (!ret)
        ret = fold_nodes(job->graph, nodes, err);
    for (size_t i = 0; i < s.n_layers && !ret; i++)
        s.layers[i].node = nodes[i];
    if (!ret)
        ret = fill_shapes(job, s.layers, err) || spread_first(job, cell, s.layers, s.stability, err) ||
                      scores_write(path, &s, err)
                  ? -1
                  : 0;
    for (size_t i = 0; nodes && i < job->graph->n_convs; i++)
        free(nodes[i]);
    free(nodes);
    scores_free(&s);
    return ret;
}
