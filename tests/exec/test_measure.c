/* Measured damage against a plain network: every operation of the graph by itself, convolutions in double over operands
 * that the reference's quantizers made, the two distances as damage.md writes them. A small checkpoint at 64 pixels. */
#define _GNU_SOURCE
#include "measure_taken.h"
#include "op/op.h"

enum { SIZE = 64, IMAGES = 3 };

struct fixture {
    struct subject s;
    struct chw *shapes;
    float *truth[IMAGES]; /* the plain network's leaf */
};

/* ---- the plain network ---- */

/* What a channel-wise or whole operation computes, by the kernels that tests/op and tests/oracle check. */
static void run_op(const struct fixture *f, const struct op *op, float *const *values,
                   struct op_scratch *scratch, struct err *err) {
    const struct op_kernels *k = op_kernels(op->kind);
    struct op_task t = {.graph = f->s.graph, .op = op, .scratch = scratch};
    t.kept = malloc((op_room(k->kept, op, f->shapes) + 1) * sizeof *t.kept);
    t.out = (struct op_value){values[op->out], 0, f->shapes[op->out]};
    for (int i = 0; i < op->n_in; i++)
        t.in[i] = (struct op_value){values[op->in[i]], 0, f->shapes[op->in[i]]};
    size_t plane = op_plane(&t.out);
    if (op_rows[op->kind].place != OP_MAKES)
        memcpy(t.out.v, t.in[0].v + (size_t)op->from * plane, shape_numel(t.out.shape) * sizeof(float));
    else if (k->channel)
        for (size_t c = 0; c < (size_t)t.out.shape.c; c++)
            k->channel(&t, 0, c);
    else
        k->image(&t, 0, err);
    free(t.kept);
}

static void convolve(const struct conv *c, const float *x, struct chw in, const float *w, float *out,
                     struct chw to) {
    int cin = c->cin / c->groups;
    for (int o = 0; o < c->cout; o++)
        for (int oy = 0; oy < to.h; oy++)
            for (int ox = 0; ox < to.w; ox++) {
                double sum = c->bias ? c->bias[o] : 0;
                for (int i = 0; i < cin; i++)
                    for (int k = 0; k < c->kh * c->kw; k++) {
                        int y = oy * c->stride[0] - c->pad[0] + k / c->kw * c->dilation[0];
                        int xx = ox * c->stride[1] - c->pad[1] + k % c->kw * c->dilation[1];
                        int channel = o / (c->cout / c->groups) * cin + i;
                        if (y >= 0 && y < in.h && xx >= 0 && xx < in.w)
                            sum += (double)x[(channel * in.h + y) * in.w + xx] *
                                   w[(o * cin + i) * c->kh * c->kw + k];
                    }
                *out++ = (float)sum;
            }
}

static void run_conv(const struct fixture *f, const struct op *op, float *const *values, bool quantized) {
    const struct conv *c = &f->s.graph->convs[op->conv];
    const struct amax_layer *amax = &f->s.amax.layers[op->conv];
    const struct qcfg *q = &f->s.qcfg;
    struct chw in = f->shapes[op->in[0]];
    const float *x = values[op->in[0]];
    float *own = malloc((shape_numel(in) + (size_t)in.c) * sizeof *own), *channels = own + shape_numel(in),
          *w = malloc(conv_numel(c) * sizeof *w), all = 0;
    memcpy(own, x, shape_numel(in) * sizeof *own);
    memcpy(w, c->weight, conv_numel(c) * sizeof *w);
    if (quantized) {
        const struct amax_range *r = &amax->input[q->calib == CALIB_AWQ ? AMAX_AWQ : AMAX_ALL];
        for (int i = 0; i < in.c; i++) {
            channels[i] = fakequant_amax(x + i * in.h * in.w, (size_t)(in.h * in.w));
            all = fmaxf(all, channels[i]);
        }
        bool own_range = q->calib == CALIB_NONE;
        fakequant_input(&q->input, q->block_dim, x, 1, (size_t)in.c, (size_t)in.h, (size_t)in.w,
                        q->input.axis == QUANT_AXIS_NONE ? (own_range ? &all : &r->tensor)
                                                         : (own_range ? channels : r->channel),
                        own);
        fakequant_weight(&q->weight, q->block_dim, c->weight, (size_t)c->cout, (size_t)(c->cin / c->groups),
                         (size_t)c->kh, (size_t)c->kw,
                         q->weight.axis == QUANT_AXIS_NONE ? &amax->weight.tensor : amax->weight.channel, w);
    }
    convolve(c, own, in, w, values[op->out], f->shapes[op->out]);
    free(own);
    free(w);
}

