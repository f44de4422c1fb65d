/* calib-prep: the images of a list, letterboxed, as a calib stream or as a NumPy array. */
#include "base/pool.h"
#include "cli/opt.h"
#include "cli/progress.h"
#include "image/calib.h"
#include "image/list.h"
#include "image/npy.h"
#include "image/prepare.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Where the images go: one of the two writers. */
struct destination {
    const struct image_list *list;
    struct calib_writer *calib;
    struct npy_writer *npy;
    struct progress progress;
};

static int put(void *ctx, int index, const uint8_t *chw, const struct image *file, struct err *err) {
    struct destination *d = ctx;
    if (file->warning)
        fprintf(stderr, "calib-prep: %s: %s\n", d->list->paths[index], file->warning);
    int ret = d->calib ? calib_put(d->calib, d->list->names[index], file->sha256, chw, err)
                       : npy_put(d->npy, chw, err);
    progress_step(&d->progress, index + 1);
    return ret;
}

static int check_output(const struct image_list *list, const char *output, struct err *err) {
    return strcmp(output, "-") != 0 && image_list_holds(list, output)
               ? err_set(err, ERR_USAGE, "--output: %s is an input", output)
               : 0;
}

struct request {
    const char *list, *sums, *output;
    int count, size, threads;
    bool npy, tee;
};

static int judge(const struct request *r, struct err *err) {
    if (r->size % IMGSZ_LEAST != 0)
        return err_set(err, ERR_USAGE, "--size: %d is not a multiple of %d", r->size, IMGSZ_LEAST);
    if (r->tee && (r->npy || strcmp(r->output, "-") == 0))
        return err_set(err, ERR_USAGE, "--tee: copies a calib stream that goes to a file, which -o names");
    if ((r->tee || strcmp(r->output, "-") == 0) && isatty(STDOUT_FILENO))
        return err_set(err, ERR_USAGE, "binary data are not written to a terminal; name a file with -o");
    return 0;
}

static int write_images(const struct request *r, const struct image_list *list, struct err *err) {
    struct destination d = {.list = list};
    int n = list->count, ret = -1;
    if (r->npy ? npy_create(r->output, n, r->size, &d.npy, err)
               : calib_create(r->output, r->tee ? stdout : NULL, n, r->size, &d.calib, err))
        goto out;
    progress_start(&d.progress, "preparing images", n, 0, NULL);
    int failed = image_prepare(list, r->size, r->threads < n ? r->threads : n, put, &d, err);
    progress_end(&d.progress);
    if (failed || (r->npy ? npy_finish(&d.npy, err) : calib_finish(&d.calib, NULL, err)))
        goto out;
    ret = 0;
out:
    calib_abandon(&d.calib);
    npy_abandon(&d.npy);
    return ret;
}

static int run(void *ctx, const struct operands *operands, struct err *err) {
    const struct request *r = ctx;
    struct image_list *list = NULL;
    int ret = -1;
    (void)operands;
    if (judge(r, err) || image_list_read(&list, r->list, r->count, CALIB_IMAGES_LEAST, err) ||
        (r->sums && image_list_expect(list, r->sums, err)) || check_output(list, r->output, err))
        goto out;
    if (list->count < r->count)
        fprintf(stderr, "calib-prep: %s: %d images, all are used (%d were asked for)\n", r->list, list->count,
                r->count);
    ret = write_images(r, list, err);
out:
    image_list_free(&list);
    return ret;
}

static const char notes[] =
    "Decodes JPEG and PNG files, scales each to fit a square centred on grey, and writes them as bytes,\n"
    "with a digest at the end. The pixels are those of OpenCV.\n"
    "\n"
    "A path of the list is absolute, else relative to the list's folder, else to the current one. A\n"
    "list of fewer than --count images is used whole; fewer than 10 are refused. EXIF orientation is\n"
    "applied; alpha is dropped; CMYK is taken as inverted, as Adobe writes it. A damaged image ends the\n"
    "work. --tee feeds a program that need not wait for the file; if it goes away, the file is still made.";

static const char examples[] =
    "calib-prep --list quant100.txt --count 100 --size 640 -o calib.bin\n"
    "calib-prep --list quant100.txt | calib-stats --model yolov10n.pt --calib - -o amax.json\n"
    "calib-prep --list quant100.txt -o calib.bin --tee | calib-stats -m yolov10n.pt -c - -o amax.json\n";

int main(int argc, char **argv) {
    struct request r = {.output = "-", .count = 100, .size = 640, .threads = pool_processors()};
    struct opt rows[] = {
        {"list", 'l', OPT_IN, &r.list, "FILE", "image list, one path a line, a folder, or a data.yaml",
         .required = true},
        {"count", 'n', OPT_INT, &r.count, "N", "images to take, the first ones", OPT_LIMITS(CALIB_IMAGES)},
        {"size", 'S', OPT_INT, &r.size, "N", "side of the square, a multiple of 32", OPT_LIMITS(IMGSZ)},
        {"sums", 0, OPT_IN, &r.sums, "FILE", "refuse images with other SHA-256s than these, one a line"},
        {"npy", 0, OPT_FLAG, &r.npy, NULL, "write an NCHW float32 array (NPY 1.0) of byte / 255 instead"},
        {"tee", 0, OPT_FLAG, &r.tee, NULL, "write the stream to standard output too, as it is made"},
        {"threads", 't', OPT_INT, &r.threads, "N", "images decoded at a time", OPT_LIMITS(THREADS),
         .by_default = "all processors"},
        {"output", 'o', OPT_OUT, &r.output, "FILE", "where the result goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "calib-prep",
        .purpose = "letterbox the images of a list into a calib stream",
        .synopsis = "--list FILE [OPTION]...",
        .notes = notes,
        .examples = examples,
        .rows = rows,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
