#define _GNU_SOURCE
/* Which module of a file is taken, which files are refused and in which words, and real checkpoints. */
#include "base/digest.h"
#include "builder.h"
#include "model.h"
#include "pt/tree.h"
#include "test.h"

#include <unistd.h>

static struct err err;

/* A module with one child "model" that is a Sequential, itself with a child `leaf`, if any. */
static void detector(struct buf *b, const char *class, const char *leaf) {
    pk_module(b, "ultralytics.nn.tasks", class);
    pk_str(b, "model");
    pk_module(b, "torch.nn.modules.container", "Sequential");
    if (leaf) {
        pk_str(b, leaf);
        pk_module(b, "torch.nn.modules.linear", "Identity");
        pk_module_end(b);
    }
    pk_module_end(b);
    pk_module_end(b);
}

static void root_is(struct buf *b, const char *class, const char *entry) {
    struct checkpoint *c = open_built(b, NULL, &err);
    CHECK(c != NULL, "a %s under \"%s\" %s", class, entry, err.msg);
    if (c) {
        CHECK_STR(pt_class_name(checkpoint_root(c)), class, "its root");
        CHECK_STR(checkpoint_entry(c), entry, "from");
    }
    checkpoint_free(&c);
}

static void test_root(void) {
    struct buf b = {0};
    pk_begin(&b, 2);
    op(&b, OP_EMPTY_DICT);
    op(&b, OP_MARK);
    pk_str(&b, "ema");
    detector(&b, "Averaged", "0");
    pk_str(&b, "model");
    detector(&b, "Plain", "0");
    op(&b, OP_SETITEMS);
    root_is(&b, "Averaged", "ema");
    pk_begin(&b, 2);
    op(&b, OP_EMPTY_DICT);
    op(&b, OP_MARK);
    pk_str(&b, "model");
    detector(&b, "Plain", "0");
    pk_str(&b, "ema");
    op(&b, OP_NONE);
    op(&b, OP_SETITEMS);
    root_is(&b, "Plain", "model");
    pk_begin(&b, 3);
    detector(&b, "Bare", "0");
    root_is(&b, "Bare", "");
    pk_begin(&b, 2); /* a YOLO object around its detector */
    pk_module(&b, "ultralytics.models.yolo.model", "YOLO");
    pk_str(&b, "model");
    detector(&b, "Inner", "0");
    pk_module_end(&b);
    root_is(&b, "Inner", "");
}

static void refused(struct buf *b, const struct parts *parts, const char *why) {
    struct checkpoint *c = open_built(b, parts, &err);
    CHECK(!c && strstr(err.msg, why) && strncmp(err.msg, "t.pt: ", 6) == 0 && !strchr(err.msg, '\n'),
          "refused: %s", err.msg);
    checkpoint_free(&c);
}

static void test_no_model(void) {
    struct buf b = {0};
    static const float bytes[2];
    struct parts parts = {{{.name = "m/data/0", .bytes = bytes, .n = sizeof bytes}}, 1};
    pk_begin(&b, 2);
    op(&b, OP_EMPTY_DICT);
    pk_str(&b, "model.0.weight");
    pk_tensor(&b, "FloatStorage", "0", 2, 0, 1, (int64_t[]){2}, NULL);
    op(&b, OP_SETITEM);
    refused(&b, &parts, "state_dict");
    pk_begin(&b, 2);
    op(&b, OP_EMPTY_DICT);
    pk_str(&b, "model");
    op(&b, OP_EMPTY_DICT);
    pk_str(&b, "model.0.weight");
    pk_tensor(&b, "FloatStorage", "0", 2, 0, 1, (int64_t[]){2}, NULL);
    op(&b, OP_SETITEM);
    op(&b, OP_SETITEM);
    refused(&b, &parts, "state_dict");
    pk_begin(&b, 2);
    op(&b, OP_EMPTY_DICT);
    refused(&b, NULL, "no torch.nn.Module");
    pk_begin(&b, 2);
    op(&b, OP_NONE);
    refused(&b, NULL, "no torch.nn.Module");
    pk_begin(&b, 2);
    pk_object(&b, "argparse", "Namespace");
    pk_object_end(&b);
    refused(&b, NULL, "no torch.nn.Module");
}

