/* qcfg-build: what cells of the grid quantize, and how; or why they cannot be. */
#include "base/json.h"
#include "cell/qcfg.h"
#include "cli/opt.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

struct request {
    struct qcfg_choice choice;
    const char *output;
};

/* A cell that cannot be is written too, and fails with ERR_UNSUPPORTED after that. */
static int build(const struct qcfg_choice *choice, const char *output, struct err *err) {
    struct qcfg cfg;
    int built = qcfg_build(&cfg, choice, err);
    if (built && err->code != ERR_UNSUPPORTED)
        return -1;
    cJSON *json = built ? qcfg_reason_to_json(&cfg, err->msg) : qcfg_to_json(&cfg);
    if (!json)
        return err_nomem(err);
    struct err write_err = {0};
    int written = json_put(output, json, &write_err);
    cJSON_Delete(json);
    if (written)
        *err = write_err;
    return written ? -1 : built;
}

/* Takes one of the words off the front of *text, and the separator behind it. NULL: there is none. */
static const char *take(const char **text, const char *const *words, char separator) {
    for (; *words; words++) {
        size_t n = strlen(*words);
        if (strncmp(*text, *words, n) == 0 && (*text)[n] == separator) {
            *text += n + 1;
            return *words;
        }
    }
    return NULL;
}

/* WEIGHT-ACT-GRANULARITY=FILE */
static int parse(const char *operand, struct qcfg_choice *choice, const char **output, struct err *err) {
    *output = operand;
    if ((choice->weight = take(output, qcfg_weight_dtypes, '-')) &&
        (choice->act = take(output, qcfg_act_dtypes, '-')) &&
        (choice->granularity = take(output, qcfg_granularities, '=')) && **output)
        return 0;
    return err_set(err, ERR_USAGE, "%s: cells are given as WEIGHT-ACT-GRANULARITY=FILE", operand);
}

static int run(void *ctx, const struct operands *operands, struct err *err) {
    struct request *r = ctx;
    struct qcfg_choice *c = &r->choice;
    int unsupported = 0;
    bool single = c->weight || c->act || c->granularity;
    if (isnan(c->effective_bits))
        c->effective_bits = 0;
    if (single && operands->n)
        return err_set(err, ERR_USAGE, "unexpected operand %s", operands->word[0]);
    if (!operands->n) {
        if (!c->weight || !c->act || !c->granularity)
            return err_set(err, ERR_USAGE, "--%s is required",
                           !c->weight ? "weight"
                           : !c->act  ? "act"
                                      : "granularity");
        return build(c, r->output, err);
    }
    for (int i = 0; i < operands->n; i++) {
        const char *output;
        if (parse(operands->word[i], c, &output, err))
            return -1;
    }
    for (int i = 0; i < operands->n; i++) {
        const char *output;
        struct err why = {0};
        parse(operands->word[i], c, &output, err);
        if (build(c, output, &why)) {
            if (why.code != ERR_UNSUPPORTED) {
                *err = why;
                return -1;
            }
            unsupported++;
        }
    }
    return unsupported ? err_set(err, ERR_UNSUPPORTED, "%d of %d cells cannot be", unsupported, operands->n)
                       : 0;
}

int main(int argc, char **argv) {
    struct request r = {{.fp4_preset = qcfg_fp4_presets[0],
                         .int4_preset = qcfg_int4_presets[0],
                         .block_dim = qcfg_block_dims[0],
                         .effective_bits = NAN},
                        "-"};
    struct opt rows[] = {
        {"weight", 'w', OPT_CHOICE, &r.choice.weight, NULL, "weight type", .choices = qcfg_weight_dtypes},
        {"act", 'a', OPT_CHOICE, &r.choice.act, NULL, "activation type; fp16: not quantized",
         .choices = qcfg_act_dtypes},
        {"granularity", 'g', OPT_CHOICE, &r.choice.granularity, NULL, "what shares a scale",
         .choices = qcfg_granularities},
        {"fp4-preset", 0, OPT_CHOICE, &r.choice.fp4_preset, NULL, "what fp4 means",
         .choices = qcfg_fp4_presets},
        {"int4-preset", 0, OPT_CHOICE, &r.choice.int4_preset, NULL, "what int4 weights mean",
         .choices = qcfg_int4_presets},
        {"block-dim", 0, OPT_CHOICE, &r.choice.block_dim, NULL,
         "what blocks run along: the last axis, or what a GEMM sums over", .choices = qcfg_block_dims},
        {"effective-bits", 'e', OPT_REAL, &r.choice.effective_bits, "BITS", "the solver's limit",
         OPT_LIMITS(EFFECTIVE_BITS), .by_default = "by weight type: int4 4, int8 8, fp4 4, fp8 11"},
        {"output", 'o', OPT_OUT, &r.output, "FILE", "where the JSON goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "qcfg-build",
        .purpose = "write the quantization of cells as JSON, for sens-score",
        .synopsis = "--weight TYPE --act TYPE --granularity WHICH [OPTION]... | [OPTION]... CELL=FILE...",
        .notes =
            "A cell that ModelOpt cannot compute is {\"reason\": ...} on the output, the reason on standard\n"
            "error, and exit status 3. Of several, CELL is WEIGHT-ACT-GRANULARITY, and those that cannot be "
            "are\n"
            "counted. A file that holds its bytes already is left alone.\n"
#define GRANULARITY(word, usual, weight, input, blocks, scales, runtimes)                                    \
    "\nGranularity " word ": " scales ".\n" runtimes
#include "cell/granularities.def"
        ,
        .examples = "qcfg-build --weight int8 --act fp8 --granularity per_layer -o q.json\n"
                    "qcfg-build int8-fp8-per_layer=q1.json int8-int8-per_channel=q2.json\n",
        .rows = rows,
        .arity = {.most = INT_MAX},
        .operands = OPERANDS_NAME_OUT,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
