#include "image/jpeg.h"
#include "image/exif.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

enum {
    EXIF_HEADER = 6, /* "Exif\0\0", before the TIFF header */
    SCANS_MAX =
        1000, /* of a progressive file; honest ones have about ten, and each costs a pass over the picture */
};

/* A Huffman coded file spends at least one bit on each block of 64 samples, and its finest component has, at
 * the least, a quarter as many samples as the picture: no file holds more pixels a byte than this. */
static const int64_t pixels_per_byte = 8 * 64 * 4;

struct decoder {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    struct err *err;
    int orientation;
    bool ended; /* the file ended without the end marker, which libjpeg has added */
    int ret;    /* here, not on the stack: setjmp keeps no locals */
};

static void fail(j_common_ptr cinfo) {
    struct decoder *d = cinfo->client_data;
    char text[JMSG_LENGTH_MAX];
    if (d->ended)
        cinfo->err->msg_code = JWRN_JPEG_EOF;
    cinfo->err->format_message(cinfo, text);
    err_set(d->err, ERR_FAILED, "damaged JPEG: %s", text);
    longjmp(d->jump, 1);
}

/* level < 0 is a warning. */
static void on_message(j_common_ptr cinfo, int level) {
    if (level >= 0)
        return;
    switch (cinfo->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA: /* these leave the picture whole */
    case JWRN_JFIF_MAJOR:
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_ICC:
        return;
    case JWRN_JPEG_EOF: /* whether the picture is whole will be seen */
        ((struct decoder *)cinfo->client_data)->ended = true;
        return;
    default:
        fail(cinfo);
    }
}

static void on_progress(j_common_ptr cinfo) {
    struct decoder *d = cinfo->client_data;
    if (d->cinfo.input_scan_number > SCANS_MAX) {
        err_set(d->err, ERR_FAILED, "damaged JPEG: more than %d scans", SCANS_MAX);
        longjmp(d->jump, 1);
    }
}

/* APP1 also carries XMP, and may be there several times. */
static int orientation_of(const struct jpeg_decompress_struct *cinfo) {
    int orientation = 0;
    for (const struct jpeg_marker_struct *m = cinfo->marker_list; m && !orientation; m = m->next)
        if (m->data_length > EXIF_HEADER && memcmp(m->data, "Exif\0", EXIF_HEADER) == 0)
            orientation = exif_orientation(m->data + EXIF_HEADER, m->data_length - EXIF_HEADER);
    return orientation;
}

/* Whether all that the picture has came before the file's end. Within a scan libjpeg warns of what is missing; scans that
 * are missing altogether show in the coefficients that have not all bits, or in a component that had none. Arithmetic
 * coding does not tell. */
static bool is_whole(const struct jpeg_decompress_struct *cinfo) {
    if (cinfo->arith_code)
        return false;
    for (int c = 0; c < cinfo->num_components; c++) {
        if (!cinfo->comp_info[c].quant_table)
            return false;
        for (int k = 0; cinfo->coef_bits && k < DCTSIZE2; k++)
            if (cinfo->coef_bits[c][k])
                return false;
    }
    return true;
}

static void inverted_cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, int width) {
    for (int x = 0; x < width; x++, cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)(cmyk[3] - ((255 - cmyk[c]) * cmyk[3] >> 8));
}

/* From the header to the last row; leaves through d->jump on libjpeg's errors. */
static int decode(struct decoder *d, const uint8_t *bytes, size_t n, struct image *im) {
    struct jpeg_decompress_struct *cinfo = &d->cinfo;
    jpeg_create_decompress(cinfo);
    cinfo->progress = &d->progress;
    jpeg_mem_src(cinfo, bytes, n);
    jpeg_save_markers(cinfo, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(cinfo, TRUE);
    d->orientation = orientation_of(cinfo);

    const int64_t pixels = (int64_t)cinfo->image_width * cinfo->image_height;
    if (!cinfo->arith_code && pixels > (int64_t)n * pixels_per_byte && pixels <= IMAGE_PIXELS_MAX)
        return err_set(d->err, ERR_FAILED, "damaged JPEG: %ux%u pixels in %zu bytes", cinfo->image_width,
                       cinfo->image_height, n);
    if (image_alloc(im, cinfo->image_width, cinfo->image_height, d->err))
        return -1;

    const bool cmyk = cinfo->num_components == 4;
    cinfo->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(cinfo);
    JSAMPARRAY row = cinfo->mem->alloc_sarray((j_common_ptr)cinfo, JPOOL_IMAGE, cinfo->image_width * 4, 1);
    while (cinfo->output_scanline < cinfo->output_height) {
        uint8_t *out = im->rgb + (size_t)cinfo->output_scanline * (size_t)im->width * 3;
        jpeg_read_scanlines(cinfo, cmyk ? row : (JSAMPARRAY){&out}, 1);
        if (cmyk)
            inverted_cmyk_to_rgb(row[0], out, im->width);
    }
    const bool whole = is_whole(cinfo);
    jpeg_finish_decompress(cinfo);
    if (d->ended && !whole)
        fail((j_common_ptr)cinfo);
    return 0;
}

int jpeg_decode(const uint8_t *bytes, size_t n, struct image *im, struct err *err) {
    *im = (struct image){0};
    struct decoder *d = calloc(1, sizeof *d);
    if (!d)
        return err_nomem(err);
    d->err = err;
    d->ret = -1;
    d->cinfo.err = jpeg_std_error(&d->errors);
    d->errors.error_exit = fail;
    d->errors.emit_message = on_message;
    d->progress.progress_monitor = on_progress;
    d->cinfo.client_data = d;
    if (setjmp(d->jump))
        goto out;
    if (decode(d, bytes, n, im) || image_orient(im, d->orientation, err))
        goto out;
    im->warning = d->ended ? "the JPEG file's end marker is missing; all pixels are there" : NULL;
    d->ret = 0;
out:
    jpeg_destroy_decompress(&d->cinfo);
    const int ret = d->ret;
    free(d);
    if (ret)
        image_clear(im);
    return ret;
}
