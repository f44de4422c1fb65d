/* A small YOLOv10 as a checkpoint, and as many variations of it as edits ask for.
 *
 *     struct buf zip = network_build(edits, n);       // n 0: the network as it should be; the caller's
 *
 * The first byte chooses how much of it there is: one in WHOLE values all blocks and two levels, the others
 * one block between the first convolution and a head of one level, which takes a quarter of the time.
 *
 * Every class, number, word, tensor and child that is written is a place, numbered in order. An edit is three
 * bytes: a place (little-endian, modulo PLACES or PLACES_OF_ONE) and what to do there, where 0 is nothing:
 * another class, an odd number, another type, no child, another module for a child: one that is there
 * already, or that it is in. So a fuzzer's bytes always give a pickle that is well-formed and a tree that is
 * nearly a detector. */
#ifndef YS_TESTS_FUZZ_NETWORK_H
#define YS_TESTS_FUZZ_NETWORK_H

#include "pt/builder.h"

#include <math.h>

enum { EDIT_BYTES = 3, PLACES = 2048, PLACES_OF_ONE = 768, WHOLE = 32, STORAGE_FLOATS = 1024 };

enum net_part { PART_C2F, PART_CIB, PART_SPPF, PART_PSA, PART_CONCAT, PARTS, PART_ALL };

/* Where the memo holds what: words from 0 on. */
enum { WORDS = 192, MODULES = WORDS };

struct net {
    struct buf p;
    const char *words[WORDS]; /* that are in the memo */
    unsigned n_words;
    uint8_t what[PLACES]; /* the edits, by place */
    unsigned places;      /* at most; 0: there are no edits */
    unsigned place, modules;
};

/* What the edits ask for at the next place. */
static inline unsigned net_edit(struct net *n) {
    if (!n->places)
        return 0;
    if (n->place == n->places)
        abort();
    return n->what[n->place++];
}

/* Whether the thing that this text is the name of is in the memo and now on the stack; if not, it is to be
 * made, and pk_put is to follow with *at. */
static inline bool net_known(struct net *n, const char *word, unsigned *at) {
    for (*at = 0; *at < n->n_words; ++*at)
        if (n->words[*at] == word) {
            pk_get(&n->p, *at);
            return true;
        }
    if (n->n_words == WORDS)
        abort();
    n->words[n->n_words++] = word;
    return false;
}

static inline void net_str(struct net *n, const char *text) {
    unsigned at;
    if (net_known(n, text, &at))
        return;
    pk_str(&n->p, text);
    pk_put(&n->p, at);
}

static inline void net_global(struct net *n, const char *module, const char *name) {
    unsigned at;
    if (net_known(n, name, &at))
        return;
    pk_global(&n->p, module, name);
    pk_put(&n->p, at);
}

static inline int64_t net_number(struct net *n, int64_t v) {
    const int64_t odd[] = {v,
                           v + 1,
                           v - 1,
                           2 * v,
                           v / 2,
                           0,
                           -1,
                           1,
                           2,
                           3,
                           4,
                           5,
                           8,
                           16,
                           31,
                           32,
                           63,
                           64,
                           65,
                           4096,
                           1 << 20,
                           1LL << 31,
                           (1 << 20) + 1,
                           INT64_MAX,
                           INT64_MIN,
                           1LL << 40};
    return odd[net_edit(n) % (sizeof odd / sizeof *odd)];
}

static inline void net_dict(struct net *n, const char *key) {
    net_str(n, key);
    op(&n->p, OP_EMPTY_DICT);
    op(&n->p, OP_MARK);
}

/* An attribute: a number, or something that is none. */
static inline void net_int(struct net *n, const char *name, int64_t v) {
    unsigned what = net_edit(n);
    net_str(n, name);
    v = net_number(n, v);
    if (what % 8 == 1)
        op(&n->p, OP_NONE);
    else if (what % 8 == 2)
        net_str(n, "nearest");
    else if (what % 8 == 3)
        op(&n->p, what & 8 ? OP_NEWTRUE : OP_NEWFALSE);
    else if (what % 8 == 4)
        pk_ints(&n->p, what >> 3 & 7, (int64_t[]){v, v, 0, 1, 2, 3, 4, -1});
    else
        pk_int(&n->p, v);
}

