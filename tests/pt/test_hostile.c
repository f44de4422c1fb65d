/* Checkpoints that attack their reader. Each is opened in a process of its own, by the names of tricks that
 * are public: it must end in one line of words within a second, run nothing, and take memory in proportion to
 * the file. */
#define _GNU_SOURCE
#include "builder.h"
#include "model.h"
#include "pt/tree.h"
#include "test.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

/* Pages of code and of the libraries' own data that a first call touches. */
enum { LIBRARIES = 4 << 20 };

static char marker[] = "/tmp/yolosens-hostile-XXXXXX"; /* what an attack would make, if it ran */

/* What a child reports. */
struct outcome {
    int ret;
    char msg[1024];
};

/* Opens the file and reads its whole tree, as model-dump does. */
static void attempt(const struct buf *file, struct outcome *o) {
    struct err err = {0};
    struct checkpoint *c = NULL;
    cJSON *tree = NULL;
    o->ret = checkpoint_open_bytes("t.pt", file->p, file->n, &c, &err) || pt_tree_json(c, &tree, &err);
    memcpy(o->msg, err.msg, sizeof o->msg);
    cJSON_Delete(tree);
    checkpoint_free(&c);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* attempt() in a child; *kib is how much larger than its parent it grew. False if it did not end well. */
static bool in_child(const struct buf *file, struct outcome *o, long *kib, double *seconds) {
    int fds[2], status = -1;
    struct rusage after = {0};
    if (pipe(fds))
        return false;
    double began = now();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct outcome mine = {0};
        struct rusage base, end;
        long grown;
        alarm(60);
        getrusage(RUSAGE_SELF, &base);
        attempt(file, &mine);
        getrusage(RUSAGE_SELF, &end);
        grown = end.ru_maxrss - base.ru_maxrss;
        bool written = write(fds[1], &mine, sizeof mine) == sizeof mine &&
                       write(fds[1], &grown, sizeof grown) == sizeof grown;
        _exit(written ? 0 : 1);
    }
    close(fds[1]);
    bool got = read(fds[0], o, sizeof *o) == sizeof *o && read(fds[0], kib, sizeof *kib) == sizeof *kib;
    close(fds[0]);
    wait4(pid, &status, 0, &after);
    *seconds = now() - began;
    return got && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* why: a part of the message; NULL: the file is read. The file is freed. */
static void expect(const char *what, struct buf file, const char *why) {
    struct outcome o = {0};
    long kib = 0;
    double seconds = 0;
    bool ended = in_child(&file, &o, &kib, &seconds);
    size_t allowed = file.n * CHECKPOINT_FACTOR + CHECKPOINT_SLACK + LIBRARIES;
    CHECK(ended && (why ? o.ret && strstr(o.msg, why) : !o.ret), "%s: %s", what, o.msg);
    CHECK(!strchr(o.msg, '\n') && seconds < (UNDER_ASAN ? 10 : 1), "in one line and %.3f s", seconds);
    if (!UNDER_ASAN)
        CHECK((size_t)kib * 1024 <= allowed, "%ld KiB of memory of %zu allowed for %zu bytes", kib,
              allowed / 1024, file.n);
    CHECK(access(marker, F_OK) != 0, "and ran nothing");
    buf_free(&file);
}

/* Ends the pickle and zips it with the parts. */
static struct buf zipped(struct buf *pickle, const struct parts *parts) {
    struct entry entries[9] = {{.name = "m/data.pkl"}};
    op(pickle, OP_STOP);
    entries[0].bytes = pickle->p;
    entries[0].n = pickle->n;
    for (int i = 0; parts && i < parts->n; i++)
        entries[i + 1] = parts->entries[i];
    struct buf z = zip_build(entries, parts ? parts->n + 1 : 1);
    buf_free(pickle);
    return z;
}

/* A good layer's pickle, open where parameters go. */
static struct buf layer(void) {
    struct buf b = {0};
    begin_layer(&b, 2);
    return b;
}

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
    char command[200];
    snprintf(command, sizeof command, "touch %s", marker);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct buf b = {0};
        pk_begin(&b, 2);
        pk_global(&b, calls[i][0], calls[i][1]);
        pk_str(&b, command);
        op(&b, OP_TUPLE1);
        op(&b, OP_REDUCE);
        op(&b, OP_POP);
        struct buf good = layer();
        end_layer(&good);
        put(&b, good.p + 2, good.n - 2);
        buf_free(&good);
        expect(calls[i][1], zipped(&b, NULL), calls[i][1]);
    }
}

