/* The one way a result reaches the disk: whole or not at all.
 *
 *     struct outfile *out = NULL;
 *     if (outfile_open(&out, path, &err))
 *         goto out;
 *     fprintf(outfile_stream(out), "...");
 *     if (outfile_commit(&out, &err))
 *         goto out;
 *     ret = 0;
 * out:
 *     outfile_discard(&out);
 *
 * Bytes go to a hidden sibling of the target; commit flushes, checks, fsyncs, closes and renames it into
 * place and fsyncs the folder; discard unlinks it. A file that is there keeps its mode and, as far as may be, its
 * owner; a new one gets what umask leaves; one that nobody may write is refused. A symbolic link stays one: its
 * target is what appears. What is no regular file (a device, a pipe, a descriptor under /dev/fd) is written to
 * and never replaced; so is stdout, which "-" names: there commit only flushes and checks.
 * Calls that a signal interrupts are made again.
 * The caller owns the handle until commit or discard, which set it to NULL; both take a NULL handle. */
#ifndef YS_BASE_OUTFILE_H
#define YS_BASE_OUTFILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct outfile;

/* Whether outfile_open would succeed for path, as far as can be told without touching anything. Errors:
 * ERR_FAILED naming path. */
int outfile_try(const char *path, struct err *err);

/* Which file a path leads to: its device and inode or, of one that is not there yet, its folder's and its name. */
struct outfile_place {
    dev_t dev;
    ino_t ino;
    char *name; /* the caller's to free; NULL for a file that is there */
};

/* False for a path that leads to no regular file and to no place for one. */
bool outfile_find(const char *path, struct outfile_place *place);
bool outfile_same(const struct outfile_place *a, const struct outfile_place *b);

/* Opens a temporary sibling of path (its folder must exist). Errors: ERR_FAILED naming path. */
int outfile_open(struct outfile **out, const char *path, struct err *err);

/* The stream to write to; owned by out. Write errors may be left for commit to find. */
FILE *outfile_stream(struct outfile *out);

/* Writes n bytes to it. Errors: ERR_FAILED at once where the disk is full or the pipe closed, not after all is made. */
int outfile_add(struct outfile *out, const void *bytes, size_t n, struct err *err);

/* How messages name it: its path, or standard output. */
const char *outfile_shown(const struct outfile *out);

/* The first half of a commit: flushes, checks, fsyncs and closes, so that of several files all can be on the
 * disk before the first appears. What remains is to commit. *out is NULL afterwards only if it failed.
 * Errors: ERR_FAILED naming path. */
int outfile_finish(struct outfile **out, struct err *err);

/* Makes the file appear under its name. *out is NULL afterwards, and on failure nothing remains of the
 * temporary; the file is there, whole, only if all that failed was to sync its folder. Errors: ERR_FAILED
 * naming path. */
int outfile_commit(struct outfile **out, struct err *err);

/* The same without fsync: for what can be remade and carries a digest. */
int outfile_commit_unsynced(struct outfile **out, struct err *err);

/* Forgets the file and unlinks its temporary. */
void outfile_discard(struct outfile **out);

/* Makes the folder path, and those above it, where they are missing. Errors: ERR_FAILED naming the one that
 * cannot be. */
int outfile_make_folder(const char *path, struct err *err);

/* open, write n bytes, commit. */
int outfile_write(const char *path, const void *bytes, size_t n, struct err *err);

/* open, write n bytes, finish; a file that holds these bytes already is left alone: *out is NULL then. */
int outfile_prepare(struct outfile **out, const char *path, const void *bytes, size_t n, struct err *err);

/* The same, and commit. */
int outfile_put(const char *path, const void *bytes, size_t n, struct err *err);

/* Installs handlers of SIGINT, SIGTERM and SIGHUP that unlink every open temporary and die of the signal.
 * Called once by each tool's main. */
void outfile_handle_signals(void);

#endif
