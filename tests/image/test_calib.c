/* The calib stream: what is written is read, through a file and through a pipe; a cut or altered one is found
 * out, wherever it is cut or altered; the digest names the pixels and nothing else. */
#define _GNU_SOURCE
#include "image/calib_set.h"
#include "test.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COUNT = 3, SIZE = 32, IMAGE = 3 * SIZE * SIZE, SHA256 = DIGEST_HEX - 1 };
static char folder[] = "/tmp/test_calib.XXXXXX", path[64];
static const char *const names[COUNT] = {"images/a.jpg", "b c.png", ""};

static void picture(int i, uint8_t *image) {
    for (int k = 0; k < IMAGE; k++)
        image[k] = (uint8_t)(k * (i + 3) + k / 251);
}

/* What stands for the digest of the file that image i is of. */
static const char *file_digest(int i) {
    static char hex[DIGEST_HEX];
    digest_bytes(&i, sizeof i, hex);
    return hex;
}

static int write_to(const char *to, const char *const *as, int count, char *digest, struct err *err) {
    struct calib_writer *w = NULL;
    uint8_t image[IMAGE];
    if (calib_create(to, NULL, COUNT, SIZE, &w, err))
        return -1;
    for (int i = 0; i < count; i++) {
        picture(i, image);
        if (calib_put(w, as[i], file_digest(i), image, err)) {
            calib_abandon(&w);
            return -1;
        }
    }
    return calib_finish(&w, digest, err);
}

static int try_load(struct err *err) {
    struct calib_set *set = NULL;
    *err = (struct err){0};
    int ret = calib_load(path, &set, err);
    calib_set_free(&set);
    return ret;
}

static uint8_t *slurp(size_t *n) {
    uint8_t *p = malloc(1 << 16);
    FILE *f = fopen(path, "rb");
    *n = fread(p, 1, 1 << 16, f);
    fclose(f);
    return p;
}

static void spit(const uint8_t *p, size_t n) {
    FILE *f = fopen(path, "wb");
    fwrite(p, 1, n, f);
    fclose(f);
}

static void check_message(const char *want) {
    struct err err;
    char message[1200];
    snprintf(message, sizeof message, "%s: %s", path, want);
    CHECK(try_load(&err) == -1, "refused: %s", want);
    CHECK_STR(err.msg, message, "its message");
}

static void check_round_trip(char digest[DIGEST_HEX]) {
    struct err err = {0};
    struct calib_set *set = NULL;
    CHECK(write_to(path, names, COUNT, digest, &err) == 0, "written %s", err.msg);
    CHECK(calib_load(path, &set, &err) == 0, "read %s", err.msg);
    if (!set)
        return;
    CHECK(set->count == COUNT && set->size == SIZE && set->image_bytes == IMAGE, "its counts");
    for (int i = 0; i < COUNT; i++) {
        uint8_t image[IMAGE];
        picture(i, image);
        CHECK(memcmp(image, set->images[i], IMAGE) == 0, "image %d", i);
        CHECK_STR(set->names[i], names[i], "name");
    }
    CHECK_STR(set->digest, digest, "digest");
    char lines[COUNT * (SHA256 + 1) + 1] = "", of_files[DIGEST_HEX];
    for (int i = 0; i < COUNT; i++)
        sprintf(lines + strlen(lines), "%s\n", file_digest(i));
    digest_bytes(lines, strlen(lines), of_files);
    CHECK_STR(set->files_digest, of_files, "the digest of the files is of their SHA-256s, one a line");
    calib_set_free(&set);

    uint8_t hashed[8 + COUNT * IMAGE] = {COUNT, 0, 0, 0, SIZE};
    char want[DIGEST_HEX];
    for (int i = 0; i < COUNT; i++)
        picture(i, hashed + 8 + i * IMAGE);
    digest_bytes(hashed, sizeof hashed, want);
    CHECK_STR(digest, want, "the digest is of count, size and pixels");
    const char *const others[COUNT] = {"x", "y", "z"};
    CHECK(write_to(path, others, COUNT, want, &err) == 0 && strcmp(want, digest) == 0, "and of no name");
    write_to(path, names, COUNT, want, &err);
}

