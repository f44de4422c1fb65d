/* The module kinds of the families, one row and one function each: what a module computes, as operations of the
 * graph. The definitions are those of the modules' forward methods upstream (ultralytics/nn/modules). */
#define _GNU_SOURCE
#include "model/builder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* in: the number of the value that the module reads; *out: of the one that it makes. */
typedef int kind_fn(struct builder *b, const struct module *m, int in, int *out, struct err *err);

/* Leads *value through the child: what it makes of it comes in its place. */
static int through(struct builder *b, const struct module *m, const char *name, int *value, struct err *err) {
    return builder_child(b, m, name, *value, value, err);
}

static int add_values(struct builder *b, int x, int y, int *out, struct err *err) {
    return builder_add(b, (struct op){.kind = OP_ADD}, (int[]){x, y}, 2, out, err);
}

static int slice(struct builder *b, int x, int from, int to, int *out, struct err *err) {
    return builder_add(b, (struct op){.kind = OP_SLICE, .from = from, .to = to}, &x, 1, out, err);
}

/* ---- torch.nn ---- */

static int conv2d(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    for (size_t i = 0; i < b->g->n_convs; i++)
        if (b->conv_modules[i] == m->v) {
            b->g->convs[i].calls++;
            return builder_add(b, (struct op){.kind = OP_CONV, .conv = (int)i}, &in, 1, out, err);
        }
    return err_set(err, ERR_FAILED, "%s: is not in the module tree", m->path);
}

/* Products, and then their places. */
static int conv_transpose2d(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    int scale[2];
    if (module_pair(m, "stride", 1, 64, scale, err) || conv2d(b, m, in, &in, err))
        return -1;
    return builder_add(b, (struct op){.kind = OP_SHUFFLE, .scale = scale[0]}, &in, 1, out, err);
}

/* A variance that is not above zero even with eps has no square root to divide by. */
static int check_variance(const struct module *m, const struct bn *bn, int n, struct err *err) {
    for (int c = 0; c < n; c++)
        if (!(bn->var[c] + bn->eps > 0))
            return err_set(
                err, ERR_FAILED,
                "%s.running_var: %g in channel %d is no variance; the checkpoint is broken, save it again",
                m->path, (double)bn->var[c], c);
    return 0;
}

static struct bn *add_bn(struct graph *g, struct err *err) {
    struct bn *bns = realloc(g->bns, (g->n_bns + 1) * sizeof *bns);
    if (!bns) {
        err_nomem(err);
        return NULL;
    }
    g->bns = bns;
    bns[g->n_bns] = (struct bn){0};
    return &bns[g->n_bns++];
}

static int batch_norm(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    struct bn *bn = add_bn(b->g, err);
    int n = -1;
    if (!bn)
        return -1;
    if (module_floats(m, "running_mean", &n, 1, &bn->mean, err) ||
        module_floats(m, "running_var", &n, 1, &bn->var, err) || module_real(m, "eps", &bn->eps, err) ||
        check_variance(m, bn, n, err))
        return -1;
    if (!module_is_none(m, "weight") && (module_floats(m, "weight", &n, 1, &bn->weight, err) ||
                                         module_floats(m, "bias", &n, 1, &bn->bias, err)))
        return -1;
    if (!(bn->name = strdup(m->path)))
        return err_nomem(err);
    bn->channels = n;
    return builder_add(b, (struct op){.kind = OP_BN, .bn = (int)b->g->n_bns - 1}, &in, 1, out, err);
}

/* The activation whose row of acts.def names the module's class. GELU's other form has a name of its own in none. */
static int activation(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    struct act act = {ACT_NONE + 1};
    double v;
    while (strcmp(pt_class_name(m->v), act_rows[act.kind].torch_class) != 0)
        act.kind++;
    if (!module_is_none(m, "approximate") && !module_is_word(m, "approximate", "none"))
        return err_set(err, ERR_UNSUPPORTED, "%s: only the exact %s is supported, without approximate",
                       m->path, act_rows[act.kind].torch_class);
    for (int i = 0; i < ACT_PARAMS && act_rows[act.kind].param[i].attribute; i++) {
        if (module_real(m, act_rows[act.kind].param[i].attribute, &v, err))
            return -1;
        act.param[i] = (float)v;
    }
    return builder_add(b, (struct op){.kind = OP_ACT, .act = act}, &in, 1, out, err);
}

static int identity(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    (void)b, (void)m, (void)err;
    *out = in;
    return 0;
}

