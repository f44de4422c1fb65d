/* knapsack_solve against exhaustive and dynamic-programming searches, on random, scaled, tied and rounded
 * instances, of two choices a layer and of many; and that it comes to an end where an instance is made to be hard. */
#include "solve/knapsack.h"
#include "test.h"

#include <stdlib.h>
#include <time.h>

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

enum { LAYERS_MAX = 300, CHOICES_MAX = 10, ALL_MAX = LAYERS_MAX * CHOICES_MAX };

/* How the layers of an instance are drawn: each can stay at 16 bits without loss, or take one of some narrower
 * formats. */
struct kind {
    const char *name;
    size_t n, formats;
    int instances;
    double decades;     /* losses spread over so many powers of ten */
    double top;         /* the largest of them */
    int64_t size;       /* the largest size of a bit of a layer */
    double correlation; /* 1: losses are proportional to what is saved */
    int64_t unit;       /* sizes are multiples of this, but for a bit or none; 0: any number */
};

struct instance {
    struct knapsack_choice choices[ALL_MAX];
    struct knapsack_layer layers[LAYERS_MAX];
    size_t n;
    int64_t least, most; /* sizes */
};

static void draw(const struct kind *k, struct instance *p) {
    struct knapsack_choice *c = p->choices;
    p->n = k->n;
    p->least = p->most = 0;
    for (size_t i = 0; i < k->n; i++) {
        int64_t size = 1 + (int64_t)(uniform() * (double)k->size), least = INT64_MAX;
        double scale = k->top * pow(10, -k->decades * uniform());
        p->layers[i] = (struct knapsack_layer){c, k->formats + 1};
        *c++ = (struct knapsack_choice){0, 16 * size * (k->unit ? k->unit : 1)};
        p->most += c[-1].size;
        for (size_t f = 0; f < k->formats; f++) {
            int64_t bits = k->formats == 1 ? 8 : 4 + (int64_t)(f * 11 / (k->formats - 1));
            double free_loss =
                scale * (k->formats == 1 ? 1 : pow(4, -(double)bits / 2) * (0.3 + 2 * uniform()));
            double bound_loss = k->top * (double)((16 - bits) * size) / (double)k->size / 16;
            c->loss = k->correlation * bound_loss + (1 - k->correlation) * free_loss;
            c->size = k->unit ? size * bits * k->unit + (int64_t)(next() % 2) : size * bits;
            least = c->size < least ? c->size : least;
            c++;
        }
        p->least += least;
    }
}

/* Least loss within the limit, by the recurrence over layers and sizes in units of `unit`, in which all sizes are
 * whole. Exact but for the rounding of the sums. */
static double by_table(const struct instance *p, int64_t limit) {
    const int64_t room = limit - p->least;
    double *least = malloc((size_t)(room + 1) * sizeof *least),
           *before = malloc((size_t)(room + 1) * sizeof *before);
    for (int64_t w = 0; w <= room; w++)
        least[w] = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct knapsack_layer *l = &p->layers[i];
        int64_t smallest = INT64_MAX;
        for (size_t k = 0; k < l->n; k++)
            smallest = l->choices[k].size < smallest ? l->choices[k].size : smallest;
        memcpy(before, least, (size_t)(room + 1) * sizeof *least);
        for (int64_t w = 0; w <= room; w++) {
            least[w] = INFINITY;
            for (size_t k = 0; k < l->n; k++) {
                int64_t more = l->choices[k].size - smallest;
                if (more <= w && before[w - more] + l->choices[k].loss < least[w])
                    least[w] = before[w - more] + l->choices[k].loss;
            }
        }
    }
    double best = least[room];
    free(least);
    free(before);
    return best;
}

static double by_trying_all(const struct instance *p, int64_t limit) {
    size_t chosen[LAYERS_MAX] = {0};
    double best = INFINITY;
    for (size_t i = 0; i < p->n;) {
        double loss = 0;
        int64_t size = 0;
        for (i = 0; i < p->n; i++) {
            loss += p->layers[i].choices[chosen[i]].loss;
            size += p->layers[i].choices[chosen[i]].size;
        }
        if (size <= limit && loss < best)
            best = loss;
        for (i = 0; i < p->n && ++chosen[i] == p->layers[i].n; i++)
            chosen[i] = 0;
    }
    return best;
}

