/* A pickle machine for tests, as small as the state files need: protocol 2, data and inert objects only,
 * independent of the writer under test. It aborts on what it does not know.
 *
 *     struct node *root = unpickle(bytes, n);
 *     char *text = node_text(root); // objects are numbered as they are met: "QuantRecipe#3{...}", then "#3"
 *     free(text);
 *     unpickle_free(); // every node there is
 *
 * defaultdict(dict, d) and defaultdict(dict) filled by SETITEMS are shown alike, sets in sorted order. */
#ifndef YS_TEST_UNPICKLE_H
#define YS_TEST_UNPICKLE_H

#include "base/json.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum node_kind { ATOM, GLOBAL, TUPLE, LIST, DICT, SET, DEFAULTDICT, OBJECT, MARKER };

struct node {
    enum node_kind kind;
    char *text;         /* of an atom or a global */
    struct node **item; /* dicts: key, value, key, ... */
    size_t n;
    struct node *class, *state; /* of an object */
    int number;
    struct node *next; /* all nodes */
};

static struct node *all_nodes;

static struct node *new_node(enum node_kind kind, const char *text, size_t n) {
    struct node *x = calloc(1, sizeof *x);
    if (!x || !(x->text = strndup(text, n)))
        abort();
    x->kind = kind;
    x->next = all_nodes;
    all_nodes = x;
    return x;
}

static void unpickle_free(void) {
    for (struct node *x = all_nodes, *next; x; x = next) {
        next = x->next;
        free(x->text);
        free(x->item);
        free(x);
    }
    all_nodes = NULL;
}

static void add_items(struct node *x, struct node **items, size_t n) {
    x->item = realloc(x->item, (x->n + n + 1) * sizeof *x->item);
    if (!x->item)
        abort();
    for (size_t i = 0; i < n; i++)
        x->item[x->n++] = items[i];
}

static struct node *call(struct node *callable, struct node *args) {
    struct node *x;
    if (strcmp(callable->text, "__builtin__ set") == 0) {
        x = new_node(SET, "", 0);
        add_items(x, args->item[0]->item, args->item[0]->n);
    } else if (strcmp(callable->text, "collections defaultdict") == 0 &&
               strcmp(args->item[0]->text, "__builtin__ dict") == 0) {
        x = new_node(DEFAULTDICT, "", 0);
        if (args->n == 2)
            add_items(x, args->item[1]->item, args->item[1]->n);
    } else {
        abort();
    }
    return x;
}

