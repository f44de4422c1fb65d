/* Activations as torch's exporter writes them. */
#include "onnx/network.h"

#define ACT(word, name, ...) static onnx_act_fn onnx_act_##name;
#include "model/acts.def"

static const char *one(struct onnx_file *f, const char *scope, const char *type, const char *x) {
    return onnx_out(onnx_node(f, scope, type, NULL, ONNX_IN(x)), 0);
}

static const char *two(struct onnx_file *f, const char *scope, const char *type, const char *a,
                       const char *b) {
    return onnx_out(onnx_node(f, scope, type, NULL, ONNX_IN(a, b)), 0);
}

static const char *number(struct onnx_file *f, const char *scope, const char *name, float v) {
    return onnx_float(f, onnx_text(f, "%s/%s", scope, name), v);
}

static const char *clip(struct onnx_file *f, const char *scope, const char *x, float low, float high) {
    const char *from = number(f, scope, "min", low), *to = number(f, scope, "max", high);
    return onnx_out(onnx_node(f, scope, "Clip", NULL, ONNX_IN(x, from, to)), 0);
}

/* One node with a parameter. */
static const char *with(struct onnx_file *f, const char *scope, const char *type, const char *x,
                        const char *key, float v) {
    struct onnx_file_node *n = onnx_node(f, scope, type, NULL, ONNX_IN(x));
    onnx_real(f, n, key, v);
    return onnx_out(n, 0);
}

#define DEFINE(name, value)                                                                                  \
    static const char *onnx_act_##name(struct onnx_file *f, const char *scope, const struct act *act,        \
                                       const char *x) {                                                      \
        (void)act;                                                                                           \
        return value;                                                                                        \
    }
DEFINE(silu, two(f, scope, "Mul", x, one(f, scope, "Sigmoid", x)))
DEFINE(relu, one(f, scope, "Relu", x))
DEFINE(leaky_relu, with(f, scope, "LeakyRelu", x, "alpha", act->param[0]))
DEFINE(hardswish, one(f, scope, "HardSwish", x))
DEFINE(relu6, clip(f, scope, x, 0, 6))
DEFINE(hardtanh, clip(f, scope, x, act->param[0], act->param[1]))
DEFINE(hardsigmoid, with(f, scope, "HardSigmoid", x, "alpha", 1 / 6.0f))
DEFINE(sigmoid, one(f, scope, "Sigmoid", x))
DEFINE(tanh, one(f, scope, "Tanh", x))
DEFINE(elu, with(f, scope, "Elu", x, "alpha", act->param[0]))
DEFINE(mish, two(f, scope, "Mul", x, one(f, scope, "Tanh", one(f, scope, "Softplus", x))))
#undef DEFINE

/* x (1 + erf(x / sqrt 2)) / 2 */
static const char *onnx_act_gelu(struct onnx_file *f, const char *scope, const struct act *act,
                                 const char *x) {
    (void)act;
    const char *u = two(f, scope, "Div", x, number(f, scope, "sqrt2", 1.41421356f));
    u = two(f, scope, "Add", one(f, scope, "Erf", u), number(f, scope, "one", 1));
    return two(f, scope, "Mul", two(f, scope, "Mul", x, u), number(f, scope, "half", 0.5f));
}

const char *onnx_act(struct onnx_file *f, const char *scope, const struct act *act, const char *x) {
    static onnx_act_fn *const acts[] = {
#define ACT(word, name, ...) [ACT_##word] = onnx_act_##name,
#include "model/acts.def"
    };
    return act->kind == ACT_NONE ? x : acts[act->kind](f, scope, act, x);
}
