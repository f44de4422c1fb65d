#include "cli/opt.h"

#include "base/name.h"
#include "base/outfile.h"
#include "base/version.h"
#include "cli/files.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 64, LONG_ONLY = 1000, HELP_COLUMN = 32 };

static void print_default(const struct opt *o) {
    if (o->required) {
        printf(" (required)");
        return;
    }
    if (o->by_default) {
        printf(" [%s]", o->by_default);
        return;
    }
    switch (o->kind) {
    case OPT_FLAG:
        break;
    case OPT_INT:
        printf(" [%d]", *(int *)o->value);
        break;
    case OPT_REAL:
        printf(" [%g]", *(double *)o->value);
        break;
    case OPT_STRING:
    case OPT_IN:
    case OPT_INS:
    case OPT_OUT:
    case OPT_CHOICE:
        if (*(const char **)o->value)
            printf(" [%s]", *(const char **)o->value);
    }
}

static void print_row(const struct opt *o) {
    char left[128];
    int n = o->letter ? snprintf(left, sizeof left, "  -%c, --%s", o->letter, o->name)
                      : snprintf(left, sizeof left, "      --%s", o->name);
    if (o->kind == OPT_CHOICE) {
        for (const char *const *c = o->choices; *c && n < (int)sizeof left; c++)
            n += snprintf(left + n, sizeof left - (size_t)n, "%s%s", c == o->choices ? "=" : "|", *c);
    } else if (o->kind != OPT_FLAG) {
        snprintf(left + n, sizeof left - (size_t)n, "=%s", o->arg ? o->arg : "VALUE");
    }
    if (strlen(left) > HELP_COLUMN - 2)
        printf("%s\n%*s", left, HELP_COLUMN, "");
    else
        printf("%-*s", HELP_COLUMN, left);
    printf("%s", o->help);
    print_default(o);
    putchar('\n');
}

/* The headings, the $ before a command and the two spaces before a help text are what help2man reads. */
static void print_help(const struct opt_tool *tool) {
    printf("Usage: %s %s\n\n%c%s.\n", tool->name, tool->synopsis, toupper((unsigned char)tool->purpose[0]),
           tool->purpose + 1);
    if (tool->notes)
        printf("\n%s\n", tool->notes);
    printf("\nA file named - is standard input or output.\n\nOptions:\n");
    for (const struct opt *o = tool->rows; o->name; o++)
        print_row(o);
    const struct opt own[] = {{"help", 'h', OPT_FLAG, .help = "print this and exit"},
                              {"version", 'V', OPT_FLAG, .help = "print the version and exit"}};
    print_row(&own[0]);
    print_row(&own[1]);
    printf("\nExamples:\n");
    for (const char *line = tool->examples; *line;) {
        int n = (int)strcspn(line, "\n");
        printf("  $ %.*s\n", n, line);
        line += n + (line[n] == '\n');
    }
    printf("\nExit status:\n"
           "  0  done\n"
           "  1  failed; standard error says what and why\n"
           "  2  wrong usage\n"
           "  3  not supported\n");
}

static int set_value(struct opt *o, const char *text, struct err *err) {
    char *end;
    errno = 0;
    switch (o->kind) {
    case OPT_FLAG:
        *(bool *)o->value = true;
        break;
    case OPT_INT: {
        long v = strtol(text, &end, 10);
        if (end == text || *end || errno || v < o->min || v > o->max)
            return err_set(err, ERR_USAGE, "--%s: \"%s\" is not an integer from %.0f to %.0f", o->name, text,
                           o->min, o->max);
        *(int *)o->value = (int)v;
        break;
    }
    case OPT_REAL: {
        double v = strtod(text, &end);
        if (end == text || *end || errno || !(v >= o->min && v <= o->max))
            return err_set(err, ERR_USAGE, "--%s: \"%s\" is not a number from %g to %g", o->name, text,
                           o->min, o->max);
        *(double *)o->value = v;
        break;
    }
    case OPT_STRING:
    case OPT_IN:
    case OPT_INS:
    case OPT_OUT:
        if (!*text)
            return err_set(err, ERR_USAGE, "--%s: the value is empty", o->name);
        *(const char **)o->value = text;
        break;
    case OPT_CHOICE:
        if (!(*(const char **)o->value = name_choose(o->choices, text, err)))
            return err_wrap(err, "--%s", o->name);
    }
    return 0;
}

