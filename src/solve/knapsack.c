#include "solve/knapsack.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* How it works. In the linear relaxation a price of size decides: each layer takes the choice of least loss +
 * price * size. With the right price these choices, the base, satisfy the limit, and
 *
 *     loss of any selection = bound + sum of departures + price * (limit - its size),
 *     departure of a choice = (loss + price * size) - (the same of its layer's base choice) >= 0,
 *
 * where the bound is the relaxation's optimum. All terms are >= 0: what the departures and the unused size cost
 * together, a selection's distance, is to be made least, and a choice whose departure alone reaches the best
 * known distance is closed. Few layers have open choices. These are put, nearest first, into the shorter of two
 * lists of partial selections, from which dominated and too distant ones are dropped; each pair of partial
 * selections, one of either list, is a selection, and the best pair is found by going through both lists once
 * (meet in the middle). When every layer with an open choice is in a list, the best one known is the optimum. */

/* A choice that no other of its layer betters, seen from the layer's base choice. */
struct open_choice {
    double loss, departure;
    int64_t size;
    size_t index; /* among the layer's choices */
};

struct layer {
    struct open_choice *choices; /* ascending size, descending loss */
    size_t n, base;              /* base: among choices */
    size_t next;                 /* the next smaller choice on the lower convex hull, */
    double ratio;                /* and its loss per size; INFINITY: there is none */
    double nearest;              /* the least departure of another choice than the base, */
    int64_t step;                /* and its size */
    const struct list *list;     /* that it is in, or NULL */
};

/* A selection among the layers of a list, as a difference from the base. */
struct partial {
    int64_t size;
    double loss;
    uint32_t node; /* how it came about */
};

/* One choice more than an earlier partial selection. */
struct node {
    uint32_t before, layer, choice;
};

struct list {
    struct partial *items; /* ascending size, descending loss */
    size_t n;
    int64_t least, most; /* sizes that all layers of no place in the list can still add */
};

struct search {
    struct layer *layers;
    size_t n;
    struct open_choice *room; /* of all layers */
    struct node *nodes;       /* of both lists; 0 is the base */
    size_t n_nodes;
    struct list lists[2];
    double price, bound;
    int64_t unused;  /* limit - the base's size */
    double distance; /* of the best selection so far */
    double rounding; /* a distance not above it is noise: the selection is the optimum */
};

/* Choices can be so many, and so near each other (losses proportional to sizes), that none is proved best in a
 * lifetime; but then one this near to the bound, as a share of it, is soon found, and ends a search whose lists
 * have become long. Scores are float32, exact to 6e-8. */
#define ENOUGH 1e-10
enum { LONG_LIST = 1 << 16 };

static int by_size(const void *pa, const void *pb) {
    const struct open_choice *a = pa, *b = pb;
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    if (a->loss != b->loss)
        return a->loss < b->loss ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

/* The choices that no other equals or betters in both loss and size. */
static void keep_efficient(struct layer *l, const struct knapsack_layer *from) {
    for (size_t k = 0; k < from->n; k++)
        l->choices[k] =
            (struct open_choice){.loss = from->choices[k].loss, .size = from->choices[k].size, .index = k};
    qsort(l->choices, from->n, sizeof *l->choices, by_size);
    l->n = 0;
    for (size_t k = 0; k < from->n; k++)
        if (!l->n || l->choices[k].loss < l->choices[l->n - 1].loss)
            l->choices[l->n++] = l->choices[k];
}

/* Finds the layer's next choice. */
static void find_next(struct layer *l) {
    const struct open_choice *base = &l->choices[l->base];
    l->ratio = INFINITY;
    for (size_t k = l->base; k-- > 0;) {
        double ratio = (l->choices[k].loss - base->loss) / (double)(base->size - l->choices[k].size);
        if (ratio <= l->ratio) {
            l->ratio = ratio;
            l->next = k;
        }
    }
}

static int64_t common_divisor(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return llabs(a);
}

/* Sets base choices, price, bound and departures: from each layer's largest choice down the cheapest steps. */
static int relax(struct search *s, int64_t limit, struct err *err) {
    int64_t divisor = 0;
    s->unused = limit;
    for (size_t i = 0; i < s->n; i++) {
        struct layer *l = &s->layers[i];
        l->base = l->n - 1;
        s->unused -= l->choices[l->base].size;
        find_next(l);
    }
    while (s->unused < 0) {
        struct layer *l = s->layers;
        for (size_t i = 1; i < s->n; i++)
            l = s->layers[i].ratio < l->ratio ? &s->layers[i] : l;
        if (!s->n || isinf(l->ratio))
            return err_set(err, ERR_FAILED, "the smallest choices are %lld bits above the limit",
                           (long long)-s->unused);
        s->unused += l->choices[l->base].size - l->choices[l->next].size;
        s->price = l->ratio;
        l->base = l->next;
        find_next(l);
    }
    for (size_t i = 0; i < s->n; i++) {
        struct layer *l = &s->layers[i];
        const struct open_choice base = l->choices[l->base];
        s->bound += base.loss;
        l->nearest = INFINITY;
        for (size_t k = 0; k < l->n; k++) {
            struct open_choice *c = &l->choices[k];
            c->loss -= base.loss;
            c->size -= base.size;
            c->departure = k == l->base ? 0 : fmax(0, c->loss + s->price * (double)c->size);
            if (k != l->base && c->departure < l->nearest) {
                l->nearest = c->departure;
                l->step = c->size;
            }
            divisor = common_divisor(divisor, c->size);
        }
    }
    if (divisor)
        s->unused -= s->unused % divisor; /* no selection uses a part of it */
    s->distance = s->price * (double)s->unused;
    s->bound -= s->distance;
    s->rounding = (s->bound + s->distance) * DBL_EPSILON * 4;
    return 0;
}

/* A partial selection's departures together. */
static double departures(const struct search *s, const struct partial *p) {
    return p->loss + s->price * (double)p->size;
}

static bool is_open(const struct search *s, const struct layer *l, size_t k) {
    return k == l->base || l->choices[k].departure < s->distance;
}

/* Whether a partial selection of the list can be part of one that is nearer than the best known. */
static bool is_near(const struct search *s, const struct list *list, const struct partial *p) {
    int64_t unused = s->unused - p->size;
    return list->least <= unused &&
           departures(s, p) + (unused > list->most ? s->price * (double)(unused - list->most) : 0) <
               s->distance;
}

/* Every partial selection with every open choice of layer i, merged by size; dominated and distant ones are left
 * out. */
static int extend(struct search *s, struct list *list, size_t i, struct err *err) {
    const struct layer *l = &s->layers[i];
    const size_t most = list->n * l->n;
    struct node *nodes = realloc(s->nodes, (s->n_nodes + most) * sizeof *nodes);
    struct list longer = {.items = malloc(most * sizeof *longer.items)};
    size_t *at = calloc(l->n, sizeof *at);
    int ret = -1;
    for (size_t j = 0; j < s->n; j++)
        if (j != i && s->layers[j].list != list) {
            longer.least += s->layers[j].choices[0].size;
            longer.most += s->layers[j].choices[s->layers[j].n - 1].size;
        }
    s->nodes = nodes ? nodes : s->nodes;
    if (!nodes || !longer.items || !at || s->n_nodes + most > UINT32_MAX) {
        err_nomem(err);
        goto out;
    }
    for (;;) {
        struct partial least = {0};
        size_t from = l->n;
        for (size_t k = 0; k < l->n; k++) {
            const struct open_choice *c = &l->choices[k];
            if (at[k] == list->n || !is_open(s, l, k))
                continue;
            const struct partial *p = &list->items[at[k]];
            int64_t size = p->size + c->size;
            double loss = p->loss + c->loss;
            if (from == l->n || size < least.size || (size == least.size && loss < least.loss)) {
                least = (struct partial){size, loss, p->node};
                from = k;
            }
        }
        if (from == l->n)
            break;
        at[from]++;
        if ((longer.n && least.loss >= longer.items[longer.n - 1].loss) || !is_near(s, &longer, &least))
            continue;
        if (from != l->base) {
            nodes[s->n_nodes] = (struct node){least.node, (uint32_t)i, (uint32_t)from};
            least.node = (uint32_t)s->n_nodes++;
        }
        longer.items[longer.n++] = least;
    }
    free(list->items);
    *list = longer;
    longer.items = NULL;
    ret = 0;
out:
    free(longer.items);
    free(at);
    return ret;
}

static void select_partial(const struct search *s, const struct partial *p, size_t *chosen) {
    for (uint32_t k = p->node; k; k = s->nodes[k].before) {
        const struct layer *l = &s->layers[s->nodes[k].layer];
        chosen[s->nodes[k].layer] = l->choices[s->nodes[k].choice].index;
    }
}

static void select_base(const struct search *s, size_t *chosen) {
    for (size_t i = 0; i < s->n; i++)
        chosen[i] = s->layers[i].choices[s->layers[i].base].index;
}

/* The best pair of partial selections, if it is nearer than what was known. */
static void join(struct search *s, size_t *chosen) {
    const struct list *a = &s->lists[0], *b = &s->lists[1];
    const struct partial *best[2] = {0};
    size_t k = b->n;
    for (size_t i = 0; i < a->n; i++) {
        while (k && a->items[i].size + b->items[k - 1].size > s->unused)
            k--;
        if (!k)
            break;
        const struct partial both = {a->items[i].size + b->items[k - 1].size,
                                     a->items[i].loss + b->items[k - 1].loss, 0};
        double distance = departures(s, &both) + s->price * (double)(s->unused - both.size);
        if (distance < s->distance) {
            s->distance = distance;
            best[0] = &a->items[i];
            best[1] = &b->items[k - 1];
        }
    }
    if (!best[0])
        return;
    select_base(s, chosen);
    select_partial(s, best[0], chosen);
    select_partial(s, best[1], chosen);
}

/* The layer that goes into a list next, n for none: the nearest one, of those whose step brings the sizes in the
 * lists, drift on average, back to what is wanted. */
static size_t next_layer(const struct search *s, double drift) {
    size_t best = s->n;
    bool best_helps = false;
    for (size_t i = 0; i < s->n; i++) {
        const struct layer *l = &s->layers[i];
        bool helps = (drift > 0) == (l->step < 0);
        if (l->list || l->nearest >= s->distance)
            continue;
        if (best == s->n || helps > best_helps ||
            (helps == best_helps && l->nearest < s->layers[best].nearest)) {
            best = i;
            best_helps = helps;
        }
    }
    return best;
}

static int search(struct search *s, size_t *chosen, struct err *err) {
    size_t i;
    double drift = 0;
    s->n_nodes = 1;
    select_base(s, chosen);
    for (int k = 0; k < 2; k++) {
        if (!(s->lists[k].items = calloc(1, sizeof *s->lists[k].items)))
            return err_nomem(err);
        s->lists[k].n = 1;
    }
    while (s->distance > s->rounding && (i = next_layer(s, drift)) < s->n) {
        struct list *shorter = &s->lists[s->lists[1].n < s->lists[0].n];
        if (shorter->n > LONG_LIST && s->distance <= s->bound * ENOUGH)
            break;
        if (extend(s, shorter, i, err))
            return -1;
        s->layers[i].list = shorter;
        drift += (double)s->layers[i].step / 2;
        join(s, chosen);
    }
    return 0;
}

static bool are_alike(const struct knapsack_layer *a, const struct knapsack_layer *b) {
    for (size_t k = 0; k < a->n && a->n == b->n; k++)
        if (a->choices[k].loss != b->choices[k].loss ||
            a->choices[k].size - a->choices[0].size != b->choices[k].size - b->choices[0].size)
            return false;
    return a->n == b->n;
}

static void settle_ties(const struct knapsack_layer *layers, size_t n, size_t *chosen) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            const struct knapsack_choice *choices = layers[i].choices;
            size_t mine = chosen[i];
            if (are_alike(&layers[i], &layers[j]) && choices[chosen[j]].size < choices[mine].size) {
                chosen[i] = chosen[j];
                chosen[j] = mine;
            }
        }
}

int knapsack_solve(const struct knapsack_layer *layers, size_t n, int64_t limit, size_t *chosen,
                   struct err *err) {
    size_t n_choices = 0;
    for (size_t i = 0; i < n; i++)
        n_choices += layers[i].n;
    struct search s = {
        .layers = calloc(n + 1, sizeof *s.layers), .room = calloc(n_choices + 1, sizeof *s.room), .n = n};
    int ret = -1;
    if (!s.layers || !s.room) {
        err_nomem(err);
        goto out;
    }
    n_choices = 0;
    for (size_t i = 0; i < n; i++) {
        s.layers[i].choices = &s.room[n_choices];
        keep_efficient(&s.layers[i], &layers[i]);
        n_choices += layers[i].n;
    }
    if (relax(&s, limit, err) || search(&s, chosen, err))
        goto out;
    settle_ties(layers, n, chosen);
    ret = 0;
out:
    free(s.layers);
    free(s.room);
    free(s.nodes);
    for (int k = 0; k < 2; k++)
        free(s.lists[k].items);
    return ret;
}