static inline void net_pair(struct net *n, const char *name, int64_t v) {
    net_str(n, name);
    pk_ints(&n->p, 2, (int64_t[]){net_number(n, v), net_number(n, v)});
}

static inline void net_real(struct net *n, const char *name, double v) {
    static const double odd[] = {0, -1, 1e300, 1e-300, 2, 64, 65, 0.5, 1, INFINITY, NAN, -0.0};
    uint64_t bits;
    unsigned what = net_edit(n);
    v = what ? odd[what % (sizeof odd / sizeof *odd)] : v;
    memcpy(&bits, &v, sizeof bits);
    net_str(n, name);
    op(&n->p, OP_BINFLOAT);
    for (int i = 56; i >= 0; i -= 8)
        put_number(&n->p, bits >> i & 0xff, 1);
}

static inline void net_word(struct net *n, const char *name, const char *word) {
    static const char *const odd[] = {"", "zeros", "reflect", "nearest", "bilinear", "same"};
    unsigned what = net_edit(n);
    net_str(n, name);
    net_str(n, what ? odd[what % (sizeof odd / sizeof *odd)] : word);
}

static inline void net_storage(struct net *n, const char *class, unsigned key, int64_t numel) {
    static char names[2][32][1]; /* addresses to know storages by */
    unsigned at;
    if (net_known(n, names[key][class[0] - 'A'], &at))
        return;
    pk_storage(&n->p, class, key ? "1" : "0", numel);
    pk_put(&n->p, at);
}

/* A tensor of the first floats of storage 0 (finite numbers), or of 1 (not all finite). */
static inline void net_tensor(struct net *n, const char *name, int dims, const int64_t *shape) {
    static const char *const classes[] = {"FloatStorage", "HalfStorage", "IntStorage", "BFloat16Storage",
                                          "ComplexFloatStorage"};
    int64_t size[4], stride[4], none[4] = {0}, numel = STORAGE_FLOATS;
    unsigned what = net_edit(n);
    for (int i = 0; i < dims; i++)
        size[i] = net_number(n, shape[i]);
    for (int i = dims - 1; i >= 0; i--)
        stride[i] = i == dims - 1 ? 1 : (int64_t)((uint64_t)stride[i + 1] * (uint64_t)size[i + 1]);
    net_str(n, name);
    if (what == 1) {
        op(&n->p, OP_NONE);
        return;
    }
    if (what % 5 == 1 || what % 5 == 3)
        numel *= 2;
    net_global(n, "torch._utils", "_rebuild_tensor_v2");
    op(&n->p, OP_MARK);
    net_storage(n, classes[what % 5], what >> 6 & 1, numel);
    pk_int(&n->p, what >> 7);
    pk_ints(&n->p, dims, size);
    pk_ints(&n->p, dims, what & 32 ? none : stride);
    op(&n->p, OP_NEWFALSE);
    op(&n->p, OP_EMPTY_DICT);
    op(&n->p, OP_TUPLE);
    op(&n->p, OP_REDUCE);
}

/* -- Modules. -- */

static const struct net_class {
    const char *module, *name;
} net_classes[] = {
    {"ultralytics.nn.modules.conv", "Conv"},
    {"ultralytics.nn.modules.block", "Bottleneck"},
    {"ultralytics.nn.modules.block", "C2f"},
    {"ultralytics.nn.modules.block", "CIB"},
    {"ultralytics.nn.modules.block", "RepVGGDW"},
    {"ultralytics.nn.modules.block", "SCDown"},
    {"ultralytics.nn.modules.block", "SPPF"},
    {"ultralytics.nn.modules.block", "PSA"},
    {"ultralytics.nn.modules.block", "Attention"},
    {"ultralytics.nn.modules.conv", "Concat"},
    {"ultralytics.nn.modules.head", "v10Detect"},
    {"ultralytics.nn.modules.block", "DFL"},
    {"ultralytics.nn.tasks", "YOLOv10DetectionModel"},
    {"torch.nn.modules.conv", "Conv2d"},
    {"torch.nn.modules.batchnorm", "BatchNorm2d"},
    {"torch.nn.modules.activation", "SiLU"},
    {"torch.nn.modules.activation", "ReLU"},
    {"torch.nn.modules.activation", "LeakyReLU"},
    {"torch.nn.modules.activation", "Hardswish"},
    {"torch.nn.modules.linear", "Identity"},
    {"torch.nn.modules.container", "Sequential"},
    {"torch.nn.modules.pooling", "MaxPool2d"},
    {"torch.nn.modules.upsampling", "Upsample"},
    {"torch.nn.modules.container", "ModuleList"},
    {"somewhere", "Else"},
};

