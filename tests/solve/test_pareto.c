/* Mixes of formats against all mixes, tried one by one: the exact optimum at limits, the lower convex hull, the knee; what
 * losses and sizes are; and that files which do not fit together are refused. */
#include "solve/pareto.h"
#include "test.h"

#include <stdlib.h>

enum { KINDS = 3, LAYERS = 7, MIXES = 16384 /* 4 ^ 7 */ };

static uint64_t state = 7;

static double uniform(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) / (double)((uint64_t)1 << 53);
}

static struct scores scores[KINDS];
static struct scores_layer layers[KINDS][LAYERS];
static char names[LAYERS][32];
static const char *const paths[] = {"a.json", "b.json", "c.json"};

/* int8-int8, fp8-fp8, int4-int8. equal: losses of few values, so that there are ties. */
static void draw(bool equal) {
    static const char *const formats_of[KINDS][2] = {{"int8", "int8"}, {"fp8", "fp8"}, {"int4", "int8"}};
    for (int k = 0; k < KINDS; k++) {
        struct err err = {0};
        struct qcfg_choice choice = {.weight = formats_of[k][0],
                                     .act = formats_of[k][1],
                                     .granularity = "per_channel_weight",
                                     .fp4_preset = "nvfp4",
                                     .int4_preset = "axis",
                                     .block_dim = "modelopt"};
        scores[k] = (struct scores){.layers = layers[k],
                                    .n_layers = LAYERS,
                                    .score_images = 4,
                                    .digest = "d",
                                    .checkpoint_digest = "c",
                                    .calib_digest = "i"};
        if (qcfg_build(&scores[k].qcfg, &choice, &err) ||
            cell_name_set(&scores[k].name, "m", choice.weight, choice.act, choice.granularity, &err))
            printf("# %s\n", err.msg);
        for (int i = 0; i < LAYERS; i++) {
            snprintf(names[i], sizeof names[i], "model.%d.conv", i);
            const double loss = equal ? 1 + floor(3 * uniform()) : exp(6 * uniform() - 3) * (k == 2 ? 20 : 1);
            const int64_t weights = k ? layers[0][i].none_bits / 16 : 1 + (int64_t)(200 * uniform());
            layers[k][i] = (struct scores_layer){.name = names[i],
                                                 .score = {loss, loss, loss / 10},
                                                 .none_bits = weights * 16,
                                                 .bits = weights * scores[k].qcfg.bits,
                                                 .exported = true,
                                                 .macs = k ? layers[0][i].macs : 1 + floor(1e4 * uniform())};
        }
    }
}

struct sum {
    int64_t size;
    double loss;
};

/* Of mix number m, written once more. */
static struct sum sum_of(int m, bool bitops) {
    static const int weight[] = {8, 8, 4, 16}, act[] = {8, 8, 8, 16};
    struct sum s = {0, 0};
    for (int i = 0; i < LAYERS; i++, m /= 4) {
        const int k = m % 4;
        s.size += bitops ? (int64_t)layers[0][i].macs * weight[k] * act[k]
                         : layers[0][i].none_bits / 16 * weight[k];
        if (k < KINDS)
            s.loss += layers[k][i].score[SCORES_CLASS] / 2 / 4 + layers[k][i].score[SCORES_BOX] / 4 * 32;
    }
    return s;
}

static bool close_to(double a, double b) {
    return fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b));
}

