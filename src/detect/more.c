#include "detect/more.h"

#include <math.h>
#include <string.h>

/* Left, top, right and bottom of an anchor's box, as if it stood upright. */
static void corners_of(const struct detect_output *out, size_t anchor, double c[4]) {
    double v[4];
    for (size_t k = 0; k < 4; k++)
        v[k] = out->y[k * out->anchors + anchor];
    for (int k = 0; k < 2; k++) {
        c[k] = out->corners ? v[k] : v[k] - v[2 + k] / 2;
        c[2 + k] = out->corners ? v[2 + k] : v[k] + v[2 + k] / 2;
    }
}

static float more_of(const struct detect_whole *w, int row, size_t anchor) {
    return w->more[(size_t)row * w->boxes.anchors + anchor];
}

/* ---- masks ---- */

/* Pixels of the prototypes that lie in a box: x from [0] to below [1], y from [2] to below [3]. */
static void crop(const struct detect_more *about, const struct detect_whole *w, size_t anchor, int in[4]) {
    const int sides[2] = {about->proto_w, about->proto_h};
    double c[4];
    corners_of(&w->boxes, anchor, c);
    for (int k = 0; k < 2; k++) {
        in[2 * k] = (int)fmin(fmax(ceil(c[k] * about->proto_per_pixel), 0), sides[k]);
        in[2 * k + 1] = (int)fmin(fmax(ceil(c[2 + k] * about->proto_per_pixel), in[2 * k]), sides[k]);
    }
}

enum { ROW_MAX = 2048 }; /* pixels of a mask's row at once */

/* Which of n pixels from x on in row y are in the mask. */
static void fill_mask(const struct detect_more *about, const struct detect_whole *w, size_t anchor,
                      const int in[4], int y, int x, int n, bool mask[ROW_MAX]) {
    const size_t plane = (size_t)about->proto_w * (size_t)about->proto_h;
    float sum[ROW_MAX] = {0};
    memset(mask, 0, (size_t)n * sizeof *mask);
    const int from = in[0] > x ? in[0] - x : 0, to = in[1] < x + n ? in[1] - x : n;
    if (y < in[2] || y >= in[3] || from >= to)
        return;
    for (int k = 0; k < about->rows; k++) {
        const float c = more_of(w, k, anchor),
                    *p = w->proto + (size_t)k * plane + (size_t)y * (size_t)about->proto_w + (size_t)x;
        for (int i = from; i < to; i++)
            sum[i] += c * p[i];
    }
    for (int i = from; i < to; i++)
        mask[i] = sum[i] > 0;
}

static double mask_loss(const struct detect_more *about, const struct detect_whole *a,
                        const struct detect_whole *b, size_t anchor) {
    int in[4], its[4];
    bool mine[ROW_MAX], other[ROW_MAX];
    size_t both = 0, any = 0;
    crop(about, a, anchor, in);
    crop(about, b, anchor, its);
    const int left = in[0] < its[0] ? in[0] : its[0], right = in[1] > its[1] ? in[1] : its[1];
    const int top = in[2] < its[2] ? in[2] : its[2], bottom = in[3] > its[3] ? in[3] : its[3];
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x += ROW_MAX) {
            const int n = right - x < ROW_MAX ? right - x : ROW_MAX;
            fill_mask(about, a, anchor, in, y, x, n, mine);
            fill_mask(about, b, anchor, its, y, x, n, other);
            for (int i = 0; i < n; i++) {
                both += mine[i] && other[i];
                any += mine[i] || other[i];
            }
        }
    return any ? 1 - (double)both / (double)any : 0;
}

/* ---- points ---- */

static double point_loss(const struct detect_more *about, const struct detect_whole *a,
                         const struct detect_whole *b, size_t anchor) {
    const int points = about->rows / about->dims;
    double sum = 0, c[4];
    corners_of(&a->boxes, anchor, c);
    for (int p = 0; p < points; p++) {
        const int row = p * about->dims;
        sum += hypot((double)more_of(a, row, anchor) - more_of(b, row, anchor),
                     (double)more_of(a, row + 1, anchor) - more_of(b, row + 1, anchor));
    }
    return sum / points / sqrt(fmax((c[2] - c[0]) * (c[3] - c[1]), 1));
}

/* ---- angles ---- */

struct point {
    double x, y;
};

enum { CORNERS = 4, POLYGON_MAX = 2 * CORNERS };

/* Corners of a turned box, one after another. */
static void turned(const struct detect_whole *w, size_t anchor, struct point to[CORNERS]) {
    static const double signs[CORNERS][2] = {{-1, -1}, {1, -1}, {1, 1}, {-1, 1}};
    const double angle = more_of(w, 0, anchor), cosine = cos(angle), sine = sin(angle);
    double c[4];
    corners_of(&w->boxes, anchor, c);
    for (int k = 0; k < CORNERS; k++) {
        const double x = signs[k][0] * fmax(c[2] - c[0], 0) / 2, y = signs[k][1] * fmax(c[3] - c[1], 0) / 2;
        to[k] = (struct point){(c[0] + c[2]) / 2 + x * cosine - y * sine,
                               (c[1] + c[3]) / 2 + x * sine + y * cosine};
    }
}

/* On which side of the line from a to b p is: above 0 inside, where corners go round as `turned` has them. */
static double side_of(struct point a, struct point b, struct point p) {
    return (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
}

static double area_of(const struct point *p, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += p[i].x * p[(i + 1) % n].y - p[(i + 1) % n].x * p[i].y;
    return fabs(sum) / 2;
}

/* What of a polygon of *n corners lies inside the line from a to b: Sutherland and Hodgman's clipping. */
static void clip(struct point p[POLYGON_MAX + 1], int *n, struct point a, struct point b) {
    struct point kept[POLYGON_MAX + 1];
    int count = 0;
    for (int i = 0; i < *n; i++) {
        const struct point from = p[i], to = p[(i + 1) % *n];
        const double s = side_of(a, b, from), t = side_of(a, b, to);
        if (s >= 0 && count < POLYGON_MAX)
            kept[count++] = from;
        if ((s < 0) != (t < 0) && count < POLYGON_MAX)
            kept[count++] = (struct point){from.x + (to.x - from.x) * s / (s - t),
                                           from.y + (to.y - from.y) * s / (s - t)};
    }
    memcpy(p, kept, (size_t)count * sizeof *p);
    *n = count;
}

static double angle_loss(const struct detect_whole *a, const struct detect_whole *b, size_t anchor) {
    struct point mine[CORNERS], common[POLYGON_MAX + 1];
    int n = CORNERS;
    turned(a, anchor, mine);
    turned(b, anchor, common);
    const double areas = area_of(mine, CORNERS) + area_of(common, CORNERS);
    for (int i = 0; i < CORNERS && n; i++)
        clip(common, &n, mine[i], mine[(i + 1) % CORNERS]);
    const double both = n > 2 ? area_of(common, n) : 0;
    return areas > both ? 1 - both / (areas - both) : 1;
}

double detect_more_loss(const struct detect_more *about, const struct detect_whole *truth,
                        const struct detect_whole *other, const size_t *anchors, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t a = anchors[i];
        switch (about->kind) {
        case DETECT_NOTHING_MORE:
            break;
        case DETECT_MASKS:
            sum += mask_loss(about, truth, other, a);
            break;
        case DETECT_POINTS:
            sum += point_loss(about, truth, other, a);
            break;
        case DETECT_ANGLES:
            sum += angle_loss(truth, other, a);
        }
    }
    return sum;
}
