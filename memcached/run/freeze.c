#define _GNU_SOURCE /* CLOCK_MONOTONIC_COARSE */
#include "memcached/run/freeze.h"

#include <time.h>

static uint64_t clock_ms(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void freeze_init(struct freeze *freeze, uint64_t limit_ms) {
    freeze->limit_ms = limit_ms;
    atomic_init(&freeze->alive_ms, clock_ms(CLOCK_BOOTTIME));
    atomic_init(&freeze->coarse_ms, clock_ms(CLOCK_MONOTONIC_COARSE));
    atomic_init(&freeze->thawed_ms, 0);
    atomic_init(&freeze->thaw_count, 0);
}

/* Two threads may count the same stand-still twice: what matters is that the number is another. */
static void look_at(struct freeze *freeze, _Atomic uint64_t *alive, uint64_t now_ms) {
    uint64_t alive_ms = atomic_load(alive);
    if (now_ms <= alive_ms)
        return;
    if (now_ms - alive_ms >= freeze->limit_ms) {
        atomic_store(&freeze->thawed_ms, clock_ms(CLOCK_BOOTTIME));
        atomic_fetch_add(&freeze->thaw_count, 1);
    }
    /* After the count: who reads this time reads that count. */
    atomic_store(alive, now_ms);
}

uint32_t freeze_glance(struct freeze *freeze) {
    if (freeze->limit_ms == 0)
        return 0;
    look_at(freeze, &freeze->coarse_ms, clock_ms(CLOCK_MONOTONIC_COARSE));
    return atomic_load(&freeze->thaw_count);
}

uint32_t freeze_look(struct freeze *freeze) {
    if (freeze->limit_ms == 0)
        return 0;
    /* Goes on while the machine is suspended, and nobody can set it. */
    look_at(freeze, &freeze->alive_ms, clock_ms(CLOCK_BOOTTIME));
    return freeze_glance(freeze);
}

bool freeze_is_in_doubt(struct freeze *freeze) {
    if (freeze_look(freeze) == 0)
        return false;
    return clock_ms(CLOCK_BOOTTIME) - atomic_load(&freeze->thawed_ms) < FREEZE_DOUBT_MS;
}
