#define _GNU_SOURCE
#include "modelopt/state.h"

#include "base/digest.h"
#include "base/name.h"
#include "modelopt/recipe_pickle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

const char *const *state_keys(const struct release *release) {
    static const char *const two[] = {"candidate_stats", "best", NULL};
    static const char *const all[] = {"method",
                                      "cost_model",
                                      "cost",
                                      "active_moe_expert_ratio",
                                      "cost_denominator",
                                      "quantization_formats_signature",
                                      "fixed_quantization_config_signature",
                                      "fixed_quantization_config",
                                      "module_search_space_signature",
                                      "resolved_search_setup_signature",
                                      "disabled_layers",
                                      "candidate_stats",
                                      "quantizer_states",
                                      "best",
                                      NULL};
    return release->state == RELEASE_SIGNED ? all : two;
}

char *state_handle(const char *layer) {
    char *handle;
    return asprintf(&handle, "%s.quant_recipe", layer) < 0 ? NULL : handle;
}

/* What the parts of a state are made from. */
struct state {
    const struct scores *scores;
    const struct recipe *recipe;
    char **keys;      /* of each layer */
    uint32_t *chosen; /* the memo of the object that best.recipe must refer to, once that is written */
    /* The signature of the cell's recipe, and of NONE; NULL where recipes have none. */
    char *signature, *none_signature;
};

static void put_text(struct pickler *p, const char *key, const char *text) {
    pickler_string(p, key);
    pickler_string(p, text);
}

static void put_none(struct pickler *p, const char *key) {
    pickler_string(p, key);
    pickler_op(p, OP_NONE);
}

static void put_bool(struct pickler *p, const char *key, bool v) {
    pickler_string(p, key);
    pickler_bool(p, v);
}

static void put_real(struct pickler *p, const char *key, double v) {
    pickler_string(p, key);
    pickler_real(p, v);
}

static void put_empty_dict(struct pickler *p, const char *key) {
    pickler_string(p, key);
    pickler_op(p, OP_EMPTY_DICT);
}

/* The quantizers of a layer, by the attributes that hold them. */
static void put_attributes(struct pickler *p) {
    pickler_string(p, "input_quantizer");
    pickler_string(p, "weight_quantizer");
    pickler_string(p, "output_quantizer");
    pickler_op(p, OP_TUPLE3);
}

/* What a state with signatures says of a layer besides. */
static void put_group(struct pickler *p, const struct scores_layer *l) {
    pickler_string(p, "module_names");
    pickler_open_list(p);
    pickler_string(p, l->name);
    pickler_close_list(p);
    pickler_string(p, "quantizer_attrs");
    pickler_open_dict(p);
    pickler_string(p, l->name);
    put_attributes(p);
    pickler_close_dict(p);
    put_real(p, "cost_weight", 1);
    put_bool(p, "allow_no_quant", true);
    put_bool(p, "is_fixed", false);
    put_real(p, "uncompressed_cost", scores_elements(l->none_bits));
}

static void put_layers(struct pickler *p, const struct state *s) {
    uint32_t quantized = 0;
    pickler_open_dict(p);
    for (size_t i = 0; i < s->scores->n_layers; i++) {
        const struct scores_layer *l = &s->scores->layers[i];
        pickler_string(p, s->keys[i]);
        pickler_open_dict(p);
        pickler_string(p, "formats");
        pickler_open_list(p);
        if (i == 0)
            quantized =
                pickle_recipe(p, s->scores->release, &s->scores->qcfg, s->scores->qcfg.recipe, s->signature);
        else
            pickler_get(p, quantized);
        uint32_t none = pickle_recipe(p, s->scores->release, NULL, s->recipe->none, s->none_signature);
        s->chosen[i] = s->recipe->kept[i] ? none : quantized;
        pickler_close_list(p);
        pickler_string(p, "scores");
        pickler_open_list(p);
        pickler_real(p, l->score[SCORES_MODELOPT]);
        pickler_int(p, 0);
        pickler_close_list(p);
        pickler_string(p, "costs");
        pickler_open_list(p);
        pickler_real(p, scores_elements(l->bits));
        pickler_real(p, scores_elements(l->none_bits));
        pickler_close_list(p);
        if (s->scores->release->state == RELEASE_SIGNED)
            put_group(p, l);
        pickler_close_dict(p);
    }
    pickler_close_dict(p);
}

/* {"<layer>.quant_recipe": {formats, scores, costs}, ...}: in a state of two keys inside defaultdict(dict, ...), the call of two
 * arguments, which weights_only=True accepts where that class is a safe global; else plain, which needs none. */
static void put_stats(struct pickler *p, const struct state *s) {
    pickler_string(p, "candidate_stats");
    if (s->scores->release->state == RELEASE_SIGNED) {
        put_layers(p, s);
        return;
    }
    pickler_global(p, "collections", "defaultdict");
    pickler_global(p, "__builtin__", "dict");
    put_layers(p, s);
    pickler_op(p, OP_TUPLE2);
    pickler_op(p, OP_REDUCE);
}

