/* edit_checkpoint IN OUT EDIT...: a copy of a checkpoint of float16 tensors with something changed, for tests that need
 * a whole network with something wrong in it. Edits:
 *
 *     set PATTERN VALUE       all elements of the parameters and buffers whose path matches, as "model.*.bn.bias" does
 *     at PATH INDEX VALUE     one element
 *     rename OLD NEW          the string OLD where the pickle first has it
 *     class OLD NEW           the class OLD, as "torch.nn.modules.conv.Conv2d", wherever the pickle has it
 *
 * An edit that changes nothing is an error, exit 1. */
#define _GNU_SOURCE
#include "builder.h"
#include "pt/checkpoint.h"

#include <fnmatch.h>
#include <math.h>
#include <zip.h>

enum { ENTRIES_MAX = 2048, PATH_ROOM = 512 };

struct file {
    struct entry entries[ENTRIES_MAX];
    int n;
};

static void give_up(const char *what, const char *which) {
    fprintf(stderr, "edit_checkpoint: %s: %s\n", which, what);
    exit(1);
}

static void unpack(const char *path, struct file *f) {
    zip_t *z = zip_open(path, ZIP_RDONLY, NULL);
    zip_int64_t n = z ? zip_get_num_entries(z, 0) : -1;
    if (n < 0 || n > ENTRIES_MAX)
        give_up("not a zip file of a checkpoint", path);
    for (f->n = 0; f->n < n; f->n++) {
        zip_stat_t st;
        zip_file_t *from = zip_fopen_index(z, (zip_uint64_t)f->n, 0);
        if (!from || zip_stat_index(z, (zip_uint64_t)f->n, 0, &st))
            give_up("cannot be read", path);
        char *bytes = malloc(st.size + 1);
        if (!bytes || zip_fread(from, bytes, st.size) != (zip_int64_t)st.size)
            give_up("cannot be read", st.name);
        zip_fclose(from);
        f->entries[f->n] = (struct entry){.name = strdup(st.name), .bytes = bytes, .n = st.size};
    }
    zip_discard(z);
}

/* The entry of that name below the archive's folder. */
static struct entry *find(struct file *f, const char *name) {
    for (int i = 0; i < f->n; i++) {
        const char *slash = strchr(f->entries[i].name, '/');
        if (slash && strcmp(slash + 1, name) == 0)
            return &f->entries[i];
    }
    give_up("no such entry", name);
    return NULL;
}

/* v in IEEE 754 binary16, cut to its 10 bits of fraction. */
static unsigned half_of(double v) {
    int e;
    double m = frexp(fabs(v), &e);
    unsigned sign = signbit(v) ? 0x8000 : 0;
    if (isnan(v))
        return 0x7e00;
    if (v == 0)
        return sign;
    if (isinf(v) || e > 16)
        return sign | 0x7c00;
    return sign |
           (e < -13 ? (unsigned)ldexp(m, e + 24) : (unsigned)(e + 14) << 10 | (unsigned)ldexp(2 * m - 1, 10));
}

struct set {
    struct file *file;
    const char *pattern;
    long index; /* -1: all elements */
    double value;
    int changed;
};

static void set_tensor(struct set *s, const char *path, const char *name, const struct pt_value *v) {
    char full[PATH_ROOM], entry[64];
    const struct pt_tensor *t = pt_tensor(v);
    snprintf(full, sizeof full, "%s%s%s", path, *path ? "." : "", name);
    if (!t || fnmatch(s->pattern, full, 0) != 0)
        return;
    if (t->dtype != PT_FLOAT16 || s->index >= t->numel)
        give_up("not a float16 tensor with such an element", full);
    snprintf(entry, sizeof entry, "data/%s", t->storage);
    unsigned char *bytes = (unsigned char *)find(s->file, entry)->bytes;
    unsigned half = half_of(s->value);
    for (int64_t i = 0; i < t->numel; i++)
        if (s->index < 0 || i == s->index) {
            bytes[2 * (t->offset + i)] = half & 0xff;
            bytes[2 * (t->offset + i) + 1] = (unsigned char)(half >> 8);
        }
    s->changed++;
}

