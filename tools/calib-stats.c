/* calib-stats: amax of every convolution's input and weight, from a checkpoint and a calib stream. */
#include "base/opt.h"
#include "base/outfile.h"
#include "score/session.h"

#include <unistd.h>

int main(int argc, char **argv) {
    struct session_options options = {
        .device = "auto", .threads = (int)sysconf(_SC_NPROCESSORS_ONLN), .batch_size = 1};
    const char *output = "-";
    struct opt rows[] = {
        {"model", 'm', OPT_STRING, &options.model, "FILE", "YOLOv10 checkpoint", .required = true},
        {"calib", 'c', OPT_STRING, &options.calib, "FILE", "calib stream of calib-prep", .required = true},
        {"sha256", 0, OPT_STRING, &options.sha256, "HEX", "refuse a checkpoint with another SHA-256"},
        {"batch-size", 'b', OPT_INT, &options.batch_size, "N", "images in a forward pass", .min = 1,
         .max = 1024},
        {"device", 'd', OPT_STRING, &options.device, "NAME", "auto, cpu, cuda or cuda:N"},
        {"threads", 't', OPT_INT, &options.threads, "N", "threads", .min = 1, .max = 1024},
        {"state", 's', OPT_STRING, &options.state, "DIR", "keep the progress of a killed pass here"},
        {"output", 'o', OPT_STRING, &output, "FILE", "where the amax file goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        "calib-stats",
        "Runs the calibration images through the unquantized network once and writes max |v| of every "
        "convolution's\n"
        "input, per tensor and per channel, over all images and over AWQ's first quarter, and of its weight. "
        "One file\n"
        "serves all cells of a model; it names the checkpoint and the images that it was made from.",
        "--model FILE --calib FILE [OPTION]...",
        "  calib-prep --list quant100.txt | calib-stats --model yolov10n.pt --calib - -o amax.json\n",
        rows,
    };
    struct session session = {0};
    struct err err = {0};
    int ret = -1;
    outfile_handle_signals();
    if (opt_parse(&tool, argc, argv, &err))
        goto out;
    if (tool.answered) {
        ret = 0;
        goto out;
    }
    if (tool.first < argc) {
        err_set(&err, ERR_USAGE, "unexpected operand %s", argv[tool.first]);
        goto out;
    }
    if (session_open(&session, &options, &err) || session_calibrate(&session, &err) ||
        amax_write(&session.amax, session.graph, output, &err))
        goto out;
    ret = 0;
out:
    session_close(&session);
    return opt_exit(&tool, ret, &err);
}
