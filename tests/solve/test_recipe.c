/* recipe_solve on small scores worked out by hand, and on scores that it must refuse. ModelOpt's own
 * solutions are compared in test_recipe.sh. */
#include "base/json.h"
#include "solve/recipe.h"
#include "test.h"

#include <stdlib.h>

static const char head[] =
    "{\"model\": \"m\", \"weight\": \"fp8\", \"activation\": \"fp8\", \"granularity\": \"per_layer\", "
    "\"recipe\": \"R(effective-bits: 8.0)\", \"effective_bits\": 12.0, \"layers\": ";
#define SIZES "\"cost\": 50.0, \"none_cost\": 100.0"

static int solve(const char *layers, double bits, cJSON **recipe, struct err *err) {
    char text[4096];
    snprintf(text, sizeof text, "%s%s}", head, layers);
    struct scores scores = {0};
    struct recipe solved = {0};
    *recipe = NULL;
    int ret = scores_from_json(cJSON_Parse(text), &scores, err) ||
                      recipe_solve(&scores, bits, &solved, err) ||
                      recipe_to_json(&scores, &solved, recipe, err)
                  ? -1
                  : 0;
    recipe_free(&solved);
    scores_free(&scores);
    return ret;
}

/* Solves; the recipe without its digests and version on one line, which the caller frees. */
static char *solved(const char *layers, double bits) {
    struct err err = {0};
    cJSON *recipe;
    if (solve(layers, bits, &recipe, &err)) {
        printf("# %s\n", err.msg);
        return NULL;
    }
    char *text = json_line(cJSON_GetObjectItem(recipe, "best"));
    cJSON_Delete(recipe);
    return text;
}

static void expect(const char *layers, double bits, const char *best, const char *what) {
    char *text = solved(layers, bits);
    CHECK_STR(text, best, what);
    free(text);
}

static void by_hand(void) {
#define Q "\"R(effective-bits: 8.0)\""
#define NONE "\"NONE(effective-bits: 16.0)\""
    static const char two[] = "{\"a\": {\"score\": 0.5, " SIZES "}, \"b\": {\"score\": 0.25, " SIZES "}}";
    expect(two, 0,
           "{\"recipe\": {\"a\": " NONE ", \"b\": " Q
           "}, \"constraints\": {\"effective_bits\": 12.0}, \"score\": 0.25, \"is_satisfied\": true}",
           "the limit that the scores name");
    expect(two, 16,
           "{\"recipe\": {\"a\": " NONE ", \"b\": " NONE
           "}, \"constraints\": {\"effective_bits\": 16.0}, \"score\": 0.0, \"is_satisfied\": true}",
           "16 bits quantize nothing");
    expect(two, 8,
           "{\"recipe\": {\"a\": " Q ", \"b\": " Q
           "}, \"constraints\": {\"effective_bits\": 8.0}, \"score\": 0.75, \"is_satisfied\": true}",
           "the recipe's own bits leave no choice");
    /* 1920 bits * (8.2 / 16) is 984, but an ulp less in doubles. */
    static const char ulp[] = "{\"a\": {\"score\": 1.0, \"cost\": 58.5, \"none_cost\": 117.0}, "
                              "\"b\": {\"score\": 9.0, \"cost\": 1.5, \"none_cost\": 3.0}}";
    expect(ulp, 8.2,
           "{\"recipe\": {\"a\": " Q ", \"b\": " NONE
           "}, \"constraints\": {\"effective_bits\": 8.2}, \"score\": 1.0, \"is_satisfied\": true}",
           "a limit that is met exactly");
    static const char free_layer[] =
        "{\"a\": {\"score\": 0.0, " SIZES "}, \"b\": {\"score\": 0.0, \"cost\": 0.25, \"none_cost\": 0.25}}";
    expect(free_layer, 16,
           "{\"recipe\": {\"a\": " Q ", \"b\": " NONE
           "}, \"constraints\": {\"effective_bits\": 8.019950124688279}, \"score\": 0.0, \"is_satisfied\": "
           "true}",
           "what costs nothing is quantized, what saves nothing is not");
    static const char alike[] = "{\"b\": {\"score\": 1.0, " SIZES "}, \"a\": {\"score\": 1.0, " SIZES "}}";
    expect(alike, 12,
           "{\"recipe\": {\"b\": " Q ", \"a\": " NONE
           "}, \"constraints\": {\"effective_bits\": 12.0}, \"score\": 1.0, \"is_satisfied\": true}",
           "of layers alike the earlier is quantized");

    static const char about[] =
        "{\"model\": \"m\", \"weight\": \"fp8\", \"activation\": \"fp8\", \"granularity\": \"per_layer\", "
        "\"recipe\": " Q ", \"none\": " NONE ", \"effective_bits\": 12.0, \"best\": {";
    struct err err = {0};
    cJSON *recipe;
    if (solve(two, 0, &recipe, &err)) {
        CHECK(false, "%s", err.msg);
    } else {
        CHECK(json_check_seal(recipe, &err) == 0, "the recipe is sealed");
        char *text = json_line(recipe);
        CHECK(strncmp(text, about, sizeof about - 1) == 0, "what it says of the cell: %.160s...", text);
        free(text);
        cJSON_Delete(recipe);
    }
}

