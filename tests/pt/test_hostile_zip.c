/* Checkpoints that attack their reader through the zip file around the pickle (test_hostile.c): entries that are there twice, lead out
 * of the archive, overlap, unpack to far more than they take, or are too many. */
#define _GNU_SOURCE
#include "attack.h"
#include "builder.h"
#include "model.h"

/* A zip file of a good model with these entries beside, and the reason to refuse it. */
static void zip_case(const char *what, const struct entry *extra, int n, const char *why) {
    struct buf b = good_layer();
    struct parts parts = {.n = n};
    end_layer(&b);
    for (int i = 0; i < n; i++)
        parts.entries[i] = extra[i];
    expect(what, zipped(&b, &parts), why);
}

static void test_zip(void) {
    struct entry twice[] = {TEXT_ENTRY("m/data/0", "aaaa"), TEXT_ENTRY("m/data/0", "bbbb")};
    zip_case("an entry that is there twice", twice, 2, "");
    struct entry pickles[] = {TEXT_ENTRY("m/data.pkl", "\x80\x02N.")};
    zip_case("two data.pkl", pickles, 1, "");
    struct entry up[] = {TEXT_ENTRY("m/../x", "a")};
    zip_case("a path with ..", up, 1, "leads out of the archive");
    struct entry absolute[] = {TEXT_ENTRY("/etc/x", "a")};
    zip_case("an absolute path", absolute, 1, "leads out of the archive");
    struct entry outside[] = {TEXT_ENTRY("n/data/0", "a")};
    zip_case("an entry beside the folder", outside, 1, "outside of the archive's folder");
    struct entry local[] = {{.name = "m/a", .local_name = "m/b", .bytes = "x", .n = 1}};
    zip_case("two names of one entry", local, 1, "broken or cut zip file");
    struct entry shared[] = {TEXT_ENTRY("m/data/0", "aaaa"),
                             {.name = "m/data/1", .bytes = "aaaa", .n = 4, .same_offset_as = 2}};
    zip_case("two entries on one header", shared, 2, "broken or cut zip file");
    struct entry huge[] = {
        {.name = "m/data/0", .bytes = "x", .n = 1, .fixed_size = true, .size = 0xf0000000}};
    zip_case("a stored entry that claims 4 GB", huge, 1, "sizes differ");

    /* Contents that are met only when they are needed. */
    struct buf nothing = {0}, storage = {0};
    for (int i = 0; i < 1 << 20; i++)
        op(&storage, 0);
    struct buf packed = deflate(&storage);
    struct entry lying = {.name = "m/data/0", .bytes = packed.p, .n = packed.n, .unpacked = &storage};
    lying.fixed_size = true;
    lying.size = 16;
    const struct {
        const char *what, *why;
        struct entry e;
    } cases[] = {
        {"a wrong CRC",
         "damaged",
         {.name = "m/data/0", .bytes = "0123456789abcdef", .n = 16, .wrong_crc = true}},
        {"an entry that unpacks to more than it says", "its length is wrong", lying},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = good_layer();
        pk_str(&b, "weight");
        pk_tensor(&b, "FloatStorage", "0", 4, 0, 1, (int64_t[]){4}, NULL);
        end_layer(&b);
        struct parts parts = {{cases[i].e}, 1};
        expect(cases[i].what, zipped(&b, &parts), cases[i].why);
    }
    struct entry big = {.name = "m/data/0", .bytes = "\x63", .n = 1, .unpacked = &nothing};
    big.fixed_size = true;
    big.size = 0xf0000000;
    zip_case("a zip bomb", &big, 1, "unpacks to more than 32 times");
    struct entry bad_pickle[] = {{.name = "m/data.pkl", .bytes = "\x80\x02N.", .n = 4, .wrong_crc = true}};
    struct buf z = zip_build(bad_pickle, 1);
    expect("a pickle with a wrong CRC", z, "damaged");
    buf_free(&storage);
    buf_free(&packed);
}

/* A deflate stream of n zeros in fixed codes (RFC 1951, 3.2.6): 13 bits for each 258 of them. */
static struct buf zeros_deflated(size_t n) {
    struct buf d = {0};
    unsigned bits = 3, n_bits = 3; /* the last block, of fixed codes */
    const struct {
        unsigned code, length;
    } literal = {0x0c, 8},
      copy = {0xa3, 13}; /* 0; length 258 (11000101) of distance 1 (00000); low bit first */
    for (size_t done = 0; done < n; done += done ? 258 : 1) {
        bits |= (done ? copy.code : literal.code) << n_bits;
        n_bits += done ? copy.length : literal.length;
        for (; n_bits >= 8; n_bits -= 8, bits >>= 8)
            op(&d, bits & 0xff);
    }
    put_number(&d, bits, 2); /* with the end of the block: seven zeros */
    return d;
}