/* The exported leaf; the caller frees it. */
static float *plain_leaf(const struct fixture *f, int image, const bool *quantized) {
    const struct graph *g = f->s.graph;
    float **values = calloc((size_t)g->n_values, sizeof(float *));
    struct op_scratch scratch = {0};
    struct err err = {0};
    int leaf = g->leaves[g->exported];
    pool_new(1, &scratch.pool, &err);
    conv_scratch_new(scratch.pool, &scratch.conv, &err);
    for (int v = 0; v < g->n_values; v++)
        values[v] = calloc(shape_numel(f->shapes[v]), sizeof(float));
    calib_to_float(f->s.images->images[image], f->s.images->image_bytes, values[0]);
    for (size_t i = 0; i < g->n_ops && g->ops[i].out <= leaf + g->n_values; i++) {
        const struct op *op = &g->ops[i];
        if (op->kind == OP_CONV)
            run_conv(f, op, values, quantized && quantized[op->conv] && g->convs[op->conv].exported);
        else
            run_op(f, op, values, &scratch, &err);
    }
    float *out = values[leaf];
    values[leaf] = NULL;
    for (int v = 0; v < g->n_values; v++)
        free(values[v]);
    free(values);
    free(scratch.memory);
    conv_scratch_free(&scratch.conv);
    pool_free(&scratch.pool);
    return out;
}

/* ---- damage ---- */

static double clamp(double p) {
    return fmin(fmax(p, 1e-6), 1 - 1e-6);
}

static double plain_kl(const struct fixture *f, const float *truth, const float *other) {
    struct chw s = f->shapes[f->s.graph->leaves[f->s.graph->exported]];
    double sum = 0;
    for (size_t i = 4 * (size_t)s.w; i < shape_numel(s); i++) {
        double p = clamp(truth[i]), q = clamp(other[i]);
        sum += p * log(p / q) + (1 - p) * log((1 - p) / (1 - q));
    }
    return sum;
}

static double plain_box_loss(const struct fixture *f, const float *truth, const float *other, size_t *sure) {
    struct chw s = f->shapes[f->s.graph->leaves[f->s.graph->exported]];
    double sum = 0;
    *sure = 0;
    for (int64_t a = 0; a < s.w; a++) {
        float conf = 0;
        struct detect_box b[2];
        for (int64_t k = 4; k < s.c; k++)
            conf = fmaxf(conf, truth[k * s.w + a]);
        if (!(conf > MEASURE_SURE))
            continue;
        for (int i = 0; i < 2; i++) {
            const float *y = (i ? other : truth) + a;
            b[i] = (struct detect_box){(double)y[0] - (double)y[2 * s.w] / 2,
                                       (double)y[s.w] - (double)y[3 * s.w] / 2,
                                       y[2 * s.w],
                                       y[3 * s.w],
                                       0,
                                       0};
        }
        sum += 1 - detect_iou(&b[0], &b[1]);
        ++*sure;
    }
    return sum;
}

/* ---- checks ---- */

static void check_against_plain(const struct fixture *f, const struct taken *t, const char *cell) {
    size_t n = IMAGES * f->s.n_variants, sure;
    double *room = calloc(4 * n, sizeof *room), *got[2] = {room, room + n},
           *want[2] = {room + 2 * n, room + 3 * n};
    bool sure_same = true, found_same = true;
    struct comparison c;
    for (size_t at = 0; at < n; at++) {
        const struct measure_result *r = &t->results[at];
        const struct measure_variant *v = &f->s.variants[at % f->s.n_variants];
        size_t image = at / f->s.n_variants;
        float *leaf = plain_leaf(f, (int)image, v->quantized);
        const struct detect_output y = {leaf, f->s.graph->classes,
                                        (size_t)f->shapes[f->s.graph->leaves[f->s.graph->exported]].w};
        struct detect_box boxes[AP_FOUND_MAX];
        size_t found = detect_find(&y, MEASURE_LEAST, AP_FOUND_MAX, boxes);
        got[0][at] = r->class_kl;
        got[1][at] = r->box_loss;
        want[0][at] = plain_kl(f, f->truth[image], leaf);
        want[1][at] = plain_box_loss(f, f->truth[image], leaf, &sure);
        sure_same = sure_same && sure == t->sure[image];
        found_same = found_same && r->found.n == (v->finds ? found : 0);
        for (size_t k = 0; k < r->found.n; k++)
            found_same = found_same && fabsf(r->found.boxes[k].score - boxes[k].score) < 0.01f;
        free(leaf);
    }
    compare(&c, got[0], want[0], n);
    CHECK(c.worst <= 1 && c.most > 0.1, "%s: class_kl: %.2f of what is allowed; up to %.2g nats", cell,
          c.worst, c.most);
    compare(&c, got[1], want[1], n);
    CHECK(c.worst <= 1 && c.most > 0.01, "%s: box_loss: %.2f of what is allowed; up to %.2g", cell, c.worst,
          c.most);
    CHECK(sure_same && t->sure[0] > 0, "%s: sure anchors are counted (%zu)", cell, t->sure[0]);
    CHECK(found_same, "%s: detections are the plain network's", cell);
    free(room);
}

