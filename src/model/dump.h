/* A graph as JSON, as model-dump prints it: enough to build the network again in another framework. */
#ifndef YS_MODEL_DUMP_H
#define YS_MODEL_DUMP_H

#include "model/shape.h"

#include <cjson/cJSON.h>

/* {"kind", "classes", "reg_max", "strides", "input": size, "ops": [{"kind", "in", "out", "shape", ...}],
 * "leaves", "convs": {NAME: {shapes, digests of the float32 weights, MACs, "exported"}}, "bns"}; shapes for a
 * size x size image. Caller deletes *out. */
int graph_to_json(const struct graph *graph, int size, cJSON **out, struct err *err);

#endif
