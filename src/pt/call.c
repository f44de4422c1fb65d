#include "pt/call.h"

#include "base/utf8.h"
#include "pt/build.h"

#include <stdio.h>
#include <string.h>

struct call {
    struct arena *arena;
    const char *name;
    struct pt_value *callable; /* PT_GLOBAL */
    struct pt_value *args;     /* PT_TUPLE */
    struct pt_dict **dicts;
};

static struct pt_value *arg(const struct call *c, size_t i) {
    return i < c->args->seq.n ? c->args->seq.at[i] : NULL;
}

static int bad_args(const struct call *c, struct err *err) {
    return err_set(err, ERR_FAILED, "%s has unexpected arguments", c->name);
}

static int make_object(const struct call *c, struct pt_value *class, struct pt_value *args,
                       struct pt_value **out, struct err *err) {
    if (pt_new(c->arena, PT_OBJECT, out, err) ||
        !((*out)->object = arena_alloc(c->arena, sizeof *(*out)->object, err)))
        return -1;
    (*out)->object->class = class;
    (*out)->object->args = args;
    return 0;
}

static int record(const struct call *c, struct pt_value **out, struct err *err) {
    return make_object(c, c->callable, c->args, out, err);
}

/* (class, ...): copyreg's ways to say "an instance of class". */
static int make_instance(const struct call *c, struct pt_value **out, struct err *err) {
    struct pt_value *class = arg(c, 0);
    if (pt_kind(class) != PT_GLOBAL)
        return bad_args(c, err);
    return pt_call(c->arena, class, c->args, true, c->dicts, out, err);
}

/* A sequence from none or one: list(items), set(items), torch.Size(items), deque(items, maxlen). */
static int make_seq(const struct call *c, enum pt_kind kind, struct pt_value **out, struct err *err) {
    const struct pt_value *items = arg(c, 0);
    enum pt_kind k = pt_kind(items);
    if (items && k != PT_LIST && k != PT_TUPLE && k != PT_SET)
        return bad_args(c, err);
    if (pt_new(c->arena, kind, out, err))
        return -1;
    for (size_t i = 0; i < pt_len(items); i++)
        if (pt_append(c->arena, *out, items->seq.at[i], err))
            return -1;
    return 0;
}

static int make_list(const struct call *c, struct pt_value **out, struct err *err) {
    return make_seq(c, PT_LIST, out, err);
}

static int make_tuple(const struct call *c, struct pt_value **out, struct err *err) {
    return make_seq(c, PT_TUPLE, out, err);
}

static int make_set(const struct call *c, struct pt_value **out, struct err *err) {
    return make_seq(c, PT_SET, out, err);
}

/* A dict from nothing, from a dict or from a list of pairs. defaultdict's factory is a PT_GLOBAL, and
 * dropped. */
static int make_dict(const struct call *c, struct pt_value **out, struct err *err) {
    struct pt_value *from = arg(c, 0);
    if (pt_kind(from) == PT_GLOBAL)
        from = arg(c, 1);
    if (pt_new(c->arena, PT_DICT, out, err))
        return -1;
    for (unsigned i = 0; i < pt_dict_len(from); i++) {
        struct pt_value **pair = &from->dict->items.at[2 * i];
        if (pt_set(c->arena, *out, pair[0], pair[1], c->dicts, err))
            return -1;
    }
    for (size_t i = 0; i < pt_len(from); i++) {
        const struct pt_value *pair = pt_item(from, i);
        if (pt_len(pair) != 2)
            return bad_args(c, err);
        if (pt_set(c->arena, *out, pair->seq.at[0], pair->seq.at[1], c->dicts, err))
            return -1;
    }
    return 0;
}

/* The bytes of a str of characters below 256: _codecs.encode(text, "latin1"), which is how protocol 2 writes
 * bytes. */
static int make_bytes(const struct call *c, struct pt_value **out, struct err *err) {
    const struct pt_value *from = arg(c, 0);
    if (from && pt_kind(from) != PT_BYTES && pt_kind(from) != PT_STR)
        return record(c, out, err);
    if (pt_new(c->arena, PT_BYTES, out, err))
        return -1;
    size_t n = from ? from->text.n : 0;
    char *bytes = arena_alloc(c->arena, n + 1, err);
    if (!bytes)
        return -1;
    (*out)->text = (struct pt_text){bytes, n};
    if (pt_kind(from) == PT_BYTES)
        memcpy(bytes, from->text.bytes, n);
    if (pt_kind(from) != PT_STR)
        return 0;
    const char *p = from->text.bytes, *end = p + n;
    if (!utf8_is_valid(p, n))
        return bad_args(c, err);
    for (n = 0; p < end; n++) {
        unsigned ch = utf8_next(&p);
        if (ch > 0xff)
            return record(c, out, err);
        bytes[n] = (char)ch;
    }
    (*out)->text.n = n;
    return 0;
}

