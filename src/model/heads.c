/* The heads, a row each: their branches, and what a branch's features become. */
#include "model/builder.h"

#include <stdlib.h>
#include <string.h>

enum { BRANCHES_MAX = 2 };

/* Convolutions over the same features as another branch's, decoded by themselves. */
struct branch {
    const char *boxes, *classes; /* its lists of modules, one a level */
    const char *more;            /* likewise, of a head that makes more than boxes; NULL: none */
    const char *then;            /* what goes on with what `more` makes; NULL: nothing */
    bool detached;               /* no gradient flows on into the features (numerics.md) */
    bool exported;               /* false: training's alone */
    bool overlaps;               /* it finds an object more than once */
    bool corners;                /* it decodes boxes as left, top, right, bottom */
};

/* Values of a branch: of each level its features, boxes and classes side by side, and what `more` makes of it. */
struct features {
    int maps[OP_INPUTS_MAX], more[OP_INPUTS_MAX];
};

/* What a branch makes: boxes and classes; all that it says of each cell, which begins with these; and the leaves behind its
 * levels' maps. */
enum { MORE_MAX = 2 };
struct made {
    int boxes, y, more[MORE_MAX], n_more;
};

/* Branches stand in the order of the reference's leaves; they are decoded in it too, after all features are
 * there, those of the last branch first. The exported one is the last: of what more than one of them calls, scores take
 * the last call's difference. */
struct head {
    const char *cls;      /* as kind_is takes it */
    const char *mark;     /* a child that it must have; NULL: none */
    const char *children; /* the only ones that it may have, in words */
    const char *task;     /* ultralytics' word */
    const char *makes;    /* what it makes beyond boxes, in a word; NULL: nothing */
    struct branch branches[BRANCHES_MAX];
    int n_branches;
    /* What the levels make together, once for all branches: *out is a value that is exported beside y. NULL: nothing. */
    int (*share)(struct builder *b, const struct module *head, const int *levels, int *out, struct err *err);
    int (*decode)(struct builder *b, const struct module *head, const struct branch *branch,
                  const struct features *features, struct made *made, struct err *err);
};

/* For each level, box and class convolutions side by side: (4 reg_max + classes) channels; and what else there is. */
static int features(struct builder *b, const struct module *head, const struct branch *branch,
                    const int *levels, struct features *out, struct err *err) {
    struct module boxes, classes, more, then;
    if (!module_has(head, branch->boxes) || !module_has(head, branch->classes))
        return err_set(
            err, ERR_UNSUPPORTED,
            "%s: it is fused or exported, without %s and %s; score the checkpoint that training saved",
            head->path, branch->boxes, branch->classes);
    if (builder_part(head, branch->boxes, KIND_LIST, NULL, &boxes, err) ||
        builder_part(head, branch->classes, KIND_LIST, NULL, &classes, err) ||
        (branch->more && builder_part(head, branch->more, KIND_LIST, NULL, &more, err)) ||
        (branch->then && builder_part(head, branch->then, KIND_LIST, NULL, &then, err)))
        return -1;
    for (int i = 0; i < b->g->levels; i++) {
        struct module m;
        int sides[2];
        if (module_at(&boxes, (size_t)i, &m, err) || builder_module(b, &m, &levels[i], 1, &sides[0], err) ||
            module_at(&classes, (size_t)i, &m, err) || builder_module(b, &m, &levels[i], 1, &sides[1], err) ||
            builder_add(b, (struct op){.kind = OP_CONCAT}, sides, 2, &out->maps[i], err))
            return -1;
        if (branch->more && (module_at(&more, (size_t)i, &m, err) ||
                             builder_module(b, &m, &levels[i], 1, &out->more[i], err)))
            return -1;
        if (branch->then && (module_at(&then, (size_t)i, &m, err) ||
                             builder_module(b, &m, &out->more[i], 1, &out->more[i], err)))
            return -1;
        if (branch->exported)
            b->g->logits[i] = sides[1];
    }
    return 0;
}

