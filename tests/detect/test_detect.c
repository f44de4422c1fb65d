/* Finding boxes in an output, and the two distances between outputs, on outputs small enough to count by hand. */
#include "detect/detect.h"
#include "test.h"

#include <stdlib.h>

enum { ANCHORS = 3, CLASSES = 2 };

/* Boxes of 10 x 10 around (10, 10), (20, 10), (40, 40). */
static const float truth_y[(4 + CLASSES) * ANCHORS] = {10, 20, 40, 10,   10,   40,   10,   10,   10,
                                                       10, 10, 10, 0.9F, 0.2F, 0.5F, 0.1F, 0.5F, 0.05F};

static void check_find(const struct detect_output *truth) {
    struct detect_box b[6];
    CHECK(detect_find(truth, 0.15F, 6, b) == 4, "four pairs of anchor and class are above 0.15");
    CHECK(b[0].score == 0.9F && b[0].class_id == 0 && b[0].x == 5 && b[0].y == 5 && b[0].w == 10,
          "the surest is first, with its corner");
    CHECK(b[1].class_id == 1 && b[1].x == 15 && b[2].class_id == 0 && b[2].x == 35,
          "equal ones come in the order of anchors");
    CHECK(b[3].score == 0.2F, "and the least sure last");
    CHECK(detect_find(truth, 0.15F, 2, b) == 2 && b[1].x == 15, "of more than wanted the surest stay");
    CHECK(detect_find(truth, 0.15F, 0, b) == 0, "none are wanted");
    float nan_y[(4 + CLASSES) * ANCHORS];
    memcpy(nan_y, truth_y, sizeof nan_y);
    nan_y[4 * ANCHORS] = NAN;
    struct detect_output broken = {nan_y, CLASSES, ANCHORS};
    CHECK(detect_find(&broken, 0.15F, 6, b) == 3 && b[0].score == 0.5F,
          "a probability that is no number is none");
}

int main(void) {
    struct detect_output truth = {truth_y, CLASSES, ANCHORS};
    check_find(&truth);

    struct detect_box a = {0, 0, 10, 10, 0, 0}, half = {5, 0, 10, 10, 0, 0}, far_off = {20, 0, 10, 10, 0, 0},
                      point = {0};
    CHECK_CLOSE(detect_iou(&a, &half), 1.0 / 3, 1e-12, "half of each box in common");
    CHECK(detect_iou(&a, &far_off) == 0 && detect_iou(&point, &point) == 0,
          "nothing in common, and nothing at all");

    float y[(4 + CLASSES) * ANCHORS];
    memcpy(y, truth_y, sizeof y);
    struct detect_output other = {y, CLASSES, ANCHORS};
    size_t n;
    CHECK(detect_class_kl(&truth, &other) == 0, "an output is no distance from itself");
    CHECK(detect_box_loss(&truth, &other, 0.25F, &n) == 0 && n == 3,
          "nor are its boxes; all three are sure enough");
    y[4 * ANCHORS] = 0.8F;
    CHECK_CLOSE(detect_class_kl(&truth, &other), 0.9 * log(0.9 / 0.8) + 0.1 * log(0.1 / 0.2), 1e-6,
                "one probability moved");
    y[4 * ANCHORS] = 0;
    CHECK_CLOSE(detect_class_kl(&truth, &other), 0.9 * log(0.9 / 1e-6) + 0.1 * log(0.1 / (1 - 1e-6)), 1e-6,
                "a probability of zero is a millionth");
    y[0] = 15;
    CHECK_CLOSE(detect_box_loss(&truth, &other, 0.25F, &n), 1 - 1.0 / 3, 1e-12,
                "one box moved by half its width");
    CHECK(detect_box_loss(&truth, &other, 0.95F, &n) == 0 && n == 0, "no anchor is so sure");
    return test_end();
}
