/* Our forward and backward against libtorch's on a graph that no checkpoint has: values read as a whole and
 * in parts, in every order; a sum of a value with itself; what is concatenated whole, in part and detached; a
 * BatchNorm and activations apart; a convolution that runs twice; a leaf within a leaf. And the graphs that
 * are refused. */
#include "levels.h"
#include "op/slow_act.h"
#include "record.h"

#include <string.h>

enum { SIZE = 12, CONVS = 6, OPS_MAX = 64 };

static float *floats_between(int n, float from, float to) {
    float *v = random_floats((size_t)n);
    for (int i = 0; i < n; i++)
        v[i] = from + (to - from) * (v[i] + 1) / 2;
    return v;
}

struct build {
    struct graph g;
    struct op ops[OPS_MAX];
    int in[OPS_MAX][OP_INPUTS_MAX];
    struct conv convs[CONVS];
    struct bn bns[2];
};

static int add(struct build *b, struct op op, int n_in, int a, int c, int d) {
    size_t i = b->g.n_ops++;
    const int in[] = {a, c, d};
    memcpy(b->in[i], in, (size_t)n_in * sizeof *in);
    op.in = b->in[i];
    op.n_in = n_in;
    op.out = b->g.n_values++;
    b->ops[i] = op;
    if (op.kind == OP_CONV)
        b->convs[op.conv].calls++;
    return op.out;
}

static int one(struct build *b, struct op op, int a) {
    return add(b, op, 1, a, 0, 0);
}

static int conv(struct build *b, int conv, int a) {
    return one(b, (struct op){.kind = OP_CONV, .conv = conv}, a);
}

static int slice(struct build *b, int a, int from, int to) {
    return one(b, (struct op){.kind = OP_SLICE, .from = from, .to = to}, a);
}

static void make_conv(struct build *b, int i, int cin, int cout, int kernel, int groups, bool bias) {
    static char names[CONVS][8];
    snprintf(names[i], sizeof names[i], "conv%d", i);
    b->convs[i] = (struct conv){.name = names[i],
                                .cin = cin,
                                .cout = cout,
                                .kh = kernel,
                                .kw = kernel,
                                .stride = {1, 1},
                                .pad = {kernel / 2, kernel / 2},
                                .dilation = {1, 1},
                                .groups = groups,
                                .weight = floats_between(cout * cin / groups * kernel * kernel, -0.5f, 0.5f),
                                .bias = bias ? floats_between(cout, -1, 1) : NULL};
}

static void make_bn(struct build *b, int i, int channels) {
    b->bns[i] = (struct bn){.channels = channels,
                            .weight = floats_between(channels, 0.5f, 1.5f),
                            .bias = floats_between(channels, -1, 1),
                            .mean = floats_between(channels, -1, 1),
                            .var = floats_between(channels, 0.5f, 2),
                            .eps = 1e-3};
}

