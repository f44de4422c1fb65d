#include "exec/measure.h"

#include "exec/cuda/damage.h"
#include "exec/cuda/net.h"
#include "exec/cuda/operand.h"
#include "exec/cuda/upload.h"
#include "exec/measure_plan.h"
#include "op/op.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 128,  /* images on the card at once, at most */
    VARIANTS = 64 /* that are put on the stream before their results are waited for */
};

struct card_measurer {
    struct measurer base;
    struct measure_job job;
    struct pairs pairs; /* the cell's */
    struct measure_plan plan;
    struct net net;
    struct operand_ranges ranges;
    float *quantized; /* packed weights, where net has the unquantized ones */
    struct measure_memory memory;
    float *input;  /* of a convolution, quantized */
    float *self;   /* ranges that inputs give themselves */
    float *for_op; /* what an operation leaves for a backward pass that is none here */
    float *most;   /* the largest probability of each anchor */
    bool *changed; /* of each stage, in the variant at hand */
    struct upload upload;
    struct damage *partial, *damage; /* damage: VARIANTS times a batch's */
    struct damage_found *found;      /* likewise */
    int first, n;                    /* images whose unquantized values are on the card; n 0: none */
    struct damage *truth;            /* theirs, on the host */
    struct damage_found *truth_found;
    float *leaf; /* of heads whose boxes overlap: a batch's, on the host */
};

static size_t batch_of(const struct card_measurer *m) {
    return m->memory.images;
}

static const struct stage *stage_of(const struct card_measurer *m, size_t i) {
    return &m->plan.forward.stages[i];
}

static struct view view_in(const struct card_measurer *m, float *root, int v) {
    const struct forward_plan *p = &m->plan.forward;
    struct home home = p->values[v];
    struct chw s = p->shapes[v], whole = p->shapes[home.root];
    return (struct view){root + home.channel, m->n, (int)s.h, (int)s.w, (int)s.c, (int)whole.c};
}

static struct view kept_value(const struct card_measurer *m, int v) {
    return view_in(m, measure_memory_kept(&m->plan, &m->memory, m->plan.forward.values[v].root), v);
}

static struct view value(const struct card_measurer *m, int v) {
    return view_in(m, measure_memory_root(&m->plan, &m->memory, m->plan.forward.values[v].root), v);
}

/* ---- a pass ---- */

static void make_own(struct card_measurer *m, int v) {
    int root = m->plan.forward.values[v].root;
    if (measure_memory_own(&m->plan, &m->memory, v))
        cudaMemcpyAsync(value(m, root).p, kept_value(m, root).p,
                        (size_t)m->n * shape_numel(m->plan.forward.shapes[root]) * sizeof(float),
                        cudaMemcpyDeviceToDevice, m->net.cuda->stream);
}

/* q(x), unless its format leaves it as it is. */
static struct view quantize_input(struct card_measurer *m, size_t conv, struct view x) {
    const struct input_spec *spec = &m->pairs.inputs[measure_pair(&m->job, &m->pairs, conv)->input];
    cudaStream_t s = m->net.cuda->stream;
    if (!format_quantizes(&spec->q))
        return x;
    struct cuda_quantizer q = operand_input_quantizer(&m->ranges, conv, spec, s, x, 1, m->self);
    cuda_quantize_values(s, &q, x, m->input);
    x.p = m->input;
    x.stride = x.c;
    return x;
}

static void run_stage(struct card_measurer *m, size_t i, bool quantized) {
    const struct stage *s = stage_of(m, i);
    const struct op *op = s->op;
    struct cuda_task t = net_task(&m->net, i, op);
    for (int k = 0; k < op->n_in; k++)
        t.in[k] = value(m, op->in[k]);
    t.out = value(m, s->out);
    t.kept = m->for_op;
    t.room = op_room(op_kernels(op->kind)->kept, op, m->plan.forward.shapes);
    if (op->kind != OP_CONV) {
        cuda_op(op->kind)->forward(&t);
        return;
    }
    size_t conv = (size_t)op->conv;
    struct conv_geometry g = conv_geometry(&m->net.graph->convs[conv]);
    cuda_conv_f32(t.stream, &g, quantized ? quantize_input(m, conv, t.in[0]) : t.in[0],
                  (quantized ? m->quantized : m->net.packed) + m->net.packed_at[conv], t.scale, t.shift,
                  activation_of(s->act), false, t.out);
}

