/* autoquant_state.pt against the one that ModelOpt 0.40.0 itself wrote for the same cell (n/state.pt), and
 * its recipes against ModelOpt's for every dtype pair, granularity and preset (recipes.txt). */
#define _GNU_SOURCE
#include "modelopt/state.h"

#include "test.h"
#include "unpickle.h"

#include <zip.h>

static const char here[] = "tests/report/";

/* An entry of an archive in memory; NULL if it is not there. Caller frees. */
static unsigned char *entry(const unsigned char *bytes, size_t n, const char *name, size_t *size) {
    zip_error_t ze;
    zip_error_init(&ze);
    zip_source_t *source = zip_source_buffer_create(bytes, n, 0, &ze);
    zip_t *z = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &ze);
    zip_stat_t st;
    unsigned char *got = NULL;
    if (z && zip_stat(z, name, 0, &st) == 0) {
        zip_file_t *f = zip_fopen(z, name, 0);
        got = calloc(1, st.size + 1);
        *size = st.size;
        if (zip_fread(f, got, st.size) != (zip_int64_t)st.size || zip_fclose(f)) {
            free(got);
            got = NULL;
        }
    }
    if (z)
        zip_discard(z);
    else
        zip_source_free(source);
    return got;
}

static unsigned char *whole(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    unsigned char *bytes = calloc(1, 1 << 20);
    *n = f && bytes ? fread(bytes, 1, 1 << 20, f) : 0;
    if (f)
        fclose(f);
    return bytes;
}

static void test_against_modelopt(void) {
    struct err err = {0};
    struct scores cell;
    struct recipe solved;
    char scores[64], recipe[64], state[64];
    snprintf(scores, sizeof scores, "%sn/scores.json", here);
    snprintf(recipe, sizeof recipe, "%sn/recipe.json", here);
    snprintf(state, sizeof state, "%sn/state.pt", here);
    int ret = scores_read(scores, &cell, &err) || recipe_read(recipe, &cell, &solved, &err);
    CHECK(ret == 0, "the cell reads: %s", err.msg);
    if (ret)
        return;
    unsigned char *bytes = NULL, *again = NULL;
    size_t n, n_again, n_ref, size = 0;
    CHECK(state_file(&cell, &solved, &bytes, &n, &err) == 0 &&
              state_file(&cell, &solved, &again, &n_again, &err) == 0 && n == n_again &&
              memcmp(bytes, again, n) == 0,
          "the same bytes twice, %zu of them %s", n, err.msg);
    unsigned char *ref = whole(state, &n_ref);
    unsigned char *ours = entry(bytes, n, "yolov10n_wfp8_aint8_per_channel_autoquant_state/data.pkl", &size);
    size_t size_ref = 0;
    unsigned char *theirs =
        entry(ref, n_ref, "yolov10n_wfp8_aint8_per_channel_autoquant_state/data.pkl", &size_ref);
    CHECK(ours && theirs, "data.pkl is in both archives");
    if (ours && theirs) {
        char *a = node_text(unpickle(ours, size)), *b = node_text(unpickle(theirs, size_ref));
        size_t same = 0;
        while (a[same] && a[same] == b[same])
            same++;
        CHECK(strcmp(a, b) == 0,
              "every value, type, order and shared object is ModelOpt's, over %zu characters", strlen(b));
        if (a[same] != b[same])
            printf("#   ours   ...%.120s\n#   theirs ...%.120s\n", a + (same > 40 ? same - 40 : 0),
                   b + (same > 40 ? same - 40 : 0));
        free(a);
        free(b);
        unpickle_free();
    }
    free(ours);
    free(theirs);
    free(ref);
    free(again);
    free(bytes);
    recipe_free(&solved);
    scores_free(&cell);
}

static struct scores_layer small_layer = {
    .name = "a.conv", .score = {0.5}, .bits = 32, .none_bits = 128, .exported = true};
static const struct recipe small_recipe = {
    .kept = (bool[]){false}, .none = recipe_none, .bits = 4, .score = 0.5, .satisfied = true};

