#include "modelopt/pickle_writer.h"

#include <stdlib.h>
#include <string.h>

/* A memoized string or global: its opcode and operand, as written at bytes[at]. */
struct atom {
    size_t at, size;
    uint32_t memo;
};

struct pickler {
    unsigned char *bytes;
    size_t n, cap;
    uint32_t n_memo;
    struct atom *atoms; /* open addressing, size 0 is free; cap_atoms is a power of two */
    size_t n_atoms, cap_atoms;
    bool no_memory;
};

enum { FIRST_ATOMS = 256 };

static void put_bytes(struct pickler *p, const void *bytes, size_t n) {
    if (!p || p->no_memory)
        return;
    if (p->cap - p->n < n) {
        size_t cap = 2 * (p->n + n) + 4096;
        unsigned char *bigger = realloc(p->bytes, cap);
        if (!bigger) {
            p->no_memory = true;
            return;
        }
        p->bytes = bigger;
        p->cap = cap;
    }
    if (n)
        memcpy(p->bytes + p->n, bytes, n);
    p->n += n;
}

static void put_byte(struct pickler *p, int byte) {
    unsigned char b = (unsigned char)byte;
    put_bytes(p, &b, 1);
}

static void put_le32(struct pickler *p, uint32_t v) {
    unsigned char b[4] = {(unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16),
                          (unsigned char)(v >> 24)};
    put_bytes(p, b, sizeof b);
}

struct pickler *pickler_new(void) {
    struct pickler *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->cap_atoms = FIRST_ATOMS;
    p->atoms = calloc(p->cap_atoms, sizeof *p->atoms);
    p->no_memory = !p->atoms;
    put_bytes(p, "\x80\x02", 2);
    return p;
}

void pickler_free(struct pickler **p) {
    if (!*p)
        return;
    free((*p)->bytes);
    free((*p)->atoms);
    free(*p);
    *p = NULL;
}

void pickler_op(struct pickler *p, enum opcode op) {
    put_byte(p, op);
}

void pickler_open_dict(struct pickler *p) {
    pickler_op(p, OP_EMPTY_DICT);
    pickler_op(p, OP_MARK);
}

void pickler_close_dict(struct pickler *p) {
    pickler_op(p, OP_SETITEMS);
}

void pickler_open_list(struct pickler *p) {
    pickler_op(p, OP_EMPTY_LIST);
    pickler_op(p, OP_MARK);
}

void pickler_close_list(struct pickler *p) {
    pickler_op(p, OP_APPENDS);
}

void pickler_bool(struct pickler *p, bool v) {
    pickler_op(p, v ? OP_NEWTRUE : OP_NEWFALSE);
}

void pickler_int(struct pickler *p, int32_t v) {
    if (v >= 0 && v <= 0xff) {
        pickler_op(p, OP_BININT1);
        put_byte(p, v);
    } else if (v >= 0 && v <= 0xffff) {
        pickler_op(p, OP_BININT2);
        put_byte(p, v & 0xff);
        put_byte(p, v >> 8);
    } else {
        pickler_op(p, OP_BININT);
        put_le32(p, (uint32_t)v);
    }
}

void pickler_real(struct pickler *p, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    pickler_op(p, OP_BINFLOAT);
    for (int shift = 56; shift >= 0; shift -= 8)
        put_byte(p, (int)(bits >> shift & 0xff));
}

static void put_memo(struct pickler *p, enum opcode small, enum opcode large, uint32_t memo) {
    if (memo <= 0xff) {
        pickler_op(p, small);
        put_byte(p, (int)memo);
    } else {
        pickler_op(p, large);
        put_le32(p, memo);
    }
}

uint32_t pickler_put(struct pickler *p) {
    if (!p)
        return 0;
    put_memo(p, OP_BINPUT, OP_LONG_BINPUT, p->n_memo);
    return p->n_memo++;
}

void pickler_get(struct pickler *p, uint32_t memo) {
    put_memo(p, OP_BINGET, OP_LONG_BINGET, memo);
}

/* FNV-1a. */
static size_t hash(const unsigned char *bytes, size_t n) {
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ bytes[i]) * 1099511628211u;
    return (size_t)h;
}

static struct atom *find(const struct pickler *p, const unsigned char *bytes, size_t n) {
    size_t i = hash(bytes, n) & (p->cap_atoms - 1);
    while (p->atoms[i].size && (p->atoms[i].size != n || memcmp(p->bytes + p->atoms[i].at, bytes, n) != 0))
        i = (i + 1) & (p->cap_atoms - 1);
    return &p->atoms[i];
}

static bool grow_atoms(struct pickler *p) {
    struct atom *old = p->atoms;
    size_t n = p->cap_atoms;
    struct atom *bigger = calloc(2 * n, sizeof *bigger);
    if (!bigger)
        return false;
    p->atoms = bigger;
    p->cap_atoms = 2 * n;
    for (size_t i = 0; i < n; i++)
        if (old[i].size)
            *find(p, p->bytes + old[i].at, old[i].size) = old[i];
    free(old);
    return true;
}

/* The bytes from at on are a string or a global that was just written: keeps and memoizes them, or, if they
 * were written before, replaces them with a reference. */
static void memoize(struct pickler *p, size_t at) {
    if (!p || p->no_memory)
        return;
    if (2 * p->n_atoms >= p->cap_atoms && !grow_atoms(p)) {
        p->no_memory = true;
        return;
    }
    size_t size = p->n - at;
    struct atom *atom = find(p, p->bytes + at, size);
    if (atom->size) {
        p->n = at;
        pickler_get(p, atom->memo);
        return;
    }
    *atom = (struct atom){at, size, pickler_put(p)};
    p->n_atoms++;
}

void pickler_string(struct pickler *p, const char *s) {
    size_t at = p ? p->n : 0, n = strlen(s);
    if (p && n > UINT32_MAX)
        p->no_memory = true;
    pickler_op(p, OP_BINUNICODE);
    put_le32(p, (uint32_t)n);
    put_bytes(p, s, n);
    memoize(p, at);
}

void pickler_global(struct pickler *p, const char *module, const char *name) {
    size_t at = p ? p->n : 0;
    pickler_op(p, OP_GLOBAL);
    put_bytes(p, module, strlen(module));
    put_byte(p, '\n');
    put_bytes(p, name, strlen(name));
    put_byte(p, '\n');
    memoize(p, at);
}

int pickler_finish(struct pickler **p, unsigned char **bytes, size_t *n, struct err *err) {
    pickler_op(*p, OP_STOP);
    if (!*p || (*p)->no_memory) {
        pickler_free(p);
        return err_nomem(err);
    }
    *bytes = (*p)->bytes;
    *n = (*p)->n;
    (*p)->bytes = NULL;
    pickler_free(p);
    return 0;
}
