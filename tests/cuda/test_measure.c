/* Damage measured on a GPU against the CPU's, of the checkpoint in tests/models at 160 pixels; the same bytes on every run, and with
 * little memory. */
#define _GNU_SOURCE
#include "device_test.h"
#include "image/prepare.h"
#include "measure_taken.h"

enum { SIZE = 160, IMAGES = 10, MEGABYTES = 100 };

/* ---- what is measured ---- */

static int put(void *ctx, int index, const uint8_t *chw, const struct image *file, struct err *err) {
    char name[16];
    snprintf(name, sizeof name, "image %d", index);
    return calib_put(ctx, name, file->sha256, chw, err);
}

static int write_images(const char *path, struct err *err) {
    struct image_list *list = NULL;
    struct calib_writer *w = NULL;
    int ret = image_list_read(&list, "calib/quant100.txt", IMAGES, IMAGES, err);
    ret = ret ? ret : calib_create(path, NULL, IMAGES, SIZE, &w, err);
    ret = ret ? ret : image_prepare(list, SIZE, 4, put, w, err);
    ret = ret ? ret : calib_finish(&w, NULL, err);
    calib_abandon(&w);
    image_list_free(&list);
    return ret;
}

/* Classes that are sure of some anchors, as they are at the size that the checkpoint was trained at. */
static void make_sure(struct graph *g) {
    for (size_t i = 0; i < g->n_convs; i++) {
        struct conv *c = &g->convs[i];
        if (c->cout != g->classes || !c->exported || !c->bias)
            continue;
        for (size_t k = 0; k < conv_numel(c); k++)
            c->weight[k] *= 10;
        for (int k = 0; k < c->cout; k++)
            c->bias[k] += 3;
    }
}

static int said;
static void say(const char *message) {
    said += strstr(message, "memory is short") != NULL;
}

/* The card with so many bytes left: less than the images need at once. */
static int measure_in(size_t bytes, const struct subject *f, struct taken *t, struct err *err) {
    size_t left = 0, total = 0;
    char limit[32];
    cudaMemGetInfo(&left, &total);
    snprintf(limit, sizeof limit, "%zu", total - left + bytes);
    setenv("YOLOSENS_CUDA_BYTES", limit, 1);
    int ret = measure(f, "cuda", 4, 1, say, t, err);
    unsetenv("YOLOSENS_CUDA_BYTES");
    return ret;
}

/* ---- checks ----
 *
 * The two backends add in different orders, so an input on the border between two codes falls to one side here and to the
 * other there. One quantized layer's damage hardly changes by that (measure_taken.h; twice as much, since both round). Of many
 * layers each sees the others' changed codes, and in the end they are two draws of the same noise: on the CPU, weights that are
 * off by one part in ten million move an image's class_kl of all layers by up to a half, and its sum over four images by up to
 * a fifth. So sets are compared by their sums, unless only weights are quantized, which has no such borders. */

enum { KINDS = 2 /* of metrics */ };
static const char *const kinds[KINDS] = {"class_kl", "box_loss"};

static double metric(const struct taken *t, int kind, size_t at) {
    return kind ? t->results[at].box_loss : t->results[at].class_kl;
}

/* Places of the variants behind those of single layers. */
static size_t none_of(const struct subject *f) {
    return f->n_variants - RANDOM_SETS - 3;
}

static void check_images(const struct taken *gpu, const struct taken *cpu, size_t n, int kind,
                         const char *cell) {
    double *got = calloc(2 * IMAGES * n, sizeof *got), *want = got + IMAGES * n;
    struct comparison c;
    for (size_t i = 0; i < IMAGES * n; i++) {
        got[i] = metric(gpu, kind, i / n * gpu->n + i % n);
        want[i] = metric(cpu, kind, i / n * gpu->n + i % n);
    }
    compare(&c, got, want, IMAGES * n);
    CHECK(c.worst <= 2 && c.most > 0.01, "%s: %s by image: %.2f of what is allowed; up to %.2g", cell,
          kinds[kind], c.worst / 2, c.most);
    free(got);
}

static void check_sums(const struct taken *gpu, const struct taken *cpu, size_t first, int kind,
                       const char *cell) {
    double worst = 0;
    for (size_t v = first; v < gpu->n - 1; v++) {
        double got = 0, want = 0;
        for (size_t i = 0; i < IMAGES; i++) {
            got += metric(gpu, kind, i * gpu->n + v);
            want += metric(cpu, kind, i * gpu->n + v);
        }
        worst = fmax(worst, fabs(got - want) / want);
    }
    CHECK(worst < 0.25, "%s: %s of sets: off by %.2f", cell, kinds[kind], worst);
}

/* Boxes of the same rank are about as probable; at the border of what is found at all, some may be missing. */
static bool found_alike(const struct measure_result *a, const struct measure_result *b) {
    size_t least = a->found.n < b->found.n ? a->found.n : b->found.n;
    bool alike = a->found.n + b->found.n - 2 * least <= 2;
    for (size_t k = 0; k < least; k++)
        alike = alike && fabsf(a->found.boxes[k].score - b->found.boxes[k].score) < 0.05f;
    return alike;
}

