/* calib-stats: amax of every convolution's input and weight, from a checkpoint and a calib stream. */
#include "cli/opt.h"
#include "cli/progress.h"
#include "exec/session.h"

#include <unistd.h>

struct request {
    struct session_options options;
    const char *output;
};

static int run(void *ctx, const struct operands *operands, struct err *err) {
    const struct request *r = ctx;
    struct session session = {0};
    (void)operands;
    int ret = session_open(&session, &r->options, err) || session_calibrate(&session, err) ||
                      amax_write(&session.amax, session.graph, r->output, err)
                  ? -1
                  : 0;
    session_close(&session);
    return ret;
}

int main(int argc, char **argv) {
    struct request r = {{.device = "auto",
                         .threads = (int)sysconf(_SC_NPROCESSORS_ONLN),
                         .batch_size = 1,
                         .say = opt_complain,
                         .progress = progress_show},
                        .output = "-"};
    struct opt rows[] = {
        {"model", 'm', OPT_IN, &r.options.model, "FILE", "YOLOv10 checkpoint", .required = true},
        {"calib", 'c', OPT_IN, &r.options.calib, "FILE", "calib stream of calib-prep", .required = true},
        {"sha256", 0, OPT_STRING, &r.options.sha256, "HEX", "refuse a checkpoint with another SHA-256"},
        {"batch-size", 'b', OPT_INT, &r.options.batch_size, "N", "images in a forward pass",
         OPT_LIMITS(BATCH_SIZE)},
        {"device", 'd', OPT_STRING, &r.options.device, "NAME", "auto, cpu, cuda or cuda:N"},
        {"threads", 't', OPT_INT, &r.options.threads, "N", "threads", OPT_LIMITS(THREADS),
         .by_default = "all processors"},
        {"state", 's', OPT_STRING, &r.options.state, "DIR", "keep the progress of a killed pass here"},
        {"output", 'o', OPT_OUT, &r.output, "FILE", "where the amax file goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "calib-stats",
        .purpose = "calibrate a YOLOv10 checkpoint: max |v| of what every convolution reads",
        .synopsis = "--model FILE --calib FILE [OPTION]...",
        .notes =
            "Runs the calibration images through the unquantized network once and writes max |v| of every\n"
            "convolution's input, per tensor and per channel, over all images and over AWQ's first quarter,\n"
            "and of its weight. One file serves all cells of a model; it names the checkpoint and the "
            "images\n"
            "that it was made from.",
        .examples =
            "calib-prep --list quant100.txt | calib-stats --model yolov10n.pt --calib - -o amax.json\n",
        .rows = rows,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
