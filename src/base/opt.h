/* Command lines from a table: the same rows parse the options and print --help, so the two cannot drift.
 *
 *     struct opt rows[] = {
 *         {"size", 'S', OPT_INT, &size, "N", "side of the square input, a multiple of 32", .min = 32, .max =
 * 4096},
 *         {"weight", 'w', OPT_CHOICE, &weight, NULL, "weight type", .choices = dtypes, .required = true},
 *         OPT_END,
 *     };
 *     struct opt_tool tool = {"calib-prep", "letterbox images into a calib stream", "[OPTION]... --list
 * FILE", "  calib-prep --list l.txt | sens-score --model m.pt --calib - q.json\n", rows}; if
 * (opt_parse(&tool, argc, argv, &err)) ...      // err.code ERR_USAGE if (tool.answered) return 0; // --help
 * or --version was printed argv[tool.first .. argc-1] are the operands
 *
 * Every tool has --help, --version. Values are checked strictly: junk, overflow and unknown words are refused
 * with the accepted values named. Strings point into argv. */
#ifndef YS_BASE_OPT_H
#define YS_BASE_OPT_H

#include "base/err.h"

#include <stdbool.h>

enum opt_kind {
    OPT_FLAG,   /* bool *   */
    OPT_INT,    /* int *, from min to max */
    OPT_REAL,   /* double *, from min to max */
    OPT_STRING, /* const char ** */
    OPT_CHOICE, /* const char **, one of the NULL-terminated choices */
};

struct opt {
    const char *name; /* long name without the dashes */
    int letter;       /* short name, or 0 */
    enum opt_kind kind;
    void *value;     /* holds the default; shown by --help */
    const char *arg; /* placeholder in --help, NULL for a flag or a choice */
    const char *help;
    double min, max;
    const char *const *choices;
    bool required;
    bool given; /* set by opt_parse */
};
#define OPT_END                                                                                              \
    { .name = 0 }

struct opt_tool {
    const char *name, *purpose;
    const char *synopsis; /* what follows the name in the usage line */
    const char *example;  /* indented lines, each ending in a newline */
    struct opt *rows;
    const char *notes; /* a further paragraph of --help, or NULL */
    bool answered;
    int first; /* index in argv of the first operand */
};

/* Parses argv. --help goes to stdout. Errors: ERR_USAGE. */
int opt_parse(struct opt_tool *tool, int argc, char **argv, struct err *err);

/* What every tool's main does last: prints err.msg, if any, as "name: message" on stderr (and where to find
 * help, for ERR_USAGE), makes sure that stdout was written, and returns the exit status. */
int opt_exit(const struct opt_tool *tool, int ret, struct err *err);

/* The release, as --version prints it. */
extern const char yolosens_version[];

#endif
