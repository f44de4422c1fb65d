/* Everything that is neither a product nor a quantizer, one thread an element: memory's bandwidth is the
 * limit. */
#include "exec/cuda/each.cuh"
#include "exec/cuda/op.h"
#include "op/act_scalar.h"

#include <math_constants.h>

void cuda_images(cudaStream_t s, const uint8_t *bytes, struct view to) {
    unsigned plane = (unsigned)(to.h * to.w);
    each(s, view_pixels(to) * 3, [=] __device__(unsigned i) {
        unsigned image = i / (3 * plane), c = i / plane % 3, pixel = i % plane;
        *at(to, image * plane + pixel, c) = __fdiv_rn((float)bytes[i], 255.0f);
    });
}

void cuda_affine(cudaStream_t s, struct view from, const float *scale, const float *shift, struct act act,
                 struct view to) {
    unsigned channels = (unsigned)to.c;
    each(s, view_pixels(to) * channels, [=] __device__(unsigned i) {
        unsigned pixel = i / channels, c = i % channels;
        float u = *at(from, pixel, c);
        if (scale)
            u = u * scale[c] + shift[c];
        *at(to, pixel, c) = act_of(u, &act);
    });
}

static __device__ __forceinline__ void put(float *to, float v, bool add) {
    *to = add ? *to + v : v;
}

void cuda_affine_grad(cudaStream_t s, struct view from, struct view d, const float *scale, const float *shift,
                      struct act act, bool add, struct view to) {
    unsigned channels = (unsigned)to.c;
    each(s, view_pixels(to) * channels, [=] __device__(unsigned i) {
        unsigned pixel = i / channels, c = i % channels;
        float a = scale ? scale[c] : 1, u = act.kind == ACT_NONE ? 0 : *at(from, pixel, c);
        if (scale)
            u = u * a + shift[c];
        put(at(to, pixel, c), *at(d, pixel, c) * slope_of(u, &act) * a, add);
    });
}

void cuda_sum(cudaStream_t s, struct view a, struct view b, struct view to) {
    unsigned channels = (unsigned)to.c;
    each(s, view_pixels(to) * channels, [=] __device__(unsigned i) {
        unsigned pixel = i / channels, c = i % channels;
        *at(to, pixel, c) = *at(a, pixel, c) + *at(b, pixel, c);
    });
}

void cuda_copy(cudaStream_t s, struct view from, float factor, bool add, struct view to) {
    unsigned channels = (unsigned)to.c;
    each(s, view_pixels(to) * channels, [=] __device__(unsigned i) {
        unsigned pixel = i / channels, c = i % channels;
        put(at(to, pixel, c), *at(from, pixel, c) * factor, add);
    });
}

/* The pixel of the first largest value, by rows, in the window of output (y, x) of an image. */
static __device__ unsigned top_of(struct view v, unsigned image, int y, int x, int kernel, int stride,
                                  int pad, unsigned c) {
    int first_y = max(y * stride - pad, 0), end_y = min(y * stride - pad + kernel, v.h);
    int first_x = max(x * stride - pad, 0), end_x = min(x * stride - pad + kernel, v.w);
    unsigned base = image * (unsigned)(v.h * v.w), best = base + (unsigned)(first_y * v.w + first_x);
    float top = *at(v, best, c);
    for (int iy = first_y; iy < end_y; iy++)
        for (int ix = first_x; ix < end_x; ix++) {
            unsigned pixel = base + (unsigned)(iy * v.w + ix);
            float u = *at(v, pixel, c);
            if (u > top) {
                top = u;
                best = pixel;
            }
        }
    return best;
}

void cuda_max_pool(cudaStream_t s, struct view from, int kernel, int stride, int pad, struct view to) {
    unsigned channels = (unsigned)to.c, h = (unsigned)to.h, w = (unsigned)to.w;
    each(s, view_pixels(to) * channels, [=] __device__(unsigned i) {
        unsigned pixel = i / channels, c = i % channels;
        unsigned top =
            top_of(from, pixel / (h * w), (int)(pixel / w % h), (int)(pixel % w), kernel, stride, pad, c);
        *at(to, pixel, c) = *at(from, top, c);
    });
}

