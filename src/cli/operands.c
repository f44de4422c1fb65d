#define _GNU_SOURCE
#include "cli/operands.h"

#include "base/pool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int operands_check(char *const *operands, int n, const char *form, struct err *err) {
    for (int i = 0; i < n; i++) {
        const char *o = operands[i], *equals = strchr(o, '=');
        if (n > 1 && !equals)
            return err_set(err, ERR_USAGE, "%s: several are given as %s each", o, form);
        if (equals && (equals == o || !equals[1]))
            return err_set(err, ERR_USAGE, "%s: is not %s, a file on each side of the =", o, form);
    }
    return 0;
}

int operand_split(const char *operand, const char *output, char **in, const char **out, struct err *err) {
    const char *equals = strchrnul(operand, '=');
    if (!(*in = strndup(operand, (size_t)(equals - operand))))
        return err_nomem(err);
    *out = *equals ? equals + 1 : output;
    return 0;
}

struct each {
    operand_fn *one;
    void *ctx;
    struct err *why;
    atomic_bool disk;
};

static void do_one(void *ctx, size_t i, int worker) {
    struct each *e = ctx;
    (void)worker;
    if (!e->disk && e->one(e->ctx, (int)i, &e->why[i]) && e->why[i].disk)
        e->disk = true;
}

int operands_each(int n, operand_fn *one, void *ctx, err_say_fn *complain, struct err *err) {
    struct each e = {one, ctx, calloc((size_t)n, sizeof *e.why), false};
    int failed = 0, ret = -1;
    if (!e.why)
        return err_nomem(err);
    if (pool_each((size_t)n, do_one, &e, err))
        goto out;
    for (int i = 0; i < n; i++) {
        if (e.why[i].disk || (n == 1 && e.why[i].code)) {
            *err = e.why[i];
            goto out;
        }
    }
    for (int i = 0; i < n; i++) {
        if (e.why[i].code) {
            complain(e.why[i].msg);
            failed++;
        }
    }
    ret = failed ? err_set(err, ERR_FAILED, "%d of %d cells failed", failed, n) : 0;
out:
    free(e.why);
    return ret;
}