/* The bytes of a file, zipped or not. */
static void refused_bytes(const void *bytes, size_t n, const char *why) {
    struct checkpoint *c = NULL;
    err = (struct err){0};
    checkpoint_open_bytes("t.pt", bytes, n, &c, &err);
    CHECK(!c && strstr(err.msg, why), "refused: %s", err.msg);
    checkpoint_free(&c);
}

static void test_formats(void) {
    static const struct {
        const char *bytes;
        size_t n;
        const char *words;
    } others[] = {
        {"", 0, "t.pt: it is empty; copy or download it again"},
        {"version https://git-lfs.github.com/spec/v1\noid", 47,
         "t.pt: it is a Git LFS pointer; fetch the file that it stands for: git lfs pull"},
        {"\n<!DOCTYPE html>", 16,
         "t.pt: it is an HTML page; download the file itself, not the page about it"},
        {"\x10\1\0\0\0\0\0\0{\"a\":", 13, "t.pt: it is a safetensors file; it holds weights alone, and"},
        {"\x08\x0a\x12\x07pytorch", 11, "t.pt: it is an ONNX model; the checkpoint that training saved"},
        {"ftrt\0\0\0\0", 8, "t.pt: it is a TensorRT engine; the checkpoint that training saved"},
        {"\x5d\x0e\0\0{\"description\": ", 20, "t.pt: it is a TensorRT engine; the checkpoint that training"},
        {"\x1f\x8b\x08\0", 4, "t.pt: it is a gzip file; unpack it first: gunzip"},
        {"\x80\x04N.", 4, "t.pt: it is a bare pickle; the checkpoint that training saved"},
        {"\xff\xd8\xff\xe0", 4, "t.pt: it is a JPEG picture; name the checkpoint"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        refused_bytes(others[i].bytes, others[i].n, others[i].words);
    refused_bytes("PK", 2, "broken or cut zip file");
    refused_bytes("hello, world", 12, "not a zip file");
    refused_bytes("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15, "torch's old format");
    struct buf b = {0};
    struct parts big = {{TEXT_ENTRY("m/byteorder", "big")}, 1},
                 little = {{TEXT_ENTRY("m/byteorder", "little")}, 1};
    pk_begin(&b, 2);
    detector(&b, "D", "0");
    refused(&b, &big, "not little-endian");
    pk_begin(&b, 2);
    detector(&b, "D", "0");
    struct checkpoint *c = open_built(&b, &little, &err);
    CHECK(c != NULL, "little-endian is read %s", err.msg);
    checkpoint_free(&c);
    struct entry script[] = {TEXT_ENTRY("m/data.pkl", "\x80\x02N."),
                             TEXT_ENTRY("m/constants.pkl", "\x80\x02N.")};
    struct buf z = zip_build(script, 2);
    refused_bytes(z.p, z.n, "TorchScript");
    buf_free(&z);
    struct entry other[] = {TEXT_ENTRY("a.txt", "a"), TEXT_ENTRY("b/c.txt", "b")};
    z = zip_build(other, 1);
    refused_bytes(z.p, z.n, "without torch.save's folder");
    buf_free(&z);
    z = zip_build(other + 1, 1);
    refused_bytes(z.p, z.n, "without data.pkl");
    buf_free(&z);
}

/* Entries of torch.serialization.set_crc32_options(False). The CRC of what is compressed, which torch never does, is held
 * against it whatever it is. */
static void test_no_crc(void) {
    struct buf b = {0}, packed;
    struct checkpoint *c = NULL;
    pk_begin(&b, 2);
    detector(&b, "Unchecked", "0");
    op(&b, OP_STOP);
    struct entry e = {.name = "m/data.pkl", .bytes = b.p, .n = b.n, .no_crc = true};
    struct buf z = zip_build(&e, 1);
    err = (struct err){0};
    CHECK(checkpoint_open_bytes("t.pt", z.p, z.n, &c, &err) == 0, "a file without CRCs is read %s", err.msg);
    checkpoint_free(&c);
    buf_free(&z);
    packed = deflate(&b);
    e = (struct entry){
        .name = "m/data.pkl", .bytes = packed.p, .n = packed.n, .unpacked = &b, .no_crc = true};
    z = zip_build(&e, 1);
    refused_bytes(z.p, z.n, "entry data.pkl is damaged");
    e = (struct entry){.name = "m/data.pkl", .bytes = b.p, .n = b.n, .wrong_crc = true};
    buf_free(&z);
    z = zip_build(&e, 1);
    refused_bytes(z.p, z.n, "entry data.pkl is damaged");
    buf_free(&z);
    buf_free(&packed);
    buf_free(&b);
}

/* The same model stored, and with deflated entries. */
static void test_deflate(void) {
    static float bytes[300];
    for (int i = 0; i < 300; i++)
        bytes[i] = (float)i;
    struct buf b = {0}, storage = {0}, packed[2], *plain[] = {&b, &storage};
    begin_layer(&b, 2);
    pk_str(&b, "weight");
    pk_tensor(&b, "FloatStorage", "0", 300, 0, 1, (int64_t[]){300}, NULL);
    end_layer(&b);
    op(&b, OP_STOP);
    put(&storage, bytes, sizeof bytes);
    struct entry e[] = {{.name = "m/data.pkl"}, {.name = "m/data/0"}};
    for (int i = 0; i < 2; i++) {
        packed[i] = deflate(plain[i]);
        e[i].bytes = packed[i].p;
        e[i].n = packed[i].n;
        e[i].unpacked = plain[i];
    }
    struct buf z = zip_build(e, 2);
    struct checkpoint *c = NULL;
    float *got = NULL;
    err = (struct err){0};
    CHECK(checkpoint_open_bytes("t.pt", z.p, z.n, &c, &err) == 0 &&
              pt_tensor_floats(pt_param(checkpoint_root(c), "weight"), &got, &err) == 0 && got[299] == 299,
          "deflated entries are read %s", err.msg);
    free(got);
    checkpoint_free(&c);
    buf_free(&z);
    for (int i = 0; i < 2; i++) {
        buf_free(&packed[i]);
        buf_free(plain[i]);
    }
}

static void test_paths(void) {
    struct checkpoint *c = NULL;
    static const struct {
        const char *path, *why;
    } cases[] = {
        {"/nonexistent/a.pt", "No such file"}, {"/", "not a regular file"}, {"/dev/zero", "not a regular"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err = (struct err){0};
        checkpoint_open(cases[i].path, &c, &err);
        CHECK(!c && strstr(err.msg, cases[i].why) && strstr(err.msg, cases[i].path), "refused: %s", err.msg);
        checkpoint_free(&c);
    }
}

static void test_tree(void) {
    static const float bytes[] = {1, 2, 3, 4};
    struct buf b = {0};
    pk_begin(&b, 2);
    pk_object(&b, "pkg", "Top");
    pk_dict(&b, "_parameters");
    pk_str(&b, "weight");
    pk_tensor(&b, "FloatStorage", "0", 4, 0, 2, (int64_t[]){2, 2}, (int64_t[]){1, 2});
    pk_put(&b, 1);
    pk_str(&b, "bias");
    op(&b, OP_NONE);
    pk_dict_end(&b);
    pk_dict(&b, "_buffers");
    pk_str(&b, "again");
    pk_get(&b, 1);
    pk_dict_end(&b);
    pk_dict(&b, "_modules");
    pk_str(&b, "a");
    pk_module(&b, "pkg", "Leaf");
    pk_module_end(&b);
    pk_put(&b, 2);
    pk_str(&b, "b");
    pk_get(&b, 2);
    pk_str(&b, "c");
    op(&b, OP_NONE);
    pk_dict_end(&b);
    pk_str(&b, "stride");
    pk_ints(&b, 2, (int64_t[]){2, 3});
    pk_str(&b, "eps");
    put(&b, "G\x7f\xf8\x00\x00\x00\x00\x00\x00", 9);
    pk_str(&b, "_hidden");
    pk_int(&b, 1);
    pk_str(&b, "args");
    op(&b, OP_EMPTY_DICT);
    pk_object_end(&b);
    struct parts parts = {{{.name = "m/data/0", .bytes = bytes, .n = sizeof bytes}}, 1};
    struct checkpoint *c = open_built(&b, &parts, &err);
    cJSON *tree = NULL;
    CHECK(c && pt_tree_json(c, &tree, &err) == 0, "the tree as JSON %s", err.msg);
    char *text = cJSON_PrintUnformatted(tree);
    /* sha256 of the floats 1, 3, 2, 4 */
    CHECK_STR(
        text,
        "{\"class\":\"pkg.Top\",\"attributes\":{\"stride\":[2,3],\"eps\":\"nan\"},\"parameters\":{\"weight\":"
        "{"
        "\"dtype\":\"float32\",\"shape\":[2,2],\"strides\":[1,2],\"offset\":0,\"storage\":\"0\",\"sha256\":"
        "\"e3016490e6a9ec8d5797c7b5ec17a4746720e71e73e9b14b0b705307e13275c1\"},\"bias\":null},\"buffers\":{"
        "\"again\":{\"same_as\":\"weight\"}},\"children\":{\"a\":{"
        "\"class\":\"pkg.Leaf\"},\"b\":{\"same_as\":\"a\"},\"c\":null}}",
        "tree");
    free(text);
    cJSON_Delete(tree);
    checkpoint_free(&c);
}

/* Adds each tensor of m and below it to the digest: its path and a newline, its elements as float32. */
static int digest_tensors(const struct pt_value *m, const char *path, struct digest *d, int *n) {
    char inner[512];
    const char *name;
    for (int buffers = 0; buffers < 2; buffers++)
        for (size_t i = 0; i < (buffers ? pt_buffers(m) : pt_params(m)); i++) {
            const struct pt_value *v = buffers ? pt_buffer_at(m, i, &name) : pt_param_at(m, i, &name);
            float *values = NULL;
            if (!v)
                continue;
            if (pt_tensor_floats(v, &values, &err))
                return err_wrap(&err, "%s%s", path, name);
            snprintf(inner, sizeof inner, "%s%s\n", path, name);
            digest_add(d, inner, strlen(inner));
            digest_add(d, values, (size_t)pt_tensor(v)->numel * sizeof *values);
            free(values);
            ++*n;
        }
    for (size_t i = 0; i < pt_children(m); i++) {
        const struct pt_value *child = pt_child_at(m, i, &name);
        snprintf(inner, sizeof inner, "%s%s.", path, name);
        if (child && digest_tensors(child, inner, d, n))
            return -1;
    }
    return 0;
}

/* A real file; `want` was computed by torch.load and the same walk in Python. */
static void test_real(const char *path, int tensors, const char *want) {
    struct checkpoint *c = NULL;
    struct digest *d = digest_new();
    cJSON *tree = NULL;
    char hex[DIGEST_HEX];
    int n = 0;
    if (access(path, R_OK)) {
        printf("# skip %s is not here\n", path);
        digest_free(&d);
        return;
    }
    err = (struct err){0};
    CHECK(checkpoint_open(path, &c, &err) == 0 && pt_tree_json(c, &tree, &err) == 0, "%s %s", path, err.msg);
    if (c) {
        digest_file(path, hex, &err);
        CHECK_STR(checkpoint_digest(c), hex, "its digest");
        CHECK_STR(pt_class(checkpoint_root(c)), "ultralytics.nn.tasks.YOLOv10DetectionModel", "its model");
        CHECK(digest_tensors(checkpoint_root(c), "", d, &n) == 0 && n == tensors, "%d tensors %s", n,
              err.msg);
        digest_finish(&d, hex);
        CHECK_STR(hex, want, "all of them are torch's");
    }
    digest_free(&d);
    cJSON_Delete(tree);
    checkpoint_free(&c);
}

static void test_truncated(void) {
    static const float bytes[16];
    struct buf b = {0};
    begin_layer(&b, 2);
    pk_str(&b, "weight");
    pk_tensor(&b, "FloatStorage", "0", 16, 0, 1, (int64_t[]){16}, NULL);
    end_layer(&b);
    op(&b, OP_STOP);
    struct entry e[] = {ENTRY("m/data.pkl", b), {.name = "m/data/0", .bytes = bytes, .n = sizeof bytes}};
    int read = 0;
    struct buf z = zip_build(e, 2);
    for (size_t n = 0; n < z.n; n++) {
        struct checkpoint *c = NULL;
        err = (struct err){0};
        read += checkpoint_open_bytes("t.pt", z.p, n, &c, &err) == 0 || !*err.msg;
        checkpoint_free(&c);
    }
    CHECK(read == 0, "none of %zu cut files is read", z.n);
    buf_free(&z);
    /* The pickle cut, in a zip file that is whole. */
    read = 0;
    for (e[0].n = 0; e[0].n < b.n; e[0].n++) {
        struct checkpoint *c = NULL;
        z = zip_build(e, 2);
        err = (struct err){0};
        read += checkpoint_open_bytes("t.pt", z.p, z.n, &c, &err) == 0 || !*err.msg;
        checkpoint_free(&c);
        buf_free(&z);
    }
    CHECK(read == 0, "none of %zu cut pickles is read", b.n);
    /* Each of its bytes changed in turn: read or refused in words, never anything else. */
    size_t refusals = 0;
    for (size_t i = 0; i < b.n; i++)
        for (int flip = 1; flip < 256; flip *= 2) {
            struct checkpoint *c = NULL;
            b.p[i] ^= (unsigned char)flip;
            e[0].n = b.n;
            z = zip_build(e, 2);
            err = (struct err){0};
            int ret = checkpoint_open_bytes("t.pt", z.p, z.n, &c, &err);
            refusals += ret != 0 && *err.msg;
            read += ret != 0 && !*err.msg;
            checkpoint_free(&c);
            buf_free(&z);
            b.p[i] ^= (unsigned char)flip;
        }
    CHECK(read == 0 && refusals > b.n, "%zu of %zu altered pickles are refused, each with a reason", refusals,
          8 * b.n);
    buf_free(&b);
}

int main(void) {
    char path[4096];
    static const struct {
        const char *name;
        int tensors;
        const char *digest;
    } models[] = {{"yolov10n", 595, "48cb755f9bfcf7426fa9bac20b15af56df44368dde70b489548ee646c1d3eb1d"},
                  {"yolov10s", 619, "b2828a0717e9bb3f2d69aa4b88f78923381c879749426c0f6d8f545e3c77b44b"},
                  {"yolov10m", 799, "89e997eda00c2792dc96273284c8c2e98319e0e9ada07ae4d8722934d2e1db83"}};
    const char *shared = getenv("SHARED");
    test_root();
    test_no_model();
    test_formats();
    test_no_crc();
    test_deflate();
    test_paths();
    test_tree();
    test_truncated();
    test_real(TEST_CHECKPOINT, models[0].tensors, models[0].digest);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        snprintf(path, sizeof path, "%s/models/%s.pt", shared ? shared : "../shared", models[i].name);
        test_real(path, models[i].tensors, models[i].digest);
    }
    return test_end();
}
