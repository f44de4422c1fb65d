#include "cell/name.h"

#include "base/json.h"
#include "base/name.h"
#include "cell/qcfg.h"

#include <stdio.h>
#include <string.h>

/* What stands before the weight, the activation and the granularity. */
static const char *const separators[][3] = {
    [CELL_PATH] = {"/", "-", "/"},
    [CELL_FILE] = {"_w", "_a", "_"},
    [CELL_WORD] = {"-", "-", "-"},
};

int cell_name_set(struct cell_name *name, const char *model, const char *weight, const char *act,
                  const char *granularity, struct err *err) {
    if (!model)
        model = "";
    name->weight = name_listed(qcfg_weight_dtypes, weight);
    name->act = name_listed(qcfg_act_dtypes, act);
    name->granularity = name_listed(qcfg_granularities, granularity);
    if (!name->weight || !name->act || !name->granularity)
        return err_set(err, ERR_FAILED, "\"%s\" is no %s",
                       !name->weight ? weight
                       : !name->act  ? act
                                     : granularity,
                       !name->weight ? "format of weights"
                       : !name->act  ? "format of activations"
                                     : "granularity");
    if (strlen(model) >= sizeof name->model)
        return err_set(err, ERR_FAILED, "a model's name of %zu bytes is too long", strlen(model));
    if (*model && name_check(model, err))
        return -1;
    strcpy(name->model, model);
    return 0;
}

/* Takes separator and a word of the list off the end of text, which is *n long; the separator may be missing where the
 * text begins with the word. NULL: there is none. */
static const char *take_last(const char *const *list, const char *separator, bool may_begin, const char *text,
                             size_t *n) {
    const size_t before = strlen(separator);
    for (; *list; list++) {
        size_t word = strlen(*list);
        if (word > *n || memcmp(text + *n - word, *list, word) != 0)
            continue;
        size_t rest = *n - word;
        bool separated = rest >= before && memcmp(text + rest - before, separator, before) == 0;
        if (separated || (rest == 0 && may_begin)) {
            *n = separated ? rest - before : 0;
            return *list;
        }
    }
    return NULL;
}

int cell_name_parse(struct cell_name *name, enum cell_spelling spelling, const char *text, struct err *err) {
    const char *const *before = separators[spelling];
    char model[CELL_MODEL_MAX] = "";
    size_t n = strlen(text);
    const char *granularity = take_last(qcfg_granularities, before[2], false, text, &n);
    const char *act = granularity ? take_last(qcfg_act_dtypes, before[1], false, text, &n) : NULL;
    const char *weight = act ? take_last(qcfg_weight_dtypes, before[0], true, text, &n) : NULL;
    if (!weight || n >= sizeof model)
        return err_set(err, ERR_FAILED, "\"%s\" is not the name of a cell", text);
    memcpy(model, text, n);
    return cell_name_set(name, model, weight, act, granularity, err);
}

char *cell_name_print_formats(const struct cell_name *name, enum cell_spelling spelling,
                              char text[CELL_NAME_MAX]) {
    struct cell_name formats = *name;
    *formats.model = '\0';
    return cell_name_print(&formats, spelling, text);
}

char *cell_name_print(const struct cell_name *name, enum cell_spelling spelling, char text[CELL_NAME_MAX]) {
    const char *const *before = separators[spelling];
    snprintf(text, CELL_NAME_MAX, "%s%s%s%s%s%s%s", name->model, *name->model ? before[0] : "", name->weight,
             before[1], name->act, before[2], name->granularity);
    return text;
}

void cell_name_add_run(struct json_builder *b, const struct cell_name *name) {
    json_open_object(b, "run");
    json_add_string(b, "model", name->model);
    json_add_string(b, "weight_dtype", name->weight);
    json_add_string(b, "act_dtype", name->act);
    json_add_string(b, "granularity", name->granularity);
    json_close(b);
}
