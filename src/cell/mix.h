/* A mix: the format of each exported layer, of those of any number of cells of one model, or 16 bits. pareto-solve and keep-list
 * write it as a recipe that other tools take. This is the only code that reads or writes it.
 *
 *     {"model": "yolov10n", "rank": "detection", "none": "NONE(effective-bits: 16.0)",
 *      "formats": {"int8-int8/per_channel_weight": {"scores_digest": ..., "qcfg": what qcfg-build prints}, ...},
 *      "layers": {NAME: a key of "formats", or what "none" is},
 *      "effective_bits": 8.5, "bit_operations": 1.1e11 (null: not known), "loss": what pareto-solve predicts (null: nothing was),
 *      "fold": whether the network is the folded one,
 *      "checkpoint_digest": ... (null: not known), "version", "digest"}
 *
 * effective_bits is the mean of the exported layers' weights; bit_operations the sum over them of MACs x bits of a weight x
 * bits of an activation, of one image. */
#ifndef YS_CELL_MIX_H
#define YS_CELL_MIX_H

#include "cell/scores.h"

enum { MIX_FORMATS_MAX = 256 };

struct mix_format {
    char word[CELL_NAME_MAX];  /* "int8-int8/per_channel_weight" */
    const char *scores_digest; /* NULL: a recipe.json that does not say */
    struct qcfg qcfg;
};

struct mix {
    const char *model, *rank, *checkpoint_digest; /* the last two may be NULL; not owned, or by json */
    struct mix_format *formats;
    size_t n_formats;
    size_t *choice; /* of each layer of the scores: an index of formats; n_formats: 16 bits */
    double effective_bits, bit_operations, loss; /* NAN: not known */
    bool fold;                                   /* its layers are those of the folded network */
    cJSON *json;                                 /* what was read; NULL in a mix that is to be written */
};

/* Bits of a weight and of an activation: of a cell, and of a layer in 16 bits with qcfg NULL. */
double mix_weight_bits(const struct qcfg *qcfg);
double mix_act_bits(const struct qcfg *qcfg);

/* Sets a format of a mix that is to be written. The scores must stay. */
void mix_set_format(struct mix_format *format, const struct scores *scores);

/* The convolutions of a network, as a reader of a mix knows them. */
struct mix_layers {
    const char *const *names;
    const bool *exported;
    size_t n;
};

/* Reads and checks a mix, or recipe-solve's recipe.json, which is one of one format, for a network ("-": standard input): its
 * layers must be the exported ones, and others are in 16 bits; a recipe.json has all.
 * Errors: ERR_FAILED, one line that names the file, the layer and what to do; ERR_UNSUPPORTED for formats that cannot be. */
int mix_read(const char *path, const struct mix_layers *layers, struct mix *mix, struct err *err);

/* The same for a graph, folded or not, which the file must be of. */
struct graph;
int mix_read_for_graph(const char *path, const struct graph *graph, bool fold, struct mix *mix,
                       struct err *err);

/* The same for the network of these scores, which must be the model's and those of one of its formats. */
int mix_read_for_scores(const char *path, const struct scores *scores, struct mix *mix, struct err *err);

/* What the file holds, sealed, of the exported layers; the caller's. Errors: ERR_FAILED. */
int mix_to_json(const struct scores *scores, const struct mix *mix, cJSON **json, struct err *err);

/* Its "layers", for files that hold several mixes. */
struct json_builder;
void mix_add_layers(struct json_builder *b, const struct scores *scores, const struct mix *mix);

/* Frees what a mix owns, and zeroes it. */
void mix_free(struct mix *mix);

#endif
