/* Which run settings belong to. A run's identity is everything in its run.json but "created", "image_list" and the
 * images' names: where the images lie does not matter, their bytes do.
 *
 *     cJSON *run = NULL;
 *     if (identity_of(&settings, say, &run, &err) || identity_choose(&where, run, say, &folder, &err)) ... */
#ifndef YS_GRID_IDENTITY_H
#define YS_GRID_IDENTITY_H

#include "base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* What the numbers depend on, as the user gave it. */
struct identity_settings {
    const char *image_list, *fp4_preset, *int4_preset, *block_dim;
    const char *device;     /* auto, cpu, cuda, cuda:N, cuda:N,M */
    const char *objectives; /* words for scores_parse_objectives */
    int calib_images, score_size, imgsz, batch_size;
    int probes; /* vectors of signs, if detection is an objective */
    bool fold;  /* the network that is exported */
};

/* The run.json of these settings, the caller's: reads the list and digests its images, asks which kind of device
 * there is. Of more images to score on than there are, it has as many as there are. Errors: those of reading the list
 * and of backend_find. */
int identity_of(const struct identity_settings *settings, err_say_fn *say, cJSON **run, struct err *err);

/* The folder of runs, and which one is wanted. */
struct identity_place {
    const char *runs;
    const char *name; /* of this run, or NULL */
    bool fresh;       /* a new one */
    bool find;        /* none is made */
};

/* Sets *folder, the caller's, to that of the run: the newest with this identity, else a new one, of which say hears
 * what differs from the newest; NULL where none is to be made. A new run gets the key "created", seconds since 1970,
 * later than that of every other. Errors: ERR_FAILED when the name is that of a run of another identity or of a folder
 * that is no run, or when the folder cannot be made. */
int identity_choose(const struct identity_place *place, cJSON *run, err_say_fn *say, char **folder,
                    struct err *err);

#endif
