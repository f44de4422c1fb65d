/* throw-away: shows what a tool costs. */
#include "cli/opt.h"

#include <stdio.h>

static int run(void *ctx, const struct operands *operands, struct err *err) {
    (void)ctx;
    (void)operands;
    (void)err;
    puts("thrown away");
    return 0;
}

int main(int argc, char **argv) {
    struct opt rows[] = {OPT_END};
    struct opt_tool tool = {
        .name = "throw-away",
        .purpose = "show what a tool costs",
        .synopsis = "",
        .examples = "throw-away | wc -l\n",
        .rows = rows,
    };
    return opt_main(&tool, argc, argv, run, NULL);
}