static void walk(struct set *s, const struct pt_value *m, const char *path) {
    const char *name;
    for (size_t i = 0; i < pt_params(m); i++) {
        const struct pt_value *v = pt_param_at(m, i, &name);
        set_tensor(s, path, name, v);
    }
    for (size_t i = 0; i < pt_buffers(m); i++) {
        const struct pt_value *v = pt_buffer_at(m, i, &name);
        set_tensor(s, path, name, v);
    }
    for (size_t i = 0; i < pt_children(m); i++) {
        char child[PATH_ROOM];
        const struct pt_value *v = pt_child_at(m, i, &name);
        snprintf(child, sizeof child, "%s%s%s", path, *path ? "." : "", name);
        if (v)
            walk(s, v, child);
    }
}

static void set(struct file *f, const struct checkpoint *c, const char *pattern, long index,
                const char *value) {
    struct set s = {f, pattern, index, strtod(value, NULL), 0};
    walk(&s, checkpoint_root(c), "");
    if (!s.changed)
        give_up("no such tensor", pattern);
}

/* The bytes OLD of the pickle become NEW, the first time or each time that they are there. */
static void replace(struct file *f, const struct buf *old, const struct buf *new, bool all,
                    const char *what) {
    struct entry *e = find(f, "data.pkl");
    struct buf out = {0};
    const char *at = e->bytes, *end = at + e->n, *hit;
    bool found = false;
    while ((all || !found) && (hit = memmem(at, (size_t)(end - at), old->p, old->n))) {
        put(&out, at, (size_t)(hit - at));
        put(&out, new->p, new->n);
        at = hit + old->n;
        found = true;
    }
    if (!found)
        give_up("the pickle has no such name", what);
    put(&out, at, (size_t)(end - at));
    free((void *)e->bytes);
    e->bytes = out.p;
    e->n = out.n;
}

static void name_global(struct buf *b, const char *class) {
    const char *dot = strrchr(class, '.');
    if (!dot)
        give_up("not MODULE.CLASS", class);
    char *module = strndup(class, (size_t)(dot - class));
    pk_global(b, module, dot + 1);
    free(module);
}

static void rename_name(struct file *f, const char *old, const char *new, bool class) {
    struct buf from = {0}, to = {0};
    (class ? name_global : pk_str)(&from, old);
    (class ? name_global : pk_str)(&to, new);
    replace(f, &from, &to, class, old);
    buf_free(&from);
    buf_free(&to);
}

int main(int argc, char **argv) {
    static struct file file;
    struct checkpoint *c = NULL;
    struct err err = {0};
    int i = 3;
    if (argc < 3)
        give_up("IN OUT EDIT... are needed", "usage");
    if (checkpoint_open(argv[1], &c, &err))
        give_up(err.msg, argv[1]);
    unpack(argv[1], &file);
    while (i < argc) {
        if (i + 2 < argc && strcmp(argv[i], "set") == 0) {
            set(&file, c, argv[i + 1], -1, argv[i + 2]);
            i += 3;
        } else if (i + 3 < argc && strcmp(argv[i], "at") == 0) {
            set(&file, c, argv[i + 1], strtol(argv[i + 2], NULL, 10), argv[i + 3]);
            i += 4;
        } else if (i + 2 < argc && (strcmp(argv[i], "rename") == 0 || strcmp(argv[i], "class") == 0)) {
            rename_name(&file, argv[i + 1], argv[i + 2], *argv[i] == 'c');
            i += 3;
        } else {
            give_up("no such edit", argv[i]);
        }
    }
    checkpoint_free(&c);
    struct buf z = zip_build(file.entries, file.n);
    FILE *out = fopen(argv[2], "wb");
    if (!out || fwrite(z.p, 1, z.n, out) != z.n || fclose(out))
        give_up("cannot be written", argv[2]);
    buf_free(&z);
    for (int k = 0; k < file.n; k++) {
        free((char *)file.entries[k].name);
        free((void *)file.entries[k].bytes);
    }
    return 0;
}
