/* The runtimes that take a list of layers to leave in 16 bits, a row each of targets.def. */
#ifndef YS_DEPLOY_TARGET_H
#define YS_DEPLOY_TARGET_H

#include "deploy/deploy.h"

struct deploy_target {
    const char *word, *what;
    const char *runtime; /* in sentences; NULL: none, any formats will do */
    bool fp8;            /* it runs fp8 beside int8 */
    bool rules;          /* ModelOpt ONNX's, of what it leaves in 16 bits whatever one asks */
    int (*print)(const struct deploy *d, FILE *f, struct err *err);
};

/* A row of a table; the last one's word is NULL. */
extern const struct deploy_target deploy_targets[];

/* Whether ModelOpt's ONNX quantizer (0.47, onnx/quantization/graph_utils.py: find_nodes_from_convs_to_exclude) leaves a
 * convolution in 16 bits whatever one asks. groups: its input's channels over shape[1]. first: it reads the graph's input. */
bool target_modelopt_leaves(const int shape[SCORES_WEIGHT_DIMS], int groups, bool first, bool fp8);

#endif
