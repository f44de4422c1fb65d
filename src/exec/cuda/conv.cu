/* Convolutions in float32 on the ordinary multipliers, as implicit products: pixels of all images by output
 * channels. Tensor cores' float32 would be tf32, which is not what the reference computes. */
#include "exec/cuda/each.cuh"
#include "op/act_scalar.h"

void cuda_pack_f32(cudaStream_t s, const float *w, int cout, int cin, int groups, int taps, bool backward,
                   float *packed) {
    int in = cin / groups, out = cout / groups; /* of a group */
    size_t total = (size_t)cout * (size_t)in * (size_t)taps;
    each(s, total, [=] __device__(unsigned i) {
        int tap = (int)i % taps, c = (int)i / taps % in, o = (int)i / taps / in;
        int group = o / out;
        size_t to = backward ? ((size_t)tap * (size_t)out + (size_t)(o % out)) * (size_t)cin +
                                   (size_t)(group * in + c)
                             : ((size_t)tap * (size_t)in + (size_t)c) * (size_t)cout + (size_t)o;
        packed[to] = w[i];
    });
}

/* Which pixel of `from` an output reads for a tap, or -1. */
struct source {
    int image, y, x; /* y, x: before the tap's step and the division */
};

static __device__ __forceinline__ struct source source_of(const struct conv_geometry &g, unsigned pixel,
                                                          int oh, int ow) {
    int x = (int)(pixel % (unsigned)ow), y = (int)(pixel / (unsigned)ow % (unsigned)oh);
    return {(int)(pixel / (unsigned)ow / (unsigned)oh), y * g.mul[0] + g.add[0], x * g.mul[1] + g.add[1]};
}

static __device__ __forceinline__ int tap_pixel(const struct conv_geometry &g, struct source o, int ky,
                                                int kx, int h, int w) {
    int y = o.y + ky * g.step[0], x = o.x + kx * g.step[1];
    if (y < 0 || x < 0)
        return -1;
    if (g.div[0] > 1 || g.div[1] > 1) {
        if (y % g.div[0] || x % g.div[1])
            return -1;
        y /= g.div[0];
        x /= g.div[1];
    }
    return y < h && x < w ? (o.image * h + y) * w + x : -1;
}

struct epilogue {
    const float *scale, *shift;
    struct act act;
    bool add;
};

static __device__ __forceinline__ void finish(float *to, float v, int o, const struct epilogue &e) {
    if (e.scale)
        v *= e.scale[o];
    if (e.shift)
        v += e.shift[o];
    v = act_of(v, &e.act);
    *to = e.add ? *to + v : v;
}

/* A block makes BM pixels x BN channels, 256 threads 8 x TN each (rows in two groups of four); K goes by in
 * slices of 16, the next one on its way in registers while this one is multiplied. WIDE: four input channels
 * at once, `in` a multiple of four. */
