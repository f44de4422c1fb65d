/* scores.json: what quantizing each layer of one cell costs, the facts of the layers, and what the numbers depend on.
 * This is the only code that reads or writes it.
 *
 *     struct scores scores = {0};
 *     if (scores_read("scores.json", &scores, &err)) ...
 *     for (size_t i = 0; i < scores.n_layers; i++)
 *         use(scores.layers[i].score[SCORES_MODELOPT]);
 *     scores_free(&scores);
 *
 * Texts of scores that were read belong to their `json`; those of scores that are to be written belong to whoever
 * filled them in. */
#ifndef YS_CELL_SCORES_H
#define YS_CELL_SCORES_H

#include "cell/name.h"
#include "cell/qcfg.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a score says a layer harms. */
enum scores_objective {
    SCORES_MODELOPT, /* "score": AutoQuantize's, of the outputs' sum; every file has it */
    SCORES_CLASS,    /* "class_score" */
    SCORES_BOX,      /* "box_score" */
    SCORES_OBJECTIVES
};

/* A rank's first so many layers: 5, 10, 20. Ranks that are made of scores are numbered as cell/rank.h has them. */
enum { SCORES_FIRSTS = 3, SCORES_RANKS = 4 };
extern const int scores_firsts[SCORES_FIRSTS];

enum { SCORES_BITS = 16, SCORES_LAYERS_MAX = 10000, SCORES_WEIGHT_DIMS = 4, SCORES_IMAGE_DIMS = 3 };

/* Sizes of all layers together are at most this, in bits. */
#define SCORES_SIZE_MAX ((int64_t)1 << 53)

/* One convolution. */
struct scores_layer {
    const char *name; /* its path in the module tree */
    const char *node; /* in an exported ONNX file, where merged layers have one; NULL: it is in none */
    double score[SCORES_OBJECTIVES]; /* float32 values >= 0; NAN: not computed */
    double error[SCORES_OBJECTIVES]; /* standard error of each over the images; NAN: not known */
    int64_t bits, none_bits;         /* its weights' size in bits quantized, and in 16-bit floats */
    bool exported;                   /* the deployed network has it, or the file does not say */
    /* What follows is 0 (macs: -1) where the file does not say. */
    int shape[SCORES_WEIGHT_DIMS];                           /* of its weight: cout, cin / groups, kh, kw */
    int input[SCORES_IMAGE_DIMS], output[SCORES_IMAGE_DIMS]; /* of one image: channels, height, width */
    double macs;                                             /* of one image */
};

struct release;

struct scores {
    struct cell_name name;
    struct qcfg qcfg;
    const char *recipe;          /* ModelOpt's name of the configuration: "CUSTOM_0(effective-bits: 8.0)" */
    double bits;                 /* of a weight of a quantized layer, as its cost counts it */
    double effective_bits;       /* the limit that recipe-solve takes by default; 0: the file has none */
    struct scores_layer *layers; /* in the module tree's order */
    size_t n_layers;
    const struct release *release; /* of ModelOpt, whose sizes and limit these are; NULL: the formats' own */

    /* The share of a rank's first layers that other images would be expected to choose too (exec/spread.h); NAN: not
     * known. */
    double stability[SCORES_RANKS][SCORES_FIRSTS];

    /* What the numbers depend on; 0 or NULL where a file that is not ours does not say. */
    long calibration_images, score_images; /* images calibrated and scored on */
    long imgsz, batch_size;
    long probes;    /* vectors of signs of the detection objectives; 0: they were not scored */
    long revision;  /* of the code that computed them: SCORE_REVISION of exec/score.h */
    bool each_call; /* a convolution's calls are scored each with its own difference, as ModelOpt 0.48 does */
    bool fold;      /* of the network that is exported (model/fold.h) */
    const char *checkpoint;  /* its path as the user gave it */
    const char *image_list;  /* likewise; ours do not say */
    const char *computed_on; /* in words: "CPU, float32" */
    const char *device;      /* the kind of device that run.json names: "cpu", "cuda" */
    const char *checkpoint_digest, *calib_digest, *qcfg_digest, *amax_digest;
    const char *images_digest; /* of the image files, as images_sha256 in run.json */

    char *nodes;        /* names of nodes that the file did not say, by rule (node.h); NULL: it did */
    cJSON *json;        /* what was read, sealed; NULL in scores that are to be written */
    const char *digest; /* of what was read */
};

/* Which objectives a request names: "modelopt", or "modelopt detection" (class and box), words apart by blanks or commas.
 * ModelOpt's scores cannot be left out, since the recipe is made of them. Errors: ERR_USAGE, naming what is there. */
int scores_parse_objectives(const char *words, bool *detection, struct err *err);

/* Reads and checks scores.json: sens-score's, or ModelOpt's own scores in the same layout, whose configuration is
 * derived from "weight", "activation", "granularity" and "presets". path may be "-". Errors: ERR_FAILED, one line that
 * names the file, the layer and what to do. */
int scores_read(const char *path, struct scores *scores, struct err *err);

/* The same of parsed JSON, which then belongs to scores, whatever is returned. */
int scores_from_json(cJSON *json, struct scores *scores, struct err *err);

/* Writes scores.json, sealed; "-" is standard output. Errors: ERR_FAILED; nothing is written then. */
int scores_write(const char *path, const struct scores *scores, struct err *err);

/* The layer that a layer is merged into in an export: the first of its node, itself where it has one of its own. */
size_t scores_merged_into(const struct scores *scores, size_t layer);

/* Frees what scores own, and zeroes them. */
void scores_free(struct scores *scores);

/* A size in bits as ModelOpt counts it, in 16-bit elements. */
static inline double scores_elements(int64_t bits) {
    return (double)bits / SCORES_BITS;
}

/* How many bits layers may take that take none_bits in 16 bits, for a mean of effective_bits. A limit that is met exactly may
 * come out an ulp short: it is met. */
int64_t scores_room(int64_t none_bits, double effective_bits);

/* A limit of effective bits, wherever it comes from, is above 0 and at most 16. Errors: ERR_FAILED. */
int scores_check_limit(double effective_bits, struct err *err);

#endif