/* Each input asks the outputs whose windows it is in: no two threads add to the same place. */
void cuda_max_pool_grad(cudaStream_t s, struct view from, struct view d, int kernel, int stride, int pad,
                        bool add, struct view to) {
    unsigned channels = (unsigned)to.c, plane = (unsigned)(to.h * to.w);
    each(s, view_pixels(to) * channels, [=] __device__(unsigned i) {
        unsigned pixel = i / channels, c = i % channels, image = pixel / plane;
        int y = (int)(pixel % plane) / to.w, x = (int)(pixel % plane) % to.w;
        float sum = 0;
        int first_y = max((y + pad - kernel + stride) / stride, 0), end_y = min((y + pad) / stride + 1, d.h);
        int first_x = max((x + pad - kernel + stride) / stride, 0), end_x = min((x + pad) / stride + 1, d.w);
        for (int oy = first_y; oy < end_y; oy++)
            for (int ox = first_x; ox < end_x; ox++)
                if (top_of(from, image, oy, ox, kernel, stride, pad, c) == pixel)
                    sum += *at(d, image * (unsigned)(d.h * d.w) + (unsigned)(oy * d.w + ox), c);
        put(at(to, pixel, c), sum, add);
    });
}

void cuda_upsample(cudaStream_t s, struct view from, int scale, struct view to) {
    unsigned channels = (unsigned)to.c, h = (unsigned)to.h, w = (unsigned)to.w, k = (unsigned)scale;
    each(s, view_pixels(to) * channels, [=] __device__(unsigned i) {
        unsigned pixel = i / channels, image = pixel / (h * w), y = pixel / w % h, x = pixel % w;
        unsigned source = (image * (unsigned)from.h + y / k) * (unsigned)from.w + x / k;
        *at(to, pixel, i % channels) = *at(from, source, i % channels);
    });
}

void cuda_upsample_grad(cudaStream_t s, struct view d, int scale, bool add, struct view to) {
    unsigned channels = (unsigned)to.c, h = (unsigned)to.h, w = (unsigned)to.w, k = (unsigned)scale;
    each(s, view_pixels(to) * channels, [=] __device__(unsigned i) {
        unsigned pixel = i / channels, c = i % channels, image = pixel / (h * w), y = pixel / w % h,
                 x = pixel % w;
        float sum = 0;
        for (unsigned ky = 0; ky < k; ky++)
            for (unsigned kx = 0; kx < k; kx++)
                sum += *at(d, (image * (unsigned)d.h + y * k + ky) * (unsigned)d.w + x * k + kx, c);
        put(at(to, pixel, c), sum, add);
    });
}

/* Of pixel (y, x) of the larger map: the smaller map's, and the first of its channels that channel 0 may come from. */
static __device__ __forceinline__ unsigned shuffled(struct view small, unsigned pixel, unsigned k,
                                                    unsigned *sub) {
    unsigned w = (unsigned)small.w * k, h = (unsigned)small.h * k;
    unsigned image = pixel / (h * w), y = pixel / w % h, x = pixel % w;
    *sub = y % k * k + x % k;
    return (image * (unsigned)small.h + y / k) * (unsigned)small.w + x / k;
}

void cuda_shuffle(cudaStream_t s, struct view from, int scale, struct view to) {
    unsigned channels = (unsigned)to.c, k = (unsigned)scale;
    each(s, view_pixels(to) * channels, [=] __device__(unsigned i) {
        unsigned sub, pixel = i / channels, c = i % channels, source = shuffled(from, pixel, k, &sub);
        *at(to, pixel, c) = *at(from, source, c * k * k + sub);
    });
}

