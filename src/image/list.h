/* Image lists: one path a line. A path is absolute, else relative to the list's folder, else to the current
 * folder. Blank lines, lines that begin with # unless a file is called so, blanks around a path, CRLF and a
 * byte order mark are tolerated. A folder stands for its JPEG and PNG files, by their suffixes, in the order
 * of their names' bytes; folders in it are not entered. A data set's .yaml or .yml stands for its `val` split
 * (dataset.h). */
#ifndef YS_IMAGE_LIST_H
#define YS_IMAGE_LIST_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>

/* Bytes of the longest path taken. */
enum { IMAGE_NAME_MAX = 4096 };

struct image_list {
    int count;
    char **names;               /* as the list has them */
    char **paths;               /* as they are to be opened */
    char (*sha256)[DIGEST_HEX]; /* that they must have, or NULL */
};

/* Reads the first count images of the list, folder or data set at path ("-": a list on standard input); one with fewer
 * is used whole, so (*list)->count may be less than count. Each must be a file: pipes and devices might never
 * end. *list is the caller's, to be freed.
 * Errors: ERR_FAILED when path cannot be read or is no text, when it holds fewer than min images, or when an
 * image is missing: "LIST:LINE: NAME: no such file". */
int image_list_read(struct image_list **list, const char *path, int count, int min, struct err *err);

/* Leaves the last n images; all where it has no more. */
void image_list_keep_last(struct image_list *list, int n);

/* Notes which SHA-256 each image must have, from the file at path: one in hexadecimal digits a line, in list
 * order. Errors: ERR_FAILED when there are not as many as images, or a line is something else. */
int image_list_expect(struct image_list *list, const char *path, struct err *err);

/* Adds the next image's SHA-256 to a digest of all of a list's, by which runs and results name their images. */
void image_list_add(struct digest *all, const char sha256[DIGEST_HEX]);
void image_list_free(struct image_list **list);

/* Whether path is one of the listed images, under whatever name: writing there would destroy it. */
bool image_list_holds(const struct image_list *list, const char *path);

#endif