static void test_bombs(void) {
    enum { UNPACKED = 258 * 200000 + 1 };
    struct buf zeros = {calloc(UNPACKED, 1), UNPACKED, UNPACKED}, packed = zeros_deflated(UNPACKED);
    struct entry bomb = {.name = "m/data/0", .bytes = packed.p, .n = packed.n, .unpacked = &zeros};
    zip_case("a zip bomb of 52 MB", &bomb, 1, "unpacks to more than 32 times");
    struct entry several[7];
    struct buf part = {zeros.p, 258 * 4000 + 1, 0}, small = zeros_deflated(258 * 4000 + 1);
    for (int i = 0; i < 7; i++) {
        static char names[7][16];
        snprintf(names[i], sizeof names[i], "m/data/%d", i);
        several[i] = (struct entry){.name = names[i], .bytes = small.p, .n = small.n, .unpacked = &part};
    }
    zip_case("seven smaller ones", several, 7, "unpacks to more than 32 times");
    bomb.fixed_size = true;
    bomb.size = 16; /* a storage of four floats, it says */
    struct buf b = good_layer();
    pk_str(&b, "weight");
    pk_tensor(&b, "FloatStorage", "0", 4, 0, 1, (int64_t[]){4}, NULL);
    end_layer(&b);
    struct parts parts = {{bomb}, 1};
    expect("a zip bomb that says it is small", zipped(&b, &parts), "its length is wrong");
    bomb.name = "m/data.pkl";
    expect("a pickle that is one", zip_build(&bomb, 1), "its length is wrong");
    bomb.fixed_size = false;
    expect("a pickle that is one, and says so", zip_build(&bomb, 1), "unpacks to more than 32 times");
    buf_free(&zeros);
    buf_free(&packed);
    buf_free(&small);
}

/* Many names with one hash in libzip's table: "Ez" and "FY" are alike to it. */
static void test_names(int n, const char *why) {
    struct entry *entries = calloc((size_t)n + 1, sizeof *entries);
    char(*names)[48] = calloc((size_t)n, sizeof *names);
    struct buf pickle = good_layer();
    end_layer(&pickle);
    op(&pickle, OP_STOP);
    entries[0] = (struct entry)ENTRY("m/data.pkl", pickle);
    for (int i = 0; i < n; i++) {
        char *end = names[i] + sprintf(names[i], "m/");
        for (int bit = 0; bit < 16; bit++)
            end += sprintf(end, "%s", i >> bit & 1 ? "Ez" : "FY");
        entries[i + 1] = (struct entry){.name = names[i], .bytes = ""};
    }
    char what[64];
    snprintf(what, sizeof what, "%d entries whose names have one hash", n);
    expect(what, zip_build(entries, n + 1), why);
    buf_free(&pickle);
    free(entries);
    free(names);
}

/* An entry within another's contents, header and all. */
static void test_overlap(void) {
    struct entry inner = TEXT_ENTRY("m/data/1", "0123456789abcdef");
    struct buf lone = zip_build(&inner, 1);
    inner.inside = 2;
    struct entry both[] = {{.name = "m/data/0", .bytes = lone.p, .n = lone.n}, inner};
    zip_case("an entry inside of another", both, 2, "");
    struct entry many[7];
    for (int i = 0; i < 7; i++) {
        many[i] = i ? inner : both[0];
        if (i) {
            static char names[7][16];
            snprintf(names[i], sizeof names[i], "m/data/%d", i);
            many[i].name = names[i];
        }
    }
    zip_case("six entries inside of another", many, 7, "");
    buf_free(&lone);
}

/* End records that claim more than there is. */
static void test_directory(void) {
    struct buf b = good_layer();
    end_layer(&b);
    struct buf good = zipped(&b, NULL);
    for (size_t field = 8; field < 20; field += 2) {
        struct buf z = {0};
        put(&z, good.p, good.n);
        z.p[z.n - 22 + field] ^= 0xff;
        z.p[z.n - 22 + field + 1] ^= 0x7f;
        expect("an end record with a wrong field", z, "");
    }
    /* A zip64 directory whose size and place are right, and whose number of entries is not. */
    static const uint64_t counts[] = {1, 1ULL << 24, 1ULL << 28, 1ULL << 40, 1ULL << 60};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct buf z = {0};
        put(&z, good.p, good.n - 22);
        uint64_t at = z.n;
        put(&z, "PK\6\6", 4);
        put_number(&z, 44, 8);
        put_number(&z, 45, 2);
        put_number(&z, 45, 2);
        put_number(&z, 0, 8);
        put_number(&z, counts[i], 8);
        put_number(&z, counts[i], 8);
        put(&z, good.p + good.n - 22 + 12, 4);
        put_number(&z, 0, 4);
        put(&z, good.p + good.n - 22 + 16, 4);
        put_number(&z, 0, 4);
        put(&z, "PK\6\7", 4);
        put_number(&z, 0, 4);
        put_number(&z, at, 8);
        put_number(&z, 1, 4);
        put(&z, "PK\5\6", 4);
        put_number(&z, 0, 4);
        put_number(&z, 0xffff, 2);
        put_number(&z, 0xffff, 2);
        put_number(&z, 0xffffffff, 4);
        put_number(&z, 0xffffffff, 4);
        put_number(&z, 0, 2);
        expect(i ? "a directory of far too many entries" : "a zip64 directory, as it should be", z,
               i ? "zip" : "has no submodule model");
    }
    buf_free(&good);
}

int main(int argc, char **argv) {
    attack_begin(argc, argv);
    test_zip();
    test_bombs();
    test_overlap();
    test_names(8000, "has no submodule model");
    test_names(60000, "more than 8192 entries");
    test_directory();
    return attack_end();
}
