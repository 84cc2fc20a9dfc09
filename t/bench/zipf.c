/*
 * The method of Gray et al., "Quickly generating billion-record synthetic databases" (SIGMOD 1994).
 */
#include "t/bench/zipf.h"

#include <math.h>

#include "memcached/base/check.h"

static double unit_draw(struct rng *rng) {
    return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

void zipf_make(struct zipf *zipf, uint32_t count, double theta) {
    CHECK(count > 2 && theta > 0 && theta < 1);
    *zipf = (struct zipf){.count = count, .zeta2 = 1 + pow(0.5, theta), .alpha = 1 / (1 - theta)};
    for (uint32_t i = 1; i <= count; i++)
        zipf->zeta += pow(i, -theta);
    zipf->eta = (1 - pow(2.0 / count, 1 - theta)) / (1 - zipf->zeta2 / zipf->zeta);
}

uint32_t zipf_draw(const struct zipf *zipf, struct rng *rng) {
    double u = unit_draw(rng);
    if (u * zipf->zeta < 1)
        return 0;
    if (u * zipf->zeta < zipf->zeta2)
        return 1;
    uint64_t rank = (uint64_t)(zipf->count * pow(zipf->eta * u - zipf->eta + 1, zipf->alpha));
    return rank < zipf->count ? (uint32_t)rank : zipf->count - 1;
}
