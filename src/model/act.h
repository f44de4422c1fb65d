/* The activations of acts.def. */
#ifndef YS_MODEL_ACT_H
#define YS_MODEL_ACT_H

#include <stddef.h>

enum act_kind {
    ACT_NONE, /* the value itself */
#define ACT(word, ...) ACT_##word,
#include "model/acts.def"
};

enum { ACT_PARAMS = 2 };

/* An activation and its parameters. {0} is none. */
struct act {
    enum act_kind kind;
    float param[ACT_PARAMS];
};

/* What acts.def says of a kind; all NULL for ACT_NONE. */
struct act_row {
    const char *name, *torch_class;
    struct {
        const char *key, *attribute;
    } param[ACT_PARAMS];
};

extern const struct act_row act_rows[]; /* by enum act_kind */
extern const size_t act_rows_n;

#endif
