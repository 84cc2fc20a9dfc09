#define _GNU_SOURCE /* pthread_setname_np */
#include "memcached/run/watch.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "memcached/base/check.h"
#include "memcached/base/lock.h"
#include "memcached/base/mem.h"
#include "memcached/net/wake.h"

enum { SKIPPED_BYTES_MAX = 32 }; /* "skipped=N\n" */

struct watcher {
    /* fixed */
    uint32_t streams;
    uint64_t gid; /* what came before it is not for this watcher */
    char *bytes;
    uint64_t mask; /* size of `bytes` less one */
    void (*ready)(void *context);
    void *context;
    /* the logger's, under the hub's lock */
    uint64_t skipped_count; /* lines since the last that found room */
    bool has_news;

    _Atomic uint64_t written; /* publishes the bytes before it to the sender */
    _Atomic uint64_t taken;   /* gives the room before it back to the logger */
};

struct watch_hub {
    struct watch_config config; /* fixed */
    struct event_numbers numbers;
    struct event_log **logs; /* fixed */
    struct wake wake;
    pthread_t thread;
    bool is_running;
    _Atomic bool is_stopping; /* set before the wake is rung, read after it */

    struct lock lock;
    /* under lock */
    struct watcher *watchers[WATCHERS_MAX];
    unsigned watcher_count;
    uint64_t written_count, skipped_count, sent_count;
    uint64_t dropped_at_reset;
};

static uint64_t wall_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

struct watch_hub *watch_hub_create(const struct watch_config *config) {
    struct watch_hub *hub = mem_zalloc(sizeof(*hub));
    if (!hub)
        return NULL;
    hub->config = *config;
    hub->numbers.wall_us = wall_us;
    hub->numbers.clock = config->clock;
    if (!wake_open(&hub->wake)) {
        mem_free(hub);
        return NULL;
    }
    lock_init(&hub->lock, RANK_WATCH);
    hub->logs = mem_zalloc(config->log_count * sizeof(struct event_log *));
    bool is_whole = hub->logs != NULL;
    for (unsigned i = 0; is_whole && i < config->log_count; i++) {
        hub->logs[i] = event_log_create(&hub->numbers, config->log_bytes);
        is_whole = hub->logs[i] != NULL;
    }
    if (is_whole)
        return hub;
    watch_hub_destroy(hub);
    return NULL;
}

void watch_hub_destroy(struct watch_hub *hub) {
    if (!hub)
        return;
    watch_hub_stop(hub);
    CHECK(hub->watcher_count == 0);
    for (unsigned i = 0; hub->logs && i < hub->config.log_count; i++)
        event_log_destroy(hub->logs[i]);
    mem_free(hub->logs);
    lock_destroy(&hub->lock);
    wake_close(&hub->wake);
    mem_free(hub);
}

struct event_log *watch_hub_log(struct watch_hub *hub, unsigned index) {
    CHECK(index < hub->config.log_count);
    return hub->logs[index];
}

/*
 * ---- a watcher's buffer -----------------------------------------------------------------------
 */

static void copy_in(struct watcher *watcher, uint64_t position, const char *from, size_t bytes) {
    size_t at = position & watcher->mask;
    size_t to_end = watcher->mask + 1 - at;
    size_t first = bytes < to_end ? bytes : to_end;
    memcpy(watcher->bytes + at, from, first);
    memcpy(watcher->bytes, from + first, bytes - first);
}

/* False: there is no room for all of it. */
static bool append(struct watcher *watcher, const char *line, size_t bytes) {
    char skipped[SKIPPED_BYTES_MAX];
    size_t skipped_bytes = 0;
    if (watcher->skipped_count)
        skipped_bytes = (size_t)snprintf(skipped, sizeof(skipped), "skipped=%" PRIu64 "\n",
                                         watcher->skipped_count);
    uint64_t written = atomic_load_explicit(&watcher->written, memory_order_relaxed);
    /* pairs with the release in watcher_consume: the room is no longer read */
    uint64_t taken = atomic_load_explicit(&watcher->taken, memory_order_acquire);
    if (written + skipped_bytes + bytes - taken > watcher->mask + 1)
        return false;
    copy_in(watcher, written, skipped, skipped_bytes);
    copy_in(watcher, written + skipped_bytes, line, bytes);
    watcher->skipped_count = 0;
    atomic_store_explicit(&watcher->written, written + skipped_bytes + bytes, memory_order_release);
    return true;
}

