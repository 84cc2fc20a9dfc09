/* Storing and deleting on behalf of clients. */
#include "memcached/store/write.h"

#include "memcached/store/alloc.h"
#include "memcached/store/watch.h"

static struct store_key key_of(const struct item *item, uint64_t hash) {
    return (struct store_key){
        .data = item->key, .bytes = shared_load(&item->key_bytes), .hash = hash};
}

static bool is_joining(const struct store_write *write) {
    return write->mode == STORE_APPEND || write->mode == STORE_PREPEND;
}

/* What a storage command finds in its way: `present` is the living item under the key, or NULL. */
static enum store_status commit_check(struct store_thread *thread, const struct item *present,
                                      const struct store_write *write) {
    bool has_expected = write->has_expected || write->mode == STORE_CAS;
    if (!present) {
        if (UNLIKELY(write->begins_absent))
            return STORE_OK;
        if (has_expected)
            return STORE_NOT_FOUND;
        return write->mode == STORE_SET || write->mode == STORE_ADD ? STORE_OK : STORE_NOT_STORED;
    }
    if (write->mode == STORE_ADD)
        return STORE_NOT_STORED;
    if (has_expected) {
        struct class_counters *counters = &thread->classes[item_class(present)];
        uint64_t version = shared_load(&present->version);
        bool is_fit = version == write->expected_version ||
                      (write->takes_older && write->expected_version < version);
        if (!is_joining(write))
            shared_add(is_fit ? &counters->cas_hits : &counters->cas_badval, 1);
        if (!is_fit)
            return STORE_EXISTS;
    }
    return STORE_OK;
}

/* Where the key stands, dead or alive; *present is the item if it is alive. */
static struct spot find_present_locked(struct store_thread *thread, const struct store_key *key,
                                       struct item **present) {
    const struct store *store = thread->store;
    struct spot spot = index_find(&store->index, &store->arena, key);
    *present = spot.line ? spot.item : NULL;
    if (!spot.line)
        return spot;
    enum item_life life = item_life(store, spot.item);
    if (UNLIKELY(life != ITEM_ALIVE)) {
        count_dead(thread, life);
        *present = NULL;
        spot.has_expired = life == ITEM_EXPIRED;
    }
    return spot;
}

/* What lies dead in the way of a command that stores nothing goes: it is counted once only. */
static void bury_dead_locked(struct store_thread *thread, struct stripe *stripe, uint64_t hash,
                             struct spot spot, const struct item *present) {
    if (UNLIKELY(spot.line && !present))
        link_bury_locked(thread, stripe, hash, spot, item_life(thread->store, spot.item));
}

enum store_status commit_locked(struct store_thread *thread, struct stripe *stripe, uint64_t hash,
                                struct spot spot, struct item *item, uint64_t explicit_version,
                                uint64_t *version) {
    struct store *store = thread->store;
    uint64_t stamp = version_for(store, explicit_version);
    shared_store(&item->version, stamp);
    if (UNLIKELY(!link_item_locked(thread, stripe, hash, spot, item))) {
        shared_add(&thread->counters.store_no_memory, 1);
        return STORE_NO_MEMORY;
    }
    observe_item_locked(thread, item, hash);
    if (version)
        *version = stamp;
    return STORE_OK;
}

/*
 * The old value and the addition in one reserved item, with the old one's flags and exptime. NULL
 * if it cannot be had.
 */
static struct item *join_values(struct store_thread *thread, const struct store_key *key,
                                struct item *old, struct item *addition, enum store_mode mode) {
    const struct store *store = thread->store;
    uint64_t old_bytes = shared_load(&old->value_bytes);
    uint64_t added_bytes = shared_load(&addition->value_bytes);
    uint32_t flags = item_client_flags(old, key->bytes, shared_load(&old->bits));
    enum store_status why;
    struct item *joined =
        item_reserve(thread, key, flags, shared_load(&old->exptime), old_bytes + added_bytes, &why);
    if (!joined)
        return NULL;
    item_copy_value(store, joined, mode == STORE_APPEND ? 0 : added_bytes, old);
    item_copy_value(store, joined, mode == STORE_APPEND ? old_bytes : 0, addition);
    return joined;
}

/* Links an item, and tells a watcher. The item is the store's only if it returns STORE_OK. */
static enum store_status commit_told_locked(struct store_thread *thread, struct stripe *stripe,
                                            uint64_t hash, struct spot spot, struct item *item,
                                            const struct store_write *write, uint64_t *version) {
    enum store_status status =
        commit_locked(thread, stripe, hash, spot, item, write->new_version, version);
    watch_commit(thread, item, write->mode, status);
    return status;
}

/*
 * append, prepend. Memory is had without the stripe lock; if the item has changed meanwhile, again:
 * each round lost is another writer's gain.
 */
