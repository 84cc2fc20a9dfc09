/*
 * The background thread: keeps the clock, moves items between LRU segments, crawls, grows the index.
 */
#ifndef RUN_BACKGROUND_H
#define RUN_BACKGROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "memcached/base/clock.h"
#include "memcached/run/freeze.h"
#include "memcached/run/stalls.h"
#include "memcached/serve/event_log.h"
#include "memcached/store/store.h"

enum {
    BACKGROUND_TICK_MS = 100,     /* how exact the clock is */
    BACKGROUND_FINE_TICK_MS = 10, /* the same where versions are made of it */
    BACKGROUND_BUSY_SLEEP_MS = 1, /* between two rounds of maintenance while there is much of it */
    BACKGROUND_EASY_SLEEP_MS = 8, /* the same if it is not urgent */
    BACKGROUND_SLICES_MAX = 256,  /* of maintenance in a row before the clock is looked at again */
};

struct background;

struct background_config {
    struct clock *clock;
    struct store *store;
    struct event_log *events; /* this thread's own */
    bool is_fine;             /* versions come from the clock */
    struct freeze *freeze;
    uint32_t check_ms; /* how often to call check; 0: never */
    void (*check)(void *context);
    void *check_context;
};

/* NULL when memory, a descriptor or a store handle is refused. Main thread, as all that follow. */
struct background *background_create(const struct background_config *config);
bool background_start(struct background *background);
/* There is something to do that should not wait for the next tick. Any thread. */
void background_wake(struct background *background);
/* How long its steps take. Any thread. */
struct stalls *background_stalls(struct background *background);
void background_stop(struct background *background);
void background_destroy(struct background *background);

#endif
