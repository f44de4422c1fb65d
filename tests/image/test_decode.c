/* Decoding and letterbox against OpenCV: of the calibration images, at three sizes, and of one small file for
 * each kind of JPEG and PNG (make_fixtures.py made these and expected.json). */
#include "base/digest.h"
#include "base/json.h"
#include "image/image.h"
#include "image/letterbox.h"
#include "test.h"

#include <stdlib.h>

static void check_letterbox(const struct image *im, const char *name, int size, const char *want) {
    struct err err = {0};
    char got[DIGEST_HEX] = "";
    const size_t n = (size_t)size * (size_t)size * 3;
    uint8_t *chw = malloc(n);
    if (letterbox(im, size, chw, &err) == 0)
        digest_bytes(chw, n, got);
    CHECK(strcmp(got, want) == 0, "%s letterboxed to %d %s", name, size, err.msg);
    free(chw);
}

static int decode(const char *folder, const cJSON *e, struct image *im) {
    struct err err = {0};
    char path[512], got[DIGEST_HEX] = "";
    snprintf(path, sizeof path, "%s/%s", folder, e->string);
    if (image_read(path, NULL, im, &err) == 0)
        digest_bytes(im->rgb, (size_t)im->width * (size_t)im->height * 3, got);
    const char *want = cJSON_GetStringValue(cJSON_GetObjectItem(e, "decoded_rgb_sha256"));
    bool same = want && strcmp(got, want) == 0 &&
                im->width == cJSON_GetNumberValue(cJSON_GetObjectItem(e, "width")) &&
                im->height == cJSON_GetNumberValue(cJSON_GetObjectItem(e, "height"));
    CHECK(same, "%s decoded %s", e->string, err.msg);
    return im->rgb ? 0 : -1;
}

static void check_fixtures(void) {
    struct err err = {0};
    cJSON *all = NULL;
    CHECK(json_read("tests/image/expected.json", &all, &err) == 0, "expected.json is there %s", err.msg);
    const cJSON *e, *box;
    cJSON_ArrayForEach(e, all) {
        struct image im = {0};
        if (decode("tests/image/fixtures", e, &im) == 0)
            cJSON_ArrayForEach(box, cJSON_GetObjectItem(e, "letterbox_chw_u8_sha256"))
                check_letterbox(&im, e->string, atoi(box->string), cJSON_GetStringValue(box));
        image_clear(&im);
    }
    cJSON_Delete(all);
}

static void check_photographs(int size) {
    struct err err = {0};
    char path[64];
    cJSON *all = NULL;
    snprintf(path, sizeof path, "tests/image/letterbox-%d.json", size);
    CHECK(json_read(path, &all, &err) == 0 && cJSON_GetArraySize(all) == 100, "%s has 100 images %s", path,
          err.msg);
    const cJSON *e;
    cJSON_ArrayForEach(e, all) {
        struct image im = {0};
        if (decode("calib/images", e, &im) == 0)
            check_letterbox(&im, e->string, size,
                            cJSON_GetStringValue(cJSON_GetObjectItem(e, "letterbox_chw_u8_sha256")));
        image_clear(&im);
    }
    cJSON_Delete(all);
}

int main(void) {
    check_fixtures();
    const int sizes[] = {640, 320, 416};
    for (int i = 0; i < 3; i++)
        check_photographs(sizes[i]);

    struct letterbox box;
    struct err err = {0};
    CHECK(letterbox_fit(1, 1281, 640, &box, &err) == -1, "1x1281 at 640 is refused");
    CHECK_STR(err.msg, "1x1281 is too narrow: nothing is left of it at 640x640", "its message");
    CHECK(letterbox_fit(1, 1279, 640, &box, &err) == 0 && box.width == 1, "1x1279 keeps one column");
    CHECK(letterbox_fit(3, 1280, 640, &box, &err) == 0 && box.width == 2,
          "a half rounds to even: 1.5 up to 2");
    CHECK(letterbox_fit(5, 1280, 640, &box, &err) == 0 && box.width == 2, "and 2.5 down to 2");
    return test_end();
}
