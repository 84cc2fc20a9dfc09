/*
 * Telling a watcher what clients look up and store, what has to go, and what the store does by
 * itself. Private to the store. The stripe lock of the key is held, for an eviction the class lock
 * too; for a move the admin lock.
 */
#ifndef STORE_WATCH_H
#define STORE_WATCH_H

#include "memcached/store/state.h"

void watch_tell_lookup(struct store_thread *thread, const struct store_key *key,
                       const struct item *found, bool has_expired);
void watch_tell_commit(struct store_thread *thread, const struct item *item, enum store_mode mode,
                       enum store_status status);
void watch_tell_delete(struct store_thread *thread, const struct item *item);
void watch_tell_eviction(struct store_thread *thread, const struct item *item);
void watch_tell_crawl(struct store_thread *thread, unsigned class_id,
                      const struct store_crawled *crawled);
void watch_tell_move(struct store_thread *thread, unsigned from, unsigned to);

static inline bool watch_is_on(const struct store *store, enum store_watch kind) {
    return shared_load(&store->watched) & kind;
}

/* `found`: the living item under the key, or NULL; has_expired: one that is over was there. */
static inline void watch_lookup(struct store_thread *thread, const struct store_key *key,
                                const struct item *found, bool has_expired) {
    if (UNLIKELY(watch_is_on(thread->store, STORE_WATCH_LOOKUPS)))
        watch_tell_lookup(thread, key, found, has_expired);
}

/* `item`: what was to be stored, the caller's or linked. */
static inline void watch_commit(struct store_thread *thread, const struct item *item,
                                enum store_mode mode, enum store_status status) {
    if (UNLIKELY(watch_is_on(thread->store, STORE_WATCH_COMMITS)))
        watch_tell_commit(thread, item, mode, status);
}

static inline void watch_delete(struct store_thread *thread, const struct item *item) {
    if (UNLIKELY(watch_is_on(thread->store, STORE_WATCH_DELETES)))
        watch_tell_delete(thread, item);
}

/* A page of the class is about to be moved; `to`: a class or 0. */
static inline void watch_move(struct store_thread *thread, unsigned from, unsigned to) {
    if (UNLIKELY(watch_is_on(thread->store, STORE_WATCH_MOVES)))
        watch_tell_move(thread, from, to);
}

static inline void watch_eviction(struct store_thread *thread, const struct item *item) {
    if (UNLIKELY(watch_is_on(thread->store, STORE_WATCH_EVICTIONS)))
        watch_tell_eviction(thread, item);
}

#endif
