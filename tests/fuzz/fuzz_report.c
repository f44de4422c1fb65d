/* scores.json, recipe.json, run.json and verify.json, with a NUL between them, from report-gen's reader to its texts. */
#include "fuzz/fuzz.h"

#include "fuzz/sealed.h"
#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    const char *paths[4] = {NULL}, *p = (const char *)data, *end = p + n;
    struct report *report = NULL;
    struct err err = {0};
    for (int i = 0; i < 4 && p <= end; i++) {
        const char *nul = i < 3 ? memchr(p, '\0', (size_t)(end - p)) : NULL, *stop = nul ? nul : end;
        paths[i] = sealed_file(i, p, (size_t)(stop - p));
        p = stop + 1;
    }
    if (!paths[1])
        return 0;
    fuzz_judge(report_read(paths[0], paths[1], paths[2], paths[3], &report, &err), &err);
#define ARTIFACT(constant, file, writer) writer,
    static report_writer *const writers[] = {
#include "report/artifacts.def"
    };
    for (size_t i = 0; report && i < sizeof writers / sizeof *writers; i++) {
        size_t length;
        char *text = writers[i](report, &length, &err);
        if (!text)
            abort();
        free(text);
    }
    report_free(&report);
    return 0;
}
