/* pareto-solve: the best mixes of the formats that a model was scored in. */
#define _GNU_SOURCE
#include "base/json.h"
#include "cli/opt.h"
#include "solve/pareto.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { ASKED_MAX = 64 };

struct request {
    const char *verify, *rank, *at, *under, *recipe, *svg, *output;
};

static const char *const unders[] = {"size", "bitops", NULL};

/* Reads "bits=6,8,9" or, under bitops, "ops=25,50". Errors: ERR_USAGE. */
static int parse_asked(const struct request *r, struct pareto_asked *asked, size_t *n, struct err *err) {
    const bool size = strcmp(r->under, unders[PARETO_SIZE]) == 0;
    const char *word = size ? "bits=" : "ops=", *p = r->at;
    const double most = size ? SCORES_BITS : 100;
    *n = 0;
    if (!p)
        return 0;
    if (strncmp(p, word, strlen(word)) != 0)
        goto wrong;
    for (p += strlen(word);; p++) {
        char *end;
        const double v = strtod(p, &end);
        if (!*p || !strchr("0123456789.", *p) || strspn(p, "0123456789.") != (size_t)(end - p) ||
            !(v > 0 && v <= most) || *n == ASKED_MAX)
            goto wrong;
        asked[(*n)++].at = v;
        if (!*(p = end))
            return 0;
        if (*p != ',')
            goto wrong;
    }
wrong:
    return err_set(err, ERR_USAGE,
                   "--at: \"%s\" is not %s and up to %d numbers above 0 and at most %g, apart by commas%s",
                   r->at, word, ASKED_MAX, most, size ? "" : ": per cent of the bit operations in 16 bits");
}

struct work {
    size_t n;
    struct scores *scores;
    struct damage *damage;
    struct pareto pareto;
    struct pareto_asked asked[ASKED_MAX];
    size_t n_asked;
};

/* The verify.json of each, in the order of the scores. */
static int read_damages(const struct request *r, struct work *w, struct err *err) {
    char *list = strdup(r->verify), *rest = list, *path;
    size_t n = 0;
    int ret = list ? 0 : err_nomem(err);
    while (!ret && (path = strsep(&rest, ",")))
        ret = n == w->n ? (n++, 0) : damage_read(path, &w->scores[n], &w->damage[n], err) ? -1 : (n++, 0);
    if (!ret && n != w->n)
        ret =
            err_set(err, ERR_USAGE, "--verify: name one verify.json for each file of scores, in their order");
    free(list);
    return ret;
}

static int solve_asked(struct work *w, struct err *err) {
    struct pareto *p = &w->pareto;
    struct pareto_point whole, least;
    if (pareto_uniform(p, w->n, &whole, err))
        return -1;
    const bool size = p->request.under == PARETO_SIZE;
    const int64_t all = size ? whole.size : whole.operations;
    pareto_point_free(&whole);
    for (size_t i = 0; i < w->n_asked; i++) {
        struct pareto_asked *a = &w->asked[i];
        if (pareto_solve(p, scores_room(all, size ? a->at : a->at / 100 * SCORES_BITS), &a->point, err)) {
            least = p->curve[p->n_curve - 1];
            return err_wrap(
                err, "--at: %s=%g is below the smallest mix, which has %.4g%s", size ? "bits" : "ops", a->at,
                size ? pareto_effective_bits(p, &least) : (double)least.operations / (double)all * 100,
                size ? " effective bits" : " per cent");
        }
    }
    return 0;
}

static int write_all(const struct request *r, struct work *w, struct err *err) {
    const struct pareto *p = &w->pareto;
    struct mix mix;
    cJSON *json;
    if (r->recipe) {
        if (pareto_mix(p, &w->asked[0].point, &mix, err))
            return -1;
        int ret = mix_to_json(&w->scores[0], &mix, &json, err);
        mix_free(&mix);
        if (!ret) {
            ret = json_write(r->recipe, json, err);
            cJSON_Delete(json);
        }
        if (ret)
            return -1;
    }
    return (r->svg && pareto_draw(r->svg, p, w->asked, w->n_asked, err)) ||
                   pareto_write(r->output, p, w->asked, w->n_asked, err)
               ? -1
               : 0;
}

