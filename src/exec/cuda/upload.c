#include "exec/cuda/upload.h"
#include "exec/cuda/kernels.h"

#include <string.h>

static int check(cudaError_t status, struct err *err) {
    return status == cudaSuccess ? 0 : device_error(err, status, "upload");
}

static int make_events(struct upload *u, struct err *err) {
    cudaEvent_t *all[UPLOAD_SLOTS + UPLOAD_SIDES + 1];
    size_t n = 0;
    for (size_t i = 0; i < UPLOAD_SLOTS; i++)
        all[n++] = &u->sent[i];
    for (size_t i = 0; i < UPLOAD_SIDES; i++)
        all[n++] = &u->read[i];
    all[n++] = &u->arrived;
    for (size_t i = 0; i < n; i++)
        if (check(cudaEventCreateWithFlags(all[i], cudaEventDisableTiming), err))
            return -1;
    return 0;
}

int upload_new(struct cuda *cuda, size_t image_bytes, int batch, struct upload *out, struct err *err) {
    struct upload u = {.cuda = cuda, .image_bytes = image_bytes};
    int ret = 0;
    for (int i = 0; !ret && i < UPLOAD_SIDES; i++)
        ret = device_try((void **)&u.bytes[i], (size_t)batch * image_bytes, err);
    if (!ret)
        ret = check(cudaStreamCreateWithFlags(&u.stream, cudaStreamNonBlocking), err);
    if (!ret)
        ret = check(cudaMallocHost((void **)&u.staging, UPLOAD_SLOTS * image_bytes), err);
    if (!ret)
        ret = make_events(&u, err);
    if (ret)
        upload_free(&u);
    else
        *out = u;
    return ret;
}

void upload_free(struct upload *u) {
    if (u->stream) {
        cudaStreamSynchronize(u->stream);
        cudaStreamDestroy(u->stream);
    }
    for (int i = 0; i < UPLOAD_SLOTS; i++)
        if (u->sent[i])
            cudaEventDestroy(u->sent[i]);
    for (int i = 0; i < UPLOAD_SIDES; i++) {
        if (u->read[i])
            cudaEventDestroy(u->read[i]);
        cudaFree(u->bytes[i]);
    }
    if (u->arrived)
        cudaEventDestroy(u->arrived);
    cudaFreeHost(u->staging);
    *u = (struct upload){0};
}

/* An image by way of a slot, once what the slot held before has left. */
static int send(struct upload *u, const uint8_t *image, uint8_t *to, struct err *err) {
    size_t slot = u->next++ % UPLOAD_SLOTS;
    uint8_t *staging = u->staging + slot * u->image_bytes;
    if (check(cudaEventSynchronize(u->sent[slot]), err))
        return -1;
    memcpy(staging, image, u->image_bytes);
    return check(cudaMemcpyAsync(to, staging, u->image_bytes, cudaMemcpyHostToDevice, u->stream), err) ||
                   check(cudaEventRecord(u->sent[slot], u->stream), err)
               ? -1
               : 0;
}

int upload_images(struct upload *u, const struct calib_set *images, int first, int n, struct view to,
                  struct err *err) {
    int side = u->side;
    uint8_t *bytes = u->bytes[side];
    u->side = (side + 1) % UPLOAD_SIDES;
    if (check(cudaStreamWaitEvent(u->stream, u->read[side], 0), err))
        return -1;
    for (int i = 0; i < n; i++)
        if (calib_wait(images, first + i, err) ||
            send(u, images->images[first + i], bytes + (size_t)i * u->image_bytes, err))
            return -1;
    if (check(cudaEventRecord(u->arrived, u->stream), err) ||
        check(cudaStreamWaitEvent(u->cuda->stream, u->arrived, 0), err))
        return -1;
    cuda_images(u->cuda->stream, bytes, to);
    return check(cudaEventRecord(u->read[side], u->cuda->stream), err);
}
