#define _GNU_SOURCE
#include "report/report.h"

#include <stdio.h>
#include <stdlib.h>

char *report_layers(const struct report *r, size_t *n, struct err *err) {
    char *text = NULL;
    FILE *f = open_memstream(&text, n);
    for (size_t i = 0; f && i < r->scores.n_layers; i++)
        fprintf(f, "%zu,%.9g,%d\n", i, r->scores.layers[i].score[SCORES_MODELOPT], r->recipe.kept[i]);
    if (!f || fclose(f)) {
        err_nomem(err);
        free(text);
        return NULL;
    }
    return text;
}
