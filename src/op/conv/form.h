/* Inside src/op/conv: in which of a few forms a convolution's operands are laid out, and the operands
 * themselves. A mode and a layer decide the form; a weight, an input and a target meet only in the same form. */
#ifndef YS_OP_CONV_FORM_H
#define YS_OP_CONV_FORM_H

#include "op/conv/kernels.h"
#include "op/conv/layout.h"
#include "op/conv/rooms.h"

/* Forms 0 .. CONV_MODES-1 are the enum conv_mode of the same number, convolved directly (CONV_FINE has none of its own).
 * Float32 has more forms: FORM_WINOGRAD and FORM_DEPTHWISE. */
enum form { FORM_WINOGRAD = CONV_MODES, FORM_DEPTHWISE, FORMS };

/* The form that the present level convolves a layer's operands of a mode in. */
int form_of(const struct conv *conv, enum conv_mode mode);

/* The form whose layout of outputs `form` shares: all that convolve directly share CONV_F32's. */
int form_of_output(int form);

/* Outputs of a Winograd form's tile in a row; 0 for other forms. */
size_t form_side(int form);

/* Products of an output, or by Winograd of a tile of outputs, for each input channel. */
size_t form_products(int form, size_t taps);

/* Input channels in one 32-bit element. */
size_t form_pack(int form);

/* How a form lays out an input (h, w). */
struct layout form_input_layout(const struct conv *conv, int form, size_t h, size_t w);

/* How a form lays out an output of an input (h, w). */
struct layout form_output_layout(const struct conv *conv, int form, size_t h, size_t w);

struct conv_weight {
    const struct conv_kernels *kernels;
    enum conv_mode mode;
    bool in_sums; /* conv_weight_new's, or CONV_FINE */
    int form;
    void *
        values; /* [group][tile][channel][tap][tile_rows]; by Winograd [group][tile][product][channel][tile_rows];
                        depthwise (cout, taps) */
    float *units;    /* of each output channel, or NULL */
    int32_t *offset; /* CONV_I8: 128 times the sum of each output channel's codes */
};

/* One operand in one form: (image, channel, layout). */
struct laid {
    struct layout layout;
    size_t channels;   /* elements of an image */
    const float *data; /* room's, or the caller's own array */
    float *room;
    size_t size;
};

struct conv_planes {
    struct laid forms[FORMS];
    size_t n, h, w;
    float unit;
    struct rooms rows; /* what tasks work in */
};

/* Outputs: y and each objective's g2, (image, cout, layout), by form_of_output. */
struct conv_target {
    struct laid y[FORMS], g2[FORMS][CONV_OBJECTIVES_MAX];
    int n_objectives;
    struct rooms rows;
};

#endif
