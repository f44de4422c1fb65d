/* Numbers and layout as Python's json module writes them. */
#include "base/json.h"
#include "test.h"

#include <stdlib.h>

static void check_builder(void) {
    cJSON *o;
    struct err err = {0};
    struct json_builder b = json_builder();
    json_add_string(&b, "s", "x");
    json_add_string(&b, "none", NULL);
    json_open_array(&b, "list");
    for (int i = 0; i < 20; i++)
        json_open_array(&b, NULL);
    json_add_int(&b, NULL, 9007199254740992);
    for (int i = 0; i < 20; i++)
        json_close(&b);
    json_add_float(&b, NULL, 0.1F);
    json_close(&b);
    json_open_object(&b, "empty");
    json_close_or_drop(&b);
    json_open_object(&b, "kept");
    json_add_bool(&b, "yes", true);
    json_close_or_drop(&b);
    json_add_real(&b, "r", 216);
    CHECK(json_built(&b, &o, &err) == 0, "a tree is built: %s", err.msg);
    char *text = json_line(o);
    CHECK_STR(text,
              "{\"s\": \"x\", \"none\": null, \"list\": "
              "[[[[[[[[[[[[[[[[[[[[[9007199254740992.0]]]]]]]]]]]]]]]]]]]], 0.1], "
              "\"kept\": {\"yes\": true}, \"r\": 216.0}",
              "member by member, as deep as wanted, without what stayed empty");
    CHECK(json_seal(o, &err) == 0 && json_check_seal(o, &err) == 0, "and it can be sealed: %s", err.msg);
    free(text);
    text = json_line(o);
    cJSON *again = cJSON_Parse(text);
    CHECK(json_check_seal(again, &err) == 0, "so that its reader finds it whole: %s", err.msg);
    cJSON_Delete(again);
    free(text);
    cJSON_Delete(o);

    b = json_builder();
    json_add_real(&b, "good", 1);
    json_open_object(&b, "in");
    json_add_real(&b, "bad", NAN);
    json_close(&b);
    json_add_real(&b, "worse", INFINITY);
    CHECK(json_built(&b, &o, &err) == -1 && !o, "a number that is none leaves nothing");
    CHECK_STR(err.msg, "\"bad\" is nan, which is not a finite number", "the first failure is told");
    b = json_builder();
    json_add_item(&b, "gone", NULL);
    json_add_string(&b, "after", "it");
    CHECK(json_built(&b, &o, &err) == -1 && !o && strcmp(err.msg, "out of memory") == 0,
          "a lack of memory is remembered: %s", err.msg);
}

int main(void) {
    char text[JSON_NUMBER];
    const struct {
        double v;
        const char *python;
    } cases[] = {{216, "216.0"},
                 {0, "0.0"},
                 {-0.5, "-0.5"},
                 {20, "20.0"},
                 {1e-7, "1e-07"},
                 {0.1, "0.1"},
                 {0.0001, "0.0001"},
                 {0.008665265515446663, "0.008665265515446663"},
                 {10.992946863271401, "10.992946863271401"},
                 {1e16, "1e+16"},
                 {123456789012345680.0, "1.2345678901234568e+17"},
                 {9007199254740993, "9007199254740992.0"},
                 {1e15, "1000000000000000.0"},
                 {123456789012345.0, "123456789012345.0"},
                 {0.3, "0.3"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {2.2250738585072014e-308, "2.2250738585072014e-308"},
                 {1.1e-310, "1.1e-310"},
                 {5e-324, "5e-324"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_STR(json_number(cases[i].v, text), cases[i].python, "number");
    const struct {
        float v;
        const char *shortest;
    } floats[] = {{0.1f, "0.1"},        {1.5e7f, "15000000.0"},    {16777216, "16777216.0"},
                  {0.30000001f, "0.3"}, {0.3000001f, "0.3000001"}, {1.17549435e-38f, "1.1754944e-38"},
                  {1e-44f, "1e-44"},    {1e-45f, "1e-45"}};
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
        CHECK_STR(json_number_float(floats[i].v, text), floats[i].shortest, "number of a float");

    cJSON *o = cJSON_Parse("{\"a\": [], \"b\": [1, 2.5], \"c\": {\"d\": \"q\\\"\\n\", \"e\": null}}");
    char *s = json_text(o);
    CHECK_STR(s,
              "{\n  \"a\": [],\n  \"b\": [\n    1,\n    2.5\n  ],\n  \"c\": {\n    \"d\": \"q\\\"\\n\",\n    "
              "\"e\": null\n  }\n}\n",
              "json_text");
    free(s);
    s = json_line(o);
    CHECK_STR(s, "{\"a\": [], \"b\": [1, 2.5], \"c\": {\"d\": \"q\\\"\\n\", \"e\": null}}", "json_line");
    free(s);
    cJSON_Delete(o);

    o = cJSON_Parse("{}");
    cJSON_AddStringToObject(
        o, "\xff<", "\x1b[31m\x7f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 \xc2\x9b\xc2\xa0\xc3|\xed\xa0\x80");
    s = json_line(o);
    CHECK_STR(s,
              "{\"\xef\xbf\xbd<\": \"\\u001b[31m\\u007f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 "
              "\\u009b\xc2\xa0\xef\xbf\xbd|"
              "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}",
              "control characters are escaped, bytes that are not UTF-8 replaced");
    struct err err = {0};
    CHECK(json_seal(o, &err) == 0 && json_check_seal(o, &err) == 0, "sealed over what is written %s",
          err.msg);
    cJSON_Delete(o);
    free(s);
    o = cJSON_Parse("{\"b\": [1, 2.5]}");

    long v;
    const cJSON *b;
    CHECK(json_get_int(o, "b", 0, 9, &v, &err) == -1, "an array is not an integer");
    CHECK_STR(err.msg, "key \"b\" is not a finite number", "its message");
    CHECK(json_get_array(o, "b", &b, &err) == 0 && cJSON_GetArraySize(b) == 2, "an array is one");
    cJSON_Delete(o);
    check_builder();
    return test_end();
}
