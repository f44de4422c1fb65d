/* The phases as text and as JSON. */
#ifndef YS_BENCH_TABLE_H
#define YS_BENCH_TABLE_H

#include "peak.h"
#include "phases.h"

#include <cjson/cJSON.h>
#include <stdio.h>

struct measured {
    const char *model;
    const struct graph *graph;
    const struct phases *phases;
    const double *peak; /* [PEAK_KINDS], GFLOP/s */
    int threads, size;
    double peak_mib; /* resident, of the whole process */
};

/* A row a layer, then totals. Shares are of the float32 peak: exact products of bytes or bfloat16 may pass
 * it. */
void table_print(const struct measured *m, FILE *to);

/* {"model", "level", "threads", "input", "peak": {"float32", ...}, "cells", "convolutions",
 * "peak_resident_mib", "phases": {NAME: {"images", "seconds", "operations", "gflops", "share_of_peak"}},
 * "layers": {NAME: {"macs", NAME OF PHASE: {...}}}}. Seconds and operations are over all images. NULL when
 * out of memory. Caller deletes. */
cJSON *table_json(const struct measured *m);

#endif
