/* How far outputs of the exported head differ. Sums are of doubles in an order that the shapes alone decide. */
#include "exec/cuda/damage.h"

#include "exec/cuda/each.cuh"

enum { WARPS = 8, PER_BLOCK = 128 /* anchors */ };

/* ---- two outputs ---- */

static __device__ float clamped(float p) {
    return p < 1e-6f ? 1e-6f : p > 1 - 1e-6f ? 1 - 1e-6f : p;
}

/* Rounded step by step, as vec()->bernoulli_kl has it. */
static __device__ double kl_of(float p, float q) {
    float a = clamped(p), b = clamped(q), not_a = 1 - a, not_b = 1 - b;
    return a == b ? 0
                  : __fadd_rn(__fmul_rn(a, logf(__fdiv_rn(a, b))),
                              __fmul_rn(not_a, logf(__fdiv_rn(not_a, not_b))));
}

/* An anchor's, in corners. */
struct corners {
    double left, top, w, h;
};

static __device__ corners corners_of(const float *y, bool given) {
    double w = y[2], h = y[3];
    if (given)
        return {y[0], y[1], w - y[0], h - y[1]};
    return {y[0] - w / 2, y[1] - h / 2, w, h};
}

/* detect_iou, and 1 of a box with itself. */
static __device__ double iou_of(const float *p, const float *q, bool given) {
    if (p[0] == q[0] && p[1] == q[1] && p[2] == q[2] && p[3] == q[3])
        return 1;
    corners a = corners_of(p, given), b = corners_of(q, given);
    double w = fmin(a.left + a.w, b.left + b.w) - fmax(a.left, b.left);
    double h = fmin(a.top + a.h, b.top + b.h) - fmax(a.top, b.top);
    double common = w > 0 && h > 0 ? w * h : 0, all = a.w * a.h + b.w * b.h - common;
    return all > 0 ? common / all : 0;
}

/* What a warp's threads have, together in the first one's. */
static __device__ void join(damage *d) {
    for (int k = 16; k; k /= 2) {
        d->class_kl += __shfl_down_sync(~0u, d->class_kl, k);
        d->box_loss += __shfl_down_sync(~0u, d->box_loss, k);
        d->sure += __shfl_down_sync(~0u, d->sure, k);
        d->finite &= __shfl_down_sync(~0u, d->finite, k);
    }
}

static __device__ void add(damage *to, const damage &d) {
    to->class_kl += d.class_kl;
    to->box_loss += d.box_loss;
    to->sure += d.sure;
    to->finite &= d.finite;
}

/* A warp an anchor, a thread a channel. */
static __global__ void compare_kernel(view truth, view other, bool given, float sure, damage *partial,
                                      float *most) {
    __shared__ damage parts[WARPS];
    unsigned image = blockIdx.y, anchors = (unsigned)truth.w, lane = threadIdx.x,
             first = blockIdx.x * PER_BLOCK;
    damage d = {0, 0, 0, 1};
    for (unsigned a = first + threadIdx.y; a < first + PER_BLOCK && a < anchors; a += WARPS) {
        const float *p = at(truth, image * anchors + a, 0), *q = at(other, image * anchors + a, 0);
        float conf = 0, its = 0;
        for (unsigned c = lane; c < (unsigned)truth.c; c += 32) {
            d.finite &= isfinite(q[c]) ? 1 : 0;
            if (c < 4)
                continue;
            d.class_kl += kl_of(p[c], q[c]);
            conf = fmaxf(conf, p[c]);
            its = fmaxf(its, q[c]);
        }
        for (int k = 16; k; k /= 2) {
            conf = fmaxf(conf, __shfl_xor_sync(~0u, conf, k));
            its = fmaxf(its, __shfl_xor_sync(~0u, its, k));
        }
        if (lane)
            continue;
        most[(size_t)image * anchors + a] = its;
        if (conf > sure) {
            d.box_loss += 1 - iou_of(p, q, given);
            d.sure++;
        }
    }
    __syncwarp();
    join(&d);
    if (!lane)
        parts[threadIdx.y] = d;
    __syncthreads();
    if (lane || threadIdx.y)
        return;
    for (int i = 1; i < WARPS; i++)
        add(&d, parts[i]);
    partial[image * gridDim.x + blockIdx.x] = d;
}

/* A warp an image. */
static __global__ void gather_kernel(const damage *partial, int n, damage *out) {
    damage d = {0, 0, 0, 1};
    for (int i = (int)threadIdx.x; i < n; i += 32)
        add(&d, partial[blockIdx.x * (unsigned)n + (unsigned)i]);
    join(&d);
    if (threadIdx.x == 0)
        out[blockIdx.x] = d;
}

