/* A JPEG or PNG file, from its first byte to the letterboxed square; a PNG file also with the checksums of
 * its chunks put right, behind which most of libpng lies. */
#include "fuzz/fuzz.h"

#include "image/letterbox.h"
#include "pt/builder.h"

static void decode(const uint8_t *data, size_t n) {
    enum { SIZE = 64 };
    static uint8_t square[3 * SIZE * SIZE];
    struct image im;
    struct err err = {0};
    int ret = image_decode(data, n, &im, &err);
    fuzz_judge(ret, &err);
    if (!ret)
        fuzz_judge(letterbox(&im, SIZE, square, &err), &err);
    image_clear(&im);
}

static size_t big_endian(const uint8_t *p) {
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    decode(data, n);
    if (n < 8 || memcmp(data, "\x89PNG", 4) != 0)
        return 0;
    uint8_t *copy = malloc(n);
    if (!copy)
        abort();
    memcpy(copy, data, n);
    for (size_t at = 8, length; at + 12 <= n && (length = big_endian(copy + at)) <= n - at - 12;
         at += length + 12) {
        uint32_t crc = crc32_of(copy + at + 4, length + 4);
        for (int i = 0; i < 4; i++)
            copy[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
    }
    decode(copy, n);
    free(copy);
    return 0;
}
