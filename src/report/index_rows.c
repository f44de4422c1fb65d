/* layers.csv, as Python's csv module writes it. */
#include "report/index.h"

#include "base/json.h"
#include "cell/damage.h"

#include <math.h>
#include <string.h>

/* A spreadsheet takes what begins with one of these for a formula: an apostrophe keeps such text from being one. */
static const char formula[] = "=+-@\t\r";

static void put_text(FILE *f, const char *s) {
    const bool guard = *s && strchr(formula, *s);
    if (!strpbrk(s, "\",\r\n")) {
        fprintf(f, "%s%s", guard ? "'" : "", s);
        return;
    }
    fputs(guard ? "\"'" : "\"", f);
    for (; *s; s++)
        fprintf(f, *s == '"' ? "\"\"" : "%c", *s);
    fputc('"', f);
}

/* Nothing for what is not known; whole numbers without a point. */
static void put_number(FILE *f, const char *text) {
    const size_t n = strlen(text);
    const bool whole = n > 2 && strcmp(text + n - 2, ".0") == 0;
    fprintf(f, ",%.*s", (int)(whole ? n - 2 : n), text);
}

static void put_real(FILE *f, double v) {
    char text[JSON_NUMBER];
    put_number(f, isnan(v) ? "" : json_number(v, text));
}

static void put_float(FILE *f, double v) {
    char text[JSON_NUMBER];
    put_number(f, isnan(v) ? "" : json_number_float((float)v, text));
}

void index_put_head(FILE *f) {
    fputs("model,weight_dtype,act_dtype,granularity,position,layer,exported,weights,macs,bits,score,score_"
          "error,class_score,"
          "class_score_error,box_score,box_score_error,detection,class_kl,box_loss\r\n",
          f);
}

void index_put_rows(FILE *f, const struct scores *s, const struct damage *damage, const double *detection) {
    for (size_t i = 0; i < s->n_layers; i++) {
        const struct scores_layer *l = &s->layers[i];
        put_text(f, s->name.model);
        fprintf(f, ",%s,%s,%s,%zu,", s->name.weight, s->name.act, s->name.granularity, i);
        put_text(f, l->name);
        fputs(l->exported ? ",True" : ",False", f);
        put_real(f, scores_elements(l->none_bits));
        put_real(f, l->macs < 0 ? NAN : l->macs);
        put_real(f, (double)SCORES_BITS * (double)l->bits / (double)l->none_bits);
        for (int k = 0; k < SCORES_OBJECTIVES; k++) {
            put_real(f, l->score[k]);
            put_float(f, l->error[k]);
        }
        put_real(f, detection ? detection[i] : NAN);
        put_real(f, damage ? damage->layers[i].class_kl : NAN);
        put_real(f, damage ? damage->layers[i].box_loss : NAN);
        fputs("\r\n", f);
    }
}