static int sequential(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    *out = in;
    struct module child;
    int more;
    for (size_t at = 0; (more = module_next(m, &at, &child, err)) > 0;)
        if (builder_module(b, &child, out, 1, out, err))
            return -1;
    return more;
}

static int max_pool(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    int k[2], s[2], p[2], d[2];
    bool ceil_mode;
    if (module_pair(m, "kernel_size", 1, 64, k, err) || module_pair(m, "stride", 1, 64, s, err) ||
        module_pair(m, "padding", 0, 32, p, err) || module_pair(m, "dilation", 1, 64, d, err) ||
        module_bool(m, "ceil_mode", false, &ceil_mode, err))
        return -1;
    if (k[0] != k[1] || s[0] != s[1] || p[0] != p[1] || d[0] != 1 || d[1] != 1 || ceil_mode ||
        2 * p[0] > k[0]) /* a window might lie in the padding alone; torch refuses it too */
        return err_set(err, ERR_UNSUPPORTED, "%s: max pooling of this form is not supported", m->path);
    return builder_add(b, (struct op){.kind = OP_MAXPOOL, .kernel = k[0], .stride = s[0], .pad = p[0]}, &in,
                       1, out, err);
}

static int upsample(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    double scale;
    if (!module_is_word(m, "mode", "nearest") || !module_is_none(m, "size"))
        return err_set(err, ERR_UNSUPPORTED, "%s: only nearest-neighbour upsampling by a factor is supported",
                       m->path);
    if (module_real(m, "scale_factor", &scale, err))
        return -1;
    if (scale != floor(scale) || scale < 1 || scale > 64)
        return err_set(err, ERR_UNSUPPORTED, "%s: upsampling by %g is not supported", m->path, scale);
    return builder_add(b, (struct op){.kind = OP_UPSAMPLE, .scale = (int)scale}, &in, 1, out, err);
}

/* ---- ultralytics ---- */

/* conv, bn, act. fuse() folds bn into conv and takes it away. */
static int conv(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    if (!module_has(m, "bn"))
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: it is fused, its BatchNorm is part of the convolution; score the checkpoint that "
                       "training saved",
                       m->path);
    if (through(b, m, "conv", &in, err) || through(b, m, "bn", &in, err))
        return -1;
    return builder_child(b, m, "act", in, out, err);
}

/* x + f(x) where the module's `add` says so, f(x) otherwise. */
static int maybe_add(struct builder *b, const struct module *m, int x, int fx, int *out, struct err *err) {
    bool add;
    *out = fx;
    if (module_bool(m, "add", false, &add, err))
        return -1;
    return add ? add_values(b, x, fx, out, err) : 0;
}

static int bottleneck(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    int v = in;
    if (through(b, m, "cv1", &v, err) || through(b, m, "cv2", &v, err))
        return -1;
    return maybe_add(b, m, in, v, out, err);
}

static int cib(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    int v;
    if (builder_child(b, m, "cv1", in, &v, err))
        return -1;
    return maybe_add(b, m, in, v, out, err);
}

static int rep_vgg_dw(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    int wide = in, narrow = in;
    if (through(b, m, "conv", &wide, err) || through(b, m, "conv1", &narrow, err) ||
        builder_add(b, (struct op){.kind = OP_ADD, .kernels = 1}, (int[]){wide, narrow}, 2, &wide, err))
        return -1;
    return builder_child(b, m, "act", wide, out, err);
}

/* Each module of the list m works on what the one before made, the first on parts[had - 1]: its values follow in parts, *n
 * of them with those. */
static int chain(struct builder *b, const struct module *m, int parts[OP_INPUTS_MAX], int had, int *n,
                 struct err *err) {
    struct module list, child;
    if (builder_part(m, "m", KIND_LIST, NULL, &list, err))
        return -1;
    const size_t count = module_count(&list);
    if (count + (size_t)had > OP_INPUTS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "%s: %zu repetitions are too many", m->path, count);
    for (*n = had; *n < had + (int)count; (*n)++)
        if (module_at(&list, (size_t)(*n - had), &child, err) ||
            builder_module(b, &child, &parts[*n - 1], 1, &parts[*n], err))
            return -1;
    return 0;
}

/* cv1, split in two; each of m works on the last; all of it concatenated through cv2. C2fCIB and C3k2 differ in their
 * m only. */
static int c2f(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    int parts[OP_INPUTS_MAX], v = in, c, n;
    if (module_int(m, "c", 1, 1 << 20, &c, err) || through(b, m, "cv1", &v, err) ||
        slice(b, v, 0, c, &parts[0], err) || slice(b, v, c, 2 * c, &parts[1], err) ||
        chain(b, m, parts, 2, &n, err) || builder_add(b, (struct op){.kind = OP_CONCAT}, parts, n, &v, err))
        return -1;
    return builder_child(b, m, "cv2", v, out, err);
}

