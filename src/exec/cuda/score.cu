/* Scores on tensor cores: an implicit product of bf16 codes (pixels) and bf16 weights of many cells
 * (columns), with float32 sums, whose outputs are never written: g^2 (conv - y)^2 is taken from the
 * accumulators.
 *
 * The multipliers round their running sums towards zero, so a long sum drifts; every 128 of depth it is moved
 * to float32 registers, which round to nearest. */
#include "exec/cuda/each.cuh"
#include "exec/cuda/sums.cuh"

#include <cuda_bf16.h>

enum {
    BK = 32,     /* depth of a slice */
    STAGES = 3,  /* slices on their way */
    PROMOTE = 4, /* slices until the sums are moved */
};

static int pad8(int n) {
    return (n + 7) / 8 * 8;
}

size_t cuda_target_bytes(int n, int h, int w, int c, int objectives) {
    return (size_t)n * (size_t)h * (size_t)w * (size_t)pad8(c) * (size_t)(1 + objectives) * sizeof(float);
}

struct gradients {
    struct view of[CUDA_OBJECTIVES_MAX];
};

template <int OBJECTIVES>
static void fill_target(cudaStream_t s, struct view y, const struct view *gradients, const float *bias,
                        bool add, const struct target &t) {
    unsigned room = (unsigned)t.room;
    struct gradients g = {};
    for (int k = 0; k < OBJECTIVES; k++)
        g.of[k] = gradients[k];
    each(s, view_pixels(y) * room, [=] __device__(unsigned i) {
        unsigned pixel = i / room, o = i % room;
        mark<OBJECTIVES> m = {}, *to = (mark<OBJECTIVES> *)t.values + i;
        if (o < (unsigned)y.c) {
            m.y = *at(y, pixel, o) - (bias ? bias[o] : 0);
#pragma unroll
            for (int k = 0; k < OBJECTIVES; k++) {
                float d = g.of[k].p ? *at(g.of[k], pixel, o) : 0;
                m.g2[k] = d * d + (add ? to->g2[k] : 0);
            }
        }
        *to = m;
    });
}

void cuda_target(cudaStream_t s, struct view y, const struct view *g, const float *bias, bool add,
                 struct target *target) {
    target->n = y.n;
    target->h = y.h;
    target->w = y.w;
    target->c = y.c;
    target->room = pad8(y.c);
    if (target->objectives == 1)
        fill_target<1>(s, y, g, bias, add, *target);
    else
        fill_target<3>(s, y, g, bias, add, *target);
}

void cuda_pack_bf16(cudaStream_t s, const struct stack *stack, int cout, int cin, int taps, int room, int row,
                    int terms, const float *channel_unit, uint16_t *packed, float *factor) {
    struct stack w = *stack;
    unsigned outs = (unsigned)pad8(cout), rows = outs * (unsigned)w.n, width = (unsigned)row;
    __nv_bfloat16 *to = (__nv_bfloat16 *)packed;
    each(s, (size_t)rows * width, [=] __device__(unsigned i) {
        unsigned j = i / width, k = i % width, cells = (unsigned)w.n, cell = j / 8 % cells,
                 o = j / 8 / cells * 8 + j % 8;
        unsigned tap = k / (unsigned)room, c = k % (unsigned)room;
        float v = 0, unit = 1;
        if (o < (unsigned)cout) {
            unit = terms == 1 ? w.units[cell][o] : 1;
            if (tap < (unsigned)taps && c < (unsigned)cin)
                v = w.values[cell][((size_t)o * (unsigned)cin + c) * (unsigned)taps + tap];
        }
        if (k == 0)
            factor[j] = unit;
        if (terms == 1) {
            to[i] = __float2bfloat16_rn(v / unit);
            return;
        }
        v *= channel_unit && c < (unsigned)cin ? channel_unit[c] : 1;
        for (int t = 0; t < terms; t++) {
            __nv_bfloat16 part = __float2bfloat16_rn(v);
            to[(size_t)t * rows * width + i] = part;
            v -= __bfloat162float(part);
        }
    });
}

