/* Command lines from a table: the same rows parse the options and print --help, from which the man pages are
 * made, so the three cannot drift.
 *
 *     static int run(void *ctx, const struct operands *operands, struct err *err); // the tool's work
 *
 *     int main(int argc, char **argv) {
 *         struct options o = {.size = 640};
 *         struct opt rows[] = {
 *             {"size", 'S', OPT_INT, &o.size, "N", "side of the square", OPT_LIMITS(IMGSZ)},
 *             {"list", 'l', OPT_IN, &o.list, "FILE", "image list", .required = true},
 *             OPT_END,
 *         };
 *         struct opt_tool tool = {.name = "calib-prep", .purpose = "make a calib stream of images", .rows = rows,
 *                                 .synopsis = "--list FILE", .examples = "calib-prep --list l.txt\n"};
 *         return opt_main(&tool, argc, argv, run, &o);
 *     }
 *
 * Before run is called, every file that is to be written was tried (base/outfile.h), and none is one that is
 * read, nor are two the same; one file at most is read from standard input: ERR_USAGE.
 *
 * Every tool has --help and --version. Values are checked strictly: junk, overflow and unknown words are
 * refused with the accepted values named. Strings point into argv. */
#ifndef YS_CLI_OPT_H
#define YS_CLI_OPT_H

#include "base/err.h"
#include "base/limits.h"
#include "cli/operands.h"

#include <stdbool.h>

enum opt_kind {
    OPT_FLAG,   /* bool *   */
    OPT_INT,    /* int *, from min to max */
    OPT_REAL,   /* double *, from min to max */
    OPT_STRING, /* const char ** */
    OPT_IN,     /* const char **, a file that is read */
    OPT_INS,    /* const char **, files that are read, commas between them */
    OPT_OUT,    /* const char **, a file that is written */
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
    const char *by_default; /* what --help says of the default instead of its value */
    bool required;
    bool given; /* set by opt_main */
};
/* The least and the most of a row of limits.def. */
#define OPT_LIMITS(name) .min = name##_LEAST, .max = name##_MOST
#define OPT_END                                                                                              \
    { .name = 0 }

/* How many operands a tool takes; with none of it set, none. */
struct opt_arity {
    int least, most;
    const char *otherwise; /* what is said of another number: "name one checkpoint" */
};

/* What operands name: of one that is IN=OUT or NAME=OUT, what stands behind the first '='. */
enum opt_operands { OPERANDS_OTHER, OPERANDS_IN, OPERANDS_IN_OUT, OPERANDS_NAME_OUT };

struct opt_tool {
    const char *name;
    const char *purpose;  /* one line, no full stop; the NAME of the man page too */
    const char *synopsis; /* what follows the name in the usage line */
    const char *notes;    /* paragraphs that say more, or NULL */
    const char *examples; /* commands, each ending in a newline */
    struct opt *rows;
    struct opt_arity arity;
    enum opt_operands operands;
};

/* The work of a tool; ctx is opt_main's. */
typedef int opt_run(void *ctx, const struct operands *operands, struct err *err);

/* The main of a tool: parses argv, answers --help and --version on stdout, or calls run; prints an error as
 * "name: message" on stderr (and where to find help, for ERR_USAGE); makes sure that stdout was written.
 * Temporaries of outfile are removed if a signal ends the process. Returns the exit status: 0 or an enum
 * err_code. */
int opt_main(struct opt_tool *tool, int argc, char **argv, opt_run *run, void *ctx);

/* Prints "name: message" on stderr, name being that of the tool that opt_main runs. */
void opt_complain(const char *message);

/* The same without the name: for the grid's tools, whose messages are make's. */
void opt_say(const char *message);

#endif
