/* Names of nodes by layers' names alone, against what ultralytics' exporter called them (nodes.txt: MODEL LAYER NODE). */
#include "cell/node.h"
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
    FILE *f = fopen("tests/cell/nodes.txt", "r");
    char model[TEXT], before[TEXT] = "";
    size_t n = 0;
    int models = 0;
    CHECK(f, "tests/cell/nodes.txt is there");
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

int main(void) {
    check_export();
    check_merging();
    return test_end();
}
