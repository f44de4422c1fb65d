/* The head: distributions of distances to boxes, and the most probable detections. Parts of nodes' names are those that
 * torch's exporter counts to where it keeps the shapes' arithmetic, which is done here. */
#include "onnx/network.h"

static const char *node1(struct onnx_network *n, const char *scope, const char *type, const char *part,
                         const char *x) {
    return onnx_out(onnx_node(n->file, scope, type, part, ONNX_IN(x)), 0);
}

static const char *node2(struct onnx_network *n, const char *scope, const char *type, const char *part,
                         const char *a, const char *b) {
    return onnx_out(onnx_node(n->file, scope, type, part, ONNX_IN(a, b)), 0);
}

/* The same with an axis. */
static const char *join(struct onnx_network *n, const char *scope, const char *part, int axis,
                        const char *const in[]) {
    struct onnx_file_node *node = onnx_node(n->file, scope, "Concat", part, in);
    onnx_int(n->file, node, "axis", axis);
    return onnx_out(node, 0);
}

static const char *int_list(struct onnx_network *n, const char *scope, const char *name, int64_t v) {
    return onnx_int_list(n->file, onnx_text(n->file, "%s/%s", scope, name), &v, 1);
}

/* One side of all levels' maps, 0 boxes or 1 classes, as (N, channels, cells). map: the levels' maps. */
static const char *flatten(struct onnx_network *n, const char *scope, const int *map, int side,
                           int64_t channels) {
    const char *in[OP_INPUTS_MAX + 1] = {0};
    const struct graph *g = n->graph;
    for (size_t i = 0; i < g->n_ops; i++)
        for (int level = 0; level < g->levels; level++)
            if (g->ops[i].out == map[level])
                in[level] = onnx_reshape(n, scope, onnx_in(n, &g->ops[i], side),
                                         (int64_t[]){onnx_batch(n), channels, -1}, 3);
    return join(n, scope, NULL, -1, in);
}

static void flatten_maps(struct onnx_network *n, const char *scope, const int *map) {
    if (n->boxes)
        return;
    n->boxes = flatten(n, scope, map, 0, 4 * (int64_t)n->graph->reg_max);
    n->classes = flatten(n, scope, map, 1, n->graph->classes);
}

int onnx_op_box_softmax(struct onnx_network *n, const struct op *op, struct err *err) {
    struct onnx_file *f = n->file;
    const int64_t bins = n->graph->reg_max, cells = n->shapes[op->out].w;
    const char *scope = onnx_text(f, "%s/dfl", op->node);
    (void)err;
    flatten_maps(n, op->node, op->in);
    const char *sides = onnx_reshape(n, scope, n->boxes, (int64_t[]){onnx_batch(n), 4, bins, cells}, 4);
    struct onnx_file_node *turned = onnx_node(f, scope, "Transpose", NULL, ONNX_IN(sides));
    onnx_ints(f, turned, "perm", (int64_t[]){0, 2, 1, 3}, 4);
    struct onnx_file_node *softmax = onnx_node(f, scope, "Softmax", NULL, ONNX_IN(onnx_out(turned, 0)));
    onnx_int(f, softmax, "axis", 1);
    n->names[op->out] = onnx_out(softmax, 0);
    return 0;
}

/* Whether cells have more than boxes and classes. */
static bool has_more(const struct graph *g) {
    return g->more != NULL;
}

/* The head's Concat number `at`, behind that of what is more than boxes and classes. */
static const char *concat_part(struct onnx_network *n, int at) {
    return onnx_text(n->file, "Concat_%d", at + has_more(n->graph));
}

/* Values and indices of the `most` largest along axis 1. */
static struct onnx_file_node *top(struct onnx_network *n, const char *scope, const char *x, int64_t most) {
    struct onnx_file_node *node =
        onnx_node(n->file, scope, "TopK", NULL, ONNX_IN(x, int_list(n, scope, "most", most)));
    onnx_outputs(n->file, node, 2);
    onnx_int(n->file, node, "axis", 1);
    onnx_int(n->file, node, "largest", 1);
    onnx_int(n->file, node, "sorted", 1);
    return node;
}

/* x (N, most) as (N, most, 1). */
static const char *column(struct onnx_network *n, const char *scope, const char *x) {
    return node2(n, scope, "Unsqueeze", NULL, x, int_list(n, scope, "two", 2));
}

