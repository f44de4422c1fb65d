/* The pickle machine alone: what each opcode of protocols 2 to 5 makes, and what is refused. */
#include "builder.h"
#include "pt/pickle.h"
#include "test.h"

#include <limits.h>

static struct err err;

/* Reads the pickle, which ends here with STOP; NULL if it is refused, with the reason in err. */
static struct pickle *read_pickle(struct buf *b) {
    struct pickle *p = NULL;
    op(b, OP_STOP);
    err = (struct err){0};
    pickle_read(b->p, b->n, NULL, 1 << 20, &p, &err);
    buf_free(b);
    return p;
}

static void refused(struct buf *b, const char *why) {
    struct pickle *p = read_pickle(b);
    CHECK(!p && strstr(err.msg, why) && !strchr(err.msg, '\n'), "refused: %s", err.msg);
    pickle_free(&p);
}

static void test_scalars(void) {
    struct buf b = {0};
    pk_begin(&b, 2);
    op(&b, OP_MARK);
    op(&b, OP_NONE);
    op(&b, OP_NEWTRUE);
    op(&b, OP_NEWFALSE);
    put(&b, "K\xff", 2);                                         /* BININT1 */
    put(&b, "M\xff\xff", 3);                                     /* BININT2 */
    put(&b, "J\xfe\xff\xff\xff", 5);                             /* BININT */
    put(&b, "\x8a\x00", 2);                                      /* LONG1, no bytes: 0 */
    put(&b, "\x8a\x02\x00\xff", 4);                              /* -256 */
    put(&b, "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80", 10);     /* the least int64 */
    put(&b, "\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00", 11); /* 2^64 - 1 */
    put(&b, "\x8b\x01\x00\x00\x00\x07", 6);                      /* LONG4 */
    put(&b, "G\x3f\xf8\x00\x00\x00\x00\x00\x00", 9);             /* BINFLOAT 1.5 */
    put(&b, "G\x7f\xf0\x00\x00\x00\x00\x00\x00", 9);             /* inf */
    op(&b, OP_TUPLE);
    struct pickle *p = read_pickle(&b);
    const struct pt_value *v = p ? pickle_root(p) : NULL;
    CHECK(pt_kind(v) == PT_TUPLE && pt_len(v) == 13, "a tuple of scalars %s", err.msg);
    const struct {
        size_t at;
        int64_t value;
    } ints[] = {{3, 255}, {4, 65535}, {5, -2}, {6, 0}, {7, -256}, {8, INT64_MIN}, {10, 7}, {1, 1}};
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        int64_t n = 12345;
        CHECK(pt_int(pt_item(v, ints[i].at), INT64_MIN, INT64_MAX, &n, &err) == 0 && n == ints[i].value,
              "item %zu is %lld", ints[i].at, (long long)n);
    }
    double x = 0;
    int64_t n;
    bool truth = true;
    CHECK(pt_kind(pt_item(v, 0)) == PT_NONE, "None");
    CHECK(pt_bool(pt_item(v, 2), &truth, &err) == 0 && !truth, "False");
    CHECK(pt_kind(pt_item(v, 9)) == PT_BIGINT && pt_int(pt_item(v, 9), 0, INT64_MAX, &n, &err),
          "2^64 - 1: %s", err.msg);
    CHECK(pt_real(pt_item(v, 11), &x, &err) == 0 && x == 1.5, "a float is %g", x);
    CHECK(pt_real(pt_item(v, 12), &x, &err) == -1, "an infinity is no finite number");
    CHECK(pt_int(pt_item(v, 3), 0, 254, &n, &err) == -1, "range: %s", err.msg);
    CHECK(!pt_item(v, 13) && pt_kind(NULL) == PT_NONE && !pt_str(NULL), "absent values");
    pickle_free(&p);
}

