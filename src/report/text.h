/* Outside words in Markdown. */
#ifndef YS_REPORT_TEXT_H
#define YS_REPORT_TEXT_H

#include <stdio.h>

/* Shows as it is written, whatever Markdown, a table or HTML would take it for; control characters become spaces. */
void text_put(FILE *f, const char *s);

/* The same as code. */
void text_put_code(FILE *f, const char *s);

#endif