/* The stream of version 1, which has no digests of the files. */
static void check_old(const char *digest) {
    size_t n, at = 20, to = 20;
    uint8_t *p = slurp(&n);
    char hex[DIGEST_HEX];
    struct digest *d = digest_new();
    struct calib_set *set = NULL;
    struct err err = {0};
    p[8] = 1;
    for (int i = 0; i < COUNT; i++) {
        const size_t name = 4 + strlen(names[i]);
        digest_add(d, p + at, name);
        memmove(p + to, p + at, name);
        memmove(p + to + name, p + at + name + SHA256, IMAGE);
        to += name + IMAGE;
        at += name + SHA256 + IMAGE;
    }
    digest_finish(&d, hex);
    memmove(p + to, p + at, n - at);
    memcpy(p + to + 8 + SHA256, hex, SHA256);
    spit(p, to + n - at);
    CHECK(calib_load(path, &set, &err) == 0, "a stream of version 1 is read %s", err.msg);
    if (set) {
        CHECK_STR(set->digest, digest, "digest");
        CHECK_STR(set->names[1], names[1], "name");
        CHECK_STR(set->files_digest, "", "and none of its files");
    }
    calib_set_free(&set);
    free(p);
    write_to(path, names, COUNT, NULL, &err);
}

static void check_damage(void) {
    size_t n, accepted = 0, found = 0;
    uint8_t *p = slurp(&n);
    struct err err;
    for (size_t k = 0; k < n; k += k < 200 || k + 200 > n ? 1 : 37) {
        spit(p, k);
        accepted += try_load(&err) == 0;
        found += strstr(err.msg, "make it again with calib-prep") != NULL;
        accepted += !strstr(err.msg, path);
    }
    CHECK(accepted == 0 && found > 300, "cut at many places: %zu accepted, %zu say what to do", accepted,
          found);
    accepted = found = 0;
    for (size_t k = 0; k < n; k += k < 100 || k + 200 > n ? 1 : 41, found++) {
        p[k] ^= (uint8_t)(1 << k % 8);
        spit(p, n);
        accepted += try_load(&err) == 0;
        p[k] ^= (uint8_t)(1 << k % 8);
    }
    CHECK(accepted == 0, "a bit flipped at %zu places: %zu accepted", found, accepted);

    spit(p, 0);
    check_message("an empty calib file; make it again with calib-prep");
    spit(p, 15);
    check_message("cut short in its header; make it again with calib-prep");
    spit(p, 20 + 4 + strlen(names[0]) + SHA256 + IMAGE + 50);
    check_message("cut short after 1 of 3 images; make it again with calib-prep");
    spit(p, n - 1);
    check_message("cut short after 3 of 3 images; make it again with calib-prep");
    p[n] = '\n';
    spit(p, n + 1);
    check_message("something follows its end; make it again with calib-prep");
    p[5000] ^= 1;
    spit(p, n);
    check_message("altered: its digest does not fit its contents; make it again with calib-prep");
    p[5000] ^= 1;
    p[8] = 9;
    spit(p, n);
    check_message("a calib file of version 9, this program reads version 2; make it again with calib-prep");
    p[8] = 2;
    memset(p + 12, 0xff, 4); /* 2^32 - 1 images */
    spit(p, n);
    check_message("an altered calib file: impossible sizes in its header; make it again with calib-prep");
    memcpy(p + 12, "\0\0\x10\0\0\x20\0\0", 8); /* a million images of 8192x8192 in 9 kB */
    spit(p, n);
    check_message("cut short after 0 of 1048576 images; make it again with calib-prep");
    spit((const uint8_t *)"PK\3\4 a checkpoint, say", 23);
    check_message("not a calib file, which calib-prep makes");
    unlink(path);
    check_message("No such file or directory");
    free(p);
}

/* A child writes to its standard output, this process reads its standard input. */
static void check_pipe(const char *digest) {
    int ends[2];
    if (pipe(ends)) {
        CHECK(false, "a pipe");
        return;
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct err err = {0};
        dup2(ends[1], 1);
        close(ends[0]), close(ends[1]);
        _exit(write_to("-", names, COUNT, NULL, &err) ? 1 : 0);
    }
    dup2(ends[0], 0);
    close(ends[0]), close(ends[1]);
    struct calib *c = NULL;
    struct err err = {0};
    CHECK(calib_open("-", &c, &err) == 0, "opened standard input %s", err.msg);
    if (!c)
        return;
    CHECK(calib_count(c) == COUNT && calib_size(c) == SIZE, "its counts");
    for (int i = 0; i < COUNT; i++) {
        uint8_t got[IMAGE], want[IMAGE];
        const char *name = NULL;
        CHECK_STR(calib_digest(c), "", "no digest before the end");
        picture(i, want);
        CHECK(calib_next(c, got, &name, &err) == 0 && memcmp(got, want, IMAGE) == 0, "image %d %s", i,
              err.msg);
        CHECK_STR(name, names[i], "name");
    }
    CHECK_STR(calib_digest(c), digest, "digest");
    uint8_t more[IMAGE];
    CHECK(calib_next(c, more, NULL, &err) == -1, "nothing after the last: %s", err.msg);
    calib_close(&c);
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0, "the writer is content");
}