static void put_best(struct pickler *p, const struct state *s) {
    pickler_string(p, "best");
    pickler_open_dict(p);
    pickler_string(p, "recipe");
    pickler_open_dict(p);
    for (size_t i = 0; i < s->scores->n_layers; i++) {
        pickler_string(p, s->keys[i]);
        pickler_get(p, s->chosen[i]);
    }
    pickler_close_dict(p);
    pickler_string(p, "constraints");
    pickler_open_dict(p);
    put_real(p, "effective_bits", s->recipe->bits);
    pickler_close_dict(p);
    put_real(p, "score", s->recipe->score);
    put_bool(p, "is_satisfied", s->recipe->satisfied);
    pickler_close_dict(p);
}

static int by_name(const void *a, const void *b) {
    const struct scores_layer *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* What each layer was searched over, in the order of their names. */
static int put_setup(struct pickler *p, const struct state *s, struct err *err) {
    const size_t n = s->scores->n_layers;
    const bool none_first = strcmp(s->none_signature, s->signature) < 0;
    const struct scores_layer **sorted = calloc(n, sizeof *sorted);
    if (!sorted)
        return err_nomem(err);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &s->scores->layers[i];
    qsort(sorted, n, sizeof *sorted, by_name);
    pickler_string(p, "resolved_search_setup_signature");
    pickler_op(p, OP_MARK);
    for (size_t i = 0; i < n; i++) {
        const char *name = sorted[i]->name;
        pickler_op(p, OP_MARK);
        pickler_string(p, name);
        pickler_string(p, name);
        pickler_op(p, OP_TUPLE1);
        pickler_string(p, name);
        put_attributes(p);
        pickler_op(p, OP_TUPLE2);
        pickler_op(p, OP_TUPLE1);
        pickler_string(p, name);
        pickler_op(p, OP_TUPLE1);
        pickler_string(p, none_first ? s->none_signature : s->signature);
        pickler_string(p, none_first ? s->signature : s->none_signature);
        pickler_op(p, OP_TUPLE2);
        pickler_bool(p, true);  /* allow_no_quant */
        pickler_bool(p, false); /* is_fixed */
        pickler_real(p, 1);     /* cost_weight */
        pickler_op(p, OP_TUPLE);
    }
    pickler_op(p, OP_TUPLE);
    free(sorted);
    return 0;
}

/* What a state with signatures has before the layers: the search that it belongs to, auto_quantize's with one format and no
 * layer disabled. */
static int put_search(struct pickler *p, const struct state *s, struct err *err) {
    double total = 0;
    for (size_t i = 0; i < s->scores->n_layers; i++)
        total += scores_elements(s->scores->layers[i].none_bits);
    put_text(p, "method", "gradient");
    put_text(p, "cost_model", "weight");
    put_empty_dict(p, "cost");
    put_none(p, "active_moe_expert_ratio");
    put_real(p, "cost_denominator", total);
    put_text(p, "quantization_formats_signature", s->signature);
    pickler_op(p, OP_TUPLE1);
    put_none(p, "fixed_quantization_config_signature");
    put_none(p, "fixed_quantization_config");
    pickler_string(p, "module_search_space_signature");
    pickler_op(p, OP_EMPTY_TUPLE);
    if (put_setup(p, s, err))
        return -1;
    put_none(p, "disabled_layers");
    return 0;
}

static int put_state(struct pickler *p, struct state *s, struct err *err) {
    const bool has_search = s->scores->release->state == RELEASE_SIGNED;
    if (s->scores->release->config == RELEASE_ENTRIES &&
        (recipe_signature(s->scores->release, &s->scores->qcfg, &s->signature, err) ||
         recipe_signature(s->scores->release, NULL, &s->none_signature, err)))
        return -1;
    for (size_t i = 0; i < s->scores->n_layers; i++)
        if (!(s->keys[i] = state_handle(s->scores->layers[i].name)))
            return err_nomem(err);
    pickler_open_dict(p);
    if (has_search && put_search(p, s, err))
        return -1;
    put_stats(p, s);
    if (has_search)
        put_empty_dict(p, "quantizer_states");
    put_best(p, s);
    pickler_close_dict(p);
    return 0;
}

int state_pickle(const struct scores *scores, const struct recipe *recipe, unsigned char **bytes, size_t *n,
                 struct err *err) {
    int ret = -1;
    struct pickler *p = pickler_new();
    struct state s = {.scores = scores,
                      .recipe = recipe,
                      .keys = calloc(scores->n_layers, sizeof *s.keys),
                      .chosen = calloc(scores->n_layers, sizeof *s.chosen)};
    if (!p || !s.chosen || !s.keys)
        err_nomem(err);
    else if (put_state(p, &s, err) == 0)
        ret = pickler_finish(&p, bytes, n, err);
    for (size_t i = 0; s.keys && i < scores->n_layers; i++)
        free(s.keys[i]);
    free(s.keys);
    free(s.chosen);
    free(s.signature);
    free(s.none_signature);
    pickler_free(&p);
    return ret;
}

/* Forty decimal digits that stand for the contents, as torch's writer has them. */
static void serialization_id(const unsigned char *bytes, size_t n, char id[41]) {
    char hex[DIGEST_HEX];
    uint64_t a, b;
    digest_bytes(bytes, n, hex);
    sscanf(hex, "%16" SCNx64 "%16" SCNx64, &a, &b);
    snprintf(id, 41, "%020" PRIu64 "%020" PRIu64, a, b);
}

/* Adds an entry <stem>/<name>, stored, of a fixed time. bytes must live until the archive is closed. */
static int add_entry(zip_t *z, const char *stem, const char *name, const void *bytes, size_t n,
                     struct err *err) {
    char *path = NULL;
    if (name_format(&path, err, "%s/%s", stem, name))
        return -1;
    int ret = -1;
    zip_source_t *source = zip_source_buffer(z, bytes, n, 0);
    zip_int64_t at = source ? zip_file_add(z, path, source, ZIP_FL_ENC_UTF_8) : -1;
    if (at < 0) {
        zip_source_free(source);
        if (zip_error_code_zip(zip_get_error(z)) == ZIP_ER_OK)
            err_nomem(err); /* which libzip does not tell */
        else
            err_set(err, ERR_FAILED, "%s: %s", path, zip_strerror(z));
    } else if (zip_set_file_compression(z, (zip_uint64_t)at, ZIP_CM_STORE, 0) ||
               zip_file_set_dostime(z, (zip_uint64_t)at, 0, 1 << 5 | 1, 0)) /* 1980-01-01 */
        err_set(err, ERR_FAILED, "%s: %s", path, zip_strerror(z));
    else
        ret = 0;
    free(path);
    return ret;
}

/* What libzip wrote into its buffer. */
static int read_back(zip_source_t *archive, unsigned char **bytes, size_t *n, struct err *err) {
    zip_stat_t stat;
    int opened = 0;
    *bytes = NULL;
    if (zip_source_stat(archive, &stat) || !(stat.valid & ZIP_STAT_SIZE) || zip_source_open(archive))
        goto fail;
    opened = 1;
    *n = stat.size;
    if (!(*bytes = malloc(*n + 1))) {
        zip_source_close(archive);
        return err_nomem(err);
    }
    if (zip_source_read(archive, *bytes, *n) != (zip_int64_t)*n)
        goto fail;
    (*bytes)[*n] = '\0';
    zip_source_close(archive);
    return 0;
fail:
    err_set(err, ERR_FAILED, "the state's archive: %s", zip_error_strerror(zip_source_error(archive)));
    if (opened)
        zip_source_close(archive);
    free(*bytes);
    *bytes = NULL;
    return -1;
}

int state_file(const struct scores *scores, const struct recipe *recipe, unsigned char **bytes, size_t *n,
               struct err *err) {
    int ret = -1;
    unsigned char *pkl = NULL;
    size_t n_pkl;
    char id[41], title[CELL_NAME_MAX], *stem = NULL;
    zip_error_t ze;
    zip_source_t *archive = NULL;
    zip_t *z = NULL;
    zip_error_init(&ze);
    *bytes = NULL;
    if (state_pickle(scores, recipe, &pkl, &n_pkl, err))
        goto out;
    serialization_id(pkl, n_pkl, id);
    if (name_format(&stem, err, "%s_autoquant_state", cell_name_print(&scores->name, CELL_FILE, title)))
        goto out;
    if (!(archive = zip_source_buffer_create(NULL, 0, 0, &ze)) ||
        !(z = zip_open_from_source(archive, ZIP_CREATE | ZIP_TRUNCATE, &ze))) {
        err_set(err, ERR_FAILED, "the state's archive: %s", zip_error_strerror(&ze));
        goto out;
    }
    zip_source_keep(archive); /* zip_close gives up the archive's own hold on it */
    if (add_entry(z, stem, "data.pkl", pkl, n_pkl, err) ||
        add_entry(z, stem, ".format_version", "1", 1, err) ||
        add_entry(z, stem, ".storage_alignment", "64", 2, err) ||
        add_entry(z, stem, "byteorder", "little", 6, err) || add_entry(z, stem, "version", "3\n", 2, err) ||
        add_entry(z, stem, ".data/serialization_id", id, 40, err))
        goto out;
    if (zip_close(z)) {
        err_set(err, ERR_FAILED, "the state's archive: %s", zip_strerror(z));
        goto out;
    }
    z = NULL;
    ret = read_back(archive, bytes, n, err);
out:
    if (z) /* holds archive once itself, unless zip_open failed */
        zip_discard(z);
    zip_source_free(archive);
    zip_error_fini(&ze);
    free(stem);
    free(pkl);
    return ret;
}
