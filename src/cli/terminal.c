#define _GNU_SOURCE
#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool terminal_draws(int fd) {
    const char *name = getenv("TERM");
    return isatty(fd) && name && *name && strcmp(name, "dumb") != 0;
}

void terminal_size(int fd, int *columns, int *rows) {
    struct winsize size = {0};
    bool told = ioctl(fd, TIOCGWINSZ, &size) == 0;
    *columns = told && size.ws_col ? size.ws_col : 80;
    *rows = told && size.ws_row ? size.ws_row : 24;
}