enum {
    NET_CONV,
    NET_BOTTLENECK,
    NET_C2F,
    NET_CIB,
    NET_REP,
    NET_SCDOWN,
    NET_SPPF,
    NET_PSA,
    NET_ATTENTION,
    NET_CONCAT,
    NET_HEAD,
    NET_DFL,
    NET_MODEL,
    NET_CONV2D,
    NET_BN,
    NET_SILU,
    NET_RELU,
    NET_LEAKY,
    NET_HARDSWISH,
    NET_IDENTITY,
    NET_SEQUENTIAL,
    NET_MAXPOOL,
    NET_UPSAMPLE,
    NET_LIST,
    NET_CLASSES = sizeof net_classes / sizeof *net_classes
};

/* An instance, remembered before it has attributes, and its open __dict__; attributes follow, then
 * net_children, children, net_end. */
static inline void net_begin(struct net *n, int class) {
    const struct net_class *c = &net_classes[(class + net_edit(n)) % NET_CLASSES];
    net_global(n, c->module, c->name);
    op(&n->p, OP_EMPTY_TUPLE);
    op(&n->p, OP_NEWOBJ);
    pk_put(&n->p, MODULES + n->modules++);
    op(&n->p, OP_EMPTY_DICT);
    op(&n->p, OP_MARK);
    net_dict(n, "_parameters");
}

static inline void net_attributes(struct net *n) {
    pk_dict_end(&n->p);
    net_dict(n, "_buffers");
    pk_dict_end(&n->p);
}

static inline void net_children(struct net *n) {
    net_dict(n, "_modules");
}

/* A module that was begun before, by its number. */
static inline void net_again(struct net *n, unsigned module) {
    pk_get(&n->p, MODULES + module);
}

/* Closes the module, and puts another in its place if the edits say so. */
static inline void net_end(struct net *n) {
    unsigned what = net_edit(n);
    pk_module_end(&n->p);
    if (!what)
        return;
    op(&n->p, OP_POP);
    if (what == 1)
        op(&n->p, OP_NONE);
    else
        net_again(n, (what - 2) % n->modules);
}

static inline void net_child(struct net *n, const char *name) {
    static const char *const odd[] = {"bn", "act", "conv1", "m", "a b", ""};
    unsigned what = net_edit(n);
    net_str(n, what ? odd[what % (sizeof odd / sizeof *odd)] : name);
}

/* A module without children. */
static inline void net_leaf(struct net *n, int class) {
    net_begin(n, class);
    net_attributes(n);
    if (class == NET_LEAKY)
        net_real(n, "negative_slope", 0.1);
    if (class == NET_MAXPOOL) {
        net_int(n, "kernel_size", 5);
        net_int(n, "stride", 1);
        net_int(n, "padding", 2);
        net_int(n, "dilation", 1);
        net_int(n, "ceil_mode", 0);
    }
    net_children(n);
    net_end(n);
}

static inline void net_conv2d(struct net *n, int cin, int cout, int k, int stride, int groups) {
    net_begin(n, NET_CONV2D);
    net_tensor(n, "weight", 4, (int64_t[]){cout, cin / groups, k, k});
    net_tensor(n, "bias", 1, (int64_t[]){cout});
    net_attributes(n);
    net_int(n, "in_channels", cin);
    net_int(n, "out_channels", cout);
    net_int(n, "groups", groups);
    net_pair(n, "kernel_size", k);
    net_pair(n, "stride", stride);
    net_pair(n, "padding", k / 2);
    net_pair(n, "dilation", 1);
    net_word(n, "padding_mode", "zeros");
    net_children(n);
    net_end(n);
}

