/* damage-measure: what quantizing a cell's layers does to the detector, each alone and many together, or what mixes of formats
 * do, on pictures. */
#define _GNU_SOURCE
#include "base/name.h"
#include "base/pool.h"
#include "cli/opt.h"
#include "cli/session_rows.h"
#include "exec/session.h"
#include "verify/verify.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SEARCH_TRIES = 100 };

struct request {
    struct session_options options;
    const char *amax, *list, *scores, *name, *output, *shard;
    int count, tries, shards;
    bool last, update, mixes;
    double reach;
};

static int read_pictures(const struct request *r, const struct session *s, struct pictures *out,
                         struct err *err) {
    struct image_list *list = NULL;
    int ret = image_list_read(&list, r->list, r->last ? CALIB_IMAGES_MOST : r->count, 1, err);
    if (!ret)
        image_list_keep_last(list, r->count);
    if (!ret)
        ret = pictures_read(list, list->count, s->images->size, s->graph->classes, r->options.threads,
                            r->options.say, out, err);
    image_list_free(&list);
    return ret;
}

/* What is measured on, opened. */
static int open_inputs(const struct request *r, struct session *session, struct pictures *pictures,
                       struct verify_request *v, struct err *err) {
    if (session_open(session, &r->options, err) ||
        (r->amax ? session_read_amax(session, r->amax, err) : session_calibrate(session, err)) ||
        calib_wait_all(session->images, err) || read_pictures(r, session, pictures, err))
        return -1;
    v->backend = session->backend;
    v->graph = session->graph;
    v->amax = &session->amax;
    v->calib = session->images;
    v->pictures = pictures;
    v->checkpoint = session->checkpoint;
    v->network = session->network;
    v->fold = r->options.fold;
    if (verify_unmeasured(v)) {
        char words[128];
        snprintf(words, sizeof words,
                 "its %s are not measured on a GPU; all damage is that of its classes and boxes",
                 verify_unmeasured(v));
        opt_complain(words);
    }
    return 0;
}

static int measure_mixes(const struct request *r, const struct operands *operands, struct verify_request *v,
                         struct err *err) {
    const size_t n = (size_t)operands->n;
    struct session session = {0};
    struct pictures pictures = {0};
    struct verify verify = {0};
    struct verify_mix *mixes = calloc(n, sizeof *mixes);
    int ret = mixes ? open_inputs(r, &session, &pictures, v, err) : err_nomem(err);
    for (size_t i = 0; !ret && i < n; i++) {
        mixes[i].path = operands->word[i];
        ret = mix_read_for_graph(mixes[i].path, v->graph, v->fold, &mixes[i].mix, err);
    }
    if (!ret && (ret = verify_mixes(v, mixes, n, &verify, err)) != 0)
        err_wrap(err, "%s", r->options.model);
    ret = ret ? ret : verify_mixes_write(r->output, v, mixes, n, &verify, err);
    for (size_t i = 0; mixes && i < n; i++)
        mix_free(&mixes[i].mix);
    free(mixes);
    verify_free(&verify);
    pictures_free(&pictures);
    session_close(&session);
    return ret;
}

/* Of one cell, in the folder, the names and the progress that v has already. */
static int measure(const struct request *r, const char *qcfg_path, struct verify_request *v,
                   struct err *err) {
    struct session session = {0};
    struct pictures pictures = {0};
    struct qcfg qcfg;
    struct scores scores = {0};
    struct verify verify = {0};
    int ret = -1;
    if (qcfg_read(qcfg_path, &qcfg, err) || (r->scores && scores_read(r->scores, &scores, err)) ||
        open_inputs(r, &session, &pictures, v, err))
        goto out;
    v->qcfg = &qcfg;
    v->scores = r->scores ? &scores : NULL;
    v->tries = (size_t)(r->tries || r->reach == 0 ? r->tries : SEARCH_TRIES);
    v->reach = r->reach;
    if (r->update && verify_is_current(r->output, v)) {
        ret = 0;
        goto out;
    }
    if (verify_run(v, &verify, err)) {
        err_wrap(err, "%s", r->options.model);
        goto out;
    }
    if (v->shard.index) {
        ret = 0;
        goto out;
    }
    if (v->tries && !verify.searched_on)
        opt_complain(
            "no search: fewer than 8 of the calibrated images are none of the pictures; calibrate on more");
    ret = verify_write(r->output, v, &verify, err);
out:
    verify_free(&verify);
    pictures_free(&pictures);
    scores_free(&scores);
    session_close(&session);
    return ret;
}

static int run(void *ctx, const struct operands *operands, struct err *err) {
    struct request *r = ctx;
    char *name = r->name ? strdup(r->name) : session_model_name(r->options.model);
    struct verify_request v = {
        .state = r->options.state, .progress = progress_show, .model = name, .list = r->list};
    int ret = name ? name_check(name, err) : err_nomem(err);
    if (ret && name)
        err_wrap(err, "%s", r->name ? "--name" : r->options.model);
    if (!ret && r->shard &&
        (score_shard_parse(r->shard, &v.shard, err) ||
         (!r->options.state && err_set(err, ERR_USAGE, "what it measures goes into the folder of --state"))))
        ret = err_wrap(err, "--shard");
    if (!r->shard)
        v.shard.count = r->shards;
    if (!ret && r->mixes && (r->shard || r->shards))
        ret = err_set(err, ERR_USAGE, "--mixes: --shard and --shards are of a cell");
    if (!ret && r->mixes && (r->scores || r->tries || r->reach > 0 || r->update))
        ret = err_set(err, ERR_USAGE, "--mixes: --scores, --search, --reach and --update are of a cell");
    if (!ret && !r->mixes && operands->n > 1)
        ret = err_set(err, ERR_USAGE, "unexpected operand %s; name one cell's configuration, or give --mixes",
                      operands->word[1]);
    if (!ret)
        ret = r->mixes ? measure_mixes(r, operands, &v, err) : measure(r, operands->word[0], &v, err);
    free(name);
    return ret;
}

