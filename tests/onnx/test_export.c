/* ONNX files as protobuf-c reads them back: they hold together; codes and scales say what the cell's weights are, folded;
 * what ONNX lacks is refused. That ONNX Runtime computes the same from them: long_runtime.sh. */
#define _GNU_SOURCE
#include "model/fold.h"
#include "onnx/export.h"
#include "pt/checkpoint.h"
#include "test.h"

#include <onnx.pb-c.h>

#include <stdlib.h>
#include <unistd.h>

enum { SIZE = 96 };

static const float input_amax = 2.5f;

static Onnx__ModelProto *read_back(const char *path) {
    FILE *f = fopen(path, "rb");
    Onnx__ModelProto *model = NULL;
    uint8_t *bytes = NULL;
    if (f && fseek(f, 0, SEEK_END) == 0) {
        size_t n = (size_t)ftell(f);
        rewind(f);
        if ((bytes = malloc(n)) && fread(bytes, 1, n, f) == n)
            model = onnx__model_proto__unpack(NULL, n, bytes);
    }
    free(bytes);
    if (f)
        fclose(f);
    return model;
}

static Onnx__ModelProto *exported(const struct graph *g, const struct onnx_options *o) {
    char path[] = "/tmp/yolosens-onnx-XXXXXX";
    struct err err = {0};
    int fd = mkstemp(path);
    if (fd >= 0)
        close(fd);
    bool ok = fd >= 0 && onnx_export(g, o, path, &err) == 0;
    Onnx__ModelProto *model = ok ? read_back(path) : NULL;
    CHECK(model, "a file is written and read %s", err.msg);
    unlink(path);
    return model;
}

static const Onnx__TensorProto *tensor(const Onnx__GraphProto *g, const char *name) {
    for (size_t i = 0; i < g->n_initializer; i++)
        if (strcmp(g->initializer[i]->name, name) == 0)
            return g->initializer[i];
    return NULL;
}

/* Whether value is the image, an initializer or made by one of the first n nodes; how often. */
static int makers(const Onnx__GraphProto *g, const char *value, size_t n) {
    int found = strcmp(value, g->input[0]->name) == 0;
    for (size_t i = 0; i < g->n_initializer; i++)
        found += strcmp(g->initializer[i]->name, value) == 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < g->node[i]->n_output; k++)
            found += strcmp(g->node[i]->output[k], value) == 0;
    return found;
}

static int count(const Onnx__GraphProto *g, const char *type) {
    int n = 0;
    for (size_t i = 0; i < g->n_node; i++)
        n += strcmp(g->node[i]->op_type, type) == 0;
    return n;
}

static void check_whole(const Onnx__ModelProto *m, int convs) {
    const Onnx__GraphProto *g = m->graph;
    bool ordered = true, named = true, sized = true;
    for (size_t i = 0; i < g->n_node; i++) {
        for (size_t k = 0; k < g->node[i]->n_input; k++)
            ordered = ordered && (!*g->node[i]->input[k] || makers(g, g->node[i]->input[k], i) == 1);
        for (size_t k = 0; k < i; k++)
            named = named && strcmp(g->node[i]->name, g->node[k]->name) != 0;
    }
    for (size_t i = 0; i < g->n_initializer; i++) {
        const Onnx__TensorProto *t = g->initializer[i];
        size_t n = t->data_type == 1 ? 4 : t->data_type == 7 ? 8 : 1;
        for (size_t k = 0; k < t->n_dims; k++)
            n *= (size_t)t->dims[k];
        sized = sized && n == t->raw_data.len;
    }
    CHECK(ordered, "what each of %zu nodes reads is made once, and before", g->n_node);
    CHECK(named, "no two nodes have one name");
    CHECK(sized, "%zu tensors have the bytes of their shapes", g->n_initializer);
    CHECK(count(g, "Conv") == convs && count(g, "BatchNormalization") == 0, "%d convolutions, no BatchNorm",
          count(g, "Conv"));
    CHECK(g->n_output == 1 && makers(g, g->output[0]->name, g->n_node) == 1, "its output is made");
}

static int64_t output_side(const Onnx__ModelProto *m, size_t side) {
    return m->graph->output[0]->type->tensor_type->shape->dim[side]->dim_value;
}

static const char *metadata(const Onnx__ModelProto *m, const char *key) {
    for (size_t i = 0; i < m->n_metadata_props; i++)
        if (strcmp(m->metadata_props[i]->key, key) == 0)
            return m->metadata_props[i]->value;
    return NULL;
}

