#include "pt/pickle.h"

#include "base/utf8.h"
#include "pt/build.h"
#include "pt/call.h"
#include "pt/machine.h"
#include "pt/opcode.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 256, HIGHEST_PROTOCOL = 5 };

struct pickle {
    struct arena arena;
    struct pt_value *root;
};

/* Constants are shared; nothing writes to them. */
static struct pt_value none = {.kind = PT_NONE};
static struct pt_value truths[2] = {{.kind = PT_BOOL, .truth = false}, {.kind = PT_BOOL, .truth = true}};

static int push_int(struct machine *m, int64_t number, struct err *err) {
    struct pt_value *v;
    if (pt_new(m->arena, PT_INT, &v, err))
        return -1;
    v->number = number;
    return machine_push(m, v, err);
}

/* LONG1 and LONG4: two's complement, little-endian. */
static int push_long(struct machine *m, size_t width, struct err *err) {
    uint64_t n = 0;
    const unsigned char *p = NULL;
    if (machine_number(m, width, &n, err) || machine_take(m, n, &p, err))
        return -1;
    while (n > 8 && p[n - 1] == (p[n - 2] & 0x80 ? 0xff : 0))
        n--;
    if (n > 8) {
        struct pt_value *v;
        return pt_new(m->arena, PT_BIGINT, &v, err) ? -1 : machine_push(m, v, err);
    }
    uint64_t bits = n && p[n - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = n; i-- > 0;)
        bits = bits << 8 | p[i];
    int64_t number;
    memcpy(&number, &bits, sizeof number);
    return push_int(m, number, err);
}

static int push_float(struct machine *m, struct err *err) {
    const unsigned char *p = NULL;
    struct pt_value *v;
    if (machine_take(m, 8, &p, err) || pt_new(m->arena, PT_FLOAT, &v, err))
        return -1;
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | p[i];
    memcpy(&v->real, &bits, sizeof bits);
    return machine_push(m, v, err);
}

static int new_text(struct machine *m, enum pt_kind kind, const void *bytes, size_t n, struct pt_value **v,
                    struct err *err) {
    char *copy;
    if (pt_new(m->arena, kind, v, err) || !(copy = arena_alloc(m->arena, n + 1, err)))
        return -1;
    memcpy(copy, bytes, n);
    (*v)->text = (struct pt_text){copy, n};
    (*v)->is_text = utf8_is_text(copy, n);
    return 0;
}

/* Text or bytes that follow a length of `width` bytes. */
static int push_text(struct machine *m, enum pt_kind kind, size_t width, struct err *err) {
    uint64_t n = 0;
    const unsigned char *p = NULL;
    struct pt_value *v;
    if (machine_number(m, width, &n, err) || machine_take(m, n, &p, err) || new_text(m, kind, p, n, &v, err))
        return -1;
    return machine_push(m, v, err);
}

/* Items above height `from` become one list, tuple or set. */
static int collect(struct machine *m, enum pt_kind kind, unsigned from, struct err *err) {
    struct pt_value *v;
    if (pt_new(m->arena, kind, &v, err))
        return -1;
    for (unsigned i = from; i < m->depth; i++)
        if (pt_append(m->arena, v, m->stack[i], err))
            return -1;
    m->depth = from;
    return machine_push(m, v, err);
}

static int collect_last(struct machine *m, enum pt_kind kind, unsigned n, struct err *err) {
    if (m->depth - machine_floor(m) < n)
        return err_set(err, ERR_FAILED, "an opcode finds its operand missing");
    return collect(m, kind, m->depth - n, err);
}

/* Appends what is above height `from` to the list or set below it. */
static int extend(struct machine *m, unsigned from, enum pt_kind kind, struct err *err) {
    unsigned depth = m->depth;
    struct pt_value *target;
    m->depth = from;
    if (machine_top(m, &target, err))
        return -1;
    if (pt_kind(target) == PT_OBJECT)
        return 0;
    if (pt_kind(target) != kind)
        return err_set(err, ERR_FAILED, "items are added to %s", pt_describe(target));
    for (unsigned i = from; i < depth; i++)
        if (pt_append(m->arena, target, m->stack[i], err))
            return -1;
    return 0;
}

