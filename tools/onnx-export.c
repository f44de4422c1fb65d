/* onnx-export: a checkpoint as an ONNX file, as it is or with the layers of a recipe quantized. */
#include "cell/mix.h"
#include "cli/opt.h"
#include "model/classes.h"
#include "model/fold.h"
#include "onnx/export.h"
#include "pt/checkpoint.h"

#include <stdlib.h>
#include <string.h>

struct request {
    const char *model, *sha256, *amax, *recipe, *output, *batch, *head;
    bool fold;
    struct onnx_options options;
};

/* Fills qcfgs, of each convolution, from the recipe: it stays as it is, or is quantized as one of the mix's formats says. */
static int choose(const struct request *r, const struct graph *graph, struct mix *mix,
                  const struct qcfg **qcfgs, struct err *err) {
    int ret = mix_read_for_graph(r->recipe, graph, r->fold, mix, err);
    for (size_t i = 0; !ret && i < graph->n_convs; i++) {
        qcfgs[i] = mix->choice[i] < mix->n_formats ? &mix->formats[mix->choice[i]].qcfg : NULL;
        if (qcfgs[i] && (ret = onnx_check_qcfg(qcfgs[i], err)) != 0)
            err_wrap(err, "%s", r->recipe);
    }
    return ret;
}

static bool is_one2many(const struct request *r) {
    return r->head && strcmp(r->head, "one2many") == 0;
}

/* What the checkpoint's head has no branch for. */
static int check_head(const struct request *r, const struct graph *graph, struct err *err) {
    if (r->head && !is_one2many(r) && graph->overlaps)
        return err_set(err, ERR_USAGE, "%s: its head has one branch, which is no one2one; leave --head away",
                       r->model);
    if (r->options.end2end && graph->overlaps)
        return err_set(err, ERR_USAGE,
                       "%s: --end2end: its head's boxes overlap and need suppression, which is not exported; "
                       "leave --end2end away",
                       r->model);
    return 0;
}

static int write(struct request *r, const struct checkpoint *checkpoint, const struct graph *graph,
                 struct err *err) {
    struct onnx_options *o = &r->options;
    struct amax amax = {0};
    struct mix mix = {0};
    const struct qcfg **qcfgs = calloc(graph->n_convs, sizeof *qcfgs);
    const char **classes = calloc((size_t)graph->classes, sizeof *classes);
    int ret = qcfgs && classes ? 0 : err_nomem(err);
    o->leaf = is_one2many(r) ? 0 : graph->exported;
    if (!ret && classes_names(checkpoint_root(checkpoint), (size_t)graph->classes, classes))
        o->classes = classes;
    if (!ret && r->recipe) {
        const struct amax_origin origin = {.checkpoint = checkpoint_digest(checkpoint), .fold = r->fold};
        o->qcfgs = qcfgs;
        o->amax = &amax;
        ret = choose(r, graph, &mix, qcfgs, err) || amax_read_finished(r->amax, graph, &origin, &amax, err)
                  ? -1
                  : 0;
    }
    ret = ret ? ret : onnx_export(graph, o, r->output, err);
    mix_free(&mix);
    amax_free(&amax);
    free(qcfgs);
    free(classes);
    return ret;
}

static int run(void *ctx, const struct operands *operands, struct err *err) {
    struct request *r = ctx;
    struct checkpoint *checkpoint = NULL;
    struct graph *graph = NULL;
    (void)operands;
    if (!r->amax != !r->recipe)
        return err_set(
            err, ERR_USAGE,
            "--amax and --recipe go together: a recipe's layers, and the ranges they are quantized by");
    r->options.dynamic_batch = strcmp(r->batch, "dynamic") == 0;
    if (r->options.end2end && is_one2many(r))
        return err_set(err, ERR_USAGE,
                       "--end2end: one2many's boxes overlap and need suppression; it goes with one2one");
    if (r->fold && is_one2many(r))
        return err_set(err, ERR_USAGE, "--fold: the folded network has no one2many; it goes with one2one");
    int ret = checkpoint_open(r->model, &checkpoint, err);
    if (!ret && r->sha256 && (ret = digest_match(checkpoint_digest(checkpoint), r->sha256, err)) != 0)
        err_wrap(err, "%s", r->model);
    if (!ret && (ret = graph_build(checkpoint_root(checkpoint), &graph, err) ||
                       (r->fold && fold_exported(&graph, err))) != 0)
        err_wrap(err, "%s", r->model);
    ret = ret ? ret : check_head(r, graph, err);
    ret = ret ? ret : write(r, checkpoint, graph, err);
    graph_free(&graph);
    checkpoint_free(&checkpoint);
    return ret;
}