void cuda_shuffle_grad(cudaStream_t s, struct view d, int scale, bool add, struct view to) {
    unsigned channels = (unsigned)d.c, k = (unsigned)scale;
    each(s, view_pixels(d) * channels, [=] __device__(unsigned i) {
        unsigned sub, pixel = i / channels, c = i % channels, source = shuffled(to, pixel, k, &sub);
        put(at(to, source, c * k * k + sub), *at(d, pixel, c), add);
    });
}

void cuda_flatten(cudaStream_t s, struct view level, int first, struct view to) {
    unsigned channels = (unsigned)level.c, plane = (unsigned)(level.h * level.w);
    each(s, view_pixels(level) * channels, [=] __device__(unsigned i) {
        unsigned pixel = i / channels, c = i % channels, image = pixel / plane;
        *at(to, image * (unsigned)to.w + (unsigned)first + pixel % plane, c) = *at(level, pixel, c);
    });
}

void cuda_flatten_grad(cudaStream_t s, struct view d, int first, bool add, struct view level) {
    unsigned channels = (unsigned)level.c, plane = (unsigned)(level.h * level.w);
    each(s, view_pixels(level) * channels, [=] __device__(unsigned i) {
        unsigned pixel = i / channels, c = i % channels, image = pixel / plane;
        put(at(level, pixel, c), *at(d, image * (unsigned)d.w + (unsigned)first + pixel % plane, c), add);
    });
}

void cuda_turn(cudaStream_t s, const float *from, int rows, int columns, float *to) {
    each(s, (size_t)rows * (size_t)columns, [=] __device__(unsigned i) {
        unsigned r = i % (unsigned)rows, c = i / (unsigned)rows;
        to[i] = from[(size_t)r * (size_t)columns + c];
    });
}

/* Numbers of one sign order as their bits do, and a NaN's are above infinity's. */
static __global__ void amax_kernel(struct view v, unsigned per_block, int group, float *all, int n_first,
                                   float *first) {
    unsigned plane = (unsigned)(v.h * v.w), from = blockIdx.x * per_block, end = min(from + per_block, plane);
    int c = (int)(blockIdx.y * 32 + threadIdx.x), image = (int)blockIdx.z;
    __shared__ unsigned tops[8][32];
    unsigned top = 0;
    if (c < v.c)
        for (unsigned p = from + threadIdx.y; p < end; p += 8)
            top = max(top, __float_as_uint(*at(v, (unsigned)image * plane + p, (unsigned)c)) & 0x7fffffffu);
    tops[threadIdx.y][threadIdx.x] = top;
    __syncthreads();
    if (threadIdx.y || c >= v.c)
        return;
    for (int i = 1; i < 8; i++)
        top = max(top, tops[i][threadIdx.x]);
    atomicMax((unsigned *)all + image / group * v.c + c, top);
    if (image < n_first)
        atomicMax((unsigned *)first + c, top);
}

void cuda_amax(cudaStream_t s, struct view v, int groups, float *all, int n_first, float *first) {
    enum { PER_BLOCK = 512 /* pixels */ };
    dim3 grid((unsigned)((v.h * v.w + PER_BLOCK - 1) / PER_BLOCK), (unsigned)((v.c + 31) / 32),
              (unsigned)v.n);
    amax_kernel<<<grid, dim3(32, 8), 0, s>>>(v, PER_BLOCK, v.n / groups, all, n_first, first);
}

void cuda_largest(cudaStream_t s, const float *amax, int groups, int c, float *out) {
    each(s, (size_t)groups, [=] __device__(unsigned g) {
        unsigned top = 0;
        for (int i = 0; i < c; i++)
            top = max(top, __float_as_uint(amax[(size_t)g * (size_t)c + (size_t)i]));
        out[g] = __uint_as_float(top);
    });
}

/* ---- as operations ---- */

static void act_forward(const struct cuda_task *t) {
    cuda_affine(t->stream, t->in[0], NULL, NULL, t->op->act, t->out);
}

