/* seeds NAME FOLDER: what fuzzer NAME starts with, made by the builders of the tests. Images are
 * tests/image/fixtures. */
#include "fuzz/fuzz.h"

#include "base/json.h"
#include "cell/qcfg.h"
#include "exec/score.h"
#include "fuzz/network.h"
#include "image/calib.h"
#include "solve/recipe.h"

static const char *folder;

static void seed(const char *name, const void *bytes, size_t n) {
    char path[4096];
    snprintf(path, sizeof path, "%s/seed-%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f)) {
        fprintf(stderr, "seeds: cannot write %s\n", path);
        exit(1);
    }
}

static void checkpoints(void) {
    struct buf zip = network_build(NULL, 0);
    seed("network", zip.p, zip.n);
    buf_free(&zip);
    struct buf p = {0};
    pk_begin(&p, 2);
    pk_module(&p, "pkg", "Leaf");
    pk_str(&p, "a");
    op(&p, OP_NONE);
    pk_module_end(&p);
    op(&p, OP_STOP);
    struct buf packed = deflate(&p);
    struct entry e[] = {ENTRY("m/data.pkl", packed), TEXT_ENTRY("m/byteorder", "little"),
                        TEXT_ENTRY("m/data/0", "0123")};
    e[0].unpacked = &p;
    zip = zip_build(e, 3);
    seed("deflated", zip.p, zip.n);
    buf_free(&zip);
    buf_free(&packed);
    buf_free(&p);
}

/* {"model": a layer with one tensor, whose attribute "x" is what these opcodes make}. */
static void pickle(const char *name, const void *opcodes, size_t n) {
    struct buf p = {0};
    pk_begin(&p, 4);
    op(&p, OP_EMPTY_DICT);
    pk_str(&p, "model");
    pk_object(&p, "torch.nn.modules.linear", "Linear");
    pk_dict(&p, "_modules");
    pk_dict_end(&p);
    pk_dict(&p, "_buffers");
    pk_dict_end(&p);
    pk_dict(&p, "_parameters");
    pk_str(&p, "weight");
    pk_tensor(&p, "FloatStorage", "0", 64, 2, 3, (int64_t[]){2, 3, 4}, NULL);
    pk_dict_end(&p);
    pk_str(&p, "x");
    put(&p, opcodes, n);
    pk_object_end(&p);
    op(&p, OP_SETITEM);
    op(&p, OP_STOP);
    seed(name, p.p, p.n);
    buf_free(&p);
}

/* Every storage class, one tensor and one module twice, and None for a buffer and a module. */
static void tensors(void) {
    static const char *const classes[] = {"Half",   "BFloat16", "Float", "Double",      "Byte",
                                          "Char",   "UInt16",   "Short", "UInt32",      "Int",
                                          "UInt64", "Long",     "Bool",  "ComplexFloat"};
    static const int bytes[] = {2, 2, 4, 8, 1, 1, 2, 2, 4, 4, 8, 8, 1, 8};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        struct buf p = {0};
        char class[32];
        snprintf(class, sizeof class, "%sStorage", classes[i]);
        pk_begin(&p, 2);
        pk_module(&p, "torch.nn.modules.container", "Sequential");
        pk_str(&p, "none");
        op(&p, OP_NONE);
        pk_str(&p, "a");
        pk_object(&p, "torch.nn.modules.linear", "Linear");
        pk_dict(&p, "_modules");
        pk_dict_end(&p);
        pk_dict(&p, "_buffers");
        pk_str(&p, "x");
        op(&p, OP_NONE);
        pk_dict_end(&p);
        pk_dict(&p, "_parameters");
        pk_str(&p, "x");
        pk_tensor(&p, class, "0", 256 / bytes[i], 2, 2, (int64_t[]){3, 2}, NULL);
        pk_put(&p, 2);
        pk_str(&p, "y");
        pk_get(&p, 2);
        pk_dict_end(&p);
        pk_object_end(&p);
        pk_put(&p, 1);
        pk_str(&p, "b");
        pk_get(&p, 1);
        pk_module_end(&p);
        op(&p, OP_STOP);
        seed(class, p.p, p.n);
        buf_free(&p);
    }
}

