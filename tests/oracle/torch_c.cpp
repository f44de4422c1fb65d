#include "oracle/torch_c.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/generated/variable_factories.h>
#include <torch/version.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <vector>

struct tc_tensor {
    at::Tensor t;
};

namespace {

/* Runs body and turns whatever it throws into err. c10's messages carry a stack trace after the first line.
 */
template <class F> int guard(struct err *err, const char *what, F body) {
    try {
        body();
        return 0;
    } catch (const c10::Error &e) {
        const char *msg = e.what_without_backtrace();
        int n = static_cast<int>(strcspn(msg, "\n"));
        return err_set(err, ERR_FAILED, "libtorch: %s: %.*s", what, n, msg);
    } catch (const std::bad_alloc &) {
        return err_nomem(err);
    } catch (const std::exception &e) {
        return err_set(err, ERR_FAILED, "libtorch: %s: %s", what, e.what());
    } catch (...) {
        return err_set(err, ERR_FAILED, "libtorch: %s: unknown exception", what);
    }
}

/* guard for a body that computes one tensor. */
template <class F> int make(struct tc_tensor **out, struct err *err, const char *what, F body) {
    return guard(err, what, [&] {
        at::Tensor t = body();
        *out = new tc_tensor{std::move(t)};
    });
}

at::Tensor or_none(const struct tc_tensor *t) {
    return t ? t->t : at::Tensor();
}

std::vector<at::Tensor> list_of(const struct tc_tensor *const *t, size_t n) {
    std::vector<at::Tensor> list;
    list.reserve(n);
    for (size_t i = 0; i < n; i++)
        list.push_back(t[i]->t);
    return list;
}

} // namespace

