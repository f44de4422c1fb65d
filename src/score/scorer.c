#include "score/scorer.h"

#include "cuda/cuda.h"
#include "score/layer.h"

#include <stdlib.h>

struct scorer {
    const struct score_pass *pass;
    const struct plan *plan;
    struct cuda_scorer *cuda; /* or NULL, and the rest: */
    struct gradient *gradient;
    struct layer_scorer *layers;
    float *batch;
};

static int new_on_cpu(struct scorer *s, struct err *err) {
    const struct score_pass *p = s->pass;
    int batch = p->batch_size < p->images->count ? p->batch_size : p->images->count;
    if (!(s->batch = malloc((size_t)batch * p->images->image_bytes * sizeof *s->batch)))
        return err_nomem(err);
    return layer_scorer_new(p->graph, p->pool, p->amax, s->plan, &s->layers, err) ||
                   gradient_new(p->graph, p->images->size, batch, p->pool, &s->gradient, err)
               ? -1
               : 0;
}

int scorer_new(const struct score_pass *pass, const struct plan *plan, struct scorer **out, struct err *err) {
    struct scorer *s = calloc(1, sizeof *s);
    if (!s)
        return err_nomem(err);
    *s = (struct scorer){.pass = pass, .plan = plan};
    int ret = pass->cuda ? cuda_scorer_new(pass->cuda, pass->graph, pass->amax, plan, pass->images,
                                           pass->batch_size, pass->steps, &s->cuda, err)
                         : new_on_cpu(s, err);
    if (ret)
        scorer_free(&s);
    else
        *out = s;
    return ret;
}

void scorer_free(struct scorer **scorer) {
    struct scorer *s = *scorer;
    if (!s)
        return;
    cuda_scorer_free(&s->cuda);
    layer_scorer_free(&s->layers);
    gradient_free(&s->gradient);
    free(s->batch);
    free(s);
    *scorer = NULL;
}

int scorer_batch(const struct scorer *s, int first, int n) {
    return s->cuda ? cuda_scorer_batch(s->cuda, first, n) : 1;
}

/* Where a step's layers are scored to as backward comes to them. */
struct step {
    struct scorer *scorer;
    const bool *wanted;
    double *sums; /* [pair * n_convs + conv] */
};

static int score_conv(void *ctx, size_t conv, struct conv_call *const *calls, size_t n_calls,
                      struct err *err) {
    const struct step *s = ctx;
    const struct graph *g = s->scorer->pass->graph;
    if (layer_score(s->scorer->layers, conv, calls, n_calls, s->wanted, s->sums + conv, g->n_convs, err))
        return err_wrap(err, "%s", g->convs[conv].name);
    return 0;
}

int scorer_run(struct scorer *s, int first, int n, const bool *wanted, double *sums, struct err *err) {
    const struct score_pass *p = s->pass;
    if (s->cuda)
        return cuda_scorer_run(s->cuda, first, n, wanted, sums, err);
    size_t each = p->images->image_bytes, n_sums = (size_t)s->plan->n_pairs * p->graph->n_convs;
    for (int step = first; step < first + n; step++, sums += n_sums) {
        struct step at = {s, wanted, sums};
        int image = step * p->batch_size, left = p->images->count - image;
        int images = left < p->batch_size ? left : p->batch_size;
        for (int i = 0; i < images; i++)
            calib_to_float(p->images->images[image + i], each, s->batch + (size_t)i * each);
        if (gradient_run(s->gradient, s->batch, images, score_conv, &at, err))
            return err_wrap(err, "score step %d", step + 1);
    }
    return 0;
}
