#define _GNU_SOURCE
#include "grid/identity.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memstream.h"
#include "base/name.h"
#include "base/outfile.h"
#include "base/pool.h"
#include "exec/score.h"
#include "image/list.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Says a line, in printf's format. */
__attribute__((format(printf, 2, 3))) static void tell(err_say_fn *say, const char *fmt, ...) {
    struct err line;
    va_list ap;
    va_start(ap, fmt);
    err_vset(&line, ERR_OK, fmt, ap);
    va_end(ap);
    say(line.msg);
}

/* ---- run.json ---- */

struct image_digests {
    const struct image_list *list;
    struct image_digest {
        char hex[DIGEST_HEX];
        struct err why;
    } * of;
};

static void digest_image(void *ctx, size_t i, int worker) {
    const struct image_digests *d = ctx;
    (void)worker;
    digest_file(d->list->paths[i], d->of[i].hex, &d->of[i].why);
}

static void add_images(struct json_builder *b, const struct image_digests *d) {
    char all[DIGEST_HEX];
    struct digest *sum = digest_new();
    if (!sum) {
        json_fail(b, NULL);
        return;
    }
    for (int i = 0; i < d->list->count; i++)
        image_list_add(sum, d->of[i].hex);
    digest_finish(&sum, all);
    json_add_string(b, "images_sha256", all);
    json_open_array(b, "images");
    for (int i = 0; i < d->list->count; i++) {
        json_open_object(b, NULL);
        json_add_string(b, "name", d->list->names[i]);
        json_add_string(b, "sha256", d->of[i].hex);
        json_close(b);
    }
    json_close(b);
}

static int build(const struct identity_settings *s, bool detection, const char *device,
                 const struct image_digests *d, cJSON **run, struct err *err) {
    struct json_builder b = json_builder();
    char text[48];
    json_add_string(&b, "image_list", s->image_list);
    json_add_int(&b, "calib_images", s->calib_images);
    json_add_int(&b, "score_size", s->score_size < d->list->count ? s->score_size : d->list->count);
    json_add_string(&b, "objectives", detection ? "modelopt detection" : "modelopt");
    if (detection)
        json_add_int(&b, "probes", s->probes);
    json_add_int(&b, "fold", s->fold);
    json_add_int(&b, "imgsz", s->imgsz);
    json_add_int(&b, "batch_size", s->batch_size);
    json_add_string(&b, "fp4_preset", s->fp4_preset);
    json_add_string(&b, "int4_preset", s->int4_preset);
    json_add_string(&b, "block_dim", s->block_dim);
    json_add_string(&b, "device", device);
    snprintf(text, sizeof text, "%d", SCORE_REVISION);
    json_add_string(&b, "scoring_revision", text);
    add_images(&b, d);
    return json_built(&b, run, err);
}

int identity_of(const struct identity_settings *s, err_say_fn *say, cJSON **run, struct err *err) {
    const struct backend_kind *kind;
    struct image_list *list = NULL;
    struct image_digests d = {0};
    int ret = -1;
    bool detection;
    if (scores_parse_objectives(s->objectives, &detection, err) || backend_find(s->device, say, &kind, err) ||
        image_list_read(&list, s->image_list, s->calib_images, CALIB_IMAGES_LEAST, err))
        return -1;
    d.list = list;
    if (!(d.of = calloc((size_t)list->count, sizeof *d.of))) {
        err_nomem(err);
        goto out;
    }
    if (pool_each((size_t)list->count, digest_image, &d, err))
        goto out;
    for (int i = 0; i < list->count; i++)
        if (d.of[i].why.code) {
            *err = d.of[i].why;
            err_wrap(err, "%s", s->image_list);
            goto out;
        }
    if (list->count < s->calib_images)
        tell(say, "%s: has %d images, CALIB_IMAGES=%d: all %d are used", s->image_list, list->count,
             s->calib_images, list->count);
    if (list->count < s->score_size)
        tell(say, "%s: %d images are used, SCORE_SIZE=%d: all %d are scored on", s->image_list, list->count,
             s->score_size, list->count);
    ret = build(s, detection, kind->word, &d, run, err);
out:
    free(d.of);
    image_list_free(&list);
    return ret;
}

/* ---- Comparing ---- */

static const cJSON *get(const cJSON *run, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(run, key);
}