extern "C" {

int tc_init(struct err *err) {
    return guard(err, "init", [&] {
        at::set_num_threads(2);
        at::GradMode::set_enabled(false);
    });
}

const char *tc_version(void) {
    return TORCH_VERSION;
}

void tc_record_gradients(bool on) {
    at::GradMode::set_enabled(on);
}

int tc_from_floats(const float *data, const int64_t *shape, int ndim, struct tc_tensor **out,
                   struct err *err) {
    return make(out, err, "from_blob", [&] {
        at::AutoDispatchBelowADInplaceOrView below;
        return at::from_blob(const_cast<float *>(data), at::IntArrayRef(shape, static_cast<size_t>(ndim)),
                             at::TensorOptions().dtype(at::kFloat));
    });
}

void tc_free(struct tc_tensor **t) {
    delete *t;
    *t = nullptr;
}

int tc_shape(const struct tc_tensor *t, int64_t shape[TC_DIMS_MAX], int *ndim, struct err *err) {
    if (t->t.dim() > TC_DIMS_MAX)
        return err_set(err, ERR_FAILED, "libtorch: a tensor of %d dimensions", static_cast<int>(t->t.dim()));
    *ndim = static_cast<int>(t->t.dim());
    for (int i = 0; i < *ndim; i++)
        shape[i] = t->t.size(i);
    return 0;
}

int tc_floats(const struct tc_tensor *t, const float **data, size_t *n, struct err *err) {
    return guard(err, "data", [&] {
        TORCH_CHECK(t->t.is_contiguous() && t->t.scalar_type() == at::kFloat,
                    "not a contiguous float tensor");
        *data = t->t.data_ptr<float>();
        *n = static_cast<size_t>(t->t.numel());
    });
}

int tc_contiguous(const struct tc_tensor *t, struct tc_tensor **out, struct err *err) {
    return make(out, err, "contiguous", [&] { return t->t.contiguous(); });
}

int tc_conv2d(const struct tc_tensor *x, const struct tc_tensor *w, const struct tc_tensor *b,
              const int stride[2], const int pad[2], const int dilation[2], int groups,
              struct tc_tensor **out, struct err *err) {
    return make(out, err, "conv2d", [&] {
        const int64_t s[2] = {stride[0], stride[1]}, p[2] = {pad[0], pad[1]},
                      d[2] = {dilation[0], dilation[1]};
        return at::conv2d(x->t, w->t, or_none(b), s, p, d, groups);
    });
}

int tc_batch_norm(const struct tc_tensor *x, const struct tc_tensor *weight, const struct tc_tensor *bias,
                  const struct tc_tensor *mean, const struct tc_tensor *var, double eps,
                  struct tc_tensor **out, struct err *err) {
    return make(out, err, "batch_norm", [&] {
        return at::batch_norm(x->t, or_none(weight), or_none(bias), mean->t, var->t, false, 0.0, eps, false);
    });
}

int tc_act(const struct tc_tensor *x, const struct act *act, struct tc_tensor **out, struct err *err) {
    return make(out, err, "activation", [&] {
        switch (act->kind) {
        case ACT_NONE:
            break;
        case ACT_SILU:
            return at::silu(x->t);
        case ACT_RELU:
            return at::relu(x->t);
        case ACT_LEAKY_RELU:
            return at::leaky_relu(x->t, act->param[0]);
        case ACT_HARDSWISH:
            return at::hardswish(x->t);
        case ACT_RELU6:
            return at::hardtanh(x->t, 0, 6);
        case ACT_HARDTANH:
            return at::hardtanh(x->t, act->param[0], act->param[1]);
        case ACT_HARDSIGMOID:
            return at::hardsigmoid(x->t);
        case ACT_SIGMOID:
            return at::sigmoid(x->t);
        case ACT_TANH:
            return at::tanh(x->t);
        case ACT_ELU:
            return at::elu(x->t, act->param[0]);
        case ACT_GELU:
            return at::gelu(x->t);
        case ACT_MISH:
            return at::mish(x->t);
        }
        return x->t;
    });
}

int tc_sigmoid(const struct tc_tensor *x, struct tc_tensor **out, struct err *err) {
    return make(out, err, "sigmoid", [&] { return at::sigmoid(x->t); });
}

int tc_softmax(const struct tc_tensor *x, int dim, struct tc_tensor **out, struct err *err) {
    return make(out, err, "softmax", [&] { return at::softmax(x->t, dim); });
}

int tc_add(const struct tc_tensor *a, const struct tc_tensor *b, struct tc_tensor **out, struct err *err) {
    return make(out, err, "add", [&] { return at::add(a->t, b->t); });
}

int tc_sub(const struct tc_tensor *a, const struct tc_tensor *b, struct tc_tensor **out, struct err *err) {
    return make(out, err, "sub", [&] { return at::sub(a->t, b->t); });
}

int tc_mul(const struct tc_tensor *a, const struct tc_tensor *b, struct tc_tensor **out, struct err *err) {
    return make(out, err, "mul", [&] { return at::mul(a->t, b->t); });
}

int tc_scale(const struct tc_tensor *x, double factor, struct tc_tensor **out, struct err *err) {
    return make(out, err, "scale", [&] { return at::mul(x->t, factor); });
}

int tc_matmul(const struct tc_tensor *a, const struct tc_tensor *b, struct tc_tensor **out, struct err *err) {
    return make(out, err, "matmul", [&] { return at::matmul(a->t, b->t); });
}

int tc_max_pool(const struct tc_tensor *x, int kernel, int stride, int pad, struct tc_tensor **out,
                struct err *err) {
    return make(out, err, "max_pool2d", [&] { return at::max_pool2d(x->t, kernel, stride, pad); });
}

int tc_upsample_nearest(const struct tc_tensor *x, int scale, struct tc_tensor **out, struct err *err) {
    return make(out, err, "upsample", [&] {
        const int64_t size[2] = {x->t.size(2) * scale, x->t.size(3) * scale};
        return at::upsample_nearest2d(x->t, size);
    });
}

int tc_concat(const struct tc_tensor *const *t, size_t n, int dim, struct tc_tensor **out, struct err *err) {
    return make(out, err, "cat", [&] { return at::cat(list_of(t, n), dim); });
}

int tc_slice(const struct tc_tensor *x, int dim, int64_t from, int64_t to, struct tc_tensor **out,
             struct err *err) {
    return make(out, err, "slice", [&] { return x->t.narrow(dim, from, to - from); });
}

int tc_transpose(const struct tc_tensor *x, int dim0, int dim1, struct tc_tensor **out, struct err *err) {
    return make(out, err, "transpose", [&] { return x->t.transpose(dim0, dim1); });
}

int tc_reshape(const struct tc_tensor *x, const int64_t *shape, int ndim, struct tc_tensor **out,
               struct err *err) {
    return make(out, err, "reshape",
                [&] { return x->t.reshape(at::IntArrayRef(shape, static_cast<size_t>(ndim))); });
}

int tc_detach(const struct tc_tensor *x, struct tc_tensor **out, struct err *err) {
    return make(out, err, "detach", [&] { return x->t.detach(); });
}

int tc_watch(struct tc_tensor *t, struct err *err) {
    return guard(err, "requires_grad", [&] {
        if (!t->t.requires_grad())
            t->t.set_requires_grad(true);
    });
}

int tc_loss(const struct tc_tensor *const *leaves, size_t n, struct tc_tensor **out, struct err *err) {
    return make(out, err, "loss", [&] {
        std::vector<at::Tensor> means;
        for (size_t i = 0; i < n; i++)
            means.push_back(leaves[i]->t.pow(2).mean());
        return at::stack(means).mean();
    });
}

int tc_dot(const struct tc_tensor *a, const struct tc_tensor *b, struct tc_tensor **out, struct err *err) {
    return make(out, err, "dot", [&] { return (a->t * b->t).sum(); });
}

int tc_grad(const struct tc_tensor *loss, const struct tc_tensor *const *t, size_t n,
            struct tc_tensor **grads, struct err *err) {
    std::vector<struct tc_tensor *> made;
    int ret = guard(err, "grad", [&] {
        std::vector<at::Tensor> g = torch::autograd::grad({loss->t}, list_of(t, n), {}, false, false, true);
        made.reserve(g.size());
        for (size_t i = 0; i < n; i++) {
            made.push_back(new tc_tensor{at::Tensor()});
            made.back()->t = g[i].defined() ? g[i].contiguous() : at::zeros_like(t[i]->t);
        }
        std::copy(made.begin(), made.end(), grads);
    });
    if (ret)
        for (struct tc_tensor *m : made)
            delete m;
    return ret;
}

} // extern "C"
