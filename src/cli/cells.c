#define _GNU_SOURCE
#include "cli/cells.h"

#include "base/name.h"
#include "cell/name.h"
#include "cli/operands.h"
#include "exec/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Reads the configuration that an operand names; *scores is where its scores are to go. */
static int read_cell(const char *operand, const char *output, const char *state, struct score_shard shard,
                     const char *model, struct score_cell *cell, const char **scores, struct err *err) {
    struct qcfg *q = &cell->qcfg;
    struct cell_name name;
    char *path;
    if (operand_split(operand, output, &path, scores, err))
        return -1;
    int ret = qcfg_read(path, q, err) || qcfg_digest(q, cell->qcfg_digest, err) ||
              cell_name_set(&name, model, q->weight_dtype, q->act_dtype, q->granularity, err);
    free(path);
    return ret || (state && score_states_find(state, &name, shard, &cell->states, err)) ? -1 : 0;
}

/* A single cell's failure is the error, and so is a disk that takes no more; others are heard of, and counted. */
static int take_failure(const struct cells_options *options, const struct err *why, int *failed,
                        struct err *err) {
    if (options->n_operands == 1 || why->disk) {
        *err = *why;
        return -1;
    }
    options->complain(why->msg);
    ++*failed;
    return 0;
}

int cells_score(struct session *session, const struct cells_options *options, struct err *err) {
    size_t n = (size_t)options->n_operands, n_cells = 0;
    struct score_cell *cells = calloc(n, sizeof *cells);
    const char **scores = calloc(n, sizeof *scores); /* of each of the cells */
    char *name = options->name ? strdup(options->name) : session_model_name(session->options.model);
    int failed = 0, ret = -1;
    if (!cells || !scores || !name) {
        err_nomem(err);
        goto out;
    }
    if (name_check(name, err)) {
        err_wrap(err, "%s", session->options.model);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        struct err why = {0};
        if (read_cell(options->operands[i], options->output, session->options.state, options->shard, name,
                      &cells[n_cells], &scores[n_cells], &why) == 0)
            n_cells++;
        else if (take_failure(options, &why, &failed, err))
            goto out;
    }
    int batch = session->options.batch_size;
    const struct score_job job = {
        .graph = session->graph,
        .amax = &session->amax,
        .images = session->images,
        .steps = score_steps(options->score_size, batch, session->images->count),
        .batch_size = batch,
        .probes = options->probes,
        .each_call = options->each_call,
        .shard = options->shard,
        .checkpoint = session->checkpoint,
        .network = session->network,
        .fold = session->options.fold,
        .progress = session->options.progress,
    };
    int scored = job.steps * batch < session->images->count ? job.steps * batch : session->images->count;
    const struct score_result about = {name, session->options.model, scored, session->backend->kind};
    if (n_cells && score_run(session->backend, &job, cells, n_cells, err)) {
        err_wrap(err, "%s", session->options.model);
        goto out;
    }
    for (size_t i = 0; i < n_cells && !job.shard.count; i++) {
        struct err why = {0};
        if (result_write(&job, &cells[i], &about, scores[i], &why) &&
            take_failure(options, &why, &failed, err))
            goto out;
        score_states_remove(&cells[i].states);
    }
    ret = failed ? err_set(err, ERR_FAILED, "%d of %zu cells failed", failed, n) : 0;
out:
    for (size_t i = 0; cells && i < n; i++)
        score_cell_free(&cells[i]);
    free(cells);
    free(scores);
    free(name);
    return ret;
}