static bool same_images(const cJSON *a, const cJSON *b) {
    for (a = a ? a->child : NULL, b = b ? b->child : NULL; a && b; a = a->next, b = b->next)
        if (!cJSON_Compare(get(a, "sha256"), get(b, "sha256"), true))
            return false;
    return !a && !b;
}

/* Whether the images of one are the first of the other's: CALIB_IMAGES says all then. */
static bool first_images(const cJSON *old, const cJSON *now) {
    const cJSON *a = get(old, "images"), *b = get(now, "images");
    if (cJSON_Compare(get(old, "calib_images"), get(now, "calib_images"), true))
        return false;
    for (a = a ? a->child : NULL, b = b ? b->child : NULL; a && b; a = a->next, b = b->next)
        if (!cJSON_Compare(get(a, "sha256"), get(b, "sha256"), true))
            return false;
    return true;
}

/* Whether a member of two runs is the same. A run made before may wish to score on more images than it has. */
static bool same(const char *key, const cJSON *old, const cJSON *now) {
    const cJSON *was = get(old, key), *is = get(now, key);
    if (strcmp(key, "images") == 0)
        return same_images(was, is);
    if (strcmp(key, "score_size") == 0 && cJSON_IsNumber(was) &&
        was->valuedouble > cJSON_GetArraySize(get(old, "images")))
        return is->valuedouble == cJSON_GetArraySize(get(old, "images"));
    if (strcmp(key, "objectives") == 0 && !was) /* made before there were others */
        return strcmp(is->valuestring, "modelopt") == 0;
    if (strcmp(key, "probes") == 0 && !was) /* it has other objectives, which say enough */
        return true;
    if (strcmp(key, "fold") == 0 && !was) /* made before it could be asked for */
        return is->valuedouble == 0;
    return cJSON_Compare(was, is, true);
}

/* What messages show of a member: at most 20 characters. */
static void print_brief(FILE *f, const cJSON *v) {
    char *text = cJSON_IsString(v) ? strdup(v->valuestring) : v && !cJSON_IsNull(v) ? json_line(v) : NULL;
    bool whole = !text || strlen(text) <= 20;
    fprintf(f, "%.*s%s", whole ? 20 : 12, text ? text : "the default", whole ? "" : "...");
    free(text);
}

/* Sets *text, the caller's, to what differs, "" if nothing does: "IMGSZ (640 there, 320 now), ...". */
static int differences(const cJSON *old, const cJSON *now, char **text, struct err *err) {
    static const char *const words[][2] = {{"images_sha256", "images of IMAGE_LIST"},
                                           {"images", "the list of their digests"},
                                           {"scoring_revision", "the scoring revision"}};
    const cJSON *member;
    struct memstream m;
    if (memstream_open(&m, err))
        return -1;
    FILE *f = m.f;
    bool images_differ = !same("images_sha256", old, now), any = false;
    const bool only_more = images_differ && first_images(old, now);
    cJSON_ArrayForEach(member, now) {
        const char *key = member->string, *word = NULL;
        if (strcmp(key, "image_list") == 0 || strcmp(key, "created") == 0 || same(key, old, now) ||
            (strcmp(key, "images") == 0 && images_differ) || (strcmp(key, "images_sha256") == 0 && only_more))
            continue;
        fputs(any ? ", " : "", f);
        any = true;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            word = strcmp(key, words[i][0]) == 0 ? words[i][1] : word;
        if (word)
            fputs(word, f);
        for (const char *c = key; !word && *c; c++)
            fputc(toupper((unsigned char)*c), f);
        fputs(" (", f);
        print_brief(f, get(old, key));
        fputs(" there, ", f);
        print_brief(f, member);
        fputs(" now)", f);
    }
    return memstream_close(&m, text, NULL, err);
}

/* ---- Choosing ---- */

/* The newest of the runs at hand. */
struct newest {
    char *folder, *created, *differ;
};

static void newest_free(struct newest *n) {
    free(n->folder);
    free(n->created);
    free(n->differ);
    *n = (struct newest){0};
}