/* *finite: whether image i of a value is. Waits. */
static int look(const struct card_measurer *m, struct view v, int i, bool *finite, struct err *err) {
    size_t n = (size_t)v.c;
    float *found = malloc(n * sizeof *found), *amax = NULL;
    int ret = found ? device_new((void **)&amax, n * sizeof *amax, err) : err_nomem(err);
    cudaStream_t s = m->net.cuda->stream;
    if (!ret) {
        v.p += (size_t)i * (size_t)(v.h * v.w) * (size_t)v.stride;
        v.n = 1;
        cudaMemsetAsync(amax, 0, n * sizeof *amax, s);
        cuda_amax(s, v, 1, amax, 0, NULL);
        cudaMemcpyAsync(found, amax, n * sizeof *amax, cudaMemcpyDeviceToHost, s);
        ret = device_check(m->net.cuda, err);
    }
    *finite = true;
    for (size_t c = 0; c < n && !ret; c++)
        *finite = *finite && isfinite(found[c]);
    cudaFree(amax);
    free(found);
    return ret;
}

/* Puts what a variant changes on the stream: all that is behind a quantized convolution. With watched >= 0 it stops at the
 * first stage whose value of that image is not finite, and says which: *broken. */
static int run_variant(struct card_measurer *m, const bool *quantized, int watched, size_t *broken,
                       struct err *err) {
    measure_memory_reset(&m->plan, &m->memory);
    for (size_t i = 0; i < m->plan.forward.n_stages; i++) {
        const struct stage *s = stage_of(m, i);
        bool finite = true;
        if (!(m->changed[i] = measure_plan_changes(&m->plan, i, quantized, m->changed)))
            continue;
        make_own(m, s->out);
        run_stage(m, i, measure_plan_is_conv(&m->plan, i) && quantized[s->op->conv]);
        if (watched >= 0 && look(m, value(m, s->out), watched, &finite, err))
            return -1;
        if (!finite) {
            *broken = i;
            return 0;
        }
    }
    return 0;
}

/* err of an image whose leaf is not finite, in a variant or, of NULL, in the unquantized network. Returns -1. */
static int explain(struct card_measurer *m, const bool *quantized, int i, struct err *err) {
    size_t broken = 0;
    bool finite = true;
    if (quantized && run_variant(m, quantized, i, &broken, err))
        return -1;
    for (; !quantized && broken + 1 < m->plan.forward.n_stages; broken++)
        if (look(m, kept_value(m, stage_of(m, broken)->out), i, &finite, err))
            return -1;
        else if (!finite)
            break;
    return measure_plan_not_finite(&m->plan, broken, quantized, err);
}

/* ---- what comes out ---- */

/* Waits for the leaf as it lies now, and finds each image's boxes on the host. */
static int find_distinct(struct card_measurer *m, struct damage_found *found, struct err *err) {
    const struct view v = value(m, measure_plan_leaf(&m->plan));
    const size_t channels = (size_t)v.c, anchors = (size_t)v.w, rows = (size_t)m->n * anchors;
    float *y = m->leaf + (size_t)batch_of(m) * anchors * channels; /* one image's, as detect.h has it */
    cudaError_t status =
        cudaMemcpy2DAsync(m->leaf, channels * sizeof *y, v.p, (size_t)v.stride * sizeof *y,
                          channels * sizeof *y, rows, cudaMemcpyDeviceToHost, m->net.cuda->stream);
    if (status != cudaSuccess)
        return device_error(err, status, "download");
    if (device_check(m->net.cuda, err))
        return -1;
    for (int i = 0; i < m->n; i++) {
        const float *from = m->leaf + (size_t)i * anchors * channels;
        const struct detect_output out = {y, m->plan.graph->classes, anchors, m->plan.graph->corners};
        size_t n;
        for (size_t a = 0; a < anchors; a++)
            for (size_t c = 0; c < channels; c++)
                y[c * anchors + a] = from[a * channels + c];
        if (detect_find_distinct(&out, MEASURE_LEAST, AP_FOUND_MAX, found[i].boxes, &n, err))
            return -1;
        found[i].n = (int)n;
    }
    return 0;
}

/* Compares the leaf as it lies now with the unquantized one, into places `at` and, if boxes are wanted, `found_at`, of a
 * batch each. */
