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

/* More anchors than are looked at together, with equal probabilities: against a plain sort. */
static void check_many(void) {
    enum { MANY = 1000, MOST = 100 };
    static float y[(4 + CLASSES) * MANY];
    struct detect_output out = {y, CLASSES, MANY};
    struct detect_box b[MOST];
    size_t wrong = 0;
    for (int i = 0; i < CLASSES * MANY; i++)
        y[4 * MANY + i] = (float)(i * 7919 % 257) / 257;
    for (int a = 0; a < MANY; a++)
        y[a] = (float)a;
    CHECK(detect_find(&out, 0, MOST, b) == MOST, "a hundred of a thousand");
    for (size_t n = 0; n < MOST; n++) { /* how many pairs go before it */
        size_t before = 0, anchor = (size_t)b[n].x;
        for (size_t a = 0; a < MANY; a++)
            for (int k = 0; k < CLASSES; k++) {
                float p = y[(size_t)(4 + k) * MANY + a];
                before +=
                    p > b[n].score || (p == b[n].score && (a < anchor || (a == anchor && k < b[n].class_id)));
            }
        wrong += before != n;
    }
    CHECK(wrong == 0, "in the order of probability, anchor, class: %zu are not", wrong);
}

/* Three boxes of a class: the second overlaps the first by 81 / 119, the third by 95 / 105. One of the other class lies
 * where the first does. */
static void check_distinct(void) {
    enum { BOXES = 4 };
    const float y[(4 + CLASSES) * BOXES] = {10, 11, 10.5F, 10, 10,   11,   10,   10, 10, 10, 10, 10,
                                            10, 10, 10,    10, 0.9F, 0.8F, 0.7F, 0,  0,  0,  0,  0.6F};
    const struct detect_output out = {y, CLASSES, BOXES};
    struct detect_box b[BOXES];
    struct err err = {0};
    size_t n = 0;
    CHECK(detect_find_distinct(&out, 0.1F, BOXES, b, &n, &err) == 0 && n == 3,
          "three of four are distinct: %zu", n);
    CHECK(b[0].score == 0.9F && b[1].score == 0.8F && b[1].x == 6,
          "the surest stays, and what overlaps it by less than 0.7");
    CHECK(b[2].class_id == 1 && b[2].score == 0.6F, "another class's box is never in the way");
    CHECK(detect_find_distinct(&out, 0.1F, 1, b, &n, &err) == 0 && n == 1 && b[0].score == 0.9F,
          "one is wanted");
    CHECK(detect_find_distinct(&out, 0.95F, BOXES, b, &n, &err) == 0 && n == 0, "none is sure");
}

/* The same boxes by their corners. */
static void check_corners(void) {
    float y[(4 + CLASSES) * ANCHORS];
    memcpy(y, truth_y, sizeof y);
    for (int i = 0; i < 2 * ANCHORS; i++) {
        y[i] = truth_y[i] - truth_y[2 * ANCHORS + i] / 2;
        y[2 * ANCHORS + i] = truth_y[i] + truth_y[2 * ANCHORS + i] / 2;
    }
    const struct detect_output by_centre = {truth_y, CLASSES, ANCHORS},
                               by_corners = {y, CLASSES, ANCHORS, true};
    struct detect_box a[6], b[6];
    const size_t n = detect_find(&by_centre, 0.15F, 6, a), m = detect_find(&by_corners, 0.15F, 6, b);
    CHECK(n == m && memcmp(a, b, n * sizeof *a) == 0, "boxes by corners are those by centre and size");
}

int main(void) {
    check_distinct();
    check_corners();
    struct detect_output truth = {truth_y, CLASSES, ANCHORS};
    check_find(&truth);
    check_many();

    struct detect_box a = {0, 0, 10, 10, 0, 0}, half = {5, 0, 10, 10, 0, 0}, far_off = {20, 0, 10, 10, 0, 0},
                      point = {0};
    CHECK_CLOSE(detect_iou(&a, &half), 1.0 / 3, 1e-12, "half of each box in common");
    CHECK(detect_iou(&a, &far_off) == 0 && detect_iou(&point, &point) == 0,
          "nothing in common, and nothing at all");

    float y[(4 + CLASSES) * ANCHORS];
    memcpy(y, truth_y, sizeof y);
    struct detect_output other = {y, CLASSES, ANCHORS};
    size_t sure[ANCHORS], n = detect_sure(&truth, 0.25F, sure);
    CHECK(n == 3 && sure[0] == 0 && sure[1] == 1 && sure[2] == 2, "all three anchors are above 0.25");
    CHECK(detect_sure(&truth, 0.5F, sure) == 1 && sure[0] == 0, "one is above 0.5: an equal one is not");
    CHECK(detect_sure(&truth, 0.95F, sure) == 0, "no anchor is above 0.95");
    CHECK(detect_sure(&truth, 0.25F, sure) == n && detect_class_kl(&truth, &other) == 0,
          "an output is no distance from itself");
    CHECK(detect_box_loss(&truth, &other, sure, n) == 0, "nor are its boxes");
    y[4 * ANCHORS] = 0.8F;
    CHECK_CLOSE(detect_class_kl(&truth, &other), 0.9 * log(0.9 / 0.8) + 0.1 * log(0.1 / 0.2), 1e-6,
                "one probability moved");
    y[4 * ANCHORS] = 0;
    CHECK_CLOSE(detect_class_kl(&truth, &other), 0.9 * log(0.9 / 1e-6) + 0.1 * log(0.1 / (1 - 1e-6)), 1e-6,
                "a probability of zero is a millionth");
    y[0] = 15;
    CHECK_CLOSE(detect_box_loss(&truth, &other, sure, n), 1 - 1.0 / 3, 1e-12,
                "one box moved by half its width");
    CHECK(detect_box_loss(&truth, &other, sure + 1, n - 1) == 0, "which the other anchors do not see");
    y[4 * ANCHORS + 1] = NAN;
    CHECK(isnan(detect_class_kl(&truth, &other)), "a probability that is no number gives none");
    return test_end();
}