int main(int argc, char **argv) {
    struct request r = {
        {.device = "cpu",
         .threads = pool_processors(),
         .batch_size = 1,
         .say = opt_complain,
         .progress = progress_show},
        .output = "-",
        .count = 32,
    };
    struct opt rows[] = {
        {"model", 'm', OPT_IN, &r.options.model, "FILE", "YOLO checkpoint", .required = true},
        {"calib", 'c', OPT_IN, &r.options.calib, "FILE", "calib stream of calib-prep", .required = true},
        {"list", 'l', OPT_IN, &r.list, "FILE",
         "pictures to measure on: one path a line, a folder, or a data.yaml", .required = true},
        {"count", 'n', OPT_INT, &r.count, "N", "how many of them, the first ones", OPT_LIMITS(VERIFY_IMAGES)},
        {"last", 0, OPT_FLAG, &r.last, .help = "the last ones instead"},
        {"amax", 'a', OPT_IN, &r.amax, "FILE", "amax file of calib-stats; without it, calibrate first"},
        {"scores", 0, OPT_IN, &r.scores, "FILE", "the cell's scores, whose ranks are measured too"},
        {"search", 0, OPT_INT, &r.tries, "N",
         "search better sets of 5, 10, 20 layers, by N tries each; 100 is good", OPT_LIMITS(SEARCH)},
        {"reach", 0, OPT_REAL, &r.reach, "AP", "and the fewest layers for this agreement_ap, such as 0.99",
         OPT_LIMITS(REACH)},
        {"sha256", 0, OPT_STRING, &r.options.sha256, "HEX", "refuse a checkpoint with another SHA-256"},
        SESSION_FOLD(r.options),
        {"batch-size", 'b', OPT_INT, &r.options.batch_size, "N", "images in a batch of the calibration",
         OPT_LIMITS(BATCH_SIZE)},
        {"name", 0, OPT_STRING, &r.name, "NAME", "the model's name in results",
         .by_default = "the file's name"},
        {"device", 'd', OPT_STRING, &r.options.device, "NAME",
         "auto, cpu, cuda (all GPUs), cuda:N or cuda:N,M"},
        {"threads", 't', OPT_INT, &r.options.threads, "N", "threads", OPT_LIMITS(THREADS),
         .by_default = "all processors"},
        {"state", 's', OPT_STRING, &r.options.state, "DIR",
         "keep what a killed pass has measured here and go on from it"},
        {"shard", 0, OPT_STRING, &r.shard, "I/K",
         "part I of K of the layers, into --state; a call with --shards K joins them"},
        {"shards", 0, OPT_INT, &r.shards, "K", "go on from what calls with --shard measured",
         OPT_LIMITS(SHARDS), .by_default = "none"},
        {"mixes", 0, OPT_FLAG, &r.mixes, .help = "the operands are recipes of pareto-solve or keep-list"},
        {"update", 'u', OPT_FLAG, &r.update,
         .help = "leave OUTPUT alone if it was measured from these very inputs"},
        {"output", 'o', OPT_OUT, &r.output, "FILE", "where the result goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "damage-measure",
        .purpose = "measure what quantizing a cell's layers does to a detector",
        .synopsis = "--model FILE --calib FILE --list FILE [OPTION]... QCFG | --mixes ... RECIPE...",
        .notes =
            "The unquantized network is the truth. Each layer that is exported is quantized alone, all are "
            "together,\n"
            "and all but 5, 10, 20 that a rank would keep: measured damage's own, and with --scores "
            "ModelOpt's, by\n"
            "class, by box, and by both. So are all but those that exporters keep as a rule. QCFG is made "
            "by\n"
            "qcfg-build. With --mixes, each RECIPE is measured as a whole: the formats of its layers, "
            "together.\n\n"
            "class_kl: nats of KL divergence of the classes, an image. box_loss: 1 - IoU, the mean over "
            "anchors\n"
            "that are sure of a class (0.25). more_loss: the same of what a network makes beyond boxes, 1 - "
            "IoU\n"
            "of masks, distance of a pose's points over the root of the box's area, or 1 - IoU of turned "
            "boxes;\n"
            "measured on a CPU. agreement_ap: average precision of the detections against the\n"
            "unquantized network's sure ones. ap and ap50: against labels, in YOLO's layout beside the "
            "images; a\n"
            "picture without a label file does not count there. What nothing can be measured on is null.",
        .examples =
            "damage-measure -m yolov10n.pt -c calib.bin -a amax.json -l more.txt q.json > verify.json\n"
            "jq -c '.sets[] | {by, keep, agreement_ap}' verify.json\n"
            "damage-measure -m yolov10n.pt -c calib.bin -a amax.json -l more.txt --mixes mix.json\n",
        .rows = rows,
        .arity = {1, INT_MAX, "name one cell's configuration, made by qcfg-build"},
        .operands = OPERANDS_IN,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