/* Boxes and class probabilities. angle: a value, by which boxes are turned; 0: they are not. */
static int decode_turned(struct builder *b, const struct module *head, const struct branch *branch,
                         const struct features *features, int angle, struct made *made, struct err *err) {
    int in[OP_INPUTS_MAX], n = 0;
    if (b->g->reg_max > 1) {
        struct module dfl;
        int bins;
        if (builder_add(b, (struct op){.kind = OP_BOX_SOFTMAX}, features->maps, b->g->levels, &bins, err) ||
            builder_part(head, "dfl", "block.DFL", "conv", &dfl, err) ||
            builder_child(b, &dfl, "conv", bins, &in[n++], err))
            return -1;
    }
    if (angle)
        in[n++] = angle;
    for (int i = 0; i < b->g->levels; i++)
        in[n++] = features->maps[i];
    made->n_more = 0;
    if (builder_add(b, (struct op){.kind = OP_BOX_DECODE, .corners = branch->corners, .rotated = angle != 0},
                    in, n, &made->boxes, err))
        return -1;
    made->y = made->boxes;
    return 0;
}

static int decode(struct builder *b, const struct module *head, const struct branch *branch,
                  const struct features *features, struct made *made, struct err *err) {
    return decode_turned(b, head, branch, features, 0, made, err);
}

/* y with `more` behind boxes and classes. */
static int append(struct builder *b, struct made *made, int more, struct err *err) {
    return builder_add(b, (struct op){.kind = OP_CONCAT}, (int[]){made->boxes, more}, 2, &made->y, err);
}

/* Coefficients of the prototypes' masks. */
static int decode_masks(struct builder *b, const struct module *head, const struct branch *branch,
                        const struct features *features, struct made *made, struct err *err) {
    if (decode(b, head, branch, features, made, err) ||
        builder_add(b, (struct op){.kind = OP_FLATTEN}, features->more, b->g->levels,
                    &made->more[made->n_more++], err))
        return -1;
    return append(b, made, made->more[0], err);
}

/* Points of a pose. */
static int decode_points(struct builder *b, const struct module *head, const struct branch *branch,
                         const struct features *features, struct made *made, struct err *err) {
    struct op op = {.kind = OP_KEYPOINTS, .scale = branch->then ? 1 : 2}; /* YOLO26's reach from the centre */
    int points, *shape = b->g->points, channels;
    if (module_pair(head, "kpt_shape", 1, 1 << 12, shape, err) ||
        module_int(head, "nk", 1, 1 << 14, &channels, err))
        return -1;
    if (shape[1] < 2 || shape[1] > 3 || shape[0] * shape[1] != channels)
        return err_set(err, ERR_UNSUPPORTED, "%s: points of %d x %d numbers are not supported", head->path,
                       shape[0], shape[1]);
    op.dims = shape[1];
    if (decode(b, head, branch, features, made, err) ||
        builder_add(b, (struct op){.kind = OP_FLATTEN}, features->more, b->g->levels,
                    &made->more[made->n_more++], err) ||
        builder_add(b, op, features->more, b->g->levels, &points, err))
        return -1;
    return append(b, made, points, err);
}

/* Oriented boxes, whose angles an operation of this kind makes of the levels' maps. */
static int decode_oriented_by(struct builder *b, const struct module *head, const struct branch *branch,
                              const struct features *features, enum op_kind kind, struct made *made,
                              struct err *err) {
    int angle, n;
    if (module_int(head, "ne", 1, 1 << 10, &n, err))
        return -1;
    if (n != 1)
        return err_set(err, ERR_UNSUPPORTED, "%s: %d angles of a box are not supported", head->path, n);
    if (builder_add(b, (struct op){.kind = kind}, features->more, b->g->levels, &angle, err) ||
        decode_turned(b, head, branch, features, angle, made, err))
        return -1;
    made->more[made->n_more++] = angle;
    return append(b, made, angle, err);
}

static int decode_oriented(struct builder *b, const struct module *head, const struct branch *branch,
                           const struct features *features, struct made *made, struct err *err) {
    return decode_oriented_by(b, head, branch, features, OP_ANGLE, made, err);
}

/* The convolution makes the angle itself. */
static int decode_oriented26(struct builder *b, const struct module *head, const struct branch *branch,
                             const struct features *features, struct made *made, struct err *err) {
    return decode_oriented_by(b, head, branch, features, OP_FLATTEN, made, err);
}

static int share_proto(struct builder *b, const struct module *head, const int *levels, int *out,
                       struct err *err) {
    struct module proto;
    return builder_part(head, "proto", "block.Proto", "cv1 upsample cv2 cv3", &proto, err)
               ? -1
               : builder_module(b, &proto, levels, 1, out, err);
}

