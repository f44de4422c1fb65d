/* Sets, choice and notes on cells whose right answers are obvious. */
#include "cell/findings.h"

#include "test.h"

static struct scores_layer layer(const char *name, double score, int64_t bits, int64_t none_bits,
                                 bool exported) {
    return (struct scores_layer){
        .name = name, .score = {score}, .bits = bits, .none_bits = none_bits, .exported = exported};
}

static bool says(const struct findings *f, const char *text) {
    for (size_t i = 0; f->notes[i]; i++)
        if (strstr(f->notes[i], text))
            return true;
    return false;
}

static void test_sets(void) {
    struct scores_layer layers[] = {
        layer("a", 10, 50, 100, true), layer("train", 1000, 50, 100, false), layer("b", 50, 50, 100, true),
        layer("c", 10, 50, 100, true), layer("d", 30, 50, 100, true),
    };
    struct scores cell = {
        .layers = layers, .n_layers = 5, .bits = 8, .qcfg = {.granularity = "per_layer", .bits = 8}};
    bool kept[5] = {[2] = true};
    struct recipe recipe = {.kept = kept, .limit = 9};
    struct findings *f = findings_new(&cell, &recipe);
    const size_t order[] = {1, 2, 4, 0, 3};
    CHECK(memcmp(f->by_score, order, sizeof order) == 0, "descending, equal scores in layer order");
    CHECK(f->n_exported == 4 && f->total == 100, "the total is of exported layers: %g", f->total);
    CHECK(f->sets[0].n == 1 && f->sets[0].held == 0.5, "50 %%: b alone, exactly half");
    CHECK(f->sets[1].n == 2 && f->sets[1].held == 0.8, "80 %%: b, d");
    CHECK(f->sets[2].n == 3 && f->sets[2].held == 0.9, "90 %%: b, d, a");
    CHECK_CLOSE(f->sets[0].bits, (250 + 50) / 500.0 * 16, 1e-15, "effective bits with b kept");
    CHECK_CLOSE(f->sets[0].exported_bits, (200 + 50) / 400.0 * 16, 1e-15, "the same over exported layers");
    CHECK_CLOSE(f->sets[2].bits, (250 + 150) / 500.0 * 16, 1e-15, "effective bits with three kept");
    CHECK(f->n_kept == 1 && f->n_kept_exported == 1 && !f->no_choice, "the solver's choice");
    CHECK(says(f, "1 of 5 layers belong to the one2many head"), "the training head is told");
    CHECK(says(f, "unfused"), "that the network is unfused is told");
    CHECK(!says(f, "Artefact"), "no artefact without blocks");
    findings_free(&f);
    CHECK(f == NULL, "freed");
    kept[1] = true;
    f = findings_new(&cell, &recipe);
    CHECK(f->n_kept == 2 && f->n_kept_exported == 1, "and how much of it is exported");
    findings_free(&f);
    recipe.limit = 8;
    f = findings_new(&cell, &recipe);
    CHECK(f->no_choice, "a limit of the format's own bits leaves no choice");
    findings_free(&f);
}

static void test_zero(void) {
    struct scores_layer layers[] = {layer("a", 0, 2, 8, true), layer("b", 0, 2, 8, true)};
    struct scores cell = {.layers = layers, .n_layers = 2, .qcfg = {.granularity = "per_layer", .bits = 4}};
    const struct recipe recipe = {.kept = (bool[2]){false}, .limit = 4};
    struct findings *f = findings_new(&cell, &recipe);
    CHECK(f->total == 0 && f->sets[0].n == 0 && f->sets[2].n == 0 && f->sets[2].held == 0,
          "no score: empty sets");
    CHECK_CLOSE(f->sets[2].bits, 4.0, 1e-15, "and everything quantized");
    findings_free(&f);
}

static void test_artefacts(void) {
    struct scores_layer layers[] = {layer("a", 1, 2, 8, true), layer("b", 1, 2, 8, true)};
    struct scores cell = {.layers = layers, .n_layers = 2, .qcfg = {.granularity = "per_layer", .bits = 4}};
    const struct recipe recipe = {.kept = (bool[2]){false}, .limit = 4};
    cell.qcfg.weight = (struct quantizer){QUANT_INT4, QUANT_AXIS_NONE, 128};
    cell.qcfg.input = (struct quantizer){QUANT_INT8, QUANT_AXIS_NONE, 0};
    struct findings *f = findings_new(&cell, &recipe);
    CHECK(says(f, "in 1x1 convolutions every weight"), "int4 blocks warn without shapes too");
    CHECK(says(f, "from their activations alone"), "and say what the scores are of");
    findings_free(&f);

    memcpy(layers[0].shape, (int[]){8, 8, 1, 1}, sizeof layers[0].shape);
    memcpy(layers[1].shape, (int[]){8, 8, 3, 3}, sizeof layers[1].shape);
    cell.qcfg.input.format = QUANT_OFF;
    f = findings_new(&cell, &recipe);
    CHECK(says(f, "(1 of these 2 layers)") && says(f, "rounding noise"),
          "with shapes the layers are counted");
    CHECK(findings_is_artefact(&cell, &layers[0]) && !findings_is_artefact(&cell, &layers[1]),
          "and 1x1 convolutions are told from others");
    findings_free(&f);

    layers[0].shape[2] = layers[0].shape[3] = 3;
    f = findings_new(&cell, &recipe);
    CHECK(!says(f, "Artefact"), "no 1x1 convolution, no warning");
    findings_free(&f);

    layers[0].shape[2] = layers[0].shape[3] = 1;
    cell.qcfg.block_dim = BLOCK_DIM_REDUCTION;
    f = findings_new(&cell, &recipe);
    CHECK(!says(f, "Artefact") && !findings_is_artefact(&cell, &layers[0]),
          "BLOCK_DIM=reduction: no warning");
    findings_free(&f);

    cell.qcfg.block_dim = BLOCK_DIM_MODELOPT;
    cell.qcfg.weight = (struct quantizer){QUANT_NVFP4, QUANT_AXIS_NONE, 16};
    f = findings_new(&cell, &recipe);
    CHECK(says(f, "only the rounding of that scale"), "fp4 blocks: another warning");
    findings_free(&f);
}

static void test_granularities(void) {
    struct scores_layer layers[] = {layer("a", 1, 8, 16, true)};
    struct scores cell = {.layers = layers, .n_layers = 1, .qcfg = {.bits = 8}};
    const struct recipe recipe = {.kept = (bool[1]){false}, .limit = 9};
    static const char *const want[][2] = {
        {"per_channel", "per_channel: one scale a channel, for weights and for activations. No runtime has"},
        {"per_layer", "per_layer: one scale a tensor, for weights too"},
        {"per_channel_weight", "per_channel_weight: weights one scale an output channel, activations one a "
                               "tensor. TensorRT, ONNX Runtime, OpenVINO"},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        strcpy(cell.qcfg.granularity, want[i][0]);
        cell.qcfg.weight.block = 0;
        struct findings *f = findings_new(&cell, &recipe);
        CHECK(says(f, want[i][1]), "%s says which runtime it predicts", want[i][0]);
        findings_free(&f);
        cell.qcfg.weight.block = 16;
        f = findings_new(&cell, &recipe);
        CHECK(!says(f, "Scales are"), "blocks have scales of their own: nothing is said of it");
        findings_free(&f);
    }
}

int main(void) {
    test_granularities();
    test_sets();
    test_zero();
    test_artefacts();
    return test_end();
}