static void check_cell(const struct subject *f, const struct taken *gpu, const struct taken *cpu,
                       const char *cell) {
    size_t none = none_of(f), n = format_quantizes(&f->qcfg.input) ? none : gpu->n;
    bool found = true, nothing = true;
    for (int kind = 0; kind < KINDS; kind++) {
        check_images(gpu, cpu, n, kind, cell);
        check_sums(gpu, cpu, none + 1, kind, cell);
    }
    for (size_t i = 0; i < IMAGES * gpu->n; i++) {
        const struct measure_result *r = &gpu->results[i];
        found = found && (i % gpu->n >= n || found_alike(r, &cpu->results[i]));
        if (i % gpu->n == none || i % gpu->n == gpu->n - 1)
            nothing = nothing && r->class_kl == 0 && r->box_loss == 0;
    }
    CHECK(found && gpu->results[none].found.n > 10, "%s: detections are the CPU's (%zu)", cell,
          gpu->results[none].found.n);
    CHECK(nothing, "%s: nothing quantized, or training's head alone, has damage 0 exactly", cell);
    CHECK(memcmp(gpu->sure, cpu->sure, IMAGES * sizeof *cpu->sure) == 0 && gpu->sure[0] > 0,
          "%s: sure anchors (%zu)", cell, gpu->sure[0]);
}

static void test_cell(struct subject *f, struct qcfg_choice choice, size_t every) {
    char cell[100];
    struct err err = {0};
    snprintf(cell, sizeof cell, "%s-%s/%s", choice.weight, choice.act, choice.granularity);
    said = 0;
    make_variants(f, every);
    struct taken gpu = taken_new(IMAGES, f->n_variants), again = taken_new(IMAGES, f->n_variants),
                 cpu = taken_new(IMAGES, f->n_variants), small = taken_new(IMAGES, f->n_variants);
    if (qcfg_build(&f->qcfg, &choice, &err) || measure(f, "cpu", 4, 1, say, &cpu, &err) ||
        measure(f, "cuda", 4, 1, say, &gpu, &err) || measure(f, "cuda", 4, 2, say, &again, &err)) {
        CHECK(false, "%s: %s", cell, err.msg);
    } else {
        check_cell(f, &gpu, &cpu, cell);
        CHECK(!said && same(&gpu, &again), "%s: the same bytes again, and from a second run", cell);
        int ret = measure_in((size_t)MEGABYTES << 20, f, &small, &err);
        CHECK(!ret && said == 1 && same(&gpu, &small), "%s: the same bytes with %d MiB, and it is said: %s",
              cell, MEGABYTES, err.msg);
    }
    taken_free(&gpu);
    taken_free(&again);
    taken_free(&cpu);
    taken_free(&small);
    free_variants(f);
}

/* A number that is none: the CPU's words. */
static void check_words(const struct subject *f, struct taken *t, const char *what) {
    struct err cpu = {0}, gpu = {0};
    int ret = measure(f, "cpu", 4, 1, say, t, &cpu) && measure(f, "cuda", 4, 1, say, t, &gpu);
    CHECK(ret && strstr(gpu.msg, "not finite") && strcmp(cpu.msg, gpu.msg) == 0, "%s: %s", what, gpu.msg);
}

static void test_not_finite(struct subject *f) {
    struct qcfg_choice choice = {"int8", "int8", "per_layer", "nvfp4", "blockwise", "modelopt", 0};
    struct err err = {0};
    struct conv *c = &f->graph->convs[3];
    float was = c->weight[0], *amax = &f->amax.layers[3].input[AMAX_ALL].tensor, range = *amax;
    make_variants(f, 1000);
    struct taken t = taken_new(IMAGES, f->n_variants);
    CHECK(qcfg_build(&f->qcfg, &choice, &err) == 0, "a cell: %s", err.msg);
    c->weight[0] = INFINITY;
    check_words(f, &t, "the unquantized network");
    c->weight[0] = was;
    *amax = NAN;
    check_words(f, &t, "a quantized one");
    *amax = range;
    taken_free(&t);
    free_variants(f);
}

int main(void) {
    struct subject f = {0};
    struct err err = {0};
    int ret = subject_open(&f, TEST_CHECKPOINT, make_sure, write_images, &err);
    CHECK(ret == 0, "a network, images, ranges: %s", err.msg);
    if (!ret) {
        test_cell(&f, (struct qcfg_choice){"int8", "int8", "per_layer", "nvfp4", "blockwise", "modelopt", 0},
                  1);
        test_cell(&f, (struct qcfg_choice){"fp8", "fp8", "per_channel", "nvfp4", "blockwise", "modelopt", 0},
                  1);
        test_cell(&f, (struct qcfg_choice){"fp4", "fp4", "per_layer", "nvfp4", "blockwise", "modelopt", 0},
                  1);
        test_cell(&f, (struct qcfg_choice){"int4", "fp16", "per_layer", "nvfp4", "blockwise", "modelopt", 0},
                  5);
        test_cell(&f, (struct qcfg_choice){"int4", "int4", "per_layer", "nvfp4", "awq", "reduction", 0}, 9);
        test_no_change(&f, "cuda");
        test_not_finite(&f);
    }
    subject_close(&f);
    return test_end();
}
