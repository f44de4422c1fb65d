#define _GNU_SOURCE
#include "cli/cells.h"

#include "base/name.h"
#include "cell/name.h"
#include "cli/operands.h"
#include "exec/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cells_check(const struct cells_options *options, struct err *err) {
    if (options->n_operands == 0)
        return err_set(err, ERR_USAGE, "name a cell's configuration, made by qcfg-build");
    if (options->name && name_check(options->name, err)) {
        err_wrap(err, "--name");
        if (err)
            err->code = ERR_USAGE;
        return -1;
    }
    return operands_check(options->operands, options->n_operands, "QCFG=SCORES", err);
}

/* One operand's paths. */
struct request {
    char *qcfg;
    const char *scores;
};

static int read_cell(const struct request *r, const char *state, const char *model, struct score_cell *cell,
                     struct err *err) {
    struct cell_name name;
    if (qcfg_read(r->qcfg, &cell->qcfg, err) || qcfg_digest(&cell->qcfg, cell->qcfg_digest, err) ||
        cell_name_set(&name, model, cell->qcfg.weight_dtype, cell->qcfg.act_dtype, cell->qcfg.granularity,
                      err))
        return -1;
    return state && !(cell->state = score_state_path(state, &name)) ? err_nomem(err) : 0;
}

int cells_score(struct session *session, const struct cells_options *options, struct err *err) {
    size_t n = (size_t)options->n_operands, n_cells = 0;
    struct request *requests = calloc(n, sizeof *requests);
    struct score_cell *cells = calloc(n, sizeof *cells);
    size_t *request_of = calloc(n, sizeof *request_of);
    char *name = options->name ? strdup(options->name) : session_model_name(session->options.model);
    int failed = 0, ret = -1;
    if (!requests || !cells || !request_of || !name) {
        err_nomem(err);
        goto out;
    }
    if (name_check(name, err)) {
        err_wrap(err, "%s", session->options.model);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        if (operand_split(options->operands[i], options->output, &requests[i].qcfg, &requests[i].scores, err))
            goto out;
        struct err why = {0};
        if (read_cell(&requests[i], session->options.state, name, &cells[n_cells], &why)) {
            if (n == 1) {
                *err = why;
                goto out;
            }
            options->complain(why.msg);
            failed++;
            continue;
        }
        request_of[n_cells++] = i;
    }
    int batch = session->options.batch_size;
    const struct score_job job = {
        .graph = session->graph,
        .amax = &session->amax,
        .images = session->images,
        .steps = score_steps(options->score_size, batch, session->images->count),
        .batch_size = batch,
        .probes = options->probes,
        .checkpoint = session->checkpoint,
        .progress = session->options.progress,
    };
    int scored = job.steps * batch < session->images->count ? job.steps * batch : session->images->count;
    const struct score_result about = {name, session->options.model, options->demonstration, scored,
                                       session->backend->kind};
    if (n_cells && score_run(session->backend, &job, cells, n_cells, err)) {
        err_wrap(err, "%s", session->options.model);
        goto out;
    }
    for (size_t i = 0; i < n_cells; i++) {
        struct err why = {0};
        const char *path = requests[request_of[i]].scores;
        if (result_write(&job, &cells[i], &about, path, &why)) {
            if (n == 1 || why.disk) {
                *err = why;
                goto out;
            }
            options->complain(why.msg);
            failed++;
        }
        if (cells[i].state)
            unlink(cells[i].state);
    }
    ret = failed ? err_set(err, ERR_FAILED, "%d of %zu cells failed", failed, n) : 0;
out:
    for (size_t i = 0; requests && i < n; i++)
        free(requests[i].qcfg);
    for (size_t i = 0; cells && i < n; i++)
        score_cell_free(&cells[i]);
    free(requests);
    free(cells);
    free(request_of);
    free(name);
    return ret;
}
