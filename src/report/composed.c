#define _GNU_SOURCE
#include "base/memstream.h"
#include "base/utf8.h"
#include "report/parts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

static int build(const struct report *r, cJSON **tree, struct err *err) {
    struct json_builder b = json_builder();
    cell_name_add_run(&b, &r->scores.name);
    json_add_string(&b, "checkpoint", r->checkpoint);
    if (r->scores.fold)
        json_add_bool(&b, "fold", true);
    part_dataset(&b, r);
    json_open_object(&b, "autoquant");
    json_add_real(&b, "effective_bits", r->recipe.limit);
    json_add_string(&b, "method", "gradient");
    json_add_int(&b, "score_size", r->score_size);
    json_add_int(&b, "batch_size", r->batch_size);
    json_add_int(&b, "imgsz", r->scores.imgsz);
    json_close(&b);
    part_quantization(&b, r);
    return json_built(&b, tree, err);
}

/* Whether a plain s surely reads back as this text: a word that no YAML resolver takes for a number, a date,
 * a boolean or null. What is not plain is quoted, so doubt costs only quotes. */
static bool plain_is_text(const char *s) {
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    if (!isalpha((unsigned char)*s) && *s != '_' && *s != '/')
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(s, words[i]) == 0)
            return false;
    return true;
}

static bool has_control(const char *s) {
    for (; *s; s++)
        if (utf8_control(s))
            return true;
    return false;
}

static int emit_scalar(yaml_emitter_t *y, const char *text, int plain, yaml_scalar_style_t style) {
    yaml_event_t e;
    return yaml_scalar_event_initialize(&e, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), plain,
                                        1, style) &&
           yaml_emitter_emit(y, &e);
}

static int emit_text(yaml_emitter_t *y, const char *s) {
    /* on one line whatever it holds: the report shows this file inside a fence */
    return emit_scalar(y, s, plain_is_text(s),
                       has_control(s) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE);
}

/* Keys of block_sizes are integers, which JSON can only spell as texts. */
static int emit_key(yaml_emitter_t *y, const char *key) {
    const char *digits = key + (*key == '-');
    if (*digits && strspn(digits, "0123456789") == strlen(digits))
        return emit_scalar(y, key, 1, YAML_PLAIN_SCALAR_STYLE);
    return emit_text(y, key);
}

/* A number as YAML 1.1 knows it: 1e-07 without a point would be a text. */
static int emit_number(yaml_emitter_t *y, const cJSON *j) {
    char text[JSON_NUMBER + 2], *e;
    if (cJSON_IsRaw(j))
        snprintf(text, sizeof text, "%s", j->valuestring);
    else
        snprintf(text, sizeof text, "%.0f", j->valuedouble);
    if ((e = strchr(text, 'e')) && !strchr(text, '.')) {
        memmove(e + 2, e, strlen(e) + 1);
        memcpy(e, ".0", 2);
    }
    return emit_scalar(y, text, 1, YAML_PLAIN_SCALAR_STYLE);
}

static int emit_node(yaml_emitter_t *y, const cJSON *j) {
    yaml_event_t e;
    if (cJSON_IsString(j))
        return emit_text(y, j->valuestring);
    if (cJSON_IsNumber(j) || cJSON_IsRaw(j))
        return emit_number(y, j);
    if (!cJSON_IsObject(j) && !cJSON_IsArray(j))
        return emit_scalar(y,
                           cJSON_IsNull(j)   ? "null"
                           : cJSON_IsTrue(j) ? "true"
                                             : "false",
                           1, YAML_PLAIN_SCALAR_STYLE);
    bool map = cJSON_IsObject(j);
    if (!(map ? yaml_mapping_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE)
              : yaml_sequence_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE)) ||
        !yaml_emitter_emit(y, &e))
        return 0;
    for (const cJSON *c = j->child; c; c = c->next)
        if ((map && !emit_key(y, c->string)) || !emit_node(y, c))
            return 0;
    return (map ? yaml_mapping_end_event_initialize(&e) : yaml_sequence_end_event_initialize(&e)) &&
           yaml_emitter_emit(y, &e);
}

static int write_to_stream(void *stream, unsigned char *bytes, size_t n) {
    return fwrite(bytes, 1, n, stream) == n;
}

char *report_composed(const struct report *r, size_t *n, struct err *err) {
    char *text = NULL;
    int ok = 0;
    yaml_emitter_t y;
    yaml_event_t e;
    struct memstream m;
    cJSON *tree;
    if (build(r, &tree, err))
        return NULL;
    if (memstream_open(&m, NULL))
        goto out;
    if (!yaml_emitter_initialize(&y))
        goto close;
    yaml_emitter_set_output(&y, write_to_stream, m.f);
    yaml_emitter_set_unicode(&y, 1);
    yaml_emitter_set_width(&y, -1);
    ok = yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING) && yaml_emitter_emit(&y, &e) &&
         yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1) && yaml_emitter_emit(&y, &e) &&
         emit_node(&y, tree) && yaml_document_end_event_initialize(&e, 1) && yaml_emitter_emit(&y, &e) &&
         yaml_stream_end_event_initialize(&e) && yaml_emitter_emit(&y, &e);
    yaml_emitter_delete(&y);
close:
    if (memstream_close(&m, &text, n, NULL))
        ok = 0;
out:
    cJSON_Delete(tree);
    if (!ok) {
        err_nomem(err);
        free(text);
        text = NULL;
    }
    return text;
}
