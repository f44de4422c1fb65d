#include "base/version.h"
#include "cell/sealed.h"
#include "verify/verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is undefined is null. */
static void add_number(struct json_builder *b, const char *key, double v) {
    if (isnan(v))
        json_add_null(b, key);
    else
        json_add_real(b, key, v);
}

/* Without labels there is no ap. */
static void add_aps(struct json_builder *b, const struct pictures *p, const struct metrics *m) {
    if (!p->n_labelled)
        return;
    add_number(b, "ap", m->ap);
    add_number(b, "ap50", m->ap50);
}

static void add_metrics(struct json_builder *b, const struct pictures *p, const struct metrics *m) {
    add_number(b, "class_kl", m->class_kl);
    add_number(b, "box_loss", m->box_loss);
    if (!isnan(m->more_loss))
        json_add_real(b, "more_loss", m->more_loss);
    add_number(b, "agreement_ap", m->agreement_ap);
    add_aps(b, p, m);
}

static void add_set(struct json_builder *b, const struct verify *v, const struct pictures *p,
                    const struct verify_set *s) {
    json_open_object(b, NULL);
    json_add_string(b, "by", s->by);
    json_add_int(b, "keep", (int64_t)s->n_kept);
    json_open_array(b, "layers");
    for (size_t i = 0; i < v->graph->n_convs; i++)
        if (s->kept[i])
            json_add_string(b, NULL, v->graph->convs[i].name);
    json_close(b);
    json_add_real(b, "effective_bits", s->effective_bits);
    add_metrics(b, p, &s->metrics);
    json_close(b);
}

static void add_pictures(struct json_builder *b, const struct verify_request *r, const struct verify *v) {
    const struct pictures *p = r->pictures;
    json_add_int(b, "images", p->set->count);
    json_add_string(b, "list", r->list);
    json_add_int(b, "labelled", p->n_labelled);
    json_add_int(b, "calibrated_on", v->calibrated_on);
    if (r->scores)
        json_add_int(b, "scored_on", v->scored_on);
    if (v->searched_on)
        json_add_int(b, "searched_on", v->searched_on);
    json_open_array(b, "files");
    for (int i = 0; i < p->set->count; i++)
        json_add_string(b, NULL, p->set->names[i]);
    json_close(b);
}

static void add_layers(struct json_builder *b, const struct verify *v) {
    json_open_object(b, "layers");
    for (size_t i = 0; i < v->graph->n_convs; i++) {
        const struct rank_layer *l = &v->layers[i];
        if (!l->exported)
            continue;
        json_open_object(b, l->name);
        add_number(b, "class_kl", l->class_kl);
        add_number(b, "box_loss", l->box_loss);
        if (!isnan(l->more_loss))
            json_add_real(b, "more_loss", l->more_loss);
        json_close(b);
    }
    json_close(b);
}

static void add_spearman(struct json_builder *b, const struct verify *v) {
    json_open_object(b, "spearman");
    for (int k = 0; k < SCORES_RANKS; k++) {
        if (!v->predicted[k])
            continue;
        json_open_object(b, rank_words[k]);
        add_number(b, "class_kl", v->spearman[k][0]);
        add_number(b, "box_loss", v->spearman[k][1]);
        json_close(b);
    }
    json_close(b);
}

