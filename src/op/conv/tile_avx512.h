/* The tile of all levels of AVX-512. */
#include "op/conv/kernels.h"

#include "simd/lanes.h"

#include <stdbool.h>

enum { ROWS = 8, VECS = 3 };
