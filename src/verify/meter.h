/* Measures any list of sets of layers, again and again: each list costs one pass over the pictures, and what a killed
 * process had measured of it is not measured anew.
 *
 *     if (meter_open(backend, &job, &pictures, "state/n", identity, progress, &meter, &err)) ...
 *     meter_run(meter, sets, n, "85 layers", metrics, &err);
 *     meter_close(&meter, true);
 */
#ifndef YS_VERIFY_METER_H
#define YS_VERIFY_METER_H

#include "base/progress.h"
#include "exec/measure.h"
#include "verify/pictures.h"

/* What a set of quantized layers does to the detector (damage.md). NAN: there is nothing that it could be measured on. */
struct metrics {
    double class_kl;
    double box_loss; /* NAN where no anchor of the unquantized network is sure */
    double
        more_loss; /* of what is more than boxes, likewise (detect/more.h); NAN too where it is not measured */
    double agreement_ap; /* of a set that finds; NAN where the unquantized network finds nothing */
    double ap, ap50;     /* likewise; NAN where no picture has a labelled object */
};

struct meter;

/* Borrows its arguments. job->images are those of pictures. state: what the names of the files begin with that keep what a
 * killed pass found, one for each list of sets; or NULL. identity: a digest of all that the numbers depend on beside the
 * sets. Errors: memory. */
int meter_open(struct backend *backend, const struct measure_job *job, const struct pictures *pictures,
               const char *state, const char *identity, progress_fn *progress, struct meter **out,
               struct err *err);

/* done: nothing is to be gone on with; the files go. */
void meter_close(struct meter **meter, bool done);

/* Gives back the memory that measuring takes, which the next run takes anew. */
void meter_rest(struct meter *meter);

/* Measures n sets, on each of `parts` equal parts of the pictures, in their order: out[set * parts + part]. of: what progress calls them. Errors: those of measurer_open, measurer_run and of the state. */
int meter_run(struct meter *meter, const struct measure_variant *sets, size_t n, size_t parts, const char *of,
              struct metrics *out, struct err *err);

/* The unquantized network's own: ap and ap50 on labels, and how many sure detections it has; after a run. Errors: memory. */
int meter_float(const struct meter *meter, struct metrics *out, size_t *detections, struct err *err);

#endif