static const char *cast(struct onnx_network *n, const char *scope, const char *x, enum onnx_type to) {
    struct onnx_file_node *node = onnx_node(n->file, scope, "Cast", NULL, ONNX_IN(x));
    onnx_int(n->file, node, "to", to);
    return onnx_out(node, 0);
}

/* Rows of x (N, rows, channels) by index (N, most); of x (N, rows) with channels 0. */
static const char *gather(struct onnx_network *n, const char *scope, const char *x, const char *index,
                          int64_t channels) {
    if (channels) {
        const char *shape = onnx_int_list(n->file, onnx_text(n->file, "%s/rows_of_%d", scope, (int)channels),
                                          (int64_t[]){1, 1, channels}, 3);
        index = node2(n, scope, "Expand", NULL, column(n, scope, index), shape);
    }
    struct onnx_file_node *node = onnx_node(n->file, scope, "GatherElements", NULL, ONNX_IN(x, index));
    onnx_int(n->file, node, "axis", 1);
    return onnx_out(node, 0);
}

/* The cells of the largest class probabilities, then among all classes of those cells the largest: ultralytics'
 * Detect.get_topk_index. */
static struct onnx_file_node *detections(struct onnx_network *n, const char *scope, const char *y,
                                         int64_t channels, int64_t most) {
    struct onnx_file *f = n->file;
    const int64_t classes = n->graph->classes, more = channels - 4 - classes;
    struct onnx_file_node *rows = onnx_node(f, scope, "Transpose", NULL, ONNX_IN(y));
    onnx_ints(f, rows, "perm", (int64_t[]){0, 2, 1}, 3);
    const char *sizes =
        onnx_int_list(f, onnx_text(f, "%s/sides", scope), (int64_t[]){4, classes, more}, more ? 3 : 2);
    struct onnx_file_node *split = onnx_node(f, scope, "Split", NULL, ONNX_IN(onnx_out(rows, 0), sizes));
    onnx_outputs(f, split, more ? 3 : 2);
    onnx_int(f, split, "axis", -1);
    struct onnx_file_node *best =
        onnx_node(f, scope, "ReduceMax", NULL, ONNX_IN(onnx_out(split, 1), int_list(n, scope, "last", -1)));
    onnx_int(f, best, "keepdims", 0);
    struct onnx_file_node *cell = top(n, scope, onnx_out(best, 0), most);
    struct onnx_file_node *flat = onnx_node(
        f, scope, "Flatten", NULL, ONNX_IN(gather(n, scope, onnx_out(split, 1), onnx_out(cell, 1), classes)));
    onnx_int(f, flat, "axis", 1);
    struct onnx_file_node *pair = top(n, scope, onnx_out(flat, 0), most);
    const char *score = column(n, scope, onnx_out(pair, 0));
    int64_t *counted = onnx_keep(f, sizeof *counted);
    if (!counted)
        return NULL;
    *counted = classes;
    const char *count = onnx_tensor(f, onnx_text(f, "%s/classes", scope), ONNX_INT64, NULL, 0, counted);
    const char *label =
        cast(n, scope, column(n, scope, node2(n, scope, "Mod", NULL, onnx_out(pair, 1), count)), ONNX_FLOAT);
    const char *place = node2(n, scope, "Div", "Div_1", onnx_out(pair, 1), count);
    const char *found = gather(n, scope, onnx_out(cell, 1), place, 0);
    const char *box = gather(n, scope, onnx_out(split, 0), found, 4);
    const char *rest = more ? gather(n, scope, onnx_out(split, 2), found, more) : NULL;
    struct onnx_file_node *all =
        onnx_node(f, scope, "Concat", concat_part(n, 4), ONNX_IN(box, score, label, rest));
    onnx_int(f, all, "axis", -1);
    return all;
}

/* Centres of all levels' cells in cells, (1, 2, cells), and the levels' strides, (1, cells). */
static void make_anchors(struct onnx_network *n, const struct op *op, int64_t cells, const char **anchors,
                         const char **strides) {
    struct onnx_file *f = n->file;
    const struct graph *g = n->graph;
    float *centre = onnx_keep(f, 2 * (size_t)cells * sizeof *centre),
          *stride = onnx_keep(f, (size_t)cells * sizeof *stride);
    *anchors = *strides = "";
    if (!centre || !stride)
        return;
    int64_t at = 0;
    for (int level = 0; level < g->levels; level++) {
        const struct chw s = n->shapes[op->in[op->n_in - g->levels + level]];
        for (int64_t i = 0; i < s.h * s.w; i++, at++) {
            centre[at] = (float)(i % s.w) + 0.5f;
            centre[cells + at] = (float)(i / s.w) + 0.5f;
            stride[at] = g->strides[level];
        }
    }
    *anchors =
        onnx_tensor(f, onnx_text(f, "%s/anchors", op->node), ONNX_FLOAT, (int64_t[]){1, 2, cells}, 3, centre);
    *strides =
        onnx_tensor(f, onnx_text(f, "%s/strides", op->node), ONNX_FLOAT, (int64_t[]){1, cells}, 2, stride);
}

