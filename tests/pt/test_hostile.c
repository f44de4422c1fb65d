/* Checkpoints that attack their reader. Each is opened in a process of its own, by the names of tricks that
 * are public: it must end in one line of words within a second, run nothing, and take memory in proportion to
 * the file. Those that attack through the zip file around the pickle: test_hostile_zip.c. */
#define _GNU_SOURCE
#include "attack.h"
#include "builder.h"
#include "model.h"

/* A call in front of a good model, popped again: how malicious code is injected into real checkpoints. */
static void test_injected(void) {
    static const char *const calls[][2] = {
        {"os", "system"},
        {"posix", "system"},
        {"builtins", "eval"},
        {"builtins", "exec"},
        {"__builtin__", "eval"},
        {"subprocess", "check_output"},
        {"subprocess", "Popen"},
        {"runpy", "run_path"},
        {"torch.hub", "load"},
        {"torch._utils", "os.system"},
        {"torch.utils._config_module", "os.system"},
        {"webbrowser", "open"},
        {"pty", "spawn"},
        {"timeit", "timeit"},
        {"code", "interact"},
        {"pip", "main"},
        {"bdb", "Bdb"},
        {"numpy.testing._private.utils", "runstring"},
        {"torch", "load"},
        {"pickle", "loads"},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct buf b = {0};
        pk_begin(&b, 2);
        pk_global(&b, calls[i][0], calls[i][1]);
        pk_str(&b, command);
        op(&b, OP_TUPLE1);
        op(&b, OP_REDUCE);
        op(&b, OP_POP);
        struct buf good = good_layer();
        end_layer(&good);
        put(&b, good.p + 2, good.n - 2);
        buf_free(&good);
        expect(calls[i][1], zipped(&b, NULL), calls[i][1]);
    }
}

/* Under the root, where the graph would look. */
static void test_inside(void) {
    struct buf b = good_layer();
    pk_str(&b, "weight");
    pk_global(&b, "os", "system");
    op(&b, OP_EMPTY_TUPLE);
    op(&b, OP_REDUCE);
    end_layer(&b);
    expect("a parameter that is a call", zipped(&b, NULL), "os.system");
    b = good_layer();
    pk_str(&b, "weight");
    pk_global(&b, "torch._tensor", "_rebuild_from_type_v2");
    op(&b, OP_MARK);
    pk_global(&b, "os", "system");
    pk_global(&b, "torch", "Tensor");
    pk_str(&b, "id");
    op(&b, OP_TUPLE1);
    op(&b, OP_EMPTY_DICT);
    op(&b, OP_TUPLE);
    op(&b, OP_REDUCE);
    end_layer(&b);
    expect("REDUCE through torch", zipped(&b, NULL), "os.system");
    pk_begin(&b, 2); /* one that makes itself, 100,000 times */
    op(&b, OP_EMPTY_TUPLE);
    pk_put(&b, 0);
    for (int i = 0; i < 100000; i++) {
        pk_put(&b, 1);
        op(&b, OP_POP);
        op(&b, OP_MARK);
        pk_global(&b, "torch._tensor", "_rebuild_from_type_v2");
        op(&b, OP_NONE);
        pk_get(&b, 1);
        op(&b, OP_TUPLE);
    }
    pk_put(&b, 1);
    op(&b, OP_POP);
    pk_global(&b, "torch._tensor", "_rebuild_from_type_v2");
    pk_get(&b, 1);
    op(&b, OP_REDUCE);
    expect("REDUCE through torch, nested", zipped(&b, NULL), "unexpected arguments");
    pk_begin(&b, 2);
    pk_global(&b, "functools", "partial");
    pk_global(&b, "os", "system");
    op(&b, OP_TUPLE1);
    op(&b, OP_REDUCE);
    expect("a partial of a function", zipped(&b, NULL), "os.system");
    pk_begin(&b, 2);
    pk_global(&b, "os", "system");
    op(&b, OP_EMPTY_DICT);
    op(&b, OP_BUILD);
    expect("BUILD on a function", zipped(&b, NULL), "attributes are given to os.system");
}

static void call2(struct buf *b) {
    op(b, OP_TUPLE2);
    op(b, OP_REDUCE);
}

/* getattr(...getattr(first, "a")..., "system")(command), and what else leads from a harmless name to a
 * function. */
