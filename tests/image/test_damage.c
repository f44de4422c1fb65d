#define _GNU_SOURCE
/* Damaged, hostile and wrong files: each ends in one line that says what is wrong, and none costs memory or
 * time that its own length does not justify. */
#include "image/image.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <unistd.h>

#include <jpeglib.h>

struct bytes {
    uint8_t *p;
    size_t n;
};

static struct bytes load(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "tests/image/fixtures/%s", name);
    struct bytes b = {malloc(1 << 16), 0};
    FILE *f = fopen(path, "rb");
    if (f) {
        b.n = fread(b.p, 1, 1 << 16, f);
        fclose(f);
    }
    CHECK(b.n > 0, "%s is there", name);
    return b;
}

/* Decodes a copy of exactly n bytes, so that a sanitizer sees a read past them. */
static int decode(const uint8_t *p, size_t n, struct err *err) {
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, p, n);
    struct image im;
    *err = (struct err){0};
    int ret = image_decode(copy, n, &im, err);
    bool consistent = (ret == 0) == (im.rgb != NULL) && (ret == 0) == (err->msg[0] == '\0');
    if (!consistent)
        CHECK(consistent, "result, picture and message agree: %d, %p, \"%s\"", ret, (void *)im.rgb, err->msg);
    image_clear(&im);
    free(copy);
    return ret;
}

static void check_message(const uint8_t *p, size_t n, const char *want) {
    struct err err;
    CHECK(decode(p, n, &err) == -1, "refused: %s", want);
    CHECK_STR(err.msg, want, "its message");
}

/* A cut file is refused, but for a JPEG file that lacks its end marker alone: that has the same pixels. */
static void check_cut(const char *name) {
    struct bytes b = load(name);
    const bool tells = strstr(name, ".jpg") != NULL;
    struct err err = {0};
    struct image whole;
    size_t accepted = 0;
    for (size_t n = 0; n < b.n; n++)
        accepted += decode(b.p, n, &err) == 0;
    CHECK(accepted == (tells ? 2 : 0), "%s cut at each of %zu places: %zu accepted", name, b.n, accepted);
    err = (struct err){0};
    CHECK(image_decode(b.p, b.n, &whole, &err) == 0 && !whole.warning, "%s whole is accepted", name);
    for (size_t n = b.n - 2; tells && n < b.n; n++) {
        struct image im;
        CHECK(image_decode(b.p, n, &im, &err) == 0 && im.warning &&
                  memcmp(im.rgb, whole.rgb, (size_t)im.width * (size_t)im.height * 3) == 0,
              "%s without %zu bytes of its end marker: the same pixels, and a warning", name, b.n - n);
        image_clear(&im);
    }
    image_clear(&whole);
    free(b.p);
}

/* A file of libjpeg's with a scan for each component, or arithmetic coding, cut everywhere. The end of a scan is not that
 * of the picture, and the latter's codes end in zeros that are not there. */