static enum store_status commit_joined(struct store_thread *thread, struct item *addition,
                                       uint64_t hash, const struct store_write *write,
                                       uint64_t *version) {
    struct store *store = thread->store;
    struct stripe *stripe = stripe_of(store, hash);
    struct store_key key = key_of(addition, hash);
    struct item *old = NULL;
    struct item *joined = NULL;
    enum store_status status;
    bool is_first = true;
    for (;;) {
        struct item *present;
        latch_acquire(&stripe->lock);
        struct spot spot = find_present_locked(thread, &key, &present);
        if (is_first)
            watch_lookup(thread, &key, present, spot.has_expired);
        is_first = false;
        if (joined && present == old) {
            /* still held, so still the same value; a touch may have changed its exptime */
            shared_store(&joined->exptime, shared_load(&old->exptime));
            status = commit_check(thread, present, write);
            if (status == STORE_OK)
                status = commit_told_locked(thread, stripe, hash, spot, joined, write, version);
            else
                watch_commit(thread, joined, write->mode, status);
            if (status == STORE_OK)
                joined = NULL;
            latch_release(&stripe->lock);
            break;
        }
        if (old)
            store_item_release(thread, old);
        old = NULL;
        status = present ? STORE_OK : commit_check(thread, NULL, write);
        if (present && write->has_expected &&
            shared_load(&present->version) != write->expected_version)
            status = commit_check(thread, present, write);
        if (status != STORE_OK) {
            watch_commit(thread, addition, write->mode, status);
            bury_dead_locked(thread, stripe, hash, spot, present);
        } else if (present) {
            old = present;
            store_item_hold(old);
        } else {
            status = commit_told_locked(thread, stripe, hash, spot, addition, write, version);
            if (status == STORE_OK)
                addition = NULL;
        }
        latch_release(&stripe->lock);
        if (joined)
            store_abandon(thread, joined);
        joined = NULL;
        if (!old)
            break;
        joined = join_values(thread, &key, old, addition, write->mode);
        if (!joined) {
            status = STORE_NOT_STORED;
            watch_commit(thread, addition, write->mode, status);
            break;
        }
    }
    if (joined)
        store_abandon(thread, joined);
    if (old)
        store_item_release(thread, old);
    if (addition)
        store_abandon(thread, addition);
    return status;
}

/*
 * Stored on what was not the newest any more: stale, and no longer there than what it replaces;
 * whoever was to bring a new value still is.
 */
static void inherit_stale(struct item *item, const struct item *present) {
    shared_store(&item->exptime, shared_load(&present->exptime));
    store_item_mark(item, STORE_STALE | (shared_load(&present->bits) & ITEM_CLAIMED));
}

enum store_status store_commit(struct store_thread *thread, struct item *item, uint64_t hash,
                               const struct store_write *write, uint64_t *version) {
    struct store *store = thread->store;
    struct stripe *stripe = stripe_of(store, hash);
    shared_add(&thread->classes[item_class(item)].set_cmds, 1);
    if (UNLIKELY(is_joining(write)))
        return commit_joined(thread, item, hash, write, version);
    struct store_key key = key_of(item, hash);
    struct item *present;
    latch_acquire(&stripe->lock);
    struct spot spot = find_present_locked(thread, &key, &present);
    watch_lookup(thread, &key, present, spot.has_expired);
    enum store_status status = commit_check(thread, present, write);
    if (UNLIKELY(write->takes_older) && status == STORE_OK &&
        shared_load(&present->version) != write->expected_version)
        inherit_stale(item, present);
    if (LIKELY(status == STORE_OK))
        status = commit_locked(thread, stripe, hash, spot, item, write->new_version, version);
    else if (status == STORE_EXISTS && version)
        *version = shared_load(&present->version);
    watch_commit(thread, item, write->mode, status);
    if (UNLIKELY(status != STORE_OK))
        bury_dead_locked(thread, stripe, hash, spot, present);
    latch_release(&stripe->lock);
    if (UNLIKELY(status != STORE_OK))
        store_abandon(thread, item);
    return status;
}

void delete_locked(struct store_thread *thread, struct stripe *stripe, const struct store_key *key,
                   struct spot spot) {
    struct store *store = thread->store;
    uint64_t version = store->is_replicated ? version_next(store) : 0;
    if (spot.line)
        link_remove_locked(thread, stripe, key->hash, spot);
    else if (!store->is_replicated)
        return;
    if (store->is_replicated)
        tombstone_put(&store->tombstones, key->hash, version, clock_seconds(store->clock));
    observe_delete_locked(thread, key, version);
}

enum store_status store_delete(struct store_thread *thread, const struct store_key *key,
                               bool has_expected, uint64_t expected_version, uint64_t new_version) {
    struct store *store = thread->store;
    struct stripe *stripe = stripe_of(store, key->hash);
    enum store_status status = STORE_OK;
    /* nothing is left here that could carry it; the pair orders by its own clock */
    (void)new_version;
    latch_acquire(&stripe->lock);
    struct spot spot = find_alive_locked(thread, stripe, key, true);
    watch_lookup(thread, key, spot.line ? spot.item : NULL, spot.has_expired);
    if (spot.line && has_expected && shared_load(&spot.item->version) != expected_version) {
        status = STORE_EXISTS;
    } else {
        if (spot.line) {
            shared_add(&thread->classes[item_class(spot.item)].delete_hits, 1);
            watch_delete(thread, spot.item);
        } else {
            status = STORE_NOT_FOUND;
        }
        delete_locked(thread, stripe, key, spot);
    }
    latch_release(&stripe->lock);
    return status;
}

void store_drop_stale(struct store_thread *thread, const struct store_key *key) {
    struct stripe *stripe = stripe_of(thread->store, key->hash);
    latch_acquire(&stripe->lock);
    struct spot spot = find_alive_locked(thread, stripe, key, false);
    watch_lookup(thread, key, spot.line ? spot.item : NULL, spot.has_expired);
    delete_locked(thread, stripe, key, spot);
    latch_release(&stripe->lock);
}
