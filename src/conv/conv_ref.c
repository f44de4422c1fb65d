/* The definition: plain C, baseline x86-64, also the kernels of a processor without AVX2. */
#include "conv/kernels.h"

#include <string.h>

enum { ROWS = 4, PANEL = 8 };

static void tile(const struct tile_job *j, double lanes[LANES_MAX]) {
    float acc[ROWS][PANEL] = {{0}};
    for (size_t k = 0; k < j->k; k++)
        for (int r = 0; r < ROWS; r++)
            for (int p = 0; p < PANEL; p++)
                acc[r][p] += j->w[k * ROWS + (size_t)r] * j->b[k * j->ldb + (size_t)p];
    for (int r = 0; r < j->rows; r++)
        for (int p = 0; p < j->positions; p++) {
            size_t at = (size_t)r * j->ldy + (size_t)p;
            float d = acc[r][p] + (j->bias ? j->bias[r] : 0) - j->y[at];
            lanes[p] += (double)(j->g2[at] * (d * d));
        }
}

static void depthwise(const struct depthwise_job *j, double (*lanes)[LANES_MAX]) {
    for (int oy = 0; oy < j->oh; oy++)
        for (int ox = 0; ox < j->ow; ox++)
            for (size_t w = 0; w < j->n_weights; w++) {
                float acc = 0;
                for (size_t t = 0; t < j->taps; t++)
                    acc += j->w[w][t] * j->x[j->offset[t] + (size_t)oy * j->pitch + (size_t)ox];
                size_t at = (size_t)oy * (size_t)j->ow + (size_t)ox;
                float d = acc + j->bias - j->y[at];
                lanes[w][ox % LANES_MAX] += (double)(j->g2[at] * (d * d));
            }
}

static void copy(float *to, const float *from, size_t n) {
    memcpy(to, from, n * sizeof *to);
}

const struct conv_kernels conv_ref = {ROWS, PANEL, 0, tile, depthwise, copy};