static uint32_t le32(const unsigned char *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static struct node *number(double v, int integer) {
    char text[JSON_NUMBER];
    if (integer)
        snprintf(text, sizeof text, "%.0f", v);
    else
        json_number(v, text);
    return new_node(ATOM, text, strlen(text));
}

static struct node *real_be(const unsigned char *p) {
    uint64_t bits = 0;
    double v;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | p[i];
    memcpy(&v, &bits, sizeof v);
    return number(v, 0);
}

static struct node *unpickle(const unsigned char *p, size_t n) {
    enum { DEPTH = 4096, MEMOS = 1 << 20 };
    struct node **stack = calloc(DEPTH, sizeof *stack), **memo = calloc(MEMOS, sizeof *memo), *x,
                *result = NULL;
    const unsigned char *end = p + n;
    size_t top = 0, from;
    if (!stack || !memo || n < 2 || p[0] != 0x80 || p[1] != 2)
        abort();
    for (p += 2; p < end && !result;) {
        if (top + 2 >= DEPTH)
            abort();
        switch (*p++) {
        case '(':
            stack[top++] = new_node(MARKER, "", 0);
            break;
        case ')':
            stack[top++] = new_node(TUPLE, "", 0);
            break;
        case ']':
            stack[top++] = new_node(LIST, "", 0);
            break;
        case '}':
            stack[top++] = new_node(DICT, "", 0);
            break;
        case 'N':
            stack[top++] = new_node(ATOM, "None", 4);
            break;
        case 0x88:
            stack[top++] = new_node(ATOM, "True", 4);
            break;
        case 0x89:
            stack[top++] = new_node(ATOM, "False", 5);
            break;
        case 'K':
            stack[top++] = number(*p, 1);
            p += 1;
            break;
        case 'M':
            stack[top++] = number(p[0] | p[1] << 8, 1);
            p += 2;
            break;
        case 'J':
            stack[top++] = number((int32_t)le32(p), 1);
            p += 4;
            break;
        case 'G':
            stack[top++] = real_be(p);
            p += 8;
            break;
        case 'X':
            stack[top++] = new_node(ATOM, (const char *)p + 4, le32(p));
            p += 4 + le32(p);
            break;
        case 'c': {
            const unsigned char *a = memchr(p, '\n', (size_t)(end - p)),
                                *b = memchr(a + 1, '\n', (size_t)(end - a - 1));
            x = new_node(GLOBAL, (const char *)p, (size_t)(b - p));
            x->text[a - p] = ' ';
            stack[top++] = x;
            p = b + 1;
            break;
        }
        case 'q':
            memo[*p++] = stack[top - 1];
            break;
        case 'r':
            if (le32(p) >= MEMOS)
                abort();
            memo[le32(p)] = stack[top - 1];
            p += 4;
            break;
        case 'h':
            stack[top++] = memo[*p++];
            break;
        case 'j':
            stack[top++] = memo[le32(p)];
            p += 4;
            break;
        case 'a':
            top--;
            add_items(stack[top - 1], &stack[top], 1);
            break;
        case 's':
            top -= 2;
            add_items(stack[top - 1], &stack[top], 2);
            break;
        case 'e':
        case 'u':
            for (from = top; stack[from - 1]->kind != MARKER; from--)
                ;
            add_items(stack[from - 2], &stack[from], top - from);
            top = from - 1;
            break;
        case 't':
            for (from = top; stack[from - 1]->kind != MARKER; from--)
                ;
            x = new_node(TUPLE, "", 0);
            add_items(x, &stack[from], top - from);
            top = from - 1;
            stack[top++] = x;
            break;
        case 0x85:
        case 0x86:
        case 0x87:
            from = p[-1] - 0x84u;
            x = new_node(TUPLE, "", 0);
            add_items(x, &stack[top - from], from);
            top -= from;
            stack[top++] = x;
            break;
        case 'R':
            top--;
            stack[top - 1] = call(stack[top - 1], stack[top]);
            break;
        case 0x81:
            x = new_node(OBJECT, "", 0);
            top--;
            x->class = stack[top - 1];
            stack[top - 1] = x;
            break;
        case 'b':
            top--;
            stack[top - 1]->state = stack[top];
            break;
        case '.':
            result = stack[top - 1];
            break;
        default:
            fprintf(stderr, "unpickle: opcode 0x%02x\n", p[-1]);
            abort();
        }
    }
    if (!result || top != 1 || p != end)
        abort();
    free(stack);
    free(memo);
    return result;
}

static int by_text(const void *a, const void *b) {
    return strcmp((*(struct node *const *)a)->text, (*(struct node *const *)b)->text);
}

static void put_node(FILE *f, struct node *x, int *numbers) {
    static const char *const open[] = {"", "", "(", "[", "{", "set(", "defaultdict{"}, *const close[] = {
                                                                                           "",  "",  ")", "]",
                                                                                           "}", ")", "}"};
    if (x->kind == ATOM || x->kind == GLOBAL) {
        fputs(x->text, f);
    } else if (x->kind == OBJECT) {
        if (x->number) {
            fprintf(f, "#%d", x->number);
            return;
        }
        x->number = ++*numbers;
        fprintf(f, "%s#%d", strrchr(x->class->text, ' ') + 1, x->number);
        put_node(f, x->state, numbers);
    } else {
        int map = x->kind == DICT || x->kind == DEFAULTDICT;
        if (x->kind == SET)
            qsort(x->item, x->n, sizeof *x->item, by_text);
        fputs(open[x->kind], f);
        for (size_t i = 0; i < x->n; i++) {
            put_node(f, x->item[i], numbers);
            if (i + 1 < x->n)
                fputc(map && i % 2 == 0 ? ':' : ',', f);
        }
        fputs(close[x->kind], f);
    }
}

static char *node_text(struct node *x) {
    char *text = NULL;
    size_t n;
    int numbers = 0;
    for (struct node *y = all_nodes; y; y = y->next)
        y->number = 0;
    FILE *f = open_memstream(&text, &n);
    put_node(f, x, &numbers);
    fclose(f);
    return text;
}

/* The value of a dict, or of an object's state; aborts if there is none. */
static struct node *node_get(struct node *x, const char *key) {
    if (x->kind == OBJECT)
        x = x->state;
    for (size_t i = 0; i + 1 < x->n; i += 2)
        if (strcmp(x->item[i]->text, key) == 0)
            return x->item[i + 1];
    fprintf(stderr, "unpickle: no key %s\n", key);
    abort();
}

#endif
