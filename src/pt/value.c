#include "pt/value.h"

#include "pt/node.h"

#include <math.h>
#include <string.h>

enum pt_kind pt_kind(const struct pt_value *v) {
    return v ? (enum pt_kind)v->kind : PT_NONE;
}

const char *pt_describe(const struct pt_value *v) {
    static const char *const names[] = {
        [PT_NONE] = "None",         [PT_BOOL] = "a bool",     [PT_INT] = "an int",
        [PT_BIGINT] = "a huge int", [PT_FLOAT] = "a float",   [PT_STR] = "a str",
        [PT_BYTES] = "bytes",       [PT_LIST] = "a list",     [PT_TUPLE] = "a tuple",
        [PT_DICT] = "a dict",       [PT_SET] = "a set",       [PT_GLOBAL] = "a class",
        [PT_OBJECT] = "an object",  [PT_TENSOR] = "a tensor", [PT_STORAGE] = "a storage",
    };
    const char *class = pt_class(v);
    return class ? class : names[pt_kind(v)];
}

/* v, or the number in a tensor without dimensions, in *scratch. */
static const struct pt_value *number_of(const struct pt_value *v, struct pt_value *scratch) {
    return pt_tensor_number(v, scratch) ? scratch : v;
}

int pt_int(const struct pt_value *v, int64_t min, int64_t max, int64_t *out, struct err *err) {
    struct pt_value scratch;
    const struct pt_value *a = number_of(v, &scratch);
    int64_t n;
    switch (pt_kind(a)) {
    case PT_INT:
        n = a->number;
        break;
    case PT_BOOL:
        n = a->truth;
        break;
    default:
        return err_set(err, ERR_FAILED, "%s is not an integer between %lld and %lld", pt_describe(v),
                       (long long)min, (long long)max);
    }
    if (n < min || n > max)
        return err_set(err, ERR_FAILED, "%lld is not an integer between %lld and %lld", (long long)n,
                       (long long)min, (long long)max);
    *out = n;
    return 0;
}

int pt_real(const struct pt_value *v, double *out, struct err *err) {
    struct pt_value scratch;
    const struct pt_value *a = number_of(v, &scratch);
    double x;
    switch (pt_kind(a)) {
    case PT_FLOAT:
        x = a->real;
        break;
    case PT_INT:
        x = (double)a->number;
        break;
    default:
        return err_set(err, ERR_FAILED, "%s is not a number", pt_describe(v));
    }
    if (!isfinite(x))
        return err_set(err, ERR_FAILED, "%g is not a finite number", x);
    *out = x;
    return 0;
}

double pt_float(const struct pt_value *v) {
    return pt_kind(v) == PT_FLOAT ? v->real : 0;
}

int pt_bool(const struct pt_value *v, bool *out, struct err *err) {
    int64_t n = 0;
    if (pt_int(v, 0, 1, &n, NULL))
        return err_set(err, ERR_FAILED, "%s is not True or False", pt_describe(v));
    *out = n != 0;
    return 0;
}

const char *pt_str(const struct pt_value *v) {
    return pt_kind(v) == PT_STR && v->is_text ? v->text.bytes : NULL;
}

static const struct pt_seq *seq_of(const struct pt_value *v) {
    enum pt_kind k = pt_kind(v);
    return k == PT_LIST || k == PT_TUPLE || k == PT_SET ? &v->seq : NULL;
}

size_t pt_len(const struct pt_value *v) {
    const struct pt_seq *s = seq_of(v);
    return s ? s->n : 0;
}

const struct pt_value *pt_item(const struct pt_value *v, size_t i) {
    const struct pt_seq *s = seq_of(v);
    return s && i < s->n ? s->at[i] : NULL;
}