static inline void net_bn(struct net *n, int channels) {
    const int64_t size = channels;
    net_begin(n, NET_BN);
    net_tensor(n, "weight", 1, &size);
    net_tensor(n, "bias", 1, &size);
    pk_dict_end(&n->p);
    net_dict(n, "_buffers");
    net_tensor(n, "running_mean", 1, &size);
    net_tensor(n, "running_var", 1, &size);
    pk_dict_end(&n->p);
    net_real(n, "eps", 1e-3);
    net_children(n);
    net_end(n);
}

/* Conv2d, BatchNorm and activation, on input f (0: not a layer of the model's). */
static inline void net_conv(struct net *n, int f, int cin, int cout, int k, int stride, int groups, int act) {
    net_begin(n, NET_CONV);
    net_attributes(n);
    if (f)
        net_int(n, "f", f);
    net_children(n);
    net_child(n, "conv");
    net_conv2d(n, cin, cout, k, stride, groups);
    net_child(n, "bn");
    net_bn(n, cout);
    net_child(n, "act");
    net_leaf(n, act);
    net_end(n);
}

/* A module of class, input f and attribute c (0: without), up to its children. */
static inline void net_block(struct net *n, int class, int f, int c) {
    net_begin(n, class);
    net_attributes(n);
    if (f)
        net_int(n, "f", f);
    if (c)
        net_int(n, "c", c);
    net_str(n, "add");
    op(&n->p, net_edit(n) % 2 ? OP_NEWFALSE : OP_NEWTRUE);
}

static inline void net_bottleneck(struct net *n, int c) {
    net_block(n, NET_BOTTLENECK, 0, 0);
    net_children(n);
    net_child(n, "cv1");
    net_conv(n, 0, c, c, 3, 1, 1, NET_SILU);
    net_child(n, "cv2");
    net_conv(n, 0, c, c, 3, 1, 1, NET_RELU);
    net_end(n);
}

static inline void net_cib(struct net *n, int c) {
    net_block(n, NET_CIB, 0, 0);
    net_children(n);
    net_child(n, "cv1");
    net_begin(n, NET_SEQUENTIAL);
    net_attributes(n);
    net_children(n);
    net_child(n, "0");
    net_conv(n, 0, c, c, 3, 1, c, NET_SILU);
    net_child(n, "1");
    net_block(n, NET_REP, 0, 0);
    net_children(n);
    net_child(n, "conv");
    net_conv(n, 0, c, c, 7, 1, c, NET_IDENTITY);
    net_child(n, "conv1");
    net_conv(n, 0, c, c, 3, 1, c, NET_IDENTITY);
    net_child(n, "act");
    net_leaf(n, NET_SILU);
    net_end(n);
    net_end(n);
    net_end(n);
}

static inline void net_c2f(struct net *n, int cin, int c, bool cib) {
    net_block(n, NET_C2F, -1, c);
    net_children(n);
    net_child(n, "cv1");
    net_conv(n, 0, cin, 2 * c, 1, 1, 1, NET_SILU);
    net_child(n, "cv2");
    net_conv(n, 0, 3 * c, 2 * c, 1, 1, 1, NET_HARDSWISH);
    net_child(n, "m");
    net_begin(n, NET_LIST);
    net_attributes(n);
    net_children(n);
    net_child(n, "0");
    if (cib)
        net_cib(n, c);
    else
        net_bottleneck(n, c);
    net_end(n);
    net_end(n);
}

static inline void net_sppf(struct net *n, int c) {
    net_block(n, NET_SPPF, -1, 0);
    net_int(n, "n", 3);
    net_children(n);
    net_child(n, "cv1");
    net_conv(n, 0, c, c / 2, 1, 1, 1, NET_SILU);
    net_child(n, "cv2");
    net_conv(n, 0, 2 * c, c, 1, 1, 1, NET_LEAKY);
    net_child(n, "m");
    net_leaf(n, NET_MAXPOOL);
    net_end(n);
}