static void test_chains(void) {
    static const char *const firsts[][2] = {{"os", "path"},
                                            {"torch", "nn"},
                                            {"pkg", "Thing"},
                                            {"builtins", "object"},
                                            {"__builtin__", "__import__"},
                                            {"torch.nn.modules.module", "os"}};
    struct buf b = {0};
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++)
        for (int depth = 1; depth <= 3; depth++) {
            pk_begin(&b, 2);
            for (int k = 0; k < depth; k++)
                pk_global(&b, "builtins", "getattr");
            pk_global(&b, firsts[i][0], firsts[i][1]);
            for (int k = 0; k < depth; k++) {
                pk_str(&b, k ? "system" : "__globals__");
                call2(&b);
            }
            pk_str(&b, command);
            op(&b, OP_TUPLE1);
            op(&b, OP_REDUCE);
            expect("a chain of getattr", zipped(&b, NULL), "getattr");
        }
    pk_begin(&b, 2); /* of an object, which is how a bound method is saved; its result is called */
    pk_global(&b, "builtins", "getattr");
    pk_global(&b, "pkg", "Thing");
    op(&b, OP_EMPTY_TUPLE);
    op(&b, OP_NEWOBJ);
    pk_str(&b, "__reduce__");
    call2(&b);
    op(&b, OP_EMPTY_TUPLE);
    op(&b, OP_REDUCE);
    expect("a call of a bound method", zipped(&b, NULL), "the result of another call");
    static const char *const makers[][2] = {
        {"operator", "attrgetter"},  {"operator", "methodcaller"},
        {"functools", "reduce"},     {"importlib", "import_module"},
        {"types", "FunctionType"},   {"types", "CodeType"},
        {"builtins", "map"},         {"builtins", "compile"},
        {"torch.fx", "Interpreter"}, {"torch.jit", "CompilationUnit"},
        {"ctypes", "CDLL"},          {"asyncio.unix_events", "_UnixSubprocessTransport"}};
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        pk_begin(&b, 4);
        pk_str(&b, makers[i][0]);
        pk_str(&b, makers[i][1]);
        op(&b, OP_STACK_GLOBAL);
        pk_str(&b, command);
        op(&b, OP_TUPLE1);
        op(&b, i % 2 ? OP_NEWOBJ : OP_REDUCE);
        expect(makers[i][1], zipped(&b, NULL), makers[i][1]);
    }
    static const char *const rebuilds[] = {"_rebuild_parameter", "_rebuild_tensor_v2", "_rebuild_tensor_v3"};
    for (size_t i = 0; i < sizeof rebuilds / sizeof *rebuilds; i++) {
        pk_begin(&b, 2);
        pk_global(&b, "torch._utils", rebuilds[i]);
        pk_global(&b, "os", "system");
        pk_str(&b, command);
        call2(&b);
        expect(rebuilds[i], zipped(&b, NULL), i == 1 ? "made of os.system" : rebuilds[i]);
    }
}

/* What stands beside that which dill, torch.compile and DistributedDataParallel leave in honest files. */
static void test_companions(void) {
    static const struct {
        const char *module, *name, *argument, *why;
    } calls[] = {
        {"dill._dill", "_load_type", "CodeType", "it calls dill._dill._load_type: dill was loaded"},
        {"dill._dill", "_load_type", "sets", "dill._dill._load_type"},
        {"dill._dill", "_import_module", "os", "it calls dill._dill._import_module: dill was loaded"},
        {"dill._dill", "_create_function", "x", "it calls dill._dill._create_function: dill was loaded"},
        {"torch.distributed", "FileStore", "x", "it calls torch.distributed.FileStore"},
        {"torch._dynamo.utils", "Lazy", "x", "it calls torch._dynamo.utils.Lazy"},
        {"torch._dynamo.eval_frame", "optimize", "x", "it calls torch._dynamo.eval_frame.optimize"}};
    struct buf b = {0};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        pk_begin(&b, 2);
        pk_global(&b, calls[i].module, calls[i].name);
        pk_str(&b, calls[i].argument);
        op(&b, OP_TUPLE1);
        op(&b, OP_REDUCE);
        expect(calls[i].name, zipped(&b, NULL), calls[i].why);
    }
    pk_begin(&b, 2); /* a type is named, and called */
    pk_global(&b, "dill._dill", "_load_type");
    pk_str(&b, "int");
    op(&b, OP_TUPLE1);
    op(&b, OP_REDUCE);
    pk_str(&b, command);
    op(&b, OP_TUPLE1);
    op(&b, OP_REDUCE);
    expect("dill's int", zipped(&b, NULL), "it calls builtins.int");
    pk_begin(&b, 2); /* a module wrapped in what is none */
    pk_global(&b, "torch._dynamo.eval_frame", "OptimizedModule");
    pk_str(&b, command);
    op(&b, OP_TUPLE1);
    op(&b, OP_REDUCE);
    expect("a compiled text", zipped(&b, NULL), "no torch.nn.Module");
    pk_begin(&b, 2); /* one that wraps itself */
    pk_global(&b, "torch.nn.parallel.data_parallel", "DataParallel");
    op(&b, OP_EMPTY_TUPLE);
    op(&b, OP_NEWOBJ);
    pk_put(&b, 1);
    op(&b, OP_EMPTY_DICT);
    op(&b, OP_MARK);
    pk_dict(&b, "_parameters");
    pk_dict_end(&b);
    pk_dict(&b, "_buffers");
    pk_dict_end(&b);
    pk_dict(&b, "_modules");
    pk_str(&b, "module");
    pk_get(&b, 1);
    pk_module_end(&b);
    expect("a wrapper around itself", zipped(&b, NULL), "this module contains itself");
}

