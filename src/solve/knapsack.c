#include "solve/knapsack.h"

#include <float.h>
#include <glpk.h>
#include <math.h>
#include <stdlib.h>

/* The order of loss per saving, and the bound of the linear relaxation that comes from it (Dantzig): take
 * whole items in that order up to the critical one, and as much of that as is still needed, at its price.
 * Every choice then costs the bound plus its distance,
 *
 *     sum of |loss - price * saving| over the items where it departs from the order + price * (saved - need).
 *
 * All terms are >= 0, so an item whose term alone reaches the best known distance stays as the order has it.
 */
struct ranked {
    double loss, ratio, departure; /* departure: |loss - price * saving| */
    int64_t saving;
    size_t index; /* in the caller's array */
    bool ahead;   /* of the critical item */
    bool taken;
};

struct search {
    struct ranked *items; /* losses > 0, savings > 0, by ratio */
    size_t n;
    int64_t missing; /* what the items ahead leave to be saved; > 0 */
    double price;
    double distance; /* of the best choice so far, in `taken` */
    double rounding; /* differences of totals below it are noise */
    double enough;   /* a distance below it is not worth a search */
};

/* Choices can be so many, and so near each other (scores proportional to sizes), that none is proved best in
 * a lifetime; but then one this near to the bound, as a share of it, is found at once. Scores are float32,
 * exact to 6e-8. */
#define ENOUGH 1e-10

enum { MAX_CUTS = 1000, DISTANCE_SCALE = 1000 };

static int by_ratio(const void *pa, const void *pb) {
    const struct ranked *a = pa, *b = pb;
    if (a->ratio != b->ratio)
        return a->ratio < b->ratio ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

static int by_likeness(const void *pa, const void *pb) {
    const struct ranked *a = pa, *b = pb;
    if (a->loss != b->loss)
        return a->loss < b->loss ? -1 : 1;
    if (a->saving != b->saving)
        return a->saving < b->saving ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

/* Price, departures and what is missing. */
static void relax(struct search *s, int64_t need) {
    size_t critical = 0;
    while (s->items[critical].saving < need)
        need -= s->items[critical++].saving;
    s->missing = need;
    s->price = s->items[critical].ratio;
    double bound = s->price * (double)need;
    for (size_t i = 0; i < s->n; i++) {
        struct ranked *r = &s->items[i];
        r->ahead = r->taken = i < critical;
        r->departure = i == critical ? 0 : fabs(r->loss - s->price * (double)r->saving);
        bound += r->ahead ? r->loss : 0;
    }
    s->rounding = bound * DBL_EPSILON * 4;
    s->enough = bound * ENOUGH;
    s->items[critical].taken = true;
    s->distance = s->price * (double)(s->items[critical].saving - s->missing);
}

/* First choices: the items ahead and any one other; or those and the critical one, without one of them that
 * is not needed. */
static void guess(struct search *s) {
    size_t critical = 0, best = s->n;
    while (s->items[critical].ahead)
        critical++;
    int64_t spare = s->items[critical].saving - s->missing;
    for (size_t i = 0; i < s->n; i++) {
        const struct ranked *r = &s->items[i];
        int64_t over = r->ahead ? spare - r->saving : r->saving - s->missing;
        double distance = r->departure + s->price * (double)over;
        if (over >= 0 && distance < s->distance) {
            s->distance = distance;
            best = i;
        }
    }
    if (best < s->n && !s->items[best].ahead)
        s->items[critical].taken = false;
    if (best < s->n)
        s->items[best].taken = !s->items[best].ahead;
}

static bool open_item(const struct search *s, const struct ranked *r) {
    return r->departure < s->distance;
}

/* The distance of the choice in which the open items depart from the order where departs[] says so, or -1 if
 * it saves too little. */
static double distance_of(const struct search *s, const bool *departs) {
    int64_t over = -s->missing;
    double distance = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct ranked *r = &s->items[i];
        if (departs[i]) {
            over += r->ahead ? -r->saving : r->saving;
            distance += r->departure;
        }
    }
    return over < 0 ? -1 : distance + s->price * (double)over;
}

/* Columns 1..m: open item k departs (binary); column m+1: the distance that saving more than needed costs.
 * Row 1: sum(+-price * saving * x) - excess = price * missing. Costs are distances, all divided by `unit`, so
 * that the best known one is DISTANCE_SCALE: GLPK's tolerances are meant for numbers of that size, and drop
 * coefficients as small as scores can be. */
static glp_prob *program(const struct search *s, size_t m, double unit, int *index, double *value) {
    glp_prob *lp = glp_create_prob();
    glp_set_obj_dir(lp, GLP_MIN);
    glp_add_rows(lp, 1);
    glp_add_cols(lp, (int)m + 1);
    glp_set_row_bnds(lp, 1, GLP_FX, s->price * (double)s->missing / unit, 0);
    int k = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct ranked *r = &s->items[i];
        if (!open_item(s, r))
            continue;
        k++;
        glp_set_col_kind(lp, k, GLP_BV);
        glp_set_obj_coef(lp, k, r->departure / unit);
        index[k] = k;
        value[k] = (r->ahead ? -1 : 1) * s->price * (double)r->saving / unit;
    }
    k++;
    glp_set_col_bnds(lp, k, GLP_DB, 0, DISTANCE_SCALE);
    glp_set_obj_coef(lp, k, 1);
    index[k] = k;
    value[k] = -1;
    glp_set_mat_row(lp, 1, k, index, value);
    return lp;
}

