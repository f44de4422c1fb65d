#include "exec/backend.h"

#include <string.h>

/* Whether device is `word` or "word:...". */
static bool is_named(const char *device, const char *word) {
    size_t n = strlen(word);
    return strncmp(device, word, n) == 0 && (device[n] == '\0' || device[n] == ':');
}

int backend_find(const char *device, err_say_fn *say, const struct backend_kind **kind, struct err *err) {
    bool any = strcmp(device, "auto") == 0;
    *kind = &backend_cpu;
    if (any && cuda_backend) {
        if (cuda_backend->probe(cuda_backend->word, NULL) == 0)
            *kind = cuda_backend;
        else if (say)
            say("computing on the CPU: no usable GPU");
    }
    if (any)
        return 0;
    if (is_named(device, "cuda")) {
        if (!cuda_backend)
            return err_set(err, ERR_UNSUPPORTED,
                           "device %s: this build computes on the CPU only; make build DEVICE=cuda makes one "
                           "with CUDA, or use the cpu",
                           device);
        *kind = cuda_backend;
    }
    return (*kind)->probe(device, err);
}

int backend_open(const char *device, int turn, struct pool *pool, err_say_fn *say, struct backend **out,
                 struct err *err) {
    const struct backend_kind *kind;
    if (backend_find(device, say, &kind, err))
        return -1;
    return kind->open(strcmp(device, "auto") == 0 ? kind->word : device, turn, pool, say, out, err);
}

void backend_close(struct backend **backend) {
    if (*backend)
        (*backend)->kind->close(*backend);
    *backend = NULL;
}