/* All levels at the size of the first, added up, through feat_fuse and then as Proto has it. */
static int share_proto26(struct builder *b, const struct module *head, const int *levels, int *out,
                         struct err *err) {
    static const char *const then[] = {"feat_fuse", "cv1", "upsample", "cv2", "cv3"};
    struct module proto, refine, m;
    int v = levels[0];
    if (builder_part(head, "proto", "block.Proto26", "cv1 upsample cv2 cv3 feat_refine feat_fuse semseg",
                     &proto, err) ||
        builder_part(&proto, "feat_refine", KIND_LIST, NULL, &refine, err))
        return -1;
    for (int i = 1; i < b->g->levels; i++) {
        int level;
        if (module_at(&refine, (size_t)i - 1, &m, err) || builder_module(b, &m, &levels[i], 1, &level, err))
            return -1;
        b->at = &proto;
        if (builder_add(b, (struct op){.kind = OP_UPSAMPLE, .scale = 1 << i}, &level, 1, &level, err) ||
            builder_add(b, (struct op){.kind = OP_ADD}, (int[]){v, level}, 2, &v, err))
            return -1;
    }
    for (size_t i = 0; i < sizeof then / sizeof *then; i++)
        if (builder_child(b, &proto, then[i], v, &v, err))
            return -1;
    b->at = head;
    *out = v;
    return 0;
}

#define ONE2MANY .boxes = "cv2", .classes = "cv3", .overlaps = true
#define ONE2ONE .boxes = "one2one_cv2", .classes = "one2one_cv3", .detached = true, .exported = true
#define ALONE ONE2MANY, .exported = true

static const struct head heads[] = {
    /* YOLOv10; its authors' code decodes both branches alike */
    {.cls = "head.v10Detect",
     .children = "cv2 cv3 one2one_cv2 one2one_cv3 dfl",
     .task = "detect",
     .branches = {{ONE2MANY}, {ONE2ONE}},
     .n_branches = 2,
     .decode = decode},
    /* YOLO26 */
    {.cls = "head.Detect",
     .mark = "one2one_cv2",
     .children = "cv2 cv3 one2one_cv2 one2one_cv3 dfl",
     .task = "detect",
     .branches = {{ONE2MANY}, {ONE2ONE, .corners = true}},
     .n_branches = 2,
     .decode = decode},
    /* YOLOv8, YOLO11, YOLO12 */
    {.cls = "head.Detect",
     .children = "cv2 cv3 dfl",
     .task = "detect",
     .branches = {{ALONE}},
     .n_branches = 1,
     .decode = decode},
    {.cls = "head.Segment26",
     .mark = "one2one_cv2",
     .children = "cv2 cv3 cv4 one2one_cv2 one2one_cv3 one2one_cv4 dfl proto",
     .task = "segment",
     .branches = {{ONE2MANY, .more = "cv4"}, {ONE2ONE, .more = "one2one_cv4", .corners = true}},
     .n_branches = 2,
     .makes = "masks",
     .share = share_proto26,
     .decode = decode_masks},
    {.cls = "head.Segment",
     .children = "cv2 cv3 cv4 dfl proto",
     .task = "segment",
     .branches = {{ALONE, .more = "cv4"}},
     .n_branches = 1,
     .makes = "masks",
     .share = share_proto,
     .decode = decode_masks},
    {.cls = "head.Pose26",
     .mark = "one2one_cv2",
     .children = "cv2 cv3 cv4 cv4_kpts cv4_sigma one2one_cv2 one2one_cv3 one2one_cv4 one2one_cv4_kpts "
                 "one2one_cv4_sigma flow_model dfl",
     .task = "pose",
     .branches = {{ONE2MANY, .more = "cv4", .then = "cv4_kpts"},
                  {ONE2ONE, .more = "one2one_cv4", .then = "one2one_cv4_kpts", .corners = true}},
     .n_branches = 2,
     .makes = "points",
     .decode = decode_points},
    {.cls = "head.Pose",
     .children = "cv2 cv3 cv4 dfl",
     .task = "pose",
     .branches = {{ALONE, .more = "cv4"}},
     .n_branches = 1,
     .makes = "points",
     .decode = decode_points},
    {.cls = "head.OBB26",
     .mark = "one2one_cv2",
     .children = "cv2 cv3 cv4 one2one_cv2 one2one_cv3 one2one_cv4 dfl",
     .task = "obb",
     .branches = {{ONE2MANY, .more = "cv4"}, {ONE2ONE, .more = "one2one_cv4"}},
     .n_branches = 2,
     .makes = "angles",
     .decode = decode_oriented26},
    {.cls = "head.OBB",
     .children = "cv2 cv3 cv4 dfl",
     .task = "obb",
     .branches = {{ALONE, .more = "cv4"}},
     .n_branches = 1,
     .makes = "angles",
     .decode = decode_oriented},
};

