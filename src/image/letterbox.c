#include "image/letterbox.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ONE = 2048 }; /* of OpenCV's 11-bit weights */

/* An output line (a row or a column) as a blend of two input lines. */
struct blend {
    int near, far;
    int a, b; /* weights of near and far, in 1 / ONE */
};

static int clamp(int k, int s) {
    return k < 0 ? 0 : k < s ? k : s - 1;
}

/* Blends of d outputs from s inputs. horizontal: beyond the border the weight becomes 0, which OpenCV does
 * along rows only. */
static void make_blends(int s, int d, int horizontal, struct blend *out) {
    const double step = 1 / ((double)d / s);
    for (int i = 0; i < d; i++) {
        float f = (float)((i + 0.5) * step - 0.5);
        int k = (int)floorf(f);
        f -= (float)k;
        if (horizontal && (k < 0 || k >= s - 1)) {
            f = 0;
            k = clamp(k, s);
        }
        out[i] = (struct blend){clamp(k, s), clamp(k + 1, s), (int)rintf((1 - f) * ONE), (int)rintf(f * ONE)};
    }
}

/* One input row scaled along x: out is 3 x width, planar, values * ONE >> 4. */
static void scale_row(const uint8_t *row, const struct blend *xs, int width, int *out) {
    for (int x = 0; x < width; x++) {
        const uint8_t *p = row + 3 * (size_t)xs[x].near, *q = row + 3 * (size_t)xs[x].far;
        for (int c = 0; c < 3; c++)
            out[c * width + x] = (p[c] * xs[x].a + q[c] * xs[x].b) >> 4;
    }
}

static int resize(const struct image *im, const struct letterbox *box, int size, uint8_t *out,
                  struct err *err) {
    const int w = box->width, h = box->height;
    int ret = -1;
    struct blend *xs = malloc((size_t)(w + h) * sizeof *xs);
    int *lines = malloc((size_t)w * 6 * sizeof *lines); /* two scaled input rows */
    if (!xs || !lines) {
        err_nomem(err);
        goto out;
    }
    struct blend *ys = xs + w;
    make_blends(im->width, w, 1, xs);
    make_blends(im->height, h, 0, ys);
    int held[2] = {-1, -1}; /* which input row lines[parity] has */
    for (int y = 0; y < h; y++) {
        const int want[2] = {ys[y].near, ys[y].far};
        const int *from[2];
        for (int i = 0; i < 2; i++) {
            int slot = want[i] & 1;
            int *line = lines + (size_t)slot * (size_t)w * 3;
            if (held[slot] != want[i]) {
                scale_row(im->rgb + (size_t)want[i] * (size_t)im->width * 3, xs, w, line);
                held[slot] = want[i];
            }
            from[i] = line;
        }
        for (int c = 0; c < 3; c++) {
            const int *near = from[0] + c * w, *far = from[1] + c * w;
            uint8_t *o = out + ((size_t)c * (size_t)size + (size_t)(box->top + y)) * (size_t)size + box->left;
            for (int x = 0; x < w; x++)
                o[x] = (uint8_t)(((ys[y].a * near[x] >> 16) + (ys[y].b * far[x] >> 16) + 2) >> 2);
        }
    }
    ret = 0;
out:
    free(xs);
    free(lines);
    return ret;
}

static void place(const struct image *im, const struct letterbox *box, int size, uint8_t *out) {
    const size_t plane = (size_t)size * (size_t)size;
    const uint8_t *in = im->rgb;
    for (int y = 0; y < im->height; y++) {
        uint8_t *o = out + (size_t)(box->top + y) * (size_t)size + box->left;
        for (int x = 0; x < im->width; x++, in += 3) {
            o[x] = in[0];
            o[plane + x] = in[1];
            o[2 * plane + x] = in[2];
        }
    }
}

int letterbox_fit(int width, int height, int size, struct letterbox *box, struct err *err) {
    const double scale = fmin((double)size / width, (double)size / height);
    box->width = (int)rint(width * scale);
    box->height = (int)rint(height * scale);
    if (box->width < 1 || box->height < 1)
        return err_set(err, ERR_FAILED, "%dx%d is too narrow: nothing is left of it at %dx%d", width, height,
                       size, size);
    box->left = (size - box->width) / 2;
    box->top = (size - box->height) / 2;
    return 0;
}

int letterbox(const struct image *im, int size, uint8_t *out, struct err *err) {
    struct letterbox box;
    if (letterbox_fit(im->width, im->height, size, &box, err))
        return -1;
    memset(out, LETTERBOX_PAD, (size_t)size * (size_t)size * 3);
    if (box.width == im->width && box.height == im->height) {
        place(im, &box, size, out);
        return 0;
    }
    return resize(im, &box, size, out, err);
}