static void test_float(const struct graph *g) {
    struct onnx_options o = {.size = SIZE, .leaf = g->exported};
    static const char *const classes[] = {"it's", "a \"b\"\\'"};
    Onnx__ModelProto *m = exported(g, &o);
    if (m) {
        check_whole(m, 56);
        CHECK(output_side(m, 1) == 6 && output_side(m, 2) == 180, "boxes and classes of 180 cells");
        CHECK(m->opset_import[0]->version == 18 && m->ir_version == 8, "in operators of version 18");
        CHECK_STR(metadata(m, "names"), "{0: '0', 1: '1'}", "classes without names have numbers");
        CHECK_STR(metadata(m, "imgsz"), "[96, 96]", "the size of its images");
        CHECK_STR(metadata(m, "stride"), "16", "the largest stride");
        onnx__model_proto__free_unpacked(m, NULL);
    }
    o.end2end = o.dynamic_batch = true;
    o.classes = classes;
    if ((m = exported(g, &o))) {
        check_whole(m, 56);
        CHECK(output_side(m, 1) == 180 && output_side(m, 2) == 6, "no more detections than there are cells");
        CHECK_STR(m->graph->input[0]->type->tensor_type->shape->dim[0]->dim_param, "batch",
                  "any number of images");
        CHECK_STR(metadata(m, "names"), "{0: \"it's\", 1: 'a \"b\"\\\\\\''}",
                  "names are quoted as Python does");
        CHECK_STR(metadata(m, "end2end"), "True", "it says that it is end to end");
        onnx__model_proto__free_unpacked(m, NULL);
    }
}

/* What a code means, from the definition of its type. */
static double meaning(const Onnx__TensorProto *t, size_t i) {
    uint8_t code = t->raw_data.data[i];
    if (t->data_type == 3)
        return (int8_t)code;
    int exponent = code >> 3 & 15, eighths = code & 7;
    double m = exponent ? ldexp(8 + eighths, exponent - 10) : ldexp(eighths, -9);
    return code & 0x80 ? -m : m;
}

/* The quantized value of v, from the definition of the format (numerics.md). */
static double quantized(const struct quantizer *q, double v, double amax) {
    if (amax == 0)
        return 0;
    if (q->format == QUANT_INT8)
        return rint(v * 127 / amax) * amax / 127;
    double u = v * 448 / amax, step = ldexp(1, (u != 0 && fabs(u) >= ldexp(1, -6) ? ilogb(u) : -6) - 3);
    return rint(u / step) * step * amax / 448;
}

static double largest(const float *v, size_t n) {
    double m = 0;
    for (size_t i = 0; i < n; i++)
        m = fmax(m, fabs(v[i]));
    return m;
}

/* How many of a convolution's weights are not the cell's, folded; where v lies between two codes, either is. */
static size_t wrong_weights(const struct graph *g, const struct conv *c, const struct quantizer *q,
                            const Onnx__TensorProto *codes, const Onnx__TensorProto *scales) {
    const struct bn *bn = NULL;
    char name[300];
    snprintf(name, sizeof name, "%.*sbn", (int)(strrchr(c->name, '.') + 1 - c->name), c->name);
    for (size_t i = 0; i < g->n_bns && !bn; i++)
        if (strcmp(g->bns[i].name, name) == 0)
            bn = &g->bns[i];
    const size_t per = conv_numel(c) / (size_t)c->cout;
    const float *scale = (const float *)scales->raw_data.data;
    size_t wrong = 0;
    for (size_t k = 0; k < (size_t)c->cout; k++) {
        const double amax =
                         q->axis == 0 ? largest(c->weight + k * per, per) : largest(c->weight, conv_numel(c)),
                     factor = bn ? bn->weight[k] / sqrt(bn->var[k] + bn->eps) : 1;
        wrong += !(scale[k] > 0);
        for (size_t i = k * per; i < (k + 1) * per; i++) {
            const double got = meaning(codes, i) * scale[k], v = c->weight[i];
            bool right = false;
            for (int side = -1; side <= 1; side++)
                right |= fabs(got - quantized(q, v * (1 + 1e-6 * side), amax) * factor) <=
                         1e-6 * amax * fabs(factor);
            wrong += !right;
        }
    }
    return wrong;
}

