#include "report/report.h"

#include "base/json.h"
#include "cell/run_settings.h"
#include "cell/sealed.h"

#include <stdlib.h>
#include <string.h>

/* What a report tells of the scores, which other readers can do without. */
static int check_scores(const struct scores *s, struct err *err) {
    const char *missing = !s->calibration_images ? "calibration_images"
                          : !s->score_images     ? "score_images"
                          : !s->imgsz            ? "imgsz"
                                                 : NULL;
    if (missing)
        return err_set(err, ERR_FAILED, "key \"%s\" is missing", missing);
    return strcmp(s->recipe, s->qcfg.recipe) == 0
               ? 0
               : err_set(err, ERR_FAILED, "\"recipe\" is \"%s\", but these formats make it \"%s\"", s->recipe,
                         s->qcfg.recipe);
}

/* What the artifacts say of the settings: the run's words, else the scores'. */
static void settle(struct report *r, const struct run_settings *run) {
    const struct scores *s = &r->scores;
    r->checkpoint = run->checkpoint ? run->checkpoint : s->checkpoint ? s->checkpoint : s->name.model;
    r->image_list = run->image_list ? run->image_list : s->image_list;
    r->calib_images_max = run->calib_images ? run->calib_images : s->calibration_images;
    r->score_size = run->score_size ? run->score_size : s->score_images;
    r->batch_size = s->batch_size ? s->batch_size : run->batch_size ? run->batch_size : 1;
    cell_name_print(&s->name, CELL_FILE, r->title);
    for (int k = 0; k < SCORES_OBJECTIVES; k++)
        for (size_t i = 0; i < s->n_layers; i++)
            r->total[k] += s->layers[i].exported ? s->layers[i].score[k] : 0;
}

static int read_damage(struct report *r, const char *verify, struct err *err) {
    if (!(r->damage = calloc(1, sizeof *r->damage)))
        return err_nomem(err);
    return damage_read(verify, &r->scores, r->damage, err);
}

static int read_all(struct report *r, const char *scores, const char *recipe, const char *run,
                    const char *verify, struct err *err) {
    struct run_settings settings = {0};
    if (scores_read(scores, &r->scores, err))
        return -1;
    if (check_scores(&r->scores, err))
        return sealed_refuse(err, scores, "make it again with sens-score");
    if (recipe_read(recipe, &r->scores, &r->recipe, err) || (run && sealed_read(run, &r->run_json, err)) ||
        (verify && read_damage(r, verify, err)))
        return -1;
    if (run && run_settings_read(r->run_json, &settings, err))
        return sealed_refuse(err, run, "correct it, or leave --run out");
    if (run_settings_fit(&settings, &r->scores, err))
        return sealed_refuse(err, scores, "make it again with the run's settings, or leave --run out");
    settle(r, &settings);
    return (r->qcfg_json = qcfg_to_json(&r->scores.qcfg)) ? 0 : err_nomem(err);
}

int report_read(const char *scores_path, const char *recipe_path, const char *run_path,
                const char *verify_path, struct report **report, struct err *err) {
    if (!(*report = calloc(1, sizeof **report)))
        return err_nomem(err);
    int ret = read_all(*report, scores_path, recipe_path, run_path, verify_path, err);
    if (ret)
        report_free(report);
    return ret;
}

void report_free(struct report **report) {
    struct report *r = *report;
    if (!r)
        return;
    scores_free(&r->scores);
    recipe_free(&r->recipe);
    if (r->damage)
        damage_free(r->damage);
    free(r->damage);
    cJSON_Delete(r->qcfg_json);
    cJSON_Delete(r->run_json);
    free(r);
    *report = NULL;
}
