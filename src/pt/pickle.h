/* A pickle machine that executes nothing.
 *
 *     struct pickle *p = NULL;
 *     if (pickle_read(bytes, n, archive, limit, &p, &err)) ...
 *     const struct pt_value *root = pickle_root(p);
 *     pickle_free(&p);
 *
 * It reads what picklers of protocols 2 to 5 write. The opcodes that Python turns into calls (GLOBAL, REDUCE,
 * NEWOBJ, BUILD, persistent ids) become data here, in this way:
 *
 *   - containers, bytes, and torch's tensors and storages become what they are, by a fixed table (pt/call.c);
 *   - an instance or a call of any other class becomes a PT_OBJECT: the class's name, the arguments, the attributes;
 *   - so does a call of a few functions that are known to make plain data (numpy's, torch._utils._rebuild_*), and
 *     getattr(object, "name"), which is how a bound method is saved: whoever needs the value finds a PT_OBJECT, not a
 *     number;
 *   - any other call is refused with the name of what was to be called: os.system, builtins.eval, subprocess.Popen,
 *     getattr of a module, the result of another call. No model needs them, so the file is not what it seems;
 *   - text opcodes of protocols 0 and 1, the extension registry and out-of-band buffers are refused.
 *
 * The items that an instance of a list or dict subclass holds are not kept. Memory: the values take at most
 * `limit` bytes; reading takes time in proportion to them, and no recursion. */
#ifndef YS_PT_PICKLE_H
#define YS_PT_PICKLE_H

#include "base/err.h"
#include "pt/archive.h"
#include "pt/value.h"

struct pickle;

/* Reads a whole pickle of n bytes, which it does not keep. archive holds its storages, and must outlive the
 * result; NULL: a pickle that names storages is refused. limit: bytes of memory. Errors: ERR_FAILED with the
 * place in the pickle. */
int pickle_read(const void *bytes, size_t n, struct archive *archive, size_t limit, struct pickle **out,
                struct err *err);

struct pt_value *pickle_root(const struct pickle *p);
void pickle_free(struct pickle **p);

#endif
