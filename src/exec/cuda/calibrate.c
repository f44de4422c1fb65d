#include "exec/calibrate.h"
#include "exec/cuda/net.h"
#include "exec/cuda/upload.h"
#include "exec/forward_plan.h"
#include "op/op.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 32 /* images; others were not compared */ };

struct card_calibration {
    struct net net;
    struct forward_plan plan;
    int batch;
    float *arena, *images, *kept;
    struct upload upload;
    struct slab amax; /* of each convolution: over all images, then over AWQ's */
    size_t *amax_at;
};

static struct view view_of(const struct card_calibration *c, int v, int n) {
    struct home home = c->plan.values[v];
    struct chw s = c->plan.shapes[v], whole = c->plan.shapes[home.root];
    float *root = home.root == 0 ? c->images : c->arena + c->plan.offsets[home.root] * (size_t)c->batch;
    return (struct view){root + home.channel, n, (int)s.h, (int)s.w, (int)s.c, (int)whole.c};
}

/* The most that any operation keeps of an image, for a backward pass that is none here. */
static size_t kept_room(const struct card_calibration *c) {
    size_t room = 0;
    for (size_t i = 0; i < c->plan.n_stages; i++) {
        const struct op *op = c->plan.stages[i].op;
        size_t kept = op_room(op_kernels(op->kind)->kept, op, c->plan.shapes);
        room = kept > room ? kept : room;
    }
    return room;
}

/* Memory for as many images at once as there is room for. */
static int make_room(struct card_calibration *c, const struct calib_set *images, int count, struct err *err) {
    size_t pixels = shape_numel(c->plan.shapes[0]), kept = kept_room(c);
    size_t each = (c->plan.arena + pixels + kept) * sizeof(float) + UPLOAD_SIDES * images->image_bytes;
    int wanted = count < BATCH ? count : BATCH;
    for (c->batch = wanted; c->batch > 1 && (size_t)c->batch * each > device_room();)
        c->batch = (c->batch + 1) / 2;
    if (c->batch < wanted && c->net.cuda->say)
        c->net.cuda->say("the GPU's memory is short: calibrating on smaller batches");
    size_t n = (size_t)c->batch;
    if (device_new((void **)&c->arena, n * c->plan.arena * sizeof(float), err) ||
        device_new((void **)&c->images, n * pixels * sizeof(float), err) ||
        device_new((void **)&c->kept, n * kept * sizeof(float), err))
        return -1;
    int ret = upload_new(c->net.cuda, images->image_bytes, c->batch, &c->upload, err);
    return ret > 0 ? device_full(err, UPLOAD_SIDES * n * images->image_bytes) : ret;
}

static int make_amax(struct card_calibration *c, struct err *err) {
    const struct graph *g = c->net.graph;
    if (!(c->amax_at = calloc(g->n_convs + 1, sizeof *c->amax_at)))
        return err_nomem(err);
    for (size_t i = 0; i < g->n_convs; i++)
        if (slab_put(&c->amax, NULL, 2 * (size_t)g->convs[i].cin, &c->amax_at[i], err))
            return -1;
    return slab_upload(&c->amax, c->net.cuda, err);
}

static void run_stage(struct card_calibration *c, size_t i, int n, int n_awq) {
    const struct stage *s = &c->plan.stages[i];
    const struct op *op = s->op;
    cudaStream_t stream = c->net.cuda->stream;
    struct cuda_task t = net_task(&c->net, i, op);
    struct view *in = t.in;
    for (int k = 0; k < op->n_in; k++)
        in[k] = view_of(c, op->in[k], n);
    t.out = view_of(c, s->out, n);
    t.kept = c->kept;
    t.room = op_room(op_kernels(op->kind)->kept, op, c->plan.shapes);
    if (op->kind == OP_CONV) {
        struct conv_geometry g = conv_geometry(&c->net.graph->convs[op->conv]);
        float *all = c->amax.device + c->amax_at[op->conv];
        cuda_trace_begin(c->net.cuda->trace, stream, PHASE_CALIBRATION, (size_t)op->conv);
        cuda_amax(stream, in[0], 1, all, n_awq, all + in[0].c);
        if (c->plan.made[s->out])
            cuda_conv_f32(stream, &g, in[0], c->net.packed + c->net.packed_at[op->conv],
                          net_scale(&c->net, i), net_shift(&c->net, i), activation_of(s->act), false,
                          view_of(c, s->out, n));
        cuda_trace_end(c->net.cuda->trace, stream);
    } else if (c->plan.made[s->out])
        cuda_op(op->kind)->forward(&t);
}

/* What the card found, into amax. */
static int collect(struct card_calibration *c, struct calibration *to, struct err *err) {
    const struct graph *g = c->net.graph;
    cudaError_t status = cudaMemcpyAsync(c->amax.host, c->amax.device, c->amax.n * sizeof(float),
                                         cudaMemcpyDeviceToHost, c->net.cuda->stream);
    if (status != cudaSuccess)
        return device_error(err, status, "download");
    if (device_check(c->net.cuda, err))
        return -1;
    for (size_t i = 0; i < g->n_convs; i++) {
        const float *all = c->amax.host + c->amax_at[i];
        if (calibrate_add(to, i, all, false, err) || calibrate_add(to, i, all + g->convs[i].cin, true, err))
            return -1;
    }
    return calibrate_done(to, to->end, err);
}

int cuda_calibrate(struct backend *backend, struct calibration *to, struct err *err) {
    struct cuda *cuda = cuda_of(backend);
    const struct graph *graph = to->graph;
    const struct calib_set *images = to->images;
    const struct amax *amax = to->amax;
    struct card_calibration c = {0};
    int ret = -1;
    if (device_enter(cuda, err) || forward_plan_make(graph, FORWARD_INPUTS, images->size, &c.plan, err) ||
        net_new(cuda, graph, c.plan.shapes, c.plan.stages, c.plan.n_stages, true, false, &c.net, err) ||
        make_room(&c, images, to->end - amax->done, err) || make_amax(&c, err))
        goto out;
    struct chw s = c.plan.shapes[0];
    for (int first = amax->done; first < to->end; first += c.batch) {
        int n = to->end - first < c.batch ? to->end - first : c.batch;
        int awq = amax->awq_images - first < n ? amax->awq_images - first : n;
        struct view at = {c.images, n, (int)s.h, (int)s.w, (int)s.c, (int)s.c};
        if (upload_images(&c.upload, images, first, n, at, err))
            goto out;
        for (size_t i = 0; i < c.plan.n_stages; i++)
            run_stage(&c, i, n, awq);
    }
    ret = collect(&c, to, err);
out:
    cudaFree(c.arena);
    cudaFree(c.images);
    cudaFree(c.kept);
    upload_free(&c.upload);
    slab_free(&c.amax);
    free(c.amax_at);
    net_free(&c.net);
    forward_plan_free(&c.plan);
    return ret;
}
