/* The forward passes of one image that measuring is made of: the unquantized one, whose values are kept, and variants of it
 * that make anew only what differs. Private to src/exec/cpu.
 *
 * A struct measure_net borrows what it is made of and is read only: any number of passes, each in a thread of its own, may
 * borrow it. */
#ifndef YS_EXEC_CPU_MEASURE_PASS_H
#define YS_EXEC_CPU_MEASURE_PASS_H

#include "detect/more.h"
#include "exec/measure.h"
#include "model/shape.h"

/* The plan, and the packed weights, unquantized and quantized. Errors: shapes that do not fit, memory. */
struct measure_net;
int measure_net_new(const struct measure_job *job, struct pool *pool, struct measure_net **out,
                    struct err *err);
void measure_net_free(struct measure_net **net);

/* How many stages it has, and the shape of the exported leaf. */
size_t measure_net_stages(const struct measure_net *net);
struct chw measure_net_leaf(const struct measure_net *net);

/* What it makes beyond that, and its numbers: rows, and prototypes. */
struct detect_more measure_net_more(const struct measure_net *net);

/* Marks the stages whose unquantized values the variants read. Errors: memory. */
int measure_net_reads(const struct measure_net *net, const struct measure_variant *variants, size_t n,
                      bool *reads, struct err *err);

/* About how many bytes each pass holds. */
size_t measure_pass_bytes(const struct measure_net *net);

/* A pass computes with a pool of its own, of so many threads. */
struct measure_pass;
int measure_pass_new(const struct measure_net *net, int threads, struct measure_pass **out, struct err *err);
void measure_pass_free(struct measure_pass **pass);

/* Where the image's (3, size, size) pixels in [0, 1] are put. */
float *measure_pass_pixels(struct measure_pass *pass);

/* The exported leaf, (4 + classes, anchors), the rows of what is more than that, and prototypes. NULL: not made, or there are
 * none. */
struct measure_outputs {
    const float *leaf, *more, *proto;
};

/* Makes the unquantized values of the stages in `have`, all that these depend on among them, of the image in
 * measure_pass_pixels. Errors: outputs that are not finite, naming the layer; memory. */
int measure_pass_float(struct measure_pass *pass, const bool *have, struct measure_outputs *outputs,
                       struct err *err);

/* The outputs of a variant of the same image, NULL where they are the unquantized ones. They are valid until the next
 * call. Errors: those of measure_pass_float. */
int measure_pass_variant(struct measure_pass *pass, const bool *quantized, struct measure_outputs *outputs,
                         struct err *err);

#endif
