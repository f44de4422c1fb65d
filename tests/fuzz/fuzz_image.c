/* A JPEG or PNG file, from its first byte to the letterboxed square. */
#include "fuzz/fuzz.h"

#include "image/letterbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    enum { SIZE = 64 };
    static uint8_t square[3 * SIZE * SIZE];
    struct image im;
    struct err err = {0};
    int ret = image_decode(data, n, &im, &err);
    fuzz_judge(ret, &err);
    if (!ret)
        fuzz_judge(letterbox(&im, SIZE, square, &err), &err);
    image_clear(&im);
    return 0;
}
