/* progress-board: what several tools report at once, a line for each on the terminal. */
#include "cli/board.h"
#include "cli/opt.h"

#include <stdio.h>

static int run(void *ctx, const struct operands *operands, struct err *err) {
    (void)ctx;
    (void)operands;
    return board_run(stdin, stdout, err);
}

int main(int argc, char **argv) {
    struct opt rows[] = {OPT_END};
    struct opt_tool tool = {
        .name = "progress-board",
        .purpose = "show on a terminal what steps that run side by side report",
        .synopsis = "<PIPE",
        .notes =
            "Shows on standard output what steps that run side by side write to standard input: their\n"
            "words, and below them a line for each that reports progress. Output that is no terminal gets\n"
            "the words alone. YOLOSENS_PROGRESS is \"FD ID LABEL\": the descriptor, what tells the lines\n"
            "apart, and what a line is called. make sweep does all this by itself.",
        .examples = "mkfifo p; progress-board <p & exec 3>p\n"
                    "YOLOSENS_PROGRESS='3 1 n' calib-stats --model n.pt --calib c.bin -o n.json 2>&3 &\n"
                    "YOLOSENS_PROGRESS='3 2 s' calib-stats --model s.pt --calib c.bin -o s.json 2>&3\n",
        .rows = rows,
    };
    return opt_main(&tool, argc, argv, run, NULL);
}
