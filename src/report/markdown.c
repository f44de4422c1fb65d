#define _GNU_SOURCE
#include "report/report.h"

#include "base/json.h"
#include "base/memstream.h"
#include "cell/findings.h"
#include "report/detection.h"
#include "report/keep.h"
#include "report/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void open_table(FILE *f, const char *title) {
    fprintf(f, "\n## %s\n\n\n|Key|Value|\n| :--- | :--- |\n", title);
}

static void put_row(FILE *f, const char *key, const char *value) {
    fprintf(f, "|%s|", key);
    text_put_code(f, value);
    fputs("|\n", f);
}

__attribute__((format(printf, 3, 4))) static void put_rowf(FILE *f, const char *key, const char *fmt, ...) {
    char value[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    put_row(f, key, value);
}

/* `a`, `b`: n of the layers that are wanted, most sensitive first, after skip of them. */
static void put_layers(FILE *f, const struct report *r, const struct findings *found, size_t skip, size_t n,
                       bool (*wanted)(const struct report *, size_t)) {
    const char *before = "";
    for (size_t i = 0; i < r->scores.n_layers && n; i++) {
        const size_t layer = found->by_score[i];
        if (!wanted(r, layer))
            continue;
        if (skip) {
            skip--;
            continue;
        }
        fputs(before, f);
        text_put_code(f, r->scores.layers[layer].name);
        before = ", ";
        n--;
    }
}

static bool is_exported(const struct report *r, size_t layer) {
    return r->scores.layers[layer].exported;
}

static bool is_kept(const struct report *r, size_t layer) {
    return r->recipe.kept[layer];
}

static bool is_quantized(const struct report *r, size_t layer) {
    return !r->recipe.kept[layer];
}

static void put_sets(FILE *f, const struct report *r, const struct findings *found) {
    fputs("\n## Layers to Keep in 16 Bits\n\n", f);
    if (!(found->total > 0)) {
        fputs("No exported layer has a score above zero: nothing to choose from.\n", f);
        return;
    }
    fprintf(
        f,
        "The fewest of the %zu exported layers that together hold a share of the total of their "
        "sensitivity, which is ModelOpt's score, and the effective bits if these stay in 16 bits while all "
        "others are quantized. A keep list (make keep-list) holds a share of the rank RANK_BY, detection "
        "unless another one is named, and has other layers.\n\n",
        found->n_exported);
    fputs("|Share of score|Layers|Effective bits|Effective bits, exported layers|\n| :--- | :--- | :--- | "
          ":--- |\n",
          f);
    for (int k = 0; k < FINDING_SETS; k++) {
        const struct finding_set *s = &found->sets[k];
        fprintf(f, "|%.0f %%|%zu|%.4f|%.4f|\n", 100 * s->share, s->n, s->bits, s->exported_bits);
    }
    fputc('\n', f);
    for (int k = 0; k < FINDING_SETS; k++) {
        const struct finding_set *s = &found->sets[k];
        size_t before = k ? found->sets[k - 1].n : 0;
        fprintf(f, "- %.0f %%: ", 100 * s->share);
        if (before && s->n > before)
            fprintf(f, "those and %zu more: ", s->n - before);
        if (s->n > before)
            put_layers(f, r, found, before, s->n - before, is_exported);
        else
            fputs("the same layers", f);
        fputc('\n', f);
    }
}

static void put_choice(FILE *f, const struct report *r, const struct findings *found) {
    fputs("\n## Solver's Choice\n\n", f);
    if (found->no_choice) {
        fprintf(f,
                "The limit of %.4g effective bits is the format's own size (%.4g bits), which leaves no "
                "choice: every layer is quantized.\n",
                r->recipe.limit, r->scores.bits);
        return;
    }
    fprintf(f,
            "Under the limit of %.4g effective bits, %zu of %zu layers stay in 16 bits (%.4f effective bits",
            r->recipe.limit, found->n_kept, r->scores.n_layers, r->recipe.bits);
    if (found->n_kept > found->n_kept_exported)
        fprintf(f, "; %zu of the %zu are in the one2many head, which an export drops",
                found->n_kept - found->n_kept_exported, found->n_kept);
    fputc(')', f);
    size_t quantized = r->scores.n_layers - found->n_kept;
    if (found->n_kept && found->n_kept <= quantized) {
        fputs(", the most sensitive first: ", f);
        put_layers(f, r, found, 0, found->n_kept, is_kept);
    } else if (quantized && found->n_kept) {
        fputs(": all but ", f);
        put_layers(f, r, found, 0, quantized, is_quantized);
    }
    fputs(".\n", f);
}

static void put_notes(FILE *f, const struct findings *found) {
    fputs("\n## Notes\n\n", f);
    for (size_t i = 0; found->notes[i]; i++)
        fprintf(f, "- %s\n", found->notes[i]);
}

static void put_summary(FILE *f, const struct report *r) {
    open_table(f, "Summary");
    put_row(f, "Scheme", r->title);
    put_row(f, "Model", r->checkpoint);
    if (r->scores.fold)
        put_row(f, "Network", "folded, as it is exported");
    put_rowf(f, "Effective bits (from search)", "%.4f", r->recipe.bits);
    put_rowf(f, "Total AutoQuant score", "%.6e", r->recipe.score);
    put_row(f, "Constraint satisfied", r->recipe.satisfied ? "True" : "False");

    open_table(f, "Dataset");
    if (r->image_list)
        put_row(f, "Image list", r->image_list);
    put_rowf(f, "Image size", "%ld", r->scores.imgsz);
    put_rowf(f, "Batch size", "%ld", r->batch_size);
    put_rowf(f, "Calibration batches", "%ld",
             (r->scores.calibration_images + r->batch_size - 1) / r->batch_size);
    fprintf(f, "|Calibration samples (used / max)|`%ld` / `%ld`|\n", r->scores.calibration_images,
            r->calib_images_max);
}

/* Sorts the keys of objects, at every depth. */
static void sort_keys(cJSON *o) {
    for (cJSON *c = o->child; c; c = c->next)
        sort_keys(c);
    for (int left = cJSON_IsObject(o) ? cJSON_GetArraySize(o) : 0; left > 0; left--) {
        cJSON *least = o->child, *c = o->child;
        for (int i = 0; i < left; i++, c = c->next)
            least = strcmp(c->string, least->string) < 0 ? c : least;
        cJSON_AddItemToArray(o, cJSON_DetachItemViaPointer(o, least)); /* allocates nothing */
    }
}

static int put_quantization(FILE *f, const struct report *r) {
    const struct qcfg *q = &r->scores.qcfg;
    const cJSON *overrides = cJSON_GetObjectItemCaseSensitive(r->qcfg_json, "quant_cfg_overrides");
    open_table(f, "Quantization");
    put_row(f, "Base format", q->base_format);
    fprintf(f, "|Dtypes|`W=%s` / `A=%s`|\n", q->weight_dtype, q->act_dtype);
    put_row(f, "Granularity", q->granularity);
    put_row(f, "Quant cfg overrides", overrides && overrides->child ? "see below" : "none");
    if (!overrides || !overrides->child)
        return 0;
    cJSON *copy = cJSON_Duplicate(overrides, 1);
    if (copy)
        sort_keys(copy);
    char *text = copy ? json_text(copy) : NULL;
    cJSON_Delete(copy);
    if (!text)
        return -1;
    fprintf(f, "\n\n```json\n%s```", text);
    free(text);
    return fputc('\n', f) == EOF ? -1 : 0;
}

static bool has_nodes(const struct report *r) {
    return !r->scores.nodes;
}

/* What we know of a layer beyond the reference's columns. */
static void put_facts(FILE *f, const struct report *r, const struct findings *found, const struct keep *keep,
                      size_t layer) {
    const struct scores_layer *l = &r->scores.layers[layer];
    fprintf(f, "%s|%s|", l->exported ? "yes" : "no", r->recipe.kept[layer] ? "16 bits" : "quantized");
    if (l->exported && found->total > 0)
        fprintf(f, "%.2f %%", 100 * l->score[SCORES_MODELOPT] / found->total);
    fputc('|', f);
    if (l->shape[0])
        fprintf(f, "%d x %d x %d x %d", l->shape[0], l->shape[1], l->shape[2], l->shape[3]);
    fputc('|', f);
    if (l->macs >= 0)
        fprintf(f, "%.3e", l->macs);
    fprintf(f, "|%s%s|", findings_is_artefact(&r->scores, l) ? "artefact" : "",
            !keep_leaves(keep, layer)             ? ""
            : findings_is_artefact(&r->scores, l) ? ", left by the runtime"
                                                  : "left by the runtime");
    detection_put_columns(f, r, layer);
    if (has_nodes(r)) {
        text_put_code(f, l->node ? l->node : "");
        fputc('|', f);
    }
    fputc('\n', f);
}

static void put_table(FILE *f, const struct report *r, const struct findings *found,
                      const struct keep *keep) {
    fputs("\n## Layer Sensitivity Table\n\n\n"
          "Sorted by sensitivity (descending). Layer names are AutoQuant recipe handles; a trailing "
          "`.quant_recipe` suffix (if present) is stripped for readability.\n\n"
          "|Layer|Num Bits|Sensitivity|Size Cost|Exported|Solver|Share of Score|Weight Shape|MACs|Note|",
          f);
    detection_put_heads(f, r);
    fputs(has_nodes(r) ? "ONNX Node|" : "", f);
    fputs("\n| :--- | :--- | :--- | :--- | :--- | :--- | ---: | :--- | :--- | :--- |", f);
    detection_put_rule(f, r);
    fputs(has_nodes(r) ? " :--- |" : "", f);
    fputc('\n', f);
    for (size_t i = 0; i < r->scores.n_layers; i++) {
        const struct scores_layer *l = &r->scores.layers[found->by_score[i]];
        fputc('|', f);
        text_put(f, l->name);
        fprintf(f, "|%.1f|%.3e|%.3e|", r->scores.bits, l->score[SCORES_MODELOPT], scores_elements(l->bits));
        put_facts(f, r, found, keep, found->by_score[i]);
    }
}

static int put_composed(FILE *f, const struct report *r) {
    size_t n;
    char *text = report_composed(r, &n, NULL), file[REPORT_FILE_MAX];
    if (!text)
        return -1;
    fprintf(f, "\n## Composed Config (`%s`)\n\n\n```yaml\n%s```\n",
            report_file(REPORT_COMPOSED, &r->scores.name, file), text);
    free(text);
    return 0;
}

static void put_title(FILE *f, const struct report *r) {
    static const char before[] = "AutoQuant Layer Sensitivity (";
    fprintf(f, "\n%s", before);
    text_put(f, r->title);
    fputs(")\n", f);
    for (size_t i = 0; i < strlen(before) + strlen(r->title) + 1; i++)
        fputc('=', f);
    fputc('\n', f);
}

char *report_markdown(const struct report *r, size_t *n, struct err *err) {
    char *text = NULL;
    struct findings *found = findings_new(&r->scores, &r->recipe);
    struct keep keep = {0};
    struct memstream m;
    int bad = 1;
    if (!found || keep_open(r, &keep, NULL) || memstream_open(&m, NULL))
        goto out;
    put_title(m.f, r);
    bad = detection_put(m.f, r);
    put_sets(m.f, r, found);
    bad |= keep_put(m.f, &keep);
    put_choice(m.f, r, found);
    put_notes(m.f, found);
    put_summary(m.f, r);
    bad |= put_quantization(m.f, r);
    put_table(m.f, r, found, &keep);
    bad |= put_composed(m.f, r);
    bad |= memstream_close(&m, &text, n, NULL);
out:
    findings_free(&found);
    keep_free(&keep);
    if (bad) {
        err_nomem(err);
        free(text);
        return NULL;
    }
    return text;
}
