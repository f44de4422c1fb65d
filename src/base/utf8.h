/* Whether bytes are text that C strings and JSON can carry. */
#ifndef YS_BASE_UTF8_H
#define YS_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character that the n bytes begin with, 0 if they begin with no valid one. */
size_t utf8_length(const char *bytes, size_t n);

/* n bytes of valid UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool utf8_is_valid(const char *bytes, size_t n);

/* The same, and no NUL among them. */
bool utf8_is_text(const char *bytes, size_t n);

/* Bytes of the control character that s, which NUL ends, begins with: 1 for U+0001..U+001F and U+007F, 2 for
 * U+0080..U+009F, which terminals obey as well; 0 for anything else. */
size_t utf8_control(const char *s);

/* Reads one character of valid UTF-8 at *p, which it moves on. */
unsigned utf8_next(const char **p);

#endif