static void check_forms(void) {
    static const jpeg_scan_info scans[] = {
        {1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    for (int arithmetic = 0; arithmetic < 2; arithmetic++) {
        struct jpeg_compress_struct c = {0};
        struct jpeg_error_mgr errors;
        unsigned char *bytes = NULL;
        unsigned long size = 0;
        uint8_t row[20 * 3], *rows = row;
        struct err err;
        c.err = jpeg_std_error(&errors);
        jpeg_create_compress(&c);
        jpeg_mem_dest(&c, &bytes, &size);
        c.image_width = c.image_height = 20;
        c.input_components = 3;
        c.in_color_space = JCS_RGB;
        jpeg_set_defaults(&c);
        c.arith_code = arithmetic;
        c.scan_info = arithmetic ? NULL : scans;
        c.num_scans = arithmetic ? 0 : 3;
        jpeg_start_compress(&c, TRUE);
        for (int y = 0; y < 20; y++) {
            for (int i = 0; i < 60; i++)
                row[i] = (uint8_t)(i * i + 40 * y);
            jpeg_write_scanlines(&c, &rows, 1);
        }
        jpeg_finish_compress(&c);
        jpeg_destroy_compress(&c);
        unsigned long accepted = 0, n;
        for (n = 0; n < size; n++)
            accepted += decode(bytes, n, &err) == 0;
        CHECK(decode(bytes, size, &err) == 0 && accepted == (arithmetic ? 0 : 2),
              "%s: %lu of %lu cuts are read", arithmetic ? "arithmetic coding" : "a scan for each component",
              accepted, size);
        free(bytes);
    }
}

/* What other files are called. */
static void check_names(void) {
    static const struct {
        const char *bytes, *what;
        size_t n;
    } files[] = {{"RIFF\0\1\0\0WEBPVP8 ", "a WebP picture", 16},
                 {"BM\0\1\0\0\0\0\0\0", "a BMP picture", 10},
                 {"II*\0", "a TIFF picture", 4},
                 {"GIF89a", "a GIF picture", 6},
                 {"\0\0\0\x1c"
                  "ftypavif",
                  "an AVIF picture", 12},
                 {"\0\0\0\x1c"
                  "ftypheic",
                  "a HEIC picture", 12}};
    struct err err;
    char want[128];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(want, sizeof want, "%s, neither a JPEG nor a PNG file; convert it to one of these",
                 files[i].what);
        check_message((const uint8_t *)files[i].bytes, files[i].n, want);
        decode((const uint8_t *)files[i].bytes, files[i].n - 1, &err);
    }
    check_message(
        (const uint8_t *)"\n<html>", 7,
        "an HTML page, neither a JPEG nor a PNG file; download the file itself, not the page about it");
}

/* Any single wrong byte gives a picture or a message; the sanitizers watch. */
static void check_flips(const char *name) {
    struct bytes b = load(name);
    struct err err;
    size_t refused = 0, tried = 0;
    for (size_t i = 0; i < b.n; i++)
        for (int bit = 0; bit < 8; bit += 3, tried++) {
            b.p[i] ^= (uint8_t)(1 << bit);
            refused += decode(b.p, b.n, &err) != 0;
            b.p[i] ^= (uint8_t)(1 << bit);
        }
    CHECK(refused > tried / 20, "%s with a flipped bit: %zu of %zu refused", name, refused, tried);
    free(b.p);
}

/* Where the frame header's length field stands. */
static size_t frame(const struct bytes *b) {
    for (size_t i = 2; i + 9 < b->n; i += 2 + (size_t)(b->p[i + 2] << 8 | b->p[i + 3]))
        if (b->p[i + 1] >= 0xc0 && b->p[i + 1] <= 0xc2)
            return i + 2;
    return 0;
}

static void check_jpeg_dimensions(void) {
    struct bytes b = load("rgb-420.jpg");
    uint8_t *size = b.p + frame(&b) + 3; /* height, width */
    char want[128];
    memcpy(size, "\xff\xff\xff\xff", 4);
    check_message(b.p, b.n, "damaged JPEG: Maximum supported image dimension is 65500 pixels");
    memcpy(size, "\xff\x00\xff\x00", 4);
    check_message(b.p, b.n, "65280x65280: more than 268435456 pixels are not read");
    memcpy(size, "\x3e\x80\x3e\x80", 4);
    snprintf(want, sizeof want, "damaged JPEG: 16000x16000 pixels in %zu bytes", b.n);
    check_message(b.p, b.n, want);
    memcpy(size, "\x00\x17\x00\x00", 4);
    check_message(b.p, b.n, "damaged JPEG: Empty JPEG image (DNL not supported)");
    free(b.p);
}

/* A progressive file may repeat a scan, and each repetition costs a pass over the picture. */
static void check_scans(void) {
    struct bytes b = load("grey-progressive.jpg");
    size_t scan = 2, next;
    while (b.p[scan + 1] != 0xda)
        scan += 2 + (size_t)(b.p[scan + 2] << 8 | b.p[scan + 3]);
    b.p[scan + 2 + 7] = 0; /* all bits of the values at once: then the scan may come again */
    for (next = scan + 2; !(b.p[next] == 0xff && b.p[next + 1] != 0); next++)
        ;
    const size_t length = next - scan, times = 1100;
    uint8_t *many = malloc(scan + times * length + 2);
    struct err err;
    for (size_t n = 3; n <= times; n += times - 3) {
        memcpy(many, b.p, scan);
        for (size_t i = 0; i < n; i++)
            memcpy(many + scan + i * length, b.p + scan, length);
        memcpy(many + scan + n * length, "\xff\xd9", 2);
        int ret = decode(many, scan + n * length + 2, &err);
        CHECK(ret == (n == 3 ? 0 : -1), "%zu scans are %s %s", n, n == 3 ? "read" : "refused:", err.msg);
    }
    free(many);
    free(b.p);
}

static uint32_t crc(const uint8_t *p, size_t n) {
    uint32_t c = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
    }
    return ~c;
}