/* Distances from .. to-1 of the four: left and top, or right and bottom. */
static const char *distances(struct onnx_network *n, const char *scope, const char *x, int from, int to) {
    const char *start = int_list(n, scope, from ? "two" : "zero", from),
               *end = int_list(n, scope, to > 2 ? "four" : "two", to), *axis = int_list(n, scope, "one", 1);
    return onnx_out(onnx_node(n->file, scope, "Slice", NULL, ONNX_IN(x, start, end, axis)), 0);
}

/* Centres of turned boxes in cells: ultralytics' dist2rbox. x: distances. */
static const char *turned_centre(struct onnx_network *n, const struct op *op, const char *x,
                                 const char *anchors) {
    struct onnx_file *f = n->file;
    const char *scope = op->node, *angle = onnx_in(n, op, op->n_in - n->graph->levels - 1);
    const char *reach =
        node2(n, scope, "Div", "Div_1",
              node2(n, scope, "Sub", NULL, distances(n, scope, x, 2, 4), distances(n, scope, x, 0, 2)),
              onnx_float(f, onnx_text(f, "%s/half_of", scope), 2));
    struct onnx_file_node *sides =
        onnx_node(f, scope, "Split", NULL,
                  ONNX_IN(reach, onnx_int_list(f, onnx_text(f, "%s/ones", scope), (int64_t[]){1, 1}, 2)));
    onnx_outputs(f, sides, 2);
    onnx_int(f, sides, "axis", 1);
    const char *across = onnx_out(sides, 0), *down = onnx_out(sides, 1),
               *cosine = node1(n, scope, "Cos", NULL, angle), *sine = node1(n, scope, "Sin", NULL, angle);
    const char *centre[] = {node2(n, scope, "Sub", NULL, node2(n, scope, "Mul", "Mul_3", across, cosine),
                                  node2(n, scope, "Mul", "Mul_3", down, sine)),
                            node2(n, scope, "Add", NULL, node2(n, scope, "Mul", "Mul_3", across, sine),
                                  node2(n, scope, "Mul", "Mul_3", down, cosine)),
                            NULL};
    return node2(n, scope, "Add", NULL, join(n, scope, "Concat_6", 1, centre), anchors);
}

/* Boxes in cells, in pixels, and probabilities: the output, if there is nothing more. */
static void decoded(struct onnx_network *n, const struct op *op, const char *boxes, const char *strides) {
    n->y[0] = node2(n, op->node, "Mul", "Mul_2", boxes, strides);
    n->y[1] = node1(n, op->node, "Sigmoid", NULL, n->classes);
    if (!has_more(n->graph))
        onnx_leaf(n, op, NULL);
}

int onnx_op_box_decode(struct onnx_network *n, const struct op *op, struct err *err) {
    struct onnx_file *f = n->file;
    const struct graph *g = n->graph;
    const int64_t cells = n->shapes[op->out].w;
    const char *scope = op->node, *anchors, *strides, *x = NULL;
    (void)err;
    flatten_maps(n, scope, op->in + op->n_in - g->levels);
    x = g->reg_max > 1 ? onnx_reshape(n, onnx_text(f, "%s/dfl", scope), onnx_in(n, op, 0),
                                      (int64_t[]){onnx_batch(n), 4, cells}, 3)
                       : n->boxes;
    make_anchors(n, op, cells, &anchors, &strides);
    if (op->rotated) {
        const char *turned[] = {
            turned_centre(n, op, x, anchors),
            node2(n, scope, "Add", "Add_2", distances(n, scope, x, 0, 2), distances(n, scope, x, 2, 4)),
            NULL};
        decoded(n, op, join(n, scope, concat_part(n, 2), 1, turned), strides);
        return 0;
    }
    const char *near = node2(n, scope, "Sub", NULL, anchors, distances(n, scope, x, 0, 2));
    const char *far = node2(n, scope, "Add", "Add_1", anchors, distances(n, scope, x, 2, 4));
    const char *box[] = {near, far, NULL};
    if (!n->options->end2end) {
        const char *sum = node2(n, scope, "Add", "Add_2", near, far);
        box[0] = node2(n, scope, "Div", "Div_1", sum, onnx_float(f, onnx_text(f, "%s/half_of", scope), 2));
        box[1] = node2(n, scope, "Sub", NULL, far, near);
    }
    decoded(n, op, join(n, scope, concat_part(n, 2), 1, box), strides);
    return 0;
}