static void test_text(void) {
    struct buf b = {0};
    pk_begin(&b, 4);
    put(&b, "\x95\x05\x00\x00\x00\x00\x00\x00\x00", 9); /* FRAME */
    op(&b, OP_MARK);
    pk_str(&b, "abc");
    put(&b, "\x8c\x02\xc3\xa9", 4);                       /* SHORT_BINUNICODE */
    put(&b, "\x8d\x01\x00\x00\x00\x00\x00\x00\x00x", 10); /* BINUNICODE8 */
    put(&b, "U\x01y", 3);                                 /* SHORT_BINSTRING */
    put(&b, "T\x01\x00\x00\x00z", 6);                     /* BINSTRING */
    put(&b,
        "\x8c\x03"
        "a\0b",
        5);                                               /* a NUL inside */
    put(&b, "\x8c\x01\xff", 3);                           /* not UTF-8 */
    put(&b, "\x8c\x03\xed\xa0\x80", 5);                   /* a surrogate */
    put(&b, "C\x02\x00\xff", 4);                          /* SHORT_BINBYTES */
    put(&b, "B\x01\x00\x00\x00q", 6);                     /* BINBYTES */
    put(&b, "\x8e\x01\x00\x00\x00\x00\x00\x00\x00q", 10); /* BINBYTES8 */
    put(&b, "\x96\x01\x00\x00\x00\x00\x00\x00\x00q", 10); /* BYTEARRAY8 */
    op(&b, OP_LIST);
    struct pickle *p = read_pickle(&b);
    const struct pt_value *v = p ? pickle_root(p) : NULL;
    static const char *const texts[] = {"abc", "\xc3\xa9", "x", "y", "z"};
    CHECK(pt_kind(v) == PT_LIST && pt_len(v) == 12, "a list of texts %s", err.msg);
    for (size_t i = 0; i < 5; i++)
        CHECK_STR(pt_str(pt_item(v, i)), texts[i], "text");
    for (size_t i = 5; i < 8; i++)
        CHECK(pt_kind(pt_item(v, i)) == PT_STR && !pt_str(pt_item(v, i)), "item %zu is no C string", i);
    for (size_t i = 8; i < 12; i++)
        CHECK(pt_kind(pt_item(v, i)) == PT_BYTES, "item %zu is bytes", i);
    pickle_free(&p);
}

static void test_collections(void) {
    struct buf b = {0};
    pk_begin(&b, 4);
    op(&b, OP_EMPTY_DICT);
    op(&b, OP_MARK);
    pk_str(&b, "list");
    op(&b, OP_EMPTY_LIST);
    op(&b, OP_MEMOIZE); /* 0 */
    pk_int(&b, 1);
    op(&b, OP_APPEND);
    op(&b, OP_MARK);
    pk_int(&b, 2);
    pk_get(&b, 0); /* the list contains itself */
    op(&b, OP_APPENDS);
    pk_str(&b, "set");
    op(&b, OP_EMPTY_SET);
    op(&b, OP_MARK);
    pk_int(&b, 3);
    op(&b, OP_ADDITEMS);
    pk_str(&b, "frozenset");
    op(&b, OP_MARK);
    pk_int(&b, 4);
    op(&b, OP_FROZENSET);
    pk_str(&b, "pair");
    pk_int(&b, 5);
    pk_int(&b, 6);
    op(&b, OP_TUPLE2);
    pk_str(&b, "dict");
    op(&b, OP_MARK);
    pk_int(&b, 7);
    pk_str(&b, "seven");
    op(&b, OP_DICT);
    op(&b, OP_SETITEMS);
    pk_str(&b, "last");
    op(&b, OP_NONE);
    op(&b, OP_SETITEM);
    struct pickle *p = read_pickle(&b);
    const struct pt_value *v = p ? pickle_root(p) : NULL;
    const struct pt_value *list = pt_dict_get(v, "list");
    CHECK(pt_dict_len(v) == 6, "six entries %s", err.msg);
    CHECK_STR(pt_str(pt_dict_key(v, 5)), "last", "the last key");
    CHECK(pt_len(list) == 3 && pt_item(list, 2) == list, "a list that contains itself is the same value");
    CHECK(pt_kind(pt_dict_get(v, "set")) == PT_SET && pt_len(pt_dict_get(v, "frozenset")) == 1, "sets");
    CHECK(pt_len(pt_dict_get(v, "pair")) == 2 && pt_dict_len(pt_dict_get(v, "dict")) == 1, "pair and dict");
    CHECK(!pt_dict_get(v, "lists") && !pt_dict_get(list, "list"), "absent keys");
    pickle_free(&p);
}