size_t cuda_score_room(int images, int oh, int ow, int cout, int n, int objectives) {
    size_t each = (size_t)images * (size_t)(n * pad8(cout) / 8) * (size_t)objectives;
    return each * (((size_t)(oh * ow) + 63) / 64 + 1);
}

struct product {
    struct conv_geometry g;
    int h, w, oh, ow;
    const uint16_t *codes, *packed;
    int room, row, columns; /* columns: rows of packed, of one term */
    int cells;
    unsigned column_tiles;
    const float *unit, *factor;
    struct target target;
    float *partial;
};

static __device__ __forceinline__ unsigned shared_address(const void *p) {
    return (unsigned)__cvta_generic_to_shared(p);
}

/* 16 bytes, or zeros. */
static __device__ __forceinline__ void copy_async(unsigned to, const void *from, bool there) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(there ? 16 : 0));
}

static __device__ __forceinline__ void load_fragments(unsigned (&r)[4], unsigned address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address));
}

static __device__ __forceinline__ void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0,
                                                unsigned b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* Byte of eight of a slice's 32 values in a row: rows are 64 bytes, and eight rows' same part lie in
 * different banks.
 */
static __device__ __forceinline__ unsigned place(unsigned row, unsigned part) {
    return row * 64 + (part ^ (row >> 1 & 3)) * 16;
}

