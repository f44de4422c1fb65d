/* The parts of a pickle machine: the bytes it reads, its stack with marks, its memo. Private to src/pt.
 *
 * Everything lies in the arena, so that stack and memo count against the same limit as the values. Errors are
 * ERR_FAILED throughout: the pickle is cut short or malformed, or the limit is reached. */
#ifndef YS_PT_MACHINE_H
#define YS_PT_MACHINE_H

#include "pt/node.h"

struct machine {
    const unsigned char *bytes;
    size_t n, at;
    struct arena *arena; /* of the values, and of the stack and the memo: all count against one limit */
    struct archive *archive;
    struct pt_value **stack, **memo;
    unsigned *marks; /* heights of the stack */
    unsigned depth, stack_cap, n_marks, marks_cap, memo_cap, n_memo;
    struct pt_dict *dicts;
};

/* The next n bytes. */
int machine_take(struct machine *m, size_t n, const unsigned char **p, struct err *err);
/* A little-endian unsigned number of `width` bytes. */
int machine_number(struct machine *m, size_t width, uint64_t *v, struct err *err);

int machine_push(struct machine *m, struct pt_value *v, struct err *err);
int machine_pop(struct machine *m, struct pt_value **v, struct err *err);
int machine_top(const struct machine *m, struct pt_value **v, struct err *err);

/* Marks the present height of the stack. */
int machine_mark(struct machine *m, struct err *err);
/* Forgets the topmost mark; *from is its height. */
int machine_unmark(struct machine *m, unsigned *from, struct err *err);
/* The height of the topmost mark, the lowest that opcodes may pop to. */
unsigned machine_floor(const struct machine *m);

/* Remembers the top of the stack as number i. */
int machine_put(struct machine *m, uint64_t i, struct err *err);
/* Pushes number i of the memo. */
int machine_get(struct machine *m, uint64_t i, struct err *err);

#endif
