/* Checkpoints of PyPI's ultralytics against what its own modules computed: every convolution's output and the
 * loss; and the words of what is refused. test_outputs [FOLDER]: the pairs that make.py left there; here,
 * the tiny ones. */
#define _GNU_SOURCE
#include "base/json.h"
#include "exec/cpu/gradient.h"
#include "exec/cpu/gradient_engine.h"
#include "pt/checkpoint.h"
#include "test.h"

#include <dirent.h>
#include <stdlib.h>

/* Relative, of the norm of the difference. Of a convolution alone, and of one value by the root mean square, ten times as
 * much. */
static const double leaf_allowed = 1e-5, allowed = 1e-4;

/* make.py's image: that of the file, where there is one. */
static float *image_of(long size, const char *path) {
    size_t n = 3 * (size_t)(size * size), had = n;
    float *image = malloc(n * sizeof *image);
    FILE *f = fopen(path, "rb");
    for (size_t i = 0; image && i < n; i++)
        image[i] = (float)((double)((uint32_t)(i * 2654435761u) >> 8) / (1 << 24));
    if (f) {
        had = image ? fread(image, sizeof *image, n, f) : 0;
        CHECK(had == n && fgetc(f) == EOF, "%s: %zu values", path, had);
        fclose(f);
    }
    return image;
}

struct comparison {
    const struct graph *graph;
    const cJSON *convs;
    double worst;
    const char *where;
    size_t n;
};

static void take(struct comparison *c, double error, const char *where) {
    if (!(error <= c->worst)) {
        c->worst = error;
        c->where = where;
    }
}

static int compare_conv(void *ctx, size_t conv, struct conv_call *const *calls, size_t n_calls,
                        struct err *err) {
    struct comparison *c = ctx;
    const char *name = c->graph->convs[conv].name;
    const cJSON *want, *first;
    double norm, rms, sum = 0;
    if (json_get_object(c->convs, name, &want, err) || json_get_real(want, "norm", &norm, err) ||
        json_get_real(want, "rms", &rms, err) || json_get_array(want, "first", &first, err))
        return err_wrap(err, "%s", name);
    for (size_t k = 0; k < n_calls; k++) {
        const int64_t *s = calls[k]->y_shape;
        for (int64_t i = 0; i < s[0] * s[1] * s[2] * s[3]; i++)
            sum += (double)calls[k]->y[i] * calls[k]->y[i];
    }
    take(c, fabs(sqrt(sum) / norm - 1), name);
    int i = 0, up = c->graph->convs[conv].up ? c->graph->convs[conv].up : 1;
    size_t plane = (size_t)(calls[0]->y_shape[2] * calls[0]->y_shape[3]);
    for (const cJSON *v = first->child; v;
         v = v->next, i++) /* of a row, whose numbers are of `up` channels in turn */
        take(c, fabs(calls[0]->y[(size_t)(i % up) * plane + (size_t)(i / up)] - v->valuedouble) / rms, name);
    c->n += i > 0;
    return 0;
}

static int build(const char *path, struct graph **graph, struct err *err) {
    struct checkpoint *checkpoint = NULL;
    int ret = checkpoint_open(path, &checkpoint, err);
    ret = ret ? ret : graph_build(checkpoint_root(checkpoint), graph, err);
    checkpoint_free(&checkpoint);
    return ret;
}

/* Every leaf against all of its numbers, as make.py wrote them behind each other. */
static void same_leaves(const char *name, const char *path, double rounding,
                        const struct gradient *gradient) {
    const struct graph *g = gradient->net->graph;
    FILE *f = fopen(path, "rb");
    double worst = 0;
    size_t where = 0, i = 0, wrong = 0;
    if (!f) {
        CHECK(false, "%s is there", path);
        return;
    }
    for (; i < g->n_leaves; i++) {
        const struct op_value v = gradient_value(gradient, g->leaves[i]);
        double off = 0, all = 0;
        float want;
        for (size_t k = 0; k < shape_numel(v.shape); k++) {
            wrong += fread(&want, sizeof want, 1, f) != 1;
            off += ((double)v.v[k] - want) * ((double)v.v[k] - want);
            all += (double)want * want;
        }
        if (!(sqrt(off / all) <= worst)) {
            worst = sqrt(off / all);
            where = i;
        }
    }
    CHECK(!wrong && fgetc(f) == EOF, "%s: %zu leaves, as ultralytics has them", name, i);
    CHECK(worst <= leaf_allowed,
          "%s: leaves are ultralytics' own: %.1e of %.0e allowed (leaf %zu); torch's own float32 is off by "
          "%.1e",
          name, worst, leaf_allowed, where, rounding);
    fclose(f);
}