static struct build *build_new(void) {
    static int leaves[7];
    struct build *b = calloc(1, sizeof *b);
    make_conv(b, 0, 3, 8, 3, 1, true);
    make_conv(b, 1, 4, 4, 3, 1, false);
    make_conv(b, 2, 16, 8, 1, 2, false);
    make_conv(b, 3, 8, 8, 3, 8, true);
    make_conv(b, 4, 4, 8, 3, 1, true);
    make_conv(b, 5, 16, 4, 1, 1, true);
    make_bn(b, 0, 8);
    make_bn(b, 1, 4);
    b->g = (struct graph){.ops = b->ops,
                          .n_values = 1,
                          .convs = b->convs,
                          .n_convs = CONVS,
                          .bns = b->bns,
                          .n_bns = 2,
                          .leaves = leaves,
                          .n_leaves = 7};
    int first = conv(b, 0, 0);
    int fired = one(b, (struct op){.kind = OP_ACT, .act = {ACT_HARDSWISH}}, first);
    int normal = one(b, (struct op){.kind = OP_BN, .bn = 0}, first);
    int half = slice(b, normal, 0, 4);
    int v = conv(b, 1, half); /* with the BatchNorm and activation that follow */
    v = one(b, (struct op){.kind = OP_BN, .bn = 1}, v);
    v = one(b, (struct op){.kind = OP_ACT, .act = {ACT_SILU}}, v);
    int joined = add(b, (struct op){.kind = OP_CONCAT}, 3, half, v, fired); /* half: a part, copied */
    int a = conv(b, 2, joined);
    int c = conv(b, 3, normal); /* the whole, of which parts are read before and after */
    int later = conv(b, 4, slice(b, normal, 2, 6));
    int sum = add(b, (struct op){.kind = OP_ADD}, 2, a, c, 0);
    int twice = add(b, (struct op){.kind = OP_ADD}, 2, sum, sum, 0);
    int apart = one(b, (struct op){.kind = OP_DETACH}, sum);
    int five = conv(b, 5, add(b, (struct op){.kind = OP_CONCAT}, 2, apart, later, 0));
    int pooled = one(b, (struct op){.kind = OP_MAXPOOL, .kernel = 3, .stride = 1, .pad = 1}, later);
    int leaky = one(b, (struct op){.kind = OP_ACT, .act = {ACT_LEAKY_RELU, {0.1f}}}, pooled);
    int again = conv(b, 3, add(b, (struct op){.kind = OP_ADD}, 2, leaky, pooled, 0));
    int large = one(b, (struct op){.kind = OP_UPSAMPLE, .scale = 2}, again);
    int shuffled = one(b, (struct op){.kind = OP_SHUFFLE, .scale = 2}, again);
    int flat = add(b, (struct op){.kind = OP_FLATTEN}, 2, again, large, 0);
    const int all[] = {twice, five, again, slice(b, five, 1, 3), large, shuffled, flat};
    memcpy(leaves, all, sizeof all);
    return b;
}

static void build_free(struct build *b) {
    for (int i = 0; i < CONVS; i++) {
        free(b->convs[i].weight);
        free(b->convs[i].bias);
    }
    for (int i = 0; i < 2; i++) {
        free(b->bns[i].weight);
        free(b->bns[i].bias);
        free(b->bns[i].mean);
        free(b->bns[i].var);
    }
    free(b);
}

static void refused(const struct graph *g, const char *why) {
    struct gradient_net *net = NULL;
    struct err err = {0};
    CHECK(gradient_net_new(g, SIZE, 1, 0, 1, &net, &err) == -1 && err.code == ERR_UNSUPPORTED &&
              strstr(err.msg, why),
          "refused: %s", err.msg);
    gradient_net_free(&net);
}

/* The same graph with each activation in all three places: by itself, with a BatchNorm after a convolution, and after
 * a pooling. */
static void test_activations(struct build *b) {
    for (size_t a = 1; a < SLOW_ACTS; a++) {
        for (size_t i = 0; i < b->g.n_ops; i++)
            if (b->ops[i].kind == OP_ACT)
                b->ops[i].act = slow_acts[a];
        printf("# %s\n", act_rows[slow_acts[a].kind].name);
        test_batch(&b->g, SIZE, 1);
    }
}

int main(void) {
    struct build *b = build_new();
    struct err err = {0};
    CHECK(tc_init(&err) == 0, "libtorch %s%s", tc_version(), err.msg);
    test_batch(&b->g, SIZE, 1);
    test_batch(&b->g, SIZE, 3);

    one(b, (struct op){.kind = OP_CONV, .conv = 0}, 0); /* its output goes nowhere */
    refused(&b->g, "conv0: no output of the network depends on it");
    b->g.n_ops--;
    b->g.n_values--;
    b->convs[3].dilation[0] = b->convs[3].dilation[1] = 2; /* its two runs keep their size with a pad of 2 */
    b->convs[3].pad[0] = b->convs[3].pad[1] = 2;
    b->convs[0].calls--;
    test_batch(&b->g, SIZE, 2);
    test_activations(b);
    build_free(b);
    return test_end();
}
