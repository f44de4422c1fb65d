#define _GNU_SOURCE
#include "base/json.h"

#include "base/digest.h"
#include "base/memstream.h"
#include "base/name.h"
#include "base/outfile.h"
#include "base/slurp.h"
#include "base/utf8.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool reads_back(const char *text, double v, bool single) {
    return single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v;
}

static char *shortest(double v, bool single, char text[JSON_NUMBER]) {
    /* A decimal of up to DBL_DIG (FLT_DIG) digits survives the way through a normal number and back to as
     * many digits, and %g drops zeros: if these digits read back, no shorter ones do. */
    int precision = single ? FLT_DIG : DBL_DIG;
    if (fabs(v) < (single ? (double)FLT_MIN : DBL_MIN))
        precision = 1;
    for (; precision <= 17; precision++) {
        snprintf(text, JSON_NUMBER, "%.*g", precision, v);
        if (reads_back(text, v, single))
            break;
    }
    double a = fabs(v);
    if (a >= 1e-4 && a < 1e16 && strchr(text, 'e')) {
        /* %g chose an exponent where Python writes digits: "2e+01" is 20.0 */
        for (int decimals = 0; decimals <= 20; decimals++) {
            snprintf(text, JSON_NUMBER, "%.*f", decimals, v);
            if (reads_back(text, v, single))
                break;
        }
    }
    if (!strpbrk(text, ".e"))
        strcat(text, ".0");
    return text;
}

char *json_number(double v, char text[JSON_NUMBER]) {
    return shortest(v, false, text);
}

char *json_number_float(float v, char text[JSON_NUMBER]) {
    return shortest(v, true, text);
}

/* cJSON does not tell bad text from a lack of memory: its allocations are counted here. */
static _Thread_local bool memory_lacked;

static void *allocate(size_t n) {
    void *p = malloc(n);
    memory_lacked |= !p;
    return p;
}

static void watch_memory(void) {
    cJSON_InitHooks(&(cJSON_Hooks){allocate, free});
}

int json_read(const char *path, cJSON **json, struct err *err) {
    *json = NULL;
    size_t n;
    char *text;
    if (slurp_file(path, JSON_FILE_MAX, &text, &n, err))
        return -1;
    const char *end = memchr(text, '\0', n); /* cJSON takes it for white space */
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_memory);
    memory_lacked = false;
    if (!end)
        *json = cJSON_ParseWithLengthOpts(text, n + 1, &end, 1);
    if (!*json && memory_lacked) {
        err_nomem(err);
    } else if (!*json) {
        int line = 1;
        for (const char *p = text; p < end && p < text + n; p++)
            line += *p == '\n';
        err_set(err, ERR_FAILED, "%s: line %d is not JSON; make the file again", name_of_input(path), line);
    }
    free(text);
    return *json ? 0 : -1;
}

int json_read_object(const char *path, cJSON **json, struct err *err) {
    if (json_read(path, json, err))
        return -1;
    return cJSON_IsObject(*json) ? 0 : err_set(err, ERR_FAILED, "%s: not an object", path);
}

/* Bytes that are not UTF-8, of a path for example, become U+FFFD: what is written is JSON whatever came in. */
static void put_string(FILE *f, const char *s) {
    size_t left = strlen(s), n;
    fputc('"', f);
    for (; left; s += n, left -= n) {
        unsigned char c = (unsigned char)*s;
        if (!(n = utf8_length(s, left))) {
            fputs("\xef\xbf\xbd", f);
            n = 1;
            continue;
        }
        if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", f);
        else if (utf8_control(s))
            fprintf(f, "\\u%04x", utf8_next(&(const char *){s}));
        else
            fwrite(s, 1, n, f);
    }
    fputc('"', f);
}

static void put_number(FILE *f, double v) {
    char text[JSON_NUMBER];
    if (fabs(v) < 1e15 && v == floor(v))
        fprintf(f, "%.0f", v);
    else
        fputs(isfinite(v) ? json_number(v, text) : "null", f);
}

/* indent: of the line, or how values stand on one line. */
enum { ONE_LINE = -1, SEAL = -2 /* as ONE_LINE, with every number as it is written after it was read */ };

static void put_value(FILE *f, const cJSON *j, int indent, const cJSON *without) {
    switch (j->type & 0xff) {
    case cJSON_True:
        fputs("true", f);
        break;
    case cJSON_False:
        fputs("false", f);
        break;
    case cJSON_Number:
        put_number(f, j->valuedouble);
        break;
    case cJSON_String:
        put_string(f, j->valuestring);
        break;
    case cJSON_Raw: {
        char *end = NULL;
        double v = strtod(j->valuestring, &end);
        if (indent == SEAL && !*end)
            put_number(f, v);
        else
            fputs(j->valuestring, f);
        break;
    }
    case cJSON_Array:
    case cJSON_Object: {
        int object = cJSON_IsObject(j), inner = indent < 0 ? indent : indent + 2;
        bool some = false;
        fputc(object ? '{' : '[', f);
        for (const cJSON *c = j->child; c; c = c->next) {
            if (c == without)
                continue;
            if (some)
                fputs(indent < 0 ? ", " : ",", f);
            some = true;
            if (indent >= 0)
                fprintf(f, "\n%*s", inner, "");
            if (object) {
                put_string(f, c->string);
                fputs(": ", f);
            }
            put_value(f, c, inner, without);
        }
        if (indent >= 0 && some)
            fprintf(f, "\n%*s", indent, "");
        fputc(object ? '}' : ']', f);
        break;
    }
    default:
        fputs("null", f);
    }
}

