#include "exec/cpu/operand.h"

#include "format/fakequant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a quantizer's values are multiples of, apart from one factor. */
enum grid { GRID_NONE, GRID_INTEGERS, GRID_FLOATS /* of at most 8 significant bits */ };

/* NVFP4: a block whose scale is too small to be held gets the scale 1 instead (numerics.md), which is not a
 * multiple of the tensor's; up to this amax such blocks are all zeros: m <= 6 G 2^-10 <= 1/4, which E2M1
 * rounds to 0. */
#define NVFP4_AMAX_MAX (0.25f / 6 * 1024 * 2688)

static enum grid grid_of(const struct quantizer *q, float amax) {
    switch (q->format) {
    case QUANT_OFF:
        return GRID_NONE;
    case QUANT_INT8:
    case QUANT_INT4:
        return q->block > 0 ? GRID_NONE : GRID_INTEGERS;
    case QUANT_NVFP4:
        return amax <= NVFP4_AMAX_MAX ? GRID_FLOATS : GRID_NONE;
    case QUANT_FP8:
    case QUANT_MXFP4:
        break;
    }
    return GRID_FLOATS;
}

/* The factor: a value's code is value / unit (numerics.md, fake quantization). 1 where all values are zero.
 */
static float unit_of(const struct quantizer *q, float amax) {
    float unit = 1;
    switch (q->format) {
    case QUANT_INT8:
    case QUANT_INT4:
        unit = amax / (q->format == QUANT_INT8 ? 127 : 7);
        break;
    case QUANT_FP8:
        unit = 1 / (1 / amax * 448);
        break;
    case QUANT_NVFP4:
        unit = amax * (1.0f / 2688.0f);
        break;
    case QUANT_OFF:
    case QUANT_MXFP4:
        break;
    }
    return isfinite(unit) && isfinite(1 / unit) ? unit : 1;
}

enum conv_mode operand_mode(const struct input_spec *input, const struct weight_spec *weight,
                            const struct amax_layer *amax, const struct conv *conv) {
    if (input->q.axis != QUANT_AXIS_NONE)
        return CONV_F32; /* a scale for each input channel is inside the sum */
    enum grid x = grid_of(&input->q, input->source == SOURCE_SELF ? 0 : amax->input[AMAX_ALL].tensor);
    enum grid w = grid_of(&weight->q, amax->weight.tensor);
    if (x == GRID_NONE || w == GRID_NONE)
        return CONV_F32;
    return conv_mode_for(conv, x == GRID_INTEGERS && w == GRID_INTEGERS);
}

bool quantizer_has_codes(const struct quantizer *q, float amax) {
    return grid_of(q, amax) != GRID_NONE;
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
    op->own[i] = amax_of(op->x + i * op->h * op->w, op->h * op->w);
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
    if (spec->q.format == QUANT_OFF) {
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
    source->unit = unit_of(&spec->q, op->amax[0]);
    return 0;
}

void operand_input_free(struct operand_input *op) {
    free(op->own);
    op->own = NULL;
}

void operand_weight(const struct weight_spec *spec, const struct amax_layer *amax, const struct conv *conv,
                    float *out, float *units) {
    bool whole = spec->q.axis == QUANT_AXIS_NONE;
    for (int o = 0; o < conv->cout; o++)
        units[o] = unit_of(&spec->q, whole || spec->q.format == QUANT_NVFP4 ? amax->weight.tensor
                                                                            : amax->weight.channel[o]);
    fakequant_weight(&spec->q, spec->block_dim, conv->weight, (size_t)conv->cout,
                     (size_t)(conv->cin / conv->groups), (size_t)conv->kh, (size_t)conv->kw,
                     whole ? &amax->weight.tensor : amax->weight.channel, out);
}
