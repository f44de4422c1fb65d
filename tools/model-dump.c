/* model-dump: what a checkpoint holds, as JSON. */
#include "base/json.h"
#include "base/opt.h"
#include "base/outfile.h"
#include "model/dump.h"
#include "pt/checkpoint.h"
#include "pt/tree.h"

static int dump(const struct checkpoint *c, const char *path, int size, cJSON *o, struct err *err) {
    struct graph *graph = NULL;
    cJSON *tree = NULL, *net = NULL;
    cJSON_AddStringToObject(o, "checkpoint", path);
    cJSON_AddStringToObject(o, "sha256", checkpoint_digest(c));
    cJSON_AddStringToObject(o, "entry", checkpoint_entry(c));
    int ret = -1;
    if (graph_build(checkpoint_root(c), &graph, err) || graph_to_json(graph, size, &net, err))
        goto out;
    cJSON_AddItemToObject(o, "graph", net);
    if (pt_tree_json(c, &tree, err))
        goto out;
    cJSON_AddItemToObject(o, "tree", tree);
    ret = 0;
out:
    graph_free(&graph);
    return ret ? err_wrap(err, "%s", path) : 0;
}

int main(int argc, char **argv) {
    const char *output = "-";
    int size = 640;
    struct opt rows[] = {
        {"size", 'S', OPT_INT, &size, "N", "input size that the shapes are given for", .min = 32,
         .max = 8192},
        {"output", 'o', OPT_STRING, &output, "FILE", "where the JSON goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        "model-dump",
        "Prints a YOLOv10 checkpoint as JSON: its graph (operations, shapes, digests of every weight) and "
        "its module\n"
        "tree. Reads the file as data: nothing in it is executed.",
        "[OPTION]... CHECKPOINT",
        "  model-dump yolov10n.pt | jq -r '.graph.convs | to_entries[] | \"\\(.value.macs)\\t\\(.key)\"' | "
        "sort -rn\n",
        rows,
    };
    struct checkpoint *c = NULL;
    struct err err = {0};
    cJSON *o = NULL;
    int ret = -1;
    outfile_handle_signals();
    if (opt_parse(&tool, argc, argv, &err))
        goto out;
    if (tool.answered) {
        ret = 0;
        goto out;
    }
    if (argc - tool.first != 1) {
        err_set(&err, ERR_USAGE, "name one checkpoint");
        goto out;
    }
    if (!(o = cJSON_CreateObject())) {
        err_nomem(&err);
        goto out;
    }
    if (checkpoint_open(argv[tool.first], &c, &err) || dump(c, argv[tool.first], size, o, &err) ||
        json_write(output, o, &err))
        goto out;
    ret = 0;
out:
    cJSON_Delete(o);
    checkpoint_free(&c);
    return opt_exit(&tool, ret, &err);
}
