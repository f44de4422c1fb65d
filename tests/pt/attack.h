/* A hostile checkpoint against everything that a tool does with one before it computes: reading, the tree's
 * JSON, the graph and its shapes. Each file is opened in a process of its own, in which the kernel ends
 * whatever opens a file or a socket or starts a program.
 *
 *     expect("a memo bomb", zipped(&pickle, NULL), "far more than its size");
 *     return attack_end();
 *
 * Given a folder as its operand, the test program writes the files there instead, for the tools to open
 * (test_hostile_tools.sh). */
#ifndef YS_TESTS_PT_ATTACK_H
#define YS_TESTS_PT_ATTACK_H

#include "base/digest.h"
#include "builder.h"
#include "model.h"
#include "model/dump.h"
#include "pt/tree.h"
#include "test.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

/* Pages of code and of the libraries' own data that a first call touches. */
enum { LIBRARIES = 4 << 20 };

/* What an attack would make, if it ran: command is what its payload says. */
static char marker[4096] = "/tmp/yolosens-hostile-XXXXXX", command[4200];
static const char *folder; /* where files go; NULL: they are opened */
static int n_files;

static void attack_begin(int argc, char **argv) {
    char hex[DIGEST_HEX];
    folder = argc > 1 ? argv[1] : NULL;
    int fd = folder ? -1 : mkstemp(marker);
    if (fd >= 0)
        close(fd);
    if (folder)
        snprintf(marker, sizeof marker, "%s/ran", folder);
    unlink(marker);
    snprintf(command, sizeof command, "touch %s", marker);
    digest_bytes("", 0, hex); /* libcrypto reads its settings at the first call, */
    tzset();                  /* libc the time zone that libzip asks for */
    if (UNDER_ASAN && !folder)
        printf("# skip bounds on memory and on time: AddressSanitizer has its own\n");
}

static int attack_end(void) {
    unlink(marker);
    return test_end();
}

/* Refuses, for good, all that an attack would want of the kernel: killed by SIGSYS. False where the kernel
 * has no such filters. */
static bool lock_in(void) {
    static const int forbidden[] = {SYS_execve,   SYS_execveat, SYS_fork,   SYS_vfork,  SYS_clone,
                                    SYS_open,     SYS_openat,   SYS_creat,  SYS_socket, SYS_connect,
                                    SYS_mkdir,    SYS_rename,   SYS_unlink, SYS_ptrace, SYS_kill,
                                    SYS_unlinkat, SYS_link,     SYS_symlink};
    enum { N = sizeof forbidden / sizeof *forbidden };
    struct sock_filter code[2 * N + 2] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    for (int i = 0; i < N; i++) {
        code[2 * i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, forbidden[i], 0, 1);
        code[2 * i + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    }
    code[2 * N + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {2 * N + 2, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* What a child reports. */
struct outcome {
    int ret;
    bool locked;
    long kib; /* that it grew by */
    char msg[1024];
};

static void attempt(const struct buf *file, struct outcome *o) {
    struct err err = {0};
    struct checkpoint *c = NULL;
    struct graph *graph = NULL;
    cJSON *tree = NULL, *net = NULL;
    o->ret = checkpoint_open_bytes("t.pt", file->p, file->n, &c, &err) || pt_tree_json(c, &tree, &err) ||
             graph_build(checkpoint_root(c), &graph, &err) || graph_to_json(graph, 640, &net, &err);
    memcpy(o->msg, err.msg, sizeof o->msg);
    cJSON_Delete(net);
    cJSON_Delete(tree);
    graph_free(&graph);
    checkpoint_free(&c);
}

/* attempt() in a child. False if it did not end well. */
static bool in_child(const struct buf *file, struct outcome *o, double *cpu_seconds) {
    int fds[2], status = -1;
    struct rusage used = {0};
    if (pipe(fds))
        return false;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct outcome mine = {0};
        struct rusage base, end;
        alarm(60);
        mine.locked = lock_in();
        getrusage(RUSAGE_SELF, &base);
        attempt(file, &mine);
        getrusage(RUSAGE_SELF, &end);
        mine.kib = end.ru_maxrss - base.ru_maxrss;
        _exit(write(fds[1], &mine, sizeof mine) == sizeof mine ? 0 : 1);
    }
    close(fds[1]);
    bool got = read(fds[0], o, sizeof *o) == sizeof *o;
    close(fds[0]);
    wait4(pid, &status, 0, &used);
    *cpu_seconds = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                   1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    if (WIFSIGNALED(status))
        printf("#   ended by signal %d\n", WTERMSIG(status));
    return got && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* For the tools: the file, numbered. */
static void write_file(const struct buf *file) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%03d.pt", folder, n_files++);
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(file->p, 1, file->n, f) == file->n && fclose(f) == 0, "%s", path);
}

/* why: a part of the message. The file is freed. */
static void expect(const char *what, struct buf file, const char *why) {
    struct outcome o = {0};
    double seconds = 0;
    if (folder) {
        write_file(&file);
        buf_free(&file);
        return;
    }
    bool ended = in_child(&file, &o, &seconds);
    size_t allowed = file.n * CHECKPOINT_FACTOR + CHECKPOINT_SLACK + LIBRARIES;
    CHECK(ended && o.ret && *o.msg && strstr(o.msg, why), "%s: %s", what, o.msg);
    if (!strstr(o.msg, why))
        printf("#   wanted \"%s\"\n", why);
    CHECK(!strchr(o.msg, '\n') && (UNDER_ASAN || seconds < 1), "in one line and %.3f s", seconds);
    if (!UNDER_ASAN)
        CHECK((size_t)o.kib * 1024 <= allowed, "%ld KiB of memory of %zu allowed for %zu bytes", o.kib,
              allowed / 1024, file.n);
    CHECK(o.locked && access(marker, F_OK) != 0, "and ran nothing, nor could");
    buf_free(&file);
}

/* Ends the pickle and zips it with the parts. */
static struct buf zipped(struct buf *pickle, const struct parts *parts) {
    struct entry entries[9] = {{.name = "m/data.pkl"}};
    op(pickle, OP_STOP);
    entries[0].bytes = pickle->p;
    entries[0].n = pickle->n;
    for (int i = 0; parts && i < parts->n; i++)
        entries[i + 1] = parts->entries[i];
    struct buf z = zip_build(entries, parts ? parts->n + 1 : 1);
    buf_free(pickle);
    return z;
}

#endif
