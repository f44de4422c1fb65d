/* The v10Detect head: the same features through one2one's convolutions (detached) and one2many's, each
 * decoded to boxes. */
#include "model/builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For each level, box and class convolutions side by side: (4 reg_max + classes) channels. */
static int features(struct builder *b, const struct module *head, const char *boxes, const char *classes,
                    const int *levels, int *out, struct err *err) {
    struct module cv2, cv3;
    if (!module_has(head, boxes) || !module_has(head, classes))
        return err_set(
            err, ERR_UNSUPPORTED,
            "%s: it has no %s and %s, as after fusing or exporting; score the checkpoint that training saved",
            head->path, boxes, classes);
    if (module_child(head, boxes, &cv2, err) || module_child(head, classes, &cv3, err))
        return -1;
    for (int i = 0; i < b->g->levels; i++) {
        struct module m;
        int sides[2];
        if (module_at(&cv2, (size_t)i, &m, err) || builder_module(b, &m, &levels[i], 1, &sides[0], err) ||
            module_at(&cv3, (size_t)i, &m, err) || builder_module(b, &m, &levels[i], 1, &sides[1], err) ||
            builder_add(b, (struct op){.kind = OP_CONCAT}, sides, 2, &out[i], err))
            return -1;
    }
    return 0;
}

/* Boxes and class probabilities from the levels' features. */
static int decode(struct builder *b, const struct module *head, const int *levels, int *out,
                  struct err *err) {
    int in[OP_INPUTS_MAX], n = 0;
    if (b->g->reg_max > 1) {
        struct module dfl;
        int bins;
        if (builder_add(b, (struct op){.kind = OP_BOX_SOFTMAX}, levels, b->g->levels, &bins, err) ||
            module_child(head, "dfl", &dfl, err) || builder_child(b, &dfl, "conv", bins, &in[n++], err))
            return -1;
    }
    for (int i = 0; i < b->g->levels; i++)
        in[n++] = levels[i];
    return builder_add(b, (struct op){.kind = OP_BOX_DECODE}, in, n, out, err);
}

/* What export leaves out: one2many's own convolutions. */
static void mark_exported(struct graph *g, const struct module *head) {
    char training[2][MODULE_PATH_MAX + 8];
    snprintf(training[0], sizeof training[0], "%s.cv2.", head->path);
    snprintf(training[1], sizeof training[1], "%s.cv3.", head->path);
    for (size_t i = 0; i < g->n_convs; i++) {
        const char *name = g->convs[i].name;
        g->convs[i].exported = !(strncmp(name, training[0], strlen(training[0])) == 0 ||
                                 strncmp(name, training[1], strlen(training[1])) == 0);
    }
}

int builder_head(struct builder *b, const struct module *head, const int *levels, int n_levels,
                 struct err *err) {
    struct graph *g = b->g;
    int detached[OP_INPUTS_MAX], one2one[OP_INPUTS_MAX], one2many[OP_INPUTS_MAX], y[2], n = n_levels;
    if (module_int(head, "nc", 1, 1 << 16, &g->classes, err) ||
        module_int(head, "reg_max", 1, 1 << 10, &g->reg_max, err) ||
        module_int(head, "nl", 1, OP_INPUTS_MAX / 4, &g->levels, err) ||
        module_floats(head, "stride", &n, 1, &g->strides, err))
        return -1;
    if (n_levels != g->levels)
        return err_set(err, ERR_UNSUPPORTED, "%s: %d inputs for %d levels", head->path, n_levels, g->levels);
    for (int i = 0; i < n_levels; i++)
        if (builder_add(b, (struct op){.kind = OP_DETACH}, &levels[i], 1, &detached[i], err))
            return -1;
    if (features(b, head, "one2one_cv2", "one2one_cv3", detached, one2one, err) ||
        features(b, head, "cv2", "cv3", levels, one2many, err) || decode(b, head, one2many, &y[0], err) ||
        decode(b, head, one2one, &y[1], err))
        return -1;
    g->n_leaves = 2 * (size_t)(n_levels + 1);
    if (!(g->leaves = calloc(g->n_leaves, sizeof *g->leaves)))
        return err_nomem(err);
    int *leaf = g->leaves;
    for (int side = 0; side < 2; side++) {
        *leaf++ = y[side];
        for (int i = 0; i < n_levels; i++)
            *leaf++ = side ? one2one[i] : one2many[i];
    }
    mark_exported(g, head);
    return 0;
}
