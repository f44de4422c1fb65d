/* Scores of the formats that runtimes run, and of int4 with axis scales, of the network as it is trained and folded,
 * against libtorch: its gradients, and its
 * convolutions of operands that slow_fakequant.h quantizes; ours by the tools, at every processor level. What has oracles
 * of its own is taken from ours: amax, and a convolution's input, of which an ulp would decide where a rounding tie
 * falls. */
#define _GNU_SOURCE
#include "exec/session.h"
#include "format/slow_fakequant.h"
#include "oracle/record.h"

#include <unistd.h>

enum { SIZE = 96, IMAGES = 10, CELLS_MAX = 40 };
static const char checkpoint[] = TEST_CHECKPOINT;
static const double allowed_score = 3e-4; /* relative, of any layer: small differences of float32 sums */

static struct err err;
static char dir[] = "/tmp/yolosens-score-XXXXXX";

/* Runs a command of printf format in a shell; false if it fails. */
__attribute__((format(printf, 1, 2))) static bool run(const char *fmt, ...) {
    char *command = NULL;
    va_list ap;
    va_start(ap, fmt);
    bool good = vasprintf(&command, fmt, ap) >= 0 && system(command) == 0;
    va_end(ap);
    if (!good)
        CHECK(false, "%s", command);
    free(command);
    return good;
}

struct cell {
    struct qcfg qcfg;
    char name[64];
    double *scores; /* of each convolution, by libtorch */
};
static struct cell cells[CELLS_MAX];
static size_t n_cells;

/* only: a granularity; NULL: all. */
static void all_cells(const struct graph *g, const char *only) {
    static const char *const weights[] = {"int4", "int8", "fp8"}, *const acts[] = {"int4", "int8", "fp8",
                                                                                   "fp16"};
    for (size_t i = 0; i < 12; i++)
        for (const char *const *granularity = qcfg_granularities; *granularity; granularity++) {
            struct cell *c = &cells[n_cells];
            if (only && strcmp(*granularity, only) != 0)
                continue;
            const struct qcfg_choice choice = {
                weights[i / 4], acts[i % 4], *granularity, "nvfp4", "axis", "modelopt", 0};
            if (qcfg_build(&c->qcfg, &choice, &err)) {
                CHECK(false, "%s", err.msg);
                continue;
            }
            snprintf(c->name, sizeof c->name, "%s-%s-%s", choice.weight, choice.act, choice.granularity);
            c->scores = calloc(g->n_convs, sizeof *c->scores);
            n_cells++;
        }
}

/* A quantized tensor of dim. Caller frees *values after the tensor. */
static struct tc_tensor *quantized(const struct quantizer *q, bool input, const float *v, const size_t dim[4],
                                   const struct amax_range *range, float **values) {
    struct tc_tensor *t = NULL;
    *values = malloc(dim[0] * dim[1] * dim[2] * dim[3] * sizeof **values);
    slow_fakequant(q, BLOCK_DIM_MODELOPT, input, v, dim,
                   q->axis == QUANT_AXIS_NONE ? &range->tensor : range->channel, *values);
    if (tc_from_floats(*values,
                       (int64_t[]){(int64_t)dim[0], (int64_t)dim[1], (int64_t)dim[2], (int64_t)dim[3]}, 4, &t,
                       &err))
        CHECK(false, "%s", err.msg);
    return t;
}

/* A convolution's operands, quantized in the ways that cells do it, each once. */
struct operands {
    struct quantizer q[CELLS_MAX];
    struct tc_tensor *t[CELLS_MAX];
    float *values[CELLS_MAX];
    size_t n;
};

static struct tc_tensor *operand(struct operands *o, const struct quantizer *q, bool input, const float *v,
                                 const size_t dim[4], const struct amax_range *range) {
    for (size_t i = 0; i < o->n; i++)
        if (o->q[i].format == q->format && o->q[i].axis == q->axis)
            return o->t[i];
    o->q[o->n] = *q;
    o->t[o->n] = quantized(q, input, v, dim, range, &o->values[o->n]);
    return o->t[o->n++];
}

static void operands_free(struct operands *o) {
    for (size_t i = 0; i < o->n; i++) {
        tc_free(&o->t[i]);
        free(o->values[i]);
    }
}

