/* Writes pickles of protocol 2, opcode by opcode, as CPython's pickler lays them out: strings and globals are
 * memoized by themselves, other objects where the caller asks.
 *
 *     struct pickle *p = pickle_new();
 *     pickle_open_dict(p);
 *     pickle_string(p, "answer");
 *     pickle_int(p, 42);
 *     pickle_close_dict(p);
 *     if (pickle_finish(&p, &bytes, &n, &err)) ...       // {"answer": 42}
 *
 * A writer is owned by the caller until pickle_finish or pickle_free. It remembers running out of memory, so
 * that only pickle_finish needs to be checked; every function takes a NULL writer as one that did. */
#ifndef YS_REPORT_PICKLE_WRITER_H
#define YS_REPORT_PICKLE_WRITER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pickle_op {
    PICKLE_MARK = '(',
    PICKLE_EMPTY_TUPLE = ')',
    PICKLE_EMPTY_LIST = ']',
    PICKLE_EMPTY_DICT = '}',
    PICKLE_NONE = 'N',
    PICKLE_APPENDS = 'e',
    PICKLE_SETITEMS = 'u',
    PICKLE_REDUCE = 'R',
    PICKLE_BUILD = 'b',
    PICKLE_NEWOBJ = 0x81,
    PICKLE_TUPLE1 = 0x85,
    PICKLE_TUPLE2 = 0x86,
};

struct pickle;

/* A pickle that has its PROTO opcode; NULL when out of memory. */
struct pickle *pickle_new(void);

void pickle_op(struct pickle *p, enum pickle_op op);
/* Between open and close: keys and values, alternating; items. The container is then on the stack. */
void pickle_open_dict(struct pickle *p);
void pickle_close_dict(struct pickle *p);
void pickle_open_list(struct pickle *p);
void pickle_close_list(struct pickle *p);

void pickle_bool(struct pickle *p, bool v);
void pickle_int(struct pickle *p, int32_t v);
void pickle_real(struct pickle *p, double v);

/* s is UTF-8. The second time the same text comes, a reference to the first is written. */
void pickle_string(struct pickle *p, const char *s);

/* The class or function name of module; likewise. Neither may contain a newline. */
void pickle_global(struct pickle *p, const char *module, const char *name);

/* Memoizes the object on top of the stack; pickle_get pushes it again: the same object, not an equal one. */
uint32_t pickle_put(struct pickle *p);
void pickle_get(struct pickle *p, uint32_t memo);

/* Adds STOP, hands the bytes to the caller (who frees them), frees *p and sets it to NULL. Errors: no memory.
 */
int pickle_finish(struct pickle **p, unsigned char **bytes, size_t *n, struct err *err);

void pickle_free(struct pickle **p);

#endif
