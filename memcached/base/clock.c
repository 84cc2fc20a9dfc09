#include "memcached/base/clock.h"

#include <time.h>

static uint64_t system_ms(clockid_t which) {
    struct timespec now;
    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void clock_start(struct clock *clock, uint64_t wall_ms, uint64_t mono_ms) {
    clock->start_mono_ms = mono_ms;
    atomic_store_explicit(&clock->shift_s, 0, memory_order_relaxed);
    clock_set(clock, wall_ms, mono_ms);
}

void clock_set(struct clock *clock, uint64_t wall_ms, uint64_t mono_ms) {
    uint64_t elapsed = (mono_ms - clock->start_mono_ms) / 1000 +
                       atomic_load_explicit(&clock->shift_s, memory_order_relaxed);
    atomic_store_explicit(&clock->wall_ms, wall_ms, memory_order_relaxed);
    atomic_store_explicit(&clock->mono_ms, mono_ms, memory_order_relaxed);
    atomic_store_explicit(&clock->seconds, (uint32_t)(elapsed + CLOCK_FIRST_SECOND),
                          memory_order_relaxed);
}

void clock_shift(struct clock *clock, uint32_t seconds) {
    atomic_fetch_add_explicit(&clock->shift_s, seconds, memory_order_relaxed);
    atomic_fetch_add_explicit(&clock->seconds, seconds, memory_order_relaxed);
}

void clock_start_now(struct clock *clock) {
    clock_start(clock, system_ms(CLOCK_REALTIME), system_ms(CLOCK_MONOTONIC));
}

void clock_update(struct clock *clock) {
    clock_set(clock, system_ms(CLOCK_REALTIME), system_ms(CLOCK_MONOTONIC));
}
