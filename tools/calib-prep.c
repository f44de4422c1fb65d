/* calib-prep: the images of a list, letterboxed, as a calib stream or as a NumPy array. */
#include "base/opt.h"
#include "base/outfile.h"
#include "base/progress.h"
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

static int put(void *ctx, int index, const uint8_t *chw, struct err *err) {
    struct destination *d = ctx;
    int ret = d->calib ? calib_put(d->calib, d->list->names[index], chw, err) : npy_put(d->npy, chw, err);
    progress_step(&d->progress, index + 1);
    return ret;
}

static int check_output(const struct image_list *list, const char *list_path, const char *output,
                        struct err *err) {
    const struct image_list self = {.count = 1, .paths = (char *[]){(char *)list_path}};
    if (strcmp(output, "-") == 0)
        return 0;
    if (image_list_holds(list, output) || (strcmp(list_path, "-") != 0 && image_list_holds(&self, output)))
        return err_set(err, ERR_USAGE, "--output: %s is an input", output);
    return 0;
}

int main(int argc, char **argv) {
    const char *list_path = NULL, *sums = NULL, *output = "-";
    int count = 100, size = 640, threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    bool npy = false;
    struct opt rows[] = {
        {"list", 'l', OPT_STRING, &list_path, "FILE", "image list, one path a line", .required = true},
        {"count", 'n', OPT_INT, &count, "N", "images to take, the first ones", .min = IMAGE_LIST_MIN,
         .max = CALIB_COUNT_MAX},
        {"size", 'S', OPT_INT, &size, "N", "side of the square, a multiple of 32", .min = CALIB_SIZE_MIN,
         .max = CALIB_SIZE_MAX},
        {"sums", 0, OPT_STRING, &sums, "FILE", "refuse images with other SHA-256s than these, one a line"},
        {"npy", 0, OPT_FLAG, &npy, NULL, "write an NCHW float32 array (NPY 1.0) of byte / 255 instead"},
        {"threads", 't', OPT_INT, &threads, "N", "images decoded at a time", .min = 1, .max = 1024},
        {"output", 'o', OPT_STRING, &output, "FILE", "where the result goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        "calib-prep",
        "Decodes the images of a list (JPEG, PNG), scales each to fit a square centred on grey, and writes\n"
        "them as a calib stream, which ends in a digest. The pixels are those of OpenCV.",
        "--list FILE [OPTION]...",
        "  calib-prep --list quant100.txt --count 100 --size 640 -o calib.bin\n"
        "  calib-prep --list quant100.txt | calib-stats --model yolov10n.pt --calib - -o amax.json\n",
        rows,
        "A path of the list is absolute, else relative to the list's folder, else to the current one. A list "
        "of\n"
        "fewer than --count images is used whole; fewer than 10 are refused. EXIF orientation is applied; "
        "alpha is\n"
        "dropped; CMYK is taken as inverted, as Adobe writes it. A damaged image ends the work.",
    };
    struct image_list *list = NULL;
    struct destination d = {0};
    struct err err = {0};
    int ret = -1;
    outfile_handle_signals();
    if (opt_parse(&tool, argc, argv, &err))
        goto out;
    if (tool.answered) {
        ret = 0;
        goto out;
    }
    if (tool.first < argc) {
        err_set(&err, ERR_USAGE, "unexpected operand %s", argv[tool.first]);
        goto out;
    }
    if (size % CALIB_SIZE_MIN != 0) {
        err_set(&err, ERR_USAGE, "--size: %d is not a multiple of %d", size, CALIB_SIZE_MIN);
        goto out;
    }
    if (strcmp(output, "-") == 0 && isatty(STDOUT_FILENO)) {
        err_set(&err, ERR_USAGE, "binary data are not written to a terminal; name a file with -o");
        goto out;
    }
    if (image_list_read(&list, list_path, count, IMAGE_LIST_MIN, &err) ||
        (sums && image_list_expect(list, sums, &err)) || check_output(list, list_path, output, &err))
        goto out;
    if (list->count < count)
        fprintf(stderr, "%s: %s: %d images, all are used (%d were asked for)\n", tool.name, list_path,
                list->count, count);
    if (npy ? npy_create(output, list->count, size, &d.npy, &err)
            : calib_create(output, list->count, size, &d.calib, &err))
        goto out;
    d.list = list;
    progress_start(&d.progress, "preparing images", list->count, 0);
    int failed = image_prepare(list, size, threads < list->count ? threads : list->count, put, &d, &err);
    progress_end(&d.progress);
    if (failed || (npy ? npy_finish(&d.npy, &err) : calib_finish(&d.calib, NULL, &err)))
        goto out;
    ret = 0;
out:
    calib_abandon(&d.calib);
    npy_abandon(&d.npy);
    image_list_free(&list);
    return opt_exit(&tool, ret, &err);
}