template <int BM, int BN, int TN, bool WIDE>
__global__ void __launch_bounds__(256, 2)
    conv_kernel(struct conv_geometry g, struct view from, const float *__restrict__ packed, struct epilogue e,
                struct view to) {
    constexpr int BK = 16, A_LOADS = BM * BK / 4 / 256, B_LOADS = (BN * BK + 1023) / 1024, COLUMNS = BN / TN;
    static_assert(COLUMNS * (BM / 8) == 256, "8 x TN outputs a thread");
    __shared__ __align__(16) float a_tile[2][BK][BM + 4];
    __shared__ __align__(16) float b_tile[2][BK][BN];
    unsigned first = blockIdx.x * BM, pixels = (unsigned)(to.n * to.h * to.w);
    int column0 = (int)blockIdx.y * BN, tid = (int)threadIdx.x, depth = g.kh * g.kw * g.in;
    bool wide_out = g.out % 4 == 0;
    /* This thread's pixels of a slice, and which four of its channels. */
    struct source sources[A_LOADS];
    int part = tid % 4;
    for (int i = 0; i < A_LOADS; i++)
        sources[i] = source_of(g, min(first + (unsigned)(tid / 4 + i * 64), pixels - 1), to.h, to.w);
    float4 a_next[A_LOADS], b_next[B_LOADS];
    int tap = 0, channel = part * 4; /* of this thread's four, WIDE */
    while (WIDE && channel >= g.in) {
        channel -= g.in;
        tap++;
    }
    auto fetch = [&](int k0) {
        int ky = tap / g.kw, kx = tap % g.kw;
#pragma unroll
        for (int i = 0; i < A_LOADS; i++) {
            float4 v = make_float4(0, 0, 0, 0);
            if (WIDE) {
                int p = tap < g.kh * g.kw ? tap_pixel(g, sources[i], ky, kx, from.h, from.w) : -1;
                if (p >= 0)
                    v = *(const float4 *)(from.p + (size_t)p * (size_t)from.stride + channel);
            } else {
                float *f = (float *)&v;
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    int k = k0 + part * 4 + j, t = k / g.in;
                    int p = k < depth ? tap_pixel(g, sources[i], t / g.kw, t % g.kw, from.h, from.w) : -1;
                    if (p >= 0)
                        f[j] = from.p[(size_t)p * (size_t)from.stride + k % g.in];
                }
            }
            a_next[i] = v;
        }
#pragma unroll
        for (int i = 0; i < B_LOADS; i++) {
            int at = (tid + i * 256) * 4, k = k0 + at / BN, o = column0 + at % BN;
            float4 v = make_float4(0, 0, 0, 0);
            if (at < BN * BK && k < depth) {
                const float *p = packed + (size_t)k * (size_t)g.out + o;
                if (wide_out && o < g.out)
                    v = *(const float4 *)p;
                else {
                    float *f = (float *)&v;
#pragma unroll
                    for (int j = 0; j < 4; j++)
                        f[j] = o + j < g.out ? p[j] : 0;
                }
            }
            b_next[i] = v;
        }
        channel += BK;
        while (WIDE && channel >= g.in) {
            channel -= g.in;
            tap++;
        }
    };
    auto store = [&](int buffer) {
#pragma unroll
        for (int i = 0; i < A_LOADS; i++) {
            int row = tid / 4 + i * 64;
            a_tile[buffer][part * 4][row] = a_next[i].x;
            a_tile[buffer][part * 4 + 1][row] = a_next[i].y;
            a_tile[buffer][part * 4 + 2][row] = a_next[i].z;
            a_tile[buffer][part * 4 + 3][row] = a_next[i].w;
        }
#pragma unroll
        for (int i = 0; i < B_LOADS; i++) {
            int at = (tid + i * 256) * 4;
            if (at < BN * BK)
                *(float4 *)&b_tile[buffer][at / BN][at % BN] = b_next[i];
        }
    };
    float sums[8][TN] = {};
    int row = tid / COLUMNS * 4, column = tid % COLUMNS * 4;
    fetch(0);
    store(0);
    __syncthreads();
    for (int k0 = 0, buffer = 0; k0 < depth; k0 += BK, buffer ^= 1) {
        bool more = k0 + BK < depth;
        if (more)
            fetch(k0 + BK);
#pragma unroll
        for (int k = 0; k < BK; k++) {
            float a[8], b[TN];
            *(float4 *)a = *(const float4 *)&a_tile[buffer][k][row];
            *(float4 *)(a + 4) = *(const float4 *)&a_tile[buffer][k][BM / 2 + row];
#pragma unroll
            for (int j = 0; j < TN; j += 4)
                *(float4 *)(b + j) = *(const float4 *)&b_tile[buffer][k][j * COLUMNS + column];
#pragma unroll
            for (int i = 0; i < 8; i++)
#pragma unroll
                for (int j = 0; j < TN; j++)
                    sums[i][j] += a[i] * b[j];
        }
        if (more)
            store(buffer ^ 1);
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < 8; i++) {
        unsigned pixel = first + (unsigned)(row + i % 4 + i / 4 * (BM / 2));
        if (pixel >= pixels)
            continue;
#pragma unroll
        for (int j = 0; j < TN; j++) {
            int o = column0 + j / 4 * 4 * COLUMNS + column + j % 4;
            if (o < g.out)
                finish(at(to, pixel, (unsigned)o), sums[i][j], o, e);
        }
    }
}

