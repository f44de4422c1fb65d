/* Tensors: every dtype, strides, offsets, ties; and shapes that leave their storage. */
#include "builder.h"
#include "model.h"
#include "test.h"

#include <math.h>

static struct err err;

/* A layer whose parameter "weight" is a tensor of `bytes`. */
static struct checkpoint *one_tensor(const char *class, const void *bytes, size_t n, int64_t numel,
                                     int64_t offset, int dims, const int64_t *size, const int64_t *stride) {
    struct buf b = {0};
    begin_layer(&b, 2);
    pk_str(&b, "weight");
    pk_tensor(&b, class, "0", numel, offset, dims, size, stride);
    end_layer(&b);
    struct parts parts = {{{.name = "m/data/0", .bytes = bytes, .n = n}}, 1};
    return open_built(&b, &parts, &err);
}

static const struct pt_value *weight_of(const struct checkpoint *c) {
    return c ? pt_param(checkpoint_root(c), "weight") : NULL;
}

static void test_dtypes(void) {
    static const double doubles[] = {1.5, -2, 1e300, 1.0000000001};
    static const float floats[] = {1.5f, -0.0f, 3e-45f};
    static const uint16_t halves[] = {0x3c00, 0xc000, 0x7bff, 0x0001, 0x83ff, 0x7c00, 0x8000, 0x0400};
    static const uint16_t bfloats[] = {0x3f80, 0xc0a0, 0x7f80};
    static const int64_t longs[] = {-1, INT64_MAX, 16777217};
    static const uint64_t ulongs[] = {UINT64_MAX, 3};
    static const int32_t ints[] = {INT32_MIN, 5};
    static const uint32_t uints[] = {UINT32_MAX, 5};
    static const int16_t shorts[] = {-32768, 6};
    static const uint16_t ushorts[] = {65535, 6};
    static const struct {
        const char *storage, *dtype;
        const void *bytes;
        size_t unit;
        int64_t n;
        float want[8];
    } cases[] = {
        {"DoubleStorage", "float64", doubles, 8, 4, {1.5f, -2, INFINITY, 1}},
        {"FloatStorage", "float32", floats, 4, 3, {1.5f, -0.0f, 3e-45f}},
        {"HalfStorage",
         "float16",
         halves,
         2,
         8,
         {1, -2, 65504, 0x1p-24f, -1023 * 0x1p-24f, INFINITY, -0.0f, 0x1p-14f}},
        {"BFloat16Storage", "bfloat16", bfloats, 2, 3, {1, -5, INFINITY}},
        {"LongStorage", "int64", longs, 8, 3, {-1, 0x1p63f, 16777216}},
        {"UInt64Storage", "uint64", ulongs, 8, 2, {0x1p64f, 3}},
        {"IntStorage", "int32", ints, 4, 2, {-0x1p31f, 5}},
        {"UInt32Storage", "uint32", uints, 4, 2, {0x1p32f, 5}},
        {"ShortStorage", "int16", shorts, 2, 2, {-32768, 6}},
        {"UInt16Storage", "uint16", ushorts, 2, 2, {65535, 6}},
        {"CharStorage", "int8", "\x80\x7f", 1, 2, {-128, 127}},
        {"ByteStorage", "uint8", "\x80\xff", 1, 2, {128, 255}},
        {"BoolStorage", "bool", "\0\1\2", 1, 3, {0, 1, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t size[1] = {cases[i].n};
        struct checkpoint *c = one_tensor(cases[i].storage, cases[i].bytes,
                                          cases[i].unit * (size_t)cases[i].n, cases[i].n, 0, 1, size, NULL);
        float *got = NULL;
        bool same = c && pt_tensor_floats(weight_of(c), &got, &err) == 0;
        for (int64_t k = 0; same && k < cases[i].n; k++)
            same = memcmp(&got[k], &cases[i].want[k], sizeof *got) == 0;
        CHECK(same, "%s as float32 %s", cases[i].dtype, err.msg);
        if (c)
            CHECK_STR(pt_tensor(weight_of(c))->dtype_name, cases[i].dtype, "its name");
        free(got);
        checkpoint_free(&c);
    }
}

/* All 65536 halves against what their three fields say. */
static void test_all_halves(void) {
    static uint16_t halves[65536];
    for (int i = 0; i < 65536; i++)
        halves[i] = (uint16_t)i;
    struct checkpoint *c =
        one_tensor("HalfStorage", halves, sizeof halves, 65536, 0, 1, (int64_t[]){65536}, NULL);
    float *got = NULL;
    int wrong = 0;
    if (c && pt_tensor_floats(weight_of(c), &got, &err) == 0)
        for (int i = 0; i < 65536; i++) {
            int e = i >> 10 & 31, f = i & 1023;
            double want = e == 31 ? (f ? NAN : INFINITY) : ldexp(e ? 1024 + f : f, (e ? e : 1) - 25);
            want = i & 0x8000 ? -want : want;
            wrong += !(isnan(want) ? isnan(got[i]) : got[i] == want && !signbit(got[i]) == !signbit(want));
        }
    CHECK(got && wrong == 0, "%d of 65536 halves are wrong", wrong);
    free(got);
    checkpoint_free(&c);
}

/* A tensor without dimensions is the number in it; no other tensor is one. */
static void test_number(void) {
    static const int64_t longs[] = {7, -80};
    static const double doubles[] = {0.1, NAN};
    struct checkpoint *c = one_tensor("LongStorage", longs, 16, 2, 1, 0, NULL, NULL);
    int64_t n = 0;
    double x = 0;
    bool truth = false;
    CHECK(pt_int(weight_of(c), -80, 0, &n, &err) == 0 && n == -80, "an int64 at an offset %s", err.msg);
    CHECK(pt_int(weight_of(c), 0, 80, &n, &err) == -1, "out of range: %s", err.msg);
    checkpoint_free(&c);
    c = one_tensor("ShortStorage", "\xfe\xff", 2, 1, 0, 0, NULL, NULL);
    CHECK(pt_int(weight_of(c), -2, 0, &n, &err) == 0 && n == -2, "an int16");
    checkpoint_free(&c);
    c = one_tensor("UInt16Storage", "\xfe\xff", 2, 1, 0, 0, NULL, NULL);
    CHECK(pt_int(weight_of(c), 0, 65535, &n, &err) == 0 && n == 65534, "a uint16");
    checkpoint_free(&c);
    c = one_tensor("UInt64Storage", "\xfe\xff\xff\xff\xff\xff\xff\xff", 8, 1, 0, 0, NULL, NULL);
    CHECK(pt_int(weight_of(c), INT64_MIN, INT64_MAX, &n, &err) == -1, "a uint64 above INT64_MAX: %s",
          err.msg);
    checkpoint_free(&c);
    c = one_tensor("DoubleStorage", doubles, 16, 2, 0, 0, NULL, NULL);
    CHECK(pt_real(weight_of(c), &x, &err) == 0 && x == 0.1, "a float64, exactly");
    CHECK(pt_int(weight_of(c), 0, 1, &n, &err) == -1, "is no integer: %s", err.msg);
    checkpoint_free(&c);
    c = one_tensor("DoubleStorage", doubles, 16, 2, 1, 0, NULL, NULL);
    CHECK(pt_real(weight_of(c), &x, &err) == -1, "NaN: %s", err.msg);
    checkpoint_free(&c);
    c = one_tensor("BoolStorage", "\1", 1, 1, 0, 0, NULL, NULL);
    CHECK(pt_bool(weight_of(c), &truth, &err) == 0 && truth, "a bool");
    checkpoint_free(&c);
    c = one_tensor("LongStorage", longs, 16, 2, 0, 1, (int64_t[]){1}, NULL);
    CHECK(pt_int(weight_of(c), 0, 80, &n, &err) == -1, "one dimension: %s", err.msg);
    checkpoint_free(&c);
    c = one_tensor("ComplexFloatStorage", longs, 16, 2, 0, 0, NULL, NULL);
    CHECK(c && pt_real(weight_of(c), &x, &err) == -1, "complex: %s", err.msg);
    checkpoint_free(&c);
}

/* The storage holds 0, 1, 2 ...: an element's value is its place. */
static void test_strides(void) {
    enum { N = 24 };
    float bytes[N];
    for (int i = 0; i < N; i++)
        bytes[i] = (float)i;
    static const struct {
        const char *what;
        int dims;
        int64_t offset, size[4], stride[4];
        float want[12];
    } cases[] = {
        {"a scalar", 0, 7, {0}, {0}, {7}},
        {"a row with an offset", 1, 20, {4}, {1}, {20, 21, 22, 23}},
        {"every other", 1, 1, {4}, {2}, {1, 3, 5, 7}},
        {"a transposed matrix", 2, 0, {3, 2}, {1, 3}, {0, 3, 1, 4, 2, 5}},
        {"an expanded row", 2, 4, {3, 2}, {0, 1}, {4, 5, 4, 5, 4, 5}},
        {"an expanded scalar", 2, 9, {2, 2}, {0, 0}, {9, 9, 9, 9}},
        {"a window of a 4 d tensor", 4, 3, {1, 2, 2, 2}, {24, 12, 4, 1}, {3, 4, 7, 8, 15, 16, 19, 20}},
        {"a channels-last tensor", 4, 0, {1, 3, 2, 2}, {12, 1, 6, 3}, {0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct checkpoint *c = one_tensor("FloatStorage", bytes, sizeof bytes, N, cases[i].offset,
                                          cases[i].dims, cases[i].size, cases[i].stride);
        const struct pt_tensor *t = pt_tensor(weight_of(c));
        float *got = NULL;
        CHECK(t && pt_tensor_floats(weight_of(c), &got, &err) == 0 &&
                  memcmp(got, cases[i].want, (size_t)t->numel * sizeof *got) == 0,
              "%s %s", cases[i].what, err.msg);
        free(got);
        checkpoint_free(&c);
    }
    struct checkpoint *c = one_tensor("FloatStorage", bytes, sizeof bytes, N, N, 2, (int64_t[]){0, 5}, NULL);
    float *got = NULL;
    CHECK(c && pt_tensor_floats(weight_of(c), &got, &err) == 0 && got && pt_tensor(weight_of(c))->numel == 0,
          "a tensor without elements");
    free(got);
    checkpoint_free(&c);
    c = one_tensor("FloatStorage", bytes, sizeof bytes, N, 0, 2, (int64_t[]){4, 6}, NULL);
    CHECK(c && pt_tensor_shaped(weight_of(c), 2, (int64_t[]){6, 4}, &got, &err) == -1, "another shape");
    CHECK_STR(err.msg, "its shape is (4, 6), not (6, 4)", "message");
    checkpoint_free(&c);
}

static void test_out_of_bounds(void) {
    static const float bytes[8];
    static const struct {
        int dims;
        int64_t offset, size[10], stride[10], numel;
    } cases[] = {
        {1, 0, {9}, {1}, 8},
        {1, 1, {8}, {1}, 8},
        {1, 8, {1}, {1}, 8},
        {1, -1, {1}, {1}, 8},
        {1, INT64_MAX, {2}, {INT64_MAX}, 8},
        {2, 0, {2, 2}, {INT64_MAX, INT64_MAX}, 8},
        {1, 0, {-1}, {1}, 8},
        {1, 0, {2}, {-1}, 8},
        {1, 0, {INT64_MAX}, {0}, 8},
        {2, 0, {1LL << 32, 1LL << 32}, {0, 0}, 8},
        {4, 0, {1 << 16, 1 << 16, 1 << 16, 1 << 16}, {0, 0, 0, 0}, 8},
        {9, 0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}, 8},
        {1, 0, {1}, {1}, 9},
        {1, 0, {1}, {1}, 7},
        {1, 0, {1}, {1}, -1},
        {1, 0, {1}, {1}, INT64_MAX},
        {1, 0, {1}, {1}, 1LL << 60},
        {1, 0, {1}, {1}, (1LL << 62) + 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct checkpoint *c = one_tensor("FloatStorage", bytes, sizeof bytes, cases[i].numel,
                                          cases[i].offset, cases[i].dims, cases[i].size, cases[i].stride);
        CHECK(!c && *err.msg, "refused: %s", err.msg);
        checkpoint_free(&c);
    }
    /* A shape that fits by its strides alone: 2^40 elements, all of them the same one. Nobody may allocate
     * it. */
    struct checkpoint *c =
        one_tensor("FloatStorage", bytes, sizeof bytes, 8, 0, 1, (int64_t[]){1LL << 40}, (int64_t[]){0});
    float *got = NULL;
    CHECK(c && pt_tensor_floats(weight_of(c), &got, &err) == -1, "2^40 elements: %s", err.msg);
    checkpoint_free(&c);
}

/* Many readings of one storage count against the file's size, too. */
static void test_budget(void) {
    static const float bytes[1024];
    struct checkpoint *c =
        one_tensor("FloatStorage", bytes, sizeof bytes, 1024, 0, 1, (int64_t[]){1024}, NULL);
    size_t most = c ? checkpoint_size(c) * PT_READ_FACTOR / 1024 : 0;
    size_t times = 0;
    for (float *got = NULL; c && times <= most && pt_tensor_floats(weight_of(c), &got, &err) == 0; times++)
        free(got);
    CHECK(times == most && most > 64, "a storage is read %zu times: %s", times, err.msg);
    checkpoint_free(&c);
}

/* Two parameters on one storage, a parameter that is the same tensor, a parameter of each other way to save
 * one. */
static void test_ties(void) {
    static const float bytes[] = {1, 2, 3, 4};
    int64_t two[] = {2};
    struct buf b = {0};
    begin_layer(&b, 4);
    pk_str(&b, "weight");
    pk_tensor(&b, "FloatStorage", "0", 4, 0, 1, two, NULL);
    pk_put(&b, 100);
    pk_str(&b, "tied");
    pk_get(&b, 100);
    pk_str(&b, "half");
    pk_tensor(&b, "FloatStorage", "0", 4, 2, 1, two, NULL);
    pk_str(&b, "parameter");
    pk_global(&b, "torch._utils", "_rebuild_parameter_with_state");
    op(&b, OP_MARK);
    pk_get(&b, 100);
    op(&b, OP_NEWTRUE);
    op(&b, OP_EMPTY_DICT);
    op(&b, OP_EMPTY_DICT);
    op(&b, OP_TUPLE);
    op(&b, OP_REDUCE);
    pk_str(&b, "typed");
    pk_global(&b, "torch._tensor", "_rebuild_from_type_v2");
    op(&b, OP_MARK);
    pk_global(&b, "torch._utils", "_rebuild_tensor_v3");
    pk_global(&b, "torch", "Tensor");
    op(&b, OP_MARK);
    pk_storage(&b, "UntypedStorage", "0", 16);
    pk_int(&b, 1);
    pk_ints(&b, 1, two);
    pk_ints(&b, 1, (int64_t[]){1});
    op(&b, OP_NEWFALSE);
    op(&b, OP_EMPTY_DICT);
    pk_global(&b, "torch", "float32");
    op(&b, OP_TUPLE);
    op(&b, OP_EMPTY_DICT);
    op(&b, OP_TUPLE);
    op(&b, OP_REDUCE);
    pk_str(&b, "float8");
    pk_global(&b, "torch._utils", "_rebuild_tensor_v3");
    op(&b, OP_MARK);
    pk_storage(&b, "UntypedStorage", "0", 16);
    pk_int(&b, 0);
    pk_ints(&b, 1, two);
    pk_ints(&b, 1, (int64_t[]){1});
    op(&b, OP_NEWFALSE);
    op(&b, OP_EMPTY_DICT);
    pk_global(&b, "torch", "float8_e4m3fn");
    op(&b, OP_TUPLE);
    op(&b, OP_REDUCE);
    pk_str(&b, "quantized");
    pk_global(&b, "torch._utils", "_rebuild_qtensor");
    op(&b, OP_EMPTY_TUPLE);
    op(&b, OP_REDUCE);
    pk_str(&b, "bias");
    op(&b, OP_NONE);
    end_layer(&b);
    struct parts parts = {{{.name = "m/data/0", .bytes = bytes, .n = sizeof bytes}}, 1};
    struct checkpoint *c = open_built(&b, &parts, &err);
    CHECK(c != NULL, "tied tensors are read %s", err.msg);
    if (!c)
        return;
    const struct pt_value *m = checkpoint_root(c), *weight = pt_param(m, "weight"),
                          *half = pt_param(m, "half");
    float *got = NULL;
    CHECK(pt_param(m, "tied") == weight && pt_param(m, "parameter") == weight, "a tied tensor is one value");
    CHECK_STR(pt_tensor(half)->storage, pt_tensor(weight)->storage, "two tensors of one storage");
    CHECK(pt_tensor_floats(half, &got, &err) == 0 && got[0] == 3, "each has its part");
    free(got);
    CHECK(pt_tensor_floats(pt_param(m, "typed"), &got, &err) == 0 && got[0] == 2 && got[1] == 3,
          "an untyped storage %s", err.msg);
    free(got);
    CHECK(pt_tensor_floats(pt_param(m, "float8"), &got, &err) == -1 && err.code == ERR_UNSUPPORTED,
          "unsupported");
    CHECK_STR(err.msg, "tensors of dtype float8_e4m3fn are not read", "message");
    CHECK(pt_tensor_floats(pt_param(m, "quantized"), &got, &err) == -1, "a tensor that is not known");
    CHECK_STR(err.msg, "torch._utils._rebuild_qtensor is not a tensor that can be read", "message");
    CHECK(!pt_param(m, "bias") && !pt_param(m, "none") && pt_params(m) == 8, "no bias");
    checkpoint_free(&c);
}

int main(void) {
    test_dtypes();
    test_all_halves();
    test_number();
    test_strides();
    test_out_of_bounds();
    test_budget();
    test_ties();
    return test_end();
}