/* (storage, offset, size, stride, requires_grad, hooks, [metadata]) */
static int make_tensor(const struct call *c, struct pt_value **out, struct err *err) {
    return pt_new(c->arena, PT_TENSOR, out, err)
               ? -1
               : pt_make_tensor(c->arena, arg(c, 0), arg(c, 1), arg(c, 2), arg(c, 3), NULL, *out, err);
}

/* (storage, offset, size, stride, requires_grad, hooks, dtype, [metadata]) */
static int make_tensor_v3(const struct call *c, struct pt_value **out, struct err *err) {
    if (pt_kind(arg(c, 6)) != PT_GLOBAL)
        return bad_args(c, err);
    return pt_new(c->arena, PT_TENSOR, out, err)
               ? -1
               : pt_make_tensor(c->arena, arg(c, 0), arg(c, 1), arg(c, 2), arg(c, 3), arg(c, 6), *out, err);
}

/* (tensor, requires_grad, hooks, [state]): a parameter is its tensor here. */
static int make_parameter(const struct call *c, struct pt_value **out, struct err *err) {
    if (pt_kind(arg(c, 0)) != PT_TENSOR && pt_kind(arg(c, 0)) != PT_OBJECT)
        return bad_args(c, err);
    *out = arg(c, 0);
    return 0;
}

/* (function, type, args, state): a tensor with Python attributes of its own, which function(*args) makes. */
static int make_from_type(const struct call *c, struct pt_value **out, struct err *err) {
    struct pt_value *function = arg(c, 0);
    if (pt_kind(function) != PT_GLOBAL || strcmp(function->text.bytes, c->name) == 0)
        return bad_args(c, err);
    return pt_call(c->arena, function, arg(c, 2), false, c->dicts, out, err);
}

/* Modules whose classes act on the machine when they are instantiated. Their names in a pickle are the mark
 * of an attack; the test of the case of a name would let subprocess.Popen pass as data. */
static const char refused[] =
    "_io _pickle _posixsubprocess asyncio bdb builtins cProfile code codeop commands concurrent copyreg "
    "ctypes dbm dill cloudpickle distutils doctest ftplib http idlelib importlib io joblib lib2to3 marshal "
    "mmap multiprocessing nt ntpath operator os pdb pickle pip pkgutil posix posixpath profile pty pydoc "
    "requests runpy setuptools shelve shutil signal site smtplib socket socketserver sqlite3 ssl subprocess "
    "sys tarfile telnetlib tempfile threading timeit tkinter trace types unittest urllib venv webbrowser "
    "wsgiref xmlrpc zipfile zipimport torch.hub torch.jit torch.package torch.multiprocessing "
    "torch.utils.cpp_extension torch.distributed torch.fx torch._inductor torch._dynamo";

/* Whether a class may stand for data: not from a refused module. Two of their classes only hold data. */
static bool is_harmless(const char *name) {
    if (strcmp(name, "types.SimpleNamespace") == 0 || strcmp(name, "builtins.object") == 0)
        return true;
    for (const char *word = refused; *word; word += strspn(word, " ")) {
        size_t n = strcspn(word, " ");
        if (strncmp(name, word, n) == 0 && name[n] == '.')
            return false;
        word += n;
    }
    return true;
}

/* Instances that trainers leave around a model: torch.compile's and DistributedDataParallel's. They are made without a
 * call, and are data like any other. */
static bool is_wrapping(const char *name) {
    return strncmp(name, "torch._dynamo.", 14) == 0 || strncmp(name, "torch.distributed.", 18) == 0;
}

static int refuse(const char *name, struct err *err) {
    if (strncmp(name, "dill.", 5) == 0)
        return err_set(err, ERR_FAILED,
                       "it calls %s: dill was loaded when it was saved and put code into it, a lambda or a "
                       "class of the script; save it where dill is not imported; nothing was run",
                       name);
    return err_set(err, ERR_FAILED, "it calls %s, which no model needs; nothing was run", name);
}

/* getattr(object, "name"): a bound method, if the object is an instance. Of a class or module it could be
 * anything. */
static int make_method(const struct call *c, struct pt_value **out, struct err *err) {
    if (pt_kind(arg(c, 0)) != PT_OBJECT || !pt_str(arg(c, 1)) || c->args->seq.n != 2)
        return refuse(c->name, err);
    return record(c, out, err);
}

/* functools.partial(function, ...): a function that waits for its call, which no model's is, if it is a
 * dangerous one. */
static int make_partial(const struct call *c, struct pt_value **out, struct err *err) {
    const char *function = pt_class(arg(c, 0));
    return function && !is_harmless(function) ? refuse(function, err) : record(c, out, err);
}

