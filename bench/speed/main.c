/* speed: where a sweep over one model spends its time, against what the machine can do. make bench runs it.
 */
#include "base/cpu.h"
#include "base/json.h"
#include "cli/opt.h"
#include "table.h"

#include <stdlib.h>
#include <sys/resource.h>

/* Resident set of this process at its largest, MiB. */
static double peak_resident(void) {
    struct rusage used = {0};
    getrusage(RUSAGE_SELF, &used);
    return (double)used.ru_maxrss / 1024;
}

struct request {
    struct session_options options;
    int steps;
    const char *output;
};

static int measure(const struct request *r, struct err *err) {
    struct session session = {0};
    struct phases phases = {0};
    double peak[PEAK_KINDS] = {0};
    char *name = session_model_name(r->options.model);
    cJSON *json = NULL;
    int ret = -1;
    if (!name) {
        err_nomem(err);
        goto out;
    }
    if (session_open(&session, &r->options, err))
        goto out;
    int size = session.images->size;
    if (phases_new(session.graph, size, (size_t)r->options.threads, &phases, err))
        goto out;
    peak_measure(session.pool, peak);
    if (phase_calibration(&session, &phases, err) ||
        phase_score(&session, r->steps < session.images->count ? r->steps : session.images->count, &phases,
                    err))
        goto out;
    peak_measure(session.pool, peak);
    const struct measured m = {name, session.graph, &phases, peak, r->options.threads, size, peak_resident()};
    table_print(&m, stdout);
    if (!(json = table_json(&m))) {
        err_nomem(err);
        goto out;
    }
    ret = json_write(r->output, json, err);
out:
    cJSON_Delete(json);
    free(name);
    phases_free(&phases);
    session_close(&session);
    return ret;
}

static int run(void *ctx, const struct operands *operands, struct err *err) {
    (void)operands;
    return cpu_level_init(err) ? -1 : measure(ctx, err);
}

int main(int argc, char **argv) {
    struct request r = {{.device = "cpu", .threads = 2, .batch_size = 1}, .steps = 16};
    struct opt rows[] = {
        {"model", 'm', OPT_IN, &r.options.model, "FILE", "YOLO checkpoint", .required = true},
        {"calib", 'c', OPT_IN, &r.options.calib, "FILE", "calib stream of calib-prep", .required = true},
        {"score-size", 'n', OPT_INT, &r.steps, "N", "images to score on, the first of the stream",
         OPT_LIMITS(SCORE_SIZE)},
        {"threads", 't', OPT_INT, &r.options.threads, "N", "threads", OPT_LIMITS(THREADS)},
        {"output", 'o', OPT_OUT, &r.output, "FILE", "where the JSON goes; the table goes to stdout",
         .required = true},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "speed",
        .purpose = "time calibration and scoring of one model for all cells of the grid",
        .synopsis = "--model FILE --calib FILE -o FILE [OPTION]...",
        .notes =
            "Prints time, operations a second and their share of the machine's measured peak, by phase and\n"
            "layer. YOLOSENS_CPU names a lower processor level.",
        .examples = "calib-prep --list quant100.txt | speed --model yolov10n.pt --calib - -o speed.json\n",
        .rows = rows,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
