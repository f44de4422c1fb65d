#define _GNU_SOURCE
#include "verify/pictures.h"

#include "image/letterbox.h"
#include "image/prepare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    const struct image_list *list;
    struct pictures *out;
    struct digest *files, *labels;
    int classes;
    err_say_fn *say;
};

static void warn(const struct reading *r, int i, const char *warning) {
    char *line = NULL;
    if (r->say && asprintf(&line, "%s: %s", r->list->paths[i], warning) >= 0)
        r->say(line);
    free(line);
}

/* Boxes in shares of the picture become pixels of the square. */
static int into_square(struct labels *labels, const struct image *picture, int size, struct err *err) {
    struct letterbox fit;
    if (letterbox_fit(picture->width, picture->height, size, &fit, err))
        return -1;
    for (size_t i = 0; i < labels->n; i++) {
        struct detect_box *b = &labels->boxes[i];
        b->x = fit.left + b->x * fit.width;
        b->y = fit.top + b->y * fit.height;
        b->w *= fit.width;
        b->h *= fit.height;
    }
    return 0;
}

static int read_labels(const struct reading *r, int i, const struct image *picture, struct err *err) {
    struct pictures *p = r->out;
    char *path = labels_path(r->list->paths[i]);
    int ret = path ? labels_read(path, r->classes, &p->labels[i], &p->labelled[i], err) : err_nomem(err);
    free(path);
    if (ret || into_square(&p->labels[i], picture, p->set->size, err))
        return -1;
    p->n_labelled += p->labelled[i];
    digest_add(r->labels, &p->labelled[i], sizeof p->labelled[i]);
    digest_add(r->labels, &p->labels[i].n, sizeof p->labels[i].n);
    for (size_t k = 0; k < p->labels[i].n; k++) {
        const struct detect_box *b = &p->labels[i].boxes[k];
        const double numbers[] = {b->x, b->y, b->w, b->h, b->class_id};
        digest_add(r->labels, numbers, sizeof numbers);
    }
    return 0;
}

static int take(void *ctx, int i, const uint8_t *chw, const struct image *picture, struct err *err) {
    const struct reading *r = ctx;
    struct calib_set *set = r->out->set;
    if (picture->warning)
        warn(r, i, picture->warning);
    set->images[i] = malloc(set->image_bytes);
    set->names[i] = strdup(r->list->names[i]);
    if (!set->images[i] || !set->names[i])
        return err_nomem(err);
    memcpy(set->images[i], chw, set->image_bytes);
    image_list_add(r->files, picture->sha256);
    return read_labels(r, i, picture, err);
}

int pictures_read(const struct image_list *list, int count, int size, int classes, int threads,
                  err_say_fn *say, struct pictures *out, struct err *err) {
    struct reading r = {list, out, digest_new(), digest_new(), classes, say};
    size_t n = (size_t)count;
    *out = (struct pictures){.labels = calloc(n, sizeof *out->labels),
                             .labelled = calloc(n, sizeof *out->labelled)};
    int ret = r.files && r.labels && out->labels && out->labelled ? 0 : err_nomem(err);
    if (!ret)
        ret = calib_set_new(count, size, &out->set, err);
    if (!ret)
        ret = image_prepare(list, size, threads < count ? threads : count, take, &r, err);
    if (ret) {
        digest_free(&r.files);
        digest_free(&r.labels);
        return -1;
    }
    digest_finish(&r.files, out->digest);
    digest_finish(&r.labels, out->labels_digest);
    return 0;
}

void pictures_free(struct pictures *p) {
    for (int i = 0; p->labels && p->set && i < p->set->count; i++)
        labels_free(&p->labels[i]);
    calib_set_free(&p->set);
    free(p->labels);
    free(p->labelled);
    *p = (struct pictures){0};
}

static bool same_image(const struct pictures *p, int i, const struct calib_set *others, int k) {
    return p->set->image_bytes == others->image_bytes &&
           memcmp(p->set->images[i], others->images[k], others->image_bytes) == 0;
}

bool pictures_have(const struct pictures *p, const struct calib_set *others, int k) {
    for (int i = 0; i < p->set->count; i++)
        if (same_image(p, i, others, k))
            return true;
    return false;
}

int pictures_among(const struct pictures *p, const struct calib_set *others, int n) {
    int among = 0;
    for (int i = 0; i < p->set->count; i++) {
        bool found = false;
        for (int k = 0; !found && k < n && k < others->count; k++)
            found = same_image(p, i, others, k);
        among += found;
    }
    return among;
}