static void pickles(void) {
    static const struct {
        const char *name, *opcodes;
        size_t n;
    } rows[] = {
#define ROW(name, opcodes) {name, opcodes, sizeof opcodes - 1}
        ROW("scalars", "(N\x88\x89K\xffM\xff\xffJ\xfe\xff\xff\xff\x8a\x02\x00\xff\x8b\x01\x00\x00\x00\x07"
                       "G\x3f\xf8\x00\x00\x00\x00\x00\x00t"),
        ROW("texts", "(X\x03\x00\x00\x00"
                     "abc\x8c\x02\xc3\xa9\x8d\x01\x00\x00\x00\x00\x00\x00\x00xU\x01yT\x01\x00\x00\x00zl"),
        ROW("bytes", "(C\x02\x00\xff"
                     "B\x01\x00\x00\x00q\x8e\x01\x00\x00\x00\x00\x00\x00\x00q"
                     "\x96\x01\x00\x00\x00\x00\x00\x00\x00ql"),
        ROW("lists", "](]K\x01"
                     "aK\x02\x94"
                     "e(K\x01K\x02\x86\x85h\x00l\x86"),
        ROW("sets", "\x8f(K\x01K\x02\x90(K\x03\x91\x86"),
        ROW("dicts", "}(K\x01K\x02U\x01"
                     "aNu(K\x01Nd\x86"),
        ROW("memo", "K\x01q\x05r\x06\x00\x00\x00\x94h\x05j\x06\x00\x00\x00\x87"),
        ROW("calls", "(cbuiltins\nset\n](K\x01"
                     "e\x85Rcbuiltins\nlist\n)Rc_codecs\nencode\nX\x02\x00\x00\x00\xc3\xbfU\x06"
                     "latin1\x86Rccollections\nOrderedDict\n](K\x01K\x02\x86"
                     "e\x85Rctorch\nSize\n(K\x01K\x02t\x85Rcbuiltins\nbytes\nC\x01q\x85R"
                     "cbuiltins\ndict\n}(K\x01Nu\x85Rccollections\ndefaultdict\ncpkg\nf\n}\x86Rl"),
        ROW("objects", "(cpkg\nThing\n)\x81}b\x8c\x03pkg\x8c\x05Other\x93)}\x92(}}tbl"),
        ROW("instances", "(ccopyreg\n_reconstructor\n(cpkg\nA\ncbuiltins\nobject\nNtR"
                         "cfunctools\npartial\ncpkg\nf\n\x85Rcnumpy\ndtype\nU\x02"
                         "f4\x89\x88\x87Rl"),
        ROW("twice", "ctorch\nSize\n)R\x94h\x00h\x00\x87"),
        ROW("methods", "cbuiltins\ngetattr\ncpkg\nA\n)\x81U\x01m\x86R2\x86"),
        ROW("parameter", "ctorch._utils\n_rebuild_parameter\ncpkg\nA\n)\x81\x89}\x87R"),
        ROW("third-tensor", "ctorch._utils\n_rebuild_tensor_v3\n((U\x07storagectorch\nUntypedStorage\nU\x01"
                            "1U\x03"
                            "cpuK\x10tQK\x00K\x02\x85K\x01\x85\x89}ctorch\nbfloat16\ntR"),
        ROW("from-type",
            "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_parameter\ncpkg\nA\n"
            "cpkg\nB\n)\x81\x85}tR"),
        ROW("frame", "\x95\x02\x00\x00\x00\x00\x00\x00\x00N(1\x30N"),
#undef ROW
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        pickle(rows[i].name, rows[i].opcodes, rows[i].n);
    tensors();
}

static void graphs(void) {
    for (int part = 0; part <= PARTS; part++) { /* the last: the whole; a place in 16 to begin from */
        const int whole = part == PARTS, places = whole ? PLACES : PLACES_OF_ONE;
        const uint8_t which = whole ? 0 : (uint8_t)(part + PARTS);
        char name[24];
        for (int place = -1; place < places; place += 16) {
            snprintf(name, sizeof name, "%d-%d", part, place);
            seed(name, (uint8_t[]){which, place & 0xff, (uint8_t)(place >> 8), 1},
                 place < 0 ? 1 : 1 + EDIT_BYTES);
        }
    }
}

static void lists(void) {
    seed("some", "\x31/dev/null\n/dev/zero\r\n\n  \n/bin/sh", 34);
    seed("bom", "\x10\xef\xbb\xbf/dev/null\n", 14);
    seed("relative",
         "\x10"
         "0\n",
         3);
    seed("dataset", "\x10path: .\nval:\n  - src\n  - tests\nnames: {0: a}\n", 46);
    seed("missing", "\x21/dev/null\n/no/such/file", 25);
}

static void calibs(void) {
    enum { SIZE = 32 };
    static uint8_t image[3 * SIZE * SIZE];
    char sha256[DIGEST_HEX];
    struct err err = {0};
    digest_bytes("", 0, sha256);
    for (int count = 1; count <= 2; count++) {
        char path[4096];
        struct calib_writer *w = NULL;
        snprintf(path, sizeof path, "%s/seed-%d", folder, count);
        int ret = calib_create(path, NULL, count, SIZE, &w, &err);
        for (int i = 0; !ret && i < count; i++)
            ret = calib_put(w, i ? "b/a.png" : "a.jpg", sha256, image, &err);
        if (ret || calib_finish(&w, NULL, &err)) {
            fprintf(stderr, "seeds: %s\n", err.msg);
            exit(1);
        }
    }
}

/* Sealed JSON after the byte that chooses its reader. */
static void json(const char *name, char reader, const char *text) {
    cJSON *o = cJSON_Parse(text);
    char *sealed = o && !json_seal(o, NULL) ? json_line(o) : NULL;
    struct buf b = {0};
    if (!sealed)
        abort();
    put(&b, &reader, 1);
    put(&b, sealed, strlen(sealed));
    seed(name, b.p, b.n);
    buf_free(&b);
    free(sealed);
    cJSON_Delete(o);
}

static void qcfgs(const char *weight, const char *act, const char *granularity, const char *fp4,
                  const char *int4) {
    const struct qcfg_choice choice = {weight, act, granularity, fp4, int4, "modelopt", 0};
    struct err err = {0};
    struct qcfg q;
    if (qcfg_build(&q, &choice, &err) && err.code != ERR_UNSUPPORTED)
        abort();
    cJSON *o = err.code ? qcfg_reason_to_json(&q, err.msg) : qcfg_to_json(&q);
    char *text = json_line(o), name[64];
    struct buf b = {0};
    snprintf(name, sizeof name, "%s-%s-%s-%s-%s", weight, act, granularity, fp4, int4);
    put(&b, "\0", 1);
    put(&b, text, strlen(text));
    seed(name, b.p, b.n);
    buf_free(&b);
    free(text);
    cJSON_Delete(o);
}

static const char layer[] = "\"cost\": 50.0, \"none_cost\": 100.0";

static void jsons(void) {
    char text[2048];
    qcfgs("int8", "fp8", "per_layer", "nvfp4", "blockwise");
    qcfgs("fp4", "fp16", "per_layer", "mxfp4", "blockwise");
    qcfgs("int4", "int8", "per_layer", "nvfp4", "awq");
    qcfgs("fp4", "int8", "per_channel", "nvfp4", "blockwise");
    qcfgs("int4", "int8", "per_channel_weight", "nvfp4", "axis");
    snprintf(
        text, sizeof text,
        "{\"format\": \"yolosens-amax 2\", \"revision\": %d, \"checkpoint\": \"%064d\", \"calib\": "
        "\"%064d\", "
        "\"images\": 15, "
        "\"awq_images\": 3, "
        "\"done\": 15, \"layers\": {\"a\": {\"input\": {\"amax\": 1.5, \"channels\": [1.5]}, \"input_awq\": "
        "{\"amax\": 1.0, \"channels\": [1.0]}, \"weight\": {\"amax\": 2.0, \"channels\": [1, 2.0]}}, "
        "\"b.c\": "
        "{\"input\": {\"amax\": 1.5, \"channels\": [1.5, 0.5]}, \"input_awq\": {\"amax\": 1.0, \"channels\": "
        "[1.0, 0.5]}, \"weight\": {\"amax\": 2.0, \"channels\": [2.0]}}}}",
        SCORE_REVISION, 0, 0);
    json("amax", 1, text);
    snprintf(
        text, sizeof text,
        "{\"model\": \"m\", \"weight\": \"fp8\", \"activation\": \"fp8\", \"granularity\": \"per_layer\", "
        "\"recipe\": \"R(effective-bits: 8.0)\", \"effective_bits\": 12.0, \"layers\": {\"a\": {\"score\": "
        "0.5, %s}, \"b\": {\"score\": 0.25, %s}, \"c\": {\"score\": 0.0, %s}}}",
        layer, layer, layer);
    json("scores", 2, text);
    json("sums", 3, "{\"identity\": \"i\", \"done\": 4, \"sums\": [0.5, 1e-07, 3.0]}");
}

/* tests/report/tiny's cell. */
static void reports(void) {
    static const char *const files[] = {"scores", "recipe", "run", "verify"};
    struct buf b = {0};
    for (int i = 0; i < 4; i++) {
        char path[64], text[8192];
        snprintf(path, sizeof path, "tests/report/tiny/%s.json", files[i]);
        FILE *f = fopen(path, "rb");
        put(&b, "", i > 0);
        put(&b, text, f ? fread(text, 1, sizeof text, f) : 0);
        if (f)
            fclose(f);
        if (i) /* without run.json and verify.json too */
            seed(files[i], b.p, b.n);
    }
    buf_free(&b);
}

/* Two nodes and an initializer, in a model with a version and a name. */
static void onnx_files(void) {
    static const char model[] = "\x08\x0a\x12\x01p\x3a\x43"
                                "\x0a\x19\x0a\x01x\x0a\x03w.w\x0a\x01"
                                "b\x12\x01y\x1a\x03/c1\x22\x04"
                                "Conv"
                                "\x0a\x11\x0a\x01y\x12\x01z\x1a\x03/r1\x22\x04"
                                "Relu"
                                "\x2a\x13\x08\x02\x10\x01\x42\x03w.w\x4a\x08\0\0\x80\x3f\0\0\0\x40";
    seed("two", model, sizeof model - 1);
    seed("cut", model, sizeof model - 9);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*make)(void);
    } rows[] = {{"checkpoint", checkpoints},
                {"pickle", pickles},
                {"graph", graphs},
                {"pass", graphs},
                {"image", NULL},
                {"list", lists},
                {"calib", calibs},
                {"json", jsons},
                {"report", reports},
                {"onnx", onnx_files}};
    for (size_t i = 0; argc == 3 && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, argv[1]) == 0) {
            folder = argv[2];
            if (rows[i].make)
                rows[i].make();
            return 0;
        }
    fprintf(stderr, "seeds: name a fuzzer and a folder\n");
    return 2;
}
