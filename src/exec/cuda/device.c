#include "exec/cuda/device.h"

#include "exec/several.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CARDS_MOST = 64 };

int device_error(struct err *err, cudaError_t status, const char *what) {
    return err_set(err, ERR_FAILED, "CUDA: %s: %s", what, cudaGetErrorString(status));
}

/* Cards that a name stands for. */
struct cards {
    int index[CARDS_MOST];
    size_t n;
};

/* "cuda" is all `count` cards, "cuda:N,M" two; a card may be named twice. */
static int parse_cards(const char *device, int count, struct cards *out, struct err *err) {
    const char *at = device + strlen("cuda");
    out->n = 0;
    for (int i = 0; !*at && i < count && i < CARDS_MOST; i++)
        out->index[out->n++] = i;
    while (*at) {
        char *end = NULL;
        long n = (*at == ':' || (*at == ',' && out->n > 0)) && at[1] >= '0' && at[1] <= '9'
                     ? strtol(at + 1, &end, 10)
                     : -1;
        if (n < 0 || n > 1024 || out->n == CARDS_MOST || (*end && *end != ','))
            return err_set(err, ERR_USAGE, "device \"%s\" is not one of auto, cpu, cuda, cuda:N, cuda:N,M",
                           device);
        out->index[out->n++] = (int)n;
        at = end;
    }
    return 0;
}

/* The cards of a device's name, which are there. */
static int find_cards(const char *device, struct cards *cards, struct err *err) {
    int count = 0;
    cudaError_t status;
    if (parse_cards(device, 0, cards, err)) /* a name that is none is told before the machine is asked */
        return -1;
    if ((status = cudaGetDeviceCount(&count)) != cudaSuccess || count == 0)
        return err_set(err, ERR_FAILED, "device %s: no usable GPU (%s); see nvidia-smi, or use the cpu",
                       device, status == cudaSuccess ? "none found" : cudaGetErrorString(status));
    if (parse_cards(device, count, cards, err))
        return -1;
    for (size_t i = 0; i < cards->n; i++)
        if (cards->index[i] >= count)
            return err_set(err, ERR_FAILED, "device %s: this machine has %d GPU%s, cuda:0%s", device, count,
                           count > 1 ? "s" : "", count > 1 ? " and on" : "");
    return 0;
}

static int probe(const char *device, struct err *err) {
    struct cards cards;
    return find_cards(device, &cards, err);
}

static void close_card(struct backend *backend) {
    struct cuda *cuda = cuda_of(backend);
    if (cuda->stream)
        cudaStreamDestroy(cuda->stream);
    free(cuda);
}

static int open_card(int index, const struct cudaDeviceProp *properties, err_say_fn *say,
                     struct backend **out, struct err *err) {
    struct cuda *cuda = calloc(1, sizeof *cuda);
    cudaError_t status;
    if (!cuda)
        return err_nomem(err);
    cuda->base.kind = cuda_backend;
    cuda->index = index;
    cuda->say = say;
    if ((status = cudaSetDevice(index)) != cudaSuccess ||
        (status = cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking)) != cudaSuccess) {
        device_error(err, status, properties->name);
        close_card(&cuda->base);
        return -1;
    }
    memcpy(cuda->name, properties->name, sizeof cuda->name);
    cuda->name[sizeof cuda->name - 1] = 0;
    *out = &cuda->base;
    return 0;
}

/* Where there are several, those of the first one's kind: other kinds' sums differ in the last bits. */
static int open_device(const char *device, int turn, struct pool *pool, err_say_fn *say, struct backend **out,
                       struct err *err) {
    char words[CARDS_MOST][16];
    const char *names[CARDS_MOST];
    struct cudaDeviceProp first, other;
    struct cards cards;
    cudaError_t status;
    size_t n = 0;
    if (find_cards(device, &cards, err))
        return -1;
    if ((status = cudaGetDeviceProperties(&first, cards.index[0])) != cudaSuccess)
        return device_error(err, status, device);
    for (size_t i = 0; i < cards.n; i++) {
        int index = cards.index[(i + (size_t)turn) % cards.n];
        if (cards.n > 1 &&
            (cudaGetDeviceProperties(&other, index) != cudaSuccess || strcmp(other.name, first.name) != 0))
            continue;
        snprintf(words[n], sizeof words[n], "cuda:%d", index);
        names[n] = words[n];
        n++;
    }
    if (n < cards.n && turn == 0 && say) {
        char text[384];
        snprintf(text, sizeof text, "using %zu of %zu GPUs: the others are no %s", n, cards.n, first.name);
        say(text);
    }
    return n == 1 ? open_card(cards.index[0], &first, say, out, err)
                  : several_open(cuda_backend, names, n, pool, say, out, err);
}

