/* Numbers that look random and depend on their key alone: splitmix64 (Steele, Lea and Flood, 2014). Also compiled by
 * CUDA. */
#ifndef YS_BASE_SPLITMIX_H
#define YS_BASE_SPLITMIX_H

#include <stdint.h>

#ifdef __CUDACC__
#define SPLITMIX_FUNCTION static inline __host__ __device__
#else
#define SPLITMIX_FUNCTION static inline
#endif

/* 64 bits for a key. */
SPLITMIX_FUNCTION uint64_t splitmix_of(uint64_t v) {
    v += 0x9e3779b97f4a7c15u;
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
    v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
    return v ^ (v >> 31);
}

#endif
