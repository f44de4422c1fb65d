/* A detector as an ONNX file, with the nodes, names, inputs and outputs of ultralytics' exporter (8.4.190, not simplified):
 * BatchNorm folded, one branch of the head; as it is, or with QuantizeLinear and DequantizeLinear around the layers
 * that are quantized.
 *
 *     struct onnx_options options = {.size = 640, .leaf = graph->exported};
 *     if (onnx_export(graph, &options, "yolov10n.onnx", &err)) ...
 *
 * Input "images" (N, 3, size, size), RGB in [0, 1]. Output "output0": (N, 4 + classes, cells), boxes as centre and size
 * in pixels and the classes' probabilities; or end to end (N, at most 300, 6), the most probable pairs of a cell and a
 * class: left, top, right, bottom, probability, class.
 *
 * Quantized layers: weights by their own calibrated ranges before folding, as codes of one byte; what they are folded with
 * goes into their scales, of which there is one an output channel. Two kernels that were merged are quantized anew, of
 * both their qcfg; if one is not quantized, the merged one is not. Activations: one scale for the tensor. */
#ifndef YS_ONNX_EXPORT_H
#define YS_ONNX_EXPORT_H

#include "cell/qcfg.h"
#include "exec/amax.h"
#include "model/graph.h"

enum { ONNX_DETECTIONS = 300 };

struct onnx_options {
    int size;
    bool dynamic_batch; /* N is any; otherwise 1 */
    bool end2end;
    size_t leaf;                     /* the y that is exported, an index into graph->leaves */
    const struct qcfg *const *qcfgs; /* of each of graph->convs, NULL: left alone; or NULL: of none */
    const struct amax *amax;         /* with qcfgs */
    const char *const *classes;      /* graph->classes names, or NULL: the numbers */
};

/* Whether ONNX has what a cell quantizes: 8 bits, axes without blocks, activations a tensor. Errors: ERR_UNSUPPORTED,
 * naming the format. */
int onnx_check_qcfg(const struct qcfg *qcfg, struct err *err);

/* Writes the file, whole or not at all; the same bytes for the same input. Errors: ERR_UNSUPPORTED and ERR_FAILED,
 * naming the layer or path. */
int onnx_export(const struct graph *graph, const struct onnx_options *options, const char *path,
                struct err *err);

#endif
