/* sens-score: sensitivity scores of every convolution, for any number of cells of one model in one pass. */
#include "cli/cells.h"
#include "cli/session_rows.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

struct request {
    struct session_options options;
    struct cells_options cells;
    const char *amax, *objectives, *calls, *shard;
};

static int score(struct request *r, struct err *err) {
    struct session session = {0};
    int ret = -1;
    if (session_open(&session, &r->options, err) ||
        (r->amax ? session_read_amax(&session, r->amax, err) : session_calibrate(&session, err)))
        goto out;
    ret = cells_score(&session, &r->cells, err);
out:
    session_close(&session);
    return ret;
}

static const char *const rules[] = {"last", "each", NULL};

static int run(void *ctx, const struct operands *operands, struct err *err) {
    struct request *r = ctx;
    bool detection;
    if (scores_parse_objectives(r->objectives, &detection, err))
        return err_wrap(err, "--objectives");
    if (!detection)
        r->cells.probes = 0;
    if (r->shard &&
        (score_shard_parse(r->shard, &r->cells.shard, err) ||
         (!r->options.state && err_set(err, ERR_USAGE, "name a folder with --state, which keeps its sums"))))
        return err_wrap(err, "--shard");
    r->cells.each_call = strcmp(r->calls, rules[1]) == 0;
    r->cells.operands = operands->word;
    r->cells.n_operands = operands->n;
    return cells_check(&r->cells, err) ? -1 : score(r, err);
}

static const char notes[] =
    "A score is the sum of g^2 (conv(q(x), q(w)) - conv(x, w))^2, as ModelOpt's AutoQuantize has it.\n"
    "class_score and box_score are the same sum with gradients that tell what quantizing a layer does\n"
    "to the detector's classes and boxes. A convolution that runs more than once (model.N.dfl.conv) counts\n"
    "its last run's change with the gradients of all; with --calls each, as ModelOpt 0.48 will, each run's\n"
    "change with its own gradient.\n"
    "Each operand is a cell's configuration made by qcfg-build. One goes to --output; of several,\n"
    "each is written QCFG=SCORES, and all are scored in one pass over the images.";

int main(int argc, char **argv) {
    struct request r = {
        SESSION_DEFAULTS,
        {.score_size = 16, .probes = 1, .output = "-", .complain = opt_complain},
        .objectives = "modelopt detection",
        .calls = rules[0],
    };
    struct opt rows[] = {
        SESSION_INPUTS(r.options),
        {"amax", 'a', OPT_IN, &r.amax, "FILE", "amax file of calib-stats; without it, calibrate first"},
        {"score-size", 'n', OPT_INT, &r.cells.score_size, "N", "images to score on, the first of the stream",
         OPT_LIMITS(SCORE_SIZE)},
        {"objectives", 0, OPT_STRING, &r.objectives, "WORDS",
         "what to score: detection adds class_score and box_score"},
        {"probes", 0, OPT_INT, &r.cells.probes, "N", "vectors of signs an image for the detection scores",
         OPT_LIMITS(PROBES)},
        {"calls", 0, OPT_CHOICE, &r.calls, .help = "of a layer that runs twice, whose change counts",
         .choices = rules},
        {"name", 0, OPT_STRING, &r.cells.name, "NAME", "the model's name in results",
         .by_default = "the file's name"},
        SESSION_MEANS(r.options),
        {"state", 's', OPT_STRING, &r.options.state, "DIR",
         "keep the sums of a killed pass here and go on from them"},
        {"shard", 0, OPT_STRING, &r.shard, "I/K",
         "score part I of K of the images, into the states; a call without it joins them"},
        {"output", 'o', OPT_OUT, &r.cells.output, "FILE", "where the scores of a single cell go"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "sens-score",
        .purpose = "score how much quantizing each convolution of a YOLO checkpoint hurts",
        .synopsis = "--model FILE --calib FILE [OPTION]... QCFG | QCFG=SCORES...",
        .notes = notes,
        .examples =
            "sens-score -m yolov10n.pt -c calib.bin -a amax.json q1.json=scores1.json q2.json=scores2.json\n"
            "calib-prep --list quant100.txt | sens-score -m yolov10n.pt -c - q.json | jq .layers\n",
        .rows = rows,
        .arity = {.most = INT_MAX},
        .operands = OPERANDS_IN_OUT,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