/* REDUCE of a global with the arguments that are already a tuple on the stack's top. */
static void reduce_of(struct buf *b, const char *module, const char *name) {
    pk_global(b, module, name);
    pk_str(b, "one");
    pk_int(b, 2);
    op(b, OP_TUPLE2);
    op(b, OP_REDUCE);
}

static void test_objects(void) {
    struct buf b = {0};
    pk_begin(&b, 2);
    op(&b, OP_MARK);
    pk_object(&b, "pkg.mod", "Thing");
    pk_str(&b, "answer");
    pk_int(&b, 42);
    pk_object_end(&b);
    pk_put(&b, 1);
    reduce_of(&b, "__builtin__", "xrange");
    op(&b, OP_POP);
    reduce_of(&b, "pathlib", "PosixPath");
    pk_str(&b, "numpy._core.multiarray");
    pk_str(&b, "scalar");
    op(&b, OP_STACK_GLOBAL);
    op(&b, OP_EMPTY_TUPLE);
    op(&b, OP_REDUCE);
    pk_global(&b, "torch", "float16");
    pk_global(&b, "__builtin__", "getattr"); /* a bound method */
    pk_get(&b, 1);
    pk_str(&b, "forward_fuse");
    op(&b, OP_TUPLE2);
    op(&b, OP_REDUCE);
    pk_global(&b, "collections", "OrderedDict");
    op(&b, OP_MARK);
    op(&b, OP_EMPTY_LIST);
    op(&b, OP_MARK);
    pk_str(&b, "k");
    pk_int(&b, 9);
    op(&b, OP_TUPLE2);
    op(&b, OP_APPENDS);
    op(&b, OP_TUPLE);
    op(&b, OP_REDUCE);
    pk_global(&b, "_codecs", "encode");
    put(&b, "X\x04\x00\x00\x00\xc3\xbf\0a", 9);
    pk_str(&b, "latin1");
    op(&b, OP_TUPLE2);
    op(&b, OP_REDUCE);
    pk_global(&b, "pkg", "Slots");
    op(&b, OP_EMPTY_TUPLE);
    op(&b, OP_EMPTY_DICT);
    op(&b, OP_NEWOBJ_EX);
    op(&b, OP_NONE);
    pk_dict(&b, "unused");
    pk_dict_end(&b);
    op(&b, OP_POP);
    op(&b, OP_POP);
    op(&b, OP_EMPTY_DICT);
    pk_str(&b, "a");
    pk_int(&b, 1);
    op(&b, OP_SETITEM);
    op(&b, OP_TUPLE2);
    op(&b, OP_BUILD); /* (None, slots) */
    op(&b, OP_TUPLE);
    struct pickle *p = read_pickle(&b);
    const struct pt_value *v = p ? pickle_root(p) : NULL;
    int64_t n = 0;
    CHECK(pt_len(v) == 8, "eight values %s", err.msg);
    CHECK_STR(pt_class(pt_item(v, 0)), "pkg.mod.Thing", "an instance of an unknown class");
    CHECK(pt_attr_int(pt_item(v, 0), "answer", 0, 100, &n, &err) == 0 && n == 42, "its attribute");
    CHECK(pt_attr_int(pt_item(v, 0), "question", 0, 100, &n, &err) == -1, "and one it lacks");
    CHECK_STR(err.msg, "Thing's attribute \"question\" is missing", "message");
    CHECK(pt_attr_int(pt_item(v, 0), "answer", 0, 41, &n, &err) == -1, "and a bad one");
    CHECK_STR(err.msg, "Thing's attribute \"answer\": 42 is not an integer between 0 and 41", "message");
    CHECK_STR(pt_class(pt_item(v, 1)), "pathlib.PosixPath", "a call that is kept as data");
    CHECK_STR(pt_str(pt_item(pt_args(pt_item(v, 1)), 0)), "one", "with its arguments");
    CHECK(pt_kind(pt_item(v, 2)) == PT_OBJECT, "STACK_GLOBAL");
    CHECK_STR(pt_class_name(pt_item(v, 3)), "float16", "a dtype");
    CHECK_STR(pt_class(pt_item(v, 4)), "builtins.getattr", "a bound method");
    CHECK(pt_int(pt_dict_get(pt_item(v, 5), "k"), 0, 9, &n, &err) == 0 && n == 9, "OrderedDict of pairs");
    CHECK(pt_kind(pt_item(v, 6)) == PT_BYTES, "bytes of protocol 2");
    CHECK(pt_attr_int(pt_item(v, 7), "a", 0, 9, &n, &err) == 0 && n == 1, "an attribute in a slot");
    pickle_free(&p);
}