static int solve(const struct request *r, char *const *paths, struct work *w, struct err *err) {
    struct pareto_request request = {.scores = w->scores,
                                     .damage = r->verify ? w->damage : NULL,
                                     .paths = (const char *const *)paths,
                                     .n = w->n,
                                     .under = strcmp(r->under, unders[PARETO_SIZE]) == 0 ? PARETO_SIZE
                                                                                         : PARETO_BITOPS};
    while (strcmp(rank_words[request.rank], r->rank) != 0)
        request.rank++;
    for (size_t i = 0; i < w->n; i++)
        if (scores_read(paths[i], &w->scores[i], err))
            return -1;
    if (r->verify && read_damages(r, w, err))
        return -1;
    return pareto_open(&request, &w->pareto, err) || pareto_curve(&w->pareto, err) || solve_asked(w, err) ||
                   write_all(r, w, err)
               ? -1
               : 0;
}

static int run(void *ctx, const struct operands *operands, struct err *err) {
    const struct request *r = ctx;
    const size_t n = (size_t)operands->n;
    struct work w = {.n = n};
    if (parse_asked(r, w.asked, &w.n_asked, err))
        return -1;
    if (r->recipe && w.n_asked != 1)
        return err_set(err, ERR_USAGE, "--recipe is of one point: name it with --at");
    w.scores = calloc(n, sizeof *w.scores);
    w.damage = calloc(n, sizeof *w.damage);
    int ret = w.scores && w.damage ? solve(r, operands->word, &w, err) : err_nomem(err);
    pareto_free(&w.pareto);
    for (size_t i = 0; i < w.n_asked; i++)
        pareto_point_free(&w.asked[i].point);
    for (size_t i = 0; i < n && w.scores && w.damage; i++) {
        damage_free(&w.damage[i]);
        scores_free(&w.scores[i]);
    }
    free(w.damage);
    free(w.scores);
    return ret;
}

int main(int argc, char **argv) {
    const char *ranks[RANKS + 1] = {0};
    memcpy(ranks, rank_words, sizeof rank_words);
    struct request r = {.rank = rank_words[RANK_DETECTION], .under = unders[0], .output = "-"};
    struct opt rows[] = {
        {"at", 'a', OPT_STRING, &r.at, "WHAT", "solve these exactly: bits=6,8,9, or ops=25,50 under bitops"},
        {"under", 'u', OPT_CHOICE, &r.under, NULL, "what is limited", .choices = unders},
        {"rank", 'r', OPT_CHOICE, &r.rank, NULL, "what losses are", .choices = ranks},
        {"verify", 'v', OPT_INS, &r.verify, "FILE,...",
         "for measured: the verify.json of each, in the scores' order"},
        {"recipe", 'R', OPT_OUT, &r.recipe, "FILE", "write the point of --at as a recipe"},
        {"svg", 'g', OPT_OUT, &r.svg, "FILE", "draw the curve"},
        {"output", 'o', OPT_OUT, &r.output, "FILE", "where the result goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "pareto-solve",
        .purpose = "find the best mixes of formats of a model: for each layer one of them, or 16 bits",
        .synopsis = "[OPTION]... SCORES...",
        .notes = "SCORES are of one model, each of other formats, as sens-score writes them in one pass. Of "
                 "all mixes of the\n"
                 "exported layers the curve has the lower convex hull of loss over size: each corner is the "
                 "best mix of its\n"
                 "size. --at gives the exact optimum of any size.\n\n"
                 "Losses are in one unit for all formats: class_score / 2 + 32 box_score, an image, in nats "
                 "(detection);\n"
                 "class_kl + 4 box_loss and, of masks, points and angles, 4 more_loss (measured);\n"
                 "class_score / 2 (class), box_score (box), an image; score (modelopt).\n"
                 "Size: the bits of the weights; effective bits are their mean. bitops: MACs x weight bits x "
                 "activation bits;\n"
                 "ops=25 is a quarter of what 16 bits take.",
        .examples = "pareto-solve scores1.json scores2.json --at bits=9,12 -o pareto.json --svg pareto.svg\n"
                    "pareto-solve scores1.json scores2.json --at bits=10 --recipe mix.json -o pareto.json\n"
                    "jq -c '.curve[.knee] | {effective_bits, loss}' pareto.json\n",
        .rows = rows,
        .arity = {1, INT_MAX, "name the files of scores"},
        .operands = OPERANDS_IN,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
