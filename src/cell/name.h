/* The name of a cell of the grid: a model, the formats of its weights and activations, and the granularity of
 * their scales. Every path and every title that holds a cell's name is printed and parsed here.
 *
 *     struct cell_name name;
 *     char text[CELL_NAME_MAX];
 *     if (cell_name_parse(&name, CELL_PATH, "yolov10n/int8-fp8/per_layer", &err)) ...
 *     cell_name_print(&name, CELL_FILE, text);       // "yolov10n_wint8_afp8_per_layer"
 *
 * A cell_name is a plain value: copy it freely, nothing to free. */
#ifndef YS_CELL_NAME_H
#define YS_CELL_NAME_H

#include "base/err.h"

enum { CELL_MODEL_MAX = 256, CELL_NAME_MAX = CELL_MODEL_MAX + 64 };

struct cell_name {
    char model[CELL_MODEL_MAX];             /* "": the formats of any model */
    const char *weight, *act, *granularity; /* words of qcfg.h's lists, not owned */
};

/* How a name is spelled. Without a model the separator after it is left out too. */
enum cell_spelling {
    CELL_PATH, /* yolov10n/int8-fp8/per_layer: a folder of outputs/, a file of logs/ */
    CELL_FILE, /* yolov10n_wint8_afp8_per_layer: artifacts and titles */
    CELL_WORD, /* yolov10n-int8-fp8-per_layer: files that hold what is not yet finished */
};

/* Sets *name from its words. Errors: ERR_FAILED for a word that is none of qcfg.h's or a model that cannot be
 * part of a file's name (model may be NULL or ""). */
int cell_name_set(struct cell_name *name, const char *model, const char *weight, const char *act,
                  const char *granularity, struct err *err);

/* Sets *name from a whole text in one spelling. Errors: ERR_FAILED. */
int cell_name_parse(struct cell_name *name, enum cell_spelling spelling, const char *text, struct err *err);

/* Writes the name, NUL-terminated; returns text. */
char *cell_name_print(const struct cell_name *name, enum cell_spelling spelling, char text[CELL_NAME_MAX]);

/* The same without the model: the formats, as one spelling has them. */
char *cell_name_print_formats(const struct cell_name *name, enum cell_spelling spelling,
                              char text[CELL_NAME_MAX]);

/* Adds the member "run": {"model", "weight_dtype", "act_dtype", "granularity"}, as the reference has it. */
struct json_builder;
void cell_name_add_run(struct json_builder *b, const struct cell_name *name);

#endif
