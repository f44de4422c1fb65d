/* Names of nodes by layers' names alone, against what ultralytics' exporter called them (nodes.txt: MODEL LAYER NODE), and what
 * ModelOpt ONNX leaves in 16 bits, against its rules written once more, line by line. */
#include "deploy/node.h"
#include "deploy/target.h"
#include "test.h"

#include <stdlib.h>

enum { LAYERS = 1000, TEXT = 128 };

static char names[LAYERS][TEXT], nodes[LAYERS][TEXT];
static struct scores_layer layers[LAYERS];

static void check_model(const char *model, size_t n) {
    const struct scores scores = {.layers = layers, .n_layers = n};
    int wrong = 0;
    for (size_t i = 0; i < n; i++) {
        char *node = NULL;
        struct err err = {0};
        if (node_name(&scores, names[i], &node, &err) || strcmp(node, nodes[i]) != 0) {
            printf("# %s: %s, not %s\n", names[i], node ? node : err.msg, nodes[i]);
            wrong++;
        }
        free(node);
    }
    CHECK(n >= 60 && !wrong, "%s: all %zu nodes are called as its export has them", model, n);
}

static void check_export(void) {
    FILE *f = fopen("tests/deploy/nodes.txt", "r");
    char model[TEXT], before[TEXT] = "";
    size_t n = 0;
    int models = 0;
    CHECK(f, "tests/deploy/nodes.txt is there");
    if (!f)
        return;
    for (;;) {
        const bool more = n < LAYERS && fscanf(f, "%127s %127s %127s", model, names[n], nodes[n]) == 3;
        if (n && (!more || strcmp(model, before) != 0)) {
            check_model(before, n);
            models++;
            memcpy(names[0], names[n], TEXT);
            memcpy(nodes[0], nodes[n], TEXT);
            n = 0;
        }
        if (!more)
            break;
        layers[n].name = names[n];
        layers[n].exported = true;
        strcpy(before, model);
        n++;
    }
    fclose(f);
    CHECK(models == 7, "of seven models");
}

static void check_merging(void) {
    struct scores_layer l[] = {{.name = "model.8.cv1.2.conv.conv"},
                               {.name = "model.8.cv1.2.conv1.conv"},
                               {.name = "model.9.conv1.conv"}};
    const struct scores scores = {.layers = l, .n_layers = 3};
    CHECK(node_merged_into(&scores, 1) == 0 && node_merged_into(&scores, 0) == 0,
          "a RepVGGDW's small kernel is merged into the large one");
    CHECK(node_merged_into(&scores, 2) == 2, "a layer that is only called like one is merged into none");
    CHECK(node_exported_length(l[0].name) == strlen("model.8.cv1.2.conv") &&
              node_exported_length(l[2].name) == strlen(l[2].name),
          "the merged kernel has the name of both");
}

/* find_nodes_from_convs_to_exclude, as its Python has it. */
static bool leaves(int out, int in, int kh, int kw, int group, bool first, bool fp8) {
    if (out < 16 || in < 16) {
        if (!fp8) {
            if (group == 1 && (out % 8 == 0 || in % 8 == 0) && (first || (out >= 16 || in >= 16)) && kh == kw)
                return false;
            if (group > 1 && out % 8 == 0 && kh >= 3 && kw >= 3)
                return false;
        }
        return true;
    }
    if (fp8 && kh * kw > 32)
        return true;
    return fp8 && (out <= 16 || in <= 16);
}

static void check_rules(void) {
    static const int channels[] = {1, 3, 4, 8, 12, 15, 16, 17, 24, 32, 80, 84};
    static const int sides[] = {1, 2, 3, 5, 6, 7};
    int wrong = 0, checked = 0;
    for (size_t o = 0; o < 12; o++)
        for (size_t i = 0; i < 12; i++)
            for (size_t k = 0; k < 36; k++)
                for (int group = 1; group <= 80; group += 79)
                    for (int bits = 0; bits < 4; bits++) {
                        const int shape[] = {channels[o], channels[i], sides[k / 6], sides[k % 6]};
                        checked++;
                        wrong += target_modelopt_leaves(shape, group, bits & 1, bits & 2) !=
                                 leaves(shape[0], shape[1], shape[2], shape[3], group, bits & 1, bits & 2);
                    }
    CHECK(!wrong && checked > 40000, "ModelOpt ONNX's rules of %d shapes, %d wrong", checked, wrong);
}

int main(void) {
    check_export();
    check_merging();
    check_rules();
    return test_end();
}
