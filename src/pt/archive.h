/* The zip file that torch.save writes: one folder with data.pkl, byteorder and the storages data/0, data/1 and so on.
 *
 *     struct archive *a = NULL;
 *     const void *pickle;
 *     if (archive_open(bytes, n, &a, &err) || archive_load(a, archive_find(a, "data.pkl"), &pickle, &err))
 *         ...
 *     archive_free(&a);
 *
 * Through libzip, which checks each entry's CRC; an entry that is stored with the CRC 0 was written after
 * torch.serialization.set_crc32_options(False), and has none to check. Refused: duplicate names, absolute ones and ones
 * with "..", entries outside of the folder, overlapping entries, encryption, methods other than stored and deflate,
 * more than ARCHIVE_ENTRIES entries, ones that together unpack to more than ARCHIVE_FACTOR times the file,
 * big-endian storages, TorchScript. The archive borrows the file's bytes and owns its entries and their
 * contents. */
#ifndef YS_PT_ARCHIVE_H
#define YS_PT_ARCHIVE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ARCHIVE_ENTRIES = 1 << 13, /* a checkpoint with its optimizer has some 4000 */
    ARCHIVE_FACTOR = 32,
    ARCHIVE_SLACK = 1 << 20, /* bytes that any file may unpack to */
};

struct archive;

struct archive_entry {
    const char *name; /* without the folder */
    uint64_t size;    /* unpacked, bytes */
    uint64_t index;   /* libzip's */
    bool unchecked;   /* it has no CRC */
    void *bytes;      /* NULL until loaded */
};

/* bytes must stay until archive_free. Errors: ERR_FAILED, what is wrong with the file and, for torch's old
 * format, how to save it again. */
int archive_open(const void *bytes, size_t n, struct archive **out, struct err *err);
void archive_free(struct archive **a);

/* The entry of that name below the folder, or NULL. */
struct archive_entry *archive_find(struct archive *a, const char *name);

/* Its contents, unpacked and checked at the first call, e->size bytes aligned for any type. Errors:
 * ERR_FAILED naming the entry. */
int archive_load(struct archive *a, struct archive_entry *e, const void **bytes, struct err *err);

/* Counts n elements against what may be read of this file (PT_READ_FACTOR in pt/tensor.h). Errors:
 * ERR_FAILED. */
int archive_charge(struct archive *a, uint64_t n, struct err *err);

#endif