/* A choice that GLPK's tolerance let through although it saves too little: of the items that it leaves, one
 * more has to be taken. */
static void cut_off(glp_prob *lp, const struct search *s, const bool *departs, int *index, double *value) {
    int k = 0, n = 0, ahead_kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct ranked *r = &s->items[i];
        if (!open_item(s, r))
            continue;
        k++;
        bool left = r->ahead == departs[i];
        if (!left)
            continue;
        index[++n] = k;
        value[n] = r->ahead ? -1 : 1; /* an item ahead is taken again when it stops departing */
        ahead_kept += r->ahead;
    }
    int row = glp_add_rows(lp, 1);
    glp_set_row_bnds(lp, row, GLP_LO, 1 - ahead_kept, 0);
    glp_set_mat_row(lp, row, n, index, value);
}

/* GLPK's callback; *info: the objective that is low enough. */
static void stop_early(glp_tree *tree, void *info) {
    if (glp_ios_reason(tree) == GLP_IBINGO && glp_mip_obj_val(glp_ios_get_prob(tree)) <= *(double *)info)
        glp_ios_terminate(tree);
}

/* *status: GLPK's, GLP_FEAS for a choice that is good enough. */
static int solve_program(glp_prob *lp, double enough, int *status, struct err *err) {
    glp_smcp simplex;
    glp_init_smcp(&simplex);
    simplex.msg_lev = GLP_MSG_OFF;
    glp_iocp search;
    glp_init_iocp(&search);
    search.msg_lev = GLP_MSG_OFF;
    search.presolve = GLP_OFF; /* it drops small coefficients (numerics.md) */
    search.tol_int = 1e-9;
    search.tol_obj = 1e-12;
    search.mip_gap = 0;
    search.cb_func = stop_early;
    search.cb_info = &enough;
    glp_std_basis(lp);
    int failed = glp_simplex(lp, &simplex);
    if (failed)
        return err_set(err, ERR_FAILED, "GLPK's simplex method gave up (code %d)", failed);
    if (glp_get_status(lp) != GLP_OPT) {
        *status = glp_get_status(lp);
        return 0;
    }
    failed = glp_intopt(lp, &search);
    if (failed && failed != GLP_ESTOP)
        return err_set(err, ERR_FAILED, "GLPK's branch and bound gave up (code %d)", failed);
    *status = glp_mip_status(lp);
    return 0;
}

