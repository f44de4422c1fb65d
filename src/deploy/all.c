/* What a reader needs to keep any number of layers for any target.
 *
 *     {"convolutions": [[LAYER, ...], ...],                    indices of the scores' layers, each convolution's together
 *      "ranks": {RANK: [CONVOLUTION, ...]},                    what is kept first first
 *      "targets": [{"target", "what", "runtime", "notes",      runtime: its name, where it takes certain formats only
 *                   "left": [CONVOLUTION, ...],                what the runtime leaves in 16 bits whatever one asks
 *                   "none": TEXT,                              with nothing kept
 *                   "text": [PIECE, ...]}]}                    else; without these the list has more than names
 *
 * A piece is a text that always stands there, or {"before", "each", "after", "between"}: for each kept convolution, in their
 * order, before + each[CONVOLUTION] + after, and between two of them between. A target that does not take these formats or
 * names has "why" instead of what follows "what". */
#define _GNU_SOURCE
#include "deploy/deploy.h"
#include "deploy/target.h"

#include "base/json.h"
#include "base/memstream.h"

#include <stdlib.h>
#include <string.h>

static int print_text(const struct deploy *d, char **text, struct err *err) {
    struct memstream m;
    *text = NULL;
    if (memstream_open(&m, err))
        return -1;
    int ret = deploy_print(d, m.f, err);
    return memstream_close(&m, text, NULL, ret ? NULL : err) || ret ? -1 : 0;
}

/* The words for one convolution in a marked text. */
struct words {
    const char *text;
    size_t n;
};

/* How many bytes all of n words have in common at their beginning; at their end, but for the first `before`. */
static size_t common_before(const struct words *w, size_t n) {
    size_t k = 0;
    for (; k < w[0].n; k++)
        for (size_t i = 1; i < n; i++)
            if (k >= w[i].n || w[i].text[k] != w[0].text[k])
                return k;
    return k;
}

static size_t common_after(const struct words *w, size_t n, size_t before) {
    size_t k = 0;
    for (; k < w[0].n - before; k++)
        for (size_t i = 1; i < n; i++)
            if (k >= w[i].n - before || w[i].text[w[i].n - 1 - k] != w[0].text[w[0].n - 1 - k])
                return k;
    return k;
}

static void add_part(struct json_builder *b, const char *key, const char *text, size_t n) {
    json_take_string(b, key, strndup(text, n));
}

/* A list of n words; a character of UTF-8 is never split. */
static void add_list(struct json_builder *b, const struct words *w, size_t n, const char *between,
                     size_t n_between) {
    enum { CONTINUES = 0x80, CONTINUES_MASK = 0xc0 };
    size_t before = common_before(w, n);
    while (before > 0 && before < w[0].n && ((unsigned char)w[0].text[before] & CONTINUES_MASK) == CONTINUES)
        before--;
    size_t after = common_after(w, n, before);
    while (after > 0 && ((unsigned char)w[0].text[w[0].n - after] & CONTINUES_MASK) == CONTINUES)
        after--;
    json_open_object(b, NULL);
    add_part(b, "before", w[0].text, before);
    json_open_array(b, "each");
    for (size_t i = 0; i < n; i++)
        add_part(b, NULL, w[i].text + before, w[i].n - before - after);
    json_close(b);
    add_part(b, "after", w[0].text + w[0].n - after, after);
    add_part(b, "between", between, n_between);
    json_close(b);
}

/* Takes a marked text of all n convolutions apart. One without marks says more than names: nothing. */
static int add_pieces(struct json_builder *b, const char *none, const char *text, size_t n, struct err *err) {
    const char *begin = strchr(text, DEPLOY_BEGIN), *between = text, *end;
    size_t n_between = 0;
    if (!begin)
        return 0;
    struct words *w = calloc(n, sizeof *w);
    if (!w)
        return err_nomem(err);
    json_add_string(b, "none", none);
    json_open_array(b, "text");
    while (begin) {
        add_part(b, NULL, text, (size_t)(begin - text));
        for (size_t i = 0; i < n && begin; i++) {
            end = strchr(begin, DEPLOY_END);
            w[i] = (struct words){begin + 1, (size_t)(end - begin - 1)};
            text = end + 1;
            begin = strchr(text, DEPLOY_BEGIN);
            if (i == 0) {
                between = text;
                n_between = n > 1 ? (size_t)(begin - text) : 0;
            }
        }
        add_list(b, w, n, between, n_between);
    }
    add_part(b, NULL, text, strlen(text));
    json_close(b);
    free(w);
    return 0;
}