int device_enter(const struct cuda *cuda, struct err *err) {
    cudaError_t status = cudaSetDevice(cuda->index);
    return status == cudaSuccess ? 0 : device_error(err, status, cuda->name);
}

static const char *name_of(const struct backend *backend) {
    return ((const struct cuda *)backend)->name;
}

static const struct backend_kind kind = {
    .word = "cuda",
    .computed_on = "GPU, float32 and bfloat16 products",
    .steps_between_saves = 256,
    .probe = probe,
    .open = open_device,
    .close = close_card,
    .name = name_of,
    .calibrate = cuda_calibrate,
    .score = cuda_score_steps,
    .measure = cuda_measure,
};
const struct backend_kind *const cuda_backend = &kind;

struct cuda *cuda_of(struct backend *backend) {
    return (struct cuda *)backend;
}

int device_try(void **out, size_t bytes, struct err *err) {
    cudaError_t status =
        bytes <= device_room() ? cudaMalloc(out, bytes ? bytes : 1) : cudaErrorMemoryAllocation;
    if (status == cudaSuccess)
        return 0;
    *out = NULL;
    cudaGetLastError();
    return status == cudaErrorMemoryAllocation ? 1 : device_error(err, status, "memory");
}

int device_full(struct err *err, size_t bytes) {
    return err_set(err, ERR_FAILED,
                   "the GPU's memory is full: %zu MiB more are needed; free some of it, or use the cpu",
                   (bytes >> 20) + 1);
}

int device_new(void **out, size_t bytes, struct err *err) {
    int ret = device_try(out, bytes, err);
    return ret > 0 ? device_full(err, bytes) : ret;
}

int device_check(const struct cuda *cuda, struct err *err) {
    cudaError_t status = cudaGetLastError();
    if (status == cudaSuccess)
        status = cudaStreamSynchronize(cuda->stream);
    return status == cudaSuccess ? 0 : device_error(err, status, cuda->name);
}

size_t device_room(void) {
    size_t free_bytes = 0, total = 0, limit = SIZE_MAX;
    const char *word = getenv("YOLOSENS_CUDA_BYTES");
    if (cudaMemGetInfo(&free_bytes, &total) != cudaSuccess)
        cudaGetLastError();
    free_bytes = free_bytes / 10 * 9;
    if (word) {
        size_t used = total - free_bytes / 9 * 10, all = strtoull(word, NULL, 10);
        limit = all > used ? all - used : 0;
    }
    return free_bytes < limit ? free_bytes : limit;
}

int slab_put(struct slab *s, const float *values, size_t n, size_t *at, struct err *err) {
    size_t end = s->n + (n + 63) / 64 * 64;
    if (end > s->room) {
        size_t room = end + end / 2;
        float *host = realloc(s->host, room * sizeof *host);
        if (!host)
            return err_nomem(err);
        s->host = host;
        s->room = room;
    }
    if (values)
        memcpy(s->host + s->n, values, n * sizeof *values);
    else
        memset(s->host + s->n, 0, n * sizeof *s->host);
    memset(s->host + s->n + n, 0, (end - s->n - n) * sizeof *s->host);
    *at = s->n;
    s->n = end;
    return 0;
}

int slab_upload(struct slab *s, const struct cuda *cuda, struct err *err) {
    cudaError_t status;
    if (device_new((void **)&s->device, s->n * sizeof *s->host, err))
        return -1;
    status =
        cudaMemcpyAsync(s->device, s->host, s->n * sizeof *s->host, cudaMemcpyHostToDevice, cuda->stream);
    return status == cudaSuccess ? 0 : device_error(err, status, "upload");
}

void slab_free(struct slab *s) {
    cudaFree(s->device);
    free(s->host);
    *s = (struct slab){0};
}