static void test_cell(struct fixture *f, struct qcfg_choice choice, size_t every) {
    char cell[100];
    struct err err = {0};
    snprintf(cell, sizeof cell, "%s-%s/%s", choice.weight, choice.act, choice.granularity);
    make_variants(&f->s, every);
    struct taken one = taken_new(IMAGES, f->s.n_variants), again = taken_new(IMAGES, f->s.n_variants);
    if (qcfg_build(&f->s.qcfg, &choice, &err) || measure(&f->s, "cpu", 1, 1, NULL, &one, &err) ||
        measure(&f->s, "cpu", 3, 2, NULL, &again, &err)) {
        CHECK(false, "%s: %s", cell, err.msg);
    } else {
        check_against_plain(f, &one, cell);
        CHECK(same(&one, &again), "%s: the same bytes with three threads, and from a second run", cell);
        CHECK(one.results[f->s.n_variants - 1].class_kl == 0, "%s: training's head has no part", cell);
    }
    taken_free(&one);
    taken_free(&again);
    free_variants(&f->s);
}

/* A number that is none names its layer, in the unquantized network and in a variant. */
static void test_not_finite(struct fixture *f) {
    struct qcfg_choice choice = {"int8", "int8", "per_layer", "nvfp4", "blockwise", "modelopt", 0};
    struct err err = {0};
    size_t conv = 3;
    struct conv *c = &f->s.graph->convs[conv];
    float was = c->weight[0], *amax = &f->s.amax.layers[conv].input[AMAX_ALL].tensor, range = *amax;
    make_variants(&f->s, 1000);
    struct taken t = taken_new(IMAGES, f->s.n_variants);
    qcfg_build(&f->s.qcfg, &choice, &err);
    c->weight[0] = INFINITY;
    CHECK(measure(&f->s, "cpu", 2, 1, NULL, &t, &err) && strstr(err.msg, c->name) &&
              strstr(err.msg, "image 0") && !strstr(err.msg, "quantized"),
          "the unquantized network: %s", err.msg);
    c->weight[0] = was;
    *amax = NAN;
    err = (struct err){0};
    CHECK(measure(&f->s, "cpu", 2, 1, NULL, &t, &err) && strstr(err.msg, c->name) &&
              strstr(err.msg, "quantized"),
          "a quantized one: %s", err.msg);
    *amax = range;
    taken_free(&t);
    free_variants(&f->s);
}

static int write_images(const char *path, struct err *err) {
    struct calib_writer *w = NULL;
    size_t n = calib_image_bytes(SIZE);
    uint8_t *bytes = malloc(n);
    char sha256[DIGEST_HEX] = "";
    memset(sha256, '0', DIGEST_HEX - 1);
    int ret = calib_create(path, NULL, IMAGES, SIZE, &w, err);
    for (int i = 0; i < IMAGES && !ret; i++) {
        char name[16];
        snprintf(name, sizeof name, "image %d", i);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)(128 + 127 * uniform());
        ret = calib_put(w, name, sha256, bytes, err);
    }
    free(bytes);
    return ret ? ret : calib_finish(&w, NULL, err);
}

/* Classes that are sure of some anchors, as a trained head is. */
static void make_sure(struct graph *g) {
    for (size_t i = 0; i < g->n_convs; i++) {
        struct conv *c = &g->convs[i];
        if (c->cout != g->classes || !c->exported)
            continue;
        for (size_t k = 0; k < conv_numel(c); k++)
            c->weight[k] *= 100;
        for (int k = 0; k < c->cout; k++)
            c->bias[k] = -1 - (float)k;
    }
}

static int fixture_open(struct fixture *f, struct err *err) {
    int ret = subject_open(&f->s, "tests/ultralytics/tiny.pt", make_sure, write_images, err);
    ret = ret ? ret : graph_shapes(f->s.graph, SIZE, &f->shapes, err);
    for (int i = 0; i < IMAGES && !ret; i++)
        f->truth[i] = plain_leaf(f, i, NULL);
    return ret;
}

static void fixture_close(struct fixture *f) {
    for (int i = 0; i < IMAGES; i++)
        free(f->truth[i]);
    free(f->shapes);
    subject_close(&f->s);
}

int main(void) {
    struct fixture f = {0};
    struct err err = {0};
    int ret = fixture_open(&f, &err);
    CHECK(ret == 0, "a network, images, ranges: %s", err.msg);
    if (!ret) {
        test_cell(&f, (struct qcfg_choice){"fp8", "fp8", "per_layer", "nvfp4", "blockwise", "modelopt", 0},
                  1);
        test_cell(&f, (struct qcfg_choice){"fp8", "fp8", "per_channel", "nvfp4", "blockwise", "modelopt", 0},
                  9);
        test_cell(&f, (struct qcfg_choice){"fp4", "fp4", "per_layer", "mxfp4", "blockwise", "reduction", 0},
                  9);
        test_cell(&f, (struct qcfg_choice){"int4", "fp16", "per_layer", "nvfp4", "awq", "modelopt", 0}, 9);
        test_no_change(&f.s, "cpu");
        test_not_finite(&f);
    }
    fixture_close(&f);
    return test_end();
}