enum answer { ANSWER_NONE, ANSWER_HELP, ANSWER_VERSION };

/* getopt's two forms of the table. */
struct getopt_table {
    struct option longs[ROWS_MAX + 3];
    char shorts[2 * ROWS_MAX + 8];
    int n; /* rows */
};

static void getopt_table_fill(struct getopt_table *t, const struct opt *rows) {
    snprintf(t->shorts, sizeof t->shorts, ":hV");
    for (t->n = 0; rows[t->n].name && t->n < ROWS_MAX; t->n++) {
        const struct opt *o = &rows[t->n];
        bool flag = o->kind == OPT_FLAG;
        t->longs[t->n] =
            (struct option){o->name, flag ? no_argument : required_argument, NULL, LONG_ONLY + t->n};
        if (o->letter) {
            size_t k = strlen(t->shorts);
            snprintf(t->shorts + k, sizeof t->shorts - k, "%c%s", o->letter, flag ? "" : ":");
        }
    }
    t->longs[t->n] = (struct option){"help", no_argument, NULL, 'h'};
    t->longs[t->n + 1] = (struct option){"version", no_argument, NULL, 'V'};
    t->longs[t->n + 2] = (struct option){0};
}

/* Sets the rows' values, asks whether --help or --version comes first, and finds the operands. */
static int parse(struct opt_tool *tool, int argc, char **argv, enum answer *answer, struct operands *operands,
                 struct err *err) {
    struct getopt_table table;
    getopt_table_fill(&table, tool->rows);
    *answer = ANSWER_NONE;
    opterr = 0;
    optind = 1;
    int c;
    while ((c = getopt_long(argc, argv, table.shorts, table.longs, NULL)) != -1) {
        if (c == 'h' || c == 'V') {
            *answer = c == 'h' ? ANSWER_HELP : ANSWER_VERSION;
            return 0;
        }
        if (c == ':')
            return err_set(err, ERR_USAGE, "%s needs a value", argv[optind - 1]);
        if (c == '?')
            return err_set(err, ERR_USAGE, "unknown option %s", argv[optind - 1]);
        struct opt *o = NULL;
        for (int i = 0; i < table.n && !o; i++)
            if (c == LONG_ONLY + i || c == tool->rows[i].letter)
                o = &tool->rows[i];
        o->given = true;
        if (set_value(o, optarg, err))
            return -1;
    }
    *operands = (struct operands){argv + optind, argc - optind};
    return 0;
}

static int check(const struct opt_tool *tool, const struct operands *operands, struct err *err) {
    const struct opt_arity *a = &tool->arity;
    for (const struct opt *o = tool->rows; o->name; o++)
        if (o->required && !o->given)
            return err_set(err, ERR_USAGE, "--%s is required", o->name);
    if (operands->n >= a->least && operands->n <= a->most)
        return files_check(tool, operands, err);
    if (a->most == 0)
        return err_set(err, ERR_USAGE, "unexpected operand %s", operands->word[0]);
    return err_set(err, ERR_USAGE, "%s", a->otherwise);
}

static const char *running = "yolosens";

void opt_complain(const char *message) {
    fprintf(stderr, "%s: %s\n", running, message);
}

void opt_say(const char *message) {
    fprintf(stderr, "%s\n", message);
}

static int finish(const struct opt_tool *tool, int ret, struct err *err) {
    if (ret == 0 && (fflush(stdout) || ferror(stdout)))
        ret = err_errno(err, "standard output: cannot write");
    if (ret == 0)
        return 0;
    opt_complain(err->msg[0] ? err->msg : "failed");
    if (err->code == ERR_USAGE)
        fprintf(stderr, "Try '%s --help'.\n", tool->name);
    return err->code ? (int)err->code : ERR_FAILED;
}

int opt_main(struct opt_tool *tool, int argc, char **argv, opt_run *run, void *ctx) {
    struct operands operands = {0};
    struct err err = {0};
    enum answer answer;
    running = tool->name;
    outfile_handle_signals();
    int ret = parse(tool, argc, argv, &answer, &operands, &err);
    if (ret == 0 && answer == ANSWER_HELP)
        print_help(tool);
    else if (ret == 0 && answer == ANSWER_VERSION)
        printf("%s (yolosens) %s\n", tool->name, YOLOSENS_VERSION);
    else if (ret == 0 && (ret = check(tool, &operands, &err)) == 0)
        ret = run(ctx, &operands, &err);
    return finish(tool, ret, &err);
}
