/* An ONNX file under construction, and how it is written.
 *
 *     struct onnx_file *f = onnx_file_new();
 *     onnx_input(f, "images", ONNX_FLOAT, (struct onnx_dim[]){{.n = 1}, {.n = 3}, {.n = 640}, {.n = 640}}, 4);
 *     onnx_tensor(f, "w", ONNX_FLOAT, (int64_t[]){16, 3, 3, 3}, 4, weights);
 *     struct onnx_file_node *n = onnx_node(f, "/model.0/conv", "Conv", NULL, ONNX_IN("images", "w"));
 *     onnx_ints(f, n, "strides", (int64_t[]){2, 2}, 2);
 *     const char *made = onnx_out(n, 0);                  // "/model.0/conv/Conv_output_0"
 *     if (onnx_file_write(f, path, &err)) ...             // all of it, or nothing
 *     onnx_file_free(&f);
 *
 * What fills it is a list of calls without checks: the first failure, which can only be want of memory, is remembered,
 * the calls after it do nothing, and writing says so. Names and what is given as an array are copied; a tensor's data are
 * borrowed until the file is written. Strings that are returned belong to the file. */
#ifndef YS_ONNX_FILE_H
#define YS_ONNX_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum onnx_type { ONNX_FLOAT = 1, ONNX_INT8 = 3, ONNX_INT64 = 7, ONNX_FLOAT8E4M3FN = 17 };

/* A side of an input or output: so many, or any number under a name. */
struct onnx_dim {
    int64_t n;
    const char *name;
};

struct onnx_file;
struct onnx_file_node;

struct onnx_file *onnx_file_new(void);
void onnx_file_free(struct onnx_file **file);

/* n bytes that live as long as the file, zeros; NULL after a failure. */
void *onnx_keep(struct onnx_file *f, size_t n);
/* A copy of text, or of printed text; "" after a failure. */
const char *onnx_text(struct onnx_file *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

void onnx_input(struct onnx_file *f, const char *name, enum onnx_type type, const struct onnx_dim *dims,
                int n);
void onnx_output(struct onnx_file *f, const char *name, enum onnx_type type, const struct onnx_dim *dims,
                 int n);
void onnx_metadata(struct onnx_file *f, const char *key, const char *value);

/* An initializer, and its name. data: dense, row-major, little-endian, not copied. One that is there already with the same
 * name and data is used again; with other data, the new one has _1, _2 behind its name. */
const char *onnx_tensor(struct onnx_file *f, const char *name, enum onnx_type type, const int64_t *dims,
                        int n_dims, const void *data);
/* Initializers of a few numbers, which are copied: a list, and a number without dimensions. */
const char *onnx_int_list(struct onnx_file *f, const char *name, const int64_t *v, int n);
const char *onnx_float(struct onnx_file *f, const char *name, float v);

/* A node of one output. Its name is scope/part, or scope/TYPE where part is NULL, then with _1, _2 behind where there are
 * such nodes already, as torch's exporter numbers them. in: names, NULL-terminated. NULL after a failure. */
struct onnx_file_node *onnx_node(struct onnx_file *f, const char *scope, const char *type, const char *part,
                                 const char *const in[]);
#define ONNX_IN(...) ((const char *const[]){__VA_ARGS__, NULL})

const char *onnx_node_name(const struct onnx_file_node *n);
/* Gives the node n outputs instead, which end in _output_0 and on; or one of another name. */
void onnx_outputs(struct onnx_file *f, struct onnx_file_node *node, int n);
void onnx_rename_output(struct onnx_file *f, struct onnx_file_node *node, const char *name);
/* Gives a value that some node makes, and none reads, another name. */
void onnx_rename_value(struct onnx_file *f, const char *value, const char *name);
const char *onnx_out(const struct onnx_file_node *n, int i);

void onnx_int(struct onnx_file *f, struct onnx_file_node *n, const char *name, int64_t v);
void onnx_real(struct onnx_file *f, struct onnx_file_node *n, const char *name, float v);
void onnx_word(struct onnx_file *f, struct onnx_file_node *n, const char *name, const char *v);
void onnx_ints(struct onnx_file *f, struct onnx_file_node *n, const char *name, const int64_t *v, int n_v);

/* Writes it: opset is the version of ONNX's operators, ir that of the format. "-" is standard output. Errors:
 * ERR_FAILED: memory, a file of 2 GB or more, which protobuf's readers refuse, and those of base/outfile.h. */
int onnx_file_write(struct onnx_file *f, int opset, int ir, const char *path, struct err *err);

#endif
