#include "report/text.h"

#include "base/utf8.h"

#include <ctype.h>
#include <string.h>

/* Text that Markdown and HTML leave alone: names as the reference prints them. */
static bool is_plain(const char *s) {
    if (strncmp(s, "www.", 4) == 0)
        return false;
    for (const char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '.' && *p != '-' &&
            !(*p == '_' && p > s && isalnum((unsigned char)p[-1]) && isalnum((unsigned char)p[1])))
            return false;
    return *s != '-';
}

/* Everything else shows as it is written too: ASCII punctuation becomes character references, which neither
 * tables, emphasis, links, formulas nor HTML see; control characters become spaces. */
void text_put(FILE *f, const char *s) {
    bool plain = is_plain(s);
    for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
        const size_t control = utf8_control((const char *)p);
        if (control) {
            fputc(' ', f);
            p += control - 1;
        } else if (plain || isalnum(*p) || *p == ' ' || *p >= 0x80)
            fputc(*p, f);
        else
            fprintf(f, "&#%d;", *p);
    }
}

void text_put_code(FILE *f, const char *s) {
    bool fits = *s;
    for (const char *p = s; *p; p++)
        fits &= *p != '`' && *p != '|' && *p != '\\' && !utf8_control(p);
    if (fits) {
        fprintf(f, "`%s`", s);
        return;
    }
    fputs("<code>", f);
    text_put(f, s);
    fputs("</code>", f);
}
