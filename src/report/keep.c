#define _GNU_SOURCE
#include "report/keep.h"

#include "base/memstream.h"
#include "base/utf8.h"
#include "deploy/target.h"
#include "report/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char share[] = "80%", runtime[] = "modelopt-onnx", anything[] = "plain";

static int choose(const struct report *r, const char *target, enum rank rank, struct deploy *list,
                  struct err *err) {
    struct deploy_request request = {.scores = &r->scores, .scores_path = "scores.json", .rank = rank};
    struct deploy_keep keep;
    if (deploy_find_target(target, &request.target, err) || deploy_parse_keep(share, &keep, err))
        return -1;
    if (deploy_open(&request, list, err) == 0 && deploy_choose(list, &keep, err) == 0)
        return 0;
    deploy_free(list);
    return -1;
}

int keep_open(const struct report *r, struct keep *k, struct err *err) {
    const enum rank rank = isnan(r->scores.layers[0].score[SCORES_BOX]) ? RANK_MODELOPT : RANK_DETECTION;
    struct err why = {0};
    *k = (struct keep){0};
    int ret = choose(r, runtime, rank, &k->list, &why);
    if (ret && why.code == ERR_UNSUPPORTED)
        ret = choose(r, anything, rank, &k->list, &why);
    if (!ret)
        return 0;
    if (err_pass_memory(err, &why))
        return -1;
    return (k->why = strdup(why.msg)) ? 0 : err_nomem(err);
}

void keep_free(struct keep *k) {
    deploy_free(&k->list);
    free(k->why);
    *k = (struct keep){0};
}

bool keep_leaves(const struct keep *k, size_t layer) {
    const struct deploy *d = &k->list;
    for (size_t i = 0; i < d->n; i++)
        for (int part = 0; part < d->convs[i].n_layers; part++)
            if (d->convs[i].layers[part] == layer)
                return d->convs[i].left;
    return false;
}

/* Layers that the runtime leaves. */
static void put_left(FILE *f, const struct deploy *d) {
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++)
        n += d->convs[i].left;
    if (!n)
        return;
    fprintf(f, "\n%s leaves %zu in 16 bits whatever one asks, so that they are in no list and in no total:",
            d->request.target->runtime, n);
    for (size_t i = 0, k = 0; i < d->n; i++)
        if (d->convs[i].left) {
            fputs(k++ ? ", " : " ", f);
            text_put_code(f, d->request.scores->layers[d->convs[i].layers[0]].name);
        }
    fputs(".\n", f);
}

/* As code, whatever the names hold: lines that are indented, without control characters. */
static void put_code(FILE *f, const char *text) {
    bool begins = true;
    for (const char *p = text; *p; p++) {
        const size_t control = *p == '\n' ? 0 : utf8_control(p);
        if (begins && *p != '\n')
            fputs("    ", f);
        fputc(control ? ' ' : *p, f);
        p += control ? control - 1 : 0;
        begins = *p == '\n';
    }
}

int keep_put(FILE *f, const struct keep *k) {
    const struct deploy *d = &k->list;
    char *text = NULL;
    struct memstream m;
    fputs("\n## Keep List\n\n", f);
    if (k->why) {
        fputs("There is none: ", f);
        text_put(f, k->why);
        fputs(".\n", f);
        return 0;
    }
    fprintf(f,
            "The fewest convolutions that together hold %s of the rank's total (KEEP and TARGET of make "
            "keep-list ask for others). ",
            share);
    deploy_put_kept(d, f);
    put_left(f, d);
    if (memstream_open(&m, NULL))
        return -1;
    int ret = deploy_print(d, m.f, NULL);
    if (memstream_close(&m, &text, NULL, NULL))
        return -1;
    if (!ret && *text) {
        fprintf(f, "\nReady to paste (%s):\n\n", d->request.target->word);
        put_code(f, text);
    }
    free(text);
    return 0;
}

static void add_names(struct json_builder *b, const struct deploy *d, const char *key, bool left) {
    json_open_array(b, key);
    for (size_t i = 0; i < d->n; i++) {
        const struct deploy_conv *c = &d->convs[i];
        if (left ? !c->left : !c->kept)
            continue;
        json_open_object(b, NULL);
        json_add_string(b, "layer", d->request.scores->layers[c->layers[0]].name);
        if (c->node)
            json_add_string(b, "node", c->node);
        json_add_real(b, "share", d->total > 0 ? c->value / d->total : 0);
        json_close(b);
    }
    json_close(b);
}

void keep_add(struct json_builder *b, const struct keep *k) {
    const struct deploy *d = &k->list;
    if (k->why)
        return;
    json_open_object(b, "keep_list");
    json_add_string(b, "target", d->request.target->word);
    json_add_string(b, "keep", share);
    json_add_string(b, "rank", rank_words[d->request.rank]);
    json_add_real(b, "effective_bits", deploy_bits(d));
    add_names(b, d, "layers", false);
    add_names(b, d, "left_anyway", true);
    json_close(b);
}
