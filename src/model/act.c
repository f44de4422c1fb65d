#include "model/act.h"

const struct act_row act_rows[] = {
    {0},
#define ACT(word, name, torch_class, key0, attribute0, key1, attribute1)                                     \
    {#name, torch_class, {{key0, attribute0}, {key1, attribute1}}},
#include "model/acts.def"
};

const size_t act_rows_n = sizeof act_rows / sizeof *act_rows;
