/* Which models are asked for, and what they are called. */
#define _GNU_SOURCE
#include "grid/grid.h"

#include "base/name.h"
#include "base/pool.h"
#include "base/slurp.h"
#include "cell/qcfg.h"
#include "cell/scores.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A model as it is asked for: NAME, NAME=PATH, or PATH, which has no name of its own. */
struct asked {
    const char *word, *name;
    size_t name_length;
    bool given_both;
    char *path;
    struct stat file; /* st_ino 0: there is none */
};

/* Whose results stand under a name in the run. */
struct owner {
    char *name, *path;
    struct stat file; /* st_ino 0: there is none */
};

struct request {
    const struct grid *grid;
    struct asked *asked;
    size_t n;
    struct owner *owners; /* of the run, where a path wants its name */
    size_t n_owners;
};

enum { MODELS_FILE_MAX = 1 << 28 };

/* The length of a checkpoint's path without its suffix, or 0 for a model's name. */
static size_t stem_length(const char *word) {
    size_t n = strlen(word);
    return n > 3 && strcmp(word + n - 3, ".pt") == 0    ? n - 3
           : n > 4 && strcmp(word + n - 4, ".pth") == 0 ? n - 4
                                                        : 0;
}

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_ino && a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Sets the digest ("": unknown) and the path (the caller's; NULL: the run has no such model) of the checkpoint whose
 * results stand under a name in the run. */
static int find_owner(const struct grid *grid, const char *name, char digest[DIGEST_HEX], char **path,
                      struct err *err) {
    if (grid_read_model(grid, name, digest, path, err) || *path)
        return *path ? 0 : -1;
    /* work/ may have been deleted: any of its scores says whose they are. */
    for (const char *const *w = qcfg_weight_dtypes; *w; w++)
        for (const char *const *a = qcfg_act_dtypes; *a; a++)
            for (const char *const *g = qcfg_granularities; *g; g++) {
                struct scores scores;
                struct err why = {0};
                char *file;
                if (grid_path(grid, &file, err, "outputs/%s/%s-%s/%s/scores.json", name, *w, *a, *g))
                    return -1;
                bool read = access(file, F_OK) == 0 && scores_read(file, &scores, &why) == 0;
                free(file);
                if (err_pass_memory(err, &why))
                    return -1;
                if (!read)
                    continue;
                if (scores.checkpoint_digest && scores.checkpoint) {
                    snprintf(digest, DIGEST_HEX, "%s", scores.checkpoint_digest);
                    *path = strdup(scores.checkpoint);
                }
                bool told = scores.checkpoint_digest && scores.checkpoint;
                scores_free(&scores);
                return told && !*path ? err_nomem(err) : 0;
            }
    return 0;
}

/* Where a model's checkpoint is, by its name. */
static int locate(const struct grid *grid, const char *name, const struct grid_filters *f, char **path,
                  struct err *err) {
    char digest[DIGEST_HEX], *other;
    if (name_format(path, err, "%s/%s.pt", f->model_dir, name) || access(*path, F_OK) == 0)
        return *path ? 0 : -1;
    if (name_format(&other, err, "%s/%s.pt", f->bundled, name))
        return -1;
    if (access(other, F_OK) && grid->folder) {
        free(other);
        if (find_owner(grid, name, digest, &other, err))
            return -1;
    }
    if (!other || access(other, F_OK)) {
        free(other);
        return 0;
    }
    free(*path);
    *path = other;
    return 0;
}

static int read_word(const struct grid *grid, const char *word, const struct grid_filters *f, struct asked *a,
                     struct err *err) {
    const char *equals = strchr(word, '=');
    char name[CELL_MODEL_MAX];
    *a = (struct asked){.word = word, .given_both = equals != NULL};
    if (equals || !stem_length(word)) {
        a->name = word;
        a->name_length = equals ? (size_t)(equals - word) : strlen(word);
        if (a->name_length >= sizeof name)
            return err_set(err, ERR_FAILED, "%s: too long for a model's name", word);
        snprintf(name, sizeof name, "%.*s", (int)a->name_length, word);
        if (equals && name_check(name, err))
            return -1;
    }
    if (a->name && !equals) {
        if (locate(grid, name, f, &a->path, err))
            return -1;
    } else if (!(a->path = strdup(equals ? equals + 1 : word))) {
        return err_nomem(err);
    }
    if (equals && !stem_length(a->path))
        return err_set(err, ERR_USAGE, "%s: NAME=PATH, and the path ends in .pt or .pth", word);
    if (stat(a->path, &a->file))
        a->file.st_ino = 0;
    return 0;
}

static bool same_name(const struct asked *a, const struct asked *b) {
    return a->name && b->name && a->name_length == b->name_length &&
           memcmp(a->name, b->name, a->name_length) == 0;
}

static bool is_called(const struct asked *a, const char *name) {
    return a->name && a->name_length == strlen(name) && memcmp(a->name, name, a->name_length) == 0;
}

/* Whether a model is asked for already: the file of a path by itself, or a file by the same name. */
static int is_again(const struct request *r, size_t i, bool *again, struct err *err) {
    const struct asked *a = &r->asked[i];
    *again = false;
    for (size_t k = 0; k < r->n; k++) {
        const struct asked *b = &r->asked[k];
        const bool same = same_name(a, b);
        if (k < i && same && !same_file(&a->file, &b->file))
            return err_set(err, ERR_USAGE, "%s and %s: two models need two names", b->word, a->word);
        if (k != i && same_file(&a->file, &b->file))
            *again |= a->name ? k < i && same : k < i || b->name;
    }
    return 0;
}

/* ---- Names for paths ---- */

/* A file's name without its suffix. */
static void print_base(const char *path, char name[CELL_MODEL_MAX]) {
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    snprintf(name, CELL_MODEL_MAX, "%.*s", (int)(stem_length(path) - (size_t)(base - path)), base);
}

/* The whole path, each / and the dots after it a _. */
static void print_whole(const char *path, char name[CELL_MODEL_MAX]) {
    const char *end = path + stem_length(path);
    for (const char *c = path + strspn(path, "./"); c < end; c++) {
        *name++ = *c == '/' ? '_' : *c;
        if (*c == '/')
            c += strspn(c, "./") - 1;
    }
    *name = '\0';
}

/* Sets the depth-th folder above a file, the nearest is 0; false where there is none. */
static bool folder_above(const char *path, int depth, const char **folder, size_t *n) {
    const char *end = strrchr(path, '/');
    for (; end; depth--) {
        const char *begin = memrchr(path, '/', (size_t)(end - path));
        *folder = begin ? begin + 1 : path;
        *n = (size_t)(end - *folder);
        if (depth == 0)
            return true;
        end = begin;
    }
    return false;
}

/* Whether the folders of two files at one depth have the same name. */
static bool same_folder(const char *a, const char *b, int depth) {
    const char *f, *g;
    size_t n, m;
    return folder_above(a, depth, &f, &n) && folder_above(b, depth, &g, &m) && n == m && memcmp(f, g, n) == 0;
}

/* Whether another of the models asked for is called so; all before m have their names. */
static bool is_among(const struct request *r, const struct grid_model *m, const char *name) {
    for (size_t i = 0; i < r->n; i++)
        if (is_called(&r->asked[i], name))
            return true;
    for (const struct grid_model *other = r->grid->models; other < m; other++)
        if (strcmp(other->name, name) == 0)
            return true;
    return false;
}

/* Whether the run holds results under a name that are another file's: neither this digest's nor this path's. *owner,
 * if it is not NULL, becomes that file's path, the caller's. */
static int is_taken(const struct grid *grid, const char *name, const struct grid_model *model, bool *taken,
                    char **owner, struct err *err) {
    char *path = NULL, digest[DIGEST_HEX];
    *taken = false;
    if (grid->folder && find_owner(grid, name, digest, &path, err))
        return -1;
    *taken = path && strcmp(digest, model->digest) != 0 && strcmp(path, model->path) != 0;
    if (*taken && owner)
        *owner = path;
    else
        free(path);
    return 0;
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Reads who owns the names of the run, once for all paths. */
static int find_owners(struct request *r, struct err *err) {
    char *outputs, digest[DIGEST_HEX];
    struct dirent **entries = NULL;
    if (!r->grid->folder)
        return 0;
    if (grid_path(r->grid, &outputs, err, "outputs"))
        return -1;
    int ret = 0, n = scandir(outputs, &entries, is_visible, alphasort);
    if (n > 0 && !(r->owners = calloc((size_t)n, sizeof *r->owners)))
        ret = err_nomem(err);
    for (int i = 0; i < n; i++) {
        struct owner *o = &r->owners[r->n_owners];
        if (!ret && strlen(entries[i]->d_name) < CELL_MODEL_MAX &&
            (ret = find_owner(r->grid, entries[i]->d_name, digest, &o->path, err)) == 0 && o->path) {
            r->n_owners++;
            if (stat(o->path, &o->file))
                o->file.st_ino = 0;
            if (!(o->name = strdup(entries[i]->d_name)))
                ret = err_nomem(err);
        }
        free(entries[i]);
    }
    free(entries);
    free(outputs);
    return ret;
}

/* Sets the name that the run has for a path, if it has one that nobody else is given. */
static void find_name(const struct request *r, struct grid_model *m, const struct stat *file) {
    for (size_t i = 0; i < r->n_owners && !*m->name; i++) {
        const struct owner *o = &r->owners[i];
        if ((strcmp(o->path, m->path) == 0 || same_file(file, &o->file)) && !is_among(r, m, o->name))
            strcpy(m->name, o->name);
    }
}

/* Whether what was asked for is another file than a path's, with this base. */
static bool is_rival(const struct asked *a, const char *path, const struct stat *file, const char *base) {
    char other[CELL_MODEL_MAX];
    print_base(a->path, other);
    return strcmp(other, base) == 0 && strcmp(a->path, path) != 0 && !same_file(&a->file, file);
}

/* A name for the model of a path by itself. */
static int name_model(const struct request *r, struct grid_model *m, struct err *err) {
    char base[CELL_MODEL_MAX], whole[CELL_MODEL_MAX], *owner = NULL;
    const char *folder;
    struct stat file;
    size_t n;
    bool taken, shared = false;
    if (stem_length(m->path) + 10 > sizeof whole)
        return err_set(err, ERR_FAILED, "%s: a path of %zu bytes is too long", m->path, strlen(m->path));
    if (stat(m->path, &file))
        file.st_ino = 0;
    print_base(m->path, base);
    print_whole(m->path, whole);
    find_name(r, m, &file);
    int ret = is_taken(r->grid, base, m, &taken, &owner, err);
    if (ret || *m->name)
        goto out;
    for (size_t i = 0; i < r->n; i++)
        shared |= !r->asked[i].name && is_rival(&r->asked[i], m->path, &file, base);
    /* A path without folders is called by its base alone. */
    if (!taken && !is_among(r, m, base) && !(shared && folder_above(m->path, 0, &folder, &n))) {
        strcpy(m->name, base);
        goto out;
    }
    for (int depth = 0; folder_above(m->path, depth, &folder, &n); depth++) {
        bool apart = n && *folder != '.' && *folder != '-' && !(owner && same_folder(owner, m->path, depth));
        for (size_t i = 0; apart && i < r->n; i++)
            apart = !is_rival(&r->asked[i], m->path, &file, base) ||
                    !same_folder(r->asked[i].path, m->path, depth);
        if (!apart || snprintf(m->name, sizeof m->name, "%.*s-%s", (int)n, folder, base) >= CELL_MODEL_MAX ||
            is_among(r, m, m->name))
            continue;
        ret = is_taken(r->grid, m->name, m, &taken, NULL, err);
        if (ret || !taken)
            goto out;
    }
    strcpy(m->name, whole);
    taken = is_among(r, m, whole);
    ret = taken ? 0 : is_taken(r->grid, whole, m, &taken, NULL, err);
    if (taken)
        snprintf(m->name, sizeof m->name, "%.240s-%.8s", whole, m->digest);
out:
    free(owner);
    return ret ? -1 : 0;
}

/* A name that was typed with a path is not taken from a file that is still there. */
static int check_given(const struct grid *grid, const struct grid_model *m, struct err *err) {
    char *owner = NULL;
    bool taken;
    if (is_taken(grid, m->name, m, &taken, &owner, err))
        return -1;
    int ret = taken && access(owner, F_OK) == 0
                  ? err_set(err, ERR_USAGE, "%s=%s: in %s this name is that of %s; choose another one",
                            m->name, m->path, grid->folder, owner)
                  : 0;
    free(owner);
    return ret;
}

/* ---- All of them ---- */

struct digesting {
    struct grid *grid;
    struct err *why; /* of each model */
};

static void digest_model(void *ctx, size_t i, int worker) {
    struct digesting *d = ctx;
    struct grid_model *m = &d->grid->models[i];
    (void)worker;
    if (digest_file(m->path, m->digest, &d->why[i]))
        m->digest[0] = '\0';
}

/* Those that cannot be read have none. Errors: no memory. */
static int digest_models(struct grid *grid, struct err *err) {
    const size_t n = grid->n_models;
    struct digesting d = {grid, calloc(n + 1, sizeof *d.why)};
    int ret = !d.why ? err_nomem(err) : n ? pool_each(n, digest_model, &d, err) : 0;
    for (size_t i = 0; !ret && i < n; i++)
        ret = err_pass_memory(err, &d.why[i]);
    free(d.why);
    return ret;
}

/* Makes models of what is asked for, each once: with the names that they were given. */
static int add_models(struct grid *grid, const struct request *r, struct err *err) {
    for (size_t i = 0; i < r->n; i++) {
        struct asked *a = &r->asked[i];
        struct grid_model *m = &grid->models[grid->n_models];
        bool again;
        if (is_again(r, i, &again, err))
            return -1;
        if (again)
            continue;
        if (!(m->path = strdup(a->path)))
            return err_nomem(err);
        snprintf(m->name, sizeof m->name, "%.*s", (int)a->name_length, a->name ? a->name : "");
        m->named_with_path = a->given_both;
        grid->n_models++;
    }
    return 0;
}

int grid_read_models(const char *path, char **words, struct err *err) {
    size_t n;
    int ret = 0;
    if (slurp_file(path, MODELS_FILE_MAX, words, &n, err))
        return -1;
    char *rest = *words, *to = *words, *line;
    if (strlen(*words) < n)
        ret = err_set(err, ERR_FAILED, "%s: no text file", path);
    for (int number = 1; !ret && (line = strsep(&rest, "\n")); number++) {
        for (char *c = line; (c = strchr(c, '#')); c++)
            if (c == line || c[-1] == ' ' || c[-1] == '\t') {
                *c = '\0';
                break;
            }
        line += strspn(line, " \t");
        size_t length = strcspn(line, " \t\r");
        if (line[length + strspn(line + length, " \t\r")])
            ret = err_set(err, ERR_FAILED, "%s: line %d: one model a line, and no spaces in its path", path,
                          number);
        if (length && to > *words)
            *to++ = ' ';
        memmove(to, line, length);
        to += length;
    }
    if (ret) {
        free(*words);
        *words = NULL;
        return -1;
    }
    *to = '\0';
    return 0;
}

int grid_find_models(struct grid *grid, const struct grid_filters *f, struct err *err) {
    struct grid_words words;
    struct request r = {grid};
    int ret = grid_split(&words, f->models, err);
    if (!ret && (!(r.asked = calloc(words.n + 1, sizeof *r.asked)) ||
                 !(grid->models = calloc(words.n + 1, sizeof *grid->models))))
        ret = err_nomem(err);
    for (size_t i = 0; !ret && i < words.n; i++) {
        r.n = i + 1;
        ret = read_word(grid, words.word[i], f, &r.asked[i], err);
    }
    ret = ret || add_models(grid, &r, err) || digest_models(grid, err);
    bool nameless = false;
    for (size_t i = 0; i < grid->n_models; i++)
        nameless |= !*grid->models[i].name;
    if (!ret && nameless)
        ret = find_owners(&r, err);
    for (size_t i = 0; !ret && i < grid->n_models; i++) {
        struct grid_model *m = &grid->models[i];
        ret = !*m->name ? name_model(&r, m, err) : m->named_with_path ? check_given(grid, m, err) : 0;
    }
    for (size_t i = 0; r.asked && i < r.n; i++)
        free(r.asked[i].path);
    free(r.asked);
    for (size_t i = 0; i < r.n_owners; i++) {
        free(r.owners[i].name);
        free(r.owners[i].path);
    }
    free(r.owners);
    grid_words_free(&words);
    return ret ? -1 : 0;
}