/* What a thread sends piece by piece: the images of `path`, up to `end` bytes of them. */
struct sender {
    int to;
    size_t end;
    sem_t go; /* once for the header and each image */
};

static void *send_slowly(void *arg) {
    struct sender *s = arg;
    size_t n;
    uint8_t *p = slurp(&n);
    const size_t header = 20, at = header + 4 + strlen(names[0]) + SHA256 + IMAGE;
    const size_t stops[] = {header, at, at + 4 + strlen(names[1]) + SHA256 + IMAGE, n};
    for (size_t i = 0, done = 0; i < sizeof stops / sizeof *stops && done < s->end; done = stops[i++]) {
        sem_wait(&s->go);
        size_t stop = stops[i] < s->end ? stops[i] : s->end;
        if (write(s->to, p + done, stop - done) != (ssize_t)(stop - done))
            break;
    }
    close(s->to);
    free(p);
    return NULL;
}

/* Images are there before the stream has ended, and only then is it whole. */
static void check_background(const char *digest) {
    for (int cut = 0; cut < 2; cut++) {
        int ends[2];
        pthread_t thread;
        struct err err = {0};
        struct calib_set *set = NULL;
        char from[32];
        if (pipe(ends)) {
            CHECK(false, "a pipe");
            return;
        }
        struct sender sender = {.to = ends[1],
                                .end = cut ? 20 + 4 + strlen(names[0]) + SHA256 + IMAGE + 50 : SIZE_MAX};
        sem_init(&sender.go, 0, 2);
        snprintf(from, sizeof from, "/dev/fd/%d", ends[0]);
        pthread_create(&thread, NULL, send_slowly, &sender);
        CHECK(calib_start(from, &set, &err) == 0, "started %s", err.msg);
        uint8_t image[IMAGE];
        picture(0, image);
        CHECK(calib_wait(set, 0, &err) == 0 && memcmp(set->images[0], image, IMAGE) == 0,
              "the first image, while the second has not been sent %s", err.msg);
        CHECK(!calib_is_whole(set), "not all have come");
        sem_post(&sender.go);
        sem_post(&sender.go);
        if (cut) {
            CHECK(calib_wait(set, 1, &err) == -1 && strstr(err.msg, "cut short after 1 of 3 images"),
                  "the second does not come: %s", err.msg);
            CHECK(calib_wait_all(set, &err) == -1 && !calib_is_whole(set), "nor do all: %s", err.msg);
            CHECK(calib_wait(set, 0, &err) == 0, "the first stays");
        } else {
            CHECK(calib_wait_all(set, &err) == 0 && calib_is_whole(set), "all come %s", err.msg);
            CHECK_STR(set->digest, digest, "digest");
        }
        calib_set_free(&set);
        pthread_join(thread, NULL);
        close(ends[0]);
        sem_destroy(&sender.go);
    }
}

static void check_writer(void) {
    struct err err = {0};
    struct calib_writer *w = NULL;
    CHECK(write_to(path, names, COUNT - 1, NULL, &err) == -1, "an image too few: %s", err.msg);
    CHECK(access(path, F_OK) == -1, "and no file");
    const char *const four[] = {"a", "b", "c", "d"};
    uint8_t image[IMAGE] = {0};
    CHECK(calib_create(path, NULL, 1, SIZE, &w, &err) == 0 &&
              calib_put(w, four[0], file_digest(0), image, &err) == 0 &&
              calib_put(w, four[1], file_digest(1), image, &err) == -1,
          "one too many: %s", err.msg);
    calib_abandon(&w);
    CHECK(calib_create(path, NULL, 10, 100, &w, &err) == -1 && !w, "a size that is no multiple of 32: %s",
          err.msg);
    CHECK(calib_create(path, NULL, 0, 32, &w, &err) == -1 && !w, "no images: %s", err.msg);
    CHECK(calib_create("/nowhere/at/all", NULL, 10, 32, &w, &err) == -1 && !w, "no folder: %s", err.msg);
}

static void check_float(void) {
    uint8_t bytes[256];
    float out[256];
    int wrong = 0;
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    calib_to_float(bytes, 256, out);
    for (int i = 0; i < 256; i++)
        wrong +=
            out[i] != (float)((double)i / 255.0); /* a double quotient of such small numbers rounds alike */
    CHECK(wrong == 0 && out[255] == 1 && out[0] == 0, "256 quotients, %d wrong", wrong);
}

int main(void) {
    char digest[DIGEST_HEX] = "";
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/c.bin", folder);
    check_round_trip(digest);
    check_background(digest);
    check_old(digest);
    check_damage();
    check_pipe(digest);
    check_writer();
    check_float();
    CHECK(rmdir(folder) == 0, "no temporary is left");
    return test_end();
}