/* Whether a mix lies below the hull, and whether a corner of the hull is none of a mix. */
static bool is_hull(const struct pareto *p, const struct sum *all, bool bitops) {
    size_t at = 0;
    for (size_t i = 0; i + 1 < p->n_curve; i++) {
        const struct pareto_point *a = &p->curve[i], *b = &p->curve[i + 1];
        const int64_t x = bitops ? a->operations : a->size, y = bitops ? b->operations : b->size;
        if (y >= x || b->loss < a->loss)
            return false;
        for (int m = 0; m < MIXES; m++)
            if (all[m].size >= y && all[m].size <= x) {
                const double line =
                    b->loss + (a->loss - b->loss) * (double)(all[m].size - y) / (double)(x - y);
                if (all[m].loss < line - 1e-12 * b->loss)
                    return false;
            }
        at++;
    }
    for (int m = 0; m < MIXES; m++) {
        const struct pareto_point *last = &p->curve[at];
        const int64_t least = bitops ? last->operations : last->size;
        if (all[m].size < least ||
            (all[m].size == least && all[m].loss < last->loss && !close_to(all[m].loss, last->loss)))
            return false;
    }
    return true;
}

static void check_random(bool bitops, bool equal) {
    static struct sum all[MIXES];
    int wrong = 0, not_hull = 0, solved = 0;
    for (int t = 0; t < 12; t++) {
        struct err err = {0};
        struct pareto p;
        draw(equal);
        const struct pareto_request request = {.scores = scores,
                                               .paths = paths,
                                               .n = KINDS,
                                               .rank = RANK_DETECTION,
                                               .under = bitops ? PARETO_BITOPS : PARETO_SIZE};
        if (pareto_open(&request, &p, &err) || pareto_curve(&p, &err)) {
            CHECK(false, "%s", err.msg);
            return;
        }
        for (int m = 0; m < MIXES; m++)
            all[m] = sum_of(m, bitops);
        not_hull += !is_hull(&p, all, bitops);
        for (int i = 0; i < 8; i++, solved++) {
            const int64_t limit = (int64_t)((double)all[MIXES - 1].size * (0.3 + 0.7 * uniform()));
            struct pareto_point point;
            double best = INFINITY;
            for (int m = 0; m < MIXES; m++)
                best = all[m].size <= limit && all[m].loss < best ? all[m].loss : best;
            const int ret = pareto_solve(&p, limit, &point, &err);
            if (isinf(best)
                    ? !ret
                    : ret || !close_to(point.loss, best) || (bitops ? point.operations : point.size) > limit)
                wrong++;
            if (!ret)
                pareto_point_free(&point);
        }
        pareto_free(&p);
    }
    CHECK(!wrong && solved == 96, "under %s%s: %d limits, each the least of all %d mixes",
          bitops ? "bitops" : "size", equal ? ", with ties" : "", solved, MIXES);
    CHECK(!not_hull, "under %s%s: the curve is the lower convex hull of all mixes",
          bitops ? "bitops" : "size", equal ? ", with ties" : "");
}