/* Under the root, where the graph would look. */
static void test_inside(void) {
    struct buf b = layer();
    pk_str(&b, "weight");
    pk_global(&b, "os", "system");
    op(&b, OP_EMPTY_TUPLE);
    op(&b, OP_REDUCE);
    end_layer(&b);
    expect("a parameter that is a call", zipped(&b, NULL), "os.system");
    b = layer();
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
    pk_begin(&b, 2);
    pk_global(&b, "builtins", "getattr");
    pk_global(&b, "builtins", "getattr");
    pk_global(&b, "os", "path");
    pk_str(&b, "os");
    op(&b, OP_TUPLE2);
    op(&b, OP_REDUCE);
    pk_str(&b, "system");
    op(&b, OP_TUPLE2);
    op(&b, OP_REDUCE);
    expect("a chain of getattr", zipped(&b, NULL), "getattr");
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
    struct buf b = layer();
    pk_str(&b, "weight");
    pk_tensor(&b, "FloatStorage", "0", 4, 0, 1, (int64_t[]){1LL << 60}, (int64_t[]){0});
    end_layer(&b);
    expect("a tensor of 2^60 elements, all of them one", zipped(&b, &parts), "beyond storage 0");
    b = layer();
    pk_str(&b, "weight");
    pk_tensor(&b, "FloatStorage", "0", 4, 0, 1, (int64_t[]){1LL << 40}, (int64_t[]){0});
    end_layer(&b);
    expect("a tensor of 2^40 elements, all of them one", zipped(&b, &parts), "far more elements");
    b = layer();
    pk_str(&b, "weight");
    pk_tensor(&b, "FloatStorage", "0", 1LL << 58, 0, 1, (int64_t[]){1LL << 58}, NULL);
    end_layer(&b);
    expect("a storage of 2^58 elements", zipped(&b, &parts), "should hold 288230376151711744");
    b = layer();
    pk_str(&b, "weight");
    pk_tensor(&b, "FloatStorage", "../../etc/passwd", 4, 0, 1, (int64_t[]){4}, NULL);
    end_layer(&b);
    expect("a storage named ../", zipped(&b, &parts), "not in the file");
    b = layer();
    for (int i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        pk_str(&b, name);
        pk_tensor(&b, "FloatStorage", "0", 4, 0, 1, (int64_t[]){100000}, (int64_t[]){0});
    }
    end_layer(&b);
    expect("a thousand expanded tensors", zipped(&b, &parts), "far more elements");
}

/* A module whose child is what the memo holds at 1. */
static void holder(struct buf *b, const char *name) {
    pk_str(b, name);
    pk_get(b, 1);
}

