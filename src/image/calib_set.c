#define _GNU_SOURCE
#include "image/calib_set.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct calib_feed {
    struct calib *stream;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    int arrived; /* images */
    bool ended, stopped;
    struct err err; /* why it ended before the last image */
};

/* Reads an image into its place. */
static int take(struct calib_set *s, int i, struct err *err) {
    const char *name;
    if (!(s->images[i] = malloc(s->image_bytes)))
        return err_nomem(err);
    if (calib_next(s->feed->stream, s->images[i], &name, err))
        return -1;
    return (s->names[i] = strdup(name)) ? 0 : err_nomem(err);
}

static void *read_images(void *arg) {
    struct calib_set *s = arg;
    struct calib_feed *f = s->feed;
    struct err err = {0};
    bool more = true;
    for (int i = 0; more && i < s->count; i++) {
        int failed = take(s, i, &err);
        pthread_mutex_lock(&f->lock);
        if (failed)
            f->err = err;
        else
            f->arrived++;
        if (f->arrived == s->count) {
            memcpy(s->digest, calib_digest(f->stream), sizeof s->digest);
            memcpy(s->files_digest, calib_files_digest(f->stream), sizeof s->files_digest);
        }
        more = !failed && !f->stopped;
        pthread_cond_broadcast(&f->changed);
        pthread_mutex_unlock(&f->lock);
    }
    pthread_mutex_lock(&f->lock);
    f->ended = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

int calib_start(const char *path, struct calib_set **set, struct err *err) {
    struct calib_set *s = calloc(1, sizeof *s);
    *set = NULL;
    if (!s || !(s->feed = calloc(1, sizeof *s->feed))) {
        free(s);
        return err_nomem(err);
    }
    struct calib_feed *f = s->feed;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    if (calib_open(path, &f->stream, err))
        goto fail;
    s->count = calib_count(f->stream);
    s->size = calib_size(f->stream);
    s->image_bytes = calib_image_bytes(s->size);
    s->images = calloc((size_t)s->count, sizeof *s->images);
    s->names = calloc((size_t)s->count, sizeof *s->names);
    if (!s->images || !s->names || pthread_create(&f->thread, NULL, read_images, s)) {
        err_nomem(err);
        goto fail;
    }
    f->running = true;
    *set = s;
    return 0;
fail:
    calib_set_free(&s);
    return -1;
}

int calib_set_new(int count, int size, struct calib_set **set, struct err *err) {
    struct calib_set *s = calloc(1, sizeof *s);
    if (!(*set = s))
        return err_nomem(err);
    s->count = count;
    s->size = size;
    s->image_bytes = calib_image_bytes(size);
    s->images = calloc((size_t)count + 1, sizeof *s->images);
    s->names = calloc((size_t)count + 1, sizeof *s->names);
    if (s->images && s->names)
        return 0;
    calib_set_free(set);
    return err_nomem(err);
}

int calib_wait(const struct calib_set *s, int i, struct err *err) {
    struct calib_feed *f = s->feed;
    if (!f)
        return 0;
    pthread_mutex_lock(&f->lock);
    while (f->arrived <= i && !f->ended)
        pthread_cond_wait(&f->changed, &f->lock);
    int ret = f->arrived > i ? 0 : -1;
    if (ret)
        *err = f->err;
    pthread_mutex_unlock(&f->lock);
    return ret;
}

int calib_wait_all(const struct calib_set *s, struct err *err) {
    return calib_wait(s, s->count - 1, err);
}

bool calib_is_whole(const struct calib_set *s) {
    if (!s->feed)
        return true;
    pthread_mutex_lock(&s->feed->lock);
    bool whole = s->feed->arrived == s->count;
    pthread_mutex_unlock(&s->feed->lock);
    return whole;
}

static void end_feed(struct calib_feed *f) {
    if (f->running) {
        pthread_mutex_lock(&f->lock);
        f->stopped = true;
        pthread_mutex_unlock(&f->lock);
        pthread_join(f->thread, NULL);
    }
    calib_close(&f->stream);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

void calib_set_free(struct calib_set **set) {
    struct calib_set *s = *set;
    if (!s)
        return;
    if (s->feed)
        end_feed(s->feed);
    for (int i = 0; i < s->count; i++) {
        free(s->images ? s->images[i] : NULL);
        free(s->names ? s->names[i] : NULL);
    }
    free(s->images);
    free(s->names);
    free(s);
    *set = NULL;
}

int calib_load(const char *path, struct calib_set **set, struct err *err) {
    if (calib_start(path, set, err))
        return -1;
    if (calib_wait_all(*set, err) == 0)
        return 0;
    calib_set_free(set);
    return -1;
}
