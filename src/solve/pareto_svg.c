#include "base/memstream.h"
#include "base/outfile.h"
#include "solve/pareto.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The sheet, and the frame of the axes in it. */
enum { WIDTH = 760, LEFT = 84, RIGHT = 740, TOP = 48, FRAME = 324, BELOW_FRAME = 68, TICKS_MAX = 9 };

/* Of words: the height of a line, what a letter takes at most, and where they begin beside their dots. */
enum { LINE = 15, LETTER = 8, BESIDE = 16 };

/* A dot and its word. */
struct dot {
    const char *class;
    double x, loss; /* as pareto_point's */
    char word[96];
    double across, down, line; /* on the sheet: the dot, and the middle of the word's line */
};

struct drawing {
    FILE *f;
    const struct pareto *p;
    struct dot *dots;
    size_t n_dots;
    double x[2], y[2]; /* what the frame spans: effective bits or 10^9 bit operations; log10 of the loss */
    bool zero;         /* the lower edge is a loss of 0 */
    int bottom;        /* of the frame */
};

static double x_of(const struct drawing *d, const struct pareto_point *point) {
    return d->p->request.under == PARETO_SIZE ? pareto_effective_bits(d->p, point)
                                              : (double)point->operations / 1e9;
}

static double across(const struct drawing *d, double x) {
    return LEFT + (x - d->x[0]) / (d->x[1] - d->x[0]) * (RIGHT - LEFT);
}

static double down(const struct drawing *d, double loss) {
    const double y = loss > 0 ? log10(loss) : d->y[0];
    return d->bottom - (y - d->y[0]) / (d->y[1] - d->y[0]) * (d->bottom - TOP);
}

/* The largest step of 1, 2 or 5 times a power of ten that makes at least five. */
static double step_of(double span) {
    const double ten = pow(10, floor(log10(span / 5)));
    return span / (5 * ten) >= 5 ? 5 * ten : span / (5 * ten) >= 2 ? 2 * ten : ten;
}

/* Spans all dots and the curve. A loss of 0 has a decade of its own below the least. */
static void find_frame(struct drawing *d) {
    const struct pareto *p = d->p;
    double least = INFINITY, most = 0, left = INFINITY, right = 0;
    for (size_t i = 0; i < p->n_curve + d->n_dots; i++) {
        const bool dot = i >= p->n_curve;
        const double loss = dot ? d->dots[i - p->n_curve].loss : p->curve[i].loss,
                     x = dot ? d->dots[i - p->n_curve].x : x_of(d, &p->curve[i]);
        least = loss > 0 && loss < least ? loss : least;
        most = loss > most ? loss : most;
        left = fmin(left, x);
        right = fmax(right, x);
        d->zero |= !(loss > 0);
    }
    const double step = step_of(right > left ? right - left : 1);
    d->x[0] = floor(left / step) * step;
    d->x[1] = fmax(ceil(right / step) * step, d->x[0] + step);
    d->y[1] = most > 0 ? ceil(log10(most)) : 0;
    d->y[0] = (most > 0 ? floor(log10(least)) : 0) - d->zero;
    if (d->y[0] >= d->y[1])
        d->y[0] = d->y[1] - 1;
}

/* ---- Dots and their words ---- */

__attribute__((format(printf, 4, 5))) static void add_dot(struct drawing *d, const struct pareto_point *point,
                                                          const char *class, const char *fmt, ...) {
    struct dot *dot = &d->dots[d->n_dots++];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(dot->word, sizeof dot->word, fmt, ap);
    va_end(ap);
    dot->class = class;
    dot->x = x_of(d, point);
    dot->loss = point->loss;
}

static int add_dots(struct drawing *d, const struct pareto_asked *asked, size_t n, struct err *err) {
    const bool size = d->p->request.under == PARETO_SIZE;
    const struct pareto_point *knee = &d->p->curve[d->p->knee];
    if (!(d->dots = calloc(d->p->request.n + n + 1, sizeof *d->dots)))
        return err_nomem(err);
    for (size_t k = 0; k < d->p->request.n; k++) {
        struct pareto_point all;
        if (pareto_uniform(d->p, k, &all, err))
            return -1;
        add_dot(d, &all, "all", "%s", d->p->formats[k].word);
        pareto_point_free(&all);
    }
    for (size_t i = 0; i < n; i++)
        add_dot(d, &asked[i].point, "asked", "%s%g: %.3g", size ? "bits=" : "ops=", asked[i].at,
                asked[i].point.loss);
    add_dot(d, knee, "knee", "knee: %.4g, %.3g", x_of(d, knee), knee->loss);
    return 0;
}

