/* The heads, a row each: their branches, and how a branch's features become boxes and classes. */
#include "model/builder.h"

#include <stdlib.h>
#include <string.h>

enum { BRANCHES_MAX = 2 };

/* Convolutions over the same features as another branch's, decoded by themselves. */
struct branch {
    const char *boxes, *classes; /* its lists of modules, one a level */
    bool detached;               /* no gradient flows on into the features (numerics.md) */
    bool exported;               /* false: training's alone */
    bool overlaps;               /* it finds an object more than once */
    bool corners;                /* it decodes boxes as left, top, right, bottom */
};

/* Branches stand in the order of the reference's leaves; they are decoded in it too, after all features are
 * there, those of the last branch first. The exported one is the last: of what more than one of them calls, scores take
 * the last call's difference. */
struct head {
    const char *cls;      /* as kind_is takes it */
    const char *mark;     /* a child that it must have; NULL: none */
    const char *children; /* the only ones that it may have, in words */
    struct branch branches[BRANCHES_MAX];
    int n_branches;
    /* *out: (4 + classes) x cells of a branch's level maps. */
    int (*decode)(struct builder *b, const struct module *head, const struct branch *branch, const int *maps,
                  int *out, struct err *err);
};

static int decode_boxes(struct builder *b, const struct module *head, const struct branch *branch,
                        const int *maps, int *out, struct err *err);

static const struct head heads[] = {
    /* YOLOv10; its authors' code decodes both branches alike */
    {"head.v10Detect",
     NULL,
     "cv2 cv3 one2one_cv2 one2one_cv3 dfl",
     {{.boxes = "cv2", .classes = "cv3", .overlaps = true},
      {.boxes = "one2one_cv2", .classes = "one2one_cv3", .detached = true, .exported = true}},
     2,
     decode_boxes},
    /* YOLO26 */
    {"head.Detect",
     "one2one_cv2",
     "cv2 cv3 one2one_cv2 one2one_cv3 dfl",
     {{.boxes = "cv2", .classes = "cv3", .overlaps = true},
      {.boxes = "one2one_cv2",
       .classes = "one2one_cv3",
       .detached = true,
       .exported = true,
       .corners = true}},
     2,
     decode_boxes},
    /* YOLOv8, YOLO11, YOLO12 */
    {"head.Detect",
     NULL,
     "cv2 cv3 dfl",
     {{.boxes = "cv2", .classes = "cv3", .exported = true, .overlaps = true}},
     1,
     decode_boxes},
};

const struct head *builder_head_of(const struct module *m) {
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (kind_is(m, heads[i].cls) && (!heads[i].mark || module_has(m, heads[i].mark)))
            return &heads[i];
    return NULL;
}

/* For each level, box and class convolutions side by side: (4 reg_max + classes) channels. */
static int features(struct builder *b, const struct module *head, const struct branch *branch,
                    const int *levels, int *out, struct err *err) {
    struct module boxes, classes;
    if (!module_has(head, branch->boxes) || !module_has(head, branch->classes))
        return err_set(
            err, ERR_UNSUPPORTED,
            "%s: it is fused or exported, without %s and %s; score the checkpoint that training saved",
            head->path, branch->boxes, branch->classes);
    if (builder_part(head, branch->boxes, KIND_LIST, NULL, &boxes, err) ||
        builder_part(head, branch->classes, KIND_LIST, NULL, &classes, err))
        return -1;
    for (int i = 0; i < b->g->levels; i++) {
        struct module m;
        int sides[2];
        if (module_at(&boxes, (size_t)i, &m, err) || builder_module(b, &m, &levels[i], 1, &sides[0], err) ||
            module_at(&classes, (size_t)i, &m, err) || builder_module(b, &m, &levels[i], 1, &sides[1], err) ||
            builder_add(b, (struct op){.kind = OP_CONCAT}, sides, 2, &out[i], err))
            return -1;
        if (branch->exported)
            b->g->logits[i] = sides[1];
    }
    return 0;
}

/* Boxes and class probabilities from the levels' features. */
static int decode_boxes(struct builder *b, const struct module *head, const struct branch *branch,
                        const int *levels, int *out, struct err *err) {
    int in[OP_INPUTS_MAX], n = 0;
    if (b->g->reg_max > 1) {
        struct module dfl;
        int bins;
        if (builder_add(b, (struct op){.kind = OP_BOX_SOFTMAX}, levels, b->g->levels, &bins, err) ||
            builder_part(head, "dfl", "block.DFL", "conv", &dfl, err) ||
            builder_child(b, &dfl, "conv", bins, &in[n++], err))
            return -1;
    }
    for (int i = 0; i < b->g->levels; i++)
        in[n++] = levels[i];
    return builder_add(b, (struct op){.kind = OP_BOX_DECODE, .corners = branch->corners}, in, n, out, err);
}

/* A convolution is exported if an exported leaf depends on it. */
static int mark_exported(struct graph *g, struct err *err) {
    bool *wanted = calloc((size_t)g->n_values, sizeof *wanted);
    if (!wanted)
        return err_nomem(err);
    wanted[g->leaves[g->exported]] = true;
    for (size_t i = g->n_ops; i-- > 0;) {
        const struct op *op = &g->ops[i];
        if (!wanted[op->out])
            continue;
        for (int k = 0; k < op->n_in; k++)
            wanted[op->in[k]] = true;
        if (op->kind == OP_CONV)
            g->convs[op->conv].exported = true;
    }
    free(wanted);
    return 0;
}

int builder_head(struct builder *b, const struct head *head, const struct module *m, const int *levels,
                 int n_levels, struct err *err) {
    struct graph *g = b->g;
    int maps[BRANCHES_MAX][OP_INPUTS_MAX], detached[OP_INPUTS_MAX], n = n_levels;
    b->at = m;
    if (builder_check(m, head->cls, head->children, err) ||
        module_int(m, "nc", 1, 1 << 16, &g->classes, err) ||
        module_int(m, "reg_max", 1, 1 << 10, &g->reg_max, err) ||
        module_int(m, "nl", 1, OP_INPUTS_MAX / 4, &g->levels, err) ||
        module_attribute_floats(m, "stride", &n, 1, &g->strides, err))
        return -1;
    if (n_levels != g->levels)
        return err_set(err, ERR_UNSUPPORTED, "%s: %d inputs for %d levels", m->path, n_levels, g->levels);
    if (!(g->logits = calloc((size_t)g->levels, sizeof *g->logits)))
        return err_nomem(err);
    for (int k = head->n_branches; k-- > 0;) {
        const struct branch *branch = &head->branches[k];
        for (int i = 0; i < n_levels && branch->detached; i++)
            if (builder_add(b, (struct op){.kind = OP_DETACH}, &levels[i], 1, &detached[i], err))
                return -1;
        if (features(b, m, branch, branch->detached ? detached : levels, maps[k], err))
            return -1;
    }
    g->n_leaves = (size_t)(head->n_branches * (n_levels + 1));
    if (!(g->leaves = calloc(g->n_leaves, sizeof *g->leaves)))
        return err_nomem(err);
    int *leaf = g->leaves;
    for (int k = 0; k < head->n_branches; k++) {
        const struct branch *branch = &head->branches[k];
        if (branch->exported) {
            g->exported = (size_t)(leaf - g->leaves);
            g->corners = branch->corners;
            g->overlaps = branch->overlaps;
        }
        if (head->decode(b, m, branch, maps[k], leaf++, err))
            return -1;
        memcpy(leaf, maps[k], (size_t)n_levels * sizeof *leaf);
        leaf += n_levels;
    }
    return mark_exported(g, err);
}