int watcher_pieces(struct watcher *watcher, struct iovec vec[WATCH_PIECES_MAX]) {
    uint64_t taken = atomic_load_explicit(&watcher->taken, memory_order_relaxed);
    /* pairs with the release in append: the bytes are there */
    uint64_t written = atomic_load_explicit(&watcher->written, memory_order_acquire);
    size_t bytes = written - taken;
    if (bytes == 0)
        return 0;
    size_t at = taken & watcher->mask;
    size_t to_end = watcher->mask + 1 - at;
    size_t first = bytes < to_end ? bytes : to_end;
    vec[0] = (struct iovec){.iov_base = watcher->bytes + at, .iov_len = first};
    if (bytes == first)
        return 1;
    vec[1] = (struct iovec){.iov_base = watcher->bytes, .iov_len = bytes - first};
    return 2;
}

void watcher_consume(struct watcher *watcher, size_t bytes) {
    uint64_t taken = atomic_load_explicit(&watcher->taken, memory_order_relaxed);
    atomic_store_explicit(&watcher->taken, taken + bytes, memory_order_release);
}

/*
 * ---- the logger thread ------------------------------------------------------------------------
 */

static bool wants(const struct watcher *watcher, const struct event_record *event) {
    return watcher->streams & event_stream_of(event->kind) && event->gid > watcher->gid;
}

static void show_locked(struct watch_hub *hub, const struct event_record *event, const char *text) {
    char line[EVENT_LINE_BYTES_MAX];
    size_t bytes = 0;
    for (unsigned i = 0; i < hub->watcher_count; i++) {
        struct watcher *watcher = hub->watchers[i];
        if (!wants(watcher, event))
            continue;
        if (bytes == 0)
            bytes = event_format(event, text, line);
        if (append(watcher, line, bytes)) {
            watcher->has_news = true;
            hub->sent_count++;
        } else {
            watcher->skipped_count++;
            hub->skipped_count++;
        }
    }
}

/* What was in the ring when it was first looked at, at most. */
static unsigned drain_log_locked(struct watch_hub *hub, struct event_ring *ring) {
    uint64_t end = atomic_load_explicit(&ring->written, memory_order_acquire);
    unsigned count = 0;
    const char *text;
    const struct event_record *event;
    while (atomic_load_explicit(&ring->taken, memory_order_relaxed) != end &&
           (event = event_ring_peek(ring, &text)) != NULL) {
        show_locked(hub, event, text);
        event_ring_pop(ring);
        count++;
    }
    return count;
}

/* True if there was an event. */
static bool drain(struct watch_hub *hub, bool *is_watched) {
    unsigned count = 0;
    lock_acquire(&hub->lock);
    for (unsigned i = 0; i < hub->config.log_count; i++)
        count += drain_log_locked(hub, &hub->logs[i]->ring);
    hub->written_count += count;
    for (unsigned i = 0; i < hub->watcher_count; i++) {
        struct watcher *watcher = hub->watchers[i];
        if (watcher->has_news)
            watcher->ready(watcher->context);
        watcher->has_news = false;
    }
    *is_watched = hub->watcher_count > 0;
    lock_release(&hub->lock);
    return count > 0;
}

static void *run(void *context) {
    struct watch_hub *hub = context;
    int pause_ms = WATCH_BUSY_PAUSE_MS;
    while (!atomic_load_explicit(&hub->is_stopping, memory_order_acquire)) {
        bool is_watched;
        /* Producers ring no bell: that would cost them a system call for every event. */
        pause_ms = drain(hub, &is_watched) ? WATCH_BUSY_PAUSE_MS : pause_ms * 2;
        if (pause_ms > WATCH_IDLE_PAUSE_MS_MAX)
            pause_ms = WATCH_IDLE_PAUSE_MS_MAX;
        wake_wait(&hub->wake, is_watched ? pause_ms : -1);
    }
    return NULL;
}

