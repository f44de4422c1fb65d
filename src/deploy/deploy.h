/* Which convolutions a runtime is told to leave in 16 bits, and the words in which it takes that.
 *
 *     struct deploy d = {0};
 *     struct deploy_keep keep;
 *     if (deploy_parse_keep("80%", &keep, &err) || deploy_open(&request, &d, &err) || deploy_choose(&d, &keep, &err)) ...
 *     deploy_print(&d, stream, &err);
 *     deploy_free(&d);
 */
#ifndef YS_DEPLOY_DEPLOY_H
#define YS_DEPLOY_DEPLOY_H

#include "cell/damage.h"
#include "cell/mix.h"
#include "onnx/nodes.h"

#include <stdio.h>

/* How many layers are kept. */
enum deploy_keep_kind {
    KEEP_SHARE, /* the fewest that hold this share of the rank's total */
    KEEP_COUNT, /* the rank's first so many */
    KEEP_BITS,  /* those of which the others' rank total is least within so many effective bits, exactly */
    KEEP_AP,    /* the smallest measured set that agrees with the unquantized network to this AP */
};

struct deploy_keep {
    enum deploy_keep_kind kind;
    double value;
};

/* Reads "80%", "10", "bits=9" or "ap=0.99". Errors: ERR_USAGE, naming the forms. */
int deploy_parse_keep(const char *text, struct deploy_keep *keep, struct err *err);

/* A convolution of the exported network: a layer, or the two that a RepVGGDW's kernels are before they are merged, which are
 * kept together. */
struct deploy_conv {
    size_t layers[2]; /* indices in the scores; what it is called after comes first */
    int n_layers;
    /* Of what is kept: its name in the export, the node there and what that makes; else NULL. */
    char *name, *node, *output;
    double value;            /* of the rank, of its layers together */
    int64_t bits, none_bits; /* of its layers' weights */
    double macs;             /* -1: not known */
    bool left;               /* the runtime leaves it in 16 bits whatever one asks */
    bool kept;
};

struct deploy_target;

struct deploy_request {
    const struct scores *scores;
    const struct damage *damage; /* of these scores, or NULL */
    const struct deploy_target *target;
    enum rank rank;
    const struct onnx_nodes
        *file; /* the user's own model, or NULL: names are those of ultralytics' exporter */
    const char *scores_path, *verify_path, *onnx_path; /* for messages; the last also for commands */
};

struct deploy {
    struct deploy_request request;
    struct deploy_conv *convs;
    size_t n;
    double total; /* of the rank, over those that the runtime does not leave anyway */
    bool ruled;   /* the target has rules of what it leaves, and the shapes to go by are known */
    bool marked;  /* each convolution's words are printed between these: */
};
enum { DEPLOY_BEGIN = '\x02', DEPLOY_END = '\x03' };

/* The target of a word ("modelopt-onnx"). Errors: ERR_USAGE, naming all. */
int deploy_find_target(const char *word, const struct deploy_target **target, struct err *err);

/* Prints a row a target: its word, and what it is. */
void deploy_print_targets(FILE *f);

/* Gathers the exported convolutions, what the runtime leaves, and values. Errors: ERR_UNSUPPORTED for formats that the runtime
 * does not run; ERR_FAILED for scores that lack what the rank is made of. Free with deploy_free, after an error too. The
 * request's files must stay until then. */
int deploy_open(const struct deploy_request *request, struct deploy *d, struct err *err);

/* Decides what is kept, and finds its names. Errors: ERR_FAILED for what cannot be met, or a convolution that is kept and that
 * the ONNX file lacks; ERR_USAGE for KEEP_AP without a measurement. */
int deploy_choose(struct deploy *d, const struct deploy_keep *keep, struct err *err);

/* The same by a recipe: what it leaves in 16 bits is kept. */
int deploy_choose_mix(struct deploy *d, const struct mix *mix, struct err *err);

/* Keeps every convolution, even those that the runtime leaves anyway. */
int deploy_keep_all(struct deploy *d, struct err *err);

/* Effective bits of the network's weights, with what is kept and what the runtime leaves in 16. */
double deploy_bits(const struct deploy *d);

/* Prints what the runtime takes. Errors: ERR_FAILED for a name that it cannot take. */
int deploy_print(const struct deploy *d, FILE *f, struct err *err);

/* Layers' values by the request's rank; values has room for all of its scores' layers. Errors: as deploy_open's of ranks. */
int deploy_layer_values(const struct deploy_request *request, double *values, struct err *err);

/* order, with room for d->n, receives the indices of the *n convolutions that the runtime does not leave anyway, what is kept
 * first first. Errors: memory. */
int deploy_order(const struct deploy *d, size_t *order, size_t *n, struct err *err);

/* What a reader needs to keep any number of layers for any target (all.c says its members). damage may be NULL. *tree is the
 * caller's. Errors: ERR_FAILED, as of deploy_open. */
int deploy_all(const struct scores *scores, const struct damage *damage, cJSON **tree, struct err *err);

/* What to know of the runtime and the cell, a line each: the part of deploy_tell that the choice does not change. */
void deploy_put_notes(const struct deploy *d, FILE *f);

/* What is kept and what that costs, a line. */
void deploy_put_kept(const struct deploy *d, FILE *f);

/* In words, a line each: what is kept and what that costs, what the runtime leaves anyway, what to know of the cell. say
 * hears them. Errors: memory. */
int deploy_tell(const struct deploy *d, err_say_fn *say, struct err *err);

void deploy_free(struct deploy *d);

#endif