template <int BM, int BN, int TN>
static void launch(cudaStream_t s, const struct conv_geometry *g, struct view from, const float *packed,
                   struct epilogue e, struct view to) {
    dim3 grid((unsigned)((view_pixels(to) + BM - 1) / BM), (unsigned)((g->out + BN - 1) / BN));
    if (view_is_wide(from) && g->in % 4 == 0)
        conv_kernel<BM, BN, TN, true><<<grid, 256, 0, s>>>(*g, from, packed, e, to);
    else
        conv_kernel<BM, BN, TN, false><<<grid, 256, 0, s>>>(*g, from, packed, e, to);
}

/* Grouped: too few inputs to share, so every output sums by itself; a thread makes four pixels of a channel,
 * for which it reads each weight once. */
enum { RUN = 4, LANES = 8 /* runs of a block; its width is 32 channels */ };
static __global__ void __launch_bounds__(32 * LANES)
    grouped_kernel(struct conv_geometry g, struct view from, const float *packed, struct epilogue e,
                   struct view to) {
    int per = g.in / g.groups, o = (int)(blockIdx.y * 32 + threadIdx.x), first = o / (g.out / g.groups) * per;
    unsigned pixel = (blockIdx.x * LANES + threadIdx.y) * RUN, pixels = (unsigned)(to.n * to.h * to.w);
    if (o >= g.out || pixel >= pixels)
        return;
    struct source sources[RUN];
    float sums[RUN] = {};
#pragma unroll
    for (unsigned i = 0; i < RUN; i++)
        sources[i] = source_of(g, min(pixel + i, pixels - 1), to.h, to.w);
    for (int ky = 0; ky < g.kh; ky++)
        for (int kx = 0; kx < g.kw; kx++) {
            int at_tap[RUN];
#pragma unroll
            for (int i = 0; i < RUN; i++)
                at_tap[i] = tap_pixel(g, sources[i], ky, kx, from.h, from.w);
            for (int j = 0; j < per; j++) {
                float w = packed[(size_t)((ky * g.kw + kx) * per + j) * (size_t)g.out + (size_t)o];
#pragma unroll
                for (int i = 0; i < RUN; i++)
                    if (at_tap[i] >= 0)
                        sums[i] += *at(from, (unsigned)at_tap[i], (unsigned)(first + j)) * w;
            }
        }
#pragma unroll
    for (unsigned i = 0; i < RUN; i++)
        if (pixel + i < pixels)
            finish(at(to, pixel + i, (unsigned)o), sums[i], o, e);
}

static void grouped(cudaStream_t s, const struct conv_geometry *g, struct view from, const float *packed,
                    struct epilogue e, struct view to) {
    dim3 grid((unsigned)((view_pixels(to) + LANES * RUN - 1) / (LANES * RUN)),
              (unsigned)((g->out + 31) / 32));
    grouped_kernel<<<grid, dim3(32, LANES), 0, s>>>(*g, from, packed, e, to);
}

/* How long a block width takes for `out` channels, to compare: narrow ones read more for what they multiply.
 */
static double cost_of(int out, int width) {
    double rate = width == 128 ? 1 : width == 64 ? 0.95 : 0.7;
    return (out + width - 1) / width * width / rate;
}

void cuda_conv_f32(cudaStream_t s, const struct conv_geometry *g, struct view from, const float *packed,
                   const float *scale, const float *shift, struct act act, bool add, struct view to) {
    struct epilogue e = {scale, shift, act, add};
    bool many = view_pixels(to) >= 256 * 264; /* pixels, for blocks of 256 to fill a card */
    double narrow = cost_of(g->out, 32), middle = cost_of(g->out, 64), wide = cost_of(g->out, 128);
    if (g->groups > 1)
        grouped(s, g, from, packed, e, to);
    else if (narrow < middle && narrow < wide)
        launch<256, 32, 4>(s, g, from, packed, e, to);
    else if (many && middle <= wide)
        launch<256, 64, 8>(s, g, from, packed, e, to);
    else if (middle < wide || (size_t)(g->out + 127) / 128 * ((view_pixels(to) + 127) / 128) < 264)
        launch<128, 64, 4>(s, g, from, packed, e, to);
    else
        launch<128, 128, 8>(s, g, from, packed, e, to);
}