static void act_back(const struct cuda_task *t) {
    cuda_affine_grad(t->stream, t->in[0], t->d_out, NULL, NULL, t->op->act, t->add[0], t->d_in[0]);
}

static void affine_forward(const struct cuda_task *t) {
    const struct act none = {ACT_NONE};
    cuda_affine(t->stream, t->in[0], t->scale, t->shift, none, t->out);
}

static void affine_back(const struct cuda_task *t) {
    const struct act none = {ACT_NONE};
    cuda_affine_grad(t->stream, t->in[0], t->d_out, t->scale, t->shift, none, t->add[0], t->d_in[0]);
}

static void add_forward(const struct cuda_task *t) {
    cuda_sum(t->stream, t->in[0], t->in[1], t->out);
}

static void add_back(const struct cuda_task *t) {
    for (int k = 0; k < 2; k++)
        if (t->d_in[k].p)
            cuda_copy(t->stream, t->d_out, 1, t->add[k], t->d_in[k]);
}

/* What lies in the concatenation already is not copied. */
static void concat_forward(const struct cuda_task *t) {
    for (int k = 0, channel = 0; k < t->op->n_in; channel += t->in[k++].c)
        if (t->in[k].p != t->out.p + channel || t->in[k].stride != t->out.stride)
            cuda_copy(t->stream, t->in[k], 1, false, view_channels(t->out, channel, t->in[k].c));
}

static void concat_back(const struct cuda_task *t) {
    for (int k = 0, channel = 0; k < t->op->n_in; channel += t->in[k++].c)
        if (t->d_in[k].p)
            cuda_copy(t->stream, view_channels(t->d_out, channel, t->in[k].c), 1, t->add[k], t->d_in[k]);
}

static void max_pool_forward(const struct cuda_task *t) {
    cuda_max_pool(t->stream, t->in[0], t->op->kernel, t->op->stride, t->op->pad, t->out);
}

static void max_pool_back(const struct cuda_task *t) {
    cuda_max_pool_grad(t->stream, t->in[0], t->d_out, t->op->kernel, t->op->stride, t->op->pad, t->add[0],
                       t->d_in[0]);
}

static void upsample_forward(const struct cuda_task *t) {
    cuda_upsample(t->stream, t->in[0], t->op->scale, t->out);
}

static void upsample_back(const struct cuda_task *t) {
    cuda_upsample_grad(t->stream, t->d_out, t->op->scale, t->add[0], t->d_in[0]);
}

static void shuffle_forward(const struct cuda_task *t) {
    cuda_shuffle(t->stream, t->in[0], t->op->scale, t->out);
}

static void shuffle_back(const struct cuda_task *t) {
    cuda_shuffle_grad(t->stream, t->d_out, t->op->scale, t->add[0], t->d_in[0]);
}

static void flatten_forward(const struct cuda_task *t) {
    for (int k = 0, first = 0; k < t->op->n_in; first += t->in[k].h * t->in[k].w, k++)
        cuda_flatten(t->stream, t->in[k], first, t->out);
}

static void flatten_back(const struct cuda_task *t) {
    for (int k = 0, first = 0; k < t->op->n_in; first += t->in[k].h * t->in[k].w, k++)
        if (t->d_in[k].p)
            cuda_flatten_grad(t->stream, t->d_out, first, t->add[k], t->d_in[k]);
}

const struct cuda_op cuda_op_conv = {}, cuda_op_slice = {}, cuda_op_detach = {};
const struct cuda_op cuda_op_act = {act_forward, act_back}, cuda_op_bn = {affine_forward, affine_back};
const struct cuda_op cuda_op_add = {add_forward, add_back}, cuda_op_concat = {concat_forward, concat_back};
const struct cuda_op cuda_op_max_pool = {max_pool_forward, max_pool_back};
const struct cuda_op cuda_op_shuffle = {shuffle_forward, shuffle_back};
const struct cuda_op cuda_op_flatten = {flatten_forward, flatten_back};
const struct cuda_op cuda_op_upsample = {upsample_forward, upsample_back};