/* Text of a tree, less one member of it (or NULL). NULL when out of memory; caller frees. */
static char *render(const cJSON *json, int indent, const cJSON *without) {
    char *text = NULL;
    struct memstream m;
    if (!json || memstream_open(&m, NULL))
        return NULL;
    put_value(m.f, json, indent, without);
    if (indent >= 0)
        fputc('\n', m.f);
    memstream_close(&m, &text, NULL, NULL);
    return text;
}

char *json_text(const cJSON *json) {
    return render(json, 0, NULL);
}

char *json_line(const cJSON *json) {
    return render(json, ONE_LINE, NULL);
}

static int write_text(const char *path, const cJSON *json,
                      int (*write)(const char *path, const void *bytes, size_t n, struct err *err),
                      struct err *err) {
    char *text = json_text(json);
    if (!text)
        return err_nomem(err);
    int ret = write(path, text, strlen(text), err);
    free(text);
    return ret;
}

int json_write(const char *path, const cJSON *json, struct err *err) {
    return write_text(path, json, outfile_write, err);
}

int json_put(const char *path, const cJSON *json, struct err *err) {
    return write_text(path, json, outfile_put, err);
}

/* Digest of everything but the member "digest", as a file's reader sees it. */
static int seal_of(const cJSON *object, char hex[DIGEST_HEX], struct err *err) {
    char *text = render(object, SEAL, cJSON_GetObjectItemCaseSensitive(object, "digest"));
    if (!text)
        return err_nomem(err);
    digest_bytes(text, strlen(text), hex);
    free(text);
    return 0;
}

int json_seal(cJSON *object, struct err *err) {
    char hex[DIGEST_HEX];
    cJSON_DeleteItemFromObjectCaseSensitive(object, "digest");
    if (seal_of(object, hex, err))
        return -1;
    return cJSON_AddStringToObject(object, "digest", hex) ? 0 : err_nomem(err);
}

int json_write_sealed(const char *path, cJSON *object, bool durable, struct err *err) {
    struct outfile *out = NULL;
    char *text = NULL;
    int ret = -1;
    if (json_seal(object, err))
        goto out;
    if (!(text = json_line(object))) {
        err_nomem(err);
        goto out;
    }
    if (outfile_open(&out, path, err))
        goto out;
    fprintf(outfile_stream(out), "%s\n", text);
    ret = durable ? outfile_commit(&out, err) : outfile_commit_unsynced(&out, err);
out:
    outfile_discard(&out);
    free(text);
    return ret;
}

int json_check_seal(const cJSON *object, struct err *err) {
    char hex[DIGEST_HEX];
    const char *stored;
    if (json_get_string(object, "digest", &stored, err) || seal_of(object, hex, err))
        return -1;
    return strcmp(stored, hex) == 0 ? 0 : err_set(err, ERR_FAILED, "its digest does not fit its contents");
}

static void open_item(struct json_builder *b, cJSON *item) {
    size_t room = b->room;
    if (b->depth == room) {
        cJSON **more = reallocarray(b->open, room = 2 * room + 8, sizeof(cJSON *));
        if (!more) {
            json_fail(b, NULL);
            return;
        }
        b->open = more;
        b->room = room;
    }
    b->open[b->depth++] = item;
}

struct json_builder json_builder(void) {
    struct json_builder b = {0};
    cJSON *root = cJSON_CreateObject();
    if (root)
        open_item(&b, root);
    else
        json_fail(&b, NULL);
    if (b.depth == 0)
        cJSON_Delete(root);
    return b;
}

void json_fail(struct json_builder *b, const struct err *why) {
    if (b->failed)
        return;
    b->failed = true;
    if (why)
        b->err = *why;
    else
        err_nomem(&b->err);
}

void json_add_item(struct json_builder *b, const char *key, cJSON *item) {
    cJSON *to = b->failed ? NULL : b->open[b->depth - 1];
    if (to && item && (key ? cJSON_AddItemToObject(to, key, item) : cJSON_AddItemToArray(to, item)))
        return;
    cJSON_Delete(item);
    json_fail(b, NULL);
}

void json_open_object(struct json_builder *b, const char *key) {
    cJSON *item = cJSON_CreateObject();
    json_add_item(b, key, item);
    if (!b->failed)
        open_item(b, item);
}

