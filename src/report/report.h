/* A cell's artifacts (artifacts.def), with the reference's names, keys, headings and order; what we add comes
 * after.
 *
 *     struct report *report = NULL;
 *     if (report_read("scores.json", "recipe.json", NULL, NULL, &report, &err)) ...
 *     report_write(report, dir, &err);
 *     report_free(&report); */
#ifndef YS_REPORT_REPORT_H
#define YS_REPORT_REPORT_H

#include "cell/damage.h"
#include "cell/recipe.h"

/* What the artifacts tell of a cell: read once and checked against each other, so that the writers have nothing left
 * to doubt. It owns everything that it points to. */
struct report {
    struct scores scores; /* of the recipe's release */
    struct recipe recipe;
    struct damage *damage;           /* what was measured; NULL: nothing was */
    double total[SCORES_OBJECTIVES]; /* of the exported layers' scores; NAN: they were not computed */
    char title[CELL_NAME_MAX];       /* <model>_w<weight>_a<activation>_<granularity> */
    const char *checkpoint;          /* its path, else the model's name */
    const char *image_list;          /* NULL: unknown */
    long calib_images_max;           /* images that were wished for; the scores know how many there were */
    long score_size;                 /* likewise */
    long batch_size;
    cJSON *qcfg_json; /* qcfg_to_json's: overrides and summary in the reference's key order */
    cJSON *run_json;
};

/* Reads and checks a cell. Paths may be "-" (one of them); run_path and verify_path (verify.json) may be NULL.
 *
 * run.json, every key optional, is an object of the run's settings: "image_list" (string), "calib_images", "score_size",
 * "batch_size" (integers), "checkpoint" (string). What it lacks is taken from the scores; a batch size that neither has
 * is 1. Scores of other settings than the run's (cell/run_settings.h) are refused.
 *
 * Errors: ERR_FAILED, one line that names the file, the layer and what to do. */
int report_read(const char *scores_path, const char *recipe_path, const char *run_path,
                const char *verify_path, struct report **report, struct err *err);

void report_free(struct report **report);

#define ARTIFACT(constant, file, writer) REPORT_##constant,
enum report_artifact {
#include "report/artifacts.def"
    REPORT_ARTIFACTS /* how many there are */
};
#undef ARTIFACT

/* Makes an artifact: *n bytes, which the caller frees, and a NUL after them. The same cell gives the same
 * bytes. NULL: an error, ERR_FAILED. */
typedef char *report_writer(const struct report *report, size_t *n, struct err *err);

#define ARTIFACT(constant, file, writer) report_writer writer;
#include "report/artifacts.def"
#undef ARTIFACT

/* Writes the name of an artifact's file in the cell's folder; returns text. name NULL: what artifacts.def has. */
enum { REPORT_FILE_MAX = CELL_NAME_MAX + 64 };
char *report_file(enum report_artifact artifact, const struct cell_name *name, char text[REPORT_FILE_MAX]);

/* Makes all artifacts in memory, then writes them into dir (made if missing), each whole or not
 * at all. Errors: ERR_FAILED naming the file. */
int report_write(const struct report *report, const char *dir, struct err *err);

#endif
