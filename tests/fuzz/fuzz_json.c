/* The JSON files that one tool writes and another reads; the first byte chooses the reader. Those that only
 * report-gen reads: fuzz_report.c. */
#include "fuzz/fuzz.h"

#include "cell/qcfg.h"
#include "exec/amax.h"
#include "exec/sums.h"
#include "fuzz/sealed.h"
#include "solve/recipe.h"

static const char zeros[DIGEST_HEX] = "0000000000000000000000000000000000000000000000000000000000000000";

static void read_amax(const char *path, struct err *err) {
    struct conv convs[2] = {{.name = (char[]){"a"}, .cin = 1, .cout = 2, .groups = 1, .kh = 1, .kw = 1},
                            {.name = (char[]){"b.c"}, .cin = 2, .cout = 1, .groups = 1, .kh = 1, .kw = 1}};
    const struct graph graph = {.convs = convs, .n_convs = 2};
    struct amax amax = {0};
    fuzz_judge(amax_read(path, &graph, &(struct amax_origin){zeros, zeros, 1}, &amax, err), err);
    amax_free(&amax);
}

static void solve(const char *path, struct err *err) {
    struct scores scores;
    struct recipe recipe = {0};
    fuzz_judge(scores_read(path, &scores, err) || recipe_solve(&scores, 0, &recipe, err) ? -1 : 0, err);
    recipe_free(&recipe);
    scores_free(&scores);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct err err = {0};
    struct qcfg qcfg;
    double sums[3];
    bool has = false;
    if (n == 0)
        return 0;
    const char *path = sealed_file(0, (const char *)data + 1, n - 1);
    switch (data[0] & 3) {
    case 0:
        fuzz_judge(qcfg_read(path, &qcfg, &err), &err);
        break;
    case 1:
        read_amax(path, &err);
        break;
    case 2:
        solve(path, &err);
        break;
    case 3:
        sums_read(path, "i", 1, sums, 3, &has, true);
    }
    return 0;
}