static inline void net_psa(struct net *n, int c) {
    net_block(n, NET_PSA, -1, c);
    net_children(n);
    net_child(n, "cv1");
    net_conv(n, 0, 2 * c, 2 * c, 1, 1, 1, NET_SILU);
    net_child(n, "cv2");
    net_conv(n, 0, 2 * c, 2 * c, 1, 1, 1, NET_SILU);
    net_child(n, "attn");
    net_begin(n, NET_ATTENTION);
    net_attributes(n);
    net_int(n, "num_heads", 1);
    net_int(n, "key_dim", c / 4);
    net_int(n, "head_dim", c);
    net_real(n, "scale", 1 / sqrt(c / 4));
    net_children(n);
    net_child(n, "qkv");
    net_conv(n, 0, c, c + 2 * (c / 4), 1, 1, 1, NET_IDENTITY);
    net_child(n, "proj");
    net_conv(n, 0, c, c, 1, 1, 1, NET_IDENTITY);
    net_child(n, "pe");
    net_conv(n, 0, c, c, 3, 1, c, NET_IDENTITY);
    net_end(n);
    net_child(n, "ffn");
    net_begin(n, NET_SEQUENTIAL);
    net_attributes(n);
    net_children(n);
    net_child(n, "0");
    net_conv(n, 0, c, 2 * c, 1, 1, 1, NET_SILU);
    net_child(n, "1");
    net_conv(n, 0, 2 * c, c, 1, 1, 1, NET_IDENTITY);
    net_end(n);
    net_end(n);
}

/* The concatenation takes the upsampled and, as its second input, module `other`. */
static inline void net_upsample_concat(struct net *n, const char *concat, int other) {
    net_begin(n, NET_UPSAMPLE);
    net_attributes(n);
    net_int(n, "f", -1);
    net_word(n, "mode", "nearest");
    net_real(n, "scale_factor", 2);
    net_children(n);
    net_end(n);
    net_child(n, concat);
    net_begin(n, NET_CONCAT);
    net_attributes(n);
    net_int(n, "d", 1);
    net_str(n, "f");
    pk_ints(&n->p, 2, (int64_t[]){net_number(n, -1), net_number(n, other)});
    net_children(n);
    net_end(n);
}

/* One branch of the head: of `levels` levels of c channels each, to `out`. */
static inline void net_branch(struct net *n, const char *name, int levels, int c, int out) {
    net_child(n, name);
    net_begin(n, NET_LIST);
    net_attributes(n);
    net_children(n);
    for (int level = 0; level < levels; level++) {
        net_child(n, level ? "1" : "0");
        net_begin(n, NET_SEQUENTIAL);
        net_attributes(n);
        net_children(n);
        net_child(n, "0");
        net_conv(n, 0, c, c, 3, 1, c, NET_SILU);
        net_child(n, "1");
        net_conv2d(n, c, out, 1, 1, 1);
        net_end(n);
    }
    net_end(n);
}

/* On modules from[0 .. levels-1]. */
static inline void net_head(struct net *n, int levels, const int *from, int c) {
    enum { BINS = 4, CLASSES = 2 };
    int64_t f[2];
    net_begin(n, NET_HEAD);
    net_attributes(n);
    net_int(n, "nc", CLASSES);
    net_int(n, "reg_max", BINS);
    net_int(n, "nl", levels);
    net_tensor(n, "stride", 1, (int64_t[]){levels});
    net_str(n, "f");
    for (int i = 0; i < levels; i++)
        f[i] = net_number(n, from[i]);
    pk_ints(&n->p, levels, f);
    net_children(n);
    net_branch(n, "cv2", levels, c, 4 * BINS);
    net_branch(n, "cv3", levels, c, CLASSES);
    net_branch(n, "one2one_cv2", levels, c, 4 * BINS);
    net_branch(n, "one2one_cv3", levels, c, CLASSES);
    net_child(n, "dfl");
    net_begin(n, NET_DFL);
    net_attributes(n);
    net_children(n);
    net_child(n, "conv");
    net_conv2d(n, BINS, 1, 1, 1, 1);
    net_end(n);
    net_end(n);
}

