/* One cell's results as every artifact needs them: read once from scores.json, recipe.json and, if there is
 * one, run.json, and checked against each other here, so that the writers have nothing left to doubt.
 *
 *     struct report_cell *cell = NULL;
 *     if (report_cell_read("scores.json", "recipe.json", NULL, &cell, &err)) ...
 *     report_write(cell, dir, &err);
 *     report_cell_free(&cell);
 *
 * The cell owns everything that it points to. */
#ifndef YS_REPORT_CELL_H
#define YS_REPORT_CELL_H

#include "base/err.h"
#include "cell/name.h"
#include "cell/qcfg.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

enum { WEIGHT_DIMS = 4, IMAGE_DIMS = 3 };

/* One convolution. */
struct report_layer {
    const char *name;       /* its path in the module tree */
    double score;           /* float32 value */
    double cost, none_cost; /* size in 16-bit elements under the recipe, and unquantized */
    bool kept;              /* the solver left it in 16 bits */
    bool exported;          /* false: part of one2many, which only training uses */
    /* What follows is 0 (macs: -1) where scores.json does not say. */
    long shape[WEIGHT_DIMS];                    /* of its weight: cout, cin / groups, kh, kw */
    long input[IMAGE_DIMS], output[IMAGE_DIMS]; /* of one image: channels, height, width */
    double macs;                                /* of one image */
};

struct report_cell {
    const char *model, *checkpoint; /* checkpoint: its path, else the model's name */
    struct cell_name name;
    char title[CELL_NAME_MAX]; /* <model>_w<weight>_a<activation>_<granularity> */
    struct qcfg qcfg;
    cJSON *qcfg_json; /* qcfg_to_json's: overrides and summary in the reference's key order */

    struct report_layer *layers; /* in the module tree's order */
    size_t n_layers;

    const char *recipe,
        *none;    /* their names: "CUSTOM_0(effective-bits: 8.0)", "NONE(effective-bits: 16.0)" */
    double limit; /* the solver's constraint, effective bits */
    double best_bits, best_score;
    bool satisfied;

    const char *image_list; /* NULL: unknown */
    long imgsz, calib_images, calib_images_max, batch_size, score_size;
    const char *computed_on; /* NULL: unknown */
    const cJSON *digests;    /* of what the scores were made from; NULL: unknown */
    bool demonstration;      /* the bundled checkpoint: trained on COCO128 */

    cJSON *scores_json, *recipe_json, *run_json; /* what the pointers above lead into */
};

/* Reads and checks a cell. Paths may be "-" (one of them); run_path may be NULL.
 *
 * scores.json: sens-score's, or a cell of ModelOpt's own scores in the same layout; without "qcfg" the
 * configuration is derived from "weight", "activation", "granularity" and "presets". recipe.json:
 * recipe-solve's, of the same scores: its "scores_digest", if it has one, and its total must fit. run.json,
 * every key optional, an object of the run's settings: "image_list" (string), "imgsz", "calib_images" (wished
 * for; fewer where the list is shorter), "score_size", "batch_size" (integers), "checkpoint" (string). What
 * it lacks is taken from scores.json: the same keys, with "calibration_images" and "score_images" for the
 * counts; a batch size that neither has is 1.
 *
 * A layer without "exported" counts as not exported if it is in one2many of a head that has a one2one twin:
 * X.cv2.* and X.cv3.* where X.one2one_cv2.* and X.one2one_cv3.* exist.
 *
 * Errors: ERR_FAILED, one line that names the file, the layer and what to do: missing keys, numbers that are
 * not finite, names that cannot be file names or are not UTF-8, a recipe.json of other scores. */
int report_cell_read(const char *scores_path, const char *recipe_path, const char *run_path,
                     struct report_cell **cell, struct err *err);

void report_cell_free(struct report_cell **cell);

#endif
