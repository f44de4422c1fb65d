#include "exec/cuda/layer.h"

#include <stdio.h>
#include <stdlib.h>

enum { IMAGES = 16 /* at once; others were not compared */ };

struct cuda_scorer {
    const struct calib_set *images;
    const struct pairs *plan;
    int batch_size, probes, together; /* images of a step; vectors of signs; steps at once */
    struct device_gradient gradient;
    struct device_layers layers;
};

/* Memory for `together` steps at once; 1 where the card has no room for them. */
static int make(struct cuda_scorer *s, struct cuda *cuda, const struct graph *graph, const struct amax *amax,
                struct err *err) {
    int ret = device_gradient_new(cuda, graph, s->images->size, s->together * s->batch_size, s->probes,
                                  &s->gradient, err);
    if (ret)
        return ret;
    ret = device_layers_new(&s->gradient.net, amax, s->plan, &s->gradient.plan, s->together, s->batch_size,
                            &s->layers, err);
    if (ret)
        device_gradient_free(&s->gradient);
    return ret;
}

int cuda_scorer_new(struct cuda *cuda, const struct graph *graph, const struct amax *amax,
                    const struct pairs *plan, const struct calib_set *images, int batch_size, int probes,
                    int steps, struct cuda_scorer **out, struct err *err) {
    struct cuda_scorer *s = calloc(1, sizeof *s);
    int most = IMAGES / batch_size > 1 ? IMAGES / batch_size : 1, ret;
    if (!s)
        return err_nomem(err);
    if (device_enter(cuda, err)) {
        free(s);
        return -1;
    }
    *s = (struct cuda_scorer){.images = images, .plan = plan, .batch_size = batch_size, .probes = probes};
    most = most < steps ? most : steps;
    s->together = most;
    while ((ret = make(s, cuda, graph, amax, err)) == 1 && s->together > 1)
        s->together = (s->together + 1) / 2;
    if (ret == 1)
        err_set(err, ERR_FAILED,
                "the GPU's memory has no room for a batch of %d images of %dx%d; a smaller BATCH_SIZE "
                "or IMGSZ, or use the cpu",
                batch_size, images->size, images->size);
    if (ret) {
        free(s);
        return -1;
    }
    if (s->together < most && cuda->say) {
        char words[128];
        snprintf(words, sizeof words, "the GPU's memory is short: scoring on %d images at once instead of %d",
                 s->together * batch_size, most * batch_size);
        cuda->say(words);
    }
    *out = s;
    return 0;
}

void cuda_scorer_free(struct cuda_scorer **scorer) {
    if (!*scorer)
        return;
    device_layers_free(&(*scorer)->layers);
    device_gradient_free(&(*scorer)->gradient);
    free(*scorer);
    *scorer = NULL;
}

/* Images of step `step`; the last may be short. */
static int images_of(const struct cuda_scorer *s, int step) {
    int left = s->images->count - step * s->batch_size;
    return left < s->batch_size ? left : s->batch_size;
}

int cuda_scorer_batch(const struct cuda_scorer *s, int first, int n) {
    int k = 1;
    n = n < s->together ? n : s->together;
    while (k < n && images_of(s, first + k) == images_of(s, first))
        k++;
    return k;
}

struct seer {
    struct device_layers *layers;
    const bool *wanted;
};

static void see(void *ctx, size_t conv, const struct device_call *calls, int n_calls) {
    struct seer *seer = ctx;
    const struct cuda *cuda = seer->layers->net->cuda;
    cuda_trace_begin(cuda->trace, cuda->stream, PHASE_SCORE, conv);
    device_layer_score(seer->layers, conv, calls, n_calls, seer->wanted);
    cuda_trace_end(cuda->trace, cuda->stream);
}

int cuda_scorer_run(struct cuda_scorer *s, int first, int n, const bool *wanted, double *sums,
                    struct err *err) {
    struct seer seer = {&s->layers, wanted};
    int images = images_of(s, first);
    device_layers_begin(&s->layers, n);
    return device_gradient_run(&s->gradient, s->images, first * s->batch_size, n * images, images, see, &seer,
                               err) ||
                   device_layers_collect(&s->layers, sums, err)
               ? -1
               : 0;
}

/* The pairs wanted at `step`, and how many steps from it on want the very same. */
static int wanted_at(const struct pairs *pairs, const int *from, int step, int steps, bool *wanted) {
    int end = steps;
    for (int p = 0; p < pairs->n_pairs; p++) {
        wanted[p] = from[p] <= step;
        end = !wanted[p] && from[p] < end ? from[p] : end;
    }
    return end - step;
}

int cuda_score_steps(struct backend *backend, const struct score_job *job, const struct pairs *pairs,
                     int first, const int *from, score_take_fn *take, void *ctx, struct err *err) {
    size_t each = score_step_sums(job, pairs);
    if (job->each_call)
        return err_set(err, ERR_UNSUPPORTED, "--calls each is for --device cpu");
    struct cuda_scorer *scorer = NULL;
    bool *wanted = calloc((size_t)pairs->n_pairs, sizeof *wanted);
    double *add = calloc(each * (size_t)(job->steps - first), sizeof *add);
    int ret = -1;
    if (!wanted || !add) {
        err_nomem(err);
        goto out;
    }
    if (cuda_scorer_new(cuda_of(backend), job->graph, job->amax, pairs, job->images, job->batch_size,
                        job->probes, job->steps - first, &scorer, err))
        goto out;
    for (int step = first, n; step < job->steps; step += n) {
        n = cuda_scorer_batch(scorer, step, wanted_at(pairs, from, step, job->steps, wanted));
        if (cuda_scorer_run(scorer, step, n, wanted, add, err))
            goto out;
        for (int k = 0; k < n; k++)
            if (take(ctx, step + k, add + (size_t)k * each, err))
                goto out;
    }
    ret = 0;
out:
    cuda_scorer_free(&scorer);
    free(wanted);
    free(add);
    return ret;
}