/* cv1 and m, beside cv2; both concatenated through cv3. C3k differs in its m's kernels only. */
static int c3(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    int sides[2] = {in, in}, v;
    if (through(b, m, "cv1", &sides[0], err) || through(b, m, "m", &sides[0], err) ||
        through(b, m, "cv2", &sides[1], err) ||
        builder_add(b, (struct op){.kind = OP_CONCAT}, sides, 2, &v, err))
        return -1;
    return builder_child(b, m, "cv3", v, out, err);
}

static int sc_down(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    return through(b, m, "cv1", &in, err) ? -1 : builder_child(b, m, "cv2", in, out, err);
}

static int sppf(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    int parts[OP_INPUTS_MAX], v = in, n = 3;
    if (!module_is_none(m, "n") && module_int(m, "n", 1, OP_INPUTS_MAX - 1, &n, err))
        return -1;
    if (builder_child(b, m, "cv1", v, &parts[0], err))
        return -1;
    for (int i = 0; i < n; i++)
        if (builder_child(b, m, "m", parts[i], &parts[i + 1], err))
            return -1;
    if (builder_add(b, (struct op){.kind = OP_CONCAT}, parts, n + 1, &v, err) ||
        through(b, m, "cv2", &v, err))
        return -1;
    return maybe_add(b, m, in, v, out, err);
}

/* Attention of a map of all heads' Q, K and V, which qkv makes: what it mixes and pe of V together, through proj. */
static int attend(struct builder *b, const struct module *m, struct op op, int in, int *out,
                  struct err *err) {
    struct op values = op;
    int qkv, mix, v, pe;
    op.kind = OP_ATTN_MIX;
    values.kind = OP_ATTN_V;
    if (builder_child(b, m, "qkv", in, &qkv, err) || builder_add(b, op, &qkv, 1, &mix, err) ||
        builder_add(b, values, &qkv, 1, &v, err) || builder_child(b, m, "pe", v, &pe, err) ||
        add_values(b, mix, pe, &mix, err))
        return -1;
    return builder_child(b, m, "proj", mix, out, err);
}

static int attention(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    struct op op = {.areas = 1};
    double scale;
    if (module_int(m, "num_heads", 1, 1 << 12, &op.heads, err) ||
        module_int(m, "key_dim", 1, 1 << 12, &op.key_dim, err) ||
        module_int(m, "head_dim", 1, 1 << 12, &op.head_dim, err) || module_real(m, "scale", &scale, err))
        return -1;
    if (fabs(scale * sqrt(op.key_dim) - 1) > 1e-6)
        return err_set(err, ERR_UNSUPPORTED, "%s: an attention scale of %g is not supported", m->path, scale);
    return attend(b, m, op, in, out, err);
}

static int area_attention(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    struct op op = {0};
    if (module_int(m, "num_heads", 1, 1 << 12, &op.heads, err) ||
        module_int(m, "head_dim", 1, 1 << 12, &op.head_dim, err) ||
        module_int(m, "area", -1, 1 << 12, &op.areas, err))
        return -1;
    op.key_dim = op.head_dim;
    op.areas = op.areas > 1 ? op.areas : 1;
    return attend(b, m, op, in, out, err);
}

static int a_block(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    int v = in, f;
    if (builder_child(b, m, "attn", v, &f, err) || add_values(b, v, f, &v, err) ||
        builder_child(b, m, "mlp", v, &f, err))
        return -1;
    return add_values(b, v, f, out, err);
}

/* Multiplies the channels of *value by m's parameter `name`. */
static int multiply(struct builder *b, const struct module *m, const char *name, int *value,
                    struct err *err) {
    struct bn *bn = add_bn(b->g, err);
    int n = -1;
    if (!bn || module_floats(m, name, &n, 1, &bn->weight, err))
        return -1;
    bn->bias = calloc((size_t)n, sizeof *bn->bias);
    bn->mean = calloc((size_t)n, sizeof *bn->mean);
    bn->var = malloc((size_t)n * sizeof *bn->var);
    if (!bn->bias || !bn->mean || !bn->var || asprintf(&bn->name, "%s.%s", m->path, name) < 0) {
        bn->name = NULL;
        return err_nomem(err);
    }
    for (int i = 0; i < n; i++)
        bn->var[i] = 1;
    bn->channels = n;
    bn->factor = true;
    return builder_add(b, (struct op){.kind = OP_BN, .bn = (int)b->g->n_bns - 1}, value, 1, value, err);
}

