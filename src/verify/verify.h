/* What is measured of a cell, and verify.json: each exported layer quantized alone, all of them, and all but a few that one
 * rank or another would keep in 16 bits.
 *
 *     struct verify v = {0};
 *     if (verify_run(&request, &v, &err) || verify_write(path, &request, &v, &err)) ...
 *     verify_free(&v);
 */
#ifndef YS_VERIFY_VERIFY_H
#define YS_VERIFY_VERIFY_H

#include "cell/mix.h"
#include "cell/rank.h"
#include "exec/score_state.h"
#include "verify/meter.h"

/* Changes whenever the numbers that this code measures may change in any bit that matters to a user. */
enum { VERIFY_REVISION = 2 };

struct verify_request {
    struct backend *backend;
    const struct graph *graph;
    const struct amax *amax;
    const struct qcfg *qcfg;       /* of the cell */
    const struct calib_set *calib; /* what amax is of, whole */
    const struct pictures *pictures;
    const struct scores *scores; /* of this cell, or NULL */
    size_t tries;                /* of a search for each of the sets of 5, 10, 20 layers; 0: none */
    double reach;      /* the search also finds the fewest layers for this agreement_ap; 0: it does not */
    const char *state; /* folder for what a killed pass found, or NULL */
    /* The layers, and the sets that are known beforehand, are measured in shard.count parts, 0 and 1: in one. A process of shard.index 1 .. count
     * measures that part, leaves it in state, and makes no result; one of index 0 measures what is lacking. */
    struct score_shard shard;
    progress_fn *progress;

    const char *model, *list; /* the model's name in results; the pictures' list as the user gave it */
    const char *checkpoint, *network; /* digests (exec/session.h) */
    bool fold;                        /* the graph is of the folded network */
};

/* A mix of formats (cell/mix.h), and what it does. */
struct verify_mix {
    const char *path;
    struct mix mix;
    size_t n_kept;         /* exported layers in 16 bits */
    double effective_bits; /* of the exported layers' weights */
    struct metrics metrics;
};

/* All exported layers but those kept quantized. */
struct verify_set {
    const char *by; /* one of rank_words, "exporter", or "search" */
    size_t n_kept;
    bool *kept;            /* of each convolution */
    double effective_bits; /* of the exported layers' weights */
    struct metrics metrics;
};

struct verify {
    const struct graph *graph;
    struct metrics unquantized;       /* its ap and ap50 */
    size_t detections;                /* of the unquantized network */
    struct verify_set all;            /* none kept */
    struct rank_layer *layers;        /* of each convolution: its scores, and what was measured of it alone */
    bool predicted[SCORES_RANKS];     /* which ranks there are */
    double spearman[SCORES_RANKS][2]; /* of each with class_kl and with box_loss; NAN: undefined */
    struct verify_set *sets;
    size_t n_sets;
    int calibrated_on, scored_on; /* how many of the pictures were calibrated on, and scored on */
    int searched_on; /* images that searched sets were judged on, none of them a picture; 0: no search */
};

/* Measures; of a shard, what is in state alone. Errors: scores of another cell; those of meter_run. Free with verify_free, after an error too. */
int verify_run(const struct verify_request *request, struct verify *out, struct err *err);

/* Measures mixes: fills in all but path and mix. Of out, what is of the unquantized network. request->qcfg and scores are NULL. Errors: those of
 * meter_run; a mix of another checkpoint. */
int verify_mixes(const struct verify_request *request, struct verify_mix *mixes, size_t n, struct verify *out,
                 struct err *err);

/* Writes them, sealed: "mixes" in place of what verify.json has of a cell. */
int verify_mixes_write(const char *path, const struct verify_request *request, const struct verify_mix *mixes,
                       size_t n, const struct verify *v, struct err *err);

/* Whether the file at path is whole, and was measured from what request asks for. */
bool verify_is_current(const char *path, const struct verify_request *request);

/* Writes verify.json, sealed; "-" is standard output. */
int verify_write(const char *path, const struct verify_request *request, const struct verify *v,
                 struct err *err);

/* What the network makes that the backend has no measure of, in a word; NULL: nothing. */
const char *verify_unmeasured(const struct verify_request *request);

void verify_free(struct verify *v);

#endif
