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

/* defaultdict(dict, {"<layer>.quant_recipe": {formats, scores, costs}, ...}): the call of two arguments is
 * what weights_only=True accepts. chosen[i] becomes the memo of the object that best.recipe must refer to. */
static void put_stats(struct pickler *p, const struct scores *scores, const struct recipe *recipe,
                      char *const *keys, uint32_t *chosen) {
    uint32_t quantized = 0;
    pickler_global(p, "collections", "defaultdict");
    pickler_global(p, "__builtin__", "dict");
    pickler_open_dict(p);
    for (size_t i = 0; i < scores->n_layers; i++) {
        const struct scores_layer *l = &scores->layers[i];
        pickler_string(p, keys[i]);
        pickler_open_dict(p);
        pickler_string(p, "formats");
        pickler_open_list(p);
        if (i == 0)
            quantized = pickle_recipe(p, &scores->qcfg);
        else
            pickler_get(p, quantized);
        uint32_t none = pickle_none_recipe(p, recipe->none);
        chosen[i] = recipe->kept[i] ? none : quantized;
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
        pickler_close_dict(p);
    }
    pickler_close_dict(p);
    pickler_op(p, OP_TUPLE2);
    pickler_op(p, OP_REDUCE);
}

static void put_best(struct pickler *p, const struct scores *scores, const struct recipe *recipe,
                     char *const *keys, const uint32_t *chosen) {
    pickler_open_dict(p);
    pickler_string(p, "recipe");
    pickler_open_dict(p);
    for (size_t i = 0; i < scores->n_layers; i++) {
        pickler_string(p, keys[i]);
        pickler_get(p, chosen[i]);
    }
    pickler_close_dict(p);
    pickler_string(p, "constraints");
    pickler_open_dict(p);
    pickler_string(p, "effective_bits");
    pickler_real(p, recipe->bits);
    pickler_close_dict(p);
    pickler_string(p, "score");
    pickler_real(p, recipe->score);
    pickler_string(p, "is_satisfied");
    pickler_bool(p, recipe->satisfied);
    pickler_close_dict(p);
}

int state_pickle(const struct scores *scores, const struct recipe *recipe, unsigned char **bytes, size_t *n,
                 struct err *err) {
    int ret = -1;
    struct pickler *p = pickler_new();
    uint32_t *chosen = calloc(scores->n_layers, sizeof *chosen);
    char **keys = calloc(scores->n_layers, sizeof *keys);
    if (!p || !chosen || !keys) {
        err_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < scores->n_layers; i++)
        if (!(keys[i] = state_handle(scores->layers[i].name))) {
            err_nomem(err);
            goto out;
        }
    pickler_open_dict(p);
    pickler_string(p, "candidate_stats");
    put_stats(p, scores, recipe, keys, chosen);
    pickler_string(p, "best");
    put_best(p, scores, recipe, keys, chosen);
    pickler_close_dict(p);
    ret = pickler_finish(&p, bytes, n, err);
out:
    for (size_t i = 0; keys && i < scores->n_layers; i++)
        free(keys[i]);
    free(keys);
    free(chosen);
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
