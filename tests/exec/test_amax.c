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
static const struct amax_origin origin = {digest, digest, 1};

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
              amax_read(path, &graph, &origin, &got, &err) == -1 && strstr(err.msg, words) &&
              strstr(err.msg, ": layer: "),
          "%s of %s%s: %s", key, value, channel ? " in a channel" : "", err.msg);
    cJSON_Delete(o);
    amax_free(&got);
}

static void check_stale_by(const char *path, const struct amax_origin *by, const char *words) {
    struct err err = {0};
    struct amax got = {0};
    CHECK(amax_read(path, &graph, by, &got, &err) == -1 && strstr(err.msg, words), "stale: %s", err.msg);
    amax_free(&got);
}

/* Every input that the numbers depend on differs in turn. */
static void check_stale(const struct amax *a, const char *path) {
    struct err err = {0};
    struct amax got = {0}, widened = {0};
    CHECK(amax_write(a, &graph, path, &err) == 0, "written again");
    check_stale_by(path, &(struct amax_origin){"e", digest, 1},
                   "made from another checkpoint; run calib-stats again");
    check_stale_by(path, &(struct amax_origin){digest, "e", 1},
                   "made from other calibration images; run calib-stats again");
    check_stale_by(path, &(struct amax_origin){digest, digest, 4},
                   "for another batch size, whose AWQ images are 2; run calib-stats again with batches of 4");
    cJSON *o = NULL;
    amax_to_json(a, &graph, &o, NULL);
    cJSON_ReplaceItemInObject(o, "revision", cJSON_CreateNumber(3));
    CHECK(json_write_sealed(path, o, false, &err) == 0, "by another revision");
    check_stale_by(path, &origin, "made by revision 3 of the code");
    cJSON_Delete(o);

    const float more[2] = {0, 0.30000004f};
    CHECK(amax_write(a, &graph, path, &err) == 0 && amax_read(path, &graph, &origin, &got, &err) == 0 &&
              amax_read(path, &graph, &origin, &widened, &err) == 0 &&
              strcmp(got.digest, widened.digest) == 0,
          "the same ranges have one digest: %s", got.digest);
    CHECK(amax_add_input(&widened, &graph, 0, more, false, &err) == 0 &&
              amax_finish(&widened, &graph, &err) == 0 && strcmp(got.digest, widened.digest) != 0,
          "an ulp more has another");
    amax_free(&got);
    amax_free(&widened);
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
    CHECK(amax_write(&a, &graph, path, &err) == 0 && amax_read(path, &graph, &origin, &got, &err) == 0,
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
    check_stale(&a, path);
    CHECK(amax_add_input(&a, &graph, 0, nan, false, &err) == -1 &&
              strstr(err.msg, "layer: its input is not finite"),
          "a NaN is refused: %s", err.msg);
    amax_free(&a);
    amax_free(&got);
    close(fd);
    unlink(path);
    return test_end();
}