/* numpy's scalar(dtype(code), bytes), with the byte order in the dtype's state. */
static void numpy_scalar(struct buf *b, const char *code, const char *order, const void *bytes, size_t n) {
    pk_global(b, "numpy.core.multiarray", "scalar");
    pk_global(b, "numpy", "dtype");
    pk_str(b, code);
    op(b, OP_TUPLE1);
    op(b, OP_REDUCE);
    op(b, OP_MARK);
    pk_int(b, 3);
    pk_str(b, order);
    op(b, OP_TUPLE);
    op(b, OP_BUILD);
    op(b, OP_BINBYTES);
    put_number(b, n, 4);
    put(b, bytes, n);
    op(b, OP_TUPLE2);
    op(b, OP_REDUCE);
}

static void test_numpy(void) {
    struct buf b = {0};
    double x = 0;
    int64_t n = 0;
    bool truth = false;
    pk_begin(&b, 3);
    op(&b, OP_MARK);
    numpy_scalar(&b, "i8", "<", "\xfe\xff\xff\xff\xff\xff\xff\xff", 8);
    numpy_scalar(&b, "u1", "|", "\xc8", 1);
    numpy_scalar(&b, "f8", "<", "\x9a\x99\x99\x99\x99\x99\xb9\x3f", 8);
    numpy_scalar(&b, "f2", "<", "\x00\x3e", 2);
    numpy_scalar(&b, "b1", "|", "\x01", 1);
    numpy_scalar(&b, "u8", "<", "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    numpy_scalar(&b, "i8", ">", "\0\0\0\0\0\0\0\1", 8);
    numpy_scalar(&b, "i8", "<", "\1\0\0\0", 4);
    numpy_scalar(&b, "O8", "|", "\1\0\0\0\0\0\0\0", 8);
    op(&b, OP_TUPLE);
    struct pickle *p = read_pickle(&b);
    const struct pt_value *v = p ? pickle_root(p) : NULL;
    CHECK(pt_int(pt_item(v, 0), -5, 5, &n, &err) == 0 && n == -2, "an int64 is -2, %lld %s", (long long)n,
          err.msg);
    CHECK(pt_int(pt_item(v, 1), 0, 255, &n, &err) == 0 && n == 200, "a uint8");
    CHECK(pt_real(pt_item(v, 2), &x, &err) == 0 && x == 0.1, "a float64, exactly");
    CHECK(pt_real(pt_item(v, 3), &x, &err) == 0 && x == 1.5, "a float16");
    CHECK(pt_bool(pt_item(v, 4), &truth, &err) == 0 && truth, "a bool_");
    CHECK(pt_kind(pt_item(v, 5)) == PT_BIGINT, "a uint64 that int64_t does not hold");
    for (size_t i = 6; i < 9; i++)
        CHECK(pt_kind(pt_item(v, i)) == PT_OBJECT && pt_int(pt_item(v, i), 0, 9, &n, &err) == -1,
              "big-endian, cut or of objects: no number, %s", err.msg);
    pickle_free(&p);
}

/* Every protocol that torch.save takes; and none of the others. */
static void test_protocols(void) {
    for (int protocol = 0; protocol <= 6; protocol++) {
        struct buf b = {0};
        pk_begin(&b, protocol);
        op(&b, OP_NONE);
        if (protocol < 2 || protocol > 5) {
            refused(&b, "not a pickle of protocols 2 to 5");
            continue;
        }
        struct pickle *p = read_pickle(&b);
        CHECK(p != NULL, "protocol %d", protocol);
        pickle_free(&p);
    }
}

static void test_refused_calls(void) {
    static const char *const names[][2] = {
        {"os", "system"},
        {"posix", "system"},
        {"nt", "system"},
        {"subprocess", "Popen"},
        {"builtins", "eval"},
        {"__builtin__", "eval"},
        {"builtins", "exec"},
        {"builtins", "__import__"},
        {"builtins", "getattr"},
        {"builtins", "open"},
        {"builtins", "compile"},
        {"runpy", "_run_code"},
        {"importlib", "import_module"},
        {"pickle", "loads"},
        {"_pickle", "Unpickler"},
        {"torch.hub", "load"},
        {"torch", "load"},
        {"torch.storage", "_load_from_bytes"},
        {"torch.jit", "CompilationUnit"},
        {"torch.fx.graph_module", "reduce_graph_module"},
        {"ctypes", "CDLL"},
        {"socket", "create_connection"},
        {"webbrowser", "open"},
        {"operator", "attrgetter"},
        {"types", "FunctionType"},
        {"timeit", "timeit"},
        {"shutil", "rmtree"},
        {"numpy", "load"},
        {"numpy.testing._private.utils", "runstring"},
        {"unknown", "function"},
        {"torch._utils", "import_dill"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct buf b = {0};
        pk_begin(&b, 2);
        reduce_of(&b, names[i][0], names[i][1]);
        refused(&b, names[i][1]);
        /* NEWOBJ makes an instance of a class of the user's own, whatever its name's case; not of these. */
        if (strcmp(names[i][0], "subprocess") && strcmp(names[i][0], "ctypes"))
            continue;
        pk_begin(&b, 2);
        pk_object(&b, names[i][0], names[i][1]);
        pk_object_end(&b);
        refused(&b, names[i][1]);
    }
    struct buf b = {0};
    pk_begin(&b, 2); /* getattr(os, "system")("...") */
    pk_global(&b, "builtins", "getattr");
    pk_global(&b, "os", "environ");
    pk_str(&b, "system");
    op(&b, OP_TUPLE2);
    op(&b, OP_REDUCE);
    refused(&b, "builtins.getattr");
    pk_begin(&b, 2); /* the result of a call that is kept as data is not called either */
    reduce_of(&b, "functools", "partial");
    op(&b, OP_EMPTY_TUPLE);
    op(&b, OP_REDUCE);
    refused(&b, "the result of another call");
    pk_begin(&b, 2);
    pk_global(&b, "copyreg", "_reconstructor");
    pk_global(&b, "subprocess", "Popen");
    op(&b, OP_TUPLE1);
    op(&b, OP_REDUCE);
    refused(&b, "subprocess.Popen");
    pk_begin(&b, 2); /* a name that calls itself */
    pk_global(&b, "copyreg", "_reconstructor");
    pk_global(&b, "copyreg", "_reconstructor");
    op(&b, OP_TUPLE1);
    op(&b, OP_REDUCE);
    refused(&b, "copyreg._reconstructor");
    pk_begin(&b, 4); /* a dotted name */
    pk_str(&b, "torch");
    pk_str(&b, "serialization.os.system");
    op(&b, OP_STACK_GLOBAL);
    pk_str(&b, "id");
    op(&b, OP_TUPLE1);
    op(&b, OP_REDUCE);
    refused(&b, "torch.serialization.os.system");
}

/* Malformed pickles: bytes after the PROTO opcode, and the reason. */
static void test_malformed(void) {
    static const struct {
        const char *bytes;
        size_t n;
        const char *why;
    } cases[] = {
        {"I1\n", 3, "opcode 0x49"},
        {"S'a'\n", 5, "opcode 0x53"},
        {"\x82\x01", 2, "extension registry"},
        {"\x97", 1, "buffers outside"},
        {"\xff", 1, "opcode 0xff"},
        {"", 0, "operand missing"},
        {"NN", 2, "values unused"},
        {"(N", 2, "values unused"},
        {"0", 1, "operand missing"},
        {"t", 1, "mark missing"},
        {"(N\x86", 3, "operand missing"},
        {"NR", 2, "operand missing"},
        {"NNR", 3, "None for its arguments"},
        {"N)R", 3, "the result of another call"},
        {"NNb", 3, "attributes are given to None"},
        {"NNa", 3, "items are added to None"},
        {"]NNs", 4, "items are set in a list"},
        {"](Ns", 4, "operand missing"},
        {"(NNNd", 5, "no value"},
        {"}(Nu", 4, "no value"},
        {"h\x00", 2, "never set"},
        {"Nr\xff\xff\xff\x7f", 6, "out of proportion"},
        {"j\xff\xff\xff\xff", 5, "never set"},
        {"NN\x93", 3, "named by None"},
        {"X\xff\xff\xff\x7f", 5, "cut short"},
        {"\x8d\xff\xff\xff\xff\xff\xff\xff\xff", 9, "cut short"},
        {"\x95\xff\xff\xff\xff\xff\xff\xff\xff", 9, "cut short"},
        {"cos", 3, "cut short"},
        {"c\nsystem\n", 9, "no name"},
        {"ca b\nc\n", 7, "control characters or spaces"},
        {"ca\nb\xc2\x9b\n", 7, "control characters or spaces"},
        {"NQ", 2, "persistent id"},
        {"}X\x01\x00\x00\x00"
         "aNsX\x01\x00\x00\x00"
         "aNs",
         17, "twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = {0};
        pk_begin(&b, 2);
        put(&b, cases[i].bytes, cases[i].n);
        refused(&b, cases[i].why);
    }
    struct buf b = {0};
    pk_begin(&b, 2);
    op(&b, OP_NONE);
    op(&b, OP_STOP);
    op(&b, OP_NONE);
    refused(&b, "bytes follow");
}

/* Few bytes that would become many values. */
static void test_limit(void) {
    struct buf b = {0};
    pk_begin(&b, 2);
    op(&b, OP_EMPTY_LIST);
    op(&b, OP_MARK);
    for (int i = 0; i < 2000; i++)
        op(&b, OP_NONE);
    op(&b, OP_APPENDS);
    pk_put(&b, 0);
    op(&b, OP_MARK);
    for (int i = 0; i < 1000; i++) { /* 2000 items again with each call */
        pk_global(&b, "builtins", "list");
        pk_get(&b, 0);
        op(&b, OP_TUPLE1);
        op(&b, OP_REDUCE);
    }
    op(&b, OP_APPENDS);
    refused(&b, "far more than its size");
    pk_begin(&b, 2);
    for (int i = 0; i < 100000; i++) /* nesting alone is no reason to refuse, and takes no recursion */
        op(&b, OP_EMPTY_TUPLE);
    for (int i = 0; i < 99999; i++)
        op(&b, OP_TUPLE2);
    struct pickle *p = NULL;
    op(&b, OP_STOP);
    CHECK(pickle_read(b.p, b.n, NULL, 16 << 20, &p, &err) == 0, "100,000 levels of tuples are read");
    buf_free(&b);
    pickle_free(&p);
}

int main(void) {
    test_scalars();
    test_text();
    test_collections();
    test_objects();
    test_numpy();
    test_protocols();
    test_refused_calls();
    test_malformed();
    test_limit();
    return test_end();
}