/* cv1, on which each of m works after the one before; all of it concatenated through cv2; with gamma added to the input. */
static int a2c2f(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    int parts[OP_INPUTS_MAX], n, v;
    if (builder_child(b, m, "cv1", in, &parts[0], err) || chain(b, m, parts, 1, &n, err) ||
        builder_add(b, (struct op){.kind = OP_CONCAT}, parts, n, &v, err) || through(b, m, "cv2", &v, err))
        return -1;
    *out = v;
    if (module_is_none(m, "gamma"))
        return 0;
    return multiply(b, m, "gamma", &v, err) || add_values(b, in, v, out, err) ? -1 : 0;
}

static int psa(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    int c, v = in, half[2], f;
    if (module_int(m, "c", 1, 1 << 20, &c, err) || through(b, m, "cv1", &v, err) ||
        slice(b, v, 0, c, &half[0], err) || slice(b, v, c, 2 * c, &half[1], err) ||
        builder_child(b, m, "attn", half[1], &f, err) || add_values(b, half[1], f, &half[1], err) ||
        builder_child(b, m, "ffn", half[1], &f, err) || add_values(b, half[1], f, &half[1], err) ||
        builder_add(b, (struct op){.kind = OP_CONCAT}, half, 2, &v, err))
        return -1;
    return builder_child(b, m, "cv2", v, out, err);
}

/* Attention and then convolutions, each added to what it reads where the module's `add` says so. */
static int psa_block(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    int v = in, f;
    if (builder_child(b, m, "attn", v, &f, err) || maybe_add(b, m, v, f, &v, err) ||
        builder_child(b, m, "ffn", v, &f, err))
        return -1;
    return maybe_add(b, m, v, f, out, err);
}

/* cv1, split in two; m works on the second; both concatenated through cv2. */
static int c2psa(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    int c, v = in, half[2];
    if (module_int(m, "c", 1, 1 << 20, &c, err) || through(b, m, "cv1", &v, err) ||
        slice(b, v, 0, c, &half[0], err) || slice(b, v, c, 2 * c, &half[1], err) ||
        through(b, m, "m", &half[1], err) || builder_add(b, (struct op){.kind = OP_CONCAT}, half, 2, &v, err))
        return -1;
    return builder_child(b, m, "cv2", v, out, err);
}

/* Prototypes of masks, of twice the size. Proto26 makes what it reads of all levels (heads.c). */
static int proto(struct builder *b, const struct module *m, int in, int *out, struct err *err) {
    if (through(b, m, "cv1", &in, err) || through(b, m, "upsample", &in, err) ||
        through(b, m, "cv2", &in, err))
        return -1;
    return builder_child(b, m, "cv3", in, out, err);
}

/* The only kind that takes several values: no kind_fn. */
static int concat(struct builder *b, const struct module *m, const int *in, int n_in, int *out,
                  struct err *err) {
    int dim;
    if (module_int(m, "d", -8, 8, &dim, err))
        return -1;
    if (dim != 1)
        return err_set(err, ERR_UNSUPPORTED, "%s: concatenation along dimension %d is not supported", m->path,
                       dim);
    return builder_add(b, (struct op){.kind = OP_CONCAT}, in, n_in, out, err);
}

static const struct kind {
    const char *cls; /* as kind_is takes it */
    kind_fn *build;  /* NULL: concat */
    const char
        *children; /* the only ones, and parameters of its own, that it may have, in words; NULL: any */
} kinds[] = {
    {"conv.Conv", conv, "conv bn act"},
    {"conv.DWConv", conv, "conv bn act"},
    {"conv.Concat", NULL, ""},
    {"block.Bottleneck", bottleneck, "cv1 cv2"},
    {"block.C2f", c2f, "cv1 cv2 m"},
    {"block.C2fCIB", c2f, "cv1 cv2 m"},
    {"block.C3k2", c2f, "cv1 cv2 m"},
    {"block.C3", c3, "cv1 cv2 cv3 m"},
    {"block.C3k", c3, "cv1 cv2 cv3 m"},
    {"block.CIB", cib, "cv1"},
    {"block.RepVGGDW", rep_vgg_dw, "conv conv1 act"},
    {"block.SCDown", sc_down, "cv1 cv2"},
    {"block.SPPF", sppf, "cv1 cv2 m"},
    {"block.PSA", psa, "cv1 cv2 attn ffn"},
    {"block.PSABlock", psa_block, "attn ffn"},
    {"block.C2PSA", c2psa, "cv1 cv2 m"},
    {"block.A2C2f", a2c2f, "cv1 cv2 m gamma"},
    {"block.ABlock", a_block, "attn mlp"},
    {"block.AAttn", area_attention, "qkv proj pe"},
    {"block.Attention", attention, "qkv proj pe"},
    {"block.Proto", proto, "cv1 upsample cv2 cv3"},
    {KIND_CONV2D, conv2d, ""},
    {KIND_CONV_TRANSPOSE2D, conv_transpose2d, ""},
    {"torch.nn.modules.batchnorm.BatchNorm2d", batch_norm, ""},
    {"torch.nn.modules.batchnorm.SyncBatchNorm", batch_norm, ""}, /* the same in eval mode */
#define ACT(word, name, torch_class, ...) {"torch.nn.modules.activation." torch_class, activation, ""},
#include "model/acts.def"
    {KIND_IDENTITY, identity, NULL},
    {KIND_SEQUENTIAL, sequential, NULL},
    {"torch.nn.modules.pooling.MaxPool2d", max_pool, ""},
    {"torch.nn.modules.upsampling.Upsample", upsample, ""},
};