/* The levels' maps that op reads, (N, channels, cells); once for all operations that read them. */
static const char *flatten_more(struct onnx_network *n, const struct op *op) {
    const char *in[OP_INPUTS_MAX + 1] = {0};
    for (int k = 0; k < op->n_in && !n->more; k++)
        in[k] = onnx_reshape(n, op->node, onnx_in(n, op, k),
                             (int64_t[]){onnx_batch(n), n->shapes[op->out].c, -1}, 3);
    return n->more = n->more ? n->more : join(n, op->node, "Concat_2", -1, in);
}

int onnx_op_flatten(struct onnx_network *n, const struct op *op, struct err *err) {
    (void)err;
    n->names[op->out] = flatten_more(n, op);
    return 0;
}

/* Numbers from .. to - 1 of each point of x, (N, points, dims, cells). */
static const char *of_points(struct onnx_network *n, const char *scope, const char *x, int from, int to) {
    return onnx_out(
        onnx_node(n->file, scope, "Slice", NULL,
                  ONNX_IN(x, int_list(n, scope, from ? "two" : "zero", from),
                          int_list(n, scope, to > 2 ? "three" : "two", to), int_list(n, scope, "two", 2))),
        0);
}

/* ultralytics' kpts_decode. Its anchors are the boxes': centres of cells. */
int onnx_op_keypoints(struct onnx_network *n, const struct op *op, struct err *err) {
    struct onnx_file *f = n->file;
    const struct chw s = n->shapes[op->out];
    const char *scope = op->node, *anchors, *strides;
    (void)err;
    make_anchors(n, op, s.w, &anchors, &strides);
    const char *x = onnx_reshape(n, scope, flatten_more(n, op),
                                 (int64_t[]){onnx_batch(n), s.c / op->dims, op->dims, s.w}, 4),
               *at = of_points(n, scope, x, 0, 2);
    if (op->scale != 1) {
        at = node2(n, scope, "Mul", "Mul_3", at,
                   onnx_float(f, onnx_text(f, "%s/reach", scope), (float)op->scale));
        anchors =
            node2(n, scope, "Sub", "Sub_2", anchors, onnx_float(f, onnx_text(f, "%s/half", scope), 0.5F));
    }
    const char *place =
        node2(n, scope, "Mul", "Mul_4", node2(n, scope, "Add", "Add_3", at, anchors), strides);
    const char *parts[] = {
        place, op->dims > 2 ? node1(n, scope, "Sigmoid", NULL, of_points(n, scope, x, 2, 3)) : NULL, NULL};
    if (parts[1])
        place = join(n, scope, "Concat_5", 2, parts);
    n->names[op->out] = onnx_reshape(n, scope, place, (int64_t[]){onnx_batch(n), s.c, -1}, 3);
    return 0;
}

int onnx_op_angle(struct onnx_network *n, const struct op *op, struct err *err) {
    struct onnx_file *f = n->file;
    const char *scope = op->node, *turn = node1(n, scope, "Sigmoid", NULL, flatten_more(n, op));
    (void)err;
    turn = node2(n, scope, "Sub", NULL, turn, onnx_float(f, onnx_text(f, "%s/least_turn", scope), 0.25F));
    n->names[op->out] =
        node2(n, scope, "Mul", NULL, turn, onnx_float(f, onnx_text(f, "%s/pi", scope), 3.14159265358979F));
    return 0;
}

void onnx_leaf(struct onnx_network *n, const struct op *op, const char *more) {
    struct onnx_file *f = n->file;
    const struct chw s = n->shapes[op->out];
    struct onnx_file_node *y =
        onnx_node(f, op->node, "Concat", concat_part(n, 3), ONNX_IN(n->y[0], n->y[1], more));
    onnx_int(f, y, "axis", 1);
    if (n->options->end2end)
        y = detections(n, op->node, onnx_out(y, 0), s.c, s.w < ONNX_DETECTIONS ? s.w : ONNX_DETECTIONS);
    onnx_rename_output(f, y, "output0");
    n->names[op->out] = onnx_out(y, 0);
}
