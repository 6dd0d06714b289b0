/* noise.h: the noise of the invented converters. A function of input and scan alone, so that a run can be repeated exactly. */
#ifndef STATIOND_NOISE_H
#define STATIOND_NOISE_H

#include <stdint.h>

/* Evenly spread over -amplitude..amplitude. The mixing steps are those of the finisher of splitmix64. */
static inline int32_t noise_count(uint32_t input, uint64_t scan, uint32_t amplitude) {
    uint64_t word = scan * 0x9E3779B97F4A7C15u + (uint64_t)input * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
    uint64_t width = 2 * (uint64_t)amplitude + 1;
    return (int32_t)((word >> 32) * width >> 32) - (int32_t)amplitude;
}

#endif
