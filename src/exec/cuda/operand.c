#include "exec/cuda/operand.h"

#include "format/format.h"
#include "model/weight.h"

#include <stdlib.h>

static int put_range(struct slab *slab, const struct amax_range *r, int channels, size_t *tensor,
                     size_t *channel, struct err *err) {
    return slab_put(slab, &r->tensor, 1, tensor, err) ||
           slab_put(slab, r->channel, (size_t)channels, channel, err);
}

int operand_ranges_new(const struct cuda *cuda, const struct graph *g, const struct amax *amax,
                       struct operand_ranges *out, struct err *err) {
    if (!(out->places = calloc(g->n_convs + 1, sizeof *out->places)))
        return err_nomem(err);
    for (size_t i = 0; i < g->n_convs; i++) {
        const struct amax_layer *a = &amax->layers[i];
        struct operand_places *p = &out->places[i];
        int shape[WEIGHT_DIMS];
        weight_shape(&g->convs[i], shape);
        if (put_range(&out->slab, &a->weight, shape[0], &p->weight, &p->weight_channels, err))
            return -1;
        for (int set = 0; set < AMAX_SETS; set++)
            if (put_range(&out->slab, &a->input[set], g->convs[i].cin, &p->input[set],
                          &p->input_channels[set], err))
                return -1;
    }
    return slab_upload(&out->slab, cuda, err);
}

void operand_ranges_free(struct operand_ranges *ranges) {
    slab_free(&ranges->slab);
    free(ranges->places);
    *ranges = (struct operand_ranges){0};
}

const float *operand_range(const struct operand_ranges *ranges, size_t at) {
    return ranges->slab.device + at;
}

struct cuda_quantizer operand_quantizer(const struct quantizer *q, enum block_dim block_dim) {
    return (struct cuda_quantizer){.rule = (int)formats[q->format].rule,
                                   .bound = format_bound(q->format),
                                   .block = format_block(q),
                                   .reduction = block_dim == BLOCK_DIM_REDUCTION,
                                   .by_channel = q->axis != QUANT_AXIS_NONE};
}

struct cuda_quantizer operand_weight_quantizer(const struct operand_ranges *ranges, size_t conv,
                                               const struct weight_spec *spec) {
    const struct operand_places *p = &ranges->places[conv];
    struct cuda_quantizer q = operand_quantizer(&spec->q, spec->block_dim);
    q.amax = operand_range(ranges, q.by_channel ? p->weight_channels : p->weight);
    return q;
}

void operand_weight_values(const struct cuda_quantizer *q, const struct conv *c, cudaStream_t s,
                           const float *w, float *values, float *other) {
    int shape[WEIGHT_DIMS];
    if (!c->up || (q->block && q->reduction)) {
        cuda_quantize_weight(s, q, w, c->cout, c->cin / c->groups, c->kh, c->kw, values);
        return;
    }
    weight_shape(c, shape);
    cuda_turn(s, w, c->cout, c->cin, values);
    cuda_quantize_weight(s, q, values, shape[0], shape[1], shape[2], shape[3], other);
    cuda_turn(s, other, c->cin, c->cout, values);
}

struct cuda_quantizer operand_input_quantizer(const struct operand_ranges *ranges, size_t conv,
                                              const struct input_spec *spec, cudaStream_t s, struct view x,
                                              int group, float *self) {
    const struct operand_places *p = &ranges->places[conv];
    int set = spec->source == SOURCE_AWQ ? AMAX_AWQ : AMAX_ALL;
    struct cuda_quantizer q = operand_quantizer(&spec->q, spec->block_dim);
    q.group = group;
    q.amax = operand_range(ranges, q.by_channel ? p->input_channels[set] : p->input[set]);
    if (spec->source == SOURCE_SELF) {
        int groups = x.n / group;
        float *channels = self, *largest = self + (size_t)groups * (size_t)x.c;
        cudaMemsetAsync(channels, 0, (size_t)groups * (size_t)x.c * sizeof *channels, s);
        cuda_amax(s, x, groups, channels, 0, NULL);
        cuda_largest(s, channels, groups, x.c, largest);
        q.amax = q.by_channel ? channels : largest;
        q.amax_step = q.by_channel ? x.c : 1;
    }
    return q;
}
