#include "memcached/run/stalls.h"

#include <stdio.h>
#include <time.h>

#include "memcached/base/lock.h"

enum { NAME_BYTES_MAX = 48 };

static const uint64_t ms_ns = 1000 * 1000;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t get(const _Atomic uint64_t *number) {
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void set(_Atomic uint64_t *number, uint64_t value) {
    atomic_store_explicit(number, value, memory_order_relaxed);
}

void stalls_begin(struct stalls *stalls) {
    stalls->begun_ns = now_ns();
}

static void forget(struct stalls *stalls) {
    for (unsigned i = 0; i < STALL_COUNT; i++) {
        struct stall_counts *counts = &stalls->counts[i];
        set(&counts->count, 0);
        set(&counts->total_ns, 0);
        set(&counts->longest_ns, 0);
        set(&counts->over_1ms, 0);
        set(&counts->over_5ms, 0);
    }
}

void stalls_end(struct stalls *stalls, enum stall kind) {
    struct stall_counts *counts = &stalls->counts[kind];
    uint64_t now = now_ns();
    uint64_t ns = now - stalls->begun_ns;
    stalls->begun_ns = now;
    if (atomic_load_explicit(&stalls->is_reset_due, memory_order_relaxed)) {
        atomic_store_explicit(&stalls->is_reset_due, false, memory_order_relaxed);
        forget(stalls);
    }
    set(&counts->count, get(&counts->count) + 1);
    set(&counts->total_ns, get(&counts->total_ns) + ns);
    if (ns > get(&counts->longest_ns))
        set(&counts->longest_ns, ns);
    if (ns > ms_ns)
        set(&counts->over_1ms, get(&counts->over_1ms) + 1);
    if (ns > 5 * ms_ns)
        set(&counts->over_5ms, get(&counts->over_5ms) + 1);
}

void stalls_reset(struct stalls *stalls) {
    atomic_store_explicit(&stalls->is_reset_due, true, memory_order_relaxed);
}

static void put(struct stat_sink *sink, const char *kind, const char *what, uint64_t value) {
    char name[NAME_BYTES_MAX];
    snprintf(name, sizeof(name), "%s:%s", kind, what);
    stat_put_u64(sink, name, value);
}

void stalls_add(const struct stalls *stalls, struct stall_sum sums[STALL_COUNT]) {
    for (unsigned i = 0; i < STALL_COUNT; i++) {
        const struct stall_counts *counts = &stalls->counts[i];
        uint64_t longest_ns = get(&counts->longest_ns);
        sums[i].count += get(&counts->count);
        sums[i].total_ns += get(&counts->total_ns);
        sums[i].over_1ms += get(&counts->over_1ms);
        sums[i].over_5ms += get(&counts->over_5ms);
        if (longest_ns > sums[i].longest_ns)
            sums[i].longest_ns = longest_ns;
    }
}

void stalls_stats(const struct stall_sum sums[STALL_COUNT], struct stat_sink *sink) {
    static const char *const names[] = {
#define STALL(name, meaning) #name,
#include "memcached/run/stalls.def"
#undef STALL
    };
    for (unsigned i = 0; i < STALL_COUNT; i++) {
        put(sink, names[i], "count", sums[i].count);
        put(sink, names[i], "total_us", sums[i].total_ns / 1000);
        put(sink, names[i], "longest_us", sums[i].longest_ns / 1000);
        put(sink, names[i], "over_1ms", sums[i].over_1ms);
        put(sink, names[i], "over_5ms", sums[i].over_5ms);
    }
    struct latch_waits waits;
    latch_waits_get(&waits);
    put(sink, "latch", "waits", waits.count);
    put(sink, "latch", "longest_us", waits.longest_ns / 1000);
}