/* Every cell's score of convolution i: the last call's difference under the sum of all calls' g^2. */
static void score_layer(const struct graph *g, const struct amax *amax, const struct pass *pass,
                        const struct record *ours, size_t i) {
    const struct conv *c = &g->convs[i];
    const struct network_call *last = NULL;
    struct operands weights = {.n = 0}, inputs = {.n = 0};
    const struct seen *seen = find(ours, i, (size_t)c->calls - 1);
    struct tc_tensor *bias = NULL, *x = NULL, *weight = NULL, *unquantized = NULL, *y = NULL;
    const float *plain = NULL, *v;
    double *g2 = NULL;
    size_t n = 0;
    int64_t shape[TC_DIMS_MAX];
    int ndim;
    for (size_t k = 0; k < pass->n_calls; k++)
        if (pass->calls[k].conv == i) {
            last = &pass->calls[k];
            tc_floats(last->g, &v, &n, &err);
            g2 = g2 ? g2 : calloc(n, sizeof *g2);
            for (size_t e = 0; e < n; e++)
                g2[e] += (double)v[e] * v[e];
        }
    if (!last || !seen || tc_shape(last->x, shape, &ndim, &err) ||
        tc_from_floats(seen->v[0], shape, 4, &x, &err) ||
        tc_from_floats(c->weight, (int64_t[]){c->cout, c->cin / c->groups, c->kh, c->kw}, 4, &weight, &err) ||
        (c->bias && tc_from_floats(c->bias, (int64_t[]){c->cout}, 1, &bias, &err)) ||
        tc_conv2d(x, weight, bias, c->stride, c->pad, c->dilation, c->groups, &unquantized, &err) ||
        tc_floats(unquantized, &plain, &n, &err)) {
        CHECK(false, "%s: %s", c->name, err.msg);
        goto out;
    }
    const size_t x_dim[] = {(size_t)shape[0], (size_t)shape[1], (size_t)shape[2], (size_t)shape[3]},
                 w_dim[] = {(size_t)c->cout, (size_t)(c->cin / c->groups), (size_t)c->kh, (size_t)c->kw};
    for (size_t k = 0; k < n_cells; k++) {
        const struct qcfg *q = &cells[k].qcfg;
        struct tc_tensor *w = operand(&weights, &q->weight, false, c->weight, w_dim, &amax->layers[i].weight),
                         *in = operand(&inputs, &q->input, true, seen->v[0], x_dim,
                                       &amax->layers[i].input[AMAX_ALL]);
        double sum = 0;
        if (tc_conv2d(in, w, bias, c->stride, c->pad, c->dilation, c->groups, &y, &err) ||
            tc_floats(y, &v, &n, &err))
            CHECK(false, "%s: %s", c->name, err.msg);
        for (size_t e = 0; y && e < n; e++) {
            double d = (double)v[e] - plain[e];
            sum += g2[e] * d * d;
        }
        cells[k].scores[i] = sum;
        tc_free(&y);
    }
out:
    operands_free(&weights);
    operands_free(&inputs);
    tc_free(&bias);
    tc_free(&x);
    tc_free(&weight);
    tc_free(&unquantized);
    free(g2);
}

/* *inputs: those of the last time; where a level's have the same bits, so have the scores. */
static void score_by_libtorch(const struct session *s, struct record *inputs) {
    struct network *net = NULL;
    struct pass pass = {0};
    struct record now = {0};
    float *image = malloc(s->images->image_bytes * sizeof *image);
    double loss;
    calib_to_float(s->images->images[0], s->images->image_bytes, image);
    if (by_ours(s->graph, image, 1, SIZE, 2, 1, &now, &loss) && !same_bits(&now, inputs)) {
        if (network_new(s->graph, &net, &err) || network_score_pass(net, image, 1, SIZE, &pass, &err))
            CHECK(false, "%s", err.msg);
        for (size_t i = 0; i < s->graph->n_convs; i++)
            score_layer(s->graph, &s->amax, &pass, &now, i);
    }
    record_free(inputs);
    *inputs = now;
    pass_free(&pass);
    network_free(&net);
    free(image);
}