/* Names of convolutions could be taken for marks. */
static int check_names(const struct deploy *d, struct err *err) {
    static const char marks[] = {DEPLOY_BEGIN, DEPLOY_END, '\0'};
    for (size_t i = 0; i < d->n; i++)
        if (strpbrk(d->convs[i].node, marks) || strpbrk(d->convs[i].output, marks) ||
            strpbrk(d->request.scores->layers[d->convs[i].layers[0]].name, marks))
            return err_set(err, ERR_FAILED, "layer %s: its name holds a control character",
                           d->request.scores->layers[d->convs[i].layers[0]].name);
    return 0;
}

/* With nothing kept, and with all of it, marked. */
static int print_both(struct deploy *d, char **none, char **all, struct err *err) {
    if (print_text(d, none, err) || deploy_keep_all(d, err) || check_names(d, err))
        return -1;
    d->marked = true;
    return print_text(d, all, err);
}

static int add_texts(struct json_builder *b, struct deploy *d, const char *none, const char *all,
                     struct err *err) {
    struct memstream m;
    char *notes;
    if (memstream_open(&m, err))
        return -1;
    deploy_put_notes(d, m.f);
    if (memstream_close(&m, &notes, NULL, err))
        return -1;
    json_take_string(b, "notes", notes);
    json_open_array(b, "left");
    for (size_t i = 0; i < d->n; i++)
        if (d->convs[i].left)
            json_add_int(b, NULL, (int64_t)i);
    json_close(b);
    return add_pieces(b, none, all, d->n, err);
}

static int add_target(struct json_builder *b, const struct deploy_request *request, struct err *err) {
    struct deploy d;
    struct err why = {0};
    char *none = NULL, *all = NULL;
    int ret = 0;
    json_open_object(b, NULL);
    json_add_string(b, "target", request->target->word);
    json_add_string(b, "what", request->target->what);
    if (request->target->runtime)
        json_add_string(b, "runtime", request->target->runtime);
    if (deploy_open(request, &d, &why) || print_both(&d, &none, &all, &why)) {
        json_add_string(b, "why", why.msg);
        ret = err_pass_memory(err, &why);
    } else {
        ret = add_texts(b, &d, none, all, err);
    }
    json_close(b);
    free(none);
    free(all);
    deploy_free(&d);
    return ret;
}

static void add_convolutions(struct json_builder *b, const struct deploy *d) {
    json_open_array(b, "convolutions");
    for (size_t i = 0; i < d->n; i++) {
        json_open_array(b, NULL);
        for (int k = 0; k < d->convs[i].n_layers; k++)
            json_add_int(b, NULL, (int64_t)d->convs[i].layers[k]);
        json_close(b);
    }
    json_close(b);
}

/* Nothing of a rank that lacks what it is made of. */
static int add_rank(struct json_builder *b, const struct deploy_request *request, struct err *err) {
    struct deploy d = {0};
    struct err why = {0};
    size_t *order = NULL, n = 0;
    int ret = 0;
    if (deploy_open(request, &d, &why)) {
        ret = err_pass_memory(err, &why);
    } else if (!(order = calloc(d.n, sizeof *order))) {
        ret = err_nomem(err);
    } else if (!(ret = deploy_order(&d, order, &n, err))) {
        json_open_array(b, rank_words[request->rank]);
        for (size_t i = 0; i < n; i++)
            json_add_int(b, NULL, (int64_t)order[i]);
        json_close(b);
    }
    deploy_free(&d);
    free(order);
    return ret;
}

int deploy_all(const struct scores *scores, const struct damage *damage, cJSON **tree, struct err *err) {
    struct deploy_request request = {.scores = scores, .damage = damage, .scores_path = "-"};
    struct json_builder b = json_builder();
    struct deploy d;
    *tree = NULL;
    int ret = deploy_find_target("plain", &request.target, err) || deploy_open(&request, &d, err) ? -1 : 0;
    if (!ret) {
        add_convolutions(&b, &d);
        deploy_free(&d);
    }
    json_open_object(&b, "ranks");
    for (int rank = 0; rank < RANKS && !ret; rank++) {
        request.rank = (enum rank)rank;
        ret = add_rank(&b, &request, err);
    }
    json_close(&b);
    json_open_array(&b, "targets");
    request.rank = RANK_MODELOPT;
    for (request.target = deploy_targets; request.target->word && !ret; request.target++)
        ret = add_target(&b, &request, err);
    json_close(&b);
    if (json_built(&b, tree, ret ? NULL : err) == 0 && ret == 0)
        return 0;
    cJSON_Delete(*tree);
    *tree = NULL;
    return -1;
}
