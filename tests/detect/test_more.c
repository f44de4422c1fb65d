/* What networks make beyond boxes, compared against definitions as plain as can be: masks pixel by pixel, points one by one,
 * turned boxes by counting points of a grid. */
#include "detect/more.h"
#include "test.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { ANCHORS = 7, CLASSES = 2, SIDE = 24, ROWS = 5 };

static float uniform(float from, float to) {
    static uint32_t state = 12345;
    state = state * 1664525u + 1013904223u;
    return from + (to - from) * (float)(state >> 8) / (1 << 24);
}

struct output {
    float y[(4 + CLASSES) * ANCHORS], more[ROWS * 3 * ANCHORS], proto[ROWS * SIDE * SIDE];
};

/* Of boxes within an image of 4 SIDE pixels, some beyond its border. */
static struct detect_whole random_output(struct output *o, bool corners) {
    for (int a = 0; a < ANCHORS; a++) {
        const float x = uniform(0, 4 * SIDE), y = uniform(0, 4 * SIDE), w = uniform(8, 60),
                    h = uniform(8, 60);
        const float rows[] = {corners ? x - w / 2 : x, corners ? y - h / 2 : y, corners ? x + w / 2 : w,
                              corners ? y + h / 2 : h};
        for (int k = 0; k < 4; k++)
            o->y[k * ANCHORS + a] = rows[k];
    }
    for (size_t i = 0; i < sizeof o->more / sizeof *o->more; i++)
        o->more[i] = uniform(-1, 1);
    for (size_t i = 0; i < sizeof o->proto / sizeof *o->proto; i++)
        o->proto[i] = uniform(-1, 1);
    return (struct detect_whole){{o->y, CLASSES, ANCHORS, corners}, o->more, o->proto};
}

/* A little off. */
static struct detect_whole nearby(const struct output *of, struct output *o, bool corners) {
    *o = *of;
    for (int i = 0; i < 4 * ANCHORS; i++)
        o->y[i] += uniform(-3, 3);
    for (size_t i = 0; i < sizeof o->more / sizeof *o->more; i++)
        o->more[i] += uniform(-0.3f, 0.3f);
    for (size_t i = 0; i < sizeof o->proto / sizeof *o->proto; i++)
        o->proto[i] += uniform(-0.3f, 0.3f);
    return (struct detect_whole){{o->y, CLASSES, ANCHORS, corners}, o->more, o->proto};
}

static void sides_of(const struct detect_whole *w, int a, double c[4]) {
    const float *y = w->boxes.y;
    for (int k = 0; k < 2; k++) {
        const double p = y[k * ANCHORS + a], q = y[(2 + k) * ANCHORS + a];
        c[k] = w->boxes.corners ? p : p - q / 2;
        c[2 + k] = w->boxes.corners ? q : p + q / 2;
    }
}

static bool in_mask(const struct detect_whole *w, int a, int x, int y) {
    double c[4], sum = 0;
    sides_of(w, a, c);
    for (int k = 0; k < ROWS; k++)
        sum += (double)w->more[k * ANCHORS + a] * w->proto[(k * SIDE + y) * SIDE + x];
    return x >= c[0] / 4 && x < c[2] / 4 && y >= c[1] / 4 && y < c[3] / 4 && sum > 0;
}

static double slow_masks(const struct detect_whole *p, const struct detect_whole *q) {
    double loss = 0;
    for (int a = 0; a < ANCHORS; a++) {
        int both = 0, any = 0;
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                both += in_mask(p, a, x, y) && in_mask(q, a, x, y);
                any += in_mask(p, a, x, y) || in_mask(q, a, x, y);
            }
        loss += any ? 1 - (double)both / any : 0;
    }
    return loss;
}

static double slow_points(const struct detect_whole *p, const struct detect_whole *q, int dims) {
    double loss = 0;
    for (int a = 0; a < ANCHORS; a++)
        for (int k = 0; k < ROWS; k++) {
            double c[4], d[2];
            sides_of(p, a, c);
            for (int i = 0; i < 2; i++)
                d[i] = (double)p->more[(k * dims + i) * ANCHORS + a] - q->more[(k * dims + i) * ANCHORS + a];
            loss += sqrt(d[0] * d[0] + d[1] * d[1]) / ROWS / sqrt((c[2] - c[0]) * (c[3] - c[1]));
        }
    return loss;
}

