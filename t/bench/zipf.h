/* Ranks by Zipf's law: rank 0 comes most often, rank r about (r + 1)^theta times less often. */
#ifndef BENCH_ZIPF_H
#define BENCH_ZIPF_H

#include <stdint.h>

#include "memcached/base/rng.h"

/* Fixed once made: may be shared. */
struct zipf {
    uint32_t count;
    double zeta, zeta2, alpha, eta;
};

/* For ranks below `count` (at least 3); 0 < theta < 1. Takes time in proportion to the count. */
void zipf_make(struct zipf *zipf, uint32_t count, double theta);

uint32_t zipf_draw(const struct zipf *zipf, struct rng *rng);

#endif
