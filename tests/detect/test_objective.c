/* The gradients that the detection objectives begin with, against their sums differentiated by hand, and the signs. */
#include "detect/objective.h"
#include "test.h"

int main(void) {
    enum { N = 100000 };
    double mean = 0, along[4] = {0};
    for (uint32_t i = 0; i < N; i++) {
        float r = objective_sign(3, 0, i, 7);
        mean += r;
        along[0] += r * objective_sign(3, 0, i + 1, 7);
        along[1] += r * objective_sign(3, 0, i, 8);
        along[2] += r * objective_sign(4, 0, i, 7);
        along[3] += r * objective_sign(3, 1, i, 7);
    }
    CHECK(fabs(mean / N) < 0.015, "as many signs are +1 as -1: mean %g", mean / N);
    for (int k = 0; k < 4; k++)
        CHECK(fabs(along[k] / N) < 0.015,
              "neighbours' signs (anchor, row, image, probe: %d) have nothing in common: %g", k,
              along[k] / N);
    CHECK(objective_sign(1, 2, 3, 4) == objective_sign(1, 2, 3, 4) && objective_sign(0, 0, 0, 0) == 1 &&
              objective_sign(0, 0, 0, 1) == 1 && objective_sign(65535, 65535, 8399, 83) == -1,
          "a sign depends on these four numbers alone: %g %g %g", objective_sign(0, 0, 0, 0),
          objective_sign(0, 0, 0, 1), objective_sign(65535, 65535, 8399, 83));

    /* Two anchors, one class. */
    const float v[] = {100, 300, 50, 60, 20, 0.25F, 8, 40, 0.2F, 1};
    struct detect_output y = {v, 1, 2};
    float c[2], b[8];
    objective_class(&y, 5, 0, 0, 2, c);
    CHECK_CLOSE(c[0], 0.4 * objective_sign(5, 0, 0, 4), 1e-6, "sqrt(p (1 - p)) r");
    CHECK(c[1] == 0, "a class that is certain weighs nothing");
    objective_class(&y, 5, 0, 1, 2, c);
    CHECK(c[0] == 0, "the anchors asked for");
    objective_box(&y, 5, 0, b);
    CHECK_CLOSE(b[0], sqrt(0.2) * objective_sign(5, 0, 0, 0) / 20, 1e-6, "cx by the width");
    CHECK_CLOSE(b[2], sqrt(0.2) * objective_sign(5, 0, 0, 1) / 8, 1e-6, "cy by the height");
    CHECK_CLOSE(b[4], sqrt(0.2) * objective_sign(5, 0, 0, 2) / 20, 1e-6, "the width by itself");
    CHECK_CLOSE(b[5], objective_sign(5, 0, 1, 2), 1e-6, "a side below a pixel counts as one");
    CHECK_CLOSE(b[7], objective_sign(5, 0, 1, 3) / 40, 1e-6, "and the height by itself");

    /* The same boxes by their corners: dL / dleft is dL / dcx dcx / dleft + dL / dw dw / dleft, and so on. */
    const float by_corners[] = {90, 296, 46, 40, 110, 304, 54, 80, 0.2F, 1};
    const float by_centre[] = {100, 300, 50, 60, 20, 8, 8, 40, 0.2F, 1};
    float d[8];
    struct detect_output corners = {by_corners, 1, 2, true}, centre = {by_centre, 1, 2};
    objective_box(&centre, 5, 0, b);
    objective_box(&corners, 5, 0, d);
    for (int i = 0; i < 4; i++) {
        CHECK_CLOSE(d[i], b[i] / 2 - b[4 + i], 1e-6, "left and top");
        CHECK_CLOSE(d[4 + i], b[i] / 2 + b[4 + i], 1e-6, "right and bottom");
    }
    return test_end();
}
