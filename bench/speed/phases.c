#include "phases.h"

#include "model/shape.h"

#include <stdlib.h>

const char *const phase_names[] = {"calibration", "forward", "backward", "score convolutions"};

int phases_new(const struct graph *graph, int size, size_t lanes, struct phases *out, struct err *err) {
    struct phases p = {.n_convs = graph->n_convs, .lanes = lanes};
    struct chw *shapes = NULL;
    int ret = -1;
    p.macs = calloc(p.n_convs, sizeof *p.macs);
    bool complete = p.macs != NULL;
    for (int i = 0; i < PHASES; i++)
        complete = (p.layers[i] = calloc(p.n_convs, sizeof(struct effort))) != NULL && complete;
    if (!complete) {
        err_nomem(err);
        goto out;
    }
    if (graph_shapes(graph, size, &shapes, err))
        goto out;
    for (size_t i = 0; i < graph->n_ops; i++) {
        const struct op *op = &graph->ops[i];
        if (op->kind == OP_CONV)
            p.macs[op->conv] =
                (double)conv_macs(&graph->convs[op->conv], shapes[op->out].h, shapes[op->out].w);
    }
    *out = p;
    p = (struct phases){0};
    ret = 0;
out:
    free(shapes);
    phases_free(&p);
    return ret;
}

void phases_free(struct phases *p) {
    free(p->macs);
    for (int i = 0; i < PHASES; i++)
        free(p->layers[i]);
    *p = (struct phases){0};
}
