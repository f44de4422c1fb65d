/* Quantized operands of convolutions: codes and scales of weights, QuantizeLinear and DequantizeLinear before inputs. */
#include "format/fakequant.h"
#include "model/weight.h"
#include "onnx/network.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int check_quantizer(const struct quantizer *q, const char *dtype, const char *what, int axis,
                           struct err *err) {
    if (!format_quantizes(q))
        return 0;
    if (formats[q->format].bits != 8)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s %s: of %d bits, and only formats of 8 (int8, fp8) are exported", dtype, what,
                       formats[q->format].bits);
    if (format_block(q))
        return err_set(err, ERR_UNSUPPORTED,
                       "%s %s: with a scale for each block of %d, which is not exported", dtype, what,
                       format_block(q));
    if (q->axis != QUANT_AXIS_NONE && q->axis != axis)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s %s: with a scale for each channel, which no runtime of ONNX files has; those of "
                       "per_channel_weight and per_layer have one for the tensor",
                       dtype, what);
    return 0;
}

int onnx_check_qcfg(const struct qcfg *qcfg, struct err *err) {
    if (check_quantizer(&qcfg->weight, qcfg->weight_dtype, "weights", 0, err) ||
        check_quantizer(&qcfg->input, qcfg->act_dtype, "activations", QUANT_AXIS_NONE, err))
        return -1;
    return qcfg->calib == CALIB_MAX
               ? 0
               : err_set(err, ERR_UNSUPPORTED, "%s weights: calibrated in a way that is not exported",
                         qcfg->weight_dtype);
}

/* Of a value that e4m3 has, or that is an ulp off: its bits. */
static uint8_t e4m3_bits(float v) {
    const uint8_t sign = signbit(v) ? 0x80 : 0;
    const float m = fabsf(v);
    const int least = -6;
    int e = m > 0 ? ilogbf(m) : least;
    e = e < least ? least : e;
    const long eighths =
        lrintf(ldexpf(m, 3 - e)); /* 8 and more where it is normal, 16 where it was rounded up */
    return (uint8_t)(sign | (eighths < 8 ? eighths : 8 * (e + 7) + eighths - 8));
}

/* The code of a value that is quantized already, or of its negative. */
static uint8_t code_of(enum format_id format, float v, float unit, bool negate) {
    const float code = (negate ? -v : v) / unit;
    if (formats[format].rule == FORMAT_E4M3)
        return e4m3_bits(code);
    const float bound = format_bound(format);
    return (uint8_t)(int8_t)lrintf(fminf(fmaxf(code, -bound), bound));
}

static enum onnx_type type_of(struct onnx_network *n, const struct quantizer *q) {
    if (formats[q->format].rule != FORMAT_E4M3)
        return ONNX_INT8;
    n->fp8 = true;
    return ONNX_FLOAT8E4M3FN;
}

/* A weight, the ranges that it is quantized by, and what each channel is multiplied by afterwards, or NULL. */
struct source {
    const struct conv *conv;
    const struct amax_range *range;
    const float *factor;
};

/* codes as torch has the weight, scales (weight_outputs), all above 0: what a negative factor turns round are the codes. */
static int quantize(const struct quantizer *q, enum block_dim block_dim, const struct source *from,
                    uint8_t *codes, float *scales, struct err *err) {
    const struct conv *c = from->conv;
    const size_t cout = (size_t)weight_outputs(c), per = conv_numel(c) / cout;
    const bool one = format_takes_one_amax(q);
    float *values = malloc(conv_numel(c) * (sizeof *values + sizeof *codes));
    uint8_t *own = values ? (uint8_t *)(values + conv_numel(c)) : NULL;
    if (!values)
        return err_nomem(err);
    fakequant_weight(q, block_dim, c->weight, cout, per, 1, 1,
                     one ? &from->range->tensor : from->range->channel, values);
    for (size_t k = 0; k < cout; k++) {
        const float unit = format_unit(q, one ? from->range->tensor : from->range->channel[k]),
                    factor = from->factor ? from->factor[k] : 1;
        const bool some = unit * fabsf(factor) >= FLT_MIN;
        scales[k] = some ? unit * fabsf(factor) : 1;
        for (size_t i = k * per; i < (k + 1) * per; i++)
            own[i] = some ? code_of(q->format, values[i], unit, factor < 0) : 0;
    }
    weight_codes_to_torch(c, own, codes);
    free(values);
    return 0;
}

/* By its outputs: of a merged kernel, which no calibration saw, and of a transposed one, which was calibrated by its inputs. */
static int range_of(struct onnx_network *n, const struct conv *c, struct amax_range *range, struct err *err) {
    const int outputs = weight_outputs(c);
    const size_t per = conv_numel(c) / (size_t)outputs;
    *range = (struct amax_range){.channel = onnx_keep(n->file, (size_t)outputs * sizeof(float))};
    if (!range->channel)
        return err_nomem(err);
    for (int k = 0; k < outputs; k++) {
        range->channel[k] = fakequant_amax(c->weight + (size_t)k * per, per);
        range->tensor = fmaxf(range->tensor, range->channel[k]);
    }
    return 0;
}

