/* ModelOpt's presets, and how the words of a cell choose among them. The one place that knows what ModelOpt 0.40.0
 * puts into a quant_cfg. */
#ifndef YS_CELL_PRESETS_H
#define YS_CELL_PRESETS_H

#include "cell/qcfg.h"

#include <stddef.h>

/* One quantizer's entry of a quant_cfg. Whether a key is there at all matters: the artifacts repeat it, and a
 * recipe keeps its preset's name only while nothing was added. */
struct preset_entry {
    struct quantizer q;
    bool has_axis, has_enable;
    const char *block_type; /* block_sizes' "type", or NULL: no such key */
};

struct preset {
    const char *name; /* "INT8_DEFAULT_CFG" */
    enum quant_calib calib;
    struct preset_entry weight, input;
};

/* A cell's entries, after its granularity was laid over those that have no blocks. */
struct preset_cell {
    const struct preset *base; /* of its weights */
    struct preset_entry weight, input;
    bool over_weight, over_input; /* whether the granularity was laid over them */
};

/* Of a cfg whose words are set and are some of qcfg.h's lists. */
struct preset_cell preset_cell_of(const struct qcfg *cfg);

/* The solver's constraint for a type of weights, if the user names none. */
double preset_effective_bits(const char *weight_dtype);

/* What every preset switches off besides, in its order; no convolution of a YOLOv10 matches any of them. A
 * class maps to {"*": entry}, a name to the entry itself. */
struct preset_exempt {
    const char *pattern;
    bool is_class;
};
enum { PRESET_EXEMPTS = 15 };
extern const struct preset_exempt preset_exempts[PRESET_EXEMPTS];

#endif
