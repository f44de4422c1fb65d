/* Pictures and their labels in the network's square: a picture that is wider than high, one that is higher than wide, and one
 * without a label file. */
#define _GNU_SOURCE
#include "image/prepare.h"
#include "test.h"
#include "verify/pictures.h"

#include <png.h>
#include <stdlib.h>
#include <unistd.h>

enum { SIZE = 64 };

static void path_in(const char *folder, const char *name, char path[200]) {
    snprintf(path, 200, "%s/%s", folder, name);
}

/* A white picture. */
static void write_png(const char *folder, const char *name, int width, int height) {
    char path[200];
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = PNG_FORMAT_RGB};
    uint8_t *white = malloc((size_t)(3 * width * height));
    memset(white, 255, (size_t)(3 * width * height));
    path_in(folder, name, path);
    png_image_write_to_file(&image, path, 0, white, 0, NULL);
    free(white);
}

static void write_text(const char *folder, const char *name, const char *text) {
    char path[200];
    path_in(folder, name, path);
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
}

/* Whether a box is where the square is white: what lies in it is, what lies beside it is not. */
static bool is_white(const struct pictures *p, int i, const struct detect_box *b) {
    size_t wrong = 0;
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++) {
            bool inside = x >= b->x && x < b->x + b->w && y >= b->y && y < b->y + b->h;
            wrong += (p->set->images[i][y * SIZE + x] == 255) != inside;
        }
    return wrong == 0;
}

int main(void) {
    char folder[] = "/tmp/test_pictures.XXXXXX", path[200], command[300];
    struct image_list *list = NULL;
    struct pictures p = {0};
    struct err err = {0};
    CHECK(mkdtemp(folder) != NULL, "a folder");
    write_png(folder, "wide.png", 100, 50);
    write_png(folder, "high.png", 37, 111);
    write_png(folder, "none.png", 20, 20);
    write_text(folder, "list", "wide.png\nhigh.png\nnone.png\n");
    write_text(folder, "wide.txt", "1 0.5 0.5 1 1\n0 0.25 0.75 0.5 0.5\n");
    write_text(folder, "high.txt", "0 0.5 0.5 1 1\n");
    path_in(folder, "list", path);
    int ret = image_list_read(&list, path, 3, 1, &err);
    ret = ret ? ret : pictures_read(list, 3, SIZE, 2, 2, NULL, &p, &err);
    CHECK(ret == 0, "three pictures are read: %s", err.msg);
    if (!ret) {
        const struct detect_box *wide = p.labels[0].boxes, *high = p.labels[1].boxes;
        CHECK(p.n_labelled == 2 && p.labelled[0] && p.labelled[1] && !p.labelled[2], "two have labels");
        CHECK(p.labels[0].n == 2 && wide[0].class_id == 1 && wide[1].class_id == 0, "with their classes");
        CHECK(is_white(&p, 0, &wide[0]) && is_white(&p, 1, &high[0]),
              "a label of the whole picture is where the picture is in the square");
        CHECK(wide[1].x == 0 && wide[1].y == 32 && wide[1].w == 32 && wide[1].h == 16,
              "a quarter of it is a quarter: %g %g %g %g", wide[1].x, wide[1].y, wide[1].w, wide[1].h);
        CHECK(strcmp(p.set->names[1], "high.png") == 0 && calib_is_whole(p.set) &&
                  calib_wait(p.set, 2, &err) == 0,
              "nobody has to wait for them");
        CHECK(pictures_among(&p, p.set, 2) == 2, "two are among the first two of themselves");
        struct calib_set *others = NULL;
        CHECK(calib_set_new(1, SIZE, &others, &err) == 0, "another set");
        others->images[0] = calloc(1, others->image_bytes);
        CHECK(pictures_among(&p, others, 1) == 0, "which has none of them");
        calib_set_free(&others);
    }
    pictures_free(&p);
    write_text(folder, "high.txt", "2 0.5 0.5 1 1\n");
    CHECK(list && pictures_read(list, 3, SIZE, 2, 2, NULL, &p, &err) && strstr(err.msg, "high.txt:1: "),
          "a wrong label: %s", err.msg);
    pictures_free(&p);
    image_list_free(&list);
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0, "nothing is left");
    return test_end();
}
