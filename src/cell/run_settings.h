/* The settings of a run that a cell's numbers depend on, as run.json names them. */
#ifndef YS_CELL_RUN_SETTINGS_H
#define YS_CELL_RUN_SETTINGS_H

#include "cell/scores.h"

/* 0 or NULL: the run does not say. Texts belong to the JSON that was read. */
struct run_settings {
    const char *checkpoint, *image_list; /* paths as the user gave them; no part of what is compared */
    long imgsz, batch_size;
    long calib_images, n_images; /* images wished for, and how many the list had of them */
    long score_size;             /* images to score on, wished for */
    long probes;                 /* of the detection objectives; 0: they are not scored */
    bool says_fold, fold;        /* whether the run says so; of the network that is exported */
    const char *images;          /* digest of the image files (image_list_add) */
    const char *device, *revision, *fp4_preset, *int4_preset, *block_dim;
};

/* Reads "checkpoint", "image_list", "imgsz", "batch_size", "calib_images", "images" (its length), "images_sha256",
 * "score_size", "probes", "fold" (0 or 1),
 * "device", "scoring_revision" (a text), "fp4_preset", "int4_preset", "block_dim". Errors: ERR_FAILED naming a key of
 * another type. */
int run_settings_read(const cJSON *run, struct run_settings *settings, struct err *err);

/* Whether scores are of these settings; what either does not say is passed over. Errors: ERR_FAILED, "its imgsz is 64,
 * the run's is 640". */
int run_settings_fit(const struct run_settings *settings, const struct scores *scores, struct err *err);

#endif
