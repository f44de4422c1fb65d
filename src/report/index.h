/* What the index of a run, its page and layers.csv take from its scored cells: cells go in one after the other, in the order of the
 * grid; what they have in common is gathered, and comes out once, at the end.
 *
 *     struct index *index;
 *     if (index_open(&index, top, rank, lines, rows, say, &err)) ...
 *     for (...) // index_read side by side, index_add in order
 *         if (index_read(path, verify, &cell, &err) || index_add(index, cell, out_dir, &err)) ...
 *     if (index_finish(index, &err)) ...
 *     index_free(&index);
 *
 * A line of JSON a cell:
 *
 *     {"out_dir", "checkpoint": {"path", "digest"}, "score_images", "stability", "kernel_blocks",
 *      "top_layers": [{"layer", "sensitivity"}],               the first by ModelOpt's score, equal ones in the model's order
 *      "ranked_layers": {"by", "layers": [{"layer", "value"}]}, the first exported ones by the rank; absent for ModelOpt's
 *      "scores": [...], "bits": of a weight                     of the model's layers, four digits; one number where all are equal
 *      "keep": {"convolutions": PLACE, "ranks": {RANK: {"values": [...], "order": [...]}}, "targets": [[PLACE, PLACE], ...]}}
 *
 * keep is deploy_all's, null of a cell that it refuses: values are of the model's layers, in four digits (ModelOpt's have none, since
 * they are the scores); a target is where it stands among all targets, and where its notes do.
 *
 * The last line: {"layers": {MODEL: {"name": [...], "weight", "input", "output", "macs", "parameters", "exported"}},
 * "convolutions": [[[LAYER, ...], ...], ...], "targets": [...], "notes": [...], "words": [[...], ...]}. A model's layers are its
 * first cell's, then what others have beside them. A target is deploy_all's without notes, and "each" a place among the words. */
#ifndef YS_REPORT_INDEX_H
#define YS_REPORT_INDEX_H

#include "cell/rank.h"

#include <stdio.h>

struct index;
struct index_cell;

/* top: how many layers a cell's lists name; rank: what ranked_layers are ranked by, detection where a cell was not measured.
 * lines receives the JSON, rows layers.csv, whose head is written at once; both stay the caller's, which checks them for errors.
 * say hears of each cell why it is left out, or its verify.json, or why it has no keep list, the path first. Errors: memory. */
int index_open(struct index **index, size_t top, enum rank rank, FILE *lines, FILE *rows, err_say_fn *say,
               struct err *err);

/* Reads a scores.json and, where there is one, its verify.json (NULL: none). *cell is the caller's until index_add, which leaves
 * out a cell whose scores cannot be read. Errors: memory. Any number of threads. */
int index_read(const char *scores, const char *verify, struct index_cell **cell, struct err *err);

/* Adds the next cell, which is the index's then, whatever is returned. Errors: memory. */
int index_add(struct index *index, struct index_cell *cell, const char *out_dir, struct err *err);

/* Writes the last line. Errors: memory. */
int index_finish(struct index *index, struct err *err);

void index_free(struct index **index);
void index_cell_free(struct index_cell **cell);

/* layers.csv's rows of a cell, a row a layer; detection: each layer's value of that rank, NULL where it has none. */
void index_put_head(FILE *f);
struct damage;
void index_put_rows(FILE *f, const struct scores *scores, const struct damage *damage,
                    const double *detection);

#endif