static int set_items(struct machine *m, unsigned from, struct err *err) {
    unsigned depth = m->depth;
    struct pt_value *target;
    m->depth = from;
    if (machine_top(m, &target, err))
        return -1;
    if ((depth - from) % 2)
        return err_set(err, ERR_FAILED, "a key has no value");
    if (pt_kind(target) == PT_OBJECT)
        return 0;
    if (pt_kind(target) != PT_DICT)
        return err_set(err, ERR_FAILED, "items are set in %s", pt_describe(target));
    for (unsigned i = from; i < depth; i += 2)
        if (pt_set(m->arena, target, m->stack[i], m->stack[i + 1], &m->dicts, err))
            return -1;
    return 0;
}

/* DICT: keys and values above the mark. */
static int collect_dict(struct machine *m, struct err *err) {
    unsigned from = 0, depth = m->depth;
    struct pt_value *v;
    if (machine_unmark(m, &from, err) || pt_new(m->arena, PT_DICT, &v, err))
        return -1;
    if ((depth - from) % 2)
        return err_set(err, ERR_FAILED, "a key has no value");
    for (unsigned i = from; i < depth; i += 2)
        if (pt_set(m->arena, v, m->stack[i], m->stack[i + 1], &m->dicts, err))
            return -1;
    m->depth = from;
    return machine_push(m, v, err);
}

/* Python 2's names of modules that protocol 2 writes. */
static struct pt_text modern(struct pt_text module) {
    static const char *const renamed[][2] = {{"__builtin__", "builtins"}, {"copy_reg", "copyreg"}};
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++)
        if (strlen(renamed[i][0]) == module.n && memcmp(module.bytes, renamed[i][0], module.n) == 0)
            return (struct pt_text){renamed[i][1], strlen(renamed[i][1])};
    return module;
}

