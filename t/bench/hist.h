/*
 * Latencies in log-linear buckets: 64 steps to each power of two, so a percentile is off by 1.6 %
 * at most.
 */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

enum {
    HIST_STEP_BITS = 6,
    HIST_STEPS = 1 << HIST_STEP_BITS,
    HIST_VALUE_BITS_MAX = 42, /* over an hour of nanoseconds; longer ones count as the longest */
    HIST_BUCKETS = (HIST_VALUE_BITS_MAX - HIST_STEP_BITS + 1) * HIST_STEPS,
};

/* Zeroed memory is an empty histogram. One owner. */
struct hist {
    uint64_t total;
    uint64_t max_ns;
    uint64_t counts[HIST_BUCKETS];
};

/* Values below 64 have a bucket each; above, the top seven bits choose it. */
static inline unsigned hist_bucket(uint64_t ns) {
    if (ns < HIST_STEPS)
        return (unsigned)ns;
    if (ns >> HIST_VALUE_BITS_MAX)
        return HIST_BUCKETS - 1;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - HIST_STEP_BITS;
    return (shift + 1) * HIST_STEPS + (unsigned)((ns >> shift) - HIST_STEPS);
}

static inline void hist_add(struct hist *hist, uint64_t ns) {
    hist->counts[hist_bucket(ns)]++;
    hist->total++;
    if (ns > hist->max_ns)
        hist->max_ns = ns;
}

/* Adds all of `from` to `into`. */
void hist_merge(struct hist *into, const struct hist *from);

/* The value that `fraction` (0 to 1) of all values do not exceed; 0 when there are none. */
uint64_t hist_percentile(const struct hist *hist, double fraction);

#endif