/* A pickle in the pickle, in an entry, in a storage: bytes, that nobody opens. */
static void test_nested(void) {
    struct buf inner = {0}, b = {0};
    pk_begin(&inner, 2);
    pk_global(&inner, "os", "system");
    pk_str(&inner, command);
    op(&inner, OP_TUPLE1);
    op(&inner, OP_REDUCE);
    op(&inner, OP_STOP);
    static const char *const loaders[][2] = {{"pickle", "loads"},
                                             {"_pickle", "loads"},
                                             {"dill", "loads"},
                                             {"torch.storage", "_load_from_bytes"},
                                             {"marshal", "loads"}};
    for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++) {
        pk_begin(&b, 3);
        pk_global(&b, loaders[i][0], loaders[i][1]);
        op(&b, OP_BINBYTES);
        put_number(&b, inner.n, 4);
        put(&b, inner.p, inner.n);
        op(&b, OP_TUPLE1);
        op(&b, OP_REDUCE);
        expect(loaders[i][1], zipped(&b, NULL), loaders[i][1]);
    }
    b = good_layer();
    end_layer(&b);
    struct parts parts = {{ENTRY("m/data/0", inner), ENTRY("m/evil.pkl", inner), ENTRY("m/code/x.py", inner)},
                          3};
    expect("pickles in other entries", zipped(&b, &parts), "has no submodule model");
    b = good_layer();
    end_layer(&b);
    put(&b, inner.p, inner.n - 1);
    expect("a second pickle after the first", zipped(&b, NULL), "byte");
    buf_free(&inner);
}

static void test_memory(void) {
    struct buf b = {0};
    pk_begin(&b, 2);
    op(&b, OP_NONE);
    pk_put(&b, 0xfffffffe);
    expect("a memo index of 2^32", zipped(&b, NULL), "out of proportion");

    pk_begin(&b, 2); /* billion laughs: each list holds the one before ten times */
    op(&b, OP_EMPTY_LIST);
    pk_put(&b, 0);
    for (unsigned i = 1; i < 500; i++) {
        op(&b, OP_EMPTY_LIST);
        op(&b, OP_MARK);
        for (int k = 0; k < 10; k++)
            pk_get(&b, i - 1);
        op(&b, OP_APPENDS);
        pk_put(&b, i);
        op(&b, OP_TUPLE2);
    }
    expect("a memo bomb", zipped(&b, NULL), "no torch.nn.Module");

    pk_begin(&b, 2); /* a long list copied by each of many calls */
    op(&b, OP_EMPTY_LIST);
    op(&b, OP_MARK);
    for (int i = 0; i < 20000; i++)
        op(&b, OP_NONE);
    op(&b, OP_APPENDS);
    pk_put(&b, 0);
    pk_global(&b, "builtins", "set");
    pk_put(&b, 1);
    for (int i = 0; i < 20000; i++) {
        pk_get(&b, 1);
        pk_get(&b, 0);
        op(&b, OP_TUPLE1);
        op(&b, OP_REDUCE);
        op(&b, OP_POP);
    }
    expect("a list copied 20,000 times", zipped(&b, NULL), "far more than its size");

    pk_begin(&b, 2);
    op(&b, OP_BINUNICODE);
    put_number(&b, 0x7fffffff, 4);
    expect("a text of 2 GiB that is not there", zipped(&b, NULL), "cut short");

    pk_begin(&b, 2);
    for (int i = 0; i < 1000000; i++)
        op(&b, OP_MARK);
    expect("a million marks", zipped(&b, NULL), "operand missing");

    pk_begin(&b, 2);
    for (int i = 0; i < 1000000; i++)
        op(&b, OP_EMPTY_DICT);
    expect("a million dicts", zipped(&b, NULL), "values unused");

    pk_begin(&b, 2); /* 200,000 modules' worth of lookups in one shared dict of 200,000 keys */
    op(&b, OP_EMPTY_DICT);
    op(&b, OP_MARK);
    char key[16];
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        pk_str(&b, key);
        op(&b, OP_NONE);
    }
    op(&b, OP_SETITEMS);
    expect("a dict of 100,000 keys", zipped(&b, NULL), "no torch.nn.Module");
}

