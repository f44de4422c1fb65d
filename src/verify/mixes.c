#include "verify/verify.h"

#include "base/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All that the numbers depend on beside which layers are in 16 bits. */
static int identity_of(const struct verify_request *r, const struct mix *mix, char hex[DIGEST_HEX],
                       struct err *err) {
    struct digest *d = digest_new();
    char text[512], qcfg[DIGEST_HEX];
    if (!d)
        return err_nomem(err);
    int n = snprintf(text, sizeof text, "%d %s %s %s %d %d %s", VERIFY_REVISION, r->network, r->amax->digest,
                     r->pictures->digest, r->calib->size, r->pictures->set->count,
                     r->backend->kind->name(r->backend));
    digest_add(d, text, (size_t)n);
    for (size_t i = 0; i < r->graph->n_convs; i++) {
        const bool quantized = mix->choice[i] < mix->n_formats;
        if (quantized && qcfg_digest(&mix->formats[mix->choice[i]].qcfg, qcfg, err)) {
            digest_free(&d);
            return -1;
        }
        digest_add(d, quantized ? qcfg : "16", quantized ? DIGEST_HEX - 1 : 2);
    }
    digest_finish(&d, hex);
    return 0;
}

/* Which layers are quantized, and their sizes. */
static void look(const struct verify_request *r, struct verify_mix *m, bool *quantized) {
    double bits = 0, numel = 0;
    for (size_t i = 0; i < r->graph->n_convs; i++) {
        const struct conv *c = &r->graph->convs[i];
        const size_t choice = m->mix.choice[i];
        if (!c->exported)
            continue;
        quantized[i] = choice < m->mix.n_formats;
        m->n_kept += !quantized[i];
        numel += (double)conv_numel(c);
        bits += (double)conv_numel(c) * mix_weight_bits(quantized[i] ? &m->mix.formats[choice].qcfg : NULL);
    }
    m->effective_bits = bits / numel;
}

static int measure(const struct verify_request *r, struct verify_mix *m, struct verify *v, struct err *err) {
    const struct measure_job job = {
        .graph = r->graph, .amax = r->amax, .images = r->pictures->set, .mix = &m->mix};
    char identity[DIGEST_HEX], *state = NULL;
    struct meter *meter = NULL;
    bool *quantized = calloc(r->graph->n_convs + 1, sizeof *quantized);
    int ret = quantized ? identity_of(r, &m->mix, identity, err) : err_nomem(err);
    if (!ret && r->state)
        ret = name_format(&state, err, "%s/%s-mix-%.12s", r->state, r->model, identity);
    if (!ret &&
        !(ret = meter_open(r->backend, &job, r->pictures, state, identity, r->progress, &meter, err))) {
        const struct measure_variant variant = {quantized, true};
        look(r, m, quantized);
        ret = meter_run(meter, &variant, 1, 1, "mix", &m->metrics, err) ||
                      meter_float(meter, &v->unquantized, &v->detections, err)
                  ? -1
                  : 0;
        meter_close(&meter, ret == 0);
    }
    free(quantized);
    free(state);
    return ret;
}

int verify_mixes(const struct verify_request *r, struct verify_mix *mixes, size_t n, struct verify *out,
                 struct err *err) {
    *out = (struct verify){.graph = r->graph};
    for (size_t i = 0; i < n; i++) {
        const char *checkpoint = mixes[i].mix.checkpoint_digest;
        if (checkpoint && strcmp(checkpoint, r->checkpoint) != 0)
            return err_set(err, ERR_FAILED, "%s: it is of another checkpoint", name_of_input(mixes[i].path));
    }
    out->calibrated_on = pictures_among(r->pictures, r->calib, r->amax->images);
    for (size_t i = 0; i < n; i++)
        if (measure(r, &mixes[i], out, err))
            return -1;
    return 0;
}
