#include "cell/node.h"

#include "base/memstream.h"

#include <ctype.h>
#include <string.h>

static const char LARGE[] = ".conv.conv", SMALL[] = ".conv1.conv"; /* of a RepVGGDW */

static bool ends_in(const char *s, const char *end) {
    const size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

/* Whether a layer stands below the module whose name is the first n bytes of `name` and then `child`. */
static bool has_below(const struct scores *s, const char *name, size_t n, const char *child) {
    const size_t k = strlen(child);
    for (size_t i = 0; i < s->n_layers; i++) {
        const char *layer = s->layers[i].name;
        if (strncmp(layer, name, n) == 0 && strncmp(layer + n, child, k) == 0 &&
            (layer[n + k] == '.' || !layer[n + k]))
            return true;
    }
    return false;
}

static size_t number_length(const char *part) {
    size_t n = 0;
    while (isdigit((unsigned char)part[n]))
        n++;
    return n && (part[n] == '.' || !part[n]) ? n : 0;
}

/* Whether the container `name + at`, n bytes long, is a ModuleList; children are what stands behind it. */
static bool is_list(const struct scores *s, const char *name, size_t at, size_t n) {
    const char *part = name + at, *number = part + n + 1, *next = number + number_length(number);
    if (at == 0 || (*next && number_length(next + 1)))
        return true;
    return n == 1 && *part == 'm' && !has_below(s, name, at, "cv3") &&
           !has_below(s, name, (size_t)(next - name), ".attn");
}

int node_name(const struct scores *scores, const char *name, char **node, struct err *err) {
    const char *part = name;
    struct memstream m;
    *node = NULL;
    if (memstream_open(&m, err))
        return -1;
    while (*part) {
        const size_t n = strcspn(part, ".");
        const char *shown = part, *end = part + n;
        if (!*end || !number_length(end + 1)) {
            fprintf(m.f, "/%.*s", (int)n, part);
        } else {
            if (!is_list(scores, name, (size_t)(part - name), n))
                fprintf(m.f, "/%.*s", (int)n, part);
            for (size_t k; *end && (k = number_length(end + 1)); end += k + 1)
                fprintf(m.f, "/%.*s", (int)(end + k + 1 - shown), shown);
        }
        part = end + (*end != '\0');
    }
    fputs("/Conv", m.f);
    return memstream_close(&m, node, NULL, err);
}

size_t node_merged_into(const struct scores *s, size_t layer) {
    const char *name = s->layers[layer].name;
    const size_t stem = strlen(name) - (ends_in(name, SMALL) ? sizeof SMALL - 1 : 0);
    for (size_t i = 0; name[stem] && i < s->n_layers; i++) {
        const char *other = s->layers[i].name;
        if (strncmp(other, name, stem) == 0 && strcmp(other + stem, LARGE) == 0)
            return i;
    }
    return layer;
}

size_t node_exported_length(const char *name) {
    return strlen(name) - (ends_in(name, LARGE) ? strlen(".conv") : 0);
}
