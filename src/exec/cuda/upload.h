/* Calibration images on their way to the device, through page-locked memory and on a stream of their own:
 * they are copied while the device works on those before. Private to src/exec/cuda. */
#ifndef YS_EXEC_CUDA_UPLOAD_H
#define YS_EXEC_CUDA_UPLOAD_H

#include "exec/cuda/device.h"
#include "exec/cuda/view.h"
#include "image/calib_set.h"

enum { UPLOAD_SLOTS = 8, UPLOAD_SIDES = 2 };

struct upload {
    struct cuda *cuda;
    cudaStream_t stream;
    size_t image_bytes;
    uint8_t *staging; /* of UPLOAD_SLOTS images */
    cudaEvent_t sent[UPLOAD_SLOTS];
    size_t next;
    uint8_t *bytes[UPLOAD_SIDES]; /* of a batch, on the device */
    cudaEvent_t arrived, read[UPLOAD_SIDES];
    int side;
};

/* Room for batches of `batch` images of image_bytes; 1 where the card has none. Device memory: UPLOAD_SIDES
 * batches. */
int upload_new(struct cuda *cuda, size_t image_bytes, int batch, struct upload *out, struct err *err);
void upload_free(struct upload *u);

/* Images first .. first + n - 1 of the set, as bytes / 255, into the view; what the device's stream is given
 * next finds them there. Waits for those that are still being read. Errors: theirs, or the device's. */
int upload_images(struct upload *u, const struct calib_set *images, int first, int n, struct view to,
                  struct err *err);

#endif