static int push_global(struct machine *m, struct pt_text module, struct pt_text name, struct err *err) {
    char full[2 * NAME_MAX_BYTES + 2];
    struct pt_value *v;
    module = modern(module);
    if (!module.n || !name.n || module.n > NAME_MAX_BYTES || name.n > NAME_MAX_BYTES)
        return err_set(err, ERR_FAILED, "a class has no name, or a very long one");
    memcpy(full, module.bytes, module.n);
    full[module.n] = '.';
    memcpy(full + module.n + 1, name.bytes, name.n);
    size_t n = module.n + 1 + name.n;
    full[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if (full[i] == '\0' || full[i] == ' ' || utf8_control(full + i))
            return err_set(err, ERR_FAILED, "a class has control characters or spaces in its name");
    if (!utf8_is_text(full, n))
        return err_set(err, ERR_FAILED, "a class has a name that is not UTF-8");
    return new_text(m, PT_GLOBAL, full, n, &v, err) ? -1 : machine_push(m, v, err);
}

static int take_line(struct machine *m, struct pt_text *line, struct err *err) {
    const unsigned char *start = m->bytes + m->at, *end = memchr(start, '\n', m->n - m->at);
    if (!end)
        return err_set(err, ERR_FAILED, "it is cut short");
    *line = (struct pt_text){(const char *)start, (size_t)(end - start)};
    m->at += line->n + 1;
    return 0;
}

static int op_global(struct machine *m, struct err *err) {
    struct pt_text module, name;
    return take_line(m, &module, err) || take_line(m, &name, err) ? -1 : push_global(m, module, name, err);
}

static int op_stack_global(struct machine *m, struct err *err) {
    struct pt_value *module, *name;
    if (machine_pop(m, &name, err) || machine_pop(m, &module, err))
        return -1;
    if (!pt_str(module) || !pt_str(name))
        return err_set(err, ERR_FAILED, "a class is named by %s and %s", pt_describe(module),
                       pt_describe(name));
    return push_global(m, module->text, name->text, err);
}

/* REDUCE, NEWOBJ, and NEWOBJ_EX, whose keyword arguments are dropped: no known class takes any. */
static int op_call(struct machine *m, enum opcode op, struct err *err) {
    struct pt_value *callable, *args, *keywords, *v;
    if (op == OP_NEWOBJ_EX && machine_pop(m, &keywords, err))
        return -1;
    if (machine_pop(m, &args, err) || machine_pop(m, &callable, err) ||
        pt_call(m->arena, callable, args, op != OP_REDUCE, &m->dicts, &v, err))
        return -1;
    return machine_push(m, v, err);
}

static int op_build(struct machine *m, struct err *err) {
    struct pt_value *state, *target;
    if (machine_pop(m, &state, err) || machine_top(m, &target, err))
        return -1;
    switch (pt_kind(target)) {
    case PT_OBJECT:
        if (target->object->state)
            return err_set(err, ERR_FAILED, "%s is given attributes twice", pt_class(target));
        target->object->state = state;
        return 0;
    case PT_LIST:
    case PT_DICT:
    case PT_SET: /* attributes of a container, such as a state_dict's _metadata: not needed */
        return 0;
    default:
        return err_set(err, ERR_FAILED, "attributes are given to %s", pt_describe(target));
    }
}

static int op_persistent(struct machine *m, struct err *err) {
    struct pt_value *id, *v;
    if (machine_pop(m, &id, err) || pt_new(m->arena, PT_STORAGE, &v, err) ||
        pt_make_storage(m->arena, m->archive, id, v, err))
        return -1;
    return machine_push(m, v, err);
}

static int op_get(struct machine *m, size_t width, struct err *err) {
    uint64_t i = 0;
    return machine_number(m, width, &i, err) ? -1 : machine_get(m, i, err);
}

static int op_put(struct machine *m, size_t width, struct err *err) {
    uint64_t i = 0;
    return machine_number(m, width, &i, err) ? -1 : machine_put(m, i, err);
}

static int op_frame(struct machine *m, struct err *err) {
    uint64_t n = 0;
    if (machine_number(m, 8, &n, err))
        return -1;
    return n > m->n - m->at ? err_set(err, ERR_FAILED, "it is cut short") : 0;
}

/* Opcodes that push one new value made from the bytes that follow. */
static int step_scalar(struct machine *m, enum opcode op, bool *known, struct err *err) {
    uint64_t n = 0;
    *known = true;
    switch (op) {
    case OP_NONE:
        return machine_push(m, &none, err);
    case OP_NEWTRUE:
        return machine_push(m, &truths[1], err);
    case OP_NEWFALSE:
        return machine_push(m, &truths[0], err);
    case OP_BININT:
        return machine_number(m, 4, &n, err) ? -1 : push_int(m, (int32_t)(uint32_t)n, err);
    case OP_BININT1:
        return machine_number(m, 1, &n, err) ? -1 : push_int(m, (int64_t)n, err);
    case OP_BININT2:
        return machine_number(m, 2, &n, err) ? -1 : push_int(m, (int64_t)n, err);
    case OP_LONG1:
        return push_long(m, 1, err);
    case OP_LONG4:
        return push_long(m, 4, err);
    case OP_BINFLOAT:
        return push_float(m, err);
    case OP_SHORT_BINSTRING:
    case OP_SHORT_BINUNICODE:
        return push_text(m, PT_STR, 1, err);
    case OP_BINSTRING:
    case OP_BINUNICODE:
        return push_text(m, PT_STR, 4, err);
    case OP_BINUNICODE8:
        return push_text(m, PT_STR, 8, err);
    case OP_SHORT_BINBYTES:
        return push_text(m, PT_BYTES, 1, err);
    case OP_BINBYTES:
        return push_text(m, PT_BYTES, 4, err);
    case OP_BINBYTES8:
    case OP_BYTEARRAY8:
        return push_text(m, PT_BYTES, 8, err);
    default:
        *known = false;
        return 0;
    }
}

/* Opcodes that make and fill collections. */
static int step_collection(struct machine *m, enum opcode op, bool *known, struct err *err) {
    unsigned from = 0;
    *known = true;
    switch (op) {
    case OP_EMPTY_LIST:
        return collect(m, PT_LIST, m->depth, err);
    case OP_EMPTY_TUPLE:
        return collect(m, PT_TUPLE, m->depth, err);
    case OP_EMPTY_SET:
        return collect(m, PT_SET, m->depth, err);
    case OP_EMPTY_DICT:
        return machine_mark(m, err) ? -1 : collect_dict(m, err);
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
        return collect_last(m, PT_TUPLE, op - OP_TUPLE1 + 1, err);
    case OP_TUPLE:
        return machine_unmark(m, &from, err) ? -1 : collect(m, PT_TUPLE, from, err);
    case OP_LIST:
        return machine_unmark(m, &from, err) ? -1 : collect(m, PT_LIST, from, err);
    case OP_FROZENSET:
        return machine_unmark(m, &from, err) ? -1 : collect(m, PT_SET, from, err);
    case OP_DICT:
        return collect_dict(m, err);
    case OP_APPENDS:
        return machine_unmark(m, &from, err) ? -1 : extend(m, from, PT_LIST, err);
    case OP_ADDITEMS:
        return machine_unmark(m, &from, err) ? -1 : extend(m, from, PT_SET, err);
    case OP_SETITEMS:
        return machine_unmark(m, &from, err) ? -1 : set_items(m, from, err);
    case OP_APPEND:
        return m->depth < machine_floor(m) + 2
                   ? err_set(err, ERR_FAILED, "an opcode finds its operand missing")
                   : extend(m, m->depth - 1, PT_LIST, err);
    case OP_SETITEM:
        return m->depth < machine_floor(m) + 3
                   ? err_set(err, ERR_FAILED, "an opcode finds its operand missing")
                   : set_items(m, m->depth - 2, err);
    default:
        *known = false;
        return 0;
    }
}

static int step(struct machine *m, enum opcode op, struct err *err) {
    struct pt_value *v;
    unsigned from = 0;
    bool known;
    int ret = step_scalar(m, op, &known, err);
    if (!known)
        ret = step_collection(m, op, &known, err);
    if (known)
        return ret;
    switch (op) {
    case OP_MARK:
        return machine_mark(m, err);
    case OP_POP: /* of a value, or of a mark with nothing above it */
        return m->n_marks && m->depth == machine_floor(m) ? machine_unmark(m, &from, err)
                                                          : machine_pop(m, &v, err);
    case OP_POP_MARK:
        if (machine_unmark(m, &from, err))
            return -1;
        m->depth = from;
        return 0;
    case OP_DUP:
        return machine_top(m, &v, err) ? -1 : machine_push(m, v, err);
    case OP_GLOBAL:
        return op_global(m, err);
    case OP_STACK_GLOBAL:
        return op_stack_global(m, err);
    case OP_REDUCE:
    case OP_NEWOBJ:
    case OP_NEWOBJ_EX:
        return op_call(m, op, err);
    case OP_BUILD:
        return op_build(m, err);
    case OP_BINPERSID:
        return op_persistent(m, err);
    case OP_BINGET:
        return op_get(m, 1, err);
    case OP_LONG_BINGET:
        return op_get(m, 4, err);
    case OP_BINPUT:
        return op_put(m, 1, err);
    case OP_LONG_BINPUT:
        return op_put(m, 4, err);
    case OP_MEMOIZE:
        return machine_put(m, m->n_memo, err);
    case OP_FRAME:
        return op_frame(m, err);
    case OP_EXT1:
    case OP_EXT2:
    case OP_EXT4:
        return err_set(err, ERR_FAILED, "it uses Python's extension registry, which a model does not");
    case OP_NEXT_BUFFER:
    case OP_READONLY_BUFFER:
        return err_set(err, ERR_FAILED, "it refers to buffers outside of the file");
    default:
        return err_set(err, ERR_FAILED,
                       "opcode 0x%02x is not one that torch.save writes (pickle protocols 2 to 5)",
                       (unsigned)op);
    }
}

static int run(struct machine *m, struct pt_value **root, struct err *err) {
    const unsigned char *p = NULL;
    if (machine_take(m, 2, &p, err))
        return -1;
    if (p[0] != OP_PROTO || p[1] < 2 || p[1] > HIGHEST_PROTOCOL)
        return err_set(err, ERR_FAILED, "it is not a pickle of protocols 2 to 5");
    for (;;) {
        if (machine_take(m, 1, &p, err))
            return -1;
        if (*p == OP_STOP)
            break;
        if (step(m, *p, err))
            return -1;
    }
    if (machine_pop(m, root, err))
        return -1;
    if (m->depth || m->n_marks)
        return err_set(err, ERR_FAILED, "it leaves values unused");
    if (m->at != m->n)
        return err_set(err, ERR_FAILED, "bytes follow its end");
    return pt_index(m->arena, m->dicts, err);
}

int pickle_read(const void *bytes, size_t n, struct archive *archive, size_t limit, struct pickle **out,
                struct err *err) {
    struct pickle *p = calloc(1, sizeof *p);
    if (!p)
        return err_nomem(err);
    p->arena.limit = limit;
    struct machine m = {.bytes = bytes, .n = n, .arena = &p->arena, .archive = archive};
    if (run(&m, &p->root, err)) {
        err_wrap(err, "pickle, byte %zu of %zu", m.at, n);
        pickle_free(&p);
        return -1;
    }
    *out = p;
    return 0;
}

struct pt_value *pickle_root(const struct pickle *p) {
    return p->root;
}

void pickle_free(struct pickle **p) {
    if (*p)
        arena_free(&(*p)->arena);
    free(*p);
    *p = NULL;
}
