/* recipe_solve on small scores worked out by hand, and on scores that it must refuse. ModelOpt's own
 * solutions are compared in test_recipe.sh. */
#define _GNU_SOURCE
#include "base/json.h"
#include "solve/recipe.h"
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

static const char head[] =
    "{\"model\": \"m\", \"weight\": \"fp8\", \"activation\": \"fp8\", \"granularity\": \"per_layer\", "
    "\"recipe\": \"R(effective-bits: 8.0)\", \"effective_bits\": 12.0, \"layers\": ";
#define SIZES "\"cost\": 50.0, \"none_cost\": 100.0"

/* Solves and writes; the file on one line, which the caller frees. NULL: an error. */
static char *solve(const char *layers, double bits, struct err *err) {
    char path[] = "/tmp/test_recipe-XXXXXX";
    close(mkstemp(path));
    char *text = calloc(1, 4096);
    struct scores scores = {0};
    struct recipe recipe = {0};
    snprintf(text, 4096, "%s%s}", head, layers);
    int ret = scores_from_json(cJSON_Parse(text), &scores, err);
    if (ret == 0)
        release_apply(release_of("0.47"), &scores);
    ret = ret || recipe_solve(&scores, bits, &recipe, err) || recipe_write(path, &scores, &recipe, err);
    recipe_free(&recipe);
    scores_free(&scores);
    FILE *f = ret ? NULL : fopen(path, "r");
    char line[1024], *end = text;
    while (f && fgets(line, sizeof line, f)) {
        const char *begin = line + strspn(line, " ");
        end +=
            sprintf(end, "%s%.*s", end > text && end[-1] == ',' ? " " : "", (int)strcspn(begin, "\n"), begin);
    }
    if (f)
        fclose(f);
    else
        free(text);
    unlink(path);
    return f ? text : NULL;
}

static void expect(const char *layers, double bits, const char *best, const char *what) {
    struct err err = {0};
    char *text = solve(layers, bits, &err), *got = text ? strstr(text, "\"best\": ") : NULL;
    char *end = got ? strstr(got, ", \"scores_digest\"") : NULL;
    if (end)
        *end = '\0';
    CHECK_STR(end ? got + strlen("\"best\": ") : err.msg, best, what);
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
    char *text = solve(two, 0, &err);
    cJSON *recipe = text ? cJSON_Parse(text) : NULL;
    CHECK(json_check_seal(recipe, &err) == 0, "the recipe is sealed %s", err.msg);
    CHECK(text && strncmp(text, about, sizeof about - 1) == 0, "what it says of the cell: %.160s...",
          text ? text : "");
    cJSON_Delete(recipe);
    free(text);
}

static void refused(const char *layers, double bits, const char *msg) {
    struct err err = {0};
    CHECK(!solve(layers, bits, &err) && err.code == ERR_FAILED, "refused: %s", err.msg);
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