/* Words stand to the left of their dots where there is no room to the right. */
static bool is_left(const struct dot *dot) {
    return dot->across > RIGHT - 220;
}

/* Where a dot's word begins and ends. */
static void find_word(const struct dot *dot, double side[2]) {
    const double width = LETTER * (double)strlen(dot->word);
    side[0] = dot->across + (is_left(dot) ? -BESIDE - width : BESIDE);
    side[1] = side[0] + width;
}

static bool side_by_side(const struct dot *a, const struct dot *b) {
    double x[2], y[2];
    find_word(a, x);
    find_word(b, y);
    return x[1] < y[0] || y[1] < x[0];
}

/* Whether the first one's word lies on the second one's dot. */
static bool covers(const struct dot *word, const struct dot *dot) {
    double x[2];
    find_word(word, x);
    return dot->across > x[0] - 5 && dot->across < x[1] + 5 && fabs(dot->down - word->line) < LINE / 2.0 + 3;
}

static int by_height(const void *a, const void *b) {
    const struct dot *x = a, *y = b;
    return (x->loss < y->loss) - (x->loss > y->loss);
}

/* Finds each word's line: its dot's, or the next one below that no word and no dot is on; or the next above, should there
 * be none below in the frame, which grows where words need more. */
static void place_dots(struct drawing *d) {
    size_t most = 0;
    qsort(d->dots, d->n_dots, sizeof *d->dots, by_height);
    for (size_t i = 0; i < d->n_dots; i++)
        d->dots[i].across = across(d, d->dots[i].x);
    for (size_t i = 0; i < d->n_dots; i++) {
        size_t n = 0;
        for (size_t k = 0; k < d->n_dots; k++)
            n += !side_by_side(&d->dots[i], &d->dots[k]);
        most = n > most ? n : most;
    }
    d->bottom = TOP + (LINE * ((int)most + 1) > FRAME ? LINE * ((int)most + 1) : FRAME);
    for (size_t i = 0; i < d->n_dots; i++)
        d->dots[i].down = down(d, d->dots[i].loss);
    for (size_t i = 0; i < d->n_dots; i++) {
        struct dot *dot = &d->dots[i];
        dot->line = fmax(dot->down, TOP + LINE / 2.0);
        for (bool moved = true; moved;) {
            moved = false;
            for (size_t k = 0; k < d->n_dots; k++) {
                const struct dot *other = &d->dots[k];
                double free = dot->line;
                if (k < i && !side_by_side(dot, other))
                    free = fmax(free, other->line + LINE);
                if (covers(dot, other))
                    free = fmax(free, other->down + LINE / 2.0 + 3);
                moved |= free > dot->line;
                dot->line = free;
            }
        }
    }
    for (size_t i = d->n_dots; i-- > 0;) {
        struct dot *dot = &d->dots[i];
        dot->line = fmin(dot->line, d->bottom - LINE / 2.0);
        for (size_t k = i + 1; k < d->n_dots; k++)
            if (!side_by_side(dot, &d->dots[k]))
                dot->line = fmin(dot->line, d->dots[k].line - LINE);
    }
}

/* ---- Drawing ---- */

static void put_escaped(FILE *f, const char *s) {
    for (; *s; s++)
        if (*s == '<' || *s == '>' || *s == '&' || *s == '"')
            fprintf(f, "&#%d;", *s);
        else
            fputc(*s, f);
}

static void put_axes(const struct drawing *d) {
    const bool size = d->p->request.under == PARETO_SIZE;
    const double step = step_of(d->x[1] - d->x[0]);
    for (int i = 0; d->x[0] + i * step <= d->x[1] * (1 + 1e-9); i++) {
        const double x = d->x[0] + i * step;
        fprintf(d->f,
                "<path class=\"grid\" d=\"M%.1f %dV%d\"/><text x=\"%.1f\" y=\"%d\" "
                "text-anchor=\"middle\">%g</text>\n",
                across(d, x), TOP, d->bottom, across(d, x), d->bottom + 20, x);
    }
    const int decades = (int)(d->y[1] - d->y[0]), every = (decades + TICKS_MAX - 1) / TICKS_MAX;
    for (int i = 0; i <= decades; i++) {
        const double at = d->bottom - (double)i / decades * (d->bottom - TOP);
        if (i % every)
            continue;
        fprintf(d->f,
                "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%g</text>\n",
                LEFT, at, RIGHT, LEFT - 8, at + 4, i == 0 && d->zero ? 0 : pow(10, d->y[0] + i));
    }
    fprintf(d->f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", (LEFT + RIGHT) / 2,
            d->bottom + 44,
            size ? "effective bits of the exported layers' weights"
                 : "10^9 bit operations an image (MACs x weight bits x activation bits)");
    fprintf(d->f, "<text transform=\"translate(20 %d) rotate(-90)\" text-anchor=\"middle\">loss by %s, ",
            (TOP + d->bottom) / 2, rank_words[d->p->request.rank]);
    put_escaped(d->f, pareto_unit_words(d->p->request.rank));
    fputs("</text>\n", d->f);
}

