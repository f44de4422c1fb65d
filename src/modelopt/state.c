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

char *state_handle(const char *layer) {
    char *handle;
    return asprintf(&handle, "%s.quant_recipe", layer) < 0 ? NULL : handle;
}

/* What the parts of a state are made from. */
struct state {
    const struct scores *scores;
    const struct recipe *recipe;
    char **keys;        /* of each layer */
    uint32_t quantized; /* the memo of the cell's recipe, once that is written */
    uint32_t *chosen;   /* the memo of the object that best.recipe must refer to, once that is written */
    /* The signature of the cell's recipe, and of NONE; NULL where recipes have none. */
    char *signature, *none_signature;
};

/* The quantizers of a layer, by the attributes that hold them. */
static void put_attributes(struct pickler *p) {
    pickler_string(p, "input_quantizer");
    pickler_string(p, "weight_quantizer");
    pickler_string(p, "output_quantizer");
    pickler_op(p, OP_TUPLE3);
}

/* ---- What candidate_stats says of a layer, since which release ---- */

static void put_formats(struct pickler *p, struct state *s, size_t i) {
    const struct release *r = s->scores->release;
    pickler_open_list(p);
    if (i == 0)
        s->quantized = pickle_recipe(p, r, &s->scores->qcfg, s->scores->qcfg.recipe, s->signature);
    else
        pickler_get(p, s->quantized);
    uint32_t none = pickle_recipe(p, r, NULL, s->recipe->none, s->none_signature);
    s->chosen[i] = s->recipe->kept[i] ? none : s->quantized;
    pickler_close_list(p);
}

static void put_scores(struct pickler *p, struct state *s, size_t i) {
    pickler_open_list(p);
    pickler_real(p, s->scores->layers[i].score[SCORES_MODELOPT]);
    pickler_int(p, 0);
    pickler_close_list(p);
}

static void put_costs(struct pickler *p, struct state *s, size_t i) {
    pickler_open_list(p);
    pickler_real(p, scores_elements(s->scores->layers[i].bits));
    pickler_real(p, scores_elements(s->scores->layers[i].none_bits));
    pickler_close_list(p);
}

static void put_modules(struct pickler *p, struct state *s, size_t i) {
    pickler_open_list(p);
    pickler_string(p, s->scores->layers[i].name);
    pickler_close_list(p);
}

static void put_quantizers(struct pickler *p, struct state *s, size_t i) {
    pickler_open_dict(p);
    pickler_string(p, s->scores->layers[i].name);
    put_attributes(p);
    pickler_close_dict(p);
}

static void put_one(struct pickler *p, struct state *s, size_t i) {
    (void)s, (void)i;
    pickler_real(p, 1);
}

static void put_true(struct pickler *p, struct state *s, size_t i) {
    (void)s, (void)i;
    pickler_bool(p, true);
}

static void put_false(struct pickler *p, struct state *s, size_t i) {
    (void)s, (void)i;
    pickler_bool(p, false);
}

static void put_uncompressed(struct pickler *p, struct state *s, size_t i) {
    pickler_real(p, scores_elements(s->scores->layers[i].none_bits));
}

static const struct {
    const char *name;
    int since;
    void (*put)(struct pickler *p, struct state *s, size_t layer);
} layer_keys[] = {
    {"formats", 0, put_formats},
    {"scores", 0, put_scores},
    {"costs", 0, put_costs},
    {"module_names", 43, put_modules},
    {"quantizer_attrs", 46, put_quantizers},
    {"cost_weight", 45, put_one},
    {"allow_no_quant", 46, put_true},
    {"is_fixed", 46, put_false},
    {"uncompressed_cost", 46, put_uncompressed},
};

static void put_layers(struct pickler *p, struct state *s) {
    pickler_open_dict(p);
    for (size_t i = 0; i < s->scores->n_layers; i++) {
        pickler_string(p, s->keys[i]);
        pickler_open_dict(p);
        for (size_t k = 0; k < sizeof layer_keys / sizeof *layer_keys; k++)
            if (layer_keys[k].since <= s->scores->release->minor) {
                pickler_string(p, layer_keys[k].name);
                layer_keys[k].put(p, s, i);
            }
        pickler_close_dict(p);
    }
    pickler_close_dict(p);
}

/* ---- What a state holds, since which release: what was searched, which is auto_quantize's with one format and no layer
 * disabled; the layers; the choice ---- */

/* Plain, or defaultdict(dict, ...), the call of two arguments, which weights_only=True accepts where that class is a safe
 * global. */
