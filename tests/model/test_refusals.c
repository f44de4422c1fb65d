/* Networks that are no detectors of the families known here, or no longer: one line names the module and what it is. */
#define _GNU_SOURCE
#include "model/graph.h"
#include "pt/builder.h"
#include "test.h"
/* after test.h */
#include "pt/model.h"

/* A module within an open _modules, whose attribute f reads the layer before, and which holds nothing. */
static void layer(struct buf *b, const char *name, const char *package, const char *class) {
    pk_str(b, name);
    pk_module(b, package, class);
    pk_dict_end(b);
    pk_str(b, "f");
    pk_int(b, -1);
    pk_object_end(b);
}

/* {"model": DetectionModel(model=Sequential(the layers))}. */
#define SCORED                                                                                               \
    "only YOLOv8, YOLOv10, YOLO11, YOLO12 and YOLO26 networks for detection, segmentation, poses and "       \
    "oriented boxes are scored"

static void begin(struct buf *b) {
    pk_begin(b, 2);
    op(b, OP_EMPTY_DICT);
    pk_str(b, "model");
    pk_module(b, "ultralytics.nn.tasks", "DetectionModel");
    pk_str(b, "model");
    pk_module(b, "torch.nn.modules.container", "Sequential");
}

static void refused(struct buf *b, const char *words) {
    struct checkpoint *c = NULL;
    struct graph *g = NULL;
    struct err err;
    pk_module_end(b);
    pk_module_end(b);
    op(b, OP_SETITEM);
    c = open_built(b, NULL, &err);
    if (c)
        graph_build(checkpoint_root(c), &g, &err);
    CHECK_STR(err.msg, words, "refused");
    CHECK(c && !g && err.code == ERR_UNSUPPORTED, "as unsupported");
    graph_free(&g);
    checkpoint_free(&c);
}

/* A Conv that holds a submodule of this class, under this name, and a hook. */
static void conv(struct buf *b, const char *child, const char *hook) {
    begin(b);
    pk_str(b, "0");
    pk_module(b, "fork.nn.modules.conv", "Conv");
    layer(b, child, "torch.nn.modules.batchnorm", "BatchNorm2d");
    pk_dict_end(b);
    pk_str(b, "f");
    pk_int(b, -1);
    if (hook) {
        pk_dict(b, "_forward_pre_hooks");
        pk_int(b, 0);
        pk_object(b, "torch.nn.utils.weight_norm", hook);
        pk_object_end(b);
        pk_dict_end(b);
    }
    pk_object_end(b);
}

int main(void) {
    struct buf b = {0};
    conv(&b, "bn", NULL);
    refused(&b, "model.0: fork.nn.modules.conv.Conv has no submodule conv; " SCORED);
    conv(&b, "attention", NULL);
    refused(&b, "model.0: this fork.nn.modules.conv.Conv has a submodule attention, which is not known");
    conv(&b, "bn act", NULL);
    refused(&b, "model.0: this fork.nn.modules.conv.Conv has a submodule bn act, which is not known");
    conv(&b, "bn", "WeightNorm");
    refused(&b, "model.0: a hook, torch.nn.utils.weight_norm.WeightNorm, may change what it computes, and "
                "hooks are not "
                "run; call torch.nn.utils.remove_weight_norm(module) before saving the model");
    conv(&b, "parametrizations", NULL);
    refused(&b, "model.0: its parameters are computed from others; call "
                "torch.nn.utils.parametrize.remove_parametrizations(module, name) before saving the model");
    begin(&b);
    pk_str(&b, "0");
    pk_module(&b, "ultralytics.nn.modules.conv", "Conv");
    pk_dict_end(&b);
    pk_str(&b, "forward");
    pk_global(&b, "mine", "forward");
    pk_object_end(&b);
    refused(
        &b,
        "model.0: its forward method was replaced by mine.forward; score the checkpoint that training saved");
    begin(&b);
    layer(&b, "0", "mine.layers", "Conv");
    refused(&b, "model.0: module kind mine.layers.Conv is not known; " SCORED);
    begin(&b);
    layer(&b, "0", "torch.nn.quantized.modules.batchnorm", "BatchNorm2d");
    refused(&b,
            "model.0: module kind torch.nn.quantized.modules.batchnorm.BatchNorm2d is not known; " SCORED);
    begin(&b); /* what forward passes leave where a buffer was */
    pk_str(&b, "0");
    pk_module(&b, "torch.nn.modules.batchnorm", "BatchNorm2d");
    pk_dict_end(&b);
    pk_str(&b, "running_mean");
    pk_int(&b, 0);
    pk_str(&b, "f");
    pk_int(&b, -1);
    pk_object_end(&b);
    refused(&b, "model.0.running_mean: it is no parameter or buffer, but was computed from others; before "
                "saving, call "
                "what makes it one again, as torch.nn.utils.prune.remove does");
    begin(&b);
    layer(&b, "0", "ultralytics.nn.modules.conv", "Conv");
    refused(&b, "model.0: it is fused, its BatchNorm is part of the convolution; score the checkpoint that "
                "training saved");
    begin(&b);
    layer(&b, "0", "ultralytics.nn.modules.block", "ELAN1");
    refused(&b, "model.0: module kind ultralytics.nn.modules.block.ELAN1 is not known; " SCORED);
    begin(&b);
    layer(&b, "0", "torch.nn.modules.linear", "Identity");
    layer(&b, "1", "ultralytics.nn.modules.head", "Classify");
    refused(&b, "model.1: module kind ultralytics.nn.modules.head.Classify is not known; " SCORED);
    static const char *const others[][4] = {
        {"ultralytics.nn.modules.block", "HGStem", "ultralytics.nn.modules.head", "RTDETRDecoder"},
        {"ultralytics.nn.modules.block", "C2fAttn", "ultralytics.nn.modules.head", "WorldDetect"},
        {"ultralytics.nn.modules.block", "TorchVision", "ultralytics.nn.modules.head", "Classify"},
        {"models.common", "Conv", "models.yolo", "Detect"}, /* YOLOv5's own project, with anchors */
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char words[300];
        begin(&b);
        layer(&b, "0", others[i][0], others[i][1]);
        layer(&b, "1", others[i][2], others[i][3]);
        snprintf(words, sizeof words,
                 "model.0: module kind %s.%s is not known, nor is the head, %s.%s; " SCORED, others[i][0],
                 others[i][1], others[i][2], others[i][3]);
        refused(&b, words);
    }
    begin(&b);
    layer(&b, "0", "ultralytics.nn.modules.block", "ELAN1");
    layer(&b, "1", "ultralytics.nn.modules.head", "Detect");
    refused(&b, "model.0: module kind ultralytics.nn.modules.block.ELAN1 is not known; " SCORED);
    begin(&b);
    layer(&b, "0", "torch.nn.modules.activation", "SiLU");
    refused(&b, "its last layer is not a head, Detect, v10Detect, Segment, Pose or OBB; " SCORED);
    return test_end();
}
