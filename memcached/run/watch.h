/*
 * Watchers: connections that are shown what happens. Every thread in which things happen has an
 * event log; the logger thread takes the events out of all of them, writes their lines, and copies
 * each into the buffer of every watcher who wants it. From there the worker that owns the watcher's
 * connection sends them.
 *
 *   worker, background --event ring--> logger --byte ring--> worker --socket--> watcher
 *
 * Nobody ever waits for the next one along: an event that finds its ring full is dropped and
 * counted, a line that finds a watcher's buffer full is skipped, and the watcher is told how many.
 */
#ifndef RUN_WATCH_H
#define RUN_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memcached/base/clock.h"
#include "memcached/serve/event_log.h"
#include "memcached/serve/server.h"
#include "memcached/store/store.h"

enum {
    WATCHERS_MAX = 20,
    WATCH_PIECES_MAX = 2, /* of a watcher's buffer that waits to be sent */
    WATCH_BUFFER_BYTES_MIN = 1024,
    WATCH_BUFFER_BYTES_MAX = 1 << 30,
    WATCH_BUSY_PAUSE_MS = 1,      /* how soon the logger looks again after it found something, */
    WATCH_IDLE_PAUSE_MS_MAX = 50, /* and how late when it finds nothing again and again */
};

struct watch_hub;
struct watcher;

struct watch_config {
    struct store *store;
    const struct clock *clock;
    unsigned log_count;   /* threads in which things happen */
    size_t log_bytes;     /* of each one's ring, rounded up to a power of two */
    size_t watcher_bytes; /* of each watcher's buffer, likewise */
};

/* NULL when memory or a descriptor is refused. Main thread, as all that follow up to destroy. */
struct watch_hub *watch_hub_create(const struct watch_config *config);
/* Starts the logger thread. False when the system refuses. */
bool watch_hub_start(struct watch_hub *hub);
/* Ends it. Watchers may still leave. */
void watch_hub_stop(struct watch_hub *hub);
/* All watchers have left, and nobody uses a log any more. */
void watch_hub_destroy(struct watch_hub *hub);

/* The event log number `index` (< log_count), for one thread to own. */
struct event_log *watch_hub_log(struct watch_hub *hub, unsigned index);

/*
 * A new watcher of these streams, who is shown what happens from now on; NULL with *why.
 * `ready` is called from the logger thread when there is something to send; it must not block.
 * Any thread.
 */
struct watcher *watch_join(struct watch_hub *hub, uint32_t streams, void (*ready)(void *context),
                           void *context, enum serve_watch *why);
/* Afterwards `ready` is not called any more. Any thread. */
void watch_leave(struct watch_hub *hub, struct watcher *watcher);

/*
 * What waits for a watcher: fills vec, returns how many pieces; and: so many bytes of that are sent.
 * One thread a watcher.
 */
int watcher_pieces(struct watcher *watcher, struct iovec vec[WATCH_PIECES_MAX]);
void watcher_consume(struct watcher *watcher, size_t bytes);

/* Adds the log_ figures. Any thread. */
void watch_hub_stats(struct watch_hub *hub, struct serve_run_stats *sum);
void watch_hub_stats_reset(struct watch_hub *hub);

#endif