static void same_outputs(const char *name, const char *path, const char *facts_path) {
    struct graph *graph = NULL;
    struct pool *pool = NULL;
    struct gradient_net *net = NULL;
    struct gradient *gradient = NULL;
    cJSON *facts = NULL;
    const int stem = (int)(strlen(path) - 3);
    float *image = NULL;
    long size, classes;
    double loss, rounding;
    char beside[1024];
    struct comparison c = {.where = "nothing"};
    struct err err = {0};
    snprintf(beside, sizeof beside, "%.*s.image", stem, path);
    if (json_read(facts_path, &facts, &err) || json_get_int(facts, "size", 32, 1024, &size, &err) ||
        json_get_int(facts, "classes", 1, 1 << 16, &classes, &err) ||
        json_get_real(facts, "loss", &loss, &err) || json_get_real(facts, "rounding", &rounding, &err) ||
        json_get_object(facts, "convs", &c.convs, &err) || build(path, &graph, &err) ||
        pool_new(2, &pool, &err) || gradient_net_new(graph, (int)size, 1, 0, 2, &net, &err) ||
        gradient_new(net, pool, &gradient, &err) || !(image = image_of(size, beside))) {
        CHECK(false, "%s: %s", name, err.msg);
        goto out;
    }
    c.graph = graph;
    gradient->images = image;
    gradient->n = 1;
    if (gradient_forward(gradient, &err)) {
        CHECK(false, "%s: %s", name, err.msg);
        goto out;
    }
    snprintf(beside, sizeof beside, "%.*s.leaves", stem, path);
    same_leaves(name, beside, rounding, gradient);
    if (gradient_run(gradient, image, 0, 1, compare_conv, &c, &err)) {
        CHECK(false, "%s: %s", name, err.msg);
        goto out;
    }
    CHECK(c.n == graph->n_convs && (int)c.n == cJSON_GetArraySize(c.convs) && graph->classes == classes,
          "%s: %zu convolutions, %d classes", name, c.n, graph->classes);
    CHECK(c.worst <= allowed, "%s: outputs are ultralytics' own: %.1e of %.0e allowed (%s)", name, c.worst,
          allowed, c.where);
    CHECK_CLOSE(gradient_loss(gradient), loss, allowed, "loss of both heads' outputs");
out:
    free(image);
    gradient_free(&gradient);
    gradient_net_free(&net);
    pool_free(&pool);
    graph_free(&graph);
    cJSON_Delete(facts);
}

static void refused(const char *name, const char *path, const char *words_path) {
    char words[200] = "";
    FILE *f = fopen(words_path, "r");
    if (f && fgets(words, sizeof words, f))
        words[strcspn(words, "\n")] = '\0';
    if (f)
        fclose(f);
    struct graph *graph = NULL;
    struct err err = {0};
    int ret = build(path, &graph, &err);
    CHECK(ret && *words && strstr(err.msg, words) && !strchr(err.msg, '\n'), "%s is refused: %s", name,
          ret ? err.msg : "it is not");
    graph_free(&graph);
}

int main(int argc, char **argv) {
    const char *folder = argc > 1 ? argv[1] : "tests/ultralytics";
    struct dirent **entries = NULL;
    int n = scandir(folder, &entries, NULL, alphasort), pairs = 0;
    for (int i = 0; i < n; i++) {
        char *name = entries[i]->d_name, *end = strrchr(name, '.'), facts[1024], checkpoint[1024];
        snprintf(facts, sizeof facts, "%s/%s", folder, name);
        if (end && (strcmp(end, ".json") == 0 || strcmp(end, ".txt") == 0)) {
            snprintf(checkpoint, sizeof checkpoint, "%s/%.*s.pt", folder, (int)(end - name), name);
            (strcmp(end, ".json") == 0 ? same_outputs : refused)(name, checkpoint, facts);
            pairs++;
        }
        free(entries[i]);
    }
    free(entries);
    CHECK(pairs > 0, "%s holds checkpoints and what they compute: %d", folder, pairs);
    return test_end();
}
