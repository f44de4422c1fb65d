/* bench of one model on a GPU: time, rate and shares of the card's peaks for each convolution in each phase
 * of a sweep, all scorable cells of the grid at once; a table on standard output, the same as JSON into a
 * file.
 *
 *     bench-cuda CHECKPOINT CALIB SCORE_SIZE JSON
 */
#include "base/json.h"
#include "exec/cuda/device.h"
#include "exec/score.h"
#include "exec/session.h"
#include "model/shape.h"
#include "peak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const phase_names[CUDA_PHASES] = {"calibration", "forward", "backward", "score"};

/* What a phase does to a convolution, all images: operations of its products, and the bytes that it cannot
 * but move: inputs read and outputs written once, float32; of scores, an input read and two bytes of codes
 * written and read for each way of quantizing it, and y and g read for each cell. */
struct work {
    double operations, bytes;
};

struct bench {
    struct session session;
    struct cuda_peak peak;
    struct pairs plan;
    int score_images;
    double *ms;           /* [phase * n_convs + conv] */
    struct chw *in, *out; /* of each convolution */
};

static int all_cells(struct qcfg *cells, int room) {
    int n = 0;
    for (const char *const *w = qcfg_weight_dtypes; *w; w++)
        for (const char *const *a = qcfg_act_dtypes; *a; a++)
            for (const char *const *g = qcfg_granularities; *g && n < room; g++) {
                const struct qcfg_choice choice = {*w, *a, *g, "nvfp4", "blockwise", "modelopt", 0};
                struct err err = {0};
                if (strcmp(*a, "fp16") && qcfg_granularity_of(*g)->usual &&
                    qcfg_build(&cells[n], &choice, &err) == 0)
                    n++;
            }
    return n;
}

static int find_shapes(struct bench *b, struct err *err) {
    const struct graph *g = b->session.graph;
    struct chw *shapes = NULL;
    b->in = calloc(g->n_convs, sizeof *b->in);
    b->out = calloc(g->n_convs, sizeof *b->out);
    b->ms = calloc(CUDA_PHASES * g->n_convs, sizeof *b->ms);
    if (!b->in || !b->out || !b->ms)
        return err_nomem(err);
    if (graph_shapes(g, b->session.images->size, &shapes, err))
        return -1;
    for (size_t i = 0; i < g->n_ops; i++)
        if (g->ops[i].kind == OP_CONV) {
            b->in[g->ops[i].conv] = shapes[g->ops[i].in[0]];
            b->out[g->ops[i].conv] = shapes[g->ops[i].out];
        }
    free(shapes);
    return 0;
}

static struct work work_of(const struct bench *b, enum cuda_phase phase, size_t conv) {
    const struct conv *c = &b->session.graph->convs[conv];
    struct chw x = b->in[conv], y = b->out[conv];
    double images = phase == PHASE_CALIBRATION ? b->session.images->count : b->score_images;
    double product = 2.0 * (double)conv_macs(c, y.h, y.w), nx = (double)(x.c * x.h * x.w),
           ny = (double)(y.c * y.h * y.w);
    if (phase != PHASE_SCORE)
        return (struct work){images * product * c->calls, images * (nx + ny) * 4 * c->calls};
    return (struct work){images * product * b->plan.n_pairs,
                         images * (nx * 8.0 * b->plan.n_inputs + ny * 8.0 * b->plan.n_pairs)};
}

static int run(struct bench *b, int score_size, struct err *err) {
    struct session *s = &b->session;
    struct cuda *card = cuda_of(s->backend);
    struct qcfg cells[64];
    const struct qcfg *list[64];
    struct cuda_trace *trace = NULL;
    struct cuda_scorer *scorer = NULL;
    int n = all_cells(cells, 64), ret = -1, steps = score_steps(score_size, 1, s->images->count);
    double *sums = NULL;
    bool wanted[64];
    for (int i = 0; i < n; i++)
        list[i] = &cells[i];
    b->score_images = steps;
    /* Once to load the kernels, once for the clock. */
    if (session_calibrate(s, err) || cuda_trace_new(s->graph->n_convs, &trace, err) ||
        pairs_make(list, (size_t)n, &b->plan, err))
        goto out;
    amax_free(&s->amax);
    card->trace = trace;
    if (session_calibrate(s, err) || cuda_trace_read(trace, b->ms, err))
        goto out;
    card->trace = NULL;
    if (!(sums = calloc((size_t)b->plan.n_pairs * s->graph->n_convs * (size_t)steps, sizeof *sums))) {
        err_nomem(err);
        goto out;
    }
    if (cuda_scorer_new(card, s->graph, &s->amax, &b->plan, s->images, 1, 0, steps, &scorer, err))
        goto out;
    for (int p = 0; p < b->plan.n_pairs; p++)
        wanted[p] = true;
    for (int pass = 0; pass < 2; pass++) {
        card->trace = pass ? trace : NULL;
        for (int step = 0, k; step < steps; step += k) {
            k = cuda_scorer_batch(scorer, step, steps - step);
            if (cuda_scorer_run(scorer, step, k, wanted, sums, err))
                goto out;
        }
    }
    ret = cuda_trace_read(trace, b->ms, err);
out:
    card->trace = NULL;
    cuda_scorer_free(&scorer);
    cuda_trace_free(&trace);
    free(sums);
    return ret;
}