/* Solves; the loss, or NaN if the selection is above the limit. */
static double solved(const struct instance *p, int64_t limit) {
    size_t chosen[LAYERS_MAX];
    struct err err = {0};
    if (knapsack_solve(p->layers, p->n, limit, chosen, &err)) {
        printf("# %s\n", err.msg);
        return NAN;
    }
    double loss = 0;
    int64_t size = 0;
    for (size_t i = 0; i < p->n; i++) {
        loss += p->layers[i].choices[chosen[i]].loss;
        size += p->layers[i].choices[chosen[i]].size;
    }
    return size <= limit ? loss : NAN;
}

static int64_t draw_limit(const struct kind *k, const struct instance *p) {
    int64_t limit = p->least + (int64_t)((double)(p->most - p->least) * (0.02 + 0.96 * uniform()));
    return k->unit ? limit - limit % k->unit : limit;
}

static void against(const struct kind *k, double (*exact)(const struct instance *, int64_t)) {
    static struct instance p;
    double worst = 0;
    int wrong = 0;
    for (int t = 0; t < k->instances; t++) {
        draw(k, &p);
        int64_t limit = draw_limit(k, &p);
        double want = exact(&p, limit), got = solved(&p, limit);
        double off = want > 0 && isfinite(want) ? fabs(got - want) / want : fabs(got);
        if (isinf(want))
            continue; /* the unit's odd bits were more than the limit leaves */
        if (!(off <= worst))
            worst = off;
        wrong += !(off <= 1e-11);
    }
    CHECK(wrong == 0,
          "%s: %d instances of %zu layers with %zu choices, worst %.2g of 1e-11 allowed, %d wrong", k->name,
          k->instances, k->n, k->formats + 1, worst, wrong);
}

/* Instances that are too large for either oracle: they are solved within the limit, and soon. */
static void comes_to_an_end(const struct kind *k) {
    static struct instance p;
    double longest = 0;
    int failed = 0;
    for (int t = 0; t < k->instances; t++) {
        draw(k, &p);
        clock_t began = clock();
        failed += isnan(solved(&p, draw_limit(k, &p)));
        double took = (double)(clock() - began) / CLOCKS_PER_SEC;
        longest = took > longest ? took : longest;
    }
    CHECK(!failed && longest < 60, "%s: %d instances of %zu layers with %zu choices, the longest took %.2g s",
          k->name, k->instances, k->n, k->formats + 1, longest);
}

static bool chooses(const struct knapsack_layer *layers, size_t n, int64_t limit, const size_t *want) {
    size_t chosen[8];
    struct err err = {0};
    if (knapsack_solve(layers, n, limit, chosen, &err)) {
        printf("# %s\n", err.msg);
        return false;
    }
    return memcmp(chosen, want, n * sizeof *want) == 0;
}