static bool in_turned(const struct detect_whole *w, int a, double x, double y) {
    const float *v = w->boxes.y;
    const double t = w->more[a], dx = x - v[a], dy = y - v[ANCHORS + a];
    return fabs(dx * cos(t) + dy * sin(t)) < v[2 * ANCHORS + a] / 2 &&
           fabs(dy * cos(t) - dx * sin(t)) < v[3 * ANCHORS + a] / 2;
}

static double slow_turned(const struct detect_whole *p, const struct detect_whole *q) {
    double loss = 0, step = 0.25;
    for (int a = 0; a < ANCHORS; a++) {
        int both = 0, any = 0;
        for (double y = -60; y < 4 * SIDE + 60; y += step)
            for (double x = -60; x < 4 * SIDE + 60; x += step) {
                both += in_turned(p, a, x, y) && in_turned(q, a, x, y);
                any += in_turned(p, a, x, y) || in_turned(q, a, x, y);
            }
        loss += 1 - (double)both / any;
    }
    return loss;
}

static const size_t all[ANCHORS] = {0, 1, 2, 3, 4, 5, 6};

static void test_masks(bool corners) {
    const struct detect_more about = {DETECT_MASKS, ROWS, 0, SIDE, SIDE, 0.25};
    static struct output a, b;
    const struct detect_whole p = random_output(&a, corners), q = nearby(&a, &b, corners);
    const double got = detect_more_loss(&about, &p, &q, all, ANCHORS), want = slow_masks(&p, &q);
    CHECK(fabs(got - want) < 1e-9 && want > 0.2, "masks%s: %.6g, pixel by pixel %.6g",
          corners ? " in corners" : "", got, want);
    CHECK(detect_more_loss(&about, &p, &p, all, ANCHORS) == 0, "masks that do not differ have no loss");
    memset(a.more, 0, sizeof a.more);
    CHECK(detect_more_loss(&about, &p, &p, all, ANCHORS) == 0, "nor have two empty ones");
    CHECK(detect_more_loss(&about, &p, &q, all, 1) == 1, "one of them empty: all is lost");
}

static void test_points(int dims) {
    const struct detect_more about = {DETECT_POINTS, ROWS * dims, dims, 0, 0, 0};
    static struct output a, b;
    const struct detect_whole p = random_output(&a, true), q = nearby(&a, &b, true);
    const double got = detect_more_loss(&about, &p, &q, all, ANCHORS), want = slow_points(&p, &q, dims);
    CHECK(fabs(got / want - 1) < 1e-9, "points of %d numbers: %.6g, one by one %.6g", dims, got, want);
}

static void test_angles(void) {
    const struct detect_more about = {DETECT_ANGLES, 1, 0, 0, 0, 0};
    static struct output a, b;
    const struct detect_whole p = random_output(&a, false), q = nearby(&a, &b, false),
                              other = random_output(&b, false);
    const double far = detect_more_loss(&about, &p, &other, all, ANCHORS), far_slow = slow_turned(&p, &other);
    CHECK(fabs(far - far_slow) < 0.02 * ANCHORS / 10, "turned boxes anywhere: %.5g, by counting %.5g", far,
          far_slow);
    nearby(&a, &b, false);
    const double near = detect_more_loss(&about, &p, &q, all, ANCHORS), near_slow = slow_turned(&p, &q);
    CHECK(fabs(near - near_slow) < 0.02 * ANCHORS / 10 && near > 0.5,
          "turned boxes a little off: %.5g, by counting %.5g", near, near_slow);
    CHECK(fabs(detect_more_loss(&about, &p, &p, all, ANCHORS)) < 1e-9,
          "turned boxes that do not differ have no loss");
    for (int i = 0; i < ANCHORS; i++)
        b.y[i] = a.y[i] + 1000;
    CHECK(detect_more_loss(&about, &p, &q, all, ANCHORS) == ANCHORS, "turned boxes apart: all is lost");
}

int main(void) {
    for (int corners = 0; corners < 2; corners++)
        test_masks(corners);
    for (int dims = 2; dims <= 3; dims++)
        test_points(dims);
    test_angles();
    return test_end();
}
