/* Builds checkpoints for the reader's tests: pickles opcode by opcode, and zip files as wrong as a test wants
 * them.
 *
 *     struct buf p = {0};
 *     pk_begin(&p, 2);
 *     pk_module(&p, "torch.nn.modules.container", "Sequential");
 *     pk_str(&p, "0"), pk_...(&p);                             // children: name and value, any number
 *     pk_module_end(&p);
 *     op(&p, OP_STOP);
 *     struct entry e[] = {ENTRY("m/data.pkl", p), TEXT_ENTRY("m/byteorder", "little"), ...};
 *     struct buf z = zip_build(e, 2);
 *
 * Buffers are the caller's: buf_free. Out of memory ends the test program. */
#ifndef YS_TESTS_PT_BUILDER_H
#define YS_TESTS_PT_BUILDER_H

#include "pt/opcode.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct buf {
    unsigned char *p;
    size_t n, cap;
};

static inline void put(struct buf *b, const void *bytes, size_t n) {
    while (b->n + n > b->cap) {
        b->cap = b->cap ? 2 * b->cap : 256;
        if (!(b->p = realloc(b->p, b->cap)))
            abort();
    }
    if (n)
        memcpy(b->p + b->n, bytes, n);
    b->n += n;
}

/* A little-endian number of `width` bytes, at most 16. */
static inline void put_number(struct buf *b, uint64_t v, int width) {
    unsigned char bytes[16];
    for (int i = 0; i < width; i++, v >>= 8)
        bytes[i] = v & 0xff;
    put(b, bytes, (size_t)width);
}

static inline void buf_free(struct buf *b) {
    free(b->p);
    *b = (struct buf){0};
}

/* -- Pickles. -- */

static inline void op(struct buf *b, int opcode) {
    put_number(b, (uint64_t)opcode, 1);
}

static inline void pk_begin(struct buf *b, int protocol) {
    op(b, OP_PROTO);
    put_number(b, (uint64_t)protocol, 1);
}

static inline void pk_str(struct buf *b, const char *s) {
    op(b, OP_BINUNICODE);
    put_number(b, strlen(s), 4);
    put(b, s, strlen(s));
}

static inline void pk_int(struct buf *b, int64_t v) {
    op(b, OP_LONG1);
    put_number(b, 8, 1);
    put_number(b, (uint64_t)v, 8);
}

static inline void pk_global(struct buf *b, const char *module, const char *name) {
    op(b, OP_GLOBAL);
    put(b, module, strlen(module));
    put(b, "\n", 1);
    put(b, name, strlen(name));
    put(b, "\n", 1);
}

static inline void pk_ints(struct buf *b, int n, const int64_t *v) {
    op(b, OP_MARK);
    for (int i = 0; i < n; i++)
        pk_int(b, v[i]);
    op(b, OP_TUPLE);
}

static inline void pk_put(struct buf *b, unsigned i) {
    op(b, OP_LONG_BINPUT);
    put_number(b, i, 4);
}

static inline void pk_get(struct buf *b, unsigned i) {
    op(b, OP_LONG_BINGET);
    put_number(b, i, 4);
}

/* A storage of `numel` elements in data/KEY; class: "HalfStorage". */
static inline void pk_storage(struct buf *b, const char *class, const char *key, int64_t numel) {
    op(b, OP_MARK);
    pk_str(b, "storage");
    pk_global(b, "torch", class);
    pk_str(b, key);
    pk_str(b, "cpu");
    pk_int(b, numel);
    op(b, OP_TUPLE);
    op(b, OP_BINPERSID);
}

/* _rebuild_tensor_v2 of the storage; stride NULL: that of a contiguous tensor. */
static inline void pk_tensor(struct buf *b, const char *class, const char *key, int64_t numel, int64_t offset,
                             int dims, const int64_t *size, const int64_t *stride) {
    int64_t contiguous[16], step = 1;
    for (int i = dims - 1; i >= 0 && !stride; i--) {
        contiguous[i] = step;
        step *= size[i];
    }
    pk_global(b, "torch._utils", "_rebuild_tensor_v2");
    op(b, OP_MARK);
    pk_storage(b, class, key, numel);
    pk_int(b, offset);
    pk_ints(b, dims, size);
    pk_ints(b, dims, stride ? stride : contiguous);
    op(b, OP_NEWFALSE);
    pk_global(b, "collections", "OrderedDict");
    op(b, OP_EMPTY_TUPLE);
    op(b, OP_REDUCE);
    op(b, OP_TUPLE);
    op(b, OP_REDUCE);
}

/* An instance whose attributes follow as pk_str and value, until pk_object_end. */
static inline void pk_object(struct buf *b, const char *module, const char *class) {
    pk_global(b, module, class);
    op(b, OP_EMPTY_TUPLE);
    op(b, OP_NEWOBJ);
    op(b, OP_EMPTY_DICT);
    op(b, OP_MARK);
}

static inline void pk_object_end(struct buf *b) {
    op(b, OP_SETITEMS);
    op(b, OP_BUILD);
}

