/* A .pt file as torch.save of 1.6 and later writes it, and the model in it.
 *
 *     struct checkpoint *ckpt = NULL;
 *     struct graph *graph = NULL;
 *     if (checkpoint_open("yolov10n.pt", &ckpt, &err))
 *         goto out;                           // err.msg names the file
 *     if (graph_build(checkpoint_root(ckpt), &graph, &err)) {
 *         err_wrap(&err, "%s", path);
 *         goto out;
 *     }
 *     checkpoint_free(&ckpt);                 // a graph does not keep it
 *
 * The file is read into memory once: its digest is that of the bytes the model came from, whatever happens to
 * the file meanwhile. The checkpoint owns all values, strings and storages in it. No byte of it is executed
 * (pt/pickle.h), and memory stays within a constant multiple of the file's size (CHECKPOINT_FACTOR, all in
 * all). */
#ifndef YS_PT_CHECKPOINT_H
#define YS_PT_CHECKPOINT_H

#include "pt/module.h"
#include "pt/tensor.h"
#include "pt/value.h"

enum {
    CHECKPOINT_FACTOR = 192,
    CHECKPOINT_SLACK = 4 << 20, /* bytes that any file may take */
};

struct checkpoint;

/* Reads path. Errors: ERR_FAILED, one line naming path: not a readable file, not torch's zip format (an old
 * file: how to save it again), broken or hostile archive or pickle, or no model in it (a state_dict: what is
 * needed). */
int checkpoint_open(const char *path, struct checkpoint **out, struct err *err);

/* The same for n bytes in memory, which are copied; path is used in messages only. */
int checkpoint_open_bytes(const char *path, const void *bytes, size_t n, struct checkpoint **out,
                          struct err *err);

void checkpoint_free(struct checkpoint **ckpt);

/* The root nn.Module: the entry "ema" if it is there and not None, else "model", as upstream chooses; or the whole file if
 * that is a module (torch.save(model)); without what wraps it (DataParallel, torch.compile, a YOLO object). Never NULL.
 * pt/module.h says what can be relied on below it. */
const struct pt_value *checkpoint_root(const struct checkpoint *ckpt);

/* Where the root was found: "ema", "model", or "" for the whole file. */
const char *checkpoint_entry(const struct checkpoint *ckpt);

/* SHA-256 of the file, and its size in bytes. */
const char *checkpoint_digest(const struct checkpoint *ckpt);
size_t checkpoint_size(const struct checkpoint *ckpt);

#endif
