/* COCO's average precision against pycocotools' own numbers (ap.json, which coco.py makes). */
#include "detect/ap.h"
#include "test.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

static double at(const cJSON *array, int i) {
    return cJSON_GetArrayItem(array, i)->valuedouble;
}

/* Boxes of [x, y, w, h, score, class], or of [x, y, w, h, class]. */
static struct detect_box *boxes_of(const cJSON *array, size_t *n) {
    *n = (size_t)cJSON_GetArraySize(array);
    struct detect_box *boxes = calloc(*n + 1, sizeof *boxes);
    size_t i = 0;
    for (const cJSON *b = array->child; b; b = b->next, i++) {
        int last = cJSON_GetArraySize(b) - 1;
        boxes[i] = (struct detect_box){
            at(b, 0), at(b, 1), at(b, 2), at(b, 3), last == 5 ? (float)at(b, 4) : 0, (int)at(b, last)};
    }
    return boxes;
}

static void check_case(const cJSON *c, int number) {
    const cJSON *all = cJSON_GetObjectItem(c, "images");
    size_t n = (size_t)cJSON_GetArraySize(all), i = 0;
    struct ap_image *images = calloc(n, sizeof *images);
    struct ap_result got;
    struct err err = {0};
    char what[64];
    for (const cJSON *image = all->child; image; image = image->next, i++) {
        images[i].found = boxes_of(cJSON_GetObjectItem(image, "found"), &images[i].n_found);
        images[i].truth = boxes_of(cJSON_GetObjectItem(image, "truth"), &images[i].n_truth);
    }
    int ret = ap_measure(images, n, (int)cJSON_GetObjectItem(c, "classes")->valuedouble, &got, &err);
    CHECK(ret == 0 && got.defined, "case %d is measured: %s", number, err.msg);
    snprintf(what, sizeof what, "case %d: AP", number);
    CHECK_CLOSE(got.ap, cJSON_GetObjectItem(c, "ap")->valuedouble, 1e-6, what);
    snprintf(what, sizeof what, "case %d: AP50", number);
    CHECK_CLOSE(got.ap50, cJSON_GetObjectItem(c, "ap50")->valuedouble, 1e-6, what);
    for (i = 0; i < n; i++) {
        free((void *)images[i].found);
        free((void *)images[i].truth);
    }
    free(images);
}

int main(void) {
    static char text[1 << 20];
    FILE *f = fopen("tests/detect/ap.json", "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    cJSON *cases = n ? cJSON_Parse(text) : NULL;
    CHECK(cases, "tests/detect/ap.json can be read");
    int number = 1;
    for (const cJSON *c = cases ? cases->child : NULL; c; c = c->next)
        check_case(c, number++);
    cJSON_Delete(cases);
    if (f)
        fclose(f);

    struct detect_box one = {10, 10, 20, 20, 0.9F, 0};
    struct ap_image exact = {&one, 1, &one, 1}, none = {NULL, 0, &one, 1}, empty = {&one, 1, NULL, 0};
    struct ap_result got;
    CHECK(ap_measure(&exact, 1, 1, &got, NULL) == 0 && got.defined && fabs(got.ap - 1) < 1e-12,
          "the true boxes themselves have AP 1");
    CHECK(ap_measure(&none, 1, 1, &got, NULL) == 0 && got.defined && got.ap == 0, "nothing found is AP 0");
    CHECK(ap_measure(&empty, 1, 1, &got, NULL) == 0 && !got.defined, "without a true box there is no AP");
    return test_end();
}
