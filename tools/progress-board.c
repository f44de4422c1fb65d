/* progress-board: what several tools report at once, a line for each on the terminal. */
#include "base/board.h"
#include "base/opt.h"

#include <unistd.h>

int main(int argc, char **argv) {
    struct opt rows[] = {OPT_END};
    struct opt_tool tool = {
        "progress-board",
        "Shows on the terminal, on standard output, what steps that run side by side write to standard "
        "input: their\n"
        "words, and below them a line for each that reports progress. Output that is no terminal gets the "
        "words alone.",
        "<PIPE",
        "  mkfifo p; progress-board <p & exec 3>p\n"
        "  YOLOSENS_PROGRESS='3 1 n' calib-stats --model n.pt --calib c.bin -o n.json 2>&3 &\n"
        "  YOLOSENS_PROGRESS='3 2 s' calib-stats --model s.pt --calib c.bin -o s.json 2>&3\n",
        rows,
        "YOLOSENS_PROGRESS is \"FD ID LABEL\": the descriptor, what tells the lines apart, and what a line "
        "is called.\n"
        "make sweep does all this by itself."};
    struct err err = {0};
    int ret = -1;
    if (opt_parse(&tool, argc, argv, &err))
        goto out;
    if (tool.answered) {
        ret = 0;
        goto out;
    }
    if (tool.first < argc) {
        err_set(&err, ERR_USAGE, "unexpected operand %s", argv[tool.first]);
        goto out;
    }
    ret = board_run(STDIN_FILENO, STDOUT_FILENO, &err);
out:
    return opt_exit(&tool, ret, &err);
}
