#define _GNU_SOURCE
#include "base/operands.h"

#include <string.h>

int operands_check(char *const *operands, int n, const char *form, struct err *err) {
    int from_stdin = 0;
    for (int i = 0; i < n; i++) {
        const char *o = operands[i], *equals = strchr(o, '=');
        if (n > 1 && (!equals || equals == o || !equals[1]))
            return err_set(err, ERR_USAGE, "%s: several are given as %s each", o, form);
        from_stdin += strcmp(o, "-") == 0 || strncmp(o, "-=", 2) == 0;
    }
    if (from_stdin > 1)
        return err_set(err, ERR_USAGE, "only one of several can come from standard input");
    return 0;
}

int operand_split(const char *operand, const char *output, char **in, const char **out, struct err *err) {
    const char *equals = strchrnul(operand, '=');
    if (!(*in = strndup(operand, (size_t)(equals - operand))))
        return err_nomem(err);
    *out = *equals ? equals + 1 : output;
    return 0;
}

int operands_each(int n, operand_fn *one, void *ctx, void (*complain)(const char *message), struct err *err) {
    int failed = 0;
    if (n == 1)
        return one(ctx, 0, err);
    for (int i = 0; i < n; i++) {
        struct err why = {0};
        if (one(ctx, i, &why)) {
            if (why.disk) {
                *err = why;
                return -1;
            }
            complain(why.msg);
            failed++;
        }
    }
    return failed ? err_set(err, ERR_FAILED, "%d of %d cells failed", failed, n) : 0;
}
