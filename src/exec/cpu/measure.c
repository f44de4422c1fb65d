#include "exec/measure.h"

#include "base/lanes.h"
#include "exec/cpu/cpu.h"
#include "exec/cpu/measure_pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the unquantized network says of an image. */
struct truth {
    float *leaf, *more, *proto; /* more and proto lie behind the leaf */
    size_t *sure;               /* anchors */
    size_t n_sure, n_found;
    struct detect_box found[AP_FOUND_MAX];
};

/* Truths are kept for the next run as far as they fit here. */
#define TRUTHS_BYTES ((size_t)256 << 20)

struct cpu_measurer {
    struct measurer base;
    struct measure_job job;
    struct pool *pool;
    struct measure_net *net;
    struct detect_more more;
    struct measure_pass **lanes;
    size_t n_lanes;
    struct truth **truths; /* of each image, or NULL where it is not known */
    bool *all;             /* every stage */
};

/* A run under way. */
struct run {
    struct cpu_measurer *m;
    const struct measure_variant *variants;
    size_t n;
    bool *reads; /* stages whose unquantized values the variants read */
    measure_take_fn *take;
    void *ctx;
};

static size_t leaf_floats(const struct cpu_measurer *m) {
    return shape_numel(measure_net_leaf(m->net));
}

static size_t anchors_of(const struct cpu_measurer *m) {
    return (size_t)measure_net_leaf(m->net).w;
}

static size_t more_floats(const struct cpu_measurer *m) {
    return (size_t)m->more.rows * anchors_of(m);
}

static size_t proto_floats(const struct cpu_measurer *m) {
    return (size_t)m->more.rows * (size_t)m->more.proto_w * (size_t)m->more.proto_h;
}

static size_t truth_bytes(const struct cpu_measurer *m) {
    return (leaf_floats(m) + more_floats(m) + proto_floats(m)) * sizeof(float);
}

static struct detect_output output_of(const struct cpu_measurer *m, const float *leaf) {
    return (struct detect_output){leaf, m->job.graph->classes, anchors_of(m), m->job.graph->corners};
}

static void truth_free(struct truth **truth) {
    if (*truth) {
        free((*truth)->leaf);
        free((*truth)->sure);
    }
    free(*truth);
    *truth = NULL;
}

static int find(const struct cpu_measurer *m, const struct detect_output *y, struct detect_box *boxes,
                size_t *n, struct err *err) {
    if (m->job.graph->overlaps)
        return detect_find_distinct(y, MEASURE_LEAST, AP_FOUND_MAX, boxes, n, err);
    *n = detect_find(y, MEASURE_LEAST, AP_FOUND_MAX, boxes);
    return 0;
}

static int truth_new(const struct cpu_measurer *m, const struct measure_outputs *made, struct truth **out,
                     struct err *err) {
    struct truth *t = calloc(1, sizeof *t);
    if (!t)
        return err_nomem(err);
    t->leaf = malloc(truth_bytes(m));
    t->sure = malloc(anchors_of(m) * sizeof *t->sure);
    if (!t->leaf || !t->sure) {
        truth_free(&t);
        return err_nomem(err);
    }
    t->more = t->leaf + leaf_floats(m);
    t->proto = t->more + more_floats(m);
    memcpy(t->leaf, made->leaf, leaf_floats(m) * sizeof *t->leaf);
    if (made->more)
        memcpy(t->more, made->more, more_floats(m) * sizeof *t->more);
    if (made->proto)
        memcpy(t->proto, made->proto, proto_floats(m) * sizeof *t->proto);
    const struct detect_output y = output_of(m, t->leaf);
    t->n_sure = detect_sure(&y, MEASURE_SURE, t->sure);
    int ret = find(m, &y, t->found, &t->n_found, err);
    if (ret)
        truth_free(&t);
    *out = t;
    return ret;
}

/* What a variant's outputs, NULL for the truth's own, give. */
static int compare(const struct cpu_measurer *m, const struct truth *t, const struct measure_outputs *made,
                   struct measure_result *result, struct detect_box *boxes, struct err *err) {
    const float *leaf = made->leaf;
    const struct detect_output truth = output_of(m, t->leaf), other = output_of(m, leaf ? leaf : t->leaf);
    const struct detect_whole whole = {truth, t->more, t->proto},
                              its = {other, made->more ? made->more : t->more,
                                     made->proto ? made->proto : t->proto};
    result->more_loss = m->more.kind ? 0 : NAN;
    if (m->more.kind && (leaf || made->more || made->proto))
        result->more_loss = detect_more_loss(&m->more, &whole, &its, t->sure, t->n_sure);
    if (!leaf) {
        result->found.n = boxes ? t->n_found : 0;
        if (boxes)
            memcpy(boxes, t->found, t->n_found * sizeof *boxes);
        return 0;
    }
    result->class_kl = detect_class_kl(&truth, &other);
    result->box_loss = detect_box_loss(&truth, &other, t->sure, t->n_sure);
    return boxes ? find(m, &other, boxes, &result->found.n, err) : 0;
}