/* A line of the table and an object of the JSON. */
static void line(struct json_builder *o, const struct bench *b, const char *name, enum cuda_phase phase,
                 double ms, struct work w) {
    double tflops = ms > 0 ? w.operations / ms * 1e-9 : 0, gb = ms > 0 ? w.bytes / ms * 1e-6 : 0;
    double peak = phase == PHASE_SCORE ? b->peak.bf16 : b->peak.f32;
    printf("%-11s %-36s %9.3f %8.1f %6.1f %9.0f %6.1f\n", phase_names[phase], name, ms, tflops,
           100 * tflops / peak, gb, 100 * gb / b->peak.bandwidth);
    json_open_object(o, NULL);
    json_add_string(o, "phase", phase_names[phase]);
    json_add_string(o, "layer", name);
    json_add_real(o, "ms", ms);
    json_add_real(o, "tflops", tflops);
    json_add_real(o, "share_of_peak", tflops / peak);
    json_add_real(o, "gb_per_s", gb);
    json_add_real(o, "share_of_bandwidth", gb / b->peak.bandwidth);
    json_close(o);
}

static int report(const struct bench *b, const char *path, struct err *err) {
    const struct graph *g = b->session.graph;
    struct json_builder o = json_builder();
    json_add_string(&o, "card", b->session.backend->kind->name(b->session.backend));
    json_add_string(&o, "model", b->session.options.model);
    json_add_real(&o, "peak_f32_tflops", b->peak.f32);
    json_add_real(&o, "peak_bf16_mma_tflops", b->peak.bf16);
    json_add_real(&o, "peak_copy_gb_per_s", b->peak.bandwidth);
    json_open_array(&o, "lines");
    printf("%s: float32 %.1f TFLOP/s, bf16 mma %.0f TFLOP/s, copies %.0f GB/s\n",
           b->session.backend->kind->name(b->session.backend), b->peak.f32, b->peak.bf16, b->peak.bandwidth);
    printf("%s: %d images calibrated on, %d scored on, %d pairs of operands\n", b->session.options.model,
           b->session.images->count, b->score_images, b->plan.n_pairs);
    printf("%-11s %-36s %9s %8s %6s %9s %6s\n", "phase", "layer", "ms", "TFLOP/s", "%", "GB/s", "%");
    for (int phase = 0; phase < CUDA_PHASES; phase++) {
        struct work all = {0};
        double ms = 0;
        for (size_t i = 0; i < g->n_convs; i++) {
            double t = b->ms[(size_t)phase * g->n_convs + i];
            struct work w = work_of(b, (enum cuda_phase)phase, i);
            line(&o, b, g->convs[i].name, (enum cuda_phase)phase, t, w);
            all.operations += w.operations;
            all.bytes += w.bytes;
            ms += t;
        }
        line(&o, b, "(all)", (enum cuda_phase)phase, ms, all);
    }
    return json_built_write(&o, path, err);
}

int main(int argc, char **argv) {
    struct bench b = {0};
    struct err err = {0};
    struct session_options options = {.device = "cuda", .threads = 2, .batch_size = 1};
    int ret = -1, score_size = argc == 5 ? atoi(argv[3]) : 0;
    if (score_size < 1) {
        fprintf(stderr, "usage: bench-cuda CHECKPOINT CALIB SCORE_SIZE JSON\n");
        return 2;
    }
    options.model = argv[1];
    options.calib = argv[2];
    if (session_open(&b.session, &options, &err) || find_shapes(&b, &err))
        goto out;
    b.peak = cuda_peak_measure();
    ret = run(&b, score_size, &err) || report(&b, argv[4], &err) ? -1 : 0;
out:
    if (ret)
        fprintf(stderr, "bench-cuda: %s\n", err.msg);
    pairs_free(&b.plan);
    free(b.ms);
    free(b.in);
    free(b.out);
    session_close(&b.session);
    return ret ? 1 : 0;
}