template <int BM, int BN, int TERMS, int OBJECTIVES>
__global__ void __launch_bounds__(BN * 2) score_kernel(struct product p) {
    constexpr int THREADS = BN * 2, ROWS = THREADS / 4, WM = BM / 2, MI = WM / 16, A_BYTES = BM * 64,
                  B_BYTES = BN * 64;
    constexpr int STAGE = A_BYTES + TERMS * B_BYTES, A_LOADS = BM / ROWS, B_LOADS = BN / ROWS;
    extern __shared__ __align__(128) unsigned char memory[];
    __shared__ float found[OBJECTIVES][2][BN / 8];
    unsigned base = shared_address(memory), tid = threadIdx.x, lane = tid % 32, warp = tid / 32;
    unsigned part = tid % 4, image = blockIdx.z, plane = (unsigned)(p.oh * p.ow);
    unsigned tile = blockIdx.x / p.column_tiles, first = tile * BM,
             column0 = blockIdx.x % p.column_tiles * BN;
    int slices = p.row / BK, taps = p.g.kh * p.g.kw;

    /* This thread's rows of a slice: where its pixels' windows begin. */
    int y0[A_LOADS], x0[A_LOADS];
#pragma unroll
    for (int i = 0; i < A_LOADS; i++) {
        unsigned pixel = min(first + tid / 4 + (unsigned)i * ROWS, plane - 1);
        y0[i] = (int)(pixel / (unsigned)p.ow) * p.g.mul[0] + p.g.add[0];
        x0[i] = (int)(pixel % (unsigned)p.ow) * p.g.mul[1] + p.g.add[1];
    }
    const uint16_t *codes = p.codes + (size_t)image * (size_t)(p.h * p.w) * (size_t)p.room;
    int tap = 0, channel = (int)part * 8;
    while (channel >= p.room) {
        channel -= p.room;
        tap++;
    }
    auto fetch = [&](int slice) {
        unsigned stage = base + (unsigned)(slice % STAGES) * STAGE;
        int dy = tap / p.g.kw * p.g.step[0], dx = tap % p.g.kw * p.g.step[1];
#pragma unroll
        for (int i = 0; i < A_LOADS; i++) {
            int y = y0[i] + dy, x = x0[i] + dx;
            bool there = tap < taps && y >= 0 && y < p.h && x >= 0 && x < p.w;
            size_t from = there ? (size_t)(y * p.w + x) * (size_t)p.room + (size_t)channel : 0;
            copy_async(stage + place(tid / 4 + (unsigned)i * ROWS, part), codes + from, there);
        }
#pragma unroll
        for (int t = 0; t < TERMS; t++)
#pragma unroll
            for (int i = 0; i < B_LOADS; i++) {
                unsigned row = tid / 4 + (unsigned)i * ROWS, column = column0 + row;
                bool there = column < (unsigned)p.columns;
                size_t from = there ? ((size_t)t * (size_t)p.columns + column) * (size_t)p.row +
                                          (size_t)(slice * BK) + part * 8
                                    : 0;
                copy_async(stage + A_BYTES + (unsigned)t * B_BYTES + place(row, part), p.packed + from,
                           there);
            }
        channel += BK;
        while (channel >= p.room) {
            channel -= p.room;
            tap++;
        }
    };

    unsigned warp_m = warp % 2, warp_n = warp / 2;
    float total[MI][4][4] = {}, sums[MI][4][4] = {};
    for (int i = 0; i < STAGES - 1; i++) {
        if (i < slices)
            fetch(i);
        asm volatile("cp.async.commit_group;");
    }
    for (int slice = 0; slice < slices; slice++) {
        asm volatile("cp.async.wait_group %0;" ::"n"(STAGES - 2));
        __syncthreads();
        if (slice + STAGES - 1 < slices)
            fetch(slice + STAGES - 1);
        asm volatile("cp.async.commit_group;");
        unsigned stage = base + (unsigned)(slice % STAGES) * STAGE;
#pragma unroll
        for (unsigned k = 0; k < BK / 16; k++) {
            unsigned a[MI][4];
#pragma unroll
            for (unsigned m = 0; m < MI; m++)
                load_fragments(a[m], stage + place(warp_m * WM + m * 16 + lane % 16, k * 2 + lane / 16));
#pragma unroll
            for (int t = TERMS - 1; t >= 0; t--)
#pragma unroll
                for (unsigned n = 0; n < 2; n++) {
                    unsigned b[4], row = warp_n * 32 + n * 16 + lane / 16 * 8 + lane % 8;
                    load_fragments(b, stage + A_BYTES + (unsigned)t * B_BYTES +
                                          place(row, k * 2 + lane / 8 % 2));
#pragma unroll
                    for (unsigned m = 0; m < MI; m++) {
                        multiply(sums[m][n * 2], a[m], b[0], b[1]);
                        multiply(sums[m][n * 2 + 1], a[m], b[2], b[3]);
                    }
                }
        }
        if (slice % PROMOTE == PROMOTE - 1 || slice == slices - 1)
#pragma unroll
            for (int m = 0; m < MI; m++)
#pragma unroll
                for (int n = 0; n < 4; n++)
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        total[m][n][i] += sums[m][n][i];
                        sums[m][n][i] = 0;
                    }
    }

    float unit = p.unit[image];
    unsigned cells = (unsigned)p.cells;
#pragma unroll
    for (unsigned n = 0; n < 4; n++) {
        float sum[OBJECTIVES] = {};
        unsigned column = column0 + warp_n * 32 + n * 8 + lane % 4 * 2,
                 o = column / 8 / cells * 8 + column % 8;
        if (column < (unsigned)p.columns) {
            float2 factor = *(const float2 *)(p.factor + column);
            factor.x *= unit;
            factor.y *= unit;
#pragma unroll
            for (unsigned m = 0; m < MI; m++)
#pragma unroll
                for (unsigned half = 0; half < 2; half++) {
                    unsigned pixel = first + warp_m * WM + m * 16 + lane / 4 + half * 8;
                    if (pixel >= plane)
                        continue;
                    struct __align__(16) {
                        mark<OBJECTIVES> of[2];
                    }
                    marks;
                    const float4 *from =
                        (const float4 *)mark_of<OBJECTIVES>(p.target, image * plane + pixel, o);
#pragma unroll
                    for (unsigned k = 0; k < sizeof marks / sizeof(float4); k++)
                        ((float4 *)&marks)[k] = from[k];
                    add_squares(marks.of[0], total[m][n][half * 2] * factor.x, sum);
                    add_squares(marks.of[1], total[m][n][half * 2 + 1] * factor.y, sum);
                }
        }
#pragma unroll
        for (int k = 0; k < OBJECTIVES; k++) {
            float all = sum_of_warp(sum[k]);
            if (lane == 0)
                found[k][warp_m][warp_n * 4 + n] = all;
        }
    }
    __syncthreads();
    unsigned fragments = (unsigned)p.columns / 8, fragment = column0 / 8 + tid;
    if (tid < BN / 8 && fragment < fragments)