static void add_origin(struct json_builder *b, const struct verify_request *r) {
    const struct pictures *p = r->pictures;
    char qcfg[DIGEST_HEX];
    struct err err = {0};
    if (r->qcfg && qcfg_digest(r->qcfg, qcfg, &err))
        json_fail(b, &err);
    json_add_int(b, "imgsz", r->calib->size);
    json_add_int(b, "calibration_images", r->amax->images);
    json_add_string(b, "computed_on", r->backend->kind->computed_on);
    json_add_string(b, "device", r->backend->kind->word);
    if (r->graph->more) {
        json_add_string(b, "task", r->graph->task);
        json_open_array(b, verify_unmeasured(r) ? "not_measured" : "more_loss_of");
        json_add_string(b, NULL, r->graph->more);
        json_close(b);
    }
    json_add_int(b, "verify_revision", VERIFY_REVISION);
    json_add_bool(b, "fold", r->fold);
    json_open_object(b, "digests");
    json_add_string(b, "checkpoint", r->checkpoint);
    json_add_string(b, "calib", r->calib->digest);
    json_add_string(b, "amax", r->amax->digest);
    if (r->qcfg)
        json_add_string(b, "qcfg", qcfg);
    json_add_string(b, "images", p->digest);
    if (p->n_labelled)
        json_add_string(b, "labels", p->labels_digest);
    if (r->scores)
        json_add_string(b, "scores", r->scores->digest);
    json_close(b);
    if (r->tries) {
        json_open_object(b, "search");
        json_add_int(b, "tries", (int64_t)r->tries);
        json_add_real(b, "reach", r->reach);
        json_close(b);
    }
    json_add_string(b, "version", YOLOSENS_VERSION);
}

static void add_float(struct json_builder *b, const struct pictures *p, const struct verify *v) {
    json_open_object(b, "float");
    json_add_int(b, "detections", (int64_t)v->detections);
    add_aps(b, p, &v->unquantized);
    json_close(b);
}

int verify_mixes_write(const char *path, const struct verify_request *r, const struct verify_mix *mixes,
                       size_t n, const struct verify *v, struct err *err) {
    struct json_builder b = json_builder();
    json_add_string(&b, "model", r->model);
    add_pictures(&b, r, v);
    add_float(&b, r->pictures, v);
    json_open_array(&b, "mixes");
    for (size_t i = 0; i < n; i++) {
        const struct verify_mix *m = &mixes[i];
        json_open_object(&b, NULL);
        json_add_string(&b, "recipe", m->path);
        json_add_int(&b, "keep", (int64_t)m->n_kept);
        json_add_real(&b, "effective_bits", m->effective_bits);
        add_number(&b, "bit_operations", m->mix.bit_operations);
        json_add_string(&b, "rank", m->mix.rank);
        add_number(&b, "loss", m->mix.loss);
        add_metrics(&b, r->pictures, &m->metrics);
        json_close(&b);
    }
    json_close(&b);
    add_origin(&b, r);
    return sealed_write(path, &b, err);
}

bool verify_is_current(const char *path, const struct verify_request *r) {
    struct json_builder b = json_builder();
    cJSON *was = NULL, *is = NULL, *read = NULL;
    char *text = NULL;
    const cJSON *member;
    bool same = false;
    add_origin(&b, r);
    /* Numbers compare as they are read. */
    if (json_built(&b, &is, NULL) == 0 && (text = json_line(is)) && (read = cJSON_Parse(text)) &&
        access(path, R_OK) == 0 && sealed_read(path, &was, NULL) == 0) {
        same = !cJSON_GetObjectItemCaseSensitive(was, "search") == !r->tries;
        cJSON_ArrayForEach(member, read) same =
            same && cJSON_Compare(member, cJSON_GetObjectItemCaseSensitive(was, member->string), true);
    }
    free(text);
    cJSON_Delete(was);
    cJSON_Delete(is);
    cJSON_Delete(read);
    return same;
}

int verify_write(const char *path, const struct verify_request *r, const struct verify *v, struct err *err) {
    struct json_builder b = json_builder();
    const struct pictures *p = r->pictures;
    json_add_string(&b, "model", r->model);
    qcfg_add_choice(&b, r->qcfg);
    add_pictures(&b, r, v);
    add_float(&b, p, v);
    json_open_object(&b, "all_quantized");
    json_add_real(&b, "effective_bits", v->all.effective_bits);
    add_metrics(&b, p, &v->all.metrics);
    json_close(&b);
    add_layers(&b, v);
    add_spearman(&b, v);
    json_open_array(&b, "sets");
    for (size_t i = 0; i < v->n_sets; i++)
        add_set(&b, v, p, &v->sets[i]);
    json_close(&b);
    add_origin(&b, r);
    return sealed_write(path, &b, err);
}
