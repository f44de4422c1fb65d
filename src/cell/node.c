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

/* Writes the node of the first `end` bytes of a layer's name. */
static void put_node(FILE *f, const struct scores *scores, const char *name, size_t length) {
    const char *part = name, *last = name + length;
    while (part < last) {
        size_t n = strcspn(part, ".");
        n = part + n > last ? (size_t)(last - part) : n;
        const char *shown = part, *end = part + n;
        if (end == last || !number_length(end + 1)) {
            fprintf(f, "/%.*s", (int)n, part);
        } else {
            if (!is_list(scores, name, (size_t)(part - name), n))
                fprintf(f, "/%.*s", (int)n, part);
            for (size_t k; end < last && (k = number_length(end + 1)); end += k + 1)
                fprintf(f, "/%.*s", (int)(end + k + 1 - shown), shown);
        }
        part = end + (end < last);
    }
    fputs("/Conv", f);
}

/* The layer that a layer is merged into before an export: itself, but for a RepVGGDW's small kernel. */
static size_t merged_into(const struct scores *s, size_t layer) {
    const char *name = s->layers[layer].name;
    const size_t stem = strlen(name) - (ends_in(name, SMALL) ? sizeof SMALL - 1 : 0);
    for (size_t i = 0; name[stem] && i < s->n_layers; i++) {
        const char *other = s->layers[i].name;
        if (strncmp(other, name, stem) == 0 && strcmp(other + stem, LARGE) == 0)
            return i;
    }
    return layer;
}

int node_fill(struct scores *s, struct err *err) {
    struct memstream m;
    size_t n;
    for (size_t i = 0; i < s->n_layers; i++)
        if (s->layers[i].node)
            return 0;
    if (memstream_open(&m, err))
        return -1;
    for (size_t i = 0; i < s->n_layers; i++) {
        const char *name = s->layers[merged_into(s, i)].name;
        put_node(m.f, s, name, strlen(name) - (ends_in(name, LARGE) ? strlen(".conv") : 0));
        fputc('\0', m.f);
    }
    if (memstream_close(&m, &s->nodes, &n, err))
        return -1;
    const char *node = s->nodes;
    for (size_t i = 0; i < s->n_layers; i++, node += strlen(node) + 1)
        s->layers[i].node = s->layers[i].exported ? node : NULL;
    return 0;
}
