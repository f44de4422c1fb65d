/* The options of every tool that opens a session: o is its struct session_options. Included by tools. */
#ifndef YS_CLI_SESSION_ROWS_H
#define YS_CLI_SESSION_ROWS_H

#include "base/pool.h"
#include "cli/opt.h"
#include "cli/progress.h"
#include "exec/session.h"

/* clang-format off */
#define SESSION_DEFAULTS {.device = "auto", .threads = pool_processors(), .batch_size = 1, \
                          .say = opt_complain, .progress = progress_show}

/* Which network of the checkpoint. */
#define SESSION_FOLD(o) \
    {"fold", 0, OPT_FLAG, &(o).fold, .help = "the network that is exported, BatchNorm folded into its weights"}

/* What is read. */
#define SESSION_INPUTS(o) \
    {"model", 'm', OPT_IN, &(o).model, "FILE", "YOLO checkpoint", .required = true}, \
    {"calib", 'c', OPT_IN, &(o).calib, "FILE", "calib stream of calib-prep", .required = true}, \
    {"sha256", 0, OPT_STRING, &(o).sha256, "HEX", "refuse a checkpoint with another SHA-256"}, \
    SESSION_FOLD(o)

/* How it is computed. */
#define SESSION_MEANS(o) \
    {"batch-size", 'b', OPT_INT, &(o).batch_size, "N", "images in a forward pass", OPT_LIMITS(BATCH_SIZE)}, \
    {"device", 'd', OPT_STRING, &(o).device, "NAME", "auto, cpu, cuda (all GPUs), cuda:N or cuda:N,M"}, \
    {"turn", 0, OPT_INT, &(o).turn, "N", "of several GPUs, begin with another one than the processes of other turns", \
     .max = 1000000}, \
    {"threads", 't', OPT_INT, &(o).threads, "N", "threads", OPT_LIMITS(THREADS), .by_default = "all processors"}
/* clang-format on */

#endif