int pt_ints(const struct pt_value *v, size_t n, int64_t min, int64_t max, int64_t *out, struct err *err) {
    enum pt_kind k = pt_kind(v);
    if (k == PT_LIST || k == PT_TUPLE) {
        if (pt_len(v) != n)
            return err_set(err, ERR_FAILED, "%s of %zu items, not of %zu", pt_describe(v), pt_len(v), n);
        for (size_t i = 0; i < n; i++)
            if (pt_int(pt_item(v, i), min, max, &out[i], err))
                return -1;
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        if (pt_int(v, min, max, &out[i], err))
            return -1;
    return 0;
}

static const struct pt_dict *dict_of(const struct pt_value *v) {
    return pt_kind(v) == PT_DICT ? v->dict : NULL;
}

size_t pt_dict_len(const struct pt_value *v) {
    const struct pt_dict *d = dict_of(v);
    return d ? d->items.n / 2 : 0;
}

const struct pt_value *pt_dict_key(const struct pt_value *v, size_t i) {
    return i < pt_dict_len(v) ? v->dict->items.at[2 * i] : NULL;
}

const struct pt_value *pt_dict_value(const struct pt_value *v, size_t i) {
    return i < pt_dict_len(v) ? v->dict->items.at[2 * i + 1] : NULL;
}

const struct pt_value *pt_dict_get(const struct pt_value *v, const char *key) {
    const struct pt_dict *d = dict_of(v);
    for (size_t lo = 0, hi = d ? d->n_index : 0; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        int order = strcmp(key, d->items.at[d->index[mid]]->text.bytes);
        if (order == 0)
            return d->items.at[d->index[mid] + 1];
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

const char *pt_class(const struct pt_value *v) {
    switch (pt_kind(v)) {
    case PT_GLOBAL:
        return v->text.bytes;
    case PT_OBJECT:
        return v->object->class->text.bytes;
    default:
        return NULL;
    }
}

const char *pt_class_name(const struct pt_value *v) {
    const char *full = pt_class(v);
    const char *dot = full ? strrchr(full, '.') : NULL;
    return dot ? dot + 1 : full;
}

const struct pt_value *pt_args(const struct pt_value *v) {
    return pt_kind(v) == PT_OBJECT ? v->object->args : NULL;
}

const struct pt_value *pt_state(const struct pt_value *v) {
    return pt_kind(v) == PT_OBJECT ? v->object->state : NULL;
}

const struct pt_value *pt_attr(const struct pt_value *v, const char *name) {
    const struct pt_value *state = pt_state(v);
    /* A class with __slots__ saves (__dict__ or None, slots). */
    if (pt_kind(state) == PT_TUPLE && pt_len(state) == 2) {
        const struct pt_value *a = pt_dict_get(pt_item(state, 0), name);
        return a ? a : pt_dict_get(pt_item(state, 1), name);
    }
    return pt_dict_get(state, name);
}

/* pt_attr, where an absent attribute is an error. */
static int need(const struct pt_value *v, const char *name, const struct pt_value **a, struct err *err) {
    if (pt_kind(v) != PT_OBJECT)
        return err_set(err, ERR_FAILED, "%s has no attribute \"%s\"", pt_describe(v), name);
    if (!(*a = pt_attr(v, name)))
        return err_set(err, ERR_FAILED, "%s's attribute \"%s\" is missing", pt_class_name(v), name);
    return 0;
}

static int said(const struct pt_value *v, const char *name, int ret, struct err *err) {
    return ret ? err_wrap(err, "%s's attribute \"%s\"", pt_class_name(v), name) : 0;
}

int pt_attr_int(const struct pt_value *v, const char *name, int64_t min, int64_t max, int64_t *out,
                struct err *err) {
    const struct pt_value *a;
    return need(v, name, &a, err) ? -1 : said(v, name, pt_int(a, min, max, out, err), err);
}

int pt_attr_ints(const struct pt_value *v, const char *name, size_t n, int64_t min, int64_t max, int64_t *out,
                 struct err *err) {
    const struct pt_value *a;
    return need(v, name, &a, err) ? -1 : said(v, name, pt_ints(a, n, min, max, out, err), err);
}

int pt_attr_real(const struct pt_value *v, const char *name, double *out, struct err *err) {
    const struct pt_value *a;
    return need(v, name, &a, err) ? -1 : said(v, name, pt_real(a, out, err), err);
}

int pt_attr_bool(const struct pt_value *v, const char *name, bool *out, struct err *err) {
    const struct pt_value *a;
    return need(v, name, &a, err) ? -1 : said(v, name, pt_bool(a, out, err), err);
}