static void test_quantized(const struct graph *g, int convs, const char *merged, const char *weight,
                           const char *act, const char *granularity) {
    struct qcfg qcfg;
    struct err err = {0};
    struct amax amax = {0};
    const struct qcfg **qcfgs = calloc(g->n_convs, sizeof *qcfgs);
    const struct qcfg_choice choice = {
        weight, act, granularity, qcfg_fp4_presets[0], qcfg_int4_presets[0], qcfg_block_dims[0], 0};
    const char *left = "model.2.cv1.conv";
    bool ok = qcfgs && !qcfg_build(&qcfg, &choice, &err) && !amax_new(g, 10, 1, &amax, &err);
    for (size_t i = 0; ok && i < g->n_convs; i++) {
        float *channels = calloc((size_t)g->convs[i].cin, sizeof *channels);
        channels[0] = input_amax;
        ok = !amax_add_input(&amax, g, i, channels, false, &err);
        qcfgs[i] = strcmp(g->convs[i].name, left) == 0 ? NULL : &qcfg;
        free(channels);
    }
    const struct onnx_options o = {.size = SIZE, .leaf = g->exported, .qcfgs = qcfgs, .amax = &amax};
    Onnx__ModelProto *m = ok ? exported(g, &o) : NULL;
    const bool inputs = qcfg.input.format != QUANT_OFF;
    if (m) {
        const bool fp8 = qcfg.weight.format == QUANT_FP8 || qcfg.input.format == QUANT_FP8;
        check_whole(m, convs);
        CHECK(count(m->graph, "QuantizeLinear") == (inputs ? convs - 1 : 0) &&
                  count(m->graph, "DequantizeLinear") == (convs - 1) * (inputs ? 2 : 1),
              "all of %s-%s but one are quantized", weight, act);
        CHECK(m->opset_import[0]->version == (fp8 ? 19 : 18), "version of operators: %d",
              (int)m->opset_import[0]->version);
        size_t wrong = 0, layers = 0;
        for (size_t i = 0; i < g->n_convs; i++) {
            char name[300];
            snprintf(name, sizeof name, "%s.weight", g->convs[i].name);
            const Onnx__TensorProto *codes = tensor(m->graph, name);
            snprintf(name, sizeof name, "%s.weight_scale", g->convs[i].name);
            const Onnx__TensorProto *scales = tensor(m->graph, name);
            if (codes && scales) {
                wrong += wrong_weights(g, &g->convs[i], &qcfg.weight, codes, scales);
                layers++;
            }
        }
        CHECK(layers + 2 == (size_t)convs && wrong == 0,
              "weights of %zu layers are the cell's, folded: %zu are not", layers, wrong);
        const Onnx__TensorProto *kept = tensor(m->graph, "model.2.cv1.conv.weight"),
                                *both = tensor(m->graph, merged),
                                *scale = tensor(m->graph, "model.0.conv.input_scale");
        CHECK(kept && kept->data_type == 1, "the one is in float32");
        CHECK(both && both->data_type != 1, "RepVGGDW's kernel is quantized");
        if (inputs) {
            float step = 0;
            if (scale)
                memcpy(&step, scale->raw_data.data, sizeof step);
            CHECK_CLOSE(step, input_amax / (qcfg.input.format == QUANT_FP8 ? 448 : 127), 1e-6,
                        "an input's scale");
        }
        onnx__model_proto__free_unpacked(m, NULL);
    } else {
        CHECK(false, "%s", err.msg);
    }
    amax_free(&amax);
    free(qcfgs);
}

/* Of all cells that there are. */
static void test_refusals(void) {
    int taken = 0, refused = 0, wrong = 0;
    for (const char *const *w = qcfg_weight_dtypes; *w; w++)
        for (const char *const *a = qcfg_act_dtypes; *a; a++)
            for (const char *const *g = qcfg_granularities; *g; g++)
                for (const char *const *p = qcfg_int4_presets; *p; p++) {
                    const struct qcfg_choice choice = {
                        *w, *a, *g, qcfg_fp4_presets[0], *p, qcfg_block_dims[0], 0};
                    struct qcfg qcfg;
                    struct err err = {0};
                    if (qcfg_build(&qcfg, &choice, NULL))
                        continue;
                    bool can = strchr(*w, '8') && (strchr(*a, '8') || strchr(*a, '6')) &&
                               (strcmp(*g, "per_channel") != 0 || strchr(*a, '6')),
                         does = onnx_check_qcfg(&qcfg, &err) == 0;
                    wrong += can != does || (!does && (err.code != ERR_UNSUPPORTED ||
                                                       (!strstr(err.msg, *w) && !strstr(err.msg, *a))));
                    *(does ? &taken : &refused) += 1;
                }
    CHECK(taken > 0 && refused > 0 && wrong == 0,
          "formats of 8 bits with a scale for each output channel or a tensor: %d; %d refused by name", taken,
          refused);
}

static struct graph *build(const char *path) {
    struct checkpoint *checkpoint = NULL;
    struct graph *g = NULL;
    struct err err = {0};
    CHECK(!checkpoint_open(path, &checkpoint, &err) && !graph_build(checkpoint_root(checkpoint), &g, &err),
          "%s %s", path, err.msg);
    checkpoint_free(&checkpoint);
    return g;
}

int main(void) {
    struct graph *tiny = build("tests/ultralytics/tiny.pt"), *n = build(TEST_CHECKPOINT);
    if (tiny) {
        const char *merged = "model.4.m.0.cv1.2.conv.weight";
        test_float(tiny);
        tiny->bns[0].weight[0] *= -1; /* a channel that is turned round, and one that is gone */
        tiny->bns[0].weight[1] = 0;
        test_quantized(tiny, 56, merged, "int8", "int8", "per_channel_weight");
        test_quantized(tiny, 56, merged, "int8", "fp16", "per_channel");
        test_quantized(tiny, 56, merged, "int8", "fp8", "per_layer");
    }
    if (n) {
        const char *merged = "model.22.m.0.cv1.2.conv.weight";
        test_quantized(n, 83, merged, "int8", "int8", "per_layer");
        test_quantized(n, 83, merged, "fp8", "fp8", "per_channel_weight");
        test_quantized(n, 83, merged, "fp8", "int8", "per_layer");
    }
    test_refusals();
    graph_free(&tiny);
    graph_free(&n);
    return test_end();
}
