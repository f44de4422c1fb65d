#include "image/npy.h"
#include "base/outfile.h"
#include "image/calib.h"

#include <stdlib.h>
#include <string.h>

struct npy_writer {
    struct outfile *out;
    int count, next;
    size_t values; /* of one image */
    float *row;
};

/* The magic, the version, the header's length, and a dictionary padded with spaces so that the data start at
 * a multiple of 64 and a newline ends the header. */
static int put_header(struct npy_writer *w, int size, struct err *err) {
    char header[128];
    int n =
        snprintf(header, sizeof header,
                 "\x93NUMPY\x01%c\x76%c{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 3, %d, %d), }",
                 0, 0, w->count, size, size);
    memset(header + n, ' ', sizeof header - (size_t)n);
    header[sizeof header - 1] = '\n';
    return outfile_add(w->out, header, sizeof header, err);
}

int npy_create(const char *path, int count, int size, struct npy_writer **writer, struct err *err) {
    *writer = NULL;
    struct npy_writer *w = calloc(1, sizeof *w);
    if (!w || !(w->row = malloc(calib_image_bytes(size) * sizeof *w->row))) {
        err_nomem(err);
        goto fail;
    }
    w->count = count;
    w->values = calib_image_bytes(size);
    if (outfile_open(&w->out, path, err) || put_header(w, size, err))
        goto fail;
    *writer = w;
    return 0;
fail:
    npy_abandon(&w);
    return -1;
}

int npy_put(struct npy_writer *w, const uint8_t *image, struct err *err) {
    if (w->next == w->count)
        return err_set(err, ERR_FAILED, "%s: more than the promised %d images", outfile_shown(w->out),
                       w->count);
    calib_to_float(image, w->values, w->row);
    if (outfile_add(w->out, w->row, w->values * sizeof *w->row, err))
        return -1;
    w->next++;
    return 0;
}

int npy_finish(struct npy_writer **writer, struct err *err) {
    struct npy_writer *w = *writer;
    int ret = -1;
    if (w->next < w->count)
        err_set(err, ERR_FAILED, "%s: %d of the promised %d images", outfile_shown(w->out), w->next,
                w->count);
    else
        ret = outfile_commit(&w->out, err);
    npy_abandon(writer);
    return ret;
}

void npy_abandon(struct npy_writer **writer) {
    struct npy_writer *w = *writer;
    if (!w)
        return;
    outfile_discard(&w->out);
    free(w->row);
    free(w);
    *writer = NULL;
}