static void put_be(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void check_png_dimensions(void) {
    struct bytes b = load("rgb-8.png");
    char want[128];
    uint8_t *header = b.p + 12; /* "IHDR" and its 13 bytes */
    put_be(header + 4, 0x7fffffff), put_be(header + 8, 0x7fffffff), put_be(header + 17, crc(header, 17));
    check_message(b.p, b.n, "2147483647x2147483647: more than 268435456 pixels are not read");
    put_be(header + 4, 100000), put_be(header + 8, 2000), put_be(header + 17, crc(header, 17));
    snprintf(want, sizeof want, "damaged PNG: 100000x2000 pixels in %zu bytes", b.n);
    check_message(b.p, b.n, want);
    put_be(header + 4, 19), put_be(header + 8, 12), put_be(header + 17, crc(header, 17));
    check_message(b.p, b.n, "damaged PNG: Not enough image data");
    header[17] ^= 1;
    check_message(b.p, b.n, "damaged PNG: IHDR: CRC error");
    free(b.p);
}

/* The most address space that this process ever had, KiB. */
static long peak(void) {
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "VmPeak: %ld", &kib);
    if (f)
        fclose(f);
    return kib;
}

/* A chunk that says it has 1.5 GB, for which libpng would take memory before it looks for them. */
static void check_png_chunk(void) {
    struct bytes b = load("exif-6.png");
    put_be(b.p + 8 + 25, 0x5d00fe19); /* the length of the chunk after IHDR */
    long before = peak();
    check_message(b.p, b.n, "damaged PNG: the file ends too early");
    CHECK(before && peak() - before < 1 << 18, "it took %ld KiB", peak() - before);
    free(b.p);
}

static void check_file(const char *path, const char *want) {
    struct image im;
    struct err err = {0};
    char message[1024];
    snprintf(message, sizeof message, "%s: %s", path, want);
    CHECK(image_read(path, NULL, &im, &err) == -1 && !im.rgb, "%s is refused", path);
    CHECK_STR(err.msg, message, "its message");
}

static void check_files(void) {
    char folder[] = "/tmp/test_damage.XXXXXX", path[64];
    if (!mkdtemp(folder)) {
        CHECK(false, "a temporary folder");
        return;
    }
    snprintf(path, sizeof path, "%s/text.jpg", folder);
    check_file(path, "No such file or directory");
    FILE *f = fopen(path, "wb");
    fputs("this is no picture\n", f);
    fclose(f);
    check_file(path, "neither a JPEG nor a PNG file; convert it to one of these");
    f = fopen(path, "wb");
    fclose(f);
    check_file(path, "the file is empty");
    unlink(path);
    check_file(folder, "cannot read: Is a directory");
    rmdir(folder);
}

int main(void) {
    const char *const cut[] = {"rgb-420.jpg",      "rgb-444.jpg",          "progressive.jpg",
                               "grey.jpg",         "restarts.jpg",         "cmyk.jpg",
                               "ycck.jpg",         "size-1x1.jpg",         "rgb-8.png",
                               "palette-trns.png", "rgb-8-interlaced.png", "grey-16.png"};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++)
        check_cut(cut[i]);
    check_forms();
    check_names();
    const char *const flip[] = {"exif-be-6.jpg", "progressive.jpg", "cmyk.jpg",
                                "restarts.jpg",  "exif-6.png",      "palette-4-interlaced.png"};
    for (size_t i = 0; i < sizeof flip / sizeof *flip; i++)
        check_flips(flip[i]);
    check_jpeg_dimensions();
    check_scans();
    check_png_dimensions();
    check_png_chunk();
    check_files();
    struct image im;
    struct err err = {0};
    CHECK(image_alloc(&im, 1 << 14, 1 << 14, &err) == 0, "the largest image can be had %s", err.msg);
    image_clear(&im);
    CHECK(image_alloc(&im, (1 << 14) + 1, 1 << 14, &err) == -1, "one row more is refused: %s", err.msg);
    CHECK(image_alloc(&im, INT64_C(1) << 40, INT64_C(1) << 40, &err) == -1, "no overflow: %s", err.msg);
    CHECK(image_alloc(&im, 0, 5, &err) == -1, "no pixels: %s", err.msg);
    return test_end();
}