/* One run of GLPK over the open items. *better: it found a shorter distance, now in s. */
static int improve(struct search *s, bool *better, struct err *err) {
    int ret = -1;
    size_t m = 0;
    for (size_t i = 0; i < s->n; i++)
        m += open_item(s, &s->items[i]);
    *better = false;
    if (m == 0 || s->distance <= s->enough)
        return 0;
    glp_prob *lp = NULL;
    bool *departs = calloc(s->n, sizeof *departs);
    int *index = malloc((m + 2) * sizeof *index);
    double *value = malloc((m + 2) * sizeof *value);
    if (!departs || !index || !value) {
        err_nomem(err);
        goto out;
    }
    double unit = s->distance / DISTANCE_SCALE;
    lp = program(s, m, unit, index, value);
    for (int cuts = 0;; cuts++) {
        int status, k = 0;
        if (solve_program(lp, s->enough / unit, &status, err))
            goto out;
        if (status == GLP_NOFEAS || status == GLP_INFEAS)
            break;
        if ((status != GLP_OPT && status != GLP_FEAS) || cuts == MAX_CUTS) {
            err_set(err, ERR_FAILED, "GLPK found no optimum (status %d, %d cuts)", status, cuts);
            goto out;
        }
        for (size_t i = 0; i < s->n; i++)
            departs[i] = open_item(s, &s->items[i]) && glp_mip_col_val(lp, ++k) > 0.5;
        double distance = distance_of(s, departs);
        if (distance >= 0) {
            *better = distance < s->distance - s->rounding;
            for (size_t i = 0; i < s->n && *better; i++)
                s->items[i].taken = s->items[i].ahead != departs[i];
            if (*better)
                s->distance = distance;
            break;
        }
        cut_off(lp, s, departs, index, value);
    }
    ret = 0;
out:
    if (lp)
        glp_delete_prob(lp);
    glp_free_env(); /* GLPK has one for each thread */
    free(departs);
    free(index);
    free(value);
    return ret;
}

/* Among items alike the earlier are taken. */
static void settle_ties(struct ranked *items, size_t n) {
    qsort(items, n, sizeof *items, by_likeness);
    for (size_t i = 0, end; i < n; i = end) {
        size_t taken = 0;
        for (end = i; end < n && items[end].loss == items[i].loss && items[end].saving == items[i].saving;
             end++)
            taken += items[end].taken;
        for (size_t k = i; k < end; k++)
            items[k].taken = k - i < taken;
    }
}

/* Every choice saves a multiple of this. */
static int64_t common_divisor(const struct ranked *items, size_t n) {
    int64_t a = 0;
    for (size_t i = 0; i < n; i++)
        for (int64_t b = items[i].saving, rest; b; b = rest) {
            rest = a % b;
            a = b;
        }
    return a;
}

static int64_t round_up(int64_t v, int64_t multiple) {
    return (v + multiple - 1) / multiple * multiple;
}

int knapsack_solve(const struct knapsack_item *items, size_t n, int64_t need, bool *take, struct err *err) {
    struct search s = {.items = calloc(n ? n : 1, sizeof *s.items)};
    int ret = -1;
    if (!s.items)
        return err_nomem(err);
    int64_t left = 0;
    for (size_t i = 0; i < n; i++) {
        const struct knapsack_item *it = &items[i];
        take[i] = it->saving > 0 && it->loss == 0;
        if (take[i])
            need -= it->saving;
        if (take[i] || it->saving == 0)
            continue;
        left += it->saving;
        s.items[s.n++] = (struct ranked){
            .loss = it->loss, .ratio = it->loss / (double)it->saving, .saving = it->saving, .index = i};
    }
    if (left < need) {
        err_set(err, ERR_FAILED, "cannot save enough: %lld bits too few", (long long)(need - left));
        goto out;
    }
    if (need > 0) {
        need = round_up(need, common_divisor(s.items, s.n));
        qsort(s.items, s.n, sizeof *s.items, by_ratio);
        relax(&s, need);
        guess(&s);
        bool better;
        do {
            if (improve(&s, &better, err))
                goto out;
        } while (better);
        settle_ties(s.items, s.n);
        for (size_t i = 0; i < s.n; i++)
            take[s.items[i].index] = s.items[i].taken;
    }
    ret = 0;
out:
    free(s.items);
    return ret;
}
