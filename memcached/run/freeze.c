#include "memcached/run/freeze.h"

#include <time.h>

/* Goes on while the machine is suspended, and nobody can set it. */
static uint64_t boot_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void freeze_init(struct freeze *freeze, uint64_t limit_ms) {
    freeze->limit_ms = limit_ms;
    atomic_init(&freeze->alive_ms, boot_ms());
    atomic_init(&freeze->thawed_ms, 0);
    atomic_init(&freeze->thaw_count, 0);
}

uint32_t freeze_look(struct freeze *freeze) {
    if (freeze->limit_ms == 0)
        return 0;
    uint64_t now_ms = boot_ms();
    uint64_t alive_ms = atomic_load(&freeze->alive_ms);
    if (now_ms > alive_ms) {
        if (now_ms - alive_ms >= freeze->limit_ms) {
            atomic_store(&freeze->thawed_ms, now_ms);
            /*
             * Two threads may count the same one twice: what matters is that the number is another.
             */
            atomic_fetch_add(&freeze->thaw_count, 1);
        }
        /* After the count: who reads this time reads that count. */
        atomic_store(&freeze->alive_ms, now_ms);
    }
    return atomic_load(&freeze->thaw_count);
}

bool freeze_is_in_doubt(struct freeze *freeze) {
    if (freeze_look(freeze) == 0)
        return false;
    return boot_ms() - atomic_load(&freeze->thawed_ms) < FREEZE_DOUBT_MS;
}
