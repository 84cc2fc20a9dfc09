#include "memcached/serve/event_log.h"

#include "memcached/base/mem.h"

enum { LOG_ALIGNMENT = 64 };

struct event_log *event_log_create(struct event_numbers *numbers, size_t ring_bytes) {
    struct event_log *log = mem_aligned_zalloc(LOG_ALIGNMENT, sizeof(*log));
    if (!log)
        return NULL;
    log->numbers = numbers;
    if (event_ring_init(&log->ring, ring_bytes))
        return log;
    mem_free(log);
    return NULL;
}

void event_log_destroy(struct event_log *log) {
    if (!log)
        return;
    event_ring_free(&log->ring);
    mem_free(log);
}

void event_log_put(struct event_log *log, struct event_record *event, const char *text) {
    struct event_numbers *numbers = log->numbers;
    event->gid = atomic_fetch_add_explicit(&numbers->gid, 1, memory_order_relaxed) + 1;
    event->wall_us = numbers->wall_us();
    if (event_ring_put(&log->ring, event, text))
        return;
    uint64_t dropped = atomic_load_explicit(&log->dropped_count, memory_order_relaxed);
    atomic_store_explicit(&log->dropped_count, dropped + 1, memory_order_relaxed);
}

static const char *mode_name(enum store_mode mode) {
    switch (mode) {
    case STORE_SET:
        return "set";
    case STORE_ADD:
        return "add";
    case STORE_REPLACE:
        return "replace";
    case STORE_APPEND:
        return "append";
    case STORE_PREPEND:
        return "prepend";
    case STORE_CAS:
        return "cas";
    }
    return "set";
}

static const char *status_name(enum store_status status) {
    switch (status) {
    case STORE_OK:
        return "stored";
    case STORE_EXISTS:
        return "exists";
    case STORE_NOT_FOUND:
        return "not_found";
    case STORE_TOO_LARGE:
        return "too_large";
    case STORE_NO_MEMORY:
        return "no_memory";
    case STORE_NOT_STORED:
    case STORE_NON_NUMERIC:
    case STORE_TOO_LONG_NUMBER:
    case STORE_OLDER:
        break;
    }
    return "not_stored";
}

/* Negative for what had expired before it came; what never does has `never`. */
static int32_t ttl_of(const struct event_log *log, uint32_t exptime, int32_t never) {
    return exptime == 0 ? never : (int32_t)(exptime - clock_seconds(log->numbers->clock));
}

static void tell_lookup(struct event_log *log, const struct store_event *told,
                        struct event_record *event) {
    (void)log;
    event->kind = EVENT_ITEM_GET;
    event->status = told->is_found ? "found" : told->has_expired ? "expired" : "not_found";
}

static void tell_commit(struct event_log *log, const struct store_event *told,
                        struct event_record *event) {
    event->kind = EVENT_ITEM_STORE;
    event->status = status_name(told->status);
    event->command = mode_name(told->mode);
    event->ttl_s = ttl_of(log, told->exptime, 0);
}

static void tell_eviction(struct event_log *log, const struct store_event *told,
                          struct event_record *event) {
    event->kind = EVENT_EVICTION;
    event->status = told->was_fetched ? "yes" : "no";
    event->ttl_s = ttl_of(log, told->exptime, -1);
    event->idle_s = clock_seconds(log->numbers->clock) - told->access_time;
}

static void tell_delete(struct event_log *log, const struct store_event *told,
                        struct event_record *event) {
    (void)told;
    event->kind = EVENT_DELETED;
    event->command = log->delete_command;
}

/* What the store does by itself: numbers stand in place of a text. */
static void put_numbers(struct event_log *log, struct event_record *event, const uint64_t *numbers,
                        size_t bytes) {
    event->text_bytes = (uint16_t)bytes;
    event_log_put(log, event, (const char *)numbers);
}

static void tell_crawl(struct event_log *log, const struct store_event *told) {
    const struct store_crawled *crawled = told->crawled;
    struct event_record event = {
        .kind = EVENT_LRU_CRAWLER, .class_id = told->class_id, .status = crawled->list};
    const uint64_t numbers[] = {crawled->worth,      crawled->next_dead, crawled->next_s,
                                crawled->duration_s, crawled->left,      crawled->dead};
    put_numbers(log, &event, numbers, sizeof(numbers));
}

static void tell_move(struct event_log *log, const struct store_event *told) {
    struct event_record event = {
        .kind = EVENT_SLAB_MOVE, .class_id = told->class_id, .status = "ok"};
    const uint64_t numbers[] = {told->to_class_id};
    put_numbers(log, &event, numbers, sizeof(numbers));
}

void event_log_tell(void *context, const struct store_event *told) {
    struct event_log *log = context;
    struct event_record event = {.text_bytes = (uint16_t)told->key_bytes,
                                 .class_id = told->class_id,
                                 .fd = log->fd,
                                 .size = told->value_bytes};
    switch (told->kind) {
    case STORE_WATCH_LOOKUPS:
        tell_lookup(log, told, &event);
        break;
    case STORE_WATCH_COMMITS:
        tell_commit(log, told, &event);
        break;
    case STORE_WATCH_EVICTIONS:
        tell_eviction(log, told, &event);
        break;
    case STORE_WATCH_DELETES:
        if (!log->delete_command)
            return;
        tell_delete(log, told, &event);
        break;
    case STORE_WATCH_CRAWLS:
        tell_crawl(log, told);
        return;
    case STORE_WATCH_MOVES:
        tell_move(log, told);
        return;
    }
    if (event_log_is_on(log, event_stream_of(event.kind)))
        event_log_put(log, &event, told->key);
}

void event_log_refused(struct event_log *log, const struct store_key *key, enum store_mode mode,
                       enum store_status why) {
    if (LIKELY(!event_log_is_on(log, EVENT_STREAM_MUTATIONS)))
        return;
    struct event_record event = {.kind = EVENT_ITEM_STORE,
                                 .text_bytes = (uint16_t)key->bytes,
                                 .status = status_name(why),
                                 .command = mode_name(mode),
                                 .fd = log->fd};
    event_log_put(log, &event, key->data);
}

unsigned event_store_kinds(uint32_t streams) {
    return (streams & EVENT_STREAM_FETCHERS ? STORE_WATCH_LOOKUPS : 0u) |
           (streams & EVENT_STREAM_MUTATIONS ? STORE_WATCH_COMMITS : 0u) |
           (streams & EVENT_STREAM_EVICTIONS ? STORE_WATCH_EVICTIONS : 0u) |
           (streams & EVENT_STREAM_DELETIONS ? STORE_WATCH_DELETES : 0u) |
           (streams & EVENT_STREAM_SYSEVENTS ? STORE_WATCH_CRAWLS | STORE_WATCH_MOVES : 0u);
}