/* The scores of one layer in formats of those words. */
static int small_scores(struct scores *scores, const struct qcfg_choice *choice, struct err *err) {
    *scores = (struct scores){.layers = &small_layer, .n_layers = 1, .release = release_of("0.40")};
    return qcfg_build(&scores->qcfg, choice, err) ||
                   cell_name_set(&scores->name, "m", choice->weight, choice->act, choice->granularity, err)
               ? -1
               : 0;
}

#define STEM "m_wint8_afp8_per_layer_autoquant_state"

static void test_archive(void) {
    struct scores scores;
    struct qcfg_choice choice = {"int8", "fp8", "per_layer", "nvfp4", "blockwise", "modelopt", 0};
    struct err err = {0};
    unsigned char *bytes = NULL;
    size_t n = 0;
    CHECK(small_scores(&scores, &choice, &err) == 0 &&
              state_file(&scores, &small_recipe, &bytes, &n, &err) == 0,
          "a state of one layer %s", err.msg);
    static const struct {
        const char *name, *want;
    } entries[] = {{STEM "/.format_version", "1"},
                   {STEM "/.storage_alignment", "64"},
                   {STEM "/byteorder", "little"},
                   {STEM "/version", "3\n"}};
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        size_t size;
        char *got = (char *)entry(bytes, n, entries[i].name, &size);
        CHECK(got && strcmp(got, entries[i].want) == 0, "%s", entries[i].name);
        free(got);
    }
    size_t size;
    char *id = (char *)entry(bytes, n, STEM "/.data/serialization_id", &size);
    CHECK(id && strspn(id, "0123456789") == 40 && size == 40, "serialization_id: %s", id ? id : "missing");
    free(id);
    /* local file headers: stored (method 0), DOS time 0, date 1980-01-01 */
    int headers = 0, plain = 0;
    for (size_t i = 0; i + 30 < n; i++)
        if (memcmp(bytes + i, "PK\3\4", 4) == 0) {
            headers++;
            plain += memcmp(bytes + i + 8, "\0\0\0\0\x21\0", 6) == 0;
        }
    CHECK(headers == 6 && plain == 6, "%d of %d entries are stored and have the fixed time", plain, headers);
    free(bytes);
}

static void put_attribute(FILE *f, struct node *a) {
    static const char *const keys[] = {"enable", "num_bits", "axis", "block_sizes"};
    struct node *d = node_get(a, "__dict__"), *set = node_get(a, "__pydantic_fields_set__");
    fputs(" | {", f);
    for (int i = 0; i < 4; i++) {
        char *text = node_text(node_get(d, keys[i]));
        fprintf(f, "%s%s:%s", i ? "," : "", keys[i], text);
        free(text);
    }
    fputs("}set(", f);
    const char *comma = "";
    for (int i = 0; i < 4; i++)
        for (size_t j = 0; j < set->n; j++)
            if (strcmp(set->item[j]->text, keys[i]) == 0) {
                fprintf(f, "%s%s", comma, keys[i]);
                comma = ",";
            }
    fputs(")", f);
}

/* The recipe as recipes.txt shows it. Caller frees. */
static char *recipe_line(const struct scores *scores) {
    unsigned char *pkl = NULL;
    size_t n, n_text;
    char *text = NULL;
    struct err err = {0};
    if (state_pickle(scores, &small_recipe, &pkl, &n, &err))
        return NULL;
    struct node *stats = node_get(unpickle(pkl, n), "candidate_stats");
    struct node *q = node_get(node_get(stats, "a.conv.quant_recipe"), "formats")->item[0];
    struct node *config = node_get(node_get(q, "config"), "__dict__"),
                *quant_cfg = node_get(config, "quant_cfg");
    char *algorithm = node_text(node_get(config, "algorithm"));
    FILE *f = open_memstream(&text, &n_text);
    fprintf(f, "%s %s %s %s %s | %s | %s | %s", scores->qcfg.weight_dtype, scores->qcfg.act_dtype,
            scores->qcfg.granularity, scores->qcfg.fp4_preset, scores->qcfg.int4_preset,
            node_get(q, "_str_repr")->text, node_get(q, "compression")->text, algorithm);
    put_attribute(f, node_get(quant_cfg, "*weight_quantizer"));
    put_attribute(f, node_get(quant_cfg, "*input_quantizer"));
    fclose(f);
    free(algorithm);
    free(pkl);
    unpickle_free();
    return text;
}

