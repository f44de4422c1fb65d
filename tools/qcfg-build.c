/* qcfg-build: what one cell of the grid quantizes, and how; or why it cannot be. */
#include "base/json.h"
#include "base/opt.h"
#include "quant/qcfg.h"

#include <math.h>

struct request {
    struct qcfg_choice choice;
    const char *output;
};

/* A cell that cannot be is written too, and fails with ERR_UNSUPPORTED after that. */
static int run(void *ctx, const struct operands *operands, struct err *err) {
    struct request *r = ctx;
    struct qcfg cfg;
    (void)operands;
    if (isnan(r->choice.effective_bits))
        r->choice.effective_bits = 0;
    int built = qcfg_build(&cfg, &r->choice, err);
    if (built && err->code != ERR_UNSUPPORTED)
        return -1;
    cJSON *json = built ? qcfg_reason_to_json(&cfg, err->msg) : qcfg_to_json(&cfg);
    if (!json)
        return err_nomem(err);
    struct err write_err = {0};
    int written = json_write(r->output, json, &write_err);
    cJSON_Delete(json);
    if (written)
        *err = write_err;
    return written ? -1 : built;
}

int main(int argc, char **argv) {
    struct request r = {
        {.fp4_preset = "nvfp4", .int4_preset = "blockwise", .block_dim = "modelopt", .effective_bits = NAN},
        "-"};
    struct opt rows[] = {
        {"weight", 'w', OPT_CHOICE, &r.choice.weight, NULL, "weight type", .choices = qcfg_weight_dtypes,
         .required = true},
        {"act", 'a', OPT_CHOICE, &r.choice.act, NULL, "activation type; fp16: not quantized",
         .choices = qcfg_act_dtypes, .required = true},
        {"granularity", 'g', OPT_CHOICE, &r.choice.granularity, NULL, "what shares a scale",
         .choices = qcfg_granularities, .required = true},
        {"fp4-preset", 0, OPT_CHOICE, &r.choice.fp4_preset, NULL, "what fp4 means",
         .choices = qcfg_fp4_presets},
        {"int4-preset", 0, OPT_CHOICE, &r.choice.int4_preset, NULL, "what int4 weights mean",
         .choices = qcfg_int4_presets},
        {"block-dim", 0, OPT_CHOICE, &r.choice.block_dim, NULL,
         "what blocks run along: the last axis, or what a GEMM sums over", .choices = qcfg_block_dims},
        {"effective-bits", 'e', OPT_REAL, &r.choice.effective_bits, "BITS", "the solver's limit", .min = 0.1,
         .max = 16, .by_default = "by weight type: int4 4, int8 8, fp4 4, fp8 11"},
        {"output", 'o', OPT_STRING, &r.output, "FILE", "where the JSON goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "qcfg-build",
        .purpose = "write the quantization of one cell as JSON, for sens-score",
        .synopsis = "--weight TYPE --act TYPE --granularity WHICH [OPTION]...",
        .notes =
            "A cell that ModelOpt cannot compute is {\"reason\": ...} on the output, the reason on standard\n"
            "error, and exit status 3.",
        .examples = "qcfg-build --weight int8 --act fp8 --granularity per_layer -o q.json\n",
        .rows = rows,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