/* What a run at folder is, and what differs in it; a folder without run.json has none. */
static int look(const char *folder, const cJSON *run, struct newest *found, struct err *err) {
    char *path;
    cJSON *old = NULL;
    struct stat st;
    if (name_format(&path, err, "%s/run.json", folder))
        return -1;
    bool is_run = stat(path, &st) == 0;
    int ret = is_run && (json_read_object(path, &old, err) || differences(old, run, &found->differ, err));
    if (is_run && !ret) {
        const char *created = json_string(old, "created");
        found->folder = strdup(folder);
        found->created = strdup(created ? created : "");
        ret = found->folder && found->created ? 0 : err_nomem(err);
    }
    if (ret)
        newest_free(found);
    cJSON_Delete(old);
    free(path);
    return ret ? -1 : 0;
}

static bool is_newer(const struct newest *a, const struct newest *b) {
    int order = b->folder ? strcmp(a->created, b->created) : 1;
    return order > 0 || (order == 0 && strcmp(a->folder, b->folder) > 0);
}

/* The newest of all runs, and the newest with this identity. Links, as `latest` is one, are passed over: what they
 * name is there itself. */
static int search(const char *runs, const cJSON *run, err_say_fn *say, struct newest *all, struct newest *fit,
                  struct err *err) {
    DIR *dir = opendir(runs);
    int ret = !dir && errno != ENOENT && errno != ENOTDIR ? err_errno(err, "%s: cannot be read", runs) : 0;
    for (struct dirent *entry; dir && !ret && (entry = readdir(dir));) {
        struct newest found = {0};
        struct err why = {0};
        struct stat st;
        char *folder = NULL;
        if (entry->d_name[0] == '.')
            continue;
        if ((ret = name_format(&folder, err, "%s/%s", runs, entry->d_name)))
            break;
        if (lstat(folder, &st) == 0 && S_ISDIR(st.st_mode) && look(folder, run, &found, &why) &&
            (ret = err_pass_memory(err, &why)) == 0)
            tell(say, "%s; this run is left alone", why.msg);
        free(folder);
        struct newest *kept = found.folder && !*found.differ && is_newer(&found, fit) ? fit
                              : found.folder && is_newer(&found, all)                 ? all
                                                                                      : NULL;
        if (kept) {
            newest_free(kept);
            *kept = found;
        } else {
            newest_free(&found);
        }
    }
    if (dir)
        closedir(dir);
    return ret;
}

/* Whether nobody has put anything into a folder: what is hidden and begins as run.json's own temporary was left by a
 * killed sweep. */
static bool is_free(const char *folder) {
    bool free_of_others = true;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strncmp(entry->d_name, ".run.json.", 10) != 0)
            free_of_others = false;
    if (dir)
        closedir(dir);
    return dir && free_of_others;
}

static void say_nothing(const char *message) {
    (void)message;
}

/* When a run begins: now, or right after the newest of those that are there, should the clock have gone back. */
static int tell_time(const char *runs, const cJSON *run, char text[48], struct err *err) {
    struct newest all = {0}, fit = {0};
    struct timespec now;
    long long s;
    long ns;
    int ret = search(runs, run, say_nothing, &all, &fit, err);
    const struct newest *last = fit.folder && is_newer(&fit, &all) ? &fit : &all;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(text, 48, "%lld.%09ld", (long long)now.tv_sec, now.tv_nsec);
    if (!ret && last->folder && strcmp(last->created, text) >= 0 &&
        sscanf(last->created, "%lld.%9ld", &s, &ns) == 2)
        snprintf(text, 48, "%lld.%09ld", s + (ns + 1) / 1000000000, (ns + 1) % 1000000000);
    newest_free(&all);
    newest_free(&fit);
    return ret;
}

/* run.json comes first: a folder that has it is a run. */
static int start(const char *runs, const char *folder, cJSON *run, struct err *err) {
    char *path, created[48];
    if (tell_time(runs, run, created, err))
        return -1;
    if (!cJSON_AddStringToObject(run, "created", created))
        return err_nomem(err);
    if (name_format(&path, err, "%s/run.json", folder))
        return -1;
    int ret = json_write(path, run, err);
    free(path);
    return ret;
}

