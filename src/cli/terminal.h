/* What a descriptor's terminal is like. */
#ifndef YS_CLI_TERMINAL_H
#define YS_CLI_TERMINAL_H

#include <stdbool.h>

/* Whether fd is a terminal that can move its cursor: TERM names it, and not as dumb. */
bool terminal_draws(int fd);

/* Its size in characters; 80 x 24 where the terminal does not tell. */
void terminal_size(int fd, int *columns, int *rows);

#endif
