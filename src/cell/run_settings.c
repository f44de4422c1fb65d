#include "cell/run_settings.h"

#include "cell/sealed.h"

#include <stdio.h>
#include <string.h>

static int read_fold(const cJSON *run, struct run_settings *s, struct err *err) {
    long fold = 0;
    s->says_fold = cJSON_HasObjectItem(run, "fold");
    if (s->says_fold && json_get_int(run, "fold", 0, 1, &fold, err))
        return -1;
    s->fold = fold;
    return 0;
}

int run_settings_read(const cJSON *run, struct run_settings *s, struct err *err) {
    const cJSON *images = cJSON_GetObjectItemCaseSensitive(run, "images");
    *s = (struct run_settings){.n_images = cJSON_IsArray(images) ? cJSON_GetArraySize(images) : 0};
    return sealed_string(run, "checkpoint", &s->checkpoint, err) ||
                   sealed_string(run, "image_list", &s->image_list, err) ||
                   sealed_count(run, "imgsz", &s->imgsz, err) ||
                   sealed_count(run, "batch_size", &s->batch_size, err) ||
                   sealed_count(run, "calib_images", &s->calib_images, err) ||
                   sealed_count(run, "score_size", &s->score_size, err) ||
                   sealed_string(run, "images_sha256", &s->images, err) ||
                   sealed_count(run, "probes", &s->probes, err) || read_fold(run, s, err) ||
                   sealed_string(run, "device", &s->device, err) ||
                   sealed_string(run, "scoring_revision", &s->revision, err) ||
                   sealed_string(run, "fp4_preset", &s->fp4_preset, err) ||
                   sealed_string(run, "int4_preset", &s->int4_preset, err) ||
                   sealed_string(run, "block_dim", &s->block_dim, err)
               ? -1
               : 0;
}

static int same_count(const char *what, long of_scores, long of_run, struct err *err) {
    return !of_scores || !of_run || of_scores == of_run
               ? 0
               : err_set(err, ERR_FAILED, "its %s is %ld, the run's is %ld", what, of_scores, of_run);
}

static int same_text(const char *what, const char *of_scores, const char *of_run, struct err *err) {
    return !of_scores || !of_run || strcmp(of_scores, of_run) == 0
               ? 0
               : err_set(err, ERR_FAILED, "its %s is %s, the run's is %s", what, of_scores, of_run);
}

static int same_fold(const struct run_settings *run, const struct scores *s, struct err *err) {
    return !run->says_fold || run->fold == s->fold
               ? 0
               : err_set(err, ERR_FAILED, "its network is %s, the run's is %s",
                         s->fold ? "folded" : "not folded", run->fold ? "folded" : "not");
}

/* A list may be shorter than calib_images. Of what was calibrated on, the first score_size images are scored on, in
 * whole batches and at least one of them. */
static int same_images(const struct run_settings *run, const struct scores *s, struct err *err) {
    const long batch = s->batch_size ? s->batch_size : 1;
    if (same_count("number of calibration images", s->calibration_images, run->n_images, err))
        return -1;
    if (run->calib_images && s->calibration_images > run->calib_images)
        return err_set(err, ERR_FAILED, "its number of calibration images is %ld, the run's is at most %ld",
                       s->calibration_images, run->calib_images);
    if (s->images_digest && run->images && strcmp(s->images_digest, run->images) != 0)
        return err_set(err, ERR_FAILED, "its images are others than the run's");
    long scored = run->score_size < batch ? batch : run->score_size / batch * batch;
    if (s->calibration_images && scored > s->calibration_images)
        scored = s->calibration_images;
    return run->score_size ? same_count("number of scored images", s->score_images, scored, err) : 0;
}

/* A run of detection objectives needs their scores, by as many vectors of signs. */
static int same_probes(const struct run_settings *run, const struct scores *s, struct err *err) {
    if (run->probes && !s->probes)
        return err_set(err, ERR_FAILED, "it lacks the detection scores");
    return same_count("number of probes", s->probes, run->probes, err);
}

int run_settings_fit(const struct run_settings *run, const struct scores *s, struct err *err) {
    char revision[24];
    if (s->each_call && run->device)
        return err_set(err, ERR_FAILED, "its convolutions are scored by --calls each, the run's are not");
    snprintf(revision, sizeof revision, "%ld", s->revision);
    return same_count("imgsz", s->imgsz, run->imgsz, err) ||
                   same_count("batch_size", s->batch_size, run->batch_size, err) ||
                   same_images(run, s, err) || same_fold(run, s, err) || same_probes(run, s, err) ||
                   same_text("device", s->device, run->device, err) ||
                   same_text("scoring_revision", s->revision ? revision : NULL, run->revision, err) ||
                   same_text("fp4_preset", s->qcfg.fp4_preset, run->fp4_preset, err) ||
                   same_text("int4_preset", s->qcfg.int4_preset, run->int4_preset, err) ||
                   same_text("block_dim", qcfg_block_dims[s->qcfg.block_dim], run->block_dim, err)
               ? -1
               : 0;
}