static void test_modules(void) {
    struct buf b = {0};
    pk_begin(&b, 2); /* the instance is in the memo before it is given its attributes */
    pk_global(&b, "pkg", "Loop");
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
    holder(&b, "self");
    pk_module_end(&b);
    expect("a module that contains itself", zipped(&b, NULL), "contains itself");

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

/* A zip file of a good model with these entries beside, and the reason to refuse it. */
static void zip_case(const char *what, const struct entry *extra, int n, const char *why) {
    struct buf b = layer();
    struct parts parts = {.n = n};
    end_layer(&b);
    for (int i = 0; i < n; i++)
        parts.entries[i] = extra[i];
    expect(what, zipped(&b, &parts), why);
}

static void test_zip(void) {
    struct entry twice[] = {TEXT_ENTRY("m/data/0", "aaaa"), TEXT_ENTRY("m/data/0", "bbbb")};
    zip_case("an entry that is there twice", twice, 2, "");
    struct entry pickles[] = {TEXT_ENTRY("m/data.pkl", "\x80\x02N.")};
    zip_case("two data.pkl", pickles, 1, "");
    struct entry up[] = {TEXT_ENTRY("m/../x", "a")};
    zip_case("a path with ..", up, 1, "leads out of the archive");
    struct entry absolute[] = {TEXT_ENTRY("/etc/x", "a")};
    zip_case("an absolute path", absolute, 1, "leads out of the archive");
    struct entry outside[] = {TEXT_ENTRY("n/data/0", "a")};
    zip_case("an entry beside the folder", outside, 1, "outside of the archive's folder");
    struct entry local[] = {{.name = "m/a", .local_name = "m/b", .bytes = "x", .n = 1}};
    zip_case("two names of one entry", local, 1, "broken or cut zip file");
    struct entry shared[] = {TEXT_ENTRY("m/data/0", "aaaa"),
                             {.name = "m/data/1", .bytes = "aaaa", .n = 4, .same_offset_as = 2}};
    zip_case("two entries on one header", shared, 2, "broken or cut zip file");
    struct entry huge[] = {
        {.name = "m/data/0", .bytes = "x", .n = 1, .fixed_size = true, .size = 0xf0000000}};
    zip_case("a stored entry that claims 4 GB", huge, 1, "sizes differ");

    /* Contents that are met only when they are needed. */
    struct buf nothing = {0}, storage = {0}, bomb = {0};
    for (int i = 0; i < 1 << 20; i++)
        op(&storage, 0);
    struct buf packed = deflate(&storage);
    struct entry lying = {.name = "m/data/0", .bytes = packed.p, .n = packed.n, .unpacked = &storage};
    lying.fixed_size = true;
    lying.size = 16;
    const struct {
        const char *what, *why;
        struct entry e;
    } cases[] = {
        {"a wrong CRC",
         "damaged",
         {.name = "m/data/0", .bytes = "0123456789abcdef", .n = 16, .wrong_crc = true}},
        {"an entry that unpacks to more than it says", "its length is wrong", lying},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = layer();
        pk_str(&b, "weight");
        pk_tensor(&b, "FloatStorage", "0", 4, 0, 1, (int64_t[]){4}, NULL);
        end_layer(&b);
        struct parts parts = {{cases[i].e}, 1};
        expect(cases[i].what, zipped(&b, &parts), cases[i].why);
    }
    struct entry big = {.name = "m/data/0", .bytes = "\x63", .n = 1, .unpacked = &nothing};
    big.fixed_size = true;
    big.size = 0xf0000000;
    zip_case("a zip bomb", &big, 1, "unpacks to more than 32 times");
    struct entry bad_pickle[] = {{.name = "m/data.pkl", .bytes = "\x80\x02N.", .n = 4, .wrong_crc = true}};
    struct buf z = zip_build(bad_pickle, 1);
    expect("a pickle with a wrong CRC", z, "damaged");
    buf_free(&storage);
    buf_free(&packed);
    buf_free(&bomb);
}

/* End records that claim more than there is. */
static void test_directory(void) {
    struct buf b = layer();
    end_layer(&b);
    struct buf good = zipped(&b, NULL);
    for (size_t field = 8; field < 20; field += 2) {
        struct buf z = {0};
        put(&z, good.p, good.n);
        z.p[z.n - 22 + field] ^= 0xff;
        z.p[z.n - 22 + field + 1] ^= 0x7f;
        expect("an end record with a wrong field", z, "");
    }
    /* A zip64 directory whose size and place are right, and whose number of entries is not. */
    static const uint64_t counts[] = {1, 1ULL << 24, 1ULL << 28, 1ULL << 40, 1ULL << 60};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct buf z = {0};
        put(&z, good.p, good.n - 22);
        uint64_t at = z.n;
        put(&z, "PK\6\6", 4);
        put_number(&z, 44, 8);
        put_number(&z, 45, 2);
        put_number(&z, 45, 2);
        put_number(&z, 0, 8);
        put_number(&z, counts[i], 8);
        put_number(&z, counts[i], 8);
        put(&z, good.p + good.n - 22 + 12, 4);
        put_number(&z, 0, 4);
        put(&z, good.p + good.n - 22 + 16, 4);
        put_number(&z, 0, 4);
        put(&z, "PK\6\7", 4);
        put_number(&z, 0, 4);
        put_number(&z, at, 8);
        put_number(&z, 1, 4);
        put(&z, "PK\5\6", 4);
        put_number(&z, 0, 4);
        put_number(&z, 0xffff, 2);
        put_number(&z, 0xffff, 2);
        put_number(&z, 0xffffffff, 4);
        put_number(&z, 0xffffffff, 4);
        put_number(&z, 0, 2);
        expect(i ? "a directory of far too many entries" : "a zip64 directory", z, i ? "" : NULL);
    }
    buf_free(&good);
}

int main(void) {
    int fd = mkstemp(marker);
    if (fd >= 0)
        close(fd);
    unlink(marker);
    if (UNDER_ASAN)
        printf("# skip bounds on memory: AddressSanitizer has its own\n");
    test_injected();
    test_inside();
    test_memory();
    test_tensors();
    test_modules();
    test_zip();
    test_directory();
    unlink(marker);
    return test_end();
}