static int put_stats(struct pickler *p, struct state *s, struct err *err) {
    const bool plain = s->scores->release->minor >= RELEASE_LISTS;
    (void)err;
    if (!plain) {
        pickler_global(p, "collections", "defaultdict");
        pickler_global(p, "__builtin__", "dict");
    }
    put_layers(p, s);
    if (!plain) {
        pickler_op(p, OP_TUPLE2);
        pickler_op(p, OP_REDUCE);
    }
    return 0;
}

static int put_best(struct pickler *p, struct state *s, struct err *err) {
    (void)err;
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
    pickler_string(p, "effective_bits");
    pickler_real(p, s->recipe->bits);
    pickler_close_dict(p);
    pickler_string(p, "score");
    pickler_real(p, s->recipe->score);
    pickler_string(p, "is_satisfied");
    pickler_bool(p, s->recipe->satisfied);
    pickler_close_dict(p);
    return 0;
}

static int by_name(const void *a, const void *b) {
    const struct scores_layer *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* What each layer was searched over, in the order of their names. */
static int put_setup(struct pickler *p, struct state *s, struct err *err) {
    const size_t n = s->scores->n_layers;
    const bool none_first = strcmp(s->none_signature, s->signature) < 0;
    const struct scores_layer **sorted = calloc(n, sizeof *sorted);
    if (!sorted)
        return err_nomem(err);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &s->scores->layers[i];
    qsort(sorted, n, sizeof *sorted, by_name);
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

static int put_method(struct pickler *p, struct state *s, struct err *err) {
    (void)s, (void)err;
    pickler_string(p, "gradient");
    return 0;
}

static int put_model(struct pickler *p, struct state *s, struct err *err) {
    (void)s, (void)err;
    pickler_string(p, "weight");
    return 0;
}

static int put_total(struct pickler *p, struct state *s, struct err *err) {
    double total = 0;
    (void)err;
    for (size_t i = 0; i < s->scores->n_layers; i++)
        total += scores_elements(s->scores->layers[i].none_bits);
    pickler_real(p, total);
    return 0;
}

static int put_signatures(struct pickler *p, struct state *s, struct err *err) {
    (void)err;
    pickler_string(p, s->signature);
    pickler_op(p, OP_TUPLE1);
    return 0;
}

static int put_none(struct pickler *p, struct state *s, struct err *err) {
    (void)s, (void)err;
    pickler_op(p, OP_NONE);
    return 0;
}

static int put_no_dict(struct pickler *p, struct state *s, struct err *err) {
    (void)s, (void)err;
    pickler_op(p, OP_EMPTY_DICT);
    return 0;
}

static int put_no_tuple(struct pickler *p, struct state *s, struct err *err) {
    (void)s, (void)err;
    pickler_op(p, OP_EMPTY_TUPLE);
    return 0;
}

static const struct {
    const char *name;
    int since;
    int (*put)(struct pickler *p, struct state *s, struct err *err);
} state_keys[] = {
    {"method", 43, put_method},
    {"cost_model", 45, put_model},
    {"cost", 45, put_no_dict},
    {"active_moe_expert_ratio", 45, put_none},
    {"cost_denominator", 45, put_total},
    {"quantization_formats_signature", RELEASE_SIGNATURES, put_signatures},
    {"fixed_quantization_config_signature", RELEASE_SIGNATURES, put_none},
    {"fixed_quantization_config", RELEASE_SIGNATURES, put_none},
    {"module_search_space_signature", RELEASE_SIGNATURES, put_no_tuple},
    {"resolved_search_setup_signature", RELEASE_SIGNATURES, put_setup},
    {"disabled_layers", RELEASE_SIGNATURES, put_none},
    {"candidate_stats", 0, put_stats},
    {"quantizer_states", 43, put_no_dict},
    {"best", 0, put_best},
};

const char *state_key(const struct release *release, size_t i) {
    for (size_t k = 0; k < sizeof state_keys / sizeof *state_keys; k++)
        if (state_keys[k].since <= release->minor && i-- == 0)
            return state_keys[k].name;
    return NULL;
}

static int put_state(struct pickler *p, struct state *s, struct err *err) {
    const struct release *r = s->scores->release;
    if (r->minor >= RELEASE_SIGNATURES && (recipe_signature(r, &s->scores->qcfg, &s->signature, err) ||
                                           recipe_signature(r, NULL, &s->none_signature, err)))
        return -1;
    for (size_t i = 0; i < s->scores->n_layers; i++)
        if (!(s->keys[i] = state_handle(s->scores->layers[i].name)))
            return err_nomem(err);
    pickler_open_dict(p);
    for (size_t k = 0; k < sizeof state_keys / sizeof *state_keys; k++)
        if (state_keys[k].since <= r->minor) {
            pickler_string(p, state_keys[k].name);
            if (state_keys[k].put(p, s, err))
                return -1;
        }
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