size_t damage_partials(int anchors) {
    return ((size_t)anchors + PER_BLOCK - 1) / PER_BLOCK;
}

void damage_compare(cudaStream_t s, struct view truth, struct view other, bool corners, float sure,
                    struct damage *partial, float *most, struct damage *out) {
    unsigned blocks = (unsigned)damage_partials(truth.w), images = (unsigned)truth.n;
    compare_kernel<<<dim3(blocks, images), dim3(32, WARPS), 0, s>>>(truth, other, corners, sure, partial,
                                                                    most);
    gather_kernel<<<images, 32, 0, s>>>(partial, (int)blocks, out);
}

/* ---- the most probable boxes ---- */

/* Pairs of an anchor and a class in the order in which they are found, as numbers that are all different: the larger a
 * probability (above 0: its bits are in its order), the larger; of equal ones the first pair's. */
typedef unsigned long long pair_key;

static __device__ pair_key key_of(float p, unsigned pair) {
    return (pair_key)__float_as_uint(p) << 32 | ~pair;
}

enum { FINDERS = 1024 /* threads, of an image */ };

/* see(key) of every pair above `least` whose key is at least `floor`: a warp looks at 32 anchors, then at the classes of those
 * that may have one. */
template <class See>
static __device__ void each_pair(view y, const float *most, float least, pair_key floor, See see) {
    unsigned anchors = (unsigned)y.w, classes = (unsigned)y.c - 4, image = blockIdx.x,
             lane = threadIdx.x % 32;
    for (unsigned first = threadIdx.x - lane; first < anchors; first += FINDERS) {
        unsigned a = first + lane;
        float top = a < anchors ? most[(size_t)image * anchors + a] : 0;
        unsigned wanted = __ballot_sync(~0u, top > least && key_of(top, 0) >= floor);
        for (; wanted; wanted &= wanted - 1) {
            a = first + (unsigned)__ffs((int)wanted) - 1;
            for (unsigned k = lane; k < classes; k += 32) {
                float p = *at(y, image * anchors + a, 4 + k);
                pair_key key = key_of(p, a * classes + k);
                if (p > least && key >= floor)
                    see(key);
            }
        }
    }
}

/* The keys of the boxes to be found are the `want` largest ones: their common bound is found eight bits at a time, from the
 * top. */
static __global__ void __launch_bounds__(FINDERS)
    find_kernel(view y, bool given, const float *most, float least, damage_found *all) {
    __shared__ unsigned histogram[256];
    __shared__ pair_key bound, keys[AP_FOUND_MAX];
    __shared__ int want, n;
    __shared__ bool done;
    damage_found *found = &all[blockIdx.x];
    int tid = (int)threadIdx.x;
    if (tid == 0) {
        bound = 0;
        n = 0;
        done = false;
    }
    for (int shift = 56; shift >= 0; shift -= 8) {
        if (tid < 256)
            histogram[tid] = 0;
        __syncthreads();
        pair_key sure = shift < 56 ? ~(pair_key)0 << (shift + 8) : 0, prefix = bound;
        each_pair(y, most, least, prefix, [&](pair_key key) {
            if ((key & sure) == prefix)
                atomicAdd(&histogram[key >> shift & 255], 1u);
        });
        __syncthreads();
        if (tid == 0) {
            if (shift == 56) {
                unsigned total = 0;
                for (int i = 0; i < 256; i++)
                    total += histogram[i];
                want = total < AP_FOUND_MAX ? (int)total : AP_FOUND_MAX;
            }
            int digit = 255;
            for (; digit > 0 && (int)histogram[digit] < want; digit--)
                want -= (int)histogram[digit];
            bound |= (pair_key)digit << shift;
            done = (int)histogram[digit] == want;
        }
        __syncthreads();
        if (done)
            break;
    }
    each_pair(y, most, least, bound, [&](pair_key key) { keys[atomicAdd(&n, 1)] = key; });
    __syncthreads();
    if (tid == 0)
        found->n = n;
    if (tid >= n)
        return;
    unsigned classes = (unsigned)y.c - 4, pair = ~(unsigned)keys[tid];
    int rank = 0;
    for (int i = 0; i < n; i++)
        rank += keys[i] > keys[tid];
    corners c = corners_of(at(y, blockIdx.x * (unsigned)y.w + pair / classes, 0), given);
    found->boxes[rank] = {
        c.left, c.top, c.w, c.h, __uint_as_float((unsigned)(keys[tid] >> 32)), (int)(pair % classes)};
}

void damage_find(cudaStream_t s, struct view output, bool corners, const float *most, float least,
                 struct damage_found *found) {
    find_kernel<<<(unsigned)output.n, FINDERS, 0, s>>>(output, corners, most, least, found);
}