/* How the convolution is quantized, and what of; NULL: not at all. */
static const struct qcfg *qcfg_of(const struct onnx_network *n, const struct fold_conv *made) {
    const struct qcfg *const *qcfgs = n->options->qcfgs, *first = qcfgs ? qcfgs[made->part[0].conv] : NULL;
    for (int k = 1; k < made->n_parts && first; k++) {
        const struct qcfg *other = qcfgs[made->part[k].conv];
        if (!other || other->weight.format != first->weight.format ||
            other->input.format != first->input.format)
            return NULL;
    }
    return first;
}

static int add_weight(struct onnx_network *n, int conv, const struct qcfg *qcfg, const char **name,
                      struct err *err) {
    struct onnx_file *f = n->file;
    const struct conv *c = &n->graph->convs[conv];
    const struct fold_conv *made = &n->fold->convs[conv];
    const int64_t cout = weight_outputs(c);
    int shape[WEIGHT_DIMS];
    weight_shape(c, shape);
    const int64_t dims[] = {shape[0], shape[1], shape[2], shape[3]};
    const char *weight = onnx_text(f, "%s.weight", c->name);
    if (!qcfg || !format_quantizes(&qcfg->weight)) {
        float *values = c->up ? onnx_keep(f, conv_numel(c) * sizeof *values) : c->weight;
        if (!values)
            return err_nomem(err);
        if (c->up)
            weight_to_torch(c, c->weight, values);
        *name = onnx_tensor(f, weight, ONNX_FLOAT, dims, 4, values);
        return 0;
    }
    const int before = made->part[0].conv;
    struct amax_range merged;
    struct source from = {&n->measured->convs[before], &n->options->amax->layers[before].weight,
                          made->part[0].factor};
    if (made->n_parts > 1 || c->up) {
        if (range_of(n, c, &merged, err))
            return -1;
        from = (struct source){c, &merged, NULL};
    }
    uint8_t *codes = onnx_keep(f, conv_numel(c));
    float *scales = onnx_keep(f, (size_t)cout * sizeof *scales);
    if (!codes || !scales)
        return err_nomem(err);
    if (quantize(&qcfg->weight, qcfg->block_dim, &from, codes, scales, err))
        return -1;
    const char *in = onnx_tensor(f, weight, type_of(n, &qcfg->weight), dims, 4, codes),
               *scale = onnx_tensor(f, onnx_text(f, "%s_scale", weight), ONNX_FLOAT, &cout, 1, scales);
    const char *scope =
        onnx_text(f, "%.*s/weight_quantizer", (int)(strrchr(c->node, '/') - c->node), c->node);
    struct onnx_file_node *node = onnx_node(f, scope, "DequantizeLinear", NULL, ONNX_IN(in, scale));
    onnx_int(f, node, "axis", c->up ? 1 : 0);
    *name = onnx_out(node, 0);
    return 0;
}

/* x through QuantizeLinear and DequantizeLinear. */
static int add_input(struct onnx_network *n, int conv, const struct quantizer *q, const char **x,
                     struct err *err) {
    static const uint8_t zero[1];
    struct onnx_file *f = n->file;
    const struct conv *c = &n->graph->convs[conv];
    const float amax = n->options->amax->layers[n->fold->convs[conv].part[0].conv].input[AMAX_ALL].tensor;
    if (!(amax > 0))
        return err_set(err, ERR_FAILED,
                       "%s: its input is 0 in every image it was calibrated on; keep it in 16 bits", c->name);
    const enum onnx_type type = type_of(n, q);
    const char *scope = onnx_text(f, "%.*s/input_quantizer", (int)(strrchr(c->node, '/') - c->node), c->node),
               *scale = onnx_float(f, onnx_text(f, "%s.input_scale", c->name), format_unit(q, amax)),
               *zeros = onnx_tensor(f, type == ONNX_INT8 ? "zero_point_int8" : "zero_point_fp8", type, NULL,
                                    0, zero);
    struct onnx_file_node *codes = onnx_node(f, scope, "QuantizeLinear", NULL, ONNX_IN(*x, scale, zeros));
    *x =
        onnx_out(onnx_node(f, scope, "DequantizeLinear", NULL, ONNX_IN(onnx_out(codes, 0), scale, zeros)), 0);
    return 0;
}

int onnx_operands(struct onnx_network *n, int conv, const char *x, const char *operands[2], struct err *err) {
    const struct qcfg *qcfg = qcfg_of(n, &n->fold->convs[conv]);
    operands[0] = x;
    if (qcfg && format_quantizes(&qcfg->input) && add_input(n, conv, &qcfg->input, &operands[0], err))
        return -1;
    return add_weight(n, conv, qcfg, &operands[1], err);
}
