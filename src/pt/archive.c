#define _GNU_SOURCE
#include "pt/archive.h"

#include "base/filetype.h"
#include "pt/tensor.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

/* Bytes that an entry takes in a zip file beside its name and contents: a local and a central header. */
enum { LOCAL_HEADER = 30, CENTRAL_HEADER = 46, END_RECORD = 22 };

struct archive {
    zip_t *zip;
    struct archive_entry *entries; /* sorted by name */
    size_t n_entries;
    uint64_t unpack_left, read_left;
};

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct archive_entry *)a)->name, ((const struct archive_entry *)b)->name);
}

/* Says what a file is that is no zip file. */
static int not_zip(const void *bytes, size_t n, struct err *err) {
    const struct filetype *type = filetype_of(bytes, n);
    if (!n)
        return err_set(err, ERR_FAILED, "it is empty; copy or download it again");
    if (type)
        return err_set(err, ERR_FAILED, "it is %s; %s", type->what,
                       type->remedy ? type->remedy : "name the checkpoint that training saved");
    return err_set(err, ERR_FAILED, "not a checkpoint: it is not a zip file, as torch.save writes");
}

/* Whether there are more directory headers than entries that are taken. To be known before libzip opens the
 * file: it keeps names in a table by a hash for which anybody can find names alike, and then looks each up
 * among all. */
static bool has_too_many(const char *bytes, size_t n) {
    static const char header[] = "PK\1\2";
    size_t count = 0;
    for (const char *p = bytes; (p = memmem(p, n - (size_t)(p - bytes), header, sizeof header - 1)); p++)
        count++;
    return count > ARCHIVE_ENTRIES;
}

static int open_zip(struct archive *a, const void *bytes, size_t n, struct err *err) {
    if (has_too_many(bytes, n))
        return err_set(err, ERR_FAILED, "it has more than %d entries, far more than a model has tensors",
                       ARCHIVE_ENTRIES);
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(bytes, n, 0, &why);
    if (source && !(a->zip = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &why)))
        zip_source_free(source);
    if (!a->zip)
        err_set(err, ERR_FAILED, "broken or cut zip file: %s", zip_error_strerror(&why));
    zip_error_fini(&why);
    return a->zip ? 0 : -1;
}

/* A relative name without ".." or backslashes. */
static bool is_plain(const char *name) {
    if (name[0] == '/' || strchr(name, '\\'))
        return false;
    for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        if (strcmp(part, "..") == 0 || strncmp(part, "../", 3) == 0)
            return false;
    return true;
}

/* Checks one entry and adds what it takes in the file to *taken. */
static int check_entry(struct archive *a, zip_uint64_t i, size_t stem, zip_stat_t *st, uint64_t *taken,
                       struct err *err) {
    const zip_uint64_t need = ZIP_STAT_CRC | ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                              ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    const char *first = zip_get_name(a->zip, 0, ZIP_FL_ENC_RAW);
    zip_stat_init(st);
    if (zip_stat_index(a->zip, i, 0, st) || (st->valid & need) != need)
        return err_set(err, ERR_FAILED, "broken zip file: %s", zip_strerror(a->zip));
    if (!is_plain(st->name))
        return err_set(err, ERR_FAILED, "entry %.200s: a path that leads out of the archive", st->name);
    if (strncmp(st->name, first, stem + 1) != 0)
        return err_set(err, ERR_FAILED, "entry %.200s is outside of the archive's folder %.*s", st->name,
                       (int)(stem < 200 ? stem : 200), first);
    if (zip_name_locate(a->zip, st->name, 0) != (zip_int64_t)i)
        return err_set(err, ERR_FAILED, "entry %.200s is there twice", st->name);
    if (st->encryption_method != ZIP_EM_NONE)
        return err_set(err, ERR_FAILED, "entry %.200s is encrypted", st->name);
    if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE)
        return err_set(err, ERR_FAILED, "entry %.200s is compressed by method %u; only deflate is read",
                       st->name, (unsigned)st->comp_method);
    if (st->comp_method == ZIP_CM_STORE && st->size != st->comp_size)
        return err_set(err, ERR_FAILED, "entry %.200s is stored, yet its two sizes differ", st->name);
    uint64_t headers = LOCAL_HEADER + CENTRAL_HEADER + 2 * strlen(st->name);
    if (__builtin_add_overflow(*taken, headers, taken) ||
        __builtin_add_overflow(*taken, st->comp_size, taken))
        return err_set(err, ERR_FAILED, "entry %.200s has an absurd size", st->name);
    return 0;
}

