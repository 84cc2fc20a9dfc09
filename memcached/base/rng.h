/* Chance as a value that is handed in: the same seed gives the same numbers (xoshiro256**). */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

/* Seeds it; every seed is good (the state is filled by splitmix64). Not thread-safe: one owner. */
void rng_seed(struct rng *rng, uint64_t seed);

/* A seed from the system's entropy. Only the outermost layer calls it. */
uint64_t rng_system_seed(void);

uint64_t rng_next(struct rng *rng);

/* Uniform in [0, bound); bound > 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);

#endif