/* dill._dill._load_type("set"): how dill names the class builtins.set. Other types than plain data's are not given. */
static int make_dill_type(const struct call *c, struct pt_value **out, struct err *err) {
    static const char *const types[] = {"set",       "frozenset", "dict", "list",  "tuple", "bytes",
                                        "bytearray", "int",       "bool", "float", "str",   "complex"};
    const char *name = pt_str(arg(c, 0));
    for (size_t i = 0; name && c->args->seq.n == 1 && i < sizeof types / sizeof *types; i++) {
        if (strcmp(name, types[i]) != 0)
            continue;
        size_t n = strlen("builtins.") + strlen(name);
        char *full = arena_alloc(c->arena, n + 1, err);
        if (!full || pt_new(c->arena, PT_GLOBAL, out, err))
            return -1;
        snprintf(full, n + 1, "builtins.%s", name);
        (*out)->text = (struct pt_text){full, n};
        return 0;
    }
    return refuse(c->name, err);
}

/* numpy's scalar(dtype, bytes): the number, if it is one. */
static int make_scalar(const struct call *c, struct pt_value **out, struct err *err) {
    if (pt_new(c->arena, PT_NONE, out, err))
        return -1;
    return pt_numpy_number(arg(c, 0), arg(c, 1), *out) ? 0 : record(c, out, err);
}

/* The callables that are known. Those that `record` are functions, or classes with a lower-case name, whose
 * results stand in real checkpoints as data that no model needs. A name that ends in '*' is a prefix. */
static const struct {
    const char *name;
    int (*make)(const struct call *c, struct pt_value **out, struct err *err);
} known[] = {
    {"collections.OrderedDict", make_dict},
    {"collections.defaultdict", make_dict},
    {"collections.Counter", make_dict},
    {"collections.deque", make_list},
    {"builtins.dict", make_dict},
    {"builtins.list", make_list},
    {"builtins.tuple", make_tuple},
    {"builtins.set", make_set},
    {"builtins.frozenset", make_set},
    {"builtins.bytes", make_bytes},
    {"builtins.bytearray", make_bytes},
    {"_codecs.encode", make_bytes},
    {"torch.Size", make_tuple},
    {"torch._utils._rebuild_tensor", make_tensor},
    {"torch._utils._rebuild_tensor_v2", make_tensor},
    {"torch._utils._rebuild_tensor_v3", make_tensor_v3},
    {"torch._utils._rebuild_parameter", make_parameter},
    {"torch._utils._rebuild_parameter_with_state", make_parameter},
    {"torch._tensor._rebuild_from_type_v2", make_from_type},
    {"copyreg._reconstructor", make_instance},
    {"copyreg.__newobj__", make_instance},
    {"copyreg.__newobj_ex__", make_instance},
    {"builtins.getattr", make_method},
    {"builtins.complex", record},
    {"builtins.object", record},
    {"builtins.range", record},
    {"builtins.slice", record},
    {"builtins.xrange", record},
    {"datetime.date", record},
    {"datetime.datetime", record},
    {"datetime.time", record},
    {"datetime.timedelta", record},
    {"datetime.timezone", record},
    {"dill._dill._load_type", make_dill_type},
    {"functools.partial", make_partial},
    {"logging.getLogger", record},
    {"numpy.dtype", record},
    {"numpy.ndarray", record},
    {"numpy.core.multiarray._reconstruct", record},
    {"numpy.core.multiarray.scalar", make_scalar},
    {"numpy._core.multiarray._reconstruct", record},
    {"numpy._core.multiarray.scalar", make_scalar},
    {"numpy.core.numeric._frombuffer", record},
    {"numpy._core.numeric._frombuffer", record},
    {"re._compile", record},
    {"torch.device", record},
    {"torch._dynamo.eval_frame.OptimizeContext", record},
    {"torch._dynamo.eval_frame.OptimizedModule", record},
    {"torch.serialization._get_layout", record},
    {"torch._utils._rebuild_*", record},
};

/* Python's classes begin with a capital, its functions do not. */
static bool is_class_like(const char *name) {
    const char *last = strrchr(name, '.') + 1;
    last += strspn(last, "_");
    return *last >= 'A' && *last <= 'Z';
}

static bool matches(const char *pattern, const char *name) {
    size_t n = strlen(pattern);
    return pattern[n - 1] == '*' ? strncmp(pattern, name, n - 1) == 0 : strcmp(pattern, name) == 0;
}

int pt_call(struct arena *arena, struct pt_value *callable, struct pt_value *args, bool instance,
            struct pt_dict **dicts, struct pt_value **out, struct err *err) {
    if (pt_kind(args) != PT_TUPLE)
        return err_set(err, ERR_FAILED, "a call has %s for its arguments", pt_describe(args));
    if (pt_kind(callable) != PT_GLOBAL)
        return err_set(err, ERR_FAILED, "it calls the result of another call (%s); nothing was run",
                       pt_describe(callable));
    struct call c = {arena, callable->text.bytes, callable, args, dicts};
    if (!instance)
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (matches(known[i].name, c.name))
                return known[i].make(&c, out, err);
    if (!(is_harmless(c.name) || (instance && is_wrapping(c.name))) || !(instance || is_class_like(c.name)))
        return refuse(c.name, err);
    return record(&c, out, err);
}
