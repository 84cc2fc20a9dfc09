#include "memcached/store/watch.h"

void store_thread_tell(struct store_thread *thread, store_tell tell, void *context) {
    thread->tell = tell;
    thread->tell_context = context;
}

void store_watch(struct store *store, unsigned kinds) {
    shared_store(&store->watched, (uint8_t)kinds);
}

static struct store_event event_of(const struct item *item, enum store_watch kind) {
    return (struct store_event){.kind = kind,
                                .key = item->key,
                                .key_bytes = shared_load(&item->key_bytes),
                                .class_id = (uint8_t)item_class(item),
                                .exptime = shared_load(&item->exptime),
                                .value_bytes = shared_load(&item->value_bytes)};
}

static void tell(struct store_thread *thread, const struct store_event *event) {
    if (thread->tell)
        thread->tell(thread->tell_context, event);
}

void watch_tell_lookup(struct store_thread *thread, const struct store_key *key,
                       const struct item *found, bool has_expired) {
    struct store_event event = {.kind = STORE_WATCH_LOOKUPS};
    if (found)
        event = event_of(found, STORE_WATCH_LOOKUPS);
    event.is_found = found != NULL;
    event.has_expired = has_expired;
    event.key = key->data;
    event.key_bytes = key->bytes;
    tell(thread, &event);
}

void watch_tell_commit(struct store_thread *thread, const struct item *item, enum store_mode mode,
                       enum store_status status) {
    struct store_event event = event_of(item, STORE_WATCH_COMMITS);
    event.mode = mode;
    event.status = status;
    tell(thread, &event);
}

void watch_tell_delete(struct store_thread *thread, const struct item *item) {
    struct store_event event = event_of(item, STORE_WATCH_DELETES);
    tell(thread, &event);
}

void watch_tell_eviction(struct store_thread *thread, const struct item *item) {
    struct store_event event = event_of(item, STORE_WATCH_EVICTIONS);
    event.was_fetched = shared_load(&item->mark) & ITEM_FETCHED;
    event.access_time = shared_load(&item->access_time);
    tell(thread, &event);
}

void watch_tell_crawl(struct store_thread *thread, unsigned class_id,
                      const struct store_crawled *crawled) {
    struct store_event event = {
        .kind = STORE_WATCH_CRAWLS, .class_id = (uint8_t)class_id, .crawled = crawled};
    tell(thread, &event);
}

void watch_tell_move(struct store_thread *thread, unsigned from, unsigned to) {
    struct store_event event = {
        .kind = STORE_WATCH_MOVES, .class_id = (uint8_t)from, .to_class_id = (uint8_t)to};
    tell(thread, &event);
}
