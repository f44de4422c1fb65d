/* A graph under construction: what the module kinds (kinds.c) and heads (heads.c) add their operations with. Private to
 * src/model. */
#ifndef YS_MODEL_BUILDER_H
#define YS_MODEL_BUILDER_H

#include "model/graph.h"
#include "model/module.h"

/* What is said of all else. */
#define BUILDER_SCORED                                                                                       \
    "only YOLOv8, YOLOv10, YOLO11, YOLO12 and YOLO26 networks for detection, segmentation, poses and "       \
    "oriented boxes are scored"

enum { BUILDS_MAX = 1 << 16 };

struct builder {
    struct graph *g;
    const struct pt_value **conv_modules; /* of each g->convs entry */
    size_t ops_room;
    const struct module *at; /* whose operations are added */
    size_t modules;          /* that builder_module was given */
    const char *head;        /* the last layer's class, where that is none of heads.c */
};

/* Appends op with its n_in inputs copied; *out is the number of the value that it makes. */
int builder_add(struct builder *b, struct op op, const int *in, int n_in, int *out, struct err *err);

/* Appends whatever module m computes from in[0 .. n_in-1]. The table of module kinds decides; an unknown kind
 * is ERR_UNSUPPORTED naming it, and so is the BUILDS_MAX-th: where one module stands in many places, or a
 * pooling is repeated and holds others, few bytes of a file can ask for any number. */
int builder_module(struct builder *b, const struct module *m, const int *in, int n_in, int *out,
                   struct err *err);

/* The same for m's child `name`, of one input. */
int builder_child(struct builder *b, const struct module *m, const char *name, int in, int *out,
                  struct err *err);

/* Whether m is of class `cls` (as kind_is takes it), and has no submodules and, unless it is torch's, no parameters
 * of its own but `children`, which single spaces part (NULL: any submodules). A class of the right name that was changed, or
 * another fork's, has parts that would be left out in silence. Errors: ERR_UNSUPPORTED. */
int builder_check(const struct module *m, const char *cls, const char *children, struct err *err);

/* m's child `name` into *part, checked so: for parts that no row of the module kinds builds. */
int builder_part(const struct module *m, const char *name, const char *cls, const char *children,
                 struct module *part, struct err *err);

/* Whether a child of m has no part in the forward pass of evaluation: a loss's, in training. */
bool builder_trains_only(const struct module *m, const struct module *child);

/* The head that m is, a row of heads.c; NULL if it is none. */
struct head;
const struct head *builder_head_of(const struct module *m);

/* Its branches over the levels' features, decoded; sets what the graph knows of its head. */
int builder_head(struct builder *b, const struct head *head, const struct module *m, const int *levels,
                 int n_levels, struct err *err);

/* Whether m's class is `cls`: the whole path of one of torch's, or the file and class in nn/modules of ultralytics and of
 * its forks, whatever their package: "conv.Conv" is ultralytics.nn.modules.conv.Conv. */
bool kind_is(const struct module *m, const char *cls);

#define KIND_CONV2D "torch.nn.modules.conv.Conv2d"
#define KIND_CONV_TRANSPOSE2D "torch.nn.modules.conv.ConvTranspose2d"
#define KIND_IDENTITY "torch.nn.modules.linear.Identity"
#define KIND_LIST "torch.nn.modules.container.ModuleList"
#define KIND_SEQUENTIAL "torch.nn.modules.container.Sequential"

#endif
