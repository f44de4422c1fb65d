#include "base/utf8.h"

#include <string.h>

/* Length of the sequence that a byte starts; 0 for one that starts none. */
static size_t announced(unsigned char c) {
    return c < 0x80                ? 1
           : c >= 0xc2 && c < 0xe0 ? 2
           : c >= 0xe0 && c < 0xf0 ? 3
           : c >= 0xf0 && c < 0xf5 ? 4
                                   : 0;
}

unsigned utf8_next(const char **p) {
    const unsigned char *s = (const unsigned char *)*p;
    size_t n = announced(*s);
    unsigned c = n == 1 ? *s : *s & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (s[i] & 0x3f);
    *p += n;
    return c;
}

size_t utf8_length(const char *bytes, size_t n) {
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t k = n ? announced((unsigned char)*bytes) : 0;
    if (k == 0 || k > n)
        return 0;
    for (size_t i = 1; i < k; i++)
        if (((unsigned char)bytes[i] & 0xc0) != 0x80)
            return 0;
    unsigned c = utf8_next(&(const char *){bytes});
    return c < least[k] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : k;
}

size_t utf8_control(const char *s) {
    const unsigned char *c = (const unsigned char *)s;
    if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
        return 2;
    return c[0] && (c[0] < 0x20 || c[0] == 0x7f);
}

bool utf8_is_valid(const char *bytes, size_t n) {
    for (size_t k; n; bytes += k, n -= k)
        if (!(k = utf8_length(bytes, n)))
            return false;
    return true;
}

bool utf8_is_text(const char *bytes, size_t n) {
    return !memchr(bytes, 0, n) && utf8_is_valid(bytes, n);
}
