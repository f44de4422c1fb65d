#include "exec/cpu/operand.h"

#include "format/fakequant.h"
#include "model/weight.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum conv_mode operand_mode(const struct input_spec *input, const struct weight_spec *weight,
                            const struct amax_layer *amax, const struct conv *conv) {
    if (input->q.axis != QUANT_AXIS_NONE)
        return CONV_F32; /* a scale for each input channel is inside the sum */
    if (conv->up && weight->q.axis != QUANT_AXIS_NONE)
        return CONV_F32; /* that of a transposed weight too */
    enum format_codes x =
        format_codes(&input->q, input->source == SOURCE_SELF ? 0 : amax->input[AMAX_ALL].tensor);
    enum format_codes w = format_codes(&weight->q, amax->weight.tensor);
    if (x == FORMAT_CODES_NONE || w == FORMAT_CODES_NONE)
        return CONV_F32;
    return conv_mode_for(conv, x == FORMAT_CODES_INTEGERS && w == FORMAT_CODES_INTEGERS);
}

/* Channels channel .. channel + count - 1, rows first .. first + rows - 1 of image i, quantized. */
static void quantize(void *ctx, size_t image, size_t channel, size_t count, size_t first, size_t rows,
                     float *out) {
    const struct operand_input *op = ctx;
    const struct input_spec *s = op->spec;
    size_t n = rows * op->w;
    const float *x = op->x + ((image * op->c + channel) * op->h + first) * op->w;
    const float *amax = op->amax;
    if (s->q.block > 0 && s->block_dim == BLOCK_DIM_REDUCTION) { /* blocks run from channel to channel */
        for (size_t c = 0; c < count; c++)
            memcpy(out + c * n, x + c * op->h * op->w, n * sizeof *x);
        fakequant_input(&s->q, s->block_dim, out, 1, count, rows, op->w, amax, out);
        return;
    }
    for (size_t c = 0; c < count; c++)
        fakequant_input(&s->q, s->block_dim, x + c * op->h * op->w, 1, 1, rows, op->w,
                        s->q.axis == QUANT_AXIS_NONE ? amax : amax + channel + c, out + c * n);
}

static void amax_of_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct operand_input *op = ctx;
    op->own[i] = fakequant_amax(op->x + i * op->h * op->w, op->h * op->w);
}

/* The amax of x itself: one value, or one for each channel over the batch. */
static int own_amax(struct pool *pool, struct operand_input *op, struct err *err) {
    size_t planes = op->n * op->c, kept = op->spec->q.axis == QUANT_AXIS_NONE ? 1 : op->c;
    if (!(op->own = malloc(planes * sizeof *op->own)))
        return err_nomem(err);
    pool_run(pool, planes, amax_of_plane, op);
    for (size_t i = kept; i < planes; i++)
        op->own[i % kept] = fmaxf(op->own[i % kept], op->own[i]);
    op->amax = op->own;
    return 0;
}

int operand_input(struct operand_input *op, struct pool *pool, const struct input_spec *spec,
                  const struct amax_layer *amax, const float *x, const int64_t shape[4],
                  struct conv_source *source, struct err *err) {
    *op = (struct operand_input){.spec = spec,
                                 .x = x,
                                 .n = (size_t)shape[0],
                                 .c = (size_t)shape[1],
                                 .h = (size_t)shape[2],
                                 .w = (size_t)shape[3]};
    *source = (struct conv_source){
        .n = (int)shape[0], .h = (int)shape[2], .w = (int)shape[3], .group = 1, .unit = 1};
    if (!format_quantizes(&spec->q)) {
        source->x = x;
        return 0;
    }
    const struct amax_range *r = &amax->input[spec->source == SOURCE_AWQ ? AMAX_AWQ : AMAX_ALL];
    op->amax = spec->q.axis == QUANT_AXIS_NONE ? &r->tensor : r->channel;
    if (spec->source == SOURCE_SELF && own_amax(pool, op, err))
        return -1;
    if (spec->q.block > 0 && spec->block_dim == BLOCK_DIM_REDUCTION)
        source->group = (size_t)spec->q.block;
    source->fill = quantize;
    source->ctx = op;
    source->unit = format_unit(&spec->q, op->amax[0]);
    return 0;
}

void operand_input_free(struct operand_input *op) {
    free(op->own);
    op->own = NULL;
}

/* q(w) of a weight of these sides. */
static void quantize_weight(const struct weight_spec *spec, const struct amax_layer *amax, const float *w,
                            const int shape[WEIGHT_DIMS], float *out) {
    fakequant_weight(&spec->q, spec->block_dim, w, (size_t)shape[0], (size_t)shape[1], (size_t)shape[2],
                     (size_t)shape[3],
                     spec->q.axis == QUANT_AXIS_NONE ? &amax->weight.tensor : amax->weight.channel, out);
}

int operand_weight(const struct weight_spec *spec, const struct amax_layer *amax, const struct conv *conv,
                   float *out, float *units, struct err *err) {
    const bool one = format_takes_one_amax(&spec->q) || conv->up;
    int shape[WEIGHT_DIMS] = {conv->cout, conv->cin / conv->groups, conv->kh, conv->kw};
    float *torch = NULL;
    for (int o = 0; o < conv->cout; o++)
        units[o] = format_unit(&spec->q, one ? amax->weight.tensor : amax->weight.channel[o]);
    if (!conv->up || (format_block(&spec->q) && spec->block_dim == BLOCK_DIM_REDUCTION)) {
        quantize_weight(spec, amax, conv->weight, shape, out);
        return 0;
    }
    if (!(torch = malloc(conv_numel(conv) * sizeof *torch)))
        return err_nomem(err);
    weight_shape(conv, shape);
    weight_to_torch(conv, conv->weight, torch);
    quantize_weight(spec, amax, torch, shape, torch);
    weight_from_torch(conv, torch, out);
    free(torch);
    return 0;
}
