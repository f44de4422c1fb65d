/* model-dump: what a checkpoint holds, as JSON. */
#include "base/json.h"
#include "cli/opt.h"
#include "model/dump.h"
#include "model/fold.h"
#include "pt/checkpoint.h"
#include "pt/tree.h"

static int dump(const struct checkpoint *c, const char *path, int size, bool fold, cJSON **out,
                struct err *err) {
    struct graph *graph = NULL;
    cJSON *tree = NULL, *net = NULL;
    int ret = -1;
    if (graph_build(checkpoint_root(c), &graph, err) || (fold && fold_exported(&graph, err)) ||
        graph_to_json(graph, size, &net, err) || pt_tree_json(c, &tree, err))
        goto out;
    struct json_builder b = json_builder();
    json_add_string(&b, "checkpoint", path);
    json_add_string(&b, "sha256", checkpoint_digest(c));
    json_add_string(&b, "entry", checkpoint_entry(c));
    json_add_item(&b, "graph", net);
    json_add_item(&b, "tree", tree);
    net = tree = NULL;
    ret = json_built(&b, out, err);
out:
    cJSON_Delete(net);
    cJSON_Delete(tree);
    graph_free(&graph);
    return ret ? err_wrap(err, "%s", path) : 0;
}

struct request {
    const char *output;
    int size;
    bool fold;
};

static int run(void *ctx, const struct operands *operands, struct err *err) {
    const struct request *r = ctx;
    const char *path = operands->word[0];
    struct checkpoint *c = NULL;
    cJSON *o = NULL;
    int ret = checkpoint_open(path, &c, err) || dump(c, path, r->size, r->fold, &o, err) ||
                      json_write(r->output, o, err)
                  ? -1
                  : 0;
    cJSON_Delete(o);
    checkpoint_free(&c);
    return ret;
}

int main(int argc, char **argv) {
    struct request r = {"-", 640, false};
    struct opt rows[] = {
        {"size", 'S', OPT_INT, &r.size, "N", "input size that the shapes are given for", OPT_LIMITS(IMGSZ)},
        {"fold", 0, OPT_FLAG, &r.fold,
         .help = "the network that is exported, BatchNorm folded into its weights"},
        {"output", 'o', OPT_OUT, &r.output, "FILE", "where the JSON goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "model-dump",
        .purpose = "print a YOLO checkpoint as JSON: graph, shapes, digests of weights, module tree",
        .synopsis = "[OPTION]... CHECKPOINT",
        .notes = "Reads the file as data: nothing in it is executed.",
        .examples = "model-dump yolov10n.pt | jq -r '.graph.convs | to_entries[] | \"\\(.value.macs) "
                    "\\(.key)\"' | sort -rn\n",
        .rows = rows,
        .arity = {1, 1, "name one checkpoint"},
        .operands = OPERANDS_IN,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
