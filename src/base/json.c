#define _GNU_SOURCE
#include "base/json.h"

#include "base/digest.h"
#include "base/outfile.h"
#include "base/utf8.h"

#include <float.h>
#include <math.h>
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

cJSON *json_real(double v) {
    char text[JSON_NUMBER];
    return isfinite(v) ? cJSON_CreateRaw(json_number(v, text)) : NULL;
}

int json_add_real(cJSON *object, const char *key, double v, struct err *err) {
    if (!isfinite(v))
        return err_set(err, ERR_FAILED, "\"%s\" is %f, which is not a finite number", key, v);
    return cJSON_AddItemToObject(object, key, json_real(v)) ? 0 : err_nomem(err);
}

/* All of a stream, however it is cut; NUL-terminated. */
static char *slurp(FILE *f, size_t *size) {
    size_t cap = 1 << 16, n = 0, got;
    char *buf = malloc(cap + 1);
    while (buf && (got = fread(buf + n, 1, cap - n, f)) > 0)
        if ((n += got) == cap) {
            char *bigger = realloc(buf, (cap *= 2) + 1);
            if (!bigger)
                free(buf);
            buf = bigger;
        }
    if (buf)
        buf[n] = '\0';
    *size = n;
    return buf;
}

int json_read(const char *path, cJSON **json, struct err *err) {
    *json = NULL;
    int is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    FILE *f = is_stdin ? stdin : fopen(path, "rb");
    if (!f)
        return err_errno(err, "%s", path);
    size_t n;
    char *text = slurp(f, &n);
    int bad = ferror(f);
    if (bad)
        err_errno(err, "%s: cannot read", name);
    if (!is_stdin)
        fclose(f);
    if (bad || !text) {
        free(text);
        return bad ? -1 : err_nomem(err);
    }
    const char *end = memchr(text, '\0', n); /* cJSON takes it for white space */
    if (!end)
        *json = cJSON_ParseWithLengthOpts(text, n + 1, &end, 1);
    if (!*json) {
        int line = 1;
        for (const char *p = text; p < end && p < text + n; p++)
            line += *p == '\n';
        err_set(err, ERR_FAILED, "%s: line %d is not JSON; make the file again", name, line);
    }
    free(text);
    return *json ? 0 : -1;
}

/* Bytes that are not UTF-8, of a path for example, become U+FFFD: what is written is JSON whatever came in.
 */
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

static void put_value(FILE *f, const cJSON *j, int indent) {
    char text[JSON_NUMBER];
    switch (j->type & 0xff) {
    case cJSON_True:
        fputs("true", f);
        break;
    case cJSON_False:
        fputs("false", f);
        break;
    case cJSON_Number:
        if (fabs(j->valuedouble) < 1e15 && j->valuedouble == floor(j->valuedouble))
            fprintf(f, "%.0f", j->valuedouble);
        else
            fputs(isfinite(j->valuedouble) ? json_number(j->valuedouble, text) : "null", f);
        break;
    case cJSON_String:
        put_string(f, j->valuestring);
        break;
    case cJSON_Raw:
        fputs(j->valuestring, f);
        break;
    case cJSON_Array:
    case cJSON_Object: {
        int object = cJSON_IsObject(j), inner = indent < 0 ? indent : indent + 2;
        if (!j->child) {
            fputs(object ? "{}" : "[]", f);
            break;
        }
        fputc(object ? '{' : '[', f);
        for (const cJSON *c = j->child; c; c = c->next) {
            if (indent >= 0)
                fprintf(f, "\n%*s", inner, "");
            if (object) {
                put_string(f, c->string);
                fputs(": ", f);
            }
            put_value(f, c, inner);
            if (c->next)
                fputs(indent < 0 ? ", " : ",", f);
        }
        if (indent >= 0)
            fprintf(f, "\n%*s", indent, "");
        fputc(object ? '}' : ']', f);
        break;
    }
    default:
        fputs("null", f);
    }
}

static char *render(const cJSON *json, int indent) {
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return NULL;
    put_value(f, json, indent);
    if (indent >= 0)
        fputc('\n', f);
    if (ferror(f) | fclose(f)) {
        free(text);
        return NULL;
    }
    return text;
}

char *json_text(const cJSON *json) {
    return render(json, 0);
}

char *json_line(const cJSON *json) {
    return render(json, -1);
}

int json_write(const char *path, const cJSON *json, struct err *err) {
    char *text = json_text(json);
    if (!text)
        return err_nomem(err);
    int ret = outfile_write(path, text, strlen(text), err);
    free(text);
    return ret;
}

int json_put(const char *path, const cJSON *json, struct err *err) {
    struct outfile *out = NULL;
    char *text = json_text(json);
    if (!text)
        return err_nomem(err);
    int ret = outfile_prepare(&out, path, text, strlen(text), err);
    if (!ret && out)
        ret = outfile_commit(&out, err);
    free(text);
    return ret;
}

/* Digest of everything but the member "digest", as it looks after a round trip through a file. */
static int seal_of(const cJSON *object, char hex[DIGEST_HEX], struct err *err) {
    char *text = json_line(object), *again = NULL;
    cJSON *copy = text ? cJSON_Parse(text) : NULL;
    if (copy) {
        cJSON_DeleteItemFromObjectCaseSensitive(copy, "digest");
        again = json_line(copy);
    }
    if (again)
        digest_bytes(again, strlen(again), hex);
    int ret = again ? 0 : err_nomem(err);
    free(text);
    free(again);
    cJSON_Delete(copy);
    return ret;
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

static int get(const cJSON *object, const char *key, cJSON **item, struct err *err) {
    *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return *item ? 0 : err_set(err, ERR_FAILED, "key \"%s\" is missing", key);
}

int json_get_string(const cJSON *object, const char *key, const char **s, struct err *err) {
    cJSON *item;
    if (get(object, key, &item, err))
        return -1;
    if (!cJSON_IsString(item))
        return err_set(err, ERR_FAILED, "key \"%s\" is not a string", key);
    *s = item->valuestring;
    return 0;
}

int json_get_real(const cJSON *object, const char *key, double *v, struct err *err) {
    cJSON *item;
    if (get(object, key, &item, err))
        return -1;
    if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble))
        return err_set(err, ERR_FAILED, "key \"%s\" is not a finite number", key);
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
    cJSON *item;
    if (get(object, key, &item, err))
        return -1;
    *o = item;
    return cJSON_IsObject(item) ? 0 : err_set(err, ERR_FAILED, "key \"%s\" is not an object", key);
}

int json_get_array(const cJSON *object, const char *key, const cJSON **a, struct err *err) {
    cJSON *item;
    if (get(object, key, &item, err))
        return -1;
    *a = item;
    return cJSON_IsArray(item) ? 0 : err_set(err, ERR_FAILED, "key \"%s\" is not an array", key);
}
