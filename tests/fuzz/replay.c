/* Gives the files that are its operands, one after the other, to the fuzzer it is linked with, and says how
 * many there were. What goes wrong ends it: a crash, a sanitizer's report, a promise that was not kept. */
#include "fuzz/fuzz.h"

static void replay(const char *path) {
    FILE *f = fopen(path, "rb");
    size_t room = 1 << 20, n = f ? 0 : room;
    uint8_t *bytes = malloc(room);
    if (f && bytes)
        n = fread(bytes, 1, room, f);
    if (!bytes || n == room) {
        fprintf(stderr, "%s: cannot be read, or is larger than a fuzzer's input\n", path);
        exit(1);
    }
    fclose(f);
    fprintf(stderr, "%s\n", path);
    uint8_t *exact = malloc(n ? n : 1); /* so that a sanitizer sees a read past the end */
    if (!exact)
        exit(1);
    memcpy(exact, bytes, n);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    free(bytes);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    printf("%d inputs\n", argc - 1);
    return argc > 1 ? 0 : 1;
}
