/* Checkpoints whose pickle is as it should be, and whose module tree attacks what comes after it: few bytes
 * that ask for much work, much memory or numbers that overflow. */
#define _GNU_SOURCE
#include "attack.h"
#include "builder.h"
#include "fuzz/network.h"
#include "model.h"

/* {"model": detector} with its layers open: net_child, a module, ..., then close_layers. */
static struct net open_layers(void) {
    struct net n = {0};
    pk_begin(&n.p, 2);
    op(&n.p, OP_EMPTY_DICT);
    pk_str(&n.p, "model");
    net_begin(&n, NET_MODEL);
    net_attributes(&n);
    net_children(&n);
    net_child(&n, "model");
    net_begin(&n, NET_SEQUENTIAL);
    net_attributes(&n);
    net_children(&n);
    return n;
}

static void close_layers(struct net *n, const char *what, const char *why) {
    static float numbers[STORAGE_FLOATS];
    struct parts parts = {{{.name = "m/data/0", .bytes = numbers, .n = sizeof numbers}}, 1};
    net_end(n);
    net_end(n);
    op(&n->p, OP_SETITEM);
    expect(what, zipped(&n->p, &parts), why);
}

/* A layer that reads the one before it, open where children go. */
static void open_layer(struct net *n, int class) {
    net_begin(n, class);
    net_attributes(n);
    net_int(n, "f", -1);
    net_int(n, "n", 63);
    net_real(n, "scale_factor", 64);
    net_word(n, "mode", "nearest");
    net_children(n);
}

/* Poolings that repeat poolings, 63 times each: 63^40 modules in a few kilobytes. */
static void test_repeated(void) {
    struct net n = open_layers();
    net_child(&n, "0");
    for (int i = 0; i < 40; i++) {
        open_layer(&n, NET_SPPF);
        net_child(&n, "cv1");
        net_leaf(&n, NET_IDENTITY);
        net_child(&n, "cv2");
        net_leaf(&n, NET_IDENTITY);
        net_child(&n, "m");
    }
    net_leaf(&n, NET_IDENTITY);
    for (int i = 0; i < 40; i++)
        net_end(&n);
    close_layers(&n, "poolings in poolings", "more than 65536 modules");
}

/* One module under 90,000 names. */
static void test_shared(void) {
    struct net n = open_layers();
    net_child(&n, "0");
    open_layer(&n, NET_SEQUENTIAL);
    net_child(&n, "0");
    unsigned leaf = n.modules;
    net_leaf(&n, NET_SILU);
    for (int i = 1; i < 90000; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        pk_str(&n.p, name);
        net_again(&n, leaf);
    }
    net_end(&n);
    close_layers(&n, "one activation 90,000 times", "more than 65536 modules");
}

/* Modules of many names, each with its own list of the words that all share: text without end. */
static void test_text(void) {
    struct net n = open_layers();
    char word[121], name[16];
    memset(word, 'w', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    net_child(&n, "0");
    net_begin(&n, NET_SEQUENTIAL);
    net_attributes(&n);
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "a%d", i);
        pk_str(&n.p, name);
        if (i) {
            pk_get(&n.p, 900);
            continue;
        }
        op(&n.p, OP_EMPTY_LIST);
        op(&n.p, OP_MARK);
        for (int k = 0; k < 16; k++)
            pk_str(&n.p, word);
        op(&n.p, OP_APPENDS);
        pk_put(&n.p, 900);
    }
    net_children(&n);
    net_end(&n);
    close_layers(&n, "20,000 attributes that are one list", "far longer than the file");

    n = open_layers(); /* a long path, named again by 20,000 children */
    word[90] = '\0';
    for (int i = 0; i < 8; i++) {
        net_child(&n, "0");
        net_begin(&n, NET_SEQUENTIAL);
        net_attributes(&n);
        net_children(&n);
        pk_str(&n.p, word);
        net_begin(&n, NET_SEQUENTIAL);
        net_attributes(&n);
        net_children(&n);
    }
    net_child(&n, "0");
    unsigned leaf = n.modules;
    net_leaf(&n, NET_SILU);
    for (int i = 1; i < 20000; i++) {
        snprintf(name, sizeof name, "%d", i);
        pk_str(&n.p, name);
        net_again(&n, leaf);
    }
    for (int i = 0; i < 16; i++)
        net_end(&n);
    close_layers(&n, "one long path 20,000 times", "far longer than the file");
}

/* A head of one level and one bin that decodes the three channels it is given. */
static void plain_head(struct net *n, const char *name) {
    static const char *const branches[] = {"cv2", "cv3", "one2one_cv2", "one2one_cv3"};
    net_child(n, name);
    net_begin(n, NET_HEAD);
    net_attributes(n);
    net_int(n, "f", -1);
    net_int(n, "nc", 2);
    net_int(n, "reg_max", 1);
    net_int(n, "nl", 1);
    net_tensor(n, "stride", 1, (int64_t[]){1});
    net_children(n);
    for (int i = 0; i < 4; i++) {
        net_child(n, branches[i]);
        net_begin(n, NET_LIST);
        net_attributes(n);
        net_children(n);
        net_child(n, "0");
        net_leaf(n, NET_IDENTITY);
        net_end(n);
    }
    net_end(n);
}

static void test_sizes(void) {
    struct net n = open_layers(); /* 640 * 64^12 pixels a side: more than 2^64 */
    for (int i = 0; i < 12; i++) {
        char name[8];
        snprintf(name, sizeof name, "%d", i);
        pk_str(&n.p, name);
        open_layer(&n, NET_UPSAMPLE);
        net_end(&n);
    }
    pk_str(&n.p, "12");
    net_conv(&n, -1, 3, 3, 1, 1, 1, NET_SILU);
    plain_head(&n, "13");
    close_layers(&n, "an image enlarged twelve times", "far too many numbers");

    n = open_layers(); /* 3 * 64^12 channels */
    for (int i = 0; i < 12; i++) {
        char name[8];
        snprintf(name, sizeof name, "%d", i);
        pk_str(&n.p, name);
        net_begin(&n, NET_CONCAT);
        net_attributes(&n);
        net_int(&n, "d", 1);
        pk_str(&n.p, "f");
        op(&n.p, OP_MARK);
        for (int k = 0; k < 64; k++)
            pk_int(&n.p, -1);
        op(&n.p, OP_TUPLE);
        net_children(&n);
        net_end(&n);
    }
    pk_str(&n.p, "12");
    net_conv(&n, -1, 3, 3, 1, 1, 1, NET_SILU);
    plain_head(&n, "13");
    close_layers(&n, "channels joined twelve times", "far too many numbers");

    n = open_layers();
    plain_head(&n, "0");
    close_layers(&n, "a detector without convolutions", "no convolutions");

    n = open_layers(); /* windows that hold nothing but padding */
    net_child(&n, "0");
    net_begin(&n, NET_MAXPOOL);
    net_attributes(&n);
    net_int(&n, "f", -1);
    net_pair(&n, "kernel_size", 1);
    net_pair(&n, "stride", 1);
    net_pair(&n, "padding", 32);
    net_pair(&n, "dilation", 1);
    net_children(&n);
    net_end(&n);
    close_layers(&n, "a pooling of its padding", "max pooling of this form");
}

int main(int argc, char **argv) {
    attack_begin(argc, argv);
    test_repeated();
    test_shared();
    test_text();
    test_sizes();
    return attack_end();
}
