/* From a module tree to the graph, its shapes and its JSON: a small YOLOv10 that the bytes edit (network.h).
 *
 * Most inputs are read as a pickle alone, beside the storages of a zip file that is built once: CRCs and
 * digests are fuzz_checkpoint's. One in SHARE goes the whole way of a checkpoint as well, which must give the
 * same. */
#include "fuzz/fuzz.h"

#include "fuzz/network.h"
#include "model/dump.h"
#include "pt/checkpoint.h"
#include "pt/pickle.h"

enum { SHARE = 32, JSON_SHARE = 4, MEMORY = 8 << 20, ENTRIES = 16384 };

/* The graph's JSON, the caller's, or NULL if the graph is refused or that is all there is to know. */
static cJSON *dump(const struct pt_value *root, bool write, struct err *err) {
    struct graph *graph = NULL;
    cJSON *json = NULL;
    fuzz_judge(graph_build(root, &graph, err), err);
    if (graph && write)
        fuzz_judge(graph_to_json(graph, 64, &json, err), err);
    graph_free(&graph);
    return json;
}

/* By the steps of checkpoint_open_bytes that follow the zip file. */
static cJSON *through_pickle(const uint8_t *edits, size_t n, bool write, struct err *err) {
    static struct buf zip;
    if (!zip.n)
        zip = network_build(NULL, 0);
    struct archive *archive = NULL;
    if (archive_open(zip.p, zip.n, &archive, err))
        abort();
    struct buf bytes = network_pickle(edits, n);
    struct pickle *pickle = NULL;
    cJSON *json = NULL;
    fuzz_judge(pickle_read(bytes.p, bytes.n, archive, MEMORY, &pickle, err), err);
    buf_free(&bytes);
    const struct pt_value *model = pickle ? pt_dict_get(pickle_root(pickle), "model") : NULL;
    struct pt_value *root = (struct pt_value *)pt_module_unwrap(model);
    if (pt_is_module(root)) {
        const int bad = pt_module_check(root, ENTRIES, err);
        fuzz_judge(bad, err);
        json = bad ? NULL : dump(root, write, err);
    }
    pickle_free(&pickle);
    archive_free(&archive);
    return json;
}

static cJSON *through_checkpoint(const uint8_t *edits, size_t n, struct err *err) {
    struct buf zip = network_build(edits, n);
    struct checkpoint *c = NULL;
    fuzz_judge(checkpoint_open_bytes("t.pt", zip.p, zip.n, &c, err), err);
    buf_free(&zip);
    cJSON *json = c ? dump(checkpoint_root(c), true, err) : NULL;
    checkpoint_free(&c);
    return json;
}

/* Whether a limit that follows from the file's size was reached: the two ways' files differ in size. */
static bool is_limit(const struct err *err) {
    return strstr(err->msg, "far more") != NULL;
}

/* Ends the program if the two ways' results differ. */
static void same(const cJSON *a, const struct err *a_err, const cJSON *b, const struct err *b_err) {
    char *a_text = a ? cJSON_PrintUnformatted(a) : NULL, *b_text = b ? cJSON_PrintUnformatted(b) : NULL;
    const bool equal = !a_text || !b_text ? a_text == b_text : strcmp(a_text, b_text) == 0;
    if (!equal && !is_limit(a_err) && !is_limit(b_err)) {
        fprintf(stderr, "ERROR: a pickle alone: %.99s %s, its checkpoint: %.99s %s\n", a ? a_text : "none",
                a_err->msg, b ? b_text : "none", b_err->msg);
        abort();
    }
    free(a_text);
    free(b_text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct err err = {0}, other_err = {0};
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += data[i];
    cJSON *json = through_pickle(data, n, sum % JSON_SHARE == 0, &err);
    if (sum % SHARE == 0) {
        cJSON *other = through_checkpoint(data, n, &other_err);
        same(json, &err, other, &other_err);
        cJSON_Delete(other);
    }
    cJSON_Delete(json);
    return 0;
}
