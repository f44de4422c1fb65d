/* qcfg-build: what one cell of the grid quantizes, and how; or why it cannot be. */
#include "base/json.h"
#include "base/opt.h"
#include "base/outfile.h"
#include "quant/qcfg.h"

#include <math.h>

int main(int argc, char **argv) {
    struct qcfg_choice choice = {
        .fp4_preset = "nvfp4", .int4_preset = "blockwise", .block_dim = "modelopt", .effective_bits = NAN};
    const char *output = "-";
    struct opt rows[] = {
        {"weight", 'w', OPT_CHOICE, &choice.weight, NULL, "weight type", .choices = qcfg_weight_dtypes,
         .required = true},
        {"act", 'a', OPT_CHOICE, &choice.act, NULL, "activation type; fp16: not quantized",
         .choices = qcfg_act_dtypes, .required = true},
        {"granularity", 'g', OPT_CHOICE, &choice.granularity, NULL, "what shares a scale",
         .choices = qcfg_granularities, .required = true},
        {"fp4-preset", 0, OPT_CHOICE, &choice.fp4_preset, NULL, "what fp4 means",
         .choices = qcfg_fp4_presets},
        {"int4-preset", 0, OPT_CHOICE, &choice.int4_preset, NULL, "what int4 weights mean",
         .choices = qcfg_int4_presets},
        {"block-dim", 0, OPT_CHOICE, &choice.block_dim, NULL,
         "what blocks run along: the last axis, or what a GEMM sums over", .choices = qcfg_block_dims},
        {"effective-bits", 'e', OPT_REAL, &choice.effective_bits, "BITS",
         "the solver's limit; if not given, by weight type: int4 4, int8 8, fp4 4, fp8 11", .min = 0.1,
         .max = 16},
        {"output", 'o', OPT_STRING, &output, "FILE", "where the JSON goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        "qcfg-build",
        "Write the quantization of one cell as JSON, for sens-score.",
        "--weight TYPE --act TYPE --granularity WHICH [OPTION]...",
        "  qcfg-build --weight int8 --act fp8 --granularity per_layer -o q.json\n",
        rows,
        "A cell that ModelOpt cannot compute is {\"reason\": ...} on the output, the reason on standard\n"
        "error, and exit status 3."};
    struct err err = {0};
    struct qcfg cfg;
    cJSON *json = NULL;
    int ret = -1;

    outfile_handle_signals();
    if (opt_parse(&tool, argc, argv, &err))
        goto out;
    if (tool.answered) {
        ret = 0;
        goto out;
    }
    if (tool.first < argc) {
        err_set(&err, ERR_USAGE, "unexpected \"%s\": everything is an option", argv[tool.first]);
        goto out;
    }
    if (isnan(choice.effective_bits))
        choice.effective_bits = 0;
    int built = qcfg_build(&cfg, &choice, &err);
    if (built && err.code != ERR_UNSUPPORTED)
        goto out;
    json = built ? qcfg_reason_to_json(&cfg, err.msg) : qcfg_to_json(&cfg);
    if (!json) {
        err_nomem(&err);
        goto out;
    }
    struct err write_err = {0};
    if (json_write(output, json, &write_err)) {
        err = write_err;
        goto out;
    }
    ret = built;
out:
    cJSON_Delete(json);
    return opt_exit(&tool, ret, &err);
}
