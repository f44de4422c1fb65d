/* Attention over the positions of a map, for one image. qkv (heads, 2 kd + hd, n): for each head Q (kd, n), K
 * (kd, n) and V (hd, n) of n positions. With S = softmax over keys of K^T Q / sqrt(kd), (n keys, n queries),
 * a head's output is V S (hd, n), torch's V softmax(Q^T K / sqrt(kd))^T. Products are convolutions of 1x1. */
#ifndef YS_OP_ATTENTION_H
#define YS_OP_ATTENTION_H

#include "op/op.h"

/* Floats from the S of n positions to the next: n * n and what kernels read beyond. */
size_t attention_apart(size_t n);

/* out (heads * hd, n). Each of op->areas bands of positions that follow each other attends to itself alone. S of head i's
 * band j is left in s + (i * areas + j) * s_stride, which is attention_apart(n / areas) or more. Errors: memory. */
int attention_mix(struct op_scratch *a, const struct op *op, const float *qkv, size_t n, float *s,
                  size_t s_stride, float *out, struct err *err);

/* Backward: adds to dqkv what d (heads * hd, n), the gradient of out, gives; s as attention_mix left it. With
 * D = V^T d and A = S (D - sum over keys of S D): dQ = K A / sqrt(kd), dK = Q A^T / sqrt(kd), dV = d S^T. */
int attention_mix_grad(struct op_scratch *a, const struct op *op, const float *qkv, size_t n, const float *s,
                       size_t s_stride, const float *d, float *dqkv, struct err *err);

/* out (heads * hd, n): V of all heads; backward adds d to V's part of dqkv. */
void attention_values(const struct op *op, const float *qkv, size_t n, float *out);
void attention_values_grad(const struct op *op, const float *d, size_t n, float *dqkv);

#endif
