/* The phases of a sweep over one model, timed as a scoring process runs them: calibration, then for each
 * score image forward and backward, and the score convolutions of every layer for all scorable cells of the
 * grid.
 *
 *     struct phases p = {0};
 *     if (phases_new(session.graph, images->size, 2, &p, &err) || phase_calibration(&session, &p, &err) ||
 *         phase_score(&session, 16, &p, &err)) ...
 *     phases_free(&p);
 */
#ifndef YS_BENCH_PHASES_H
#define YS_BENCH_PHASES_H

#include "exec/session.h"

enum phase { PHASE_CALIBRATION, PHASE_FORWARD, PHASE_BACKWARD, PHASE_SCORE, PHASES };

/* What stands over the phases' columns, by phase. */
extern const char *const phase_names[];

/* Seconds, and operations of convolutions (two a multiply-accumulate; 0: nothing was computed), over all
 * images. */
struct effort {
    double seconds, operations;
};

struct phases {
    size_t n_convs, lanes;
    double *macs;                  /* of each convolution, one image, one call */
    struct effort *layers[PHASES]; /* [phase][conv] */
    struct effort total[PHASES];
    int images[PHASES];
    int cells, convolutions; /* scored; what they come down to in each layer, as cells share operands */
};

/* Zeros for a graph and images of size x size, on so many lanes (laps.h). Errors: shapes that do not fit,
 * memory. */
int phases_new(const struct graph *graph, int size, size_t lanes, struct phases *out, struct err *err);
void phases_free(struct phases *p);

/* Runs all the session's images through the calibration's forward pass and fills session->amax. A layer's
 * time is that from the start of its convolution to the start of the next: BatchNorm, activation and what
 * else lies between are in it. */
int phase_calibration(struct session *session, struct phases *p, struct err *err);

/* Scores the first `steps` images on all cells. A layer's time is that of quantizing its input in every way,
 * and of every pair's convolution and sum; forward's and backward's is that from the start of its convolution
 * to the start of the next. */
int phase_score(struct session *session, int steps, struct phases *p, struct err *err);

#endif
