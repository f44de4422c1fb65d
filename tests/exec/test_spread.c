/* Standard errors and the stability of a rank's first layers, and ranks themselves. */
#include "exec/spread.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { CONVS = 25, STEPS = 4, EACH = SCORES_OBJECTIVES * CONVS };

struct fixture {
    struct conv convs[CONVS];
    struct scores_layer layers[CONVS];
    struct graph graph;
    double sums[STEPS * EACH];
    struct score_job job;
    struct score_cell cell;
};

static struct fixture *fixture_new(int probes) {
    struct fixture *f = calloc(1, sizeof *f);
    f->graph = (struct graph){.convs = f->convs, .n_convs = CONVS};
    f->job = (struct score_job){.graph = &f->graph, .steps = STEPS, .probes = probes};
    f->cell = (struct score_cell){.sums = f->sums};
    for (int i = 0; i < CONVS; i++) {
        f->layers[i] = (struct scores_layer){.name = "a", .exported = i < CONVS - 1};
        for (int s = 0; s < STEPS; s++)
            for (int o = 0; o < SCORES_OBJECTIVES; o++)
                f->sums[s * EACH + o * CONVS + i] = (o == SCORES_BOX ? CONVS - i : i + 1) * probes;
    }
    return f;
}

static void test_equal_steps(void) {
    struct fixture *f = fixture_new(2);
    double kept[RANK_MEASURED][SCORES_FIRSTS];
    struct err err = {0};
    bool whole = spread_first(&f->job, &f->cell, f->layers, kept, &err) == 0;
    for (int r = 0; r < RANK_MEASURED; r++)
        for (int i = 0; i < SCORES_FIRSTS; i++)
            whole = whole && fabs(kept[r][i] - 1) < 1e-12;
    CHECK(whole, "images that are alike choose the same layers");
    CHECK(spread_error(&f->job, &f->cell, SCORES_CLASS, 3) == 0, "and leave no error");
    CHECK(score_of_step(&f->job, &f->cell, SCORES_CLASS, 3, 1) == 4, "scores are means over the probes");
    f->job.steps = 1;
    CHECK(isnan(spread_error(&f->job, &f->cell, SCORES_CLASS, 3)) &&
              spread_first(&f->job, &f->cell, f->layers, kept, &err) == 0 && isnan(kept[RANK_CLASS][0]),
          "one image says nothing of others");
    free(f);
}

static void test_spread(void) {
    struct fixture *f = fixture_new(1);
    double kept[RANK_MEASURED][SCORES_FIRSTS];
    struct err err = {0};
    const double steps[STEPS] = {1, 2, 4, 9}; /* mean 4, squares 9 + 4 + 0 + 25 */
    for (int s = 0; s < STEPS; s++)
        f->sums[s * EACH + SCORES_BOX * CONVS + 7] = steps[s];
    CHECK_CLOSE(spread_error(&f->job, &f->cell, SCORES_BOX, 7), sqrt(4 * 38.0 / 3), 1e-12, "a total's error");
    /* The fifth and the sixth of class: one or the other, as often as an image is drawn or is not. */
    for (int s = 0; s < STEPS; s++) {
        f->sums[s * EACH + SCORES_CLASS * CONVS + 19] = s ? 0 : 81;
        f->sums[s * EACH + SCORES_CLASS * CONVS + 18] = 20;
    }
    CHECK(spread_first(&f->job, &f->cell, f->layers, kept, &err) == 0, "%s", err.msg);
    /* It is not drawn in (3/4)^4 = 0.316 of the draws: a fifth less in each. */
    CHECK(fabs(kept[RANK_CLASS][0] - (1 - 0.316 / 5)) < 0.02, "a layer of one image stays in 0.68: %f",
          kept[RANK_CLASS][0]);
    CHECK(kept[RANK_MODELOPT][0] == 1 || fabs(kept[RANK_MODELOPT][0] - 1) < 1e-12, "others stay");
    f->job.probes = 0;
    memmove(f->sums + CONVS, f->sums + EACH, CONVS * sizeof *f->sums);
    CHECK(spread_first(&f->job, &f->cell, f->layers, kept, &err) == 0 && isnan(kept[RANK_CLASS][0]) &&
              !isnan(kept[RANK_MODELOPT][0]),
          "without detection, ModelOpt's rank alone");
    free(f);
}

static void test_ranks(void) {
    struct rank_layer layers[] = {{"a", true, 65536, {1, 200, 0}, 1, NAN},
                                  {"b", true, 1, {3, 2, 9}, 2, NAN},
                                  {"c", false, 9, {9, 9, 9}, 3, NAN},
                                  {"d", true, 65536, {3, 0, 1}, 4, NAN}};
    double values[4];
    size_t order[4];
    rank_values(layers, 4, RANK_DETECTION, values);
    double half = pow(2, 1.0 / 8); /* of a layer of half the weights, or about */
    CHECK(fabs(values[0] - half) < 1e-5 && fabs(values[3] - half) < 1e-5 && values[2] == 0 &&
              fabs(values[1] - 4 * half * 3.1 * 3.1) < 1e-3,
          "detection: roots, and a 65536th of the weights counts four times: %g %g %g", values[0], values[1],
          values[3]);
    CHECK(rank_order(layers, 4, values, order) == 3 && order[0] == 1 && order[1] == 0 && order[2] == 3,
          "the largest first, equal ones in the layers' order");
    rank_values(layers, 4, RANK_MODELOPT, values);
    CHECK(rank_order(layers, 4, values, order) == 3 && order[0] == 1 && order[1] == 3 && order[2] == 0,
          "ModelOpt's rank is of the exported layers too");
    CHECK(!rank_is_there(layers, 4, RANK_MEASURED) && rank_is_there(layers, 4, RANK_BOX),
          "a rank needs all its numbers");
}

int main(void) {
    test_equal_steps();
    test_spread();
    test_ranks();
    return test_end();
}
