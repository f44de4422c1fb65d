/* grid-run: the run that settings belong to. */
#include "base/json.h"
#include "cell/qcfg.h"
#include "cli/opt.h"
#include "grid/identity.h"

#include <stdio.h>
#include <stdlib.h>

struct request {
    struct identity_settings settings;
    struct identity_place place;
};

/* The settings as JSON, with the run's folder. */
static int print_found(cJSON **json, const char *folder, struct err *err) {
    struct json_builder b = json_builder();
    json_add_string(&b, "run", folder);
    json_add_item(&b, "settings", *json);
    *json = NULL;
    return json_built_write(&b, "-", err);
}

static int run(void *ctx, const struct operands *operands, struct err *err) {
    struct request *r = ctx;
    cJSON *json = NULL;
    char *folder = NULL;
    r->place.runs = operands->word[0];
    if (r->place.name && !*r->place.name)
        r->place.name = NULL;
    int ret = identity_of(&r->settings, opt_say, &json, err) ||
              identity_choose(&r->place, json, opt_say, &folder, err);
    if (!ret && r->place.find)
        ret = print_found(&json, folder, err);
    else if (!ret)
        printf("%s %s\n", folder, json_string(json, "device"));
    cJSON_Delete(json);
    free(folder);
    return ret ? -1 : 0;
}

static const char notes[] =
    "RUNS is a folder of runs. Prints the run's folder and the kind of its device. A run belongs to the\n"
    "settings that its numbers depend on: the images by their bytes, counts, sizes, presets, the kind of\n"
    "device, and the revision of the code that scores. A folder that holds something else is left alone.";

int main(int argc, char **argv) {
    struct request r = {.settings = {.calib_images = 100,
                                     .score_size = 16,
                                     .imgsz = 640,
                                     .batch_size = 1,
                                     .objectives = "modelopt detection",
                                     .probes = 1,
                                     .fp4_preset = qcfg_fp4_presets[0],
                                     .int4_preset = qcfg_int4_presets[0],
                                     .block_dim = qcfg_block_dims[0],
                                     .device = "auto"}};
    struct identity_settings *s = &r.settings;
    struct opt rows[] = {
        {"list", 'l', OPT_STRING, &s->image_list, "FILE",
         "image list, one path a line, a folder, or a data.yaml", .required = true},
        {"count", 'n', OPT_INT, &s->calib_images, "N", "images calibrated on, the first ones",
         OPT_LIMITS(CALIB_IMAGES)},
        {"score-size", 0, OPT_INT, &s->score_size, "N", "images scored on", OPT_LIMITS(SCORE_SIZE)},
        {"objectives", 0, OPT_STRING, &s->objectives, "WORDS",
         "what is scored: modelopt, or modelopt detection"},
        {"probes", 0, OPT_INT, &s->probes, "N", "vectors of signs an image for detection",
         OPT_LIMITS(PROBES)},
        {"fold", 0, OPT_FLAG, &s->fold, .help = "of the network that is exported"},
        {"size", 'S', OPT_INT, &s->imgsz, "N", "side of the square input", OPT_LIMITS(IMGSZ)},
        {"batch-size", 'b', OPT_INT, &s->batch_size, "N", "images in a forward pass", OPT_LIMITS(BATCH_SIZE)},
        {"fp4-preset", 0, OPT_CHOICE, &s->fp4_preset, NULL, "what fp4 means", .choices = qcfg_fp4_presets},
        {"int4-preset", 0, OPT_CHOICE, &s->int4_preset, NULL, "what int4 weights mean",
         .choices = qcfg_int4_presets},
        {"block-dim", 0, OPT_CHOICE, &s->block_dim, NULL, "what blocks run along",
         .choices = qcfg_block_dims},
        {"device", 'd', OPT_STRING, &s->device, "NAME", "auto, cpu, cuda (all GPUs), cuda:N or cuda:N,M"},
        {"name", 0, OPT_STRING, &r.place.name, "NAME", "the run of this name"},
        {"new", 0, OPT_FLAG, &r.place.fresh, .help = "a new run, whatever there is"},
        {"find", 0, OPT_FLAG, &r.place.find,
         .help = "make none; print the run, or null, and the settings as JSON"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "grid-run",
        .purpose = "find the run of the grid that settings belong to, or start one",
        .synopsis = "--list FILE [OPTION]... RUNS",
        .notes = notes,
        .examples = "grid-run --list quant100.txt --find tmp/yolo10_layer_sensitivity_sweep | jq .run\n",
        .rows = rows,
        .arity = {1, 1, "name one folder of runs"},
    };
    return opt_main(&tool, argc, argv, run, &r);
}
