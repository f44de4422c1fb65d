/* Names of nodes by layers' names alone, against what ultralytics' exporter called them (nodes.txt: MODEL LAYER NODE). */
#include "cell/node.h"
#include "test.h"

#include <stdlib.h>

enum { LAYERS = 1000, TEXT = 128 };

static char names[LAYERS][TEXT], nodes[LAYERS][TEXT];
static struct scores_layer layers[LAYERS];

static void check_model(const char *model, size_t n) {
    struct scores scores = {.layers = layers, .n_layers = n};
    struct err err = {0};
    int wrong = node_fill(&scores, &err) != 0;
    for (size_t i = 0; i < n && !wrong; i++)
        if (strcmp(layers[i].node, nodes[i]) != 0) {
            printf("# %s: %s, not %s\n", names[i], layers[i].node, nodes[i]);
            wrong++;
        }
    for (size_t i = 0; i < n; i++)
        layers[i].node = NULL;
    free(scores.nodes);
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
    struct scores_layer l[] = {{.name = "model.8.cv1.2.conv.conv", .exported = true},
                               {.name = "model.8.cv1.2.conv1.conv", .exported = true},
                               {.name = "model.9.conv1.conv", .exported = true},
                               {.name = "model.9.conv2.conv"}};
    struct scores scores = {.layers = l, .n_layers = 4};
    struct err err = {0};
    CHECK(!node_fill(&scores, &err) && strcmp(l[0].node, "/model.8/cv1/cv1.2/conv/Conv") == 0,
          "the merged kernel has the name of both: %s", l[0].node);
    CHECK(scores_merged_into(&scores, 1) == 0 && scores_merged_into(&scores, 0) == 0,
          "a RepVGGDW's small kernel is merged into the large one");
    CHECK(scores_merged_into(&scores, 2) == 2, "a layer that is only called like one is merged into none");
    CHECK(!l[3].node && scores_merged_into(&scores, 3) == 3, "what is not exported has no node");
    free(scores.nodes);
    l[0].node = "/said";
    scores.nodes = NULL;
    CHECK(!node_fill(&scores, &err) && !scores.nodes && strcmp(l[0].node, "/said") == 0,
          "what is said stays");
}

int main(void) {
    check_export();
    check_merging();
    return test_end();
}
