#include "model/weight.h"

#include <string.h>

void weight_shape(const struct conv *c, int shape[WEIGHT_DIMS]) {
    const int usual[] = {c->cout, c->cin / c->groups, c->kh, c->kw},
              transposed[] = {c->cin, weight_outputs(c), c->up, c->up};
    memcpy(shape, c->up ? transposed : usual, sizeof usual);
}

int weight_outputs(const struct conv *c) {
    return c->up ? c->cout / (c->up * c->up) : c->cout;
}

struct chw weight_output_shape(const struct conv *c, struct chw made) {
    const int64_t up = c->up ? c->up : 1;
    return (struct chw){weight_outputs(c), made.h * up, made.w * up};
}

/* (rows, columns) as (columns, rows). */
static void turn(const float *from, int rows, int columns, float *to) {
    for (int c = 0; c < columns; c++)
        for (int r = 0; r < rows; r++)
            *to++ = from[(size_t)r * (size_t)columns + (size_t)c];
}

void weight_to_torch(const struct conv *c, const float *from, float *to) {
    if (c->up)
        turn(from, c->cout, c->cin, to);
    else
        memcpy(to, from, conv_numel(c) * sizeof *to);
}

void weight_from_torch(const struct conv *c, const float *from, float *to) {
    if (c->up)
        turn(from, c->cin, c->cout, to);
    else
        memcpy(to, from, conv_numel(c) * sizeof *to);
}

void weight_codes_to_torch(const struct conv *c, const uint8_t *from, uint8_t *to) {
    const size_t rows = c->up ? (size_t)c->cout : 1, columns = conv_numel(c) / rows;
    for (size_t k = 0; k < columns; k++)
        for (size_t r = 0; r < rows; r++)
            *to++ = from[r * columns + k];
}