int main(int argc, char **argv) {
    static const char *const batches[] = {"1", "dynamic", NULL}, *const heads[] = {"one2one", "one2many",
                                                                                   NULL};
    struct request r = {.output = "-", .batch = "1", .options = {.size = 640}};
    struct opt rows[] = {
        {"model", 'm', OPT_IN, &r.model, "FILE", "YOLO checkpoint", .required = true},
        {"sha256", 0, OPT_STRING, &r.sha256, "HEX", "refuse a checkpoint with another SHA-256"},
        {"recipe", 'r', OPT_IN, &r.recipe, "FILE",
         "quantize the layers that recipe-solve, pareto-solve or keep-list chose"},
        {"amax", 'a', OPT_IN, &r.amax, "FILE", "by these ranges: amax file of calib-stats"},
        {"fold", 0, OPT_FLAG, &r.fold,
         .help = "recipe and ranges are of the folded network (sens-score --fold)"},
        {"size", 'S', OPT_INT, &r.options.size, "N", "side of the images", OPT_LIMITS(IMGSZ)},
        {"batch", 'b', OPT_CHOICE, &r.batch, NULL, "images at a time", .choices = batches},
        {"end2end", 'e', OPT_FLAG, &r.options.end2end, NULL, "detections instead of all cells' boxes"},
        {"head", 0, OPT_CHOICE, &r.head, NULL, "branch of the head, where it has two", .choices = heads},
        {"output", 'o', OPT_OUT, &r.output, "FILE", "where the ONNX file goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "onnx-export",
        .purpose = "write a YOLO checkpoint as an ONNX file, in float or with Q/DQ nodes where a recipe "
                   "quantizes",
        .synopsis = "--model FILE [--recipe FILE --amax FILE] [OPTION]... -o FILE",
        .notes =
            "Nodes, weights, input (images: N x 3 x SIZE x SIZE, RGB, 0 to 1) and output (output0) have the "
            "names\n"
            "of ultralytics' own export (8.4, not simplified). BatchNorm is folded into the convolutions.\n"
            "output0 is N x (4 + classes) x cells: centre, width and height in pixels, and probabilities; "
            "with\n"
            "--end2end N x 300 x 6: left, top, right, bottom, probability, class, the most probable first.\n"
            "Of YOLOv10 and YOLO26 one2one is exported, the branch that scores and reports speak of; --head "
            "one2many\n"
            "is what ultralytics exports with end2end=False: its boxes need suppression, as those of YOLOv8, "
            "YOLO11\n"
            "and YOLO12 do. Masks' coefficients, poses' points and boxes' angles stand behind all of these,\n"
            "prototypes of masks in output1.\n"
            "Quantized weights are stored in one byte each, with a scale for each output channel, and their\n"
            "inputs pass through QuantizeLinear and DequantizeLinear with one scale: int8, or fp8 "
            "(FLOAT8E4M3FN,\n"
            "ONNX opset 19; else 18). Other formats, and activations with a scale for each channel, are\n"
            "unsupported: exit status 3. RepVGGDW's two kernels are one in the file, quantized if both are "
            "in the\n"
            "recipe.",
        .examples = "onnx-export -m yolov10n.pt --end2end -o yolov10n.onnx\n"
                    "onnx-export -m yolov10n.pt -a amax.json -r recipe.json -o yolov10n.int8.onnx\n",
        .rows = rows,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
