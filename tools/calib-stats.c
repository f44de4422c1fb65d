/* calib-stats: amax of every convolution's input and weight, from a checkpoint and a calib stream. */
#include "cli/session_rows.h"

struct request {
    struct session_options options;
    const char *output, *shard;
};

static int run(void *ctx, const struct operands *operands, struct err *err) {
    struct request *r = ctx;
    struct session session = {0};
    (void)operands;
    if (r->shard &&
        (score_shard_parse(r->shard, &r->options.shard, err) ||
         (!r->options.state && err_set(err, ERR_USAGE, "its maxima go into the folder of --state"))))
        return err_wrap(err, "--shard");
    int ret = session_open(&session, &r->options, err) || session_calibrate(&session, err) ||
                      (!r->shard && amax_write(&session.amax, session.graph, r->output, err))
                  ? -1
                  : 0;
    session_close(&session);
    return ret;
}

int main(int argc, char **argv) {
    struct request r = {SESSION_DEFAULTS, .output = "-"};
    struct opt rows[] = {
        SESSION_INPUTS(r.options),
        SESSION_MEANS(r.options),
        {"state", 's', OPT_STRING, &r.options.state, "DIR", "keep the progress of a killed pass here"},
        {"shard", 0, OPT_STRING, &r.shard, "I/K",
         "part I of K of the images, into --state; a call without it joins them"},
        {"output", 'o', OPT_OUT, &r.output, "FILE", "where the amax file goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "calib-stats",
        .purpose = "calibrate a YOLO checkpoint: max |v| of what every convolution reads",
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