void json_open_array(struct json_builder *b, const char *key) {
    cJSON *item = cJSON_CreateArray();
    json_add_item(b, key, item);
    if (!b->failed)
        open_item(b, item);
}

void json_close(struct json_builder *b) {
    if (!b->failed)
        b->depth--;
}

void json_close_or_drop(struct json_builder *b) {
    if (b->failed)
        return;
    cJSON *item = b->open[--b->depth];
    if (!item->child)
        cJSON_Delete(cJSON_DetachItemViaPointer(b->open[b->depth - 1], item));
}

void json_add_string(struct json_builder *b, const char *key, const char *s) {
    json_add_item(b, key, s ? cJSON_CreateString(s) : cJSON_CreateNull());
}

void json_take_string(struct json_builder *b, const char *key, char *s) {
    if (s)
        json_add_string(b, key, s);
    else
        json_fail(b, NULL);
    free(s);
}

void json_add_int(struct json_builder *b, const char *key, int64_t v) {
    json_add_item(b, key, cJSON_CreateNumber((double)v));
}

void json_add_ints(struct json_builder *b, const char *key, const int *v, int n) {
    json_add_item(b, key, cJSON_CreateIntArray(v, n));
}

static void add_decimal(struct json_builder *b, const char *key, double v, bool single) {
    char text[JSON_NUMBER];
    struct err why;
    if (isfinite(v)) {
        json_add_item(b, key, cJSON_CreateRaw(shortest(v, single, text)));
        return;
    }
    err_set(&why, ERR_FAILED, "\"%s\" is %f, which is not a finite number", key ? key : "a number", v);
    json_fail(b, &why);
}

void json_add_real(struct json_builder *b, const char *key, double v) {
    add_decimal(b, key, v, false);
}

void json_add_float(struct json_builder *b, const char *key, float v) {
    add_decimal(b, key, (double)v, true);
}

void json_add_bool(struct json_builder *b, const char *key, bool v) {
    json_add_item(b, key, cJSON_CreateBool(v));
}

void json_add_null(struct json_builder *b, const char *key) {
    json_add_item(b, key, cJSON_CreateNull());
}

int json_built(struct json_builder *b, cJSON **out, struct err *err) {
    cJSON *tree = b->open ? b->open[0] : NULL;
    free(b->open);
    b->open = NULL;
    *out = NULL;
    if (b->failed) {
        cJSON_Delete(tree);
        if (err)
            *err = b->err;
        return -1;
    }
    *out = tree;
    return 0;
}

int json_built_write(struct json_builder *b, const char *path, struct err *err) {
    cJSON *tree;
    int ret = json_built(b, &tree, err) || json_write(path, tree, err) ? -1 : 0;
    cJSON_Delete(tree);
    return ret;
}

int json_built_write_sealed(struct json_builder *b, const char *path, bool durable, struct err *err) {
    cJSON *tree;
    int ret = json_built(b, &tree, err) || json_write_sealed(path, tree, durable, err) ? -1 : 0;
    cJSON_Delete(tree);
    return ret;
}

/* object[key], of a type; what: as errors call it. */
static int get(const cJSON *object, const char *key, cJSON_bool (*is)(const cJSON *), const char *what,
               const cJSON **item, struct err *err) {
    *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!*item)
        return err_set(err, ERR_FAILED, "key \"%s\" is missing", key);
    return is(*item) ? 0 : err_set(err, ERR_FAILED, "key \"%s\" is not %s", key, what);
}

const char *json_string(const cJSON *object, const char *key) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

int json_get_string(const cJSON *object, const char *key, const char **s, struct err *err) {
    const cJSON *item;
    if (get(object, key, cJSON_IsString, "a string", &item, err))
        return -1;
    *s = item->valuestring;
    return 0;
}

static cJSON_bool is_finite(const cJSON *item) {
    return cJSON_IsNumber(item) && isfinite(item->valuedouble);
}

int json_get_real(const cJSON *object, const char *key, double *v, struct err *err) {
    const cJSON *item;
    if (get(object, key, is_finite, "a finite number", &item, err))
        return -1;
    *v = item->valuedouble;
    return 0;
}

int json_get_int(const cJSON *object, const char *key, long min, long max, long *v, struct err *err) {
    double d;
    if (json_get_real(object, key, &d, err))
        return -1;
    if (d != floor(d) || d < (double)min || d > (double)max)
        return err_set(err, ERR_FAILED, "key \"%s\" is not an integer from %ld to %ld", key, min, max);
    *v = (long)d;
    return 0;
}

int json_get_object(const cJSON *object, const char *key, const cJSON **o, struct err *err) {
    return get(object, key, cJSON_IsObject, "an object", o, err);
}

int json_get_array(const cJSON *object, const char *key, const cJSON **a, struct err *err) {
    return get(object, key, cJSON_IsArray, "an array", a, err);
}
