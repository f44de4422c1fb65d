/* Manifest, reports and composed configuration against the reference's own, of the same cell (n/): keys,
 * their order, values; headings and columns. What we add must come after. */
#define _GNU_SOURCE
#include "report/report.h"

#include "base/json.h"
#include "modelopt/state.h"
#include "test.h"

#include <ctype.h>
#include <stdlib.h>
#include <yaml.h>

static int differences;
static size_t length; /* of the artifact that was made last */

/* Whether got begins with all that want has, in its order; prints the first ten places where not. */
static void compare(const cJSON *got, const cJSON *want, const char *path) {
    char at[512];
    bool raw = cJSON_IsNumber(got) && cJSON_IsNumber(want);
    if ((got->type & 0xff) != (want->type & 0xff) || (raw && got->valuedouble != want->valuedouble) ||
        (cJSON_IsString(got) && strcmp(got->valuestring, want->valuestring) != 0)) {
        if (differences++ < 10)
            printf("#   %s differs\n", path);
        return;
    }
    const cJSON *g = got->child, *w = want->child;
    for (; g && w; g = g->next, w = w->next) {
        snprintf(at, sizeof at, "%s/%s", path, w->string ? w->string : "[]");
        if (w->string && strcmp(g->string, w->string) != 0) {
            if (differences++ < 10)
                printf("#   %s: %s stands there\n", at, g->string);
            return;
        }
        compare(g, w, at);
    }
    if ((w || (cJSON_IsArray(got) && g)) && differences++ < 10)
        printf("#   %s: another number of items\n", path);
}

/* A YAML document as JSON, scalars as strings with their style's first letter ("p" plain, "q" quoted), so
 * that a quoted number differs from a plain one. */
static cJSON *yaml_node(yaml_document_t *d, int index) {
    yaml_node_t *n = yaml_document_get_node(d, index);
    if (n->type == YAML_SCALAR_NODE) {
        char text[1024];
        snprintf(text, sizeof text, "%c%s", n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? 'p' : 'q',
                 (char *)n->data.scalar.value);
        return cJSON_CreateString(text);
    }
    cJSON *o = n->type == YAML_MAPPING_NODE ? cJSON_CreateObject() : cJSON_CreateArray();
    if (n->type == YAML_MAPPING_NODE)
        for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++)
            cJSON_AddItemToObject(o, (char *)yaml_document_get_node(d, p->key)->data.scalar.value,
                                  yaml_node(d, p->value));
    else
        for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++)
            cJSON_AddItemToArray(o, yaml_node(d, *i));
    return o;
}

