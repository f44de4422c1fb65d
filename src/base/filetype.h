/* What a file is by its first bytes, for messages that refuse it. */
#ifndef YS_BASE_FILETYPE_H
#define YS_BASE_FILETYPE_H

#include <stddef.h>

struct filetype {
    const char *what;   /* "a Git LFS pointer", after "it is" */
    const char *remedy; /* what to do for what it stands for; NULL: it is a picture, to be converted */
};

/* NULL: none that is known. */
const struct filetype *filetype_of(const void *bytes, size_t n);

#endif
