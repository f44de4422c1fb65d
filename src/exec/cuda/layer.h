/* The scores of one convolution's pairs, from what the passes left on the device. Private to src/exec/cuda. */
#ifndef YS_EXEC_CUDA_LAYER_H
#define YS_EXEC_CUDA_LAYER_H

#include "exec/cuda/gradient.h"
#include "exec/cuda/operand.h"
#include "exec/pairs.h"

struct device_layers {
    const struct net *net;
    const struct amax *amax;
    const struct pairs *plan;
    struct operand_ranges ranges;
    /* Working memory, for the largest convolution. */
    uint16_t *codes, *packed;
    float *weights, *packed_f32, *units, *channel_units, *factor, *unit, *values, *made, *partial, *self,
        *target;
    size_t weight_room; /* floats of one weight */
    int outs_room;
    int objectives; /* 1, or CUDA_OBJECTIVES_MAX */
    double *sums;   /* [slot][objective][step]: slots are filled in the order in which pairs are scored */
    int *slots;     /* of each: conv * n_pairs + pair */
    int n_slots, steps;
    int *pairs, *exact, *rest; /* lists of pairs at hand */
};

/* For up to `steps` steps of step_images images. shapes: the plan of the passes whose calls
 * will be seen. 1 where the card has no room. Borrows its arguments. */
int device_layers_new(const struct net *net, const struct amax *amax, const struct pairs *plan,
                      const struct gradient_plan *shapes, int steps, int step_images,
                      struct device_layers *out, struct err *err);
void device_layers_free(struct device_layers *layers);

/* Begins a run over `steps` steps. */
void device_layers_begin(struct device_layers *layers, int steps);

/* Adds the work for every wanted pair of a convolution to the stream. */
void device_layer_score(struct device_layers *layers, size_t conv, const struct device_call *calls,
                        int n_calls, const bool *wanted);

/* Waits, and puts the sums where cuda_scorer_run says. */
int device_layers_collect(struct device_layers *layers, double *sums, struct err *err);

#endif