static void test_tensors(void) {
    static const float bytes[4];
    struct parts parts = {{{.name = "m/data/0", .bytes = bytes, .n = sizeof bytes}}, 1};
    struct buf b = good_layer();
    pk_str(&b, "weight");
    pk_tensor(&b, "FloatStorage", "0", 4, 0, 1, (int64_t[]){1LL << 60}, (int64_t[]){0});
    end_layer(&b);
    expect("a tensor of 2^60 elements, all of them one", zipped(&b, &parts), "beyond storage 0");
    b = good_layer();
    pk_str(&b, "weight");
    pk_tensor(&b, "FloatStorage", "0", 4, 0, 1, (int64_t[]){1LL << 40}, (int64_t[]){0});
    end_layer(&b);
    expect("a tensor of 2^40 elements, all of them one", zipped(&b, &parts), "far more elements");
    b = good_layer();
    pk_str(&b, "weight");
    pk_tensor(&b, "FloatStorage", "0", 1LL << 58, 0, 1, (int64_t[]){1LL << 58}, NULL);
    end_layer(&b);
    expect("a storage of 2^58 elements", zipped(&b, &parts), "should hold 288230376151711744");
    b = good_layer();
    pk_str(&b, "weight");
    pk_tensor(&b, "FloatStorage", "../../etc/passwd", 4, 0, 1, (int64_t[]){4}, NULL);
    end_layer(&b);
    expect("a storage named ../", zipped(&b, &parts), "not in the file");
    b = good_layer();
    for (int i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        pk_str(&b, name);
        pk_tensor(&b, "FloatStorage", "0", 4, 0, 1, (int64_t[]){100000}, (int64_t[]){0});
    }
    end_layer(&b);
    expect("a thousand expanded tensors", zipped(&b, &parts), "far more elements");
}

