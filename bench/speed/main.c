/* speed: where a sweep over one model spends its time, against what the machine can do. make bench runs it.
 */
#include "base/cpu.h"
#include "base/json.h"
#include "base/opt.h"
#include "base/outfile.h"
#include "table.h"

#include <stdlib.h>
#include <sys/resource.h>

/* Resident set of this process at its largest, MiB. */
static double peak_resident(void) {
    struct rusage used = {0};
    getrusage(RUSAGE_SELF, &used);
    return (double)used.ru_maxrss / 1024;
}

static int measure(const struct session_options *options, int steps, const char *output, struct err *err) {
    struct session session = {0};
    struct phases phases = {0};
    double peak[PEAK_KINDS] = {0};
    char *name = model_name(options->model);
    cJSON *json = NULL;
    int ret = -1;
    if (!name) {
        err_nomem(err);
        goto out;
    }
    if (session_open(&session, options, err))
        goto out;
    int size = session.images->size;
    if (phases_new(session.graph, size, (size_t)options->threads, &phases, err))
        goto out;
    peak_measure(session.pool, peak);
    if (phase_calibration(&session, &phases, err) ||
        phase_score(&session, steps < session.images->count ? steps : session.images->count, &phases, err))
        goto out;
    peak_measure(session.pool, peak);
    const struct measured m = {name, session.graph, &phases, peak, options->threads, size, peak_resident()};
    table_print(&m, stdout);
    if (!(json = table_json(&m))) {
        err_nomem(err);
        goto out;
    }
    ret = json_write(output, json, err);
out:
    cJSON_Delete(json);
    free(name);
    phases_free(&phases);
    session_close(&session);
    return ret;
}

int main(int argc, char **argv) {
    struct session_options options = {.device = "cpu", .threads = 2, .batch_size = 1};
    const char *output = NULL;
    int steps = 16;
    struct opt rows[] = {
        {"model", 'm', OPT_STRING, &options.model, "FILE", "YOLOv10 checkpoint", .required = true},
        {"calib", 'c', OPT_STRING, &options.calib, "FILE", "calib stream of calib-prep", .required = true},
        {"score-size", 'n', OPT_INT, &steps, "N", "images to score on, the first of the stream", .min = 1,
         .max = 1 << 20},
        {"threads", 't', OPT_INT, &options.threads, "N", "threads", .min = 1, .max = 1024},
        {"output", 'o', OPT_STRING, &output, "FILE", "where the JSON goes; the table goes to stdout",
         .required = true},
        OPT_END,
    };
    struct opt_tool tool = {
        "speed",
        "Runs calibration and scoring of one model for all cells of the grid and prints time, operations a "
        "second and "
        "their share of\n"
        "the machine's measured peak, by phase and layer. YOLOSENS_CPU names a lower processor level.",
        "--model FILE --calib FILE -o FILE [OPTION]...",
        "  calib-prep --list quant100.txt | speed --model yolov10n.pt --calib - -o speed.json\n",
        rows,
    };
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
    if (cpu_level_init(&err) == 0)
        ret = measure(&options, steps, output, &err);
out:
    return opt_exit(&tool, ret, &err);
}