static void test_recipes(void) {
    char path[64], line[1024];
    int n = 0, good = 0;
    snprintf(path, sizeof path, "%srecipes.txt", here);
    FILE *f = fopen(path, "r");
    CHECK(f != NULL, "%s opens", path);
    while (f && fgets(line, sizeof line, f)) {
        char w[8], a[8], g[24], f4[8], i4[16];
        if (*line == '#' || sscanf(line, "%7s %7s %23s %7s %15s", w, a, g, f4, i4) != 5)
            continue;
        line[strcspn(line, "\n")] = '\0';
        struct scores scores;
        struct qcfg_choice choice = {w, a, g, f4, i4, "modelopt", 0};
        struct err err = {0};
        char *got = small_scores(&scores, &choice, &err) == 0 ? recipe_line(&scores) : NULL;
        n++;
        if (got && strcmp(got, line) == 0)
            good++;
        else
            printf("#   got    %s %s\n#   wanted %s\n", got ? got : "", err.msg, line);
        free(got);
    }
    if (f)
        fclose(f);
    CHECK(n == 232 && good == n, "%d of %d recipes are ModelOpt's, field by field", good, n);
}

/* Of every release: the keys are state_key's, the choice is one of the layer's own objects, and what a weight costs is the same in
 * the recipe's name, in its compression and in the layer's costs. */
static void test_releases(void) {
    static const struct qcfg_choice nvfp4 = {"fp4", "fp4", "per_layer", "nvfp4", "blockwise", "modelopt", 0};
    for (const char *const *word = release_words; *word; word++) {
        struct scores_layer layer = {
            .name = "a.conv", .score = {0.5}, .bits = 32, .none_bits = 128, .exported = true};
        const struct release *r = release_of(*word);
        struct scores scores;
        struct err err = {0};
        unsigned char *pkl = NULL;
        size_t n, keys = 0;
        int ret = small_scores(&scores, &nvfp4, &err);
        scores.layers = &layer;
        release_apply(r, &scores);
        ret = ret || state_pickle(&scores, &small_recipe, &pkl, &n, &err);
        CHECK(ret == 0, "a state for ModelOpt %s %s", *word, err.msg);
        if (ret)
            continue;
        struct node *state = unpickle(pkl, n);
        while (keys * 2 < state->n && state_key(r, keys) &&
               strcmp(state->item[2 * keys]->text, state_key(r, keys)) == 0)
            keys++;
        struct node *of = node_get(node_get(state, "candidate_stats"), "a.conv.quant_recipe");
        struct node *recipe = node_get(of, "formats")->item[0];
        struct node *best = node_get(node_get(node_get(state, "best"), "recipe"), "a.conv.quant_recipe");
        const double cost = atof(node_get(of, "costs")->item[0]->text);
        CHECK(keys * 2 == state->n && !state_key(r, keys) && keys >= 2, "its %zu keys", keys);
        CHECK(best == recipe, "its choice is the layer's own object");
        CHECK(cost == release_bits(r, &scores.qcfg) / 2 &&
                  cost / 8 == atof(node_get(recipe, "compression")->text) &&
                  strtod(strchr(node_get(recipe, "_str_repr")->text, ' '), NULL) == cost * 2,
              "a weight costs %g bits everywhere", cost * 2);
        free(pkl);
        unpickle_free();
    }
}

int main(void) {
    test_against_modelopt();
    test_archive();
    test_recipes();
    test_releases();
    return test_end();
}
