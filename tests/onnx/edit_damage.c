/* edit_damage CHECKPOINT CALIB N QCFG: the exported network, BatchNorm folded, calibrated on all images of a calib stream: what quantizing
 * all its layers does to the first N, "class_kl box_loss": damage.md's means over images, and over the anchors of sure boxes. */
#include "exec/measure.h"
#include "exec/session.h"
#include "model/fold.h"

#include <stdio.h>
#include <stdlib.h>

struct sums {
    double class_kl, box_loss;
    size_t images, sure;
};

static int add(void *ctx, int image, const struct measure_image *m, struct err *err) {
    struct sums *s = ctx;
    (void)image, (void)err;
    s->class_kl += m->results[0].class_kl;
    s->box_loss += m->results[0].box_loss;
    s->images++;
    s->sure += m->sure;
    return 0;
}

static int fold(struct session *s, struct err *err) {
    struct fold fold = {0};
    if (fold_new(s->graph, s->graph->exported, &fold, err))
        return -1;
    graph_free(&s->graph);
    s->graph = fold.graph;
    fold.graph = NULL;
    fold_free(&fold);
    return 0;
}

int main(int argc, char **argv) {
    struct err err = {0};
    struct session s = {0};
    struct measurer *m = NULL;
    struct qcfg qcfg;
    struct sums sums = {0};
    bool *quantized = NULL, done = false;
    if (argc != 5) {
        fprintf(stderr, "edit_damage CHECKPOINT CALIB N QCFG\n");
        return 2;
    }
    const struct session_options options = {
        .model = argv[1], .calib = argv[2], .device = "cpu", .threads = 2, .batch_size = 1};
    if (!qcfg_read(argv[4], &qcfg, &err) && !session_open(&s, &options, &err) && !fold(&s, &err) &&
        !session_calibrate(&s, &err) && (quantized = malloc(s.graph->n_convs))) {
        for (size_t i = 0; i < s.graph->n_convs; i++)
            quantized[i] = true;
        const struct measure_variant all = {.quantized = quantized};
        const struct measure_job job = {.graph = s.graph, .amax = &s.amax, .qcfg = &qcfg, .images = s.images};
        done = !measurer_open(s.backend, &job, &m, &err) &&
               !measurer_run(m, &all, 1, 0, atoi(argv[3]), add, &sums, &err) && sums.images && sums.sure;
    }
    if (done)
        printf("%.9g %.9g\n", sums.class_kl / (double)sums.images, sums.box_loss / (double)sums.sure);
    else
        fprintf(stderr, "edit_damage: %s\n", *err.msg ? err.msg : "nothing to measure");
    free(quantized);
    measurer_close(&m);
    session_close(&s);
    return done ? 0 : 1;
}
