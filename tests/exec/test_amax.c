/* amax files: what is written reads back, and values that no calibration finds are refused though the seal
 * fits. */
#define _GNU_SOURCE
#include "base/json.h"
#include "exec/amax.h"
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

static float weight[6] = {1, -2, 0, 0, 3e38f, -1e-45f};
static struct conv conv = {
    .name = "layer", .cin = 2, .cout = 3, .kh = 1, .kw = 1, .groups = 1, .weight = weight};
static const struct graph graph = {.convs = &conv, .n_convs = 1};
static const char digest[] = "d";

static struct amax calibrated(void) {
    struct amax a = {0};
    struct err err = {0};
    const float channels[2] = {0, 0.3f};
    CHECK(amax_new(&graph, 10, 1, &a, &err) == 0 && amax_add_input(&a, &graph, 0, channels, true, &err) == 0,
          "an input of zeros in one channel %s", err.msg);
    strcpy(a.checkpoint, digest);
    strcpy(a.calib, digest);
    a.done = a.images;
    return a;
}

/* The file's `key` of the layer with "amax" or its first channel replaced, sealed again. */
static void check_refused(const struct amax *a, const char *path, const char *key, bool channel,
                          const char *value, const char *words) {
    struct err err = {0};
    struct amax got = {0};
    cJSON *o = NULL;
    amax_to_json(a, &graph, &o, NULL);
    cJSON *range = cJSON_GetObjectItem(cJSON_GetObjectItem(cJSON_GetObjectItem(o, "layers"), "layer"), key);
    if (channel)
        cJSON_ReplaceItemInArray(cJSON_GetObjectItem(range, "channels"), 0, cJSON_CreateRaw(value));
    else
        cJSON_ReplaceItemInObject(range, "amax", cJSON_CreateRaw(value));
    CHECK(json_write_sealed(path, o, false, &err) == 0 &&
              amax_read(path, &graph, digest, digest, &got, &err) == -1 && strstr(err.msg, words) &&
              strstr(err.msg, ": layer: "),
          "%s of %s%s: %s", key, value, channel ? " in a channel" : "", err.msg);
    cJSON_Delete(o);
    amax_free(&got);
}

int main(void) {
    static const char *const wrong[] = {"-1.0", "1e39", "1e999", "-1e-300", "null", "\"1\""};
    static const char *const keys[] = {"input", "input_awq", "weight"};
    char path[] = "/tmp/test_amax.XXXXXX";
    struct err err = {0};
    struct amax a = calibrated(), got = {0};
    int fd = mkstemp(path);
    const float nan[2] = {0, NAN};
    CHECK(fd >= 0, "a file");
    CHECK(amax_write(&a, &graph, path, &err) == 0 && amax_read(path, &graph, digest, digest, &got, &err) == 0,
          "what is written reads back %s", err.msg);
    if (got.layers) {
        const struct amax_layer *l = &got.layers[0];
        CHECK(l->input[AMAX_ALL].channel[0] == 0 && l->input[AMAX_ALL].tensor == 0.3f &&
                  l->weight.tensor == 3e38f && l->weight.channel[1] == 0,
              "bit by bit, zeros too");
    }
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            check_refused(&a, path, keys[k], false, wrong[i], "amax");
            check_refused(&a, path, keys[k], true, wrong[i], "no amax");
        }
    CHECK(amax_add_input(&a, &graph, 0, nan, false, &err) == -1 &&
              strstr(err.msg, "layer: its input is not finite"),
          "a NaN is refused: %s", err.msg);
    amax_free(&a);
    amax_free(&got);
    close(fd);
    unlink(path);
    return test_end();
}
