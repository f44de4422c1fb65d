#include "base/json.h"
#include "base/version.h"
#include "cell/recipe.h"
#include "solve/pareto.h"

#include <stdlib.h>

static void add_sums(struct json_builder *b, const struct pareto *p, const struct pareto_point *point) {
    json_add_real(b, "effective_bits", pareto_effective_bits(p, point));
    if (p->has_operations)
        json_add_int(b, "bit_operations", point->operations);
    else
        json_add_null(b, "bit_operations");
    json_add_real(b, "loss", point->loss);
}

static void add_formats(struct json_builder *b, const struct pareto *p) {
    json_open_array(b, "formats");
    for (size_t k = 0; k < p->request.n; k++) {
        struct pareto_point all;
        struct err err = {0};
        if (pareto_uniform(p, k, &all, &err)) {
            json_fail(b, &err);
            return;
        }
        json_open_object(b, NULL);
        json_add_string(b, "format", p->formats[k].word);
        add_sums(b, p, &all);
        json_add_string(b, "scores_digest", p->formats[k].scores_digest);
        json_close(b);
        pareto_point_free(&all);
    }
    json_close(b);
}

/* Of each exported layer, the unit that it is in. */
static void fill_units(const struct pareto *p, size_t *unit_of) {
    for (size_t i = 0; i < p->request.scores[0].n_layers; i++)
        unit_of[i] = p->n_units;
    for (size_t i = 0; i < p->n_units; i++)
        for (int k = 0; k < p->units[i].n_layers; k++)
            unit_of[p->units[i].layers[k]] = i;
}

static void add_curve(struct json_builder *b, const struct pareto *p, const size_t *unit_of) {
    const struct scores *s = &p->request.scores[0];
    json_open_array(b, "layers");
    for (size_t i = 0; i < s->n_layers; i++)
        if (unit_of[i] < p->n_units)
            json_add_string(b, NULL, s->layers[i].name);
    json_close(b);
    json_open_array(b, "curve");
    for (size_t k = 0; k < p->n_curve; k++) {
        json_open_object(b, NULL);
        add_sums(b, p, &p->curve[k]);
        json_open_array(b, "choice");
        for (size_t i = 0; i < s->n_layers; i++)
            if (unit_of[i] < p->n_units)
                json_add_int(b, NULL, (int64_t)p->curve[k].choice[unit_of[i]]);
        json_close(b);
        json_close(b);
    }
    json_close(b);
    json_add_int(b, "knee", (int64_t)p->knee);
}

static void add_point(struct json_builder *b, const struct pareto *p, const struct pareto_asked *asked) {
    struct mix mix;
    struct err err = {0};
    if (pareto_mix(p, &asked->point, &mix, &err)) {
        json_fail(b, &err);
        return;
    }
    json_open_object(b, NULL);
    json_add_real(b, "at", asked->at);
    add_sums(b, p, &asked->point);
    mix_add_layers(b, &p->request.scores[0], &mix);
    json_close(b);
    mix_free(&mix);
}

int pareto_write(const char *path, const struct pareto *p, const struct pareto_asked *asked, size_t n,
                 struct err *err) {
    const struct scores *s = &p->request.scores[0];
    struct json_builder b = json_builder();
    size_t *unit_of = malloc(s->n_layers * sizeof *unit_of);
    json_add_string(&b, "model", s->name.model);
    json_add_string(&b, "rank", rank_words[p->request.rank]);
    json_add_string(&b, "unit", pareto_unit_words(p->request.rank));
    json_add_string(&b, "under", p->request.under == PARETO_SIZE ? "size" : "bitops");
    json_add_string(&b, "none", recipe_none);
    add_formats(&b, p);
    if (unit_of) {
        fill_units(p, unit_of);
        add_curve(&b, p, unit_of);
    } else {
        json_fail(&b, NULL);
    }
    json_open_array(&b, "points");
    for (size_t i = 0; i < n; i++)
        add_point(&b, p, &asked[i]);
    json_close(&b);
    json_add_string(&b, "version", YOLOSENS_VERSION);
    free(unit_of);
    return json_built_write_sealed(&b, path, true, err);
}
