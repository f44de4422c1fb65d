/* Names of cells: three spellings, each read back as it was printed, and texts that are no cell's name. */
#include "cell/name.h"

#include "cell/qcfg.h"
#include "test.h"

static bool same(const struct cell_name *a, const struct cell_name *b) {
    return strcmp(a->model, b->model) == 0 && a->weight == b->weight && a->act == b->act &&
           a->granularity == b->granularity;
}

static void test_round_trip(void) {
    const char *const models[] = {"",   "yolov10n", "a-int8-fp8-per_layer", "m_wint8_aint8_per_layer",
                                  "_w", "it's <b>"};
    int wrong = 0, n = 0;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++)
        for (const char *const *w = qcfg_weight_dtypes; *w; w++)
            for (const char *const *a = qcfg_act_dtypes; *a; a++)
                for (const char *const *g = qcfg_granularities; *g; g++)
                    for (int s = CELL_PATH; s <= CELL_WORD; s++) {
                        if (!*models[m] && s == CELL_FILE)
                            continue;
                        struct cell_name name, back;
                        char text[CELL_NAME_MAX];
                        struct err err = {0};
                        n++;
                        if (cell_name_set(&name, models[m], *w, *a, *g, &err) ||
                            cell_name_parse(&back, s, cell_name_print(&name, s, text), &err) ||
                            !same(&name, &back)) {
                            wrong++;
                            printf("# %s: %s\n", text, err.msg);
                        }
                    }
    CHECK(wrong == 0, "%d names are read as they are printed, %d are not", n, wrong);
}

static void test_spellings(void) {
    struct cell_name name;
    char text[CELL_NAME_MAX];
    CHECK(cell_name_set(&name, "yolov10n", "int8", "fp16", "per_channel", NULL) == 0, "a name of words");
    CHECK_STR(cell_name_print(&name, CELL_PATH, text), "yolov10n/int8-fp16/per_channel", "a folder");
    CHECK_STR(cell_name_print(&name, CELL_FILE, text), "yolov10n_wint8_afp16_per_channel", "a file");
    CHECK_STR(cell_name_print(&name, CELL_WORD, text), "yolov10n-int8-fp16-per_channel", "a word");
    *name.model = '\0';
    CHECK_STR(cell_name_print(&name, CELL_PATH, text), "int8-fp16/per_channel", "a folder of any model");
    CHECK_STR(cell_name_print(&name, CELL_WORD, text), "int8-fp16-per_channel", "a word for any model");
    CHECK(cell_name_parse(&name, CELL_FILE, "m_per_channel_wint8_aint8_per_channel_weight", NULL) == 0 &&
              strcmp(name.granularity, "per_channel_weight") == 0 && strcmp(name.model, "m_per_channel") == 0,
          "a granularity that begins as another does");
}

static void refused(enum cell_spelling spelling, const char *text) {
    struct cell_name name;
    struct err err = {0};
    CHECK(cell_name_parse(&name, spelling, text, &err) && err.code == ERR_FAILED, "refused: %s", err.msg);
}

int main(void) {
    test_round_trip();
    test_spellings();
    refused(CELL_PATH, "");
    refused(CELL_PATH, "m/int8-int8/per_channel_weights");
    refused(CELL_PATH, "per_layer");
    refused(CELL_PATH, "m/int8-int9/per_layer");
    refused(CELL_PATH, "m/fp16-int8/per_layer");
    refused(CELL_PATH, "m/int8-int8/per_layers");
    refused(CELL_PATH, "mint8-int8/per_layer");
    refused(CELL_PATH, "m/int8_int8/per_layer");
    refused(CELL_PATH, "../int8-int8/per_layer");
    refused(CELL_PATH, "a/b/int8-int8/per_layer");
    refused(CELL_FILE, "m/int8-int8/per_layer");
    refused(CELL_WORD, "-m-int8-int8-per_layer");
    char text[CELL_NAME_MAX + 300] = "";
    memset(text, 'm', CELL_MODEL_MAX);
    strcpy(text + CELL_MODEL_MAX - 1, "/int8-int8/per_layer");
    struct cell_name name;
    CHECK(cell_name_parse(&name, CELL_PATH, text, NULL) == 0, "a model's name of %d bytes",
          CELL_MODEL_MAX - 1);
    strcpy(text + CELL_MODEL_MAX, "/int8-int8/per_layer");
    text[CELL_MODEL_MAX - 1] = 'm';
    refused(CELL_PATH, text);
    return test_end();
}
