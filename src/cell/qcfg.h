/* What one cell of the grid quantizes, and how: ModelOpt's effective quant_cfg reduced to the two quantizers
 * of a convolution. qcfg-build makes a `struct qcfg` from the words of the command line and writes it as
 * JSON; sens-score, recipe-solve and report-gen read it back.
 *
 * A qcfg is a plain value: copy it freely, nothing to free. */
#ifndef YS_CELL_QCFG_H
#define YS_CELL_QCFG_H

#include "base/digest.h"
#include "format/format.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Which images calibrate a cell's amax. */
enum quant_calib {
    CALIB_MAX,  /* all of them */
    CALIB_AWQ,  /* the first max(1, batches / 4) batches: algorithm awq_lite */
    CALIB_NONE, /* algorithm null (MXFP4_DEFAULT_CFG): amax of the very tensor that is quantized */
};

struct qcfg {
    char weight_dtype[8], act_dtype[8]; /* dtypes.def */
    char granularity[24];
    char fp4_preset[8], int4_preset[16];
    enum block_dim block_dim;
    char base_format[40];  /* the preset's name, INT8_DEFAULT_CFG */
    char recipe[64];       /* ModelOpt's name for it: "CUSTOM_0(effective-bits: 8.0)" */
    double effective_bits; /* the solver's constraint */
    int bits;              /* of the narrowest enabled quantizer: a layer costs numel * bits / 16 */
    enum quant_calib calib;
    struct quantizer weight, input;
};

/* What the user chose. effective_bits is at most 16; 0: the weight type's default. */
struct qcfg_choice {
    const char *weight, *act, *granularity, *fp4_preset, *int4_preset, *block_dim;
    double effective_bits;
};

/* The words of each choice (dtypes.def, granularities.def, choices.def), NULL-terminated, the default of the
 * optional ones first. */
extern const char *const qcfg_weight_dtypes[];
extern const char *const qcfg_act_dtypes[];
extern const char *const qcfg_granularities[];
extern const char *const qcfg_fp4_presets[];
extern const char *const qcfg_int4_presets[];
extern const char *const qcfg_block_dims[];

/* A granularity of the scales (granularities.def). */
struct qcfg_granularity {
    const char *word;
    bool usual;                  /* of the default grid */
    int weight_axis, input_axis; /* that keep an amax for each index */
    enum granularity_blocks {
        GRANULARITY_WITH_BLOCKS,                 /* formats with blocks have these alone */
        GRANULARITY_WITHOUT_BLOCKS,              /* they do not go with it */
        GRANULARITY_WITHOUT_BLOCKS_AS_REFERENCE, /* nor here, for which the reference has words */
    } blocks;
    const char *scales, *runtimes; /* half a sentence, a sentence */
};
/* The row of a word of qcfg_granularities. */
const struct qcfg_granularity *qcfg_granularity_of(const char *word);

/* Derives a cell's configuration from the six presets, the dtype pair and the granularity. A cell that cannot
 * be is ERR_UNSUPPORTED, err->msg the reason; cfg's words and base_format are set
 * then too. An unknown word is ERR_USAGE. */
int qcfg_build(struct qcfg *cfg, const struct qcfg_choice *choice, struct err *err);

/* The JSON that qcfg-build prints: weight, activation, granularity, presets {fp4_preset, int4_preset},
 * block_dim, base_format, recipe, effective_bits, bits, calibration (max, awq, none), weight_quantizer and
 * input_quantizer {format, axis, block}, plus what the reference's artifacts repeat verbatim:
 * quant_cfg_overrides, effective_quant_cfg_summary (key order as the reference prints it) and the whole
 * effective_quant_cfg {quant_cfg, algorithm}, as it was given to auto_quantize (its QuantRecipe adds
 * "*output_quantizer": {enable: false} at the end). A key of an entry is there only if the preset or the
 * driver sets it. NULL when out of memory. Caller deletes. */
cJSON *qcfg_to_json(const struct qcfg *cfg);

/* Its first members, which other files have too: "weight", "activation", "granularity", and then "presets", "block_dim". */
struct json_builder;
void qcfg_add_choice(struct json_builder *b, const struct qcfg *cfg);
void qcfg_add_presets(struct json_builder *b, const struct qcfg *cfg);

/* The digest of that JSON on one line. Errors: memory. */
int qcfg_digest(const struct qcfg *cfg, char hex[DIGEST_HEX], struct err *err);

/* What qcfg-build prints for a cell that cannot be: {"reason", "base_format_name", the choice}. cfg is as
 * qcfg_build left it. NULL when out of memory. Caller deletes. */
cJSON *qcfg_reason_to_json(const struct qcfg *cfg, const char *reason);

/* Reads back what was parsed from a file, strictly: the configuration is derived anew from its choice fields
 * and must agree in every key. Errors: ERR_FAILED naming the key; ERR_UNSUPPORTED with the reason if the file
 * is one. */
int qcfg_from_json(struct qcfg *cfg, const cJSON *json, struct err *err);

/* The same from a file, or "-". */
int qcfg_read(const char *path, struct qcfg *cfg, struct err *err);

#endif