/* Offsets, sizes and strides that lead out of the storage, by little or by an overflow. */
static void test_shapes(void) {
    static const float bytes[4];
    const int64_t big = INT64_MAX;
    const struct {
        int64_t offset;
        int dims;
        int64_t size[9], stride[9];
        const char *why;
    } cases[] = {
        {1, 1, {4}, {1}, "beyond storage"},
        {4, 1, {1}, {1}, "beyond storage"},
        {big, 1, {2}, {1}, "beyond storage"},
        {big, 2, {2, 2}, {big, big}, "beyond storage"},
        {-1, 1, {1}, {1}, "-1 is not an integer"},
        {0, 1, {-4}, {1}, "-4 is not an integer"},
        {0, 1, {2}, {-1}, "-1 is not an integer"},
        {0, 1, {2}, {4}, "beyond storage"},
        {0, 2, {2, 2}, {1LL << 62, 1LL << 62}, "beyond storage"},
        {0, 2, {3, 3}, {INT64_MIN, 1}, "is not an integer"},
        {0, 3, {1LL << 21, 1LL << 21, 1LL << 21}, {0, 0, 0}, "beyond storage"},
        {0, 4, {1LL << 31, 1LL << 31, 1LL << 31, 1LL << 31}, {0, 0, 0, 0}, "beyond storage"},
        {0, 2, {1LL << 32, 1LL << 31}, {1, 1}, "beyond storage"},
        {0, 9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {0}, "at most 8 dimensions"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct parts parts = {{{.name = "m/data/0", .bytes = bytes, .n = sizeof bytes}}, 1};
        struct buf b = good_layer();
        char what[64];
        pk_str(&b, "weight");
        pk_tensor(&b, "FloatStorage", "0", 4, cases[i].offset, cases[i].dims, cases[i].size, cases[i].stride);
        end_layer(&b);
        snprintf(what, sizeof what, "wild tensor %zu", i);
        expect(what, zipped(&b, &parts), cases[i].why);
    }
}

/* A module whose child is what the memo holds at 1. */
static void holder(struct buf *b, const char *name) {
    pk_str(b, name);
    pk_get(b, 1);
}

/* A module that is in the memo, at 1, before it is given its attributes, up to its children. */
static void loop_begin(struct buf *b) {
    pk_global(b, "pkg", "Loop");
    op(b, OP_EMPTY_TUPLE);
    op(b, OP_NEWOBJ);
    pk_put(b, 1);
    op(b, OP_EMPTY_DICT);
    op(b, OP_MARK);
    pk_dict(b, "_parameters");
    pk_dict_end(b);
    pk_dict(b, "_buffers");
    pk_dict_end(b);
    pk_dict(b, "_modules");
}

static void test_modules(void) {
    struct buf b = {0};
    pk_begin(&b, 2);
    loop_begin(&b);
    holder(&b, "self");
    pk_module_end(&b);
    expect("a module that contains itself", zipped(&b, NULL), "contains itself");

    pk_begin(&b, 2); /* a holds b, which holds a */
    loop_begin(&b);
    pk_str(&b, "b");
    pk_module(&b, "pkg", "Other");
    holder(&b, "a");
    pk_module_end(&b);
    pk_module_end(&b);
    expect("two modules that contain each other", zipped(&b, NULL), "contains itself");

    pk_begin(&b, 2);
    for (int i = 0; i < 5000; i++) {
        pk_module(&b, "pkg", "Deep");
        pk_str(&b, "a");
    }
    op(&b, OP_NONE);
    for (int i = 0; i < 5000; i++)
        pk_module_end(&b);
    expect("modules 5000 deep", zipped(&b, NULL), "more than 64 deep");

    pk_begin(&b, 2); /* 2^50 paths to one leaf */
    pk_module(&b, "pkg", "Leaf");
    pk_module_end(&b);
    for (int i = 0; i < 50; i++) {
        pk_put(&b, 1);
        op(&b, OP_POP);
        pk_module(&b, "pkg", "Twice");
        holder(&b, "a");
        holder(&b, "b");
        pk_module_end(&b);
    }
    expect("a module with 2^50 paths", zipped(&b, NULL), "more than 100000 paths");

    pk_begin(&b, 2); /* 3000 modules, all with one __dict__ of 3000 attributes */
    op(&b, OP_EMPTY_DICT);
    pk_put(&b, 3);
    op(&b, OP_MARK);
    for (int i = 0; i < 3000; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        pk_str(&b, name);
        op(&b, OP_NONE);
    }
    pk_dict(&b, "_parameters");
    pk_dict_end(&b);
    pk_dict(&b, "_buffers");
    pk_dict_end(&b);
    pk_dict(&b, "_modules");
    pk_dict_end(&b);
    op(&b, OP_SETITEMS);
    op(&b, OP_POP);
    pk_module(&b, "pkg", "Top");
    for (int i = 0; i < 3000; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%d", i);
        pk_str(&b, name);
        pk_global(&b, "pkg", "Leaf");
        op(&b, OP_EMPTY_TUPLE);
        op(&b, OP_NEWOBJ);
        pk_get(&b, 3);
        op(&b, OP_BUILD);
    }
    pk_module_end(&b);
    expect("modules that share one __dict__", zipped(&b, NULL), "share attributes");

    static const char *const names[] = {"", "a.b", "a\nb", "\xff"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        pk_begin(&b, 2);
        pk_module(&b, "pkg", "Top");
        pk_str(&b, names[i]);
        op(&b, OP_NONE);
        pk_module_end(&b);
        expect("a child with an odd name", zipped(&b, NULL), "not one of torch's");
    }
    pk_begin(&b, 2);
    pk_module(&b, "pkg", "Top");
    pk_str(&b, "a");
    pk_str(&b, "text");
    pk_module_end(&b);
    expect("a child that is a text", zipped(&b, NULL), "a str is not a torch.nn.Module");
}

int main(int argc, char **argv) {
    attack_begin(argc, argv);
    test_injected();
    test_inside();
    test_chains();
    test_companions();
    test_nested();
    test_memory();
    test_tensors();
    test_shapes();
    test_modules();
    return attack_end();
}
