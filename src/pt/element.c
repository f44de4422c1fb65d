/* Reading a tensor's elements: pt_tensor_floats and its kin of pt/tensor.h. */
#include "pt/node.h"
#include "pt/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float bits_to_float(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* IEEE 754 binary16: 5 bits of exponent with bias 15, 10 of fraction; exact, NaN payloads kept. */
static float half_to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 0x1f, fraction = h & 0x3ff;
    if (exponent == 0x1f)
        return bits_to_float(sign | 0x7f800000 | fraction << 13);
    if (exponent)
        return bits_to_float(sign | (exponent + 127 - 15) << 23 | fraction << 13);
    float magnitude = (float)fraction * 0x1p-24f;
    return sign ? -magnitude : magnitude;
}

/* bfloat16: the upper half of a binary32. */
static float bfloat_to_float(uint16_t h) {
    return bits_to_float((uint32_t)h << 16);
}

/* n elements of type `source`, `step` bytes apart from p. */
#define EACH(source, expression)                                                                             \
    for (int64_t i = 0; i < n; i++, p += step) {                                                             \
        source v;                                                                                            \
        memcpy(&v, p, sizeof v);                                                                             \
        out[i] = expression;                                                                                 \
    }                                                                                                        \
    break

static void floats_of_row(enum pt_dtype dtype, const unsigned char *p, int64_t step, int64_t n, float *out) {
    switch (dtype) {
    case PT_FLOAT16:
        EACH(uint16_t, half_to_float(v));
    case PT_BFLOAT16:
        EACH(uint16_t, bfloat_to_float(v));
    case PT_FLOAT32:
        EACH(float, v);
    case PT_FLOAT64:
        EACH(double, (float)v);
    case PT_UINT8:
        EACH(uint8_t, v);
    case PT_INT8:
        EACH(int8_t, v);
    case PT_UINT16:
        EACH(uint16_t, v);
    case PT_INT16:
        EACH(int16_t, v);
    case PT_UINT32:
        EACH(uint32_t, (float)v);
    case PT_INT32:
        EACH(int32_t, (float)v);
    case PT_UINT64:
        EACH(uint64_t, (float)v);
    case PT_INT64:
        EACH(int64_t, (float)v);
    case PT_BOOL8:
        EACH(uint8_t, v != 0);
    case PT_OTHER:
        break;
    }
}

/* Converts all elements, row by row. bytes: the storage. */
static void convert(const struct pt_tensor *t, const unsigned char *bytes, float *floats) {
    int64_t at[PT_DIMS] = {0}, first = t->offset;
    int64_t row = t->dims ? t->size[t->dims - 1] : 1, step = t->dims ? t->stride[t->dims - 1] : 1;
    int64_t unit = (int64_t)pt_dtype_size(t->dtype);
    for (int64_t done = 0; done < t->numel; done += row) {
        floats_of_row(t->dtype, bytes + first * unit, step * unit, row, floats + done);
        for (int d = t->dims - 2; d >= 0; d--) {
            first += t->stride[d];
            if (++at[d] < t->size[d])
                break;
            first -= t->size[d] * t->stride[d];
            at[d] = 0;
        }
    }
}

int pt_tensor_floats(const struct pt_value *v, float **out, struct err *err) {
    const struct pt_tensor *t = pt_tensor(v);
    const void *bytes;
    if (!t)
        return err_set(err, ERR_FAILED, "%s is not a tensor that can be read", pt_describe(v));
    if (t->dtype == PT_OTHER)
        return err_set(err, ERR_UNSUPPORTED, "tensors of dtype %.100s are not read", t->dtype_name);
    const struct pt_storage *s = v->tensor->storage;
    if (archive_load(s->archive, s->entry, &bytes, err) ||
        archive_charge(s->archive, (uint64_t)t->numel, err))
        return -1;
    float *floats = calloc((size_t)t->numel + 1, sizeof *floats);
    if (!floats)
        return err_nomem(err);
    convert(t, bytes, floats);
    *out = floats;
    return 0;
}

/* The integer of a dtype that is one, or a bool's 0 or 1; a uint64 above INT64_MAX is negative. */
static int64_t integer(enum pt_dtype dtype, const void *bytes) {
    const bool is_signed = dtype == PT_INT8 || dtype == PT_INT16 || dtype == PT_INT32;
    const size_t size = pt_dtype_size(dtype), unused = 64 - 8 * size;
    uint64_t bits = 0;
    memcpy(&bits, bytes, size);
    return is_signed ? (int64_t)(bits << unused) >> unused : (int64_t)bits;
}

void pt_make_number(enum pt_dtype dtype, const void *bytes, struct pt_value *out) {
    float single = 0;
    if (dtype == PT_FLOAT64) {
        out->kind = PT_FLOAT;
        memcpy(&out->real, bytes, sizeof out->real);
    } else if (dtype < PT_FLOAT64) {
        floats_of_row(dtype, bytes, 0, 1, &single);
        out->kind = PT_FLOAT;
        out->real = (double)single;
    } else {
        int64_t n = integer(dtype, bytes);
        out->kind = dtype == PT_BOOL8 ? PT_BOOL : dtype == PT_UINT64 && n < 0 ? PT_BIGINT : PT_INT;
        if (dtype == PT_BOOL8)
            out->truth = n != 0;
        else
            out->number = n;
    }
}

bool pt_tensor_number(const struct pt_value *v, struct pt_value *out) {
    const struct pt_tensor *t = pt_tensor(v);
    const void *bytes;
    if (!t || t->dims || t->dtype == PT_OTHER ||
        archive_load(v->tensor->storage->archive, v->tensor->storage->entry, &bytes, NULL))
        return false;
    pt_make_number(t->dtype, (const char *)bytes + (size_t)t->offset * pt_dtype_size(t->dtype), out);
    return true;
}

/* "(16, 3, 3, 3)" */
static const char *shape_text(int dims, const int64_t *size, char text[200]) {
    size_t n = (size_t)snprintf(text, 200, "(");
    for (int i = 0; i < dims && n < 170; i++)
        n += (size_t)snprintf(text + n, 200 - n, "%s%lld", i ? ", " : "", (long long)size[i]);
    snprintf(text + n, 200 - n, ")");
    return text;
}

int pt_tensor_shaped(const struct pt_value *v, int dims, const int64_t *size, float **out, struct err *err) {
    const struct pt_tensor *t = pt_tensor(v);
    char got[200], want[200];
    bool same = !t || t->dims == dims;
    for (int i = 0; t && same && i < dims; i++)
        same = t->size[i] == size[i];
    if (!same)
        return err_set(err, ERR_FAILED, "its shape is %s, not %s", shape_text(t->dims, t->size, got),
                       shape_text(dims, size, want));
    return pt_tensor_floats(v, out, err);
}
