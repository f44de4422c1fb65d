/* The least and the most that settings may be, from limits.def: IMGSZ_LEAST, IMGSZ_MOST. */
#ifndef YS_BASE_LIMITS_H
#define YS_BASE_LIMITS_H

#define LIMIT(name, least, most) name##_LEAST = least, name##_MOST = most,
#define LIMIT_REAL(name, least, most)
enum {
#include "base/limits.def"
};
#undef LIMIT
#undef LIMIT_REAL

#define LIMIT(name, least, most)
#define LIMIT_REAL(name, least, most) static const double name##_LEAST = least, name##_MOST = most;
#include "base/limits.def"
#undef LIMIT
#undef LIMIT_REAL

#endif