static void compare_cell(const struct session *s, const struct cell *c, const char *level) {
    const struct graph *g = s->graph;
    char path[128];
    struct scores scores;
    struct worst worst = {0, ""};
    snprintf(path, sizeof path, "%s/%s.json", dir, c->name);
    if (scores_read(path, &scores, &err)) {
        CHECK(false, "%s", err.msg);
        return;
    }
    size_t same = 0;
    for (size_t i = 0; i < g->n_convs && scores.n_layers == g->n_convs; i++) {
        take(&worst, fabs(scores.layers[i].score[SCORES_MODELOPT] - c->scores[i]) / c->scores[i],
             g->convs[i].name);
        same += strcmp(scores.layers[i].name, g->convs[i].name) == 0 && scores.fold == s->options.fold;
    }
    CHECK(same == g->n_convs && worst.error <= allowed_score,
          "%s, %s%s: %zu layers, worst error %.1e of %.0e (%s)", level, c->name,
          s->options.fold ? " folded" : "", same, worst.error, allowed_score, worst.conv);
    scores_free(&scores);
}

static bool score_by_ours(const char *bin, const char *level, const char *fold) {
    char operands[CELLS_MAX * 160] = "";
    for (size_t i = 0; i < n_cells; i++) {
        size_t n = strlen(operands);
        snprintf(operands + n, sizeof operands - n, " %s/%s.q=%s/%s.json", dir, cells[i].name, dir,
                 cells[i].name);
    }
    return run(
        "YOLOSENS_CPU=%s %s/sens-score --model %s%s --calib %s/calib --amax %s/amax --score-size 1 --device "
        "cpu%s 2>/dev/null",
        level, bin, checkpoint, fold, dir, dir, operands);
}

/* fold: "", or " --fold". convs: that the network has. */
static void test_all(const char *bin, const char *fold, size_t convs) {
    struct session s = {0};
    char calib[64], amax[64];
    snprintf(calib, sizeof calib, "%s/calib", dir);
    snprintf(amax, sizeof amax, "%s/amax", dir);
    struct session_options options = {
        .model = checkpoint, .calib = calib, .device = "cpu", .threads = 2, .batch_size = 1, .fold = *fold};
    if (!run("%s/calib-prep --list calib/quant100.txt --count %d --size %d -o %s", bin, IMAGES, SIZE,
             calib) ||
        !run("%s/calib-stats --model %s%s --calib %s --device cpu -o %s 2>/dev/null", bin, checkpoint, fold,
             calib, amax))
        return;
    if (session_open(&s, &options, &err) || calib_wait(s.images, 0, &err) ||
        session_read_amax(&s, amax, &err)) {
        CHECK(false, "%s", err.msg);
        session_close(&s);
        return;
    }
    all_cells(s.graph, *fold ? "per_channel_weight" : NULL);
    CHECK(n_cells == (*fold ? 12 : 36) && s.graph->n_convs == convs, "%zu cells of %zu convolutions", n_cells,
          s.graph->n_convs);
    for (size_t i = 0; i < n_cells; i++)
        run("%s/qcfg-build %s=%s/%s.q --int4-preset axis", bin, cells[i].name, dir, cells[i].name);
    struct record inputs = {0};
    for (int level = 0; level < CPU_LEVELS; level++) {
        if (cpu_level_force((enum cpu_level)level, &err)) {
            printf("# skip level %s: this processor lacks it\n", cpu_level_names[level]);
            continue;
        }
        score_by_libtorch(&s, &inputs);
        if (score_by_ours(bin, cpu_level_names[level], fold))
            for (size_t i = 0; i < n_cells; i++)
                compare_cell(&s, &cells[i], cpu_level_names[level]);
    }
    record_free(&inputs);
    for (size_t i = 0; i < n_cells; i++)
        free(cells[i].scores);
    n_cells = 0;
    session_close(&s);
}

int main(void) {
    char bin[256];
    snprintf(bin, sizeof bin, "%s/bin", getenv("BUILD") ? getenv("BUILD") : "build");
    if (tc_init(&err) || !mkdtemp(dir)) {
        CHECK(false, "%s", err.msg);
        return test_end();
    }
    test_all(bin, "", 108);
    test_all(bin, " --fold", 83);
    run("rm -r %s", dir);
    return test_end();
}
