/* The files that a command line names. */
#ifndef YS_CLI_FILES_H
#define YS_CLI_FILES_H

#include "cli/opt.h"

/* Judges the files of a tool's rows and operands before any work is done. Errors: ERR_USAGE if a file that is
 * to be written is one that is read, if two results go to one file, if two inputs or two results are standard
 * input or output, or if an option names where the result goes beside operands that do; ERR_FAILED if one
 * cannot be written. */
int files_check(const struct opt_tool *tool, const struct operands *operands, struct err *err);

#endif