static void put_curve(const struct drawing *d) {
    fputs("<path class=\"curve\" d=\"", d->f);
    for (size_t i = 0; i < d->p->n_curve; i++)
        fprintf(d->f, "%c%.1f %.1f", i ? 'L' : 'M', across(d, x_of(d, &d->p->curve[i])),
                down(d, d->p->curve[i].loss));
    fputs("\"/>\n", d->f);
}

/* With a line to the word where that is not beside it. */
static void put_dots(const struct drawing *d) {
    for (size_t i = 0; i < d->n_dots; i++) {
        const struct dot *dot = &d->dots[i];
        const int side = is_left(dot) ? -1 : 1;
        if (fabs(dot->line - dot->down) > 2)
            fprintf(d->f, "<path class=\"lead\" d=\"M%.1f %.1fL%.1f %.1f\"/>", dot->across, dot->down,
                    dot->across + side * (BESIDE - 3), dot->line);
        fprintf(d->f, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>", dot->class, dot->across,
                dot->down);
        fprintf(d->f, "<text class=\"word\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">",
                dot->across + side * BESIDE, dot->line + 4, side < 0 ? "end" : "start");
        put_escaped(d->f, dot->word);
        fputs("</text>\n", d->f);
    }
}

/* The sheet as text, the caller's. */
static int put_sheet(struct drawing *d, char **text, size_t *length, struct err *err) {
    struct memstream m;
    if (memstream_open(&m, err))
        return -1;
    d->f = m.f;
    fprintf(d->f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "role=\"img\">\n"
            "<style>\n"
            "svg { --ink: #1f2328; --paper: #ffffff; --grid: #d8dee4; --line: #0969da; --mark: #bc4c00; "
            "--dim: #59636e;\n"
            "  background: var(--paper); font: 13px system-ui, sans-serif }\n"
            "@media (prefers-color-scheme: dark) {\n"
            "  svg { --ink: #f0f6fc; --paper: #0d1117; --grid: #30363d; --line: #4493f8; --mark: #f0883e; "
            "--dim: #9198a1 } }\n"
            "text { fill: var(--ink); paint-order: stroke; stroke: var(--paper); stroke-width: 3px }\n"
            ".grid { stroke: var(--grid); fill: none } .curve { stroke: var(--line); stroke-width: 2; fill: "
            "none }\n"
            ".all { fill: var(--dim) } .asked { fill: var(--paper); stroke: var(--line); stroke-width: 2 }\n"
            ".knee { fill: var(--mark) } .lead { stroke: var(--dim); fill: none }\n"
            "</style>\n<title>",
            WIDTH, d->bottom + BELOW_FRAME, WIDTH, d->bottom + BELOW_FRAME);
    put_escaped(d->f, d->p->request.scores[0].name.model);
    fputs(": the best mixes of formats</title>\n", d->f);
    fprintf(d->f, "<text x=\"%d\" y=\"%d\" font-weight=\"600\">", LEFT, TOP - 22);
    put_escaped(d->f, d->p->request.scores[0].name.model);
    fputs(": the best mix of formats at every size</text>\n", d->f);
    put_axes(d);
    put_curve(d);
    put_dots(d);
    fputs("</svg>\n", d->f);
    return memstream_close(&m, text, length, err);
}

int pareto_draw(const char *path, const struct pareto *p, const struct pareto_asked *asked, size_t n,
                struct err *err) {
    struct drawing d = {.p = p};
    char *text = NULL;
    size_t length;
    int ret = add_dots(&d, asked, n, err);
    if (!ret) {
        find_frame(&d);
        place_dots(&d);
        ret = put_sheet(&d, &text, &length, err) || outfile_write(path, text, length, err) ? -1 : 0;
    }
    free(text);
    free(d.dots);
    return ret;
}