static cJSON *parse_yaml(const char *text) {
    yaml_parser_t parser;
    yaml_document_t document;
    cJSON *json = NULL;
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    if (yaml_parser_load(&parser, &document)) {
        if (yaml_document_get_root_node(&document))
            json = yaml_node(&document, 1);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return json;
}

static char *whole(const char *path) {
    char *text = calloc(1, 1 << 20);
    FILE *f = fopen(path, "rb");
    if (f) {
        if (fread(text, 1, (1 << 20) - 1, f) == 0)
            printf("#   %s is empty\n", path);
        fclose(f);
    } else {
        printf("#   %s does not open\n", path);
    }
    return text;
}

static void check_tree(char *text, cJSON *(*parse)(const char *), const char *path, const char *what) {
    char *reference = whole(path);
    cJSON *got = text ? parse(text) : NULL, *want = parse(reference);
    differences = 0;
    if (got && want)
        compare(got, want, "");
    CHECK(got && want && differences == 0, "%s has the reference's keys, order and values", what);
    cJSON_Delete(got);
    cJSON_Delete(want);
    free(reference);
    free(text);
}

/* A line with every run of digits as one '#', so that lines of two runs compare. */
static void normalize(char *line) {
    char *to = line;
    for (char *p = line; *p; p++)
        if (!isdigit((unsigned char)*p))
            *to++ = *p;
        else if (to == line || to[-1] != '#')
            *to++ = '#';
    *to = '\0';
}

/* The report that came with the reference is of another run (12 images): its lines, but for numbers, must be
 * in ours in its order; table lines may go on. Rows of layers are of other values, so they are compared as a
 * set of names. */
static void check_markdown(char *text) {
    char *reference = whole("tests/report/n/report.md"), *ours = strdup(text), *save = NULL,
         *save_ours = NULL;
    char *got = strtok_r(ours, "\n", &save_ours);
    int lines = 0, rows = 0, found = 0, missing = 0;
    for (char *want = strtok_r(reference, "\n", &save); want; want = strtok_r(NULL, "\n", &save)) {
        if (strncmp(want, "|model.", 7) == 0) {
            char row[128];
            snprintf(row, sizeof row, "\n|%.*s|8.0|", (int)strcspn(want + 1, "|"), want + 1);
            found += strstr(text, row) != NULL;
            rows++;
            continue;
        }
        normalize(want);
        bool same = false;
        for (; got && !same; got = strtok_r(NULL, "\n", &save_ours)) {
            normalize(got);
            same = strncmp(got, want, strlen(want)) == 0 && (got[strlen(want)] == '\0' || *want == '|');
        }
        lines++;
        if (!same) {
            missing++;
            printf("#   missing or out of order: %s\n", want);
            break;
        }
    }
    CHECK(lines > 60 && missing == 0, "the Markdown report has the reference's %d lines in their order",
          lines);
    CHECK(rows == 108 && found == rows, "%d of its %d layers have a row", found, rows);
    free(ours);
    free(reference);
    free(text);
}

static void check_golden(char *text, const char *folder, const char *file) {
    char path[64];
    snprintf(path, sizeof path, "tests/report/%s/%s", folder, file);
    char *golden = whole(path);
    CHECK(text && strcmp(text, golden) == 0, "equal to %s", path);
    if (text && strcmp(text, golden) != 0) {
        size_t at = 0;
        while (text[at] && text[at] == golden[at])
            at++;
        printf("#   from byte %zu: got \"%.60s\", wanted \"%.60s\"\n", at, text + at, golden + at);
    }
    free(golden);
    free(text);
}

static void check_state(const struct report *r, const char *folder) {
    char path[64], *golden;
    unsigned char *bytes = NULL;
    size_t n = 0;
    struct err err = {0};
    snprintf(path, sizeof path, "tests/report/%s/state.pkl", folder);
    golden = whole(path);
    CHECK(state_pickle(&r->scores, &r->recipe, &bytes, &n, &err) == 0 && n > 1000 &&
              memcmp(bytes, golden, n) == 0,
          "equal to %s, %zu bytes", path, n);
    free(golden);
    free(bytes);
}

static void check_goldens(const struct report *r, const char *folder) {
    check_golden(report_markdown(r, &length, NULL), folder, "report.md");
    check_golden(report_json(r, &length, NULL), folder, "report.json");
    check_golden(report_composed(r, &length, NULL), folder, "composed.yaml");
    check_golden(report_manifest(r, &length, NULL), folder, "manifest.json");
    check_state(r, folder);
}

/* Texts that YAML could take for something else, or that could end the report's fence. */
static void test_hostile_yaml(struct report *cell) {
    static const char *const texts[] = {
        "yes",
        "Null",
        "y",
        "~",
        "1e5",
        "0x10",
        "12:30:00",
        "2020-01-01",
        ".5",
        "=",
        "a: b",
        "# x",
        "x #y",
        "'q'",
        "\"dq\"",
        "line\nbreak",
        "tab\t",
        "```",
        "- x",
        "",
        " lead",
        "trail ",
        "\xc3\xa9\xf0\x9f\x98\x80",
        "@x",
        "*x",
        "&x",
        "!x",
        "%x",
        "[x]",
        "{x}",
        "x\n```\n",
        "\x01",
        "---",
        "...",
        "? x",
        "true",
        "x\xc2\x85```",
        "x\xe2\x80\xa8```\xe2\x80\xa9y",
        "$(touch pwned) `touch pwned`",
        "</script><b>|=cmd()",
        "models/yolo.pt",
        "/a/b",
        "a\\nb",
    };
    enum { FIRST_PLAIN = sizeof texts / sizeof *texts - 3 };
    int good = 0, n = sizeof texts / sizeof *texts;
    const char *before = cell->checkpoint;
    for (int i = 0; i < n; i++) {
        cell->checkpoint = texts[i];
        char *text = report_composed(cell, &length, NULL);
        cJSON *doc = text ? parse_yaml(text) : NULL;
        const cJSON *got = cJSON_GetObjectItemCaseSensitive(doc, "checkpoint");
        bool fence = !text || strstr(text, "\n```") || strncmp(text, "```", 3) == 0;
        bool plain_ok = i >= FIRST_PLAIN;
        bool same = got && strcmp(got->valuestring + 1, texts[i]) == 0 && !fence &&
                    (got->valuestring[0] == 'p') == plain_ok;
        good += same;
        if (!same)
            printf("#   \"%s\" came back as \"%s\"\n", texts[i], got ? got->valuestring : "nothing");
        cJSON_Delete(doc);
        free(text);
    }
    cell->checkpoint = before;
    CHECK(good == n, "%d of %d hostile texts read back from YAML as the text they were", good, n);
}

int main(void) {
    struct err err = {0};
    struct report *n = NULL, *tiny = NULL, *tiny47 = NULL;
    CHECK(report_read("tests/report/n/scores.json", "tests/report/n/recipe.json", NULL, NULL, &n, &err) == 0,
          "n %s", err.msg);
    CHECK(report_read("tests/report/tiny/scores.json", "tests/report/tiny/recipe.json",
                      "tests/report/tiny/run.json", NULL, &tiny, &err) == 0,
          "tiny %s", err.msg);
    CHECK(report_read("tests/report/tiny47/scores.json", "tests/report/tiny47/recipe.json", NULL, NULL,
                      &tiny47, &err) == 0,
          "tiny47 %s", err.msg);
    if (n) {
        check_tree(report_manifest(n, &length, &err), cJSON_Parse, "tests/report/n/manifest.json",
                   "the manifest");
        check_tree(report_json(n, &length, &err), cJSON_Parse, "tests/report/n/report.json",
                   "the JSON report");
        check_tree(report_composed(n, &length, &err), parse_yaml, "tests/report/n/composed.yaml",
                   "the composed configuration");
        check_markdown(report_markdown(n, &length, &err));
    }
    if (tiny47)
        check_goldens(tiny47, "tiny47");
    if (tiny) {
        check_goldens(tiny, "tiny");
        test_hostile_yaml(tiny);
    }
    report_free(&n);
    report_free(&tiny);
    report_free(&tiny47);
    return test_end();
}
