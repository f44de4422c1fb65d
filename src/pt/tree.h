/* A checkpoint's module tree as JSON, for model-dump and for comparing two checkpoints.
 *
 *     {"class": "ultralytics.nn.tasks.YOLOv10DetectionModel", "attributes": {"training": false, ...},
 *      "parameters": {"weight": {"dtype": "float16", "shape": [16, 3, 3, 3], "strides": [27, 9, 3, 1],
 *                                "offset": 0, "storage": "0", "sha256": "..."}},
 *      "buffers": {...}, "children": {"model": {...}, ...}}
 *
 * Empty objects are left out. A child that is None is null. A module or tensor that was met before is
 * {"same_as": "model.0.conv"}, the path of its first occurrence. The text stays within a constant multiple of
 * the file: what a few bytes of it can name again and again, a path or a list of words, is counted. */
#ifndef YS_PT_TREE_H
#define YS_PT_TREE_H

#include "pt/checkpoint.h"

#include <cjson/cJSON.h>

enum {
    TREE_FACTOR = 24,    /* bytes of JSON in memory per byte of the file, */
    TREE_SLACK = 1 << 20 /* and what any file may take */
};

/* The checkpoint's tree, the caller's. "sha256" is that of the elements as little-endian float32 in row-major
 * order. A tensor of a dtype that cannot be read has no "sha256". "attributes" are the None, bool, int, float
 * and str attributes whose names do not begin with '_', and flat lists and tuples of those; text over 128
 * bytes and lists over 16 items are left out; a float that is not finite is the string "nan", "inf" or
 * "-inf". Errors: ERR_FAILED naming the tensor that cannot be read, or at which the text became too long. */
int pt_tree_json(const struct checkpoint *checkpoint, cJSON **out, struct err *err);

#endif
