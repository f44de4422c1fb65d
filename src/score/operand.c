#include "score/operand.h"

#include "quant/fakequant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct job {
    const struct input_spec *spec;
    const float *x, *amax;
    float *out;
    size_t c, h, w;
    size_t group;  /* channels that one task takes: whole blocks, where blocks run along channels */
    size_t groups; /* tasks an image */
    float *planes; /* amax of each (n, c) plane */
};

static void quantize_group(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct job *j = ctx;
    size_t n = i / j->groups, first = i % j->groups * j->group;
    size_t count = first + j->group < j->c ? j->group : j->c - first;
    size_t at = (n * j->c + first) * j->h * j->w;
    const float *amax = j->spec->q.axis == QUANT_AXIS_NONE ? j->amax : j->amax + first;
    fakequant_input(&j->spec->q, j->spec->block_dim, j->x + at, 1, count, j->h, j->w, amax, j->out + at);
}

static void amax_of_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct job *j = ctx;
    j->planes[i] = amax_of(j->x + i * j->h * j->w, j->h * j->w);
}

/* The amax of x itself: one value, or one for each channel over the batch. */
static int own_amax(struct pool *pool, struct job *j, size_t n, float *amax, struct err *err) {
    if (!(j->planes = malloc(n * j->c * sizeof *j->planes)))
        return err_nomem(err);
    pool_run(pool, n * j->c, amax_of_plane, j);
    for (size_t i = 0; i < n * j->c; i++) {
        float *m = j->spec->q.axis == QUANT_AXIS_NONE ? amax : &amax[i % j->c];
        *m = i < (j->spec->q.axis == QUANT_AXIS_NONE ? 1 : j->c) ? j->planes[i] : fmaxf(*m, j->planes[i]);
    }
    free(j->planes);
    return 0;
}

int operand_input(struct pool *pool, const struct input_spec *spec, const struct amax_layer *amax,
                  const float *x, const int64_t shape[4], float *out, struct err *err) {
    size_t n = (size_t)shape[0], c = (size_t)shape[1], plane = (size_t)(shape[2] * shape[3]);
    if (spec->q.format == QUANT_OFF) {
        memcpy(out, x, n * c * plane * sizeof *x);
        return 0;
    }
    struct job j = {.spec = spec, .x = x, .out = out, .c = c, .h = (size_t)shape[2], .w = (size_t)shape[3]};
    float *own = NULL;
    if (spec->source == SOURCE_SELF) {
        if (!(own = calloc(c, sizeof *own)) || own_amax(pool, &j, n, own, err)) {
            free(own);
            return err_nomem(err);
        }
        j.amax = own;
    } else {
        const struct amax_range *r = &amax->input[spec->source == SOURCE_AWQ ? AMAX_AWQ : AMAX_ALL];
        j.amax = spec->q.axis == QUANT_AXIS_NONE ? &r->tensor : r->channel;
    }
    j.group = spec->q.block > 0 && spec->block_dim == BLOCK_DIM_REDUCTION ? (size_t)spec->q.block : 1;
    j.groups = (c + j.group - 1) / j.group;
    pool_run(pool, n * j.groups, quantize_group, &j);
    free(own);
    return 0;
}

void operand_weight(const struct weight_spec *spec, const struct amax_layer *amax, const struct conv *conv,
                    float *out) {
    if (spec->q.format == QUANT_OFF) {
        memcpy(out, conv->weight, conv_numel(conv) * sizeof *out);
        return;
    }
    fakequant_weight(&spec->q, spec->block_dim, conv->weight, (size_t)conv->cout,
                     (size_t)(conv->cin / conv->groups), (size_t)conv->kh, (size_t)conv->kw,
                     spec->q.axis == QUANT_AXIS_NONE ? &amax->weight.tensor : amax->weight.channel, out);
}
