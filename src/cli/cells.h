/* The cells that one sens-score process was asked for: from operands on the command line to scores files. */
#ifndef YS_CLI_CELLS_H
#define YS_CLI_CELLS_H

#include "exec/score.h"
#include "exec/session.h"

struct cells_options {
    char **operands; /* QCFG=SCORES each, or one QCFG */
    int n_operands;
    const char *output;       /* of a single QCFG */
    int score_size;           /* images */
    int probes;               /* vectors of signs for the detection objectives; 0: ModelOpt's scores alone */
    bool each_call;           /* ModelOpt 0.48's rule (exec/score.h) */
    struct score_shard shard; /* of a shard, sums go to its states and no scores are written */
    const char *name;         /* the model's, or NULL for the file's */
    err_say_fn *complain;     /* sees the reason of every cell that fails while others go on */
};

/* Judges operands and name before any file is opened. Errors: ERR_USAGE. */
int cells_check(const struct cells_options *options, struct err *err);

/* Scores every cell over an open session that has its amax. A cell whose configuration cannot be read, or
 * with a score that is not finite, fails alone: complain hears why and the rest is still scored and written,
 * and -1 is returned in the end with err telling how many failed. A disk that takes no more ends the work at
 * once; the states keep what was not written. */
int cells_score(struct session *session, const struct cells_options *options, struct err *err);

#endif
