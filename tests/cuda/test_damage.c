/* The kernels that compare outputs of the exported head, and find boxes in one, against detect/. */
#include "detect/detect.h"
#include "device_test.h"
#include "exec/cuda/damage.h"

#include <string.h>

enum { IMAGES = 3, ANCHORS = 700, CLASSES = 37, CHANNELS = 4 + CLASSES };

static const float sure = 0.25f, least = 0.001f;

/* Boxes around 100 px, and probabilities of which a share is above `least`; steps > 0: few different ones. */
static float *make_outputs(float share, int steps) {
    float *y = random_floats((size_t)IMAGES * CHANNELS * ANCHORS);
    for (size_t i = 0; i < (size_t)IMAGES * CHANNELS * ANCHORS; i++) {
        float *v = &y[i], p = (*v + 1) / 2;
        if (i / ANCHORS % CHANNELS < 4)
            *v = 100 + 50 * *v;
        else if (uniform() / 2 + 0.5f >= share)
            *v = p * 0.0009f;
        else
            *v = steps ? ceilf(p * (float)steps) / (float)steps : p * p;
    }
    return y;
}

static struct detect_output output_of(const float *y, bool corners, int image) {
    return (struct detect_output){y + (size_t)image * CHANNELS * ANCHORS, CLASSES, ANCHORS, corners};
}

static bool same_boxes(const struct damage_found *got, const float *y, bool corners, int image) {
    struct detect_output out = output_of(y, corners, image);
    struct detect_box want[AP_FOUND_MAX];
    size_t n = detect_find(&out, least, AP_FOUND_MAX, want);
    return (size_t)got->n == n && memcmp(got->boxes, want, n * sizeof *want) == 0;
}

static double off_by(double got, double want) {
    return want > 0 ? fabs(got - want) / want : fabs(got);
}

static void check(const char *what, bool corners, float *p, float *q) {
    struct map truth = map_new(p, IMAGES, CHANNELS, 1, ANCHORS, 2, CHANNELS + 3),
               other = map_new(q, IMAGES, CHANNELS, 1, ANCHORS, 0, CHANNELS);
    struct damage *partial = to_device(NULL, IMAGES * damage_partials(ANCHORS) * sizeof *partial),
                  *out = to_device(NULL, IMAGES * sizeof *out);
    float *most = to_device(NULL, (size_t)IMAGES * ANCHORS * sizeof *most);
    struct damage_found *found = to_device(NULL, IMAGES * sizeof *found);
    damage_compare(NULL, truth.view, other.view, corners, sure, partial, most, out);
    damage_find(NULL, other.view, corners, most, least, found);
    struct damage *got = from_device(out, IMAGES * sizeof *got);
    struct damage_found *boxes = from_device(found, IMAGES * sizeof *boxes);
    double kl = 0, loss = 0;
    bool right = true, finds = true;
    for (int i = 0; i < IMAGES; i++) {
        struct detect_output t = output_of(p, corners, i), o = output_of(q, corners, i);
        size_t anchors[ANCHORS], n = detect_sure(&t, sure, anchors);
        kl = fmax(kl, off_by(got[i].class_kl, detect_class_kl(&t, &o)));
        loss = fmax(loss, off_by(got[i].box_loss, detect_box_loss(&t, &o, anchors, n)));
        right = right && (size_t)got[i].sure == n && got[i].finite == 1;
        finds = finds && same_boxes(&boxes[i], q, corners, i);
    }
    CHECK(kl < 1e-5, "%s: class_kl is off by %.1e", what, kl);
    CHECK(loss < 1e-12, "%s: box_loss is off by %.1e", what, loss);
    CHECK(right, "%s: sure anchors (%d), and all is finite", what, got[0].sure);
    CHECK(finds, "%s: boxes are detect_find's (%d)", what, boxes[0].n);
    damage_compare(NULL, truth.view, truth.view, corners, sure, partial, most, out);
    free(got);
    got = from_device(out, IMAGES * sizeof *got);
    CHECK(got[0].class_kl == 0 && got[0].box_loss == 0 && got[1].class_kl == 0 && got[1].box_loss == 0,
          "%s: an output is no damage to itself", what);
    free(got);
    free(boxes);
    void *const all[] = {partial, out, most, found};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cudaFree(all[i]);
    map_free(&truth);
    map_free(&other);
}

/* Numbers that are none: in a box, and in a probability, of the second image alone. */
static void test_not_finite(void) {
    for (int row = 0; row < 2; row++) {
        float *y = make_outputs(0.1f, 0);
        y[(CHANNELS + (row ? CHANNELS - 1 : 1)) * ANCHORS + 5] = row ? NAN : INFINITY;
        struct map m = map_new(y, IMAGES, CHANNELS, 1, ANCHORS, 0, CHANNELS);
        struct damage *partial = to_device(NULL, IMAGES * damage_partials(ANCHORS) * sizeof *partial),
                      *out = to_device(NULL, IMAGES * sizeof *out);
        float *most = to_device(NULL, (size_t)IMAGES * ANCHORS * sizeof *most);
        damage_compare(NULL, m.view, m.view, false, sure, partial, most, out);
        struct damage *got = from_device(out, IMAGES * sizeof *got);
        CHECK(got[0].finite == 1 && got[1].finite == 0 && got[2].finite == 1, "%s is seen, in its image",
              row ? "a NaN" : "an infinity");
        free(got);
        cudaFree(partial);
        cudaFree(out);
        cudaFree(most);
        map_free(&m);
    }
}

int main(void) {
    check("corners", true, make_outputs(0.9f, 0), make_outputs(0.9f, 0));
    check("many boxes", false, make_outputs(0.9f, 0), make_outputs(0.9f, 0));
    check("ties", false, make_outputs(0.5f, 4), make_outputs(0.5f, 4));
    check("all alike", false, make_outputs(1, 1), make_outputs(1, 1));
    check("few boxes", false, make_outputs(0.001f, 3), make_outputs(0.001f, 3));
    check("none", false, make_outputs(0, 0), make_outputs(0, 0));
    test_not_finite();
    return test_end();
}