static void compare(struct card_measurer *m, size_t at, bool finds, size_t found_at) {
    int leaf = measure_plan_leaf(&m->plan);
    struct view y = value(m, leaf);
    cudaStream_t s = m->net.cuda->stream;
    damage_compare(s, kept_value(m, leaf), y, m->plan.graph->corners, MEASURE_SURE, m->partial, m->most,
                   m->damage + at * batch_of(m));
    if (finds && !m->leaf)
        damage_find(s, y, m->plan.graph->corners, m->most, MEASURE_LEAST, m->found + found_at * batch_of(m));
}

/* Waits, and copies the first n and n_found places to the host. */
static int download(struct card_measurer *m, size_t n, struct damage *damage, size_t n_found,
                    struct damage_found *found, struct err *err) {
    cudaStream_t s = m->net.cuda->stream;
    cudaError_t status =
        cudaMemcpyAsync(damage, m->damage, n * batch_of(m) * sizeof *damage, cudaMemcpyDeviceToHost, s);
    if (status == cudaSuccess && n_found)
        status = cudaMemcpyAsync(found, m->found, n_found * batch_of(m) * sizeof *found,
                                 cudaMemcpyDeviceToHost, s);
    return status == cudaSuccess ? device_check(m->net.cuda, err) : device_error(err, status, "download");
}

/* Makes the unquantized values of n images, unless they are there. */
static int hold(struct card_measurer *m, int first, int n, struct err *err) {
    if (m->first == first && m->n == n)
        return 0;
    m->first = first;
    m->n = n;
    measure_memory_reset(&m->plan, &m->memory);
    int ret = upload_images(&m->upload, m->job.images, first, n, kept_value(m, 0), err);
    for (size_t i = 0; i < m->plan.forward.n_stages && !ret; i++)
        run_stage(m, i, false);
    if (!ret) {
        compare(m, 0, true, 0);
        ret = download(m, 1, m->truth, m->leaf ? 0 : 1, m->truth_found, err);
        if (!ret && m->leaf)
            ret = find_distinct(m, m->truth_found, err);
    }
    if (ret)
        m->n = 0;
    return ret;
}

/* A run under way. */
struct run {
    struct card_measurer *m;
    const struct measure_variant *variants;
    size_t n;
    struct damage *damage;      /* of each variant, a batch's */
    struct damage_found *found; /* of each variant that finds */
};

static size_t finds_among(const struct measure_variant *variants, size_t n) {
    size_t finds = 0;
    for (size_t i = 0; i < n; i++)
        finds += variants[i].finds;
    return finds;
}

static int measure_variants(const struct run *r, struct err *err) {
    struct card_measurer *m = r->m;
    size_t batch = batch_of(m), found_at = 0;
    for (size_t first = 0; first < r->n; first += VARIANTS) {
        size_t n = r->n - first < VARIANTS ? r->n - first : VARIANTS, finds = 0;
        const struct measure_variant *v = r->variants + first;
        for (size_t i = 0; i < n; i++) {
            if (run_variant(m, v[i].quantized, -1, NULL, err))
                return -1;
            compare(m, i, v[i].finds, finds);
            if (v[i].finds && m->leaf && find_distinct(m, r->found + (found_at + finds) * batch, err))
                return -1;
            finds += v[i].finds;
        }
        if (download(m, n, r->damage + first * batch, m->leaf ? 0 : finds, r->found + found_at * batch, err))
            return -1;
        found_at += finds;
    }
    return 0;
}

static size_t copy_boxes(struct detect_box *to, const struct damage_found *found) {
    memcpy(to, found->boxes, (size_t)found->n * sizeof *to);
    return (size_t)found->n;
}

/* What image i of the batch gave. The caller frees it. */
static int make_image(const struct run *r, size_t i, struct measure_image **out, struct err *err) {
    struct card_measurer *m = r->m;
    size_t batch = batch_of(m), found_at = 0;
    if (!m->truth[i].finite)
        return explain(m, NULL, (int)i, err);
    for (size_t v = 0; v < r->n; v++)
        if (!r->damage[v * batch + i].finite)
            return explain(m, r->variants[v].quantized, (int)i, err);
    struct detect_box **boxes = malloc((r->n + 1) * sizeof *boxes);
    struct measure_image *image = boxes ? measure_image_new(r->variants, r->n, boxes, err) : NULL;
    if (!image) {
        free(boxes);
        return boxes ? -1 : err_nomem(err);
    }
    image->sure = (size_t)m->truth[i].sure;
    image->found.n = copy_boxes(boxes[0], &m->truth_found[i]);
    for (size_t v = 0; v < r->n; v++) {
        struct measure_result *result = &image->results[v];
        result->class_kl = detect_divergence(r->damage[v * batch + i].class_kl);
        result->box_loss = r->damage[v * batch + i].box_loss;
        result->more_loss = NAN;
        if (r->variants[v].finds)
            result->found.n = copy_boxes(boxes[1 + v], &r->found[found_at++ * batch + i]);
    }
    free(boxes);
    *out = image;
    return 0;
}

