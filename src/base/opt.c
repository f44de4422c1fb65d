#include "base/opt.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char yolosens_version[] = "0.1.0";

enum { ROWS_MAX = 64, LONG_ONLY = 1000, OPT_HELP = 2000, OPT_VERSION };

static void print_default(const struct opt *o) {
    if (o->required) {
        printf(" (required)");
        return;
    }
    switch (o->kind) {
    case OPT_FLAG:
        break;
    case OPT_INT:
        printf(" [%d]", *(int *)o->value);
        break;
    case OPT_REAL:
        if (isfinite(*(double *)o->value))
            printf(" [%g]", *(double *)o->value);
        break;
    case OPT_STRING:
    case OPT_CHOICE:
        if (*(const char **)o->value)
            printf(" [%s]", *(const char **)o->value);
    }
}

static void print_help(const struct opt_tool *tool) {
    printf("Usage: %s %s\n\n%s\n\nOptions:\n", tool->name, tool->synopsis, tool->purpose);
    for (const struct opt *o = tool->rows; o->name; o++) {
        char left[128];
        int n = o->letter ? snprintf(left, sizeof left, "  -%c, --%s", o->letter, o->name)
                          : snprintf(left, sizeof left, "      --%s", o->name);
        if (o->kind == OPT_CHOICE) {
            for (const char *const *c = o->choices; *c && n < (int)sizeof left; c++)
                n += snprintf(left + n, sizeof left - (size_t)n, "%s%s", c == o->choices ? " " : "|", *c);
        } else if (o->kind != OPT_FLAG) {
            snprintf(left + n, sizeof left - (size_t)n, " %s", o->arg ? o->arg : "VALUE");
        }
        if (strlen(left) > 30)
            printf("%s\n%32s", left, "");
        else
            printf("%-32s", left);
        printf("%s", o->help);
        print_default(o);
        putchar('\n');
    }
    printf("  -h, --help                    print this and exit\n"
           "  -V, --version                 print the version and exit\n");
    if (tool->example)
        printf("\nExample:\n%s", tool->example);
    if (tool->notes)
        printf("\n%s\n", tool->notes);
    printf("\nA file named - is standard input or output.\n"
           "Exit status: 0 done, 1 failed, 2 wrong usage, 3 not supported.\n");
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
        if (!*text)
            return err_set(err, ERR_USAGE, "--%s: the value is empty", o->name);
        *(const char **)o->value = text;
        break;
    case OPT_CHOICE: {
        char list[256] = "";
        for (const char *const *c = o->choices; *c; c++) {
            if (strcmp(*c, text) == 0) {
                *(const char **)o->value = *c;
                return 0;
            }
            size_t n = strlen(list);
            snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", *c);
        }
        return err_set(err, ERR_USAGE, "--%s: \"%s\" is not one of %s", o->name, text, list);
    }
    }
    return 0;
}

int opt_parse(struct opt_tool *tool, int argc, char **argv, struct err *err) {
    struct option longs[ROWS_MAX + 3];
    char shorts[2 * ROWS_MAX + 8] = ":hV";
    int n = 0;
    for (; tool->rows[n].name && n < ROWS_MAX; n++) {
        struct opt *o = &tool->rows[n];
        longs[n] = (struct option){o->name, o->kind == OPT_FLAG ? no_argument : required_argument, NULL,
                                   LONG_ONLY + n};
        if (o->letter) {
            size_t k = strlen(shorts);
            snprintf(shorts + k, sizeof shorts - k, "%c%s", o->letter, o->kind == OPT_FLAG ? "" : ":");
        }
    }
    longs[n] = (struct option){"help", no_argument, NULL, OPT_HELP};
    longs[n + 1] = (struct option){"version", no_argument, NULL, OPT_VERSION};
    longs[n + 2] = (struct option){0};

    opterr = 0;
    optind = 1;
    int c;
    while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (c == 'h' || c == OPT_HELP) {
            print_help(tool);
            tool->answered = true;
            return 0;
        }
        if (c == 'V' || c == OPT_VERSION) {
            printf("%s (yolosens) %s\n", tool->name, yolosens_version);
            tool->answered = true;
            return 0;
        }
        if (c == ':')
            return err_set(err, ERR_USAGE, "%s needs a value", argv[optind - 1]);
        if (c == '?')
            return err_set(err, ERR_USAGE, "unknown option %s", argv[optind - 1]);
        struct opt *o = NULL;
        for (int i = 0; i < n && !o; i++)
            if (c == LONG_ONLY + i || c == tool->rows[i].letter)
                o = &tool->rows[i];
        o->given = true;
        if (set_value(o, optarg, err))
            return -1;
    }
    tool->first = optind;
    for (int i = 0; i < n; i++)
        if (tool->rows[i].required && !tool->rows[i].given)
            return err_set(err, ERR_USAGE, "--%s is required", tool->rows[i].name);
    return 0;
}

int opt_exit(const struct opt_tool *tool, int ret, struct err *err) {
    if (ret == 0 && (fflush(stdout) || ferror(stdout)))
        ret = err_errno(err, "standard output: cannot write");
    if (ret == 0)
        return 0;
    fprintf(stderr, "%s: %s\n", tool->name, err->msg[0] ? err->msg : "failed");
    if (err->code == ERR_USAGE)
        fprintf(stderr, "Try '%s --help'.\n", tool->name);
    return err->code ? (int)err->code : ERR_FAILED;
}
