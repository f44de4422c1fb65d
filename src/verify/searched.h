/* The searched sets of a cell. They start from the layers that hurt most alone on the pictures, as measured sets do; what is
 * swapped is judged on other images, which the cell was calibrated on. */
#ifndef YS_VERIFY_SEARCHED_H
#define YS_VERIFY_SEARCHED_H

#include "verify/verify.h"

/* Of 5, 10, 20 layers, and the fewest for request->reach. */
enum { SEARCHED_SETS = SCORES_FIRSTS + 1 };

struct searched {
    bool *kept[SEARCHED_SETS + 1]; /* of each convolution; one more while two are compared */
    size_t n;                      /* sets; 0 too where there are too few images to judge them on */
    int images;                    /* that they were judged on */
};

/* Searches. layers: of each convolution, with what was measured of it. identity: a digest of all that the numbers depend on. state: what the names of files begin with that keep what a
 * killed search has measured, or NULL. Errors: those of meter_run; memory. Free with searched_free, after an error too. */
int searched_find(const struct verify_request *request, const struct rank_layer *layers, const char *identity,
                  const char *state, struct searched *out, struct err *err);
void searched_free(struct searched *searched);

#endif
