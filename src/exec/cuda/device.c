#include "exec/cuda/device.h"

#include <stdlib.h>
#include <string.h>

int device_error(struct err *err, cudaError_t status, const char *what) {
    return err_set(err, ERR_FAILED, "CUDA: %s: %s", what, cudaGetErrorString(status));
}

static int index_of(const char *device, int *index, struct err *err) {
    char *end;
    *index = 0;
    if (strcmp(device, "cuda") == 0)
        return 0;
    long n = strncmp(device, "cuda:", 5) == 0 && device[5] >= '0' && device[5] <= '9'
                 ? strtol(device + 5, &end, 10)
                 : -1;
    if (n < 0 || n > 1024 || *end)
        return err_set(err, ERR_USAGE, "device \"%s\" is not one of auto, cpu, cuda, cuda:N", device);
    *index = (int)n;
    return 0;
}

/* *index of a device that is there. */
static int find_device(const char *device, int *index, struct err *err) {
    cudaError_t status;
    int count = 0;
    if (index_of(device, index, err))
        return -1;
    if ((status = cudaGetDeviceCount(&count)) != cudaSuccess || count == 0)
        return err_set(err, ERR_FAILED, "device %s: no usable GPU (%s); see nvidia-smi, or use the cpu",
                       device, status == cudaSuccess ? "none found" : cudaGetErrorString(status));
    if (*index >= count)
        return err_set(err, ERR_FAILED, "device %s: this machine has %d GPU%s, cuda:0%s", device, count,
                       count > 1 ? "s" : "", count > 1 ? " and on" : "");
    return 0;
}

static int probe(const char *device, struct err *err) {
    int index;
    return find_device(device, &index, err);
}

static void close_card(struct backend *backend) {
    struct cuda *cuda = cuda_of(backend);
    if (cuda->stream)
        cudaStreamDestroy(cuda->stream);
    free(cuda);
}

static int open_card(const char *device, struct pool *pool, err_say_fn *say, struct backend **out,
                     struct err *err) {
    (void)pool;
    struct cudaDeviceProp properties;
    struct cuda *cuda = NULL;
    cudaError_t status;
    int index;
    if (find_device(device, &index, err))
        return -1;
    if (!(cuda = calloc(1, sizeof *cuda)))
        return err_nomem(err);
    cuda->base.kind = cuda_backend;
    cuda->index = index;
    cuda->say = say;
    if ((status = cudaSetDevice(index)) != cudaSuccess ||
        (status = cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking)) != cudaSuccess ||
        (status = cudaGetDeviceProperties(&properties, index)) != cudaSuccess) {
        device_error(err, status, device);
        close_card(&cuda->base);
        return -1;
    }
    memcpy(cuda->name, properties.name, sizeof cuda->name);
    cuda->name[sizeof cuda->name - 1] = 0;
    *out = &cuda->base;
    return 0;
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
    .open = open_card,
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