static int run(struct measurer *measurer, const struct measure_variant *variants, size_t n, int first,
               int end, measure_take_fn *take, void *ctx, struct err *err) {
    struct card_measurer *m = (struct card_measurer *)measurer;
    size_t batch = batch_of(m);
    struct run r = {m, variants, n, malloc((n * batch + 1) * sizeof *r.damage),
                    malloc((finds_among(variants, n) * batch + 1) * sizeof *r.found)};
    int ret = r.damage && r.found ? device_enter(m->net.cuda, err) : err_nomem(err);
    for (int at = first; at < end && !ret; at += (int)batch) {
        int images = end - at < (int)batch ? end - at : (int)batch;
        if ((ret = hold(m, at, images, err)) == 0)
            ret = measure_variants(&r, err);
        for (int i = 0; i < images && !ret; i++) {
            struct measure_image *image = NULL;
            if ((ret = make_image(&r, (size_t)i, &image, err)) != 0)
                err_wrap(err, "%s", m->job.images->names[at + i]);
            else
                ret = take(ctx, at + i, image, err);
            free(image);
        }
    }
    free(r.damage);
    free(r.found);
    return ret;
}

/* ---- the measurer ---- */

static void close_measurer(struct measurer *measurer) {
    struct card_measurer *m = (struct card_measurer *)measurer;
    void *const on_card[] = {m->quantized, m->memory.pixels, m->memory.kept, m->memory.arena,
                             m->input,     m->self,          m->for_op,      m->most,
                             m->partial,   m->damage,        m->found};
    for (size_t i = 0; i < sizeof on_card / sizeof *on_card; i++)
        cudaFree(on_card[i]);
    upload_free(&m->upload);
    operand_ranges_free(&m->ranges);
    net_free(&m->net);
    measure_plan_free(&m->plan);
    pairs_free(&m->pairs);
    free(m->memory.own);
    free(m->changed);
    free(m->truth);
    free(m->truth_found);
    free(m->leaf);
    free(m);
}

/* q(w) of each convolution that runs, packed. */
static int quantize_weights(struct card_measurer *m, struct err *err) {
    const struct graph *g = m->net.graph;
    cudaStream_t s = m->net.cuda->stream;
    size_t most = 1, total = 1;
    float *values = NULL;
    for (size_t i = 0; i < g->n_convs; i++) {
        size_t n = conv_numel(&g->convs[i]), end = m->net.packed_at[i] + n;
        most = n > most ? n : most;
        total = end > total ? end : total;
    }
    if (device_new((void **)&m->quantized, total * sizeof *values, err) ||
        device_new((void **)&values, most * sizeof *values, err))
        return -1;
    for (size_t i = 0; i < m->plan.forward.n_stages; i++) {
        if (!measure_plan_is_conv(&m->plan, i))
            continue;
        size_t conv = (size_t)stage_of(m, i)->op->conv;
        const struct conv *c = &g->convs[conv];
        struct cuda_quantizer q = operand_weight_quantizer(
            &m->ranges, conv, &m->pairs.weights[measure_pair(&m->job, &m->pairs, conv)->weight]);
        float *packed = m->quantized + m->net.packed_at[conv];
        operand_weight_values(&q, c, s, net_weight(&m->net, conv), values, packed);
        cuda_pack_f32(s, values, c->cout, c->cin, c->groups, c->kh * c->kw, false, packed);
    }
    int ret = device_check(m->net.cuda, err);
    cudaFree(values);
    return ret;
}

/* Memory on the card: bytes of one image. */
struct need {
    void **p;
    size_t bytes;
};

/* Kernels count a batch's elements in 31 bits. */
static int most_images(const struct card_measurer *m) {
    size_t largest = 1;
    for (int v = 0; v < m->plan.graph->n_values; v++)
        if (m->plan.forward.made[v]) {
            size_t n = shape_numel(m->plan.forward.shapes[v]);
            largest = n > largest ? n : largest;
        }
    size_t most = INT_MAX / largest;
    return most < 1 ? 1 : most < BATCH ? (int)most : BATCH;
}