static int measure(const struct run *r, struct measure_pass *pass, const struct truth *t,
                   struct measure_image **out, struct err *err) {
    struct detect_box **boxes = malloc((r->n + 1) * sizeof *boxes);
    int ret = boxes && (*out = measure_image_new(r->variants, r->n, boxes, err)) ? 0 : err_nomem(err);
    if (!ret) {
        (*out)->sure = t->n_sure;
        (*out)->found.n = t->n_found;
        memcpy(boxes[0], t->found, t->n_found * sizeof *t->found);
    }
    for (size_t i = 0; !ret && i < r->n; i++) {
        struct measure_outputs made;
        if (!(ret = measure_pass_variant(pass, r->variants[i].quantized, &made, err)))
            ret = compare(r->m, t, &made, &(*out)->results[i], boxes[1 + i], err);
    }
    free(boxes);
    return ret;
}

static int make_image(void *ctx, size_t lane, int image, void **made, struct err *err) {
    const struct run *r = ctx;
    struct cpu_measurer *m = r->m;
    struct measure_pass *pass = m->lanes[lane];
    const struct calib_set *images = m->job.images;
    struct truth *t = m->truths[image];
    struct measure_outputs outputs;
    if (calib_wait(images, image, err))
        return -1;
    calib_to_float(images->images[image], images->image_bytes, measure_pass_pixels(pass));
    int ret = measure_pass_float(pass, t ? r->reads : m->all, &outputs, err);
    if (!ret && !t)
        ret = truth_new(m, &outputs, &t, err);
    if (!ret)
        ret = measure(r, pass, t, (struct measure_image **)made, err);
    if (((size_t)image + 1) * truth_bytes(m) <= TRUTHS_BYTES)
        m->truths[image] = t;
    else
        truth_free(&t);
    return ret ? err_wrap(err, "%s", images->names[image]) : 0;
}

static int take_image(void *ctx, int image, void *made, struct err *err) {
    const struct run *r = ctx;
    return r->take(r->ctx, image, made, err);
}

static int run(struct measurer *measurer, const struct measure_variant *variants, size_t n, int first,
               int end, measure_take_fn *take, void *ctx, struct err *err) {
    struct cpu_measurer *m = (struct cpu_measurer *)measurer;
    struct run r = {m, variants, n, malloc((measure_net_stages(m->net) + 1) * sizeof *r.reads), take, ctx};
    if (!r.reads)
        return err_nomem(err);
    int ret = measure_net_reads(m->net, variants, n, r.reads, err);
    if (!ret)
        ret = lanes_run(m->pool, m->n_lanes, first, end, make_image, take_image, &r, err);
    free(r.reads);
    return ret;
}

static void close_measurer(struct measurer *measurer) {
    struct cpu_measurer *m = (struct cpu_measurer *)measurer;
    for (size_t i = 0; i < m->n_lanes; i++)
        measure_pass_free(&m->lanes[i]);
    for (int i = 0; m->truths && i < m->job.images->count; i++)
        truth_free(&m->truths[i]);
    measure_net_free(&m->net);
    free(m->lanes);
    free(m->truths);
    free(m->all);
    free(m);
}

/* The threads beyond are shared among the lanes. */
static int make_lanes(struct cpu_measurer *m, struct err *err) {
    int threads = pool_threads(m->pool);
    size_t n = lanes_count(threads, m->job.images->count, measure_pass_bytes(m->net));
    if (!(m->lanes = calloc(n, sizeof(struct measure_pass *))))
        return err_nomem(err);
    m->n_lanes = n;
    for (size_t i = 0; i < n; i++)
        if (measure_pass_new(m->net, threads / (int)n, &m->lanes[i], err))
            return -1;
    return 0;
}

int cpu_measure(struct backend *backend, const struct measure_job *job, struct measurer **out,
                struct err *err) {
    static const struct measurer_kind kind = {run, close_measurer};
    struct cpu_measurer *m = calloc(1, sizeof *m);
    if (!m)
        return err_nomem(err);
    *m = (struct cpu_measurer){.base = {&kind}, .job = *job, .pool = ((struct cpu_backend *)backend)->pool};
    if (measure_net_new(&m->job, m->pool, &m->net, err) || make_lanes(m, err))
        goto fail;
    size_t stages = measure_net_stages(m->net);
    m->more = measure_net_more(m->net);
    m->truths = calloc((size_t)job->images->count, sizeof(struct truth *));
    m->all = malloc((stages + 1) * sizeof *m->all);
    if (!m->truths || !m->all) {
        err_nomem(err);
        goto fail;
    }
    for (size_t i = 0; i < stages; i++)
        m->all[i] = true;
    *out = &m->base;
    return 0;
fail:
    close_measurer(&m->base);
    return -1;
}
