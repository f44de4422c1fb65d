/* Tensors of a checkpoint: what they are, and their elements as float in row-major order.
 *
 *     const struct pt_tensor *t = pt_tensor(pt_param(conv, "weight"));
 *     float *w = NULL;                                                  // t->numel floats
 *     if (!t || pt_tensor_floats(pt_param(conv, "weight"), &w, &err)) ...
 *
 * Shapes, strides and offset were checked against the storage when the file was read: no element lies outside
 * of it. The bytes of a storage are read from the archive at the first use and kept by the checkpoint;
 * functions that read elements must not run in two threads at once on one checkpoint. */
#ifndef YS_PT_TENSOR_H
#define YS_PT_TENSOR_H

#include "pt/value.h"

enum { PT_DIMS = 8 };

enum pt_dtype {
    PT_FLOAT16,
    PT_BFLOAT16,
    PT_FLOAT32,
    PT_FLOAT64,
    PT_UINT8,
    PT_INT8,
    PT_UINT16,
    PT_INT16,
    PT_UINT32,
    PT_INT32,
    PT_UINT64,
    PT_INT64,
    PT_BOOL8,
    PT_OTHER, /* float8, complex, quantized ...: the elements cannot be read */
};

struct pt_tensor {
    enum pt_dtype dtype;
    const char *dtype_name; /* torch's word: "float16", also for PT_OTHER */
    const char *storage;    /* the archive's name of its storage: tied tensors have the same */
    int64_t offset;         /* elements */
    int dims;               /* 0 for a scalar */
    int64_t size[PT_DIMS];
    int64_t stride[PT_DIMS]; /* elements; never negative, 0 where a dimension is expanded */
    int64_t numel;           /* product of size; 1 for a scalar */
};

/* The description of v, owned by the checkpoint; NULL if v is no tensor. */
const struct pt_tensor *pt_tensor(const struct pt_value *v);

/* All elements as float32, in *out, which the caller frees (never NULL on success, even for 0 elements).
 * float64 is rounded to nearest, integers as C converts them, bool to 0 and 1; NaN and infinities pass
 * through. Errors: ERR_FAILED if v is no tensor, its storage cannot be read (CRC), or the tensors read so far
 * through this checkpoint exceed its file's size more than PT_READ_FACTOR times (expanded tensors in a
 * hostile file); ERR_UNSUPPORTED for PT_OTHER. */
int pt_tensor_floats(const struct pt_value *v, float **out, struct err *err);

/* pt_tensor_floats if the shape is exactly size[0..dims-1]; otherwise ERR_FAILED with both shapes. */
int pt_tensor_shaped(const struct pt_value *v, int dims, const int64_t *size, float **out, struct err *err);

/* Elements that may be read per byte of the file, all tensors and all calls together. */
enum { PT_READ_FACTOR = 64 };

#endif