/* Memory for as many images at once as there is room for. */
static int make_room(struct card_measurer *m, struct err *err) {
    const struct measure_plan *p = &m->plan;
    const struct calib_set *images = m->job.images;
    struct cuda *cuda = m->net.cuda;
    int anchors = (int)p->forward.shapes[measure_plan_leaf(p)].w, channels = 0;
    for (size_t i = 0; i < p->graph->n_convs; i++)
        channels = p->graph->convs[i].cin > channels ? p->graph->convs[i].cin : channels;
    const struct need needs[] = {
        {(void **)&m->memory.pixels, shape_numel(p->forward.shapes[0]) * sizeof(float)},
        {(void **)&m->memory.kept, p->kept_floats * sizeof(float)},
        {(void **)&m->memory.arena, p->forward.arena * sizeof(float)},
        {(void **)&m->input, p->input_floats * sizeof(float)},
        {(void **)&m->self, ((size_t)channels + 1) * sizeof(float)},
        {(void **)&m->for_op, p->op_floats * sizeof(float)},
        {(void **)&m->most, (size_t)anchors * sizeof(float)},
        {(void **)&m->partial, damage_partials(anchors) * sizeof *m->partial},
        {(void **)&m->damage, VARIANTS * sizeof *m->damage},
        {(void **)&m->found, VARIANTS * sizeof *m->found},
    };
    enum { NEEDS = sizeof needs / sizeof *needs };
    size_t each = UPLOAD_SIDES * images->image_bytes;
    for (size_t i = 0; i < NEEDS; i++)
        each += needs[i].bytes;
    int wanted = images->count < most_images(m) ? images->count : most_images(m), n = wanted;
    while (n > 1 && (size_t)n * each > device_room())
        n = (n + 1) / 2;
    if (n < wanted && cuda->say)
        cuda->say("the GPU's memory is short: measuring smaller batches");
    m->memory.images = (size_t)n;
    for (size_t i = 0; i < NEEDS; i++)
        if (device_new(needs[i].p, (size_t)n * needs[i].bytes, err))
            return -1;
    int ret = upload_new(cuda, images->image_bytes, n, &m->upload, err);
    return ret > 0 ? device_full(err, UPLOAD_SIDES * (size_t)n * images->image_bytes) : ret;
}

static int make_host_room(struct card_measurer *m, struct err *err) {
    m->memory.own = calloc((size_t)m->plan.graph->n_values, sizeof *m->memory.own);
    m->changed = calloc(m->plan.forward.n_stages + 1, sizeof *m->changed);
    m->truth = calloc(batch_of(m), sizeof *m->truth);
    m->truth_found = calloc(batch_of(m), sizeof *m->truth_found);
    const struct chw y = m->plan.forward.shapes[measure_plan_leaf(&m->plan)];
    const bool overlaps = m->plan.graph->overlaps;
    if (overlaps)
        m->leaf = malloc((batch_of(m) + 1) * shape_numel(y) * sizeof *m->leaf);
    return m->memory.own && m->changed && m->truth && m->truth_found && (m->leaf || !overlaps)
               ? 0
               : err_nomem(err);
}

int cuda_measure(struct backend *backend, const struct measure_job *job, struct measurer **out,
                 struct err *err) {
    static const struct measurer_kind kind = {run, close_measurer};
    struct cuda *cuda = cuda_of(backend);
    struct card_measurer *m = calloc(1, sizeof *m);
    if (!m)
        return err_nomem(err);
    *m = (struct card_measurer){.base = {&kind}, .job = *job};
    if (device_enter(cuda, err) || measure_pairs(&m->job, &m->pairs, err) ||
        measure_plan_make(job->graph, job->images->size, &m->plan, err) ||
        net_new(cuda, job->graph, m->plan.forward.shapes, m->plan.forward.stages, m->plan.forward.n_stages,
                true, false, &m->net, err) ||
        operand_ranges_new(cuda, job->graph, job->amax, &m->ranges, err) || quantize_weights(m, err) ||
        make_room(m, err) || make_host_room(m, err)) {
        close_measurer(&m->base);
        return -1;
    }
    *out = &m->base;
    return 0;
}