static void refused(const char *layers, double bits, const char *msg) {
    struct err err = {0};
    cJSON *recipe = NULL;
    CHECK(solve(layers, bits, &recipe, &err) == -1 && !recipe && err.code == ERR_FAILED, "refused: %s",
          err.msg);
    CHECK_STR(err.msg, msg, "the words");
}

static void refused_scores(void) {
    refused("{\"a\": {\"score\": 1, " SIZES "}}", 7.5,
            "effective_bits 7.5 cannot be met: with every layer in R(effective-bits: 8.0) it is 8; allow at "
            "least that");
    refused("{\"a\": {\"score\": 1, " SIZES "}}", 16.5, "effective_bits is 16.5, not above 0 and at most 16");
    refused("{\"a\": {\"score\": 1, " SIZES "}}", NAN, "effective_bits is nan, not above 0 and at most 16");
    refused("{}", 0, "0 layers, not 1 to 10000");
    refused("[]", 0, "key \"layers\" is not an object");
    refused("{\"a\": 3}", 0, "layer a: not an object");
    refused("{\"a\": {" SIZES "}}", 0, "layer a: key \"score\" is missing");
    refused("{\"a\": {\"score\": null, " SIZES "}}", 0, "layer a: key \"score\" is not a finite number");
    refused("{\"a\": {\"score\": 1e999, " SIZES "}}", 0, "layer a: key \"score\" is not a finite number");
    refused("{\"a\": {\"score\": -1e-9, " SIZES "}}", 0, "layer a: its score -1e-09 is negative");
    refused("{\"a\": {\"score\": 1e39, " SIZES "}}", 0,
            "layer a: its score 1e+39 is above the largest float32");
    refused("{\"a\": {\"score\": 1, \"cost\": 0.3, \"none_cost\": 1}}", 0,
            "layer a: \"cost\" is 0.29999999999999999, not a size in 16-bit elements");
    refused("{\"a\": {\"score\": 1, \"cost\": -1, \"none_cost\": 1}}", 0,
            "layer a: \"cost\" is -1, not a size in 16-bit elements");
    refused("{\"a\": {\"score\": 1, \"cost\": 1e300, \"none_cost\": 1}}", 0,
            "layer a: \"cost\" is 1.0000000000000001e+300, not a size in 16-bit elements");
    refused("{\"a\": {\"score\": 1, \"cost\": 2, \"none_cost\": 1}}", 0,
            "layer a: its \"cost\" is above its \"none_cost\", or that is 0");
    refused("{\"a\": {\"score\": 1, \"cost\": 0, \"none_cost\": 0}}", 0,
            "layer a: its \"cost\" is above its \"none_cost\", or that is 0");
    refused("{\"a\": {\"score\": 1, \"cost\": 0, \"none_cost\": 5e14}, \"b\": {\"score\": 1, \"cost\": 0, "
            "\"none_cost\": 5e14}}",
            0, "layer b: the layers are too large");
    refused("{\"a\": {\"score\": 1, " SIZES "}, \"b\": {\"score\": 1, " SIZES
            "}, \"a\": {\"score\": 2, " SIZES "}}",
            0, "layer a stands there twice");
    refused("{\"a\": {\"score\": 1, " SIZES "}}, \"digest\": \"00\"", 0,
            "its digest does not fit its contents");
    refused("{\"a\": {\"score\": 1, " SIZES "}}, \"qcfg\": {\"weight\": \"fp8\"}", 0,
            "\"qcfg\": key \"activation\" is missing");

    struct err err = {0};
    struct scores scores;
    CHECK(scores_from_json(cJSON_CreateArray(), &scores, &err) == -1, "an array is refused: %s", err.msg);
}

int main(void) {
    by_hand();
    refused_scores();
    return test_end();
}
