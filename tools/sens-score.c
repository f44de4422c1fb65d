/* sens-score: sensitivity scores of every convolution, for any number of cells of one model in one pass. */
#include "base/opt.h"
#include "base/outfile.h"
#include "score/cells.h"
#include "score/session.h"

#include <stdio.h>
#include <unistd.h>

static void complain(const char *message) {
    fprintf(stderr, "sens-score: %s\n", message);
}

int main(int argc, char **argv) {
    struct session_options options = {
        .device = "auto", .threads = (int)sysconf(_SC_NPROCESSORS_ONLN), .batch_size = 1};
    struct cells_options cells = {.score_size = 16, .output = "-", .complain = complain};
    const char *amax = NULL;
    bool revision = false;
    struct opt rows[] = {
        {"model", 'm', OPT_STRING, &options.model, "FILE", "YOLOv10 checkpoint (required)"},
        {"calib", 'c', OPT_STRING, &options.calib, "FILE", "calib stream of calib-prep (required)"},
        {"amax", 'a', OPT_STRING, &amax, "FILE", "amax file of calib-stats; without it, calibrate first"},
        {"score-size", 'n', OPT_INT, &cells.score_size, "N", "images to score on, the first of the stream",
         .min = 1, .max = 1 << 20},
        {"sha256", 0, OPT_STRING, &options.sha256, "HEX", "refuse a checkpoint with another SHA-256"},
        {"batch-size", 'b', OPT_INT, &options.batch_size, "N", "images in a forward pass", .min = 1,
         .max = 1024},
        {"name", 0, OPT_STRING, &cells.name, "NAME", "the model's name in results [the file's name]"},
        {"demonstration", 0, OPT_FLAG, &cells.demonstration, NULL,
         "note that the weights are not official ones"},
        {"device", 'd', OPT_STRING, &options.device, "NAME", "auto, cpu, cuda or cuda:N"},
        {"threads", 't', OPT_INT, &options.threads, "N", "threads", .min = 1, .max = 1024},
        {"state", 's', OPT_STRING, &options.state, "DIR",
         "keep the sums of a killed pass here and go on from them"},
        {"output", 'o', OPT_STRING, &cells.output, "FILE", "where the scores of a single cell go"},
        {"revision", 0, OPT_FLAG, &revision, NULL, "print the revision of the scoring code and exit"},
        OPT_END,
    };
    struct opt_tool tool = {
        "sens-score",
        "Scores how much quantizing each convolution hurts: sum of g^2 (conv(q(x), q(w)) - conv(x, w))^2, as "
        "ModelOpt's\n"
        "AutoQuantize. Each operand is a cell's configuration made by qcfg-build. One goes to -o; of "
        "several, each is\n"
        "written QCFG=SCORES, and all are scored in one pass over the images.",
        "--model FILE --calib FILE [OPTION]... QCFG | QCFG=SCORES...",
        "  sens-score -m yolov10n.pt -c calib.bin -a amax.json q1.json=scores1.json q2.json=scores2.json\n"
        "  calib-prep --list quant100.txt | sens-score -m yolov10n.pt -c - q.json | jq .layers\n",
        rows,
    };
    struct session session = {0};
    struct err err = {0};
    int ret = -1;
    outfile_handle_signals();
    if (opt_parse(&tool, argc, argv, &err))
        goto out;
    if (tool.answered || revision) {
        if (revision)
            printf("%d\n", SCORE_REVISION);
        ret = 0;
        goto out;
    }
    if (!options.model || !options.calib) {
        err_set(&err, ERR_USAGE, "--%s is required", options.model ? "calib" : "model");
        goto out;
    }
    cells.operands = argv + tool.first;
    cells.n_operands = argc - tool.first;
    if (cells_check(&cells, &err) || session_open(&session, &options, &err) ||
        (amax ? session_read_amax(&session, amax, &err) : session_calibrate(&session, &err)))
        goto out;
    ret = cells_score(&session, &cells, &err);
out:
    session_close(&session);
    return opt_exit(&tool, ret, &err);
}