static void small_cases(void) {
    struct err err = {0};
    size_t chosen[4];
#define LAYER(...)                                                                                           \
    {                                                                                                        \
        (const struct knapsack_choice[]){__VA_ARGS__},                                                       \
            sizeof((const struct knapsack_choice[]){__VA_ARGS__}) / sizeof(struct knapsack_choice)           \
    }
    const struct knapsack_layer alike[] = {LAYER({0, 10}, {1, 5}), LAYER({0, 20}, {1, 15}),
                                           LAYER({0, 10}, {1, 5}), LAYER({0, 10}, {1, 5})};
    CHECK(chooses(alike, 4, 41, (size_t[]){1, 1, 0, 0}),
          "of layers alike the earlier get the smaller choice");
    const struct knapsack_layer odd[] = {LAYER({0, 9}, {0, 4}), LAYER({0, 9}, {0, 9}), LAYER({0, 9}, {3, 9}),
                                         LAYER({0, 9}, {7, 4})};
    CHECK(chooses(odd, 4, 36, (size_t[]){1, 0, 0, 0}),
          "a smaller size without loss is taken, the same size never, with a loss or without");
    CHECK(chooses(odd, 4, 26, (size_t[]){1, 0, 0, 1}), "everything is taken when all is needed");
    CHECK(knapsack_solve(odd, 4, 25, chosen, &err) == -1 && err.code == ERR_FAILED,
          "a bit less is refused: %s", err.msg);
    CHECK(knapsack_solve(odd, 0, 0, chosen, &err) == 0, "no layers, nothing to choose");
    const struct knapsack_layer three[] = {LAYER({0, 16}, {1, 8}, {6, 4}), LAYER({0, 16}, {2.5, 8}, {3, 4})};
    CHECK(chooses(three, 2, 24, (size_t[]){1, 0}) && chooses(three, 2, 20, (size_t[]){0, 2}) &&
              chooses(three, 2, 12, (size_t[]){1, 2}) && chooses(three, 2, 8, (size_t[]){2, 2}),
          "three choices a layer, each of them taken somewhere");
    const struct knapsack_layer off_hull[] = {LAYER({0, 16}, {5, 9}, {6, 4}), LAYER({0, 1})};
    CHECK(chooses(off_hull, 2, 10, (size_t[]){1, 0}),
          "a choice above the convex hull is taken where it is best");

    /* One bit of 2^40 decides, and losses of 1e-13 beside one of 100 are weighed. */
    const int64_t half = (int64_t)1 << 39;
    const struct knapsack_layer huge[] = {LAYER({0, half}, {1, 0}), LAYER({0, half}, {1, 1}),
                                          LAYER({0, half}, {1.5, 0}), LAYER({0, 2 * half}, {9, 0})};
    CHECK(chooses(huge, 4, 3 * half, (size_t[]){1, 0, 1, 0}), "one bit in 2^40 decides");
    CHECK(chooses(huge, 4, 3 * half + 1, (size_t[]){1, 1, 0, 0}), "and one bit more");
    const struct knapsack_layer wide[] = {LAYER({0, 10}, {100, 0}), LAYER({0, 10}, {3e-13, 0}),
                                          LAYER({0, 10}, {2e-13, 0}), LAYER({0, 9}, {1e-13, 0})};
    CHECK(chooses(wide, 4, 19, (size_t[]){0, 1, 1, 0}), "losses of 1e-13 beside one of 100 are weighed");
    CHECK(chooses(wide, 4, 20, (size_t[]){0, 0, 1, 1}), "and their sizes");
}

int main(void) {
    small_cases();
    const struct kind tiny[] = {{"free losses", 12, 1, 300, 3, 1, 1000, 0, 0},
                                {"losses over 16 decades", 13, 1, 1000, 16, 100, 100000, 0, 0},
                                {"losses near what is saved", 12, 1, 200, 1, 1, 50, 0.95, 0},
                                {"huge sizes", 12, 1, 200, 4, 1, (int64_t)1 << 43, 0, 0},
                                {"sizes a bit more than 2^38s", 12, 1, 300, 1, 1, 20, 0.5, (int64_t)1 << 38},
                                {"losses of 1e-300", 10, 1, 100, 2, 1e-300, 500, 0, 0},
                                {"mixed formats", 6, 9, 20, 4, 1, 1000, 0, 0},
                                {"mixed formats, huge sizes", 7, 5, 60, 4, 1, (int64_t)1 << 43, 0.5, 0},
                                {"mixed formats, near what is saved", 8, 3, 200, 1, 1, 60, 0.99, 0}};
    for (size_t i = 0; i < sizeof tiny / sizeof *tiny; i++)
        against(&tiny[i], by_trying_all);
    const struct kind model[] = {{"n's count", 108, 1, 30, 4, 0.4, 200, 0, 0},
                                 {"x's count", 250, 1, 20, 6, 200, 200, 0, 0},
                                 {"x's count, near what is saved", 250, 1, 10, 1, 1, 200, 0.9, 0},
                                 {"x's count, small sizes", 250, 1, 30, 3, 1, 3, 0.5, 0},
                                 {"losses that are what is saved", 250, 1, 5, 1, 1, 200, 1, 0},
                                 {"mixed formats of n", 108, 9, 5, 4, 1, 60, 0, 0},
                                 {"mixed formats of x", 250, 4, 5, 4, 1, 30, 0.9, 0}};
    for (size_t i = 0; i < sizeof model / sizeof *model; i++)
        against(&model[i], by_table);
    const struct kind hard[] = {
        {"weights in millions", 300, 9, 5, 4, 1, 2000000, 0, 0},
        {"losses that are what is saved, millions", 108, 1, 5, 1, 1, 1000000, 1, 0},
        {"the same, billions", 250, 1, 3, 1, 1, 1000000000, 1, 0},
        {"losses near what is saved, billions", 250, 1, 3, 1, 1, 1000000000, 0.9999, 0},
        {"mixed formats, near what is saved, millions", 300, 9, 3, 1, 1, 1000000, 0.999, 0}};
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++)
        comes_to_an_end(&hard[i]);
    return test_end();
}