static inline void net_scdown(struct net *n) {
    net_block(n, NET_SCDOWN, -1, 0);
    net_children(n);
    net_child(n, "cv1");
    net_conv(n, 0, 8, 8, 1, 1, 1, NET_SILU);
    net_child(n, "cv2");
    net_conv(n, 0, 8, 8, 3, 2, 8, NET_IDENTITY);
    net_end(n);
}

/* What follows module 0: all blocks. */
static inline void net_all(struct net *n) {
    net_child(n, "1");
    net_c2f(n, 8, 4, false);
    net_child(n, "2");
    net_scdown(n);
    net_child(n, "3");
    net_c2f(n, 8, 4, true);
    net_child(n, "4");
    net_sppf(n, 8);
    net_child(n, "5");
    net_psa(n, 4);
    net_child(n, "6");
    net_upsample_concat(n, "7", 1);
    net_child(n, "8");
    net_c2f(n, 16, 4, false);
    net_child(n, "9");
    net_head(n, 2, (int[]){8, 5}, 8);
}

/* What follows module 0: one block. */
static inline void net_one(struct net *n, enum net_part part) {
    net_child(n, "1");
    if (part == PART_SPPF)
        net_sppf(n, 8);
    else if (part == PART_PSA)
        net_psa(n, 4);
    else if (part != PART_CONCAT)
        net_c2f(n, 8, 4, part == PART_CIB);
    else {
        net_scdown(n);
        net_child(n, "2");
        net_upsample_concat(n, "3", 0);
    }
    net_child(n, part == PART_CONCAT ? "4" : "2");
    net_head(n, 1, (int[]){part == PART_CONCAT ? 3 : 1}, part == PART_CONCAT ? 16 : 8);
}

static inline void net_model(struct net *n, enum net_part part) {
    net_begin(n, NET_MODEL);
    net_attributes(n);
    net_children(n);
    net_child(n, "model");
    net_begin(n, NET_SEQUENTIAL);
    net_attributes(n);
    net_children(n);
    net_child(n, "0");
    net_conv(n, -1, 3, 8, 3, 2, 1, NET_SILU);
    if (part == PART_ALL)
        net_all(n);
    else
        net_one(n, part);
    net_end(n);
    net_end(n);
}

/* Its pickle alone. */
static inline struct buf network_pickle(const uint8_t *edits, size_t n_edits) {
    const bool whole = !n_edits || edits[0] % WHOLE == 0;
    struct net n = {.places = whole ? PLACES : PLACES_OF_ONE};
    for (size_t i = 1; i + EDIT_BYTES <= n_edits; i += EDIT_BYTES)
        n.what[((unsigned)edits[i] | (unsigned)edits[i + 1] << 8) % n.places] = edits[i + 2];
    pk_begin(&n.p, 2);
    op(&n.p, OP_EMPTY_DICT);
    pk_str(&n.p, "model");
    net_model(&n, whole ? PART_ALL : (enum net_part)(edits[0] % PARTS));
    op(&n.p, OP_SETITEM);
    op(&n.p, OP_STOP);
    return n.p;
}

static inline struct buf network_build(const uint8_t *edits, size_t n_edits) {
    static float numbers[2][STORAGE_FLOATS];
    struct buf pickle = network_pickle(edits, n_edits);
    /* Positive where variances lie, small and of both signs where most weights do. */
    for (int i = 0; i < STORAGE_FLOATS; i++) {
        numbers[0][i] = i < 16 ? (float)(i % 7 + 1) / 32 : (float)(i * 7 % 13 - 6) / 64;
        numbers[1][i] = i % 3 ? 1 : i % 2 ? NAN : INFINITY;
    }
    numbers[0][0] = 2; /* the head's strides */
    numbers[0][1] = 4;
    const struct entry entries[] = {
        ENTRY("m/data.pkl", pickle),
        {.name = "m/data/0", .bytes = numbers[0], .n = sizeof *numbers},
        {.name = "m/data/1", .bytes = numbers[1], .n = sizeof *numbers},
    };
    struct buf zip = zip_build(entries, 3);
    buf_free(&pickle);
    return zip;
}

#endif