static int choose_named(const struct identity_place *p, cJSON *run, err_say_fn *say, char **folder,
                        struct err *err) {
    struct newest found = {0};
    int ret = 0;
    if (name_format(folder, err, "%s/%s", p->runs, p->name))
        return -1;
    if (look(*folder, run, &found, err)) {
        ret = err_set(err, ERR_FAILED, "%s/run.json: cannot be read; choose another TIMESTAMP", *folder);
    } else if (found.folder && p->fresh) {
        ret = err_set(err, ERR_FAILED,
                      "TIMESTAMP=%s: this run exists, and NEW=1 asks for a new one; choose another name",
                      p->name);
    } else if (found.folder && *found.differ) {
        ret = err_set(err, ERR_FAILED,
                      "TIMESTAMP=%s: this run has other settings: %s; choose another TIMESTAMP or none",
                      p->name, found.differ);
    } else if (!found.folder && !p->find && mkdir(*folder, 0777) && errno != EEXIST) {
        ret = err_errno(err, "%s: cannot be made", *folder);
    } else if (!found.folder && access(*folder, F_OK) == 0 && !is_free(*folder)) {
        ret = err_set(err, ERR_FAILED,
                      "%s: there is something there that is no run; choose another TIMESTAMP", *folder);
    } else if (!found.folder && p->find) {
        free(*folder);
        *folder = NULL;
    } else if (!found.folder) {
        tell(say, "new run %s", *folder);
        ret = start(p->runs, *folder, run, err);
    }
    newest_free(&found);
    return ret;
}

/* A folder that was not there, named after the time. */
static int make_folder(const char *runs, char **folder, struct err *err) {
    char stamp[32];
    time_t now = time(NULL);
    struct tm local;
    if (!localtime_r(&now, &local) || !strftime(stamp, sizeof stamp, "%Y-%m-%d_%H-%M-%S", &local))
        return err_set(err, ERR_FAILED, "the time cannot be told");
    for (int k = 1;; k++) {
        char number[16] = "";
        if (k > 1)
            snprintf(number, sizeof number, "-%d", k);
        if (name_format(folder, err, "%s/%s%s", runs, stamp, number))
            return -1;
        if (mkdir(*folder, 0777) == 0)
            return 0;
        if (errno != EEXIST)
            return err_errno(err, "%s: cannot be made", *folder);
        free(*folder);
    }
}

/* Waits until no other sweep chooses its run here. *lock is to be closed; -1 where none is made. */
static int be_alone(const struct identity_place *p, err_say_fn *say, int *lock, struct err *err) {
    char *path;
    int ret = -1;
    *lock = -1;
    if (p->find)
        return 0;
    if (name_format(&path, err, "%s/.choice", p->runs))
        return -1;
    if (outfile_make_folder(p->runs, err) || (*lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666)) < 0) {
        err_set(err, ERR_FAILED, "%s: cannot be written; name a SUBDIR that can", p->runs);
        goto out;
    }
    ret = flock(*lock, LOCK_EX | LOCK_NB);
    if (ret && errno == EWOULDBLOCK) {
        tell(say, "%s: waiting for another sweep, which chooses its run", p->runs);
        ret = TEMP_FAILURE_RETRY(flock(*lock, LOCK_EX));
    }
    if (ret)
        err_errno(err, "%s: cannot be locked", path);
out:
    free(path);
    return ret;
}

int identity_choose(const struct identity_place *p, cJSON *run, err_say_fn *say, char **folder,
                    struct err *err) {
    struct newest all = {0}, fit = {0};
    struct stat st;
    char *path;
    int ret = -1, lock;
    *folder = NULL;
    if (name_format(&path, err, "%s/run.json", p->runs))
        return -1;
    bool is_run = stat(path, &st) == 0;
    free(path);
    if (is_run)
        return err_set(err, ERR_FAILED, "%s: is a run itself; choose another SUBDIR", p->runs);
    if (be_alone(p, say, &lock, err))
        goto out;
    if (p->name) {
        ret = choose_named(p, run, say, folder, err);
        goto out;
    }
    if (!p->fresh && search(p->runs, run, say, &all, &fit, err))
        goto out;
    if (fit.folder) {
        *folder = fit.folder;
        fit.folder = NULL;
        ret = 0;
    } else if (p->find) {
        ret = 0;
    } else if (make_folder(p->runs, folder, err) == 0) {
        if (p->fresh)
            tell(say, "new run %s: NEW=1", *folder);
        else if (all.folder)
            tell(say, "new run %s: %s differs in %s", *folder, all.folder, all.differ);
        else
            tell(say, "new run %s", *folder);
        ret = start(p->runs, *folder, run, err);
    }
out:
    if (lock >= 0)
        close(lock);
    newest_free(&all);
    newest_free(&fit);
    if (ret) {
        free(*folder);
        *folder = NULL;
    }
    return ret;
}
