#include "base/memstream.h"
#include "base/outfile.h"
#include "solve/pareto.h"

#include <math.h>
#include <stdlib.h>

/* The sheet, and the frame of the axes in it. */
enum { WIDTH = 760, HEIGHT = 440, LEFT = 84, RIGHT = 740, TOP = 48, BOTTOM = 372, DECADES_MAX = 6 };

/* Where a word's line stands, from its dot. */
enum { ABOVE = -6, BELOW = 16 };

struct drawing {
    FILE *f;
    const struct pareto *p;
    double x[2], y[2]; /* what the frame spans: effective bits or 10^9 bit operations; log10 of the loss */
};

static double x_of(const struct drawing *d, const struct pareto_point *point) {
    return d->p->request.under == PARETO_SIZE ? pareto_effective_bits(d->p, point)
                                              : (double)point->operations / 1e9;
}

static double across(const struct drawing *d, double x) {
    return LEFT + (x - d->x[0]) / (d->x[1] - d->x[0]) * (RIGHT - LEFT);
}

/* A loss below the frame, 0 too, lies on its lower edge. */
static double down(const struct drawing *d, double loss) {
    const double y = loss > 0 ? fmax(log10(loss), d->y[0]) : d->y[0];
    return BOTTOM - (y - d->y[0]) / (d->y[1] - d->y[0]) * (BOTTOM - TOP);
}

/* The largest step of 1, 2 or 5 times a power of ten that makes at least five. */
static double step_of(double span) {
    const double ten = pow(10, floor(log10(span / 5)));
    return span / (5 * ten) >= 5 ? 5 * ten : span / (5 * ten) >= 2 ? 2 * ten : ten;
}

static void find_frame(struct drawing *d) {
    const struct pareto *p = d->p;
    const struct pareto_point *first = &p->curve[0], *last = &p->curve[p->n_curve - 1];
    const double span = x_of(d, first) - x_of(d, last), step = step_of(span > 0 ? span : 1);
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < p->n_curve; i++) {
        const double loss = p->curve[i].loss;
        least = loss > 0 && loss < least ? loss : least;
        most = loss > most ? loss : most;
    }
    d->x[0] = floor(x_of(d, last) / step) * step;
    d->x[1] = fmax(ceil(x_of(d, first) / step) * step, d->x[0] + step);
    d->y[1] = most > 0 ? ceil(log10(most)) : 0;
    d->y[0] = fmax(most > 0 ? floor(log10(least)) : -1, d->y[1] - DECADES_MAX);
    if (d->y[0] >= d->y[1])
        d->y[0] = d->y[1] - 1;
}

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
                across(d, x), TOP, BOTTOM, across(d, x), BOTTOM + 20, x);
    }
    for (int y = (int)d->y[0]; y <= (int)d->y[1]; y++) {
        const double at = BOTTOM - (y - d->y[0]) / (d->y[1] - d->y[0]) * (BOTTOM - TOP);
        fprintf(d->f,
                "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%g</text>\n",
                LEFT, at, RIGHT, LEFT - 8, at + 4, pow(10, y));
    }
    fprintf(d->f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", (LEFT + RIGHT) / 2,
            BOTTOM + 44,
            size ? "effective bits of the exported layers' weights"
                 : "10^9 bit operations an image (MACs x weight bits x activation bits)");
    fprintf(d->f, "<text transform=\"translate(20 %d) rotate(-90)\" text-anchor=\"middle\">loss by %s, ",
            (TOP + BOTTOM) / 2, rank_words[d->p->request.rank]);
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

/* A dot with a word, to the left where there is no room to the right. */
static void put_dot(const struct drawing *d, const struct pareto_point *point, const char *class,
                    const char *word, int below) {
    const double x = across(d, x_of(d, point)), y = down(d, point->loss);
    const bool left = x > RIGHT - 220;
    fprintf(d->f, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>", class, x, y);
    fprintf(d->f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", left ? x - 9 : x + 9, y + below,
            left ? "end" : "start");
    put_escaped(d->f, word);
    fputs("</text>\n", d->f);
}

static int put_dots(const struct drawing *d, const struct pareto_asked *asked, size_t n, struct err *err) {
    char word[96];
    for (size_t k = 0; k < d->p->request.n; k++) {
        struct pareto_point all;
        if (pareto_uniform(d->p, k, &all, err))
            return -1;
        put_dot(d, &all, "all", d->p->formats[k].word, ABOVE);
        pareto_point_free(&all);
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(word, sizeof word, "%s%g: %.3g",
                 d->p->request.under == PARETO_SIZE ? "bits=" : "ops=", asked[i].at, asked[i].point.loss);
        put_dot(d, &asked[i].point, "asked", word, ABOVE);
    }
    const struct pareto_point *knee = &d->p->curve[d->p->knee];
    snprintf(word, sizeof word, "knee: %.4g, %.3g", x_of(d, knee), knee->loss);
    put_dot(d, knee, "knee", word, BELOW);
    return 0;
}

int pareto_draw(const char *path, const struct pareto *p, const struct pareto_asked *asked, size_t n,
                struct err *err) {
    struct memstream m;
    struct drawing d = {.p = p};
    char *text;
    size_t length;
    if (memstream_open(&m, err))
        return -1;
    d.f = m.f;
    find_frame(&d);
    fprintf(d.f,
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
            ".knee { fill: var(--mark) }\n"
            "</style>\n<title>",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    put_escaped(d.f, p->request.scores[0].name.model);
    fputs(": the best mixes of formats</title>\n", d.f);
    fprintf(d.f, "<text x=\"%d\" y=\"%d\" font-weight=\"600\">", LEFT, TOP - 22);
    put_escaped(d.f, p->request.scores[0].name.model);
    fputs(": the best mix of formats at every size</text>\n", d.f);
    put_axes(&d);
    put_curve(&d);
    int ret = put_dots(&d, asked, n, err);
    fputs("</svg>\n", d.f);
    if (memstream_close(&m, &text, &length, ret ? NULL : err) || ret)
        ret = -1;
    else
        ret = outfile_write(path, text, length, err);
    free(text);
    return ret;
}
