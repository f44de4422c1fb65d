/* The files that keep a cell's sums (exec/sums.h) in a folder of states: CELL.sums of a whole pass, CELL.2-of-4.sums of a
 * shard of one. */
#ifndef YS_EXEC_SCORE_STATE_H
#define YS_EXEC_SCORE_STATE_H

#include "base/err.h"
#include "cell/name.h"

#include <stddef.h>

/* A pass is cut into `count` shards of as many steps each as can be; this process scores those of one, 1 .. count. count 0: all
 * steps. */
struct score_shard {
    int index, count;
};

/* "2/4", the second of four. Errors: ERR_USAGE. */
int score_shard_parse(const char *word, struct score_shard *out, struct err *err);

struct score_states {
    char **paths; /* the first is this process's own, there or not */
    size_t n;
};

/* The states of a cell that there are, by name, behind the one that a shard, or with count 0 a whole pass, adds to. Free with
 * score_states_free, after an error too. Errors: memory. A folder that cannot be read has none. */
int score_states_find(const char *folder, const struct cell_name *name, struct score_shard shard,
                      struct score_states *out, struct err *err);

/* The same of files STEM.SUFFIX and, of shards, STEM.2-of-4.SUFFIX; suffix begins with a dot. */
int score_states_named(const char *folder, const char *stem, const char *suffix, struct score_shard shard,
                       struct score_states *out, struct err *err);
void score_states_free(struct score_states *states);

/* The sums have done their duty. */
void score_states_remove(const struct score_states *states);

#endif