#pragma unroll
        for (int k = 0; k < OBJECTIVES; k++)
            p.partial[(((size_t)image * (gridDim.x / p.column_tiles) + tile) * fragments + fragment) *
                          OBJECTIVES +
                      k] = found[k][0][tid] + found[k][1][tid];
}

/* Blocks that work on the same pixels come one after another: what they read is in the second-level cache. */
template <int BM, int BN, int TERMS, int OBJECTIVES>
static void launch(cudaStream_t s, struct product *p, int images) {
    constexpr int BYTES = STAGES * (BM + TERMS * BN) * 64;
    unsigned tiles = (unsigned)((p->oh * p->ow + BM - 1) / BM);
    p->column_tiles = (unsigned)((p->columns + BN - 1) / BN);
    cudaFuncSetAttribute(score_kernel<BM, BN, TERMS, OBJECTIVES>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                         BYTES);
    score_kernel<BM, BN, TERMS, OBJECTIVES>
        <<<dim3(tiles * p->column_tiles, 1, (unsigned)images), BN * 2, BYTES, s>>>(*p);
}

/* The wider block where it wastes no more columns. */
template <int BM, int TERMS, int OBJECTIVES>
static void launch_width(cudaStream_t s, struct product *p, int images) {
    if ((p->columns + 127) / 128 * 2 == (p->columns + 63) / 64)
        launch<BM, 128, TERMS, OBJECTIVES>(s, p, images);
    else
        launch<BM, 64, TERMS, OBJECTIVES>(s, p, images);
}

template <int OBJECTIVES>
static void launch_height(cudaStream_t s, struct product *p, int images, int terms, bool tall) {
    if (terms == 1 && tall)
        launch_width<128, 1, OBJECTIVES>(s, p, images);
    else if (terms == 1)
        launch_width<64, 1, OBJECTIVES>(s, p, images);
    else if (tall)
        launch_width<128, 3, OBJECTIVES>(s, p, images);
    else
        launch_width<64, 3, OBJECTIVES>(s, p, images);
}

void cuda_score(cudaStream_t s, const struct conv_geometry *g, struct view x, const uint16_t *codes, int room,
                const float *unit, const uint16_t *packed, const float *factor, int row, int terms, int n,
                const struct target *target, float *partial, int group, double *sums, int sums_step) {
    int oh = target->h, ow = target->w, plane = oh * ow;
    struct product p = {*g, x.h, x.w,  oh,     ow,      codes,  packed, room, row, n * pad8(g->out),
                        n,  0,   unit, factor, *target, partial};
    /* The taller block where it does not waste more rows. */
    bool tall = (plane + 127) / 128 * 128 <= (plane + 63) / 64 * 64 + plane / 16;
    if (target->objectives == 1)
        launch_height<1>(s, &p, x.n, terms, tall);
    else
        launch_height<3>(s, &p, x.n, terms, tall);
    add_partial_sums(s, partial, x.n, (plane + (tall ? 127 : 63)) / (tall ? 128 : 64), n * target->objectives,
                     pad8(g->out) / 8, group, sums, sums_step);
}