/* A key, and an open dict as its value, until pk_dict_end. */
static inline void pk_dict(struct buf *b, const char *key) {
    pk_str(b, key);
    op(b, OP_EMPTY_DICT);
    op(b, OP_MARK);
}

static inline void pk_dict_end(struct buf *b) {
    op(b, OP_SETITEMS);
}

/* A module's three dicts up to the open _modules, to be closed by pk_module_end. */
static inline void pk_module(struct buf *b, const char *module, const char *class) {
    pk_object(b, module, class);
    pk_dict(b, "_parameters");
    pk_dict_end(b);
    pk_dict(b, "_buffers");
    pk_dict_end(b);
    pk_dict(b, "_modules");
}

static inline void pk_module_end(struct buf *b) {
    pk_dict_end(b);
    pk_object_end(b);
}

/* -- Zip files. -- */

struct entry {
    const char *name;
    const void *bytes; /* as they stand in the file */
    size_t n;
    const struct buf *unpacked; /* what the bytes are a deflate stream of; NULL: stored */
    bool fixed_size, wrong_crc, no_crc;
    uint64_t size;          /* unpacked, if fixed_size */
    const char *local_name; /* NULL: name */
    int same_offset_as;     /* 1 + the entry whose local header this one claims; 0: its own */
    int inside; /* 1 + the entry at whose contents this one's header is said to be; 0: it has its own */
};

/* Of the zip format, byte by byte from a table. */
static inline uint32_t crc32_of(const void *bytes, size_t n) {
    static uint32_t table[256];
    uint32_t crc = 0xffffffff;
    for (uint32_t i = 0; i < 256 && !table[255]; i++) {
        uint32_t row = i;
        for (int k = 0; k < 8; k++)
            row = row >> 1 ^ (row & 1 ? 0xedb88320 : 0);
        table[i] = row;
    }
    for (const unsigned char *p = bytes; n--; p++)
        crc = crc >> 8 ^ table[(crc ^ *p) & 0xff];
    return ~crc;
}

/* A deflate stream of blocks that are stored (RFC 1951, 3.2.4). */
static inline struct buf deflate(const struct buf *b) {
    struct buf d = {0};
    for (size_t at = 0, n; at < b->n || !at; at += n) {
        n = b->n - at < 65535 ? b->n - at : 65535;
        put_number(&d, at + n == b->n, 1);
        put_number(&d, n, 2);
        put_number(&d, ~n & 0xffff, 2);
        put(&d, b->p + at, n);
        if (!n)
            break;
    }
    return d;
}

/* The fields that local and central headers share. */
static inline void zip_fields(struct buf *z, const struct entry *e, const char *name) {
    const void *plain = e->unpacked ? e->unpacked->p : e->bytes;
    size_t n = e->unpacked ? e->unpacked->n : e->n;
    uint32_t crc = crc32_of(plain, n);
    put_number(z, 20, 2); /* version */
    put_number(z, 0, 2);
    put_number(z, e->unpacked ? 8 : 0, 2);
    put_number(z, 0, 2);
    put_number(z, 0x21, 2); /* 1980-01-01 */
    put_number(z, e->no_crc ? 0 : e->wrong_crc ? ~crc : crc, 4);
    put_number(z, e->n, 4);
    put_number(z, e->fixed_size ? e->size : n, 4);
    put_number(z, strlen(name), 2);
    put_number(z, 0, 2);
}

/* A file of these entries. */
static inline struct buf zip_build(const struct entry *e, int n) {
    struct buf z = {0};
    size_t *at = calloc((size_t)n + 1, sizeof *at);
    for (int i = 0; i < n; i++) {
        const char *name = e[i].local_name ? e[i].local_name : e[i].name;
        at[i] = e[i].inside ? at[e[i].inside - 1] + 30 + strlen(e[e[i].inside - 1].name) : z.n;
        if (e[i].inside)
            continue;
        put(&z, "PK\3\4", 4);
        zip_fields(&z, &e[i], name);
        put(&z, name, strlen(name));
        put(&z, e[i].bytes, e[i].n);
    }
    size_t directory = z.n;
    for (int i = 0; i < n; i++) {
        put(&z, "PK\1\2", 4);
        put_number(&z, 20, 2);
        zip_fields(&z, &e[i], e[i].name);
        put_number(&z, 0, 2 + 2 + 2 + 4);
        put_number(&z, e[i].same_offset_as ? at[e[i].same_offset_as - 1] : at[i], 4);
        put(&z, e[i].name, strlen(e[i].name));
    }
    size_t size = z.n - directory;
    put(&z, "PK\5\6", 4);
    put_number(&z, 0, 4);
    put_number(&z, (uint64_t)n, 2);
    put_number(&z, (uint64_t)n, 2);
    put_number(&z, size, 4);
    put_number(&z, directory, 4);
    put_number(&z, 0, 2);
    free(at);
    return z;
}

#define ENTRY(entry_name, buffer)                                                                            \
    { .name = entry_name, .bytes = (buffer).p, .n = (buffer).n }
#define TEXT_ENTRY(entry_name, text)                                                                         \
    { .name = entry_name, .bytes = text, .n = strlen(text) }

#endif
