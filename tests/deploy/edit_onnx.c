/* edit_onnx < NODES > MODEL: an ONNX file whose nodes are the lines NAME OPERATOR WEIGHT OUTPUT, "-" for none, with an
 * initializer of four floats a weight. */
#include <stdio.h>
#include <string.h>

struct bytes {
    char at[4096];
    size_t n;
};

static void put(struct bytes *b, const void *p, size_t n) {
    memcpy(b->at + b->n, p, n);
    b->n += n;
}

static void put_varint(struct bytes *b, size_t v) {
    for (; v > 127; v >>= 7)
        put(b, &(char){(char)(v | 128)}, 1);
    put(b, &(char){(char)v}, 1);
}

/* A field of bytes. */
static void put_bytes(struct bytes *b, int number, const void *p, size_t n) {
    put_varint(b, (size_t)number << 3 | 2);
    put_varint(b, n);
    put(b, p, n);
}

static void put_text(struct bytes *b, int number, const char *s) {
    if (strcmp(s, "-") != 0)
        put_bytes(b, number, s, strlen(s));
}

int main(void) {
    static char graph[1 << 22];
    static const float four[4] = {1, 2, 3, 4};
    char name[512], op[512], weight[512], output[512];
    size_t n = 0;
    while (scanf("%511s %511s %511s %511s", name, op, weight, output) == 4) {
        struct bytes node = {0}, tensor = {0}, fields = {0};
        put_text(&node, 1, "x");
        put_text(&node, 1, weight);
        put_text(&node, 2, output);
        put_text(&node, 3, name);
        put_text(&node, 4, op);
        put_bytes(&fields, 1, node.at, node.n);
        put_varint(&tensor, 1 << 3);
        put_varint(&tensor, 4);
        put_varint(&tensor, 2 << 3);
        put_varint(&tensor, 1);
        put_text(&tensor, 8, weight);
        put_bytes(&tensor, 9, four, sizeof four);
        put_bytes(&fields, 5, tensor.at, tensor.n);
        if (n + fields.n > sizeof graph)
            return 1;
        memcpy(graph + n, fields.at, fields.n);
        n += fields.n;
    }
    struct bytes model = {0};
    put_varint(&model, 1 << 3);
    put_varint(&model, 10);
    put_text(&model, 2, "pytorch");
    put_varint(&model, 7 << 3 | 2);
    put_varint(&model, n);
    return fwrite(model.at, 1, model.n, stdout) != model.n || fwrite(graph, 1, n, stdout) != n;
}
