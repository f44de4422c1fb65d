/* The best mixes of a model's formats: for each exported layer one of the formats that the scores are of, or 16 bits, so that
 * what the rank predicts is least for every size, or for every number of bit operations.
 *
 *     struct pareto p = {0};
 *     if (pareto_open(&request, &p, &err) || pareto_curve(&p, &err) || pareto_solve(&p, limit, &point, &err)) ...
 *     pareto_free(&p);
 *
 * Losses of different formats are added and compared, so they are in one unit; shares of a file's total, which ranks are made
 * of elsewhere (cell/rank.h), are not. Of a layer in a format that was scored on n images:
 *
 *     class      class_score / (2 n)                 nats of KL divergence an image (damage.md)
 *     box        box_score / n                       squared displacement of boxes relative to their sides, an image
 *     detection  class + box / (2 sigma^2), sigma = 1/8     nats an image
 *     modelopt   score                               ModelOpt's own unit: the same gradients weigh all formats
 *     measured   class_kl + 4 box_loss               of the layer alone, per image; box_loss is 1 - IoU; + 4 more_loss where there is one
 *
 * detection counts a displacement d as the divergence of two normal distributions whose deviation is an eighth of the box's
 * side and whose means are d apart: d^2 / (2 sigma^2) = 32 d^2. With that, classes and boxes weigh about the same at 8 bits,
 * as in the sum of shares (on the reference's cells their ratio is 28 to 33), and boxes prevail at 4. What mixes measure hardly
 * depends on it: from 8 to 128 in the place of 32, the sums of measured damage of n's and s's mixes of int8 and int4 at 5 to 9
 * bits mostly differ by a fifth or less in either part, at worst by two fifths, while leaving either score out multiplies the
 * other damage by 2 to 60.
 *
 * The size of a layer is its weights' own bits, number of weights x bits of a weight; effective bits are the mean of the
 * exported layers'. Bit operations are MACs of one image x bits of a weight x bits of an activation. The two kernels of a
 * RepVGGDW, which are merged before an export, have one format. */
#ifndef YS_SOLVE_PARETO_H
#define YS_SOLVE_PARETO_H

#include "cell/damage.h"
#include "cell/mix.h"
#include "solve/knapsack.h"

enum pareto_under { PARETO_SIZE, PARETO_BITOPS };

struct pareto_request {
    const struct scores *scores; /* n of them, of one model, calibration and images */
    const struct damage *damage; /* of each, for RANK_MEASURED, or NULL */
    const char *const *paths;    /* of each, for messages */
    size_t n;
    enum rank rank;
    enum pareto_under under;
};

/* A mix. */
struct pareto_point {
    int64_t size,
        operations; /* of all exported layers: bits, bit operations; operations is 0 where MACs are not known */
    double loss;
    size_t *choice; /* of each unit: a format, or n: 16 bits */
};

/* What has one format: a layer, or both kernels of a RepVGGDW. */
struct pareto_unit {
    size_t layers[2];
    int n_layers;
};

struct pareto {
    struct pareto_request request;
    struct pareto_unit *units;
    size_t n_units;
    struct knapsack_choice *choices; /* [unit][format], and 16 bits last; size is what the mix is under */
    struct mix_format *formats;      /* n */
    struct pareto_point
        *curve; /* the lower convex hull, from the largest mix down; each is the optimum of its size */
    size_t n_curve, knee;
    bool has_operations; /* MACs are known */
};

/* Checks that the scores fit together. Errors: ERR_FAILED naming the file and what differs, or what the rank lacks. Free with
 * pareto_free, after an error too. The request's scores must stay until then. */
int pareto_open(const struct pareto_request *request, struct pareto *p, struct err *err);

/* Fills in the curve: of the sum of what each unit's choices can be, the corners of the lower convex hull. knee: the corner
 * furthest below the line from the first to the last. Errors: memory. */
int pareto_curve(struct pareto *p, struct err *err);

/* The least loss of all mixes whose size (or bit operations) is at most limit, exactly (knapsack.h). Free the point with
 * pareto_point_free. Errors: ERR_FAILED below the smallest mix. */
int pareto_solve(const struct pareto *p, int64_t limit, struct pareto_point *point, struct err *err);

/* The mix of one format everywhere; p->request.n: 16 bits. */
int pareto_uniform(const struct pareto *p, size_t format, struct pareto_point *point, struct err *err);

double pareto_effective_bits(const struct pareto *p, const struct pareto_point *point);

/* A point as a recipe; its memory is the caller's to free by mix_free, its texts are the scores'. Errors: memory. */
int pareto_mix(const struct pareto *p, const struct pareto_point *point, struct mix *mix, struct err *err);

void pareto_point_free(struct pareto_point *point);
void pareto_free(struct pareto *p);

/* A point that was asked for. */
struct pareto_asked {
    double at; /* effective bits, or per cent of 16 bits' bit operations */
    struct pareto_point point;
};

/* Writes pareto.json, sealed, on one line ("-": standard output):
 *
 *     {"model", "rank", "unit", "under": "size" or "bitops", "none", "formats": [{"format", "effective_bits",
 *      "bit_operations", "loss" of the network all in it, "scores_digest"}], "layers": [NAME],
 *      "curve": [{"effective_bits", "bit_operations", "loss", "choice": [for each of "layers" an index of "formats", their
 *      number for 16 bits]}], "knee": an index of "curve",
 *      "points": [{"at", "effective_bits", "bit_operations", "loss", "layers": {NAME: a format or "none"}}], "version",
 *      "digest"}
 *
 * bit_operations are null where the scores do not say MACs. Errors: ERR_FAILED; nothing is written then. */
int pareto_write(const char *path, const struct pareto *p, const struct pareto_asked *asked, size_t n,
                 struct err *err);

/* Writes the curve as a drawing: loss on a logarithmic scale over effective bits, or over bit operations, its knee, the points
 * that were asked for and the network all in each format. It is legible on light and on dark. Errors: ERR_FAILED. */
int pareto_draw(const char *path, const struct pareto *p, const struct pareto_asked *asked, size_t n,
                struct err *err);

/* The unit of the rank's losses, in words. */
const char *pareto_unit_words(enum rank rank);

#endif
