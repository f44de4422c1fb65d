/* Writes pickles of protocol 2, opcode by opcode, as CPython's pickler lays them out: strings and globals are
 * memoized by themselves, other objects where the caller asks.
 *
 *     struct pickler *p = pickler_new();
 *     pickler_open_dict(p);
 *     pickler_string(p, "answer");
 *     pickler_int(p, 42);
 *     pickler_close_dict(p);
 *     if (pickler_finish(&p, &bytes, &n, &err)) ...       // {"answer": 42}
 *
 * A writer is owned by the caller until pickler_finish or pickler_free. It remembers running out of memory,
 * so that only pickler_finish needs to be checked; every function takes a NULL writer as one that did. */
#ifndef YS_MODELOPT_PICKLE_WRITER_H
#define YS_MODELOPT_PICKLE_WRITER_H

#include "base/err.h"
#include "pt/opcode.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pickler;

/* A pickle that has its PROTO opcode; NULL when out of memory. */
struct pickler *pickler_new(void);

void pickler_op(struct pickler *p, enum opcode op);
/* Between open and close: keys and values, alternating; items. The container is then on the stack. */
void pickler_open_dict(struct pickler *p);
void pickler_close_dict(struct pickler *p);
void pickler_open_list(struct pickler *p);
void pickler_close_list(struct pickler *p);

void pickler_bool(struct pickler *p, bool v);
void pickler_int(struct pickler *p, int32_t v);
void pickler_real(struct pickler *p, double v);

/* s is UTF-8. The second time the same text comes, a reference to the first is written. */
void pickler_string(struct pickler *p, const char *s);

/* The class or function name of module; likewise. Neither may contain a newline. */
void pickler_global(struct pickler *p, const char *module, const char *name);

/* Memoizes the object on top of the stack; pickler_get pushes it again: the same object, not an equal one. */
uint32_t pickler_put(struct pickler *p);
void pickler_get(struct pickler *p, uint32_t memo);

/* Adds STOP, hands the bytes to the caller (who frees them), frees *p and sets it to NULL. Errors: no memory. */
int pickler_finish(struct pickler **p, unsigned char **bytes, size_t *n, struct err *err);

void pickler_free(struct pickler **p);

#endif
