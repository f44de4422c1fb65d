#define _GNU_SOURCE
#include "pt/checkpoint.h"

#include "base/digest.h"
#include "pt/archive.h"
#include "pt/pickle.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of values per byte of the file, and what any file may take. An attribute takes a pickle four bytes. */
enum { VALUES_FACTOR = 128, VALUES_SLACK = 1 << 20, ENTRIES_SLACK = 4096 };

struct checkpoint {
    char *bytes;
    size_t size;
    char digest[DIGEST_HEX];
    struct archive *archive;
    struct pickle *pickle;
    const struct pt_value *root;
    const char *entry;
};

static bool is_state_dict(const struct pt_value *v) {
    size_t tensors = 0;
    for (size_t i = 0; i < pt_dict_len(v); i++)
        tensors += pt_kind(pt_dict_value(v, i)) == PT_TENSOR;
    return tensors > 0;
}

static int no_model(const struct pt_value *v, struct err *err) {
    if (is_state_dict(v))
        return err_set(err, ERR_FAILED,
                       "it holds weights alone (a state_dict), and the layers are needed too: save the model "
                       "itself, torch.save({\"model\": model}, \"model.pt\")");
    return err_set(err, ERR_FAILED,
                   "it holds %s, and no torch.nn.Module under \"ema\" or \"model\"; the checkpoint that "
                   "training wrote is needed",
                   pt_describe(v));
}

static int find_root(struct checkpoint *c, struct err *err) {
    const struct pt_value *whole = pickle_root(c->pickle), *v = NULL;
    static const char *const entries[] = {"ema", "model"};
    c->entry = "";
    for (size_t i = 0; i < sizeof entries / sizeof *entries && pt_kind(v) == PT_NONE; i++) {
        v = pt_dict_get(whole, entries[i]);
        c->entry = entries[i];
    }
    if (pt_kind(whole) != PT_DICT) {
        v = whole;
        c->entry = "";
    }
    if (pt_kind(v) == PT_NONE)
        return no_model(whole, err);
    v = pt_module_unwrap(v);
    if (!pt_is_module(v))
        return no_model(v, err);
    c->root = v;
    /* The checkpoint owns the tree; the check keeps notes in it. */
    return pt_module_check((struct pt_value *)v, c->size / 4 + ENTRIES_SLACK, err);
}

/* c->bytes and c->size are there. */
static int read_all(struct checkpoint *c, struct err *err) {
    const void *pickle;
    struct archive_entry *e;
    digest_bytes(c->bytes, c->size, c->digest);
    if (archive_open(c->bytes, c->size, &c->archive, err))
        return -1;
    e = archive_find(c->archive, "data.pkl");
    if (archive_load(c->archive, e, &pickle, err) ||
        pickle_read(pickle, e->size, c->archive, c->size * VALUES_FACTOR + VALUES_SLACK, &c->pickle, err))
        return -1;
    return find_root(c, err);
}

/* The file's bytes, which are the caller's. */
static int slurp(const char *path, char **bytes, size_t *n, struct err *err) {
    struct stat st;
    char *buffer = NULL;
    size_t done = 0;
    int ret = -1, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st)) {
        err_errno(err, "%s", path);
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        err_set(err, ERR_FAILED, "%s: not a regular file", path);
        goto out;
    }
    if (!(buffer = malloc((size_t)st.st_size + 1))) {
        err_nomem(err);
        goto out;
    }
    while (done < (size_t)st.st_size) {
        ssize_t k = read(fd, buffer + done, (size_t)st.st_size - done);
        if (k < 0) {
            err_errno(err, "%s", path);
            goto out;
        }
        if (k == 0) {
            err_set(err, ERR_FAILED, "%s: it became shorter while it was read", path);
            goto out;
        }
        done += (size_t)k;
    }
    *bytes = buffer;
    *n = done;
    buffer = NULL;
    ret = 0;
out:
    free(buffer);
    if (fd >= 0)
        close(fd);
    return ret;
}

/* Takes over bytes. */
static int open_owned(const char *path, char *bytes, size_t n, struct checkpoint **out, struct err *err) {
    struct checkpoint *c = calloc(1, sizeof *c);
    if (!c) {
        free(bytes);
        return err_nomem(err);
    }
    c->bytes = bytes;
    c->size = n;
    if (read_all(c, err)) {
        err_wrap(err, "%s", path);
        checkpoint_free(&c);
        return -1;
    }
    *out = c;
    return 0;
}

int checkpoint_open(const char *path, struct checkpoint **out, struct err *err) {
    char *bytes;
    size_t n;
    return slurp(path, &bytes, &n, err) ? -1 : open_owned(path, bytes, n, out, err);
}

int checkpoint_open_bytes(const char *path, const void *bytes, size_t n, struct checkpoint **out,
                          struct err *err) {
    char *copy = malloc(n + 1);
    if (!copy)
        return err_nomem(err);
    memcpy(copy, bytes, n);
    return open_owned(path, copy, n, out, err);
}

void checkpoint_free(struct checkpoint **ckpt) {
    if (!*ckpt)
        return;
    pickle_free(&(*ckpt)->pickle);
    archive_free(&(*ckpt)->archive);
    free((*ckpt)->bytes);
    free(*ckpt);
    *ckpt = NULL;
}

const struct pt_value *checkpoint_root(const struct checkpoint *ckpt) {
    return ckpt->root;
}

const char *checkpoint_entry(const struct checkpoint *ckpt) {
    return ckpt->entry;
}

const char *checkpoint_digest(const struct checkpoint *ckpt) {
    return ckpt->digest;
}

size_t checkpoint_size(const struct checkpoint *ckpt) {
    return ckpt->size;
}
