/* What the convolutions of a network are called in the ONNX file that ultralytics' exporter makes of it, by the layers'
 * names alone: for scores that do not say it, as ModelOpt's own. sens-score's say it, from the graph (model/fold.h).
 *
 * A node is named after the modules that are called on the way to it, "/Conv" at the end: a Sequential is a module of its
 * own and comes again before its child's index, "/cv1/cv1.0"; a ModuleList is none, and stands with the index, "/m.0". Which
 * of them holds children that are only numbered is known by what YOLOv8 to YOLO26 are made of: the root's layers are a list;
 * of two numbers in a row the first is a list's index; "m" is a list, but in C3 and C3k (it has a sister cv3) and where
 * attention blocks stand in it (C2PSA, PSA); all else is a Sequential. Checked against what ultralytics 8.4.190 exports of
 * v8n, v10n, v10s, v10b, 11n, 11m, 12n, 12l, 26n and 26m (tests/cell/nodes.txt). Before the export the two kernels of a
 * RepVGGDW, ".conv.conv" and ".conv1.conv", are merged into one, ".conv". */
#ifndef YS_CELL_NODE_H
#define YS_CELL_NODE_H

#include "cell/scores.h"

/* Fills in the nodes of scores none of whose layers has one: "/model.0/conv/Conv" of "model.0.conv". Errors: memory. */
int node_fill(struct scores *scores, struct err *err);

#endif
