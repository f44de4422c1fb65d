/* keep-list: the layers to leave in 16 bits, as a runtime takes them. */
#include "base/memstream.h"
#include "base/outfile.h"
#include "cli/opt.h"
#include "deploy/deploy.h"

#include <stdlib.h>
#include <string.h>

struct request {
    const char *scores, *verify, *rank, *keep, *target, *onnx, *recipe, *output;
};

/* The files that are read. */
struct inputs {
    struct scores scores;
    struct damage damage;
    struct onnx_nodes file;
    struct mix mix;
};

static int read_inputs(const struct request *r, struct inputs *in, struct err *err) {
    return scores_read(r->scores, &in->scores, err) ||
                   (r->verify && damage_read(r->verify, &in->scores, &in->damage, err)) ||
                   (r->onnx && onnx_nodes_read(r->onnx, &in->file, err)) ||
                   (r->recipe && mix_read_for_scores(r->recipe, &in->scores, &in->mix, err))
               ? -1
               : 0;
}

static int write_list(const struct deploy *d, const char *output, struct err *err) {
    struct memstream m;
    char *text = NULL;
    size_t n;
    if (memstream_open(&m, err))
        return -1;
    int ret = deploy_print(d, m.f, err);
    if (memstream_close(&m, &text, &n, ret ? NULL : err) || ret)
        ret = -1;
    else
        ret = outfile_write(output, text, n, err);
    free(text);
    return ret;
}

static int make_list(const struct request *r, const struct deploy_target *target,
                     const struct deploy_keep *keep, struct err *err) {
    struct inputs in = {0};
    struct deploy d = {0};
    int ret = read_inputs(r, &in, err);
    if (!ret) {
        struct deploy_request request = {.scores = &in.scores,
                                         .scores_path = r->scores,
                                         .verify_path = r->verify,
                                         .onnx_path = r->onnx,
                                         .damage = r->verify ? &in.damage : NULL,
                                         .target = target,
                                         .file = r->onnx ? &in.file : NULL};
        while (strcmp(rank_words[request.rank], r->rank) != 0)
            request.rank++;
        ret = deploy_open(&request, &d, err);
        if (!ret)
            ret = r->recipe ? deploy_choose_mix(&d, &in.mix, err) : deploy_choose(&d, keep, err);
    }
    if (!ret)
        ret = write_list(&d, r->output, err) || deploy_tell(&d, opt_complain, err) ? -1 : 0;
    deploy_free(&d);
    mix_free(&in.mix);
    onnx_nodes_free(&in.file);
    damage_free(&in.damage);
    scores_free(&in.scores);
    return ret;
}

static int run(void *ctx, const struct operands *operands, struct err *err) {
    (void)operands;
    const struct request *r = ctx;
    const struct deploy_target *target = NULL;
    struct deploy_keep keep = {0};
    if (strcmp(r->target, "help") == 0) {
        deploy_print_targets(stdout);
        return 0;
    }
    if (!r->scores)
        return err_set(err, ERR_USAGE, "--scores is required");
    if (deploy_find_target(r->target, &target, err))
        return err_wrap(err, "--target");
    if (deploy_parse_keep(r->keep, &keep, err))
        return err_wrap(err, "--keep");
    return make_list(r, target, &keep, err);
}

int main(int argc, char **argv) {
    const char *ranks[RANKS + 1] = {0};
    memcpy(ranks, rank_words, sizeof rank_words);
    struct request r = {
        .rank = rank_words[RANK_DETECTION], .keep = "80%", .target = "modelopt-onnx", .output = "-"};
    struct opt rows[] = {
        {"scores", 's', OPT_IN, &r.scores, "FILE", "the cell's scores.json, from sens-score"},
        {"target", 't', OPT_STRING, &r.target, "NAME", "the runtime; help: lists them"},
        {"keep", 'k', OPT_STRING, &r.keep, "WHAT", "how much: 80%, 10, bits=9 or ap=0.99"},
        {"rank", 'r', OPT_CHOICE, &r.rank, NULL, "what layers are ranked by", .choices = ranks},
        {"verify", 'v', OPT_IN, &r.verify, "FILE",
         "the cell's verify.json, from damage-measure: for measured and ap="},
        {"onnx", 'm', OPT_IN, &r.onnx, "FILE", "your model: names are looked up there, and are its own"},
        {"recipe", 'R', OPT_IN, &r.recipe, "FILE",
         "keep what this recipe keeps: recipe-solve's, pareto-solve's, or one made here"},
        {"output", 'o', OPT_OUT, &r.output, "FILE", "where the list goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "keep-list",
        .purpose = "print what tells a runtime to leave a cell's most sensitive layers in 16 bits",
        .synopsis = "--scores FILE [--keep WHAT] [--target NAME] [OPTION]... | --target help",
        .notes =
            "80%: the fewest layers that hold 80 % of the rank's total. 10: its first ten. bits=9: those of "
            "which the\n"
            "others' total is least, within 9 effective bits of the exported layers (the exact optimum). "
            "ap=0.99: the\n"
            "smallest of verify.json's measured sets that agrees with the unquantized network to AP 0.99.\n\n"
            "Only layers that are exported are listed, and none that the runtime leaves in 16 bits anyway. "
            "The two\n"
            "kernels of a RepVGGDW are one node after an export: they are kept together. Without --onnx, "
            "nodes are\n"
            "called as ultralytics' exporter calls them; with it, every layer is found there, by its node's "
            "name or by\n"
            "its weight's, or it is an error.",
        .examples = "keep-list --target help\n"
                    "keep-list --scores scores.json --keep 80% --target modelopt-onnx\n"
                    "keep-list -s scores.json -k bits=10 -t plain | head -n 3\n",
        .rows = rows,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