const struct head *builder_head_of(const struct module *m) {
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (kind_is(m, heads[i].cls) && (!heads[i].mark || module_has(m, heads[i].mark)))
            return &heads[i];
    return NULL;
}

bool builder_trains_only(const struct module *m, const struct module *child) {
    static const struct {
        const char *cls, *child;
    } parts[] = {{"block.Proto26", "semseg"},
                 {"head.Pose26", "cv4_sigma"},
                 {"head.Pose26", "one2one_cv4_sigma"},
                 {"head.Pose26", "flow_model"}};
    const char *name = strrchr(child->path, '.');
    for (size_t i = 0; name && i < sizeof parts / sizeof *parts; i++)
        if (kind_is(m, parts[i].cls) && strcmp(name + 1, parts[i].child) == 0)
            return true;
    return false;
}

/* A convolution is exported if an exported leaf depends on it. */
static int mark_exported(struct graph *g, struct err *err) {
    bool *wanted = calloc((size_t)g->n_values, sizeof *wanted);
    if (!wanted)
        return err_nomem(err);
    wanted[g->leaves[g->exported]] = wanted[g->proto] = true;
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

/* How many leaves a branch has behind its levels' maps. */
static size_t count_more(const struct head *head) {
    return (head->branches[0].more != NULL) + (head->share != NULL);
}

/* A branch's leaves. shared: what the head makes for all of them, or 0. */
static int add_leaves(struct builder *b, const struct head *head, const struct module *m,
                      const struct branch *branch, const struct features *f, int shared, int *leaf,
                      struct err *err) {
    struct graph *g = b->g;
    struct made made;
    if (head->decode(b, m, branch, f, &made, err))
        return -1;
    if (head->share && branch->detached &&
        builder_add(b, (struct op){.kind = OP_DETACH}, &shared, 1, &shared, err))
        return -1;
    if (branch->exported) {
        g->exported = (size_t)(leaf - g->leaves);
        g->boxes = made.boxes;
        g->proto = shared;
        g->corners = branch->corners;
        g->overlaps = branch->overlaps;
    }
    *leaf++ = made.y;
    for (int i = 0; i < g->levels; i++)
        *leaf++ = f->maps[i];
    for (int i = 0; i < made.n_more; i++)
        *leaf++ = made.more[i];
    if (head->share)
        *leaf = shared;
    return 0;
}

int builder_head(struct builder *b, const struct head *head, const struct module *m, const int *levels,
                 int n_levels, struct err *err) {
    struct graph *g = b->g;
    struct features all[BRANCHES_MAX];
    int detached[OP_INPUTS_MAX], n = n_levels, shared = 0;
    b->at = m;
    if (builder_check(m, head->cls, head->children, err) ||
        module_int(m, "nc", 1, 1 << 16, &g->classes, err) ||
        module_int(m, "reg_max", 1, 1 << 10, &g->reg_max, err) ||
        module_int(m, "nl", 1, OP_INPUTS_MAX / 4, &g->levels, err) ||
        module_attribute_floats(m, "stride", &n, 1, &g->strides, err))
        return -1;
    if (n_levels != g->levels)
        return err_set(err, ERR_UNSUPPORTED, "%s: %d inputs for %d levels", m->path, n_levels, g->levels);
    g->task = head->task;
    g->more = head->makes;
    g->branch_leaves = 1 + (size_t)n_levels + count_more(head);
    g->n_leaves = (size_t)head->n_branches * g->branch_leaves;
    if (!(g->logits = calloc((size_t)g->levels, sizeof *g->logits)) ||
        !(g->leaves = calloc(g->n_leaves, sizeof *g->leaves)))
        return err_nomem(err);
    for (int k = head->n_branches; k-- > 0;) {
        const struct branch *branch = &head->branches[k];
        for (int i = 0; i < n_levels && branch->detached; i++)
            if (builder_add(b, (struct op){.kind = OP_DETACH}, &levels[i], 1, &detached[i], err))
                return -1;
        if (features(b, m, branch, branch->detached ? detached : levels, &all[k], err))
            return -1;
    }
    if (head->share && head->share(b, m, levels, &shared, err))
        return -1;
    for (int k = 0; k < head->n_branches; k++)
        if (add_leaves(b, head, m, &head->branches[k], &all[k], shared,
                       g->leaves + (size_t)k * g->branch_leaves, err))
            return -1;
    return mark_exported(g, err);
}