bool kind_is(const struct module *m, const char *cls) {
    static const char folder[] = ".nn.modules.";
    if (strncmp(cls, "torch.", 6) == 0)
        return strcmp(m->cls, cls) == 0;
    const char *at = strstr(m->cls, folder), *name = strchr(cls, '.') + 1;
    if (!at || at == m->cls)
        return false;
    at += sizeof folder - 1;
    return strcmp(at, cls) == 0 || strcmp(at, name) == 0; /* old releases have one file, modules.py */
}

/* Whether `name` is one of `words`, which single spaces part. */
static bool is_among(const char *words, const char *name) {
    const size_t n = strlen(name);
    for (size_t word; *words; words += word + (words[word] == ' ')) {
        word = strcspn(words, " ");
        if (word == n && strncmp(words, name, n) == 0)
            return true;
    }
    return false;
}

int builder_check(const struct module *m, const char *cls, const char *children, struct err *err) {
    const char *name;
    if (!kind_is(m, cls))
        return err_set(err, ERR_UNSUPPORTED, "%s: its class is %s, and the one known here is %s", m->path,
                       m->cls, cls);
    for (size_t i = 0; children && i < pt_children(m->v); i++)
        if (pt_child_at(m->v, i, &name) && !is_among(children, name))
            return err_set(err, ERR_UNSUPPORTED, "%s: this %s has a submodule %s, which is not known",
                           m->path, m->cls, name);
    for (size_t i = 0; strncmp(cls, "torch.", 6) != 0 && i < pt_params(m->v); i++)
        if (pt_param_at(m->v, i, &name) && !(children && is_among(children, name)))
            return err_set(err, ERR_UNSUPPORTED,
                           "%s: this %s has a parameter %s of its own, which is not known", m->path, m->cls,
                           name);
    return 0;
}

int builder_part(const struct module *m, const char *name, const char *cls, const char *children,
                 struct module *part, struct err *err) {
    return module_child(m, name, part, err) || builder_check(part, cls, children, err) ? -1 : 0;
}

int builder_module(struct builder *b, const struct module *m, const int *in, int n_in, int *out,
                   struct err *err) {
    if (b->modules++ == BUILDS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "%s: the forward pass runs more than %d modules", m->path,
                       BUILDS_MAX);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct kind *k = &kinds[i];
        if (!kind_is(m, k->cls))
            continue;
        if (builder_check(m, k->cls, k->children, err))
            return -1;
        if (k->build && n_in != 1)
            return err_set(err, ERR_UNSUPPORTED, "%s: %s of %d inputs is not supported", m->path,
                           pt_class_name(m->v), n_in);
        const struct module *outer = b->at;
        b->at = m;
        int ret = k->build ? k->build(b, m, in[0], out, err) : concat(b, m, in, n_in, out, err);
        b->at = outer;
        return ret;
    }
    const bool named = !b->head || strcmp(b->head, m->cls) == 0;
    return err_set(err, ERR_UNSUPPORTED, "%s: module kind %s is not known%s%s; " BUILDER_SCORED, m->path,
                   m->cls, named ? "" : ", nor is the head, ", named ? "" : b->head);
}

int builder_child(struct builder *b, const struct module *m, const char *name, int in, int *out,
                  struct err *err) {
    struct module child;
    if (module_child(m, name, &child, err))
        return -1;
    return builder_module(b, &child, &in, 1, out, err);
}