bool watch_hub_start(struct watch_hub *hub) {
    hub->is_running = pthread_create(&hub->thread, NULL, run, hub) == 0;
    if (hub->is_running)
        pthread_setname_np(hub->thread, "mc-logger");
    return hub->is_running;
}

void watch_hub_stop(struct watch_hub *hub) {
    if (!hub || !hub->is_running)
        return;
    atomic_store_explicit(&hub->is_stopping, true, memory_order_release);
    wake_ring(&hub->wake);
    pthread_join(hub->thread, NULL);
    hub->is_running = false;
}

/*
 * ---- coming and going -------------------------------------------------------------------------
 */

/* Tells all threads what is watched now. */
static void spread_locked(struct watch_hub *hub) {
    uint32_t streams = 0;
    for (unsigned i = 0; i < hub->watcher_count; i++)
        streams |= hub->watchers[i]->streams;
    for (unsigned i = 0; i < hub->config.log_count; i++)
        atomic_store_explicit(&hub->logs[i]->watched, streams, memory_order_relaxed);
    store_watch(hub->config.store, event_store_kinds(streams));
}

static struct watcher *watcher_create(size_t wanted_bytes) {
    struct watcher *watcher = mem_zalloc(sizeof(*watcher));
    if (!watcher)
        return NULL;
    uint64_t bytes = WATCH_BUFFER_BYTES_MIN;
    while (bytes < wanted_bytes && bytes < WATCH_BUFFER_BYTES_MAX)
        bytes *= 2;
    watcher->mask = bytes - 1;
    watcher->bytes = mem_alloc(bytes);
    if (watcher->bytes)
        return watcher;
    mem_free(watcher);
    return NULL;
}

static void watcher_destroy(struct watcher *watcher) {
    mem_free(watcher->bytes);
    mem_free(watcher);
}

struct watcher *watch_join(struct watch_hub *hub, uint32_t streams, void (*ready)(void *context),
                           void *context, enum serve_watch *why) {
    struct watcher *watcher = watcher_create(hub->config.watcher_bytes);
    *why = SERVE_WATCH_FAILED;
    if (!watcher)
        return NULL;
    watcher->streams = streams;
    watcher->ready = ready;
    watcher->context = context;
    lock_acquire(&hub->lock);
    if (hub->watcher_count == WATCHERS_MAX) {
        lock_release(&hub->lock);
        watcher_destroy(watcher);
        *why = SERVE_WATCH_TOO_MANY;
        return NULL;
    }
    watcher->gid = atomic_fetch_add_explicit(&hub->numbers.gid, 1, memory_order_relaxed) + 1;
    hub->watchers[hub->watcher_count++] = watcher;
    spread_locked(hub);
    lock_release(&hub->lock);
    wake_ring(&hub->wake);
    *why = SERVE_WATCH_OK;
    return watcher;
}

void watch_leave(struct watch_hub *hub, struct watcher *watcher) {
    lock_acquire(&hub->lock);
    unsigned i = 0;
    while (i < hub->watcher_count && hub->watchers[i] != watcher)
        i++;
    CHECK(i < hub->watcher_count);
    hub->watchers[i] = hub->watchers[--hub->watcher_count];
    spread_locked(hub);
    lock_release(&hub->lock);
    watcher_destroy(watcher);
}

/*
 * ---- statistics -------------------------------------------------------------------------------
 */

static uint64_t dropped(const struct watch_hub *hub) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < hub->config.log_count; i++)
        sum += atomic_load_explicit(&hub->logs[i]->dropped_count, memory_order_relaxed);
    return sum;
}

void watch_hub_stats(struct watch_hub *hub, struct serve_run_stats *sum) {
    lock_acquire(&hub->lock);
    sum->log_worker_dropped += dropped(hub) - hub->dropped_at_reset;
    sum->log_worker_written += hub->written_count;
    sum->log_watcher_skipped += hub->skipped_count;
    sum->log_watcher_sent += hub->sent_count;
    sum->log_watchers += hub->watcher_count;
    lock_release(&hub->lock);
}

void watch_hub_stats_reset(struct watch_hub *hub) {
    lock_acquire(&hub->lock);
    hub->dropped_at_reset = dropped(hub);
    hub->written_count = hub->skipped_count = hub->sent_count = 0;
    lock_release(&hub->lock);
}
