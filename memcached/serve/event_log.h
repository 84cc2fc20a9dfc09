/*
 * The events of one thread: what is watched, the ring they go to, and on whose behalf things
 * happen. While nobody watches, whoever could tell of something finds that out by one branch.
 */
#ifndef SERVE_EVENT_LOG_H
#define SERVE_EVENT_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "memcached/base/check.h"
#include "memcached/base/clock.h"
#include "memcached/serve/event_ring.h"
#include "memcached/store/store.h"

/* What all logs of a server share. */
struct event_numbers {
    _Atomic uint64_t gid;      /* the newest given to an event or a watcher */
    uint64_t (*wall_us)(void); /* microseconds since 1970; any thread. Fixed. */
    const struct clock *clock; /* what items' times are counted by. Fixed. */
};

struct event_log {
    /* streams that somebody watches: any thread writes, the owner reads; orders nothing */
    _Atomic uint32_t watched;
    struct event_numbers *numbers; /* fixed */
    struct event_ring ring;
    _Atomic uint64_t dropped_count; /* the owner writes */
    /* owner thread */
    int32_t fd;                 /* the connection that is being served */
    const char *delete_command; /* the one under way whose deletions are told of; NULL: none */
};

/* NULL when there is no memory. `numbers` outlives the log. */
struct event_log *event_log_create(struct event_numbers *numbers, size_t ring_bytes);
void event_log_destroy(struct event_log *log);

/* Does somebody watch one of these streams? `log` may be NULL: nobody does. Owner thread. */
static inline bool event_log_is_on(const struct event_log *log, uint32_t streams) {
    return UNLIKELY(log && atomic_load_explicit(&log->watched, memory_order_relaxed) & streams);
}

/* What follows happens on this connection. `log` may be NULL. Owner thread, as all that follow. */
static inline void event_log_enter(struct event_log *log, int fd) {
    if (log) {
        log->fd = fd;
        log->delete_command = NULL;
    }
}

/* What the following deletion is called, for watchers of deletions; NULL: by no name. */
static inline void event_log_deleting(struct event_log *log, const char *command) {
    if (log)
        log->delete_command = command;
}

/* Numbers and times the event and puts it into the ring; drops it if that is full. */
void event_log_put(struct event_log *log, struct event_record *event, const char *text);

/* A store_tell: what the store tells of becomes events of the log that is its context. */
void event_log_tell(void *log, const struct store_event *told);

/* A value was refused before the store had anything to do with it: `why` as of store_reserve. */
void event_log_refused(struct event_log *log, const struct store_key *key, enum store_mode mode,
                       enum store_status why);

/* The store's kinds (store_watch bits) that these streams are made of. */
unsigned event_store_kinds(uint32_t streams);

#endif
