#include "cell/rank.h"

#include <math.h>
#include <string.h>

const char *const rank_words[RANKS] = {"modelopt", "class", "box", "detection", "measured"};

_Static_assert(SCORES_RANKS == (int)RANK_MEASURED, "cell/scores.h numbers them too");

struct rank_layer rank_layer_of(const struct scores_layer *layer) {
    struct rank_layer l = {.name = layer->name,
                           .exported = layer->exported,
                           .weights = scores_elements(layer->none_bits),
                           .class_kl = NAN,
                           .box_loss = NAN,
                           .more_loss = NAN};
    memcpy(l.score, layer->score, sizeof l.score);
    return l;
}

enum { PARTS_MAX = 3 };

/* The one to three numbers that a layer's value is made of. */
static int parts_of(const struct rank_layer *l, enum rank rank, double parts[PARTS_MAX]) {
    switch (rank) {
    case RANK_MODELOPT:
    case RANK_CLASS:
    case RANK_BOX:
        parts[0] = l->score[rank];
        return 1;
    case RANK_DETECTION:
        parts[0] = l->score[SCORES_CLASS];
        parts[1] = l->score[SCORES_BOX];
        return 2;
    case RANK_MEASURED:
    case RANKS:
        parts[0] = l->class_kl;
        parts[1] = l->box_loss;
        parts[2] = l->more_loss;
        return isnan(l->more_loss) ? 2 : 3;
    }
    return 2;
}

bool rank_is_there(const struct rank_layer *layers, size_t n, enum rank rank) {
    double parts[PARTS_MAX];
    for (size_t i = 0; i < n; i++)
        for (int k = parts_of(&layers[i], rank, parts); layers[i].exported && k-- > 0;)
            if (isnan(parts[k]))
                return false;
    return n > 0;
}

/* Sums over the exported layers. */
struct totals {
    double parts[PARTS_MAX], weights;
};

static double value_of(const struct rank_layer *l, enum rank rank, const struct totals *all) {
    double parts[PARTS_MAX], sum = 0;
    int count = parts_of(l, rank, parts);
    if (rank == RANK_DETECTION) {
        double share = all->weights > 0 ? l->weights / all->weights : 1;
        double moved = sqrt(parts[1]) + 0.1 * sqrt(parts[0] / 2);
        return moved * moved / (share > 0 ? pow(share, 1.0 / 8) : 1);
    }
    for (int k = 0; k < count; k++)
        sum += count == 1 ? parts[k] : all->parts[k] > 0 ? parts[k] / all->parts[k] : 0;
    return sum;
}

void rank_values(const struct rank_layer *layers, size_t n, enum rank rank, double *values) {
    struct totals all = {0};
    double parts[PARTS_MAX];
    for (size_t i = 0; i < n; i++) {
        if (!layers[i].exported)
            continue;
        all.weights += layers[i].weights;
        for (int k = parts_of(&layers[i], rank, parts); k-- > 0;)
            all.parts[k] += parts[k];
    }
    for (size_t i = 0; i < n; i++)
        values[i] = layers[i].exported ? value_of(&layers[i], rank, &all) : 0;
}

size_t rank_order(const struct rank_layer *layers, size_t n, const double *values, size_t *order) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!layers[i].exported)
            continue;
        size_t at = count++;
        for (; at > 0 && values[order[at - 1]] < values[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return count;
}
