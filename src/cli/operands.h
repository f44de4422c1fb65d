/* Operands of a command line, and the form they have in tools that serve many files in one process: IN=OUT
 * each, or a single IN, whose result goes where --output says. */
#ifndef YS_CLI_OPERANDS_H
#define YS_CLI_OPERANDS_H

#include "base/err.h"

/* What follows the options; points into argv. */
struct operands {
    char **word;
    int n;
};

/* Judges operands before any file is opened; form: "SCORES=RECIPE", as messages name it. Errors: ERR_USAGE. */
int operands_check(char *const *operands, int n, const char *form, struct err *err);

/* One operand as two paths: up to its first '=', the caller's, and the rest, which points into operand;
 * output where there is no '='. Errors: memory. */
int operand_split(const char *operand, const char *output, char **in, const char **out, struct err *err);

/* Calls one(ctx, i, err) for every operand i below n, several at a time. Of a single one its error is the
 * error. With several, one that fails does not keep the others from their results: complain hears why, in
 * their order, and err tells how many failed. Only a disk that takes no more (err->disk) ends the work: what
 * has not begun is left. */
typedef int operand_fn(void *ctx, int i, struct err *err);
int operands_each(int n, operand_fn *one, void *ctx, err_say_fn *complain, struct err *err);

#endif
