/* The release, as --version and every result tell it. */
#ifndef YS_BASE_VERSION_H
#define YS_BASE_VERSION_H

#define YOLOSENS_VERSION "0.1.0"

#endif
