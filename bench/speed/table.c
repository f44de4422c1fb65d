#include "table.h"

#include "base/cpu.h"
#include "base/json.h"

/* 10^9 operations a second; 0 where nothing was computed. */
static double rate(const struct effort *e) {
    return e->operations > 0 && e->seconds > 0 ? e->operations / e->seconds * 1e-9 : 0;
}

/* Milliseconds an image, rate, share. */
static void print_effort(const struct measured *m, enum phase phase, const struct effort *e, FILE *to) {
    fprintf(to, "%10.2f", 1e3 * e->seconds / m->phases->images[phase]);
    if (e->operations > 0)
        fprintf(to, "%9.1f%6.0f%%", rate(e), 100 * rate(e) / m->peak[PEAK_F32]);
    else
        fprintf(to, "%9s%7s", "-", "-");
}

void table_print(const struct measured *m, FILE *to) {
    const struct phases *p = m->phases;
    fprintf(to, "%s at %d, %d threads, %s; peak", m->model, m->size, m->threads,
            cpu_level_names[cpu_level()]);
    for (int i = 0; i < PEAK_KINDS; i++)
        if (m->peak[i] > 0)
            fprintf(to, " %s %.0f G/s", peak_names[i], m->peak[i]);
    fprintf(to, "\n%d cells are %d convolutions a layer and image\n\n", p->cells, p->convolutions);
    fprintf(to, "%-34s%8s", "", "");
    for (int i = 0; i < PHASES; i++)
        fprintf(to, "  %-*s", i < PHASES - 1 ? 24 : 0, phase_names[i]);
    fprintf(to, "\n%-34s%8s", "layer", "MMAC");
    for (int i = 0; i < PHASES; i++)
        fprintf(to, "%10s%9s%7s", "ms", "GFLOP/s", "peak");
    fputc('\n', to);
    for (size_t i = 0; i < p->n_convs; i++) {
        fprintf(to, "%-34s%8.1f", m->graph->convs[i].name, p->macs[i] * 1e-6);
        for (int k = 0; k < PHASES; k++)
            print_effort(m, (enum phase)k, &p->layers[k][i], to);
        fputc('\n', to);
    }
    fprintf(to, "\n%-34s%8s%10s%9s%7s%10s\n", "phase", "images", "ms/image", "GFLOP/s", "peak", "seconds");
    for (int i = 0; i < PHASES; i++) {
        fprintf(to, "%-34s%8d", phase_names[i], p->images[i]);
        print_effort(m, (enum phase)i, &p->total[i], to);
        fprintf(to, "%10.2f\n", p->total[i].seconds);
    }
    fprintf(to, "peak resident %.0f MiB\n", m->peak_mib);
}

static void add_effort(cJSON *parent, const struct measured *m, enum phase phase, const struct effort *e) {
    cJSON *o = cJSON_AddObjectToObject(parent, phase_names[phase]);
    cJSON_AddNumberToObject(o, "images", m->phases->images[phase]);
    cJSON_AddNumberToObject(o, "seconds", e->seconds);
    cJSON_AddNumberToObject(o, "operations", e->operations);
    cJSON_AddNumberToObject(o, "gflops", rate(e));
    cJSON_AddNumberToObject(o, "share_of_peak", rate(e) / m->peak[PEAK_F32]);
}

cJSON *table_json(const struct measured *m) {
    const struct phases *p = m->phases;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "model", m->model);
    cJSON_AddStringToObject(o, "level", cpu_level_names[cpu_level()]);
    cJSON_AddNumberToObject(o, "threads", m->threads);
    cJSON_AddNumberToObject(o, "input", m->size);
    cJSON *peak = cJSON_AddObjectToObject(o, "peak");
    for (int i = 0; i < PEAK_KINDS; i++)
        if (m->peak[i] > 0)
            cJSON_AddNumberToObject(peak, peak_names[i], m->peak[i]);
    cJSON_AddNumberToObject(o, "cells", p->cells);
    cJSON_AddNumberToObject(o, "convolutions", p->convolutions);
    cJSON_AddNumberToObject(o, "peak_resident_mib", m->peak_mib);
    cJSON *phases = cJSON_AddObjectToObject(o, "phases"), *layers = cJSON_AddObjectToObject(o, "layers");
    for (int i = 0; i < PHASES; i++)
        add_effort(phases, m, (enum phase)i, &p->total[i]);
    for (size_t k = 0; k < p->n_convs; k++) {
        cJSON *layer = cJSON_AddObjectToObject(layers, m->graph->convs[k].name);
        cJSON_AddNumberToObject(layer, "macs", p->macs[k]);
        for (int i = 0; i < PHASES; i++)
            add_effort(layer, m, (enum phase)i, &p->layers[i][k]);
    }
    return o;
}
