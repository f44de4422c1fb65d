/* What a scoring pass runs, whatever it runs on: the stages, where their values and gradients lie and for how long, and
 * what each stage's backward does to the gradients of its inputs. Private to src/exec.
 *
 * One forward pass serves any number of backward passes: ModelOpt's loss, and with `probes` vectors of signs the two
 * detection objectives for each (detect/objective.h). They go side by side, a stage at a time, so that a convolution's
 * gradients of all of them are known at the same moment.
 *
 * Time counts through both directions: stage i runs forward at time i, backward passes begin at time n_stages, and stage
 * i runs backward at time 2 n_stages - i. Whatever is needed at some time has a span of one arena; a value, its
 * gradient, a convolution's output before BatchNorm and so on share memory with what lives at other times. */
#ifndef YS_EXEC_GRADIENT_PLAN_H
#define YS_EXEC_GRADIENT_PLAN_H

#include "cell/scores.h"
#include "exec/spans.h"
#include "exec/stages.h"
#include "op/conv/dgrad.h"

/* What a stage's backward does to the gradient of one of its inputs. */
enum flow {
    FLOW_NONE,  /* nobody wants it, or it is the output's gradient already */
    FLOW_STORE, /* writes it */
    FLOW_ADD,   /* adds to what is there */
};

/* Memory of one stage that all backward passes share. */
enum { SPAN_OUTPUT, SPAN_KEPT, SPAN_WORK, SPANS_OF_STAGE };

/* One backward pass. It begins at values: ModelOpt's at all leaves, class's at the exported logits, box's at the exported
 * y. ModelOpt's stops where a value is detached; the others, which ask what the deployed network loses, go on. */
struct backward {
    enum scores_objective objective;
    int probe; /* which vector of signs */
    const int *starts;
    size_t n_starts;
    bool *wanted; /* of each value: its gradient is needed for some convolution's, and is not all zeros */
    struct home *gradients; /* of each value: where its gradient lies, and an addend's may be the sum's */
    bool *zeroed;           /* of each root: its gradient starts as zeros, to which all is added */
    enum flow *flows;       /* [stage * OP_INPUTS_MAX + input] */
    enum flow *start_flows; /* of each start */
    struct span *
        spans; /* of each root's gradient, then of each stage's: of a convolution's output before BatchNorm */
};

enum { GRADIENT_PROBES_MAX = 16, GRADIENT_BACKWARDS_MAX = 1 + 2 * GRADIENT_PROBES_MAX };

/* The objective of backward pass i. */
static inline enum scores_objective gradient_objective(int i) {
    return i == 0 ? SCORES_MODELOPT : i % 2 ? SCORES_CLASS : SCORES_BOX;
}

struct gradient_plan {
    const struct graph *graph;
    struct stage *stages;
    size_t n_stages;
    struct chw *shapes; /* of each value */
    struct home *
        values; /* of each value: slices and detached values lie in their inputs, what is concatenated lies in
                               the concatenation where it can */
    struct backward *backwards;
    size_t n_backwards;    /* 1 + 2 probes */
    int *first_stage;      /* of each convolution: its backward comes last of its calls' */
    int *n_calls;          /* of each convolution */
    struct dgrad **dgrads; /* of each convolution with a wanted input, else NULL */
    struct span
        *spans;   /* of each value's root, SPANS_OF_STAGE of each stage, and those of all backward passes */
    size_t arena; /* floats */
};

/* For up to `batch` images of size x size and a pool of `threads`; 0 threads: for another device, with neither dgrads nor
 * SPAN_WORK. probes: 0 .. GRADIENT_PROBES_MAX. Errors: ERR_UNSUPPORTED for a convolution that no leaf depends on, whose
 * runs differ in size, or that dgrad_new refuses; shapes that do not fit; memory. */
int gradient_plan_make(const struct graph *graph, int size, size_t batch, int probes, int threads,
                       struct gradient_plan *out, struct err *err);
void gradient_plan_free(struct gradient_plan *plan);

/* The last part of making a plan: its spans, from all else. */
int gradient_plan_place(struct gradient_plan *plan, size_t batch, int threads, struct err *err);

/* Spans of a value and of a stage's own memory; in a backward pass, of a value's gradient and of the gradient of a
 * convolution's output before BatchNorm. */
struct span *gradient_plan_value(const struct gradient_plan *p, int v);
struct span *gradient_plan_memory(const struct gradient_plan *p, size_t stage, int kind);
struct span *gradient_plan_gradient(const struct backward *b, int v);
struct span *gradient_plan_output_gradient(const struct gradient_plan *p, const struct backward *b,
                                           size_t stage);

#endif
