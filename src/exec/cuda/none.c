/* What a build without CUDA has in the place of the other files here. */
#include "exec/backend.h"

const struct backend_kind *const cuda_backend = NULL;
