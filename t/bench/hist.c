#include "t/bench/hist.h"

void hist_merge(struct hist *into, const struct hist *from) {
    into->total += from->total;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        into->counts[i] += from->counts[i];
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_top(unsigned bucket) {
    if (bucket < HIST_STEPS)
        return bucket;
    unsigned shift = bucket / HIST_STEPS - 1;
    uint64_t step = bucket % HIST_STEPS + HIST_STEPS;
    return ((step + 1) << shift) - 1;
}

uint64_t hist_percentile(const struct hist *hist, double fraction) {
    uint64_t wanted = (uint64_t)(fraction * (double)hist->total + 0.5);
    uint64_t seen = 0;
    if (wanted == 0)
        wanted = 1;
    for (unsigned i = 0; i < HIST_BUCKETS && hist->total; i++) {
        seen += hist->counts[i];
        if (seen >= wanted)
            return bucket_top(i) < hist->max_ns ? bucket_top(i) : hist->max_ns;
    }
    return hist->max_ns;
}