/* Lists the entries. The folder is the first entry's, as torch's reader has it. */
static int list(struct archive *a, size_t n, struct err *err) {
    zip_int64_t count = zip_get_num_entries(a->zip, 0);
    const char *first = count > 0 ? zip_get_name(a->zip, 0, ZIP_FL_ENC_RAW) : NULL;
    const char *slash = first ? strchr(first, '/') : NULL;
    uint64_t taken = END_RECORD, unpacked = 0;
    if (!slash)
        return err_set(err, ERR_FAILED, "not a checkpoint: a zip file without torch.save's folder");
    size_t stem = (size_t)(slash - first);
    if (!(a->entries = calloc((size_t)count, sizeof *a->entries)))
        return err_nomem(err);
    for (zip_uint64_t i = 0; i < (zip_uint64_t)count; i++) {
        zip_stat_t st;
        if (check_entry(a, i, stem, &st, &taken, err))
            return -1;
        if (__builtin_add_overflow(unpacked, st.size, &unpacked) || unpacked > a->unpack_left)
            return err_set(
                err, ERR_FAILED,
                "it unpacks to more than %d times its size; save it uncompressed, as torch.save does",
                ARCHIVE_FACTOR);
        a->entries[a->n_entries++] =
            (struct archive_entry){.name = st.name + stem + 1,
                                   .size = st.size,
                                   .index = i,
                                   .unchecked = st.crc == 0 && st.comp_method == ZIP_CM_STORE};
    }
    if (taken > n)
        return err_set(err, ERR_FAILED, "its entries overlap");
    qsort(a->entries, a->n_entries, sizeof *a->entries, by_name);
    return 0;
}

static int check_contents(struct archive *a, struct err *err) {
    struct archive_entry *order = archive_find(a, "byteorder");
    const void *text;
    if (archive_find(a, "constants.pkl"))
        return err_set(err, ERR_FAILED,
                       "a TorchScript archive, which has no module tree; the checkpoint that torch.save "
                       "wrote in training is needed");
    if (!archive_find(a, "data.pkl"))
        return err_set(err, ERR_FAILED, "not a checkpoint: a zip file without data.pkl");
    if (!order)
        return 0;
    if (archive_load(a, order, &text, err))
        return -1;
    if (order->size != 6 || memcmp(text, "little", 6) != 0)
        return err_set(
            err, ERR_FAILED,
            "its numbers are not little-endian; load it and save it again on a little-endian machine");
    return 0;
}

int archive_open(const void *bytes, size_t n, struct archive **out, struct err *err) {
    if (n < 2 || memcmp(bytes, "PK", 2) != 0)
        return not_zip(bytes, n, err);
    struct archive *a = calloc(1, sizeof *a);
    if (!a)
        return err_nomem(err);
    a->unpack_left = (uint64_t)n * ARCHIVE_FACTOR + ARCHIVE_SLACK;
    a->read_left = (uint64_t)n * PT_READ_FACTOR;
    if (open_zip(a, bytes, n, err) || list(a, n, err) || check_contents(a, err)) {
        archive_free(&a);
        return -1;
    }
    *out = a;
    return 0;
}

void archive_free(struct archive **a) {
    if (!*a)
        return;
    for (size_t i = 0; i < (*a)->n_entries; i++)
        free((*a)->entries[i].bytes);
    free((*a)->entries);
    if ((*a)->zip)
        zip_discard((*a)->zip);
    free(*a);
    *a = NULL;
}

struct archive_entry *archive_find(struct archive *a, const char *name) {
    struct archive_entry key = {.name = name};
    return bsearch(&key, a->entries, a->n_entries, sizeof *a->entries, by_name);
}

int archive_load(struct archive *a, struct archive_entry *e, const void **bytes, struct err *err) {
    char *buffer = NULL, beyond;
    zip_file_t *file = NULL;
    zip_int64_t got, more = 1;
    int ret = -1;
    if (e->bytes) {
        *bytes = e->bytes;
        return 0;
    }
    if (!(buffer = malloc(e->size + 1))) {
        err_nomem(err);
        goto out;
    }
    if (!(file = zip_fopen_index(a->zip, e->index, 0))) {
        err_set(err, ERR_FAILED, "entry %.200s: %s", e->name, zip_strerror(a->zip));
        goto out;
    }
    /* libzip compares the CRC when it meets the end of the entry, one byte after its last. */
    got = zip_fread(file, buffer, e->size);
    if (got == (zip_int64_t)e->size)
        more = e->unchecked ? 0 : zip_fread(file, &beyond, 1);
    if (more != 0) {
        const char *why =
            got < 0 || more < 0 ? zip_error_strerror(zip_file_get_error(file)) : "its length is wrong";
        err_set(err, ERR_FAILED, "entry %.200s is damaged: %s", e->name, why);
        goto out;
    }
    *bytes = e->bytes = buffer;
    buffer = NULL;
    ret = 0;
out:
    if (file)
        zip_fclose(file);
    free(buffer);
    return ret;
}

int archive_charge(struct archive *a, uint64_t n, struct err *err) {
    if (n > a->read_left)
        return err_set(err, ERR_FAILED, "its tensors hold far more elements than the file has bytes");
    a->read_left -= n;
    return 0;
}
