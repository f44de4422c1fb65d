/* knapsack_solve against exhaustive and dynamic-programming searches, on random, scaled, tied and rounded
 * instances. */
#include "solve/knapsack.h"
#include "test.h"

#include <float.h>
#include <stdlib.h>

static uint64_t state = 1;

/* splitmix64: the same instances everywhere. */
static uint64_t next(void) {
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double uniform(void) {
    return (double)(next() >> 11) / (double)((uint64_t)1 << 53);
}

enum { N_MAX = 300 };

/* Least loss of saving at least `need`, by the recurrence over items and savings. Exact but for the rounding
 * of the sums. */
static double by_table(const struct knapsack_item *items, size_t n, int64_t need) {
    double *least = malloc((size_t)(need + 1) * sizeof *least);
    for (int64_t w = 0; w <= need; w++)
        least[w] = w ? INFINITY : 0;
    for (size_t i = 0; i < n; i++)
        for (int64_t w = need; w > 0; w--) {
            int64_t before = w > items[i].saving ? w - items[i].saving : 0;
            if (least[before] + items[i].loss < least[w])
                least[w] = least[before] + items[i].loss;
        }
    double best = least[need];
    free(least);
    return best;
}

static double by_trying_all(const struct knapsack_item *items, size_t n, int64_t need) {
    double best = INFINITY;
    for (uint32_t set = 0; set < (uint32_t)1 << n; set++) {
        double loss = 0;
        int64_t saving = 0;
        for (size_t i = 0; i < n; i++)
            if (set >> i & 1) {
                loss += items[i].loss;
                saving += items[i].saving;
            }
        if (saving >= need && loss < best)
            best = loss;
    }
    return best;
}

/* Solves; the loss, or NaN if the choice saves too little. */
static double solved(const struct knapsack_item *items, size_t n, int64_t need) {
    bool take[N_MAX];
    struct err err = {0};
    if (knapsack_solve(items, n, need, take, &err)) {
        printf("# %s\n", err.msg);
        return NAN;
    }
    double loss = 0;
    int64_t saving = 0;
    for (size_t i = 0; i < n; i++)
        if (take[i]) {
            loss += items[i].loss;
            saving += items[i].saving;
        }
    return saving >= need ? loss : NAN;
}

/* How losses and savings of an instance are drawn. */
struct kind {
    const char *name;
    size_t n;
    int instances;
    double decades;     /* losses spread over so many powers of ten */
    double top;         /* the largest of them */
    int64_t saving;     /* the largest saving */
    double correlation; /* 1: losses are proportional to savings */
    int64_t unit;       /* savings are multiples of this, but for a bit or none; 0: any number */
};

static int64_t draw(const struct kind *k, struct knapsack_item *items) {
    int64_t all = 0;
    for (size_t i = 0; i < k->n; i++) {
        items[i].saving = 1 + (int64_t)(uniform() * (double)k->saving);
        if (k->unit)
            items[i].saving = items[i].saving * k->unit - (int64_t)(next() % 2);
        double free_loss = k->top * pow(10, -k->decades * uniform());
        double bound_loss =
            k->top * (double)items[i].saving / (double)k->saving / (k->unit ? (double)k->unit : 1);
        items[i].loss = k->correlation * bound_loss + (1 - k->correlation) * free_loss;
        all += items[i].saving;
    }
    return all;
}

static void against(const struct kind *k, double (*exact)(const struct knapsack_item *, size_t, int64_t)) {
    struct knapsack_item items[N_MAX];
    double worst = 0;
    int wrong = 0;
    for (int t = 0; t < k->instances; t++) {
        int64_t all = draw(k, items), need = (int64_t)((double)all * (0.02 + 0.96 * uniform()));
        if (k->unit)
            need -= need % k->unit;
        double want = exact(items, k->n, need), got = solved(items, k->n, need);
        double off = want > 0 ? fabs(got - want) / want : fabs(got);
        if (!(off <= worst))
            worst = off;
        wrong += !(off <= 1e-11);
    }
    CHECK(wrong == 0, "%s: %d instances of %zu layers, worst %.2g of 1e-11 allowed, %d wrong", k->name,
          k->instances, k->n, worst, wrong);
}

static void small_cases(void) {
    bool take[4];
    struct err err = {0};
    const struct knapsack_item alike[] = {{1, 5}, {1, 5}, {1, 5}, {1, 5}};
    CHECK(knapsack_solve(alike, 4, 9, take, &err) == 0 && take[0] && take[1] && !take[2] && !take[3],
          "of items alike the earlier are taken");
    const struct knapsack_item odd[] = {{0, 5}, {0, 0}, {3, 0}, {7, 5}};
    CHECK(knapsack_solve(odd, 4, 0, take, &err) == 0 && take[0] && !take[1] && !take[2] && !take[3],
          "what loses nothing is taken, what saves nothing is not");
    CHECK(knapsack_solve(odd, 4, 10, take, &err) == 0 && take[3], "all of it when all is needed");
    CHECK(knapsack_solve(odd, 4, 11, take, &err) == -1 && err.code == ERR_FAILED,
          "one bit too much is refused: %s", err.msg);
    CHECK(knapsack_solve(odd, 0, 0, take, &err) == 0, "no items, nothing to save");

    /* Tolerances that would let the first two through: they save one bit of 2^40 too little. */
    const int64_t half = (int64_t)1 << 39;
    const struct knapsack_item huge[] = {{1, half}, {1, half - 1}, {1.5, half}, {9, 2 * half}};
    CHECK(knapsack_solve(huge, 4, 2 * half, take, &err) == 0 && take[0] && !take[1] && take[2] && !take[3],
          "one bit in 2^40 decides");
    /* Scores of 1e-13 beside ones of 100: GLPK's presolver drops the former. */
    const struct knapsack_item wide[] = {{100, 10}, {3e-13, 10}, {2e-13, 10}, {1e-13, 9}};
    CHECK(knapsack_solve(wide, 4, 20, take, &err) == 0 && !take[0] && take[1] && take[2] && !take[3],
          "losses of 1e-13 beside one of 100 are weighed");
    CHECK(knapsack_solve(wide, 4, 19, take, &err) == 0 && !take[1] && take[2] && take[3], "and their sizes");
}

int main(void) {
    small_cases();
    const struct kind tiny[] = {{"free losses", 12, 300, 3, 1, 1000, 0, 0},
                                {"losses over 16 decades", 13, 1000, 16, 100, 100000, 0, 0},
                                {"losses near their sizes", 12, 200, 1, 1, 50, 0.95, 0},
                                {"huge sizes", 12, 200, 4, 1, (int64_t)1 << 45, 0, 0},
                                {"sizes a bit short of 2^40s", 12, 300, 1, 1, 20, 0.5, (int64_t)1 << 40},
                                {"losses of 1e-300", 10, 100, 2, 1e-300, 500, 0, 0}};
    for (size_t i = 0; i < sizeof tiny / sizeof *tiny; i++)
        against(&tiny[i], by_trying_all);
    const struct kind model[] = {{"n's count", 108, 60, 4, 0.4, 2000, 0, 0},
                                 {"x's count", 250, 30, 6, 200, 2000, 0, 0},
                                 {"x's count, near their sizes", 250, 10, 1, 1, 2000, 0.9, 0},
                                 {"x's count, small sizes", 250, 30, 3, 1, 20, 0.5, 0},
                                 {"losses that are sizes", 250, 5, 1, 1, 2000, 1, 0}};
    for (size_t i = 0; i < sizeof model / sizeof *model; i++)
        against(&model[i], by_table);
    return test_end();
}
