/*
 * How long the steps of one thread take, a slice of background work or a turn of a worker: each is
 * meant to be short, and what locks it takes it holds no longer. For `stats stalls`.
 */
#ifndef RUN_STALLS_H
#define RUN_STALLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "memcached/serve/stat_sink.h"

enum stall {
#define STALL(name, meaning) STALL_##name,
#include "memcached/run/stalls.def"
#undef STALL
    STALL_COUNT
};

/* One kind of step. Written by the thread that takes it (relaxed), read by any. */
struct stall_counts {
    _Atomic uint64_t count, total_ns, longest_ns, over_1ms, over_5ms;
};

struct stalls {
    uint64_t begun_ns;         /* the step under way; owner thread */
    _Atomic bool is_reset_due; /* the owner forgets what it counted, at the next step */
    struct stall_counts counts[STALL_COUNT];
};

/* A step begins: the clock is read. Owner thread, as the next one. */
void stalls_begin(struct stalls *stalls);

/* A step ends, and if another one follows at once, it begins. */
void stalls_end(struct stalls *stalls, enum stall kind);

/* Any thread. */
void stalls_reset(struct stalls *stalls);
/* Adds what one thread has counted to a sum that began with all 0. Any thread. */
struct stall_sum {
    uint64_t count, total_ns, longest_ns, over_1ms, over_5ms;
};
void stalls_add(const struct stalls *stalls, struct stall_sum sums[STALL_COUNT]);
/* `stats stalls`: the sums, and how long threads slept for a latch of the store. Any thread. */
void stalls_stats(const struct stall_sum sums[STALL_COUNT], struct stat_sink *sink);

#endif