static void check_facts(void) {
    struct err err = {0};
    struct pareto p;
    struct pareto_point all;
    struct mix mix;
    draw(false);
    for (int k = 0; k < KINDS; k++) {
        layers[k][2].node = layers[k][3].node = "/model.2/cv1/cv1.2/conv/Conv";
        layers[k][6].exported = false;
    }
    struct pareto_request request = {.scores = scores, .paths = paths, .n = KINDS, .rank = RANK_DETECTION};
    CHECK(!pareto_open(&request, &p, &err) && !pareto_curve(&p, &err), "scores that fit are taken");
    CHECK(p.n_units == LAYERS - 2, "a RepVGGDW's kernels are one, what is not exported is none: %zu",
          p.n_units);
    bool together = true;
    for (size_t i = 0; i < p.n_curve; i++) {
        together &= !pareto_mix(&p, &p.curve[i], &mix, &err) && mix.choice[2] == mix.choice[3];
        mix_free(&mix);
    }
    CHECK(together && p.n_curve > 5, "in each of the curve's %zu mixes they have one format", p.n_curve);
    CHECK(p.curve[0].loss == 0 && pareto_effective_bits(&p, &p.curve[0]) == 16,
          "the curve begins with 16 bits, which lose nothing");
    CHECK(p.knee > 0 && p.knee + 1 < p.n_curve, "its knee is within");
    CHECK(!pareto_uniform(&p, 2, &all, &err) && pareto_effective_bits(&p, &all) == 4,
          "all in int4-int8 has 4 effective bits, its weights' own");
    double want[RANKS] = {0};
    for (int i = 0; i < LAYERS - 1; i++) {
        want[RANK_MODELOPT] += layers[2][i].score[SCORES_MODELOPT];
        want[RANK_CLASS] += layers[2][i].score[SCORES_CLASS] / 8;
        want[RANK_BOX] += layers[2][i].score[SCORES_BOX] / 4;
        want[RANK_DETECTION] += layers[2][i].score[SCORES_CLASS] / 8 + 8 * layers[2][i].score[SCORES_BOX];
    }
    pareto_point_free(&all);
    pareto_free(&p);
    static struct damage_layer measured[LAYERS];
    const struct damage damage[KINDS] = {{.layers = measured}, {.layers = measured}, {.layers = measured}};
    for (int i = 0; i < LAYERS; i++) {
        measured[i] = (struct damage_layer){i + 0.5, i / 10.0, i % 2 ? i / 100.0 : NAN};
        want[RANK_MEASURED] += i < LAYERS - 1 ? i + 0.5 + 4 * (i / 10.0 + i % 2 * i / 100.0) : 0;
    }
    request.damage = damage;
    for (request.rank = 0; request.rank < RANKS; request.rank++) {
        double got = NAN;
        if (!pareto_open(&request, &p, &err) && !pareto_uniform(&p, 2, &all, &err)) {
            got = all.loss;
            pareto_point_free(&all);
        }
        pareto_free(&p);
        CHECK_CLOSE(got, want[request.rank], 1e-12, rank_words[request.rank]);
    }
}

static void refuse(const char *what, const char *words, enum rank rank) {
    struct pareto p;
    struct err err = {0};
    const struct pareto_request request = {.scores = scores, .paths = paths, .n = KINDS, .rank = rank};
    const int ret = pareto_open(&request, &p, &err);
    pareto_free(&p);
    CHECK(ret == -1 && err.code == ERR_FAILED && strstr(err.msg, words), "%s: %s", what, err.msg);
}

static void check_refusals(void) {
#define REFUSE(what, words, change)                                                                          \
    do {                                                                                                     \
        draw(false);                                                                                         \
        change;                                                                                              \
        refuse(what, words, RANK_DETECTION);                                                                 \
    } while (0)
    REFUSE("another model", "b.json beside a.json: it is of another model",
           strcpy(scores[1].name.model, "n"));
    REFUSE("another checkpoint", "it is of another checkpoint", scores[2].checkpoint_digest = "x");
    REFUSE("no checkpoint's digest", "it is of another checkpoint", scores[2].checkpoint_digest = NULL);
    REFUSE("other images", "it is calibrated on other images", scores[1].calib_digest = "x");
    REFUSE("more images", "it is scored on other images", scores[1].score_images = 5);
    REFUSE("fewer layers", "it has 6 layers", scores[1].n_layers--);
    REFUSE("another layer", "layer model.3.conv is another", layers[1][3].none_bits += 16);
    REFUSE("a format twice", "both are of int8-int8/per_channel_weight", scores[1] = scores[0]);
    REFUSE("without detection scores", "b.json: its layers lack class_score and box_score",
           layers[1][2].score[SCORES_BOX] = NAN);
    REFUSE("none exported", "a.json: none of its layers is exported",
           for (int k = 0; k < KINDS; k++) for (int i = 0; i < LAYERS; i++) layers[k][i].exported = false);
    draw(false);
    refuse("without a measurement", "a.json: its layers lack a measurement", RANK_MEASURED);
}

int main(void) {
    for (int i = 0; i < 4; i++)
        check_random(i & 1, i & 2);
    check_facts();
    check_refusals();
    return test_end();
}
