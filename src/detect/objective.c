#include "detect/objective.h"

#include <math.h>

void objective_class(const struct detect_output *y, uint32_t image, uint32_t probe, size_t from, size_t to,
                     float *out) {
    for (int k = 0; k < y->classes; k++)
        for (size_t a = from; a < to; a++) {
            float p = y->y[(size_t)(4 + k) * y->anchors + a];
            *out++ = sqrtf(p * (1 - p)) * objective_sign(image, probe, (uint32_t)a, (uint32_t)(4 + k));
        }
}

/* The gradient of a box's centre and size, rows `apart` floats apart, as that of its corners. */
static void to_corners(size_t apart, float *d) {
    for (size_t side = 0; side < 2; side++) {
        float *near = d + side * apart, *far = near + 2 * apart, half = *near / 2, size = *far;
        *near = half - size;
        *far = half + size;
    }
}

void objective_box(const struct detect_output *y, uint32_t image, uint32_t probe, float *out) {
    for (size_t a = 0; a < y->anchors; a++) {
        float weight = sqrtf(detect_confidence(y, a));
        for (uint32_t c = 0; c < 4; c++) {
            float far = y->y[(2 + c % 2) * y->anchors + a],
                  side = fmaxf(1, y->corners ? far - y->y[c % 2 * y->anchors + a] : far);
            out[c * y->anchors + a] = weight * objective_sign(image, probe, (uint32_t)a, c) / side;
        }
        if (y->corners)
            to_corners(y->anchors, out + a);
    }
}
