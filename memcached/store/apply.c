/* Changes as the peer has them: the newest wins, whatever the order in which they come. */
#include "memcached/store/write.h"

/*
 * Whether a change of `version` is news for the key that stands at `spot` (or nowhere). An item
 * that is expired or flushed still says how new the key is; one from an earlier life of the store
 * does not. Where something is deleted, nothing of that same version is news.
 */
static bool is_news_locked(struct store_thread *thread, struct spot spot, uint64_t hash,
                           uint64_t version, bool wins_ties) {
    struct store *store = thread->store;
    uint64_t here = 0;
    if (spot.line && item_life(store, spot.item) != ITEM_INVISIBLE)
        here = shared_load(&spot.item->version);
    if (here) {
        if (version > here || (version == here && wins_ties))
            return true;
        shared_add(&thread->counters.older_ignored, 1);
        return false;
    }
    if (!store->is_replicated)
        return true;
    uint64_t gone = tombstone_find(&store->tombstones, hash);
    if (version > tombstone_floor(&store->tombstones) && version > gone)
        return true;
    shared_add(&thread->counters.tombstone_ignored, 1);
    return false;
}

/*
 * A peer may tell back what it was told from here. That must not make this node forget who was
 * asked for the next value: the same version with the same staleness inherits the claim, ...
 */
static void keep_claim_locked(const struct store *store, struct spot spot, struct item *item) {
    if (!spot.line || shared_load(&spot.item->version) != shared_load(&item->version) ||
        item_life(store, spot.item) != ITEM_ALIVE)
        return;
    unsigned here = shared_load(&spot.item->bits);
    if ((here & ITEM_STALE) == (shared_load(&item->bits) & ITEM_STALE))
        store_item_mark(item, here & ITEM_CLAIMED);
}

/* ... and a vivified item, which the peer knows as absent, is not deleted. */
static bool is_stub_locked(const struct store *store, struct spot spot, uint64_t version) {
    return spot.line && shared_load(&spot.item->version) == version &&
           shared_load(&spot.item->value_bytes) == 0 &&
           (shared_load(&spot.item->bits) & ITEM_STATE_BITS) == ITEM_CLAIMED &&
           item_life(store, spot.item) == ITEM_ALIVE;
}

enum store_status store_apply_set(struct store_thread *thread, struct item *item, uint64_t hash,
                                  uint64_t version, bool wins_ties) {
    struct store *store = thread->store;
    struct stripe *stripe = stripe_of(store, hash);
    struct store_key key = {
        .data = item->key, .bytes = shared_load(&item->key_bytes), .hash = hash};
    enum store_status status = STORE_OLDER;
    store_version_advance(store, version);
    shared_store(&item->version, version);
    latch_acquire(&stripe->lock);
    struct spot spot = index_find(&store->index, &store->arena, &key);
    keep_claim_locked(store, spot, item);
    if (version <= shared_load(&store->flush_floor))
        shared_add(&thread->counters.tombstone_ignored, 1);
    else if (is_news_locked(thread, spot, hash, version, wins_ties))
        status = link_item_locked(thread, stripe, hash, spot, item) ? STORE_OK : STORE_NO_MEMORY;
    if (status == STORE_NO_MEMORY) {
        /* the index is full: be absent rather than fall behind the peer in silence */
        tombstone_put(&store->tombstones, hash, version, clock_seconds(store->clock));
        shared_add(&thread->counters.store_no_memory, 1);
    }
    latch_release(&stripe->lock);
    if (status != STORE_OK)
        store_abandon(thread, item);
    return status;
}

enum store_status store_apply_delete(struct store_thread *thread, const struct store_key *key,
                                     uint64_t version) {
    struct store *store = thread->store;
    struct stripe *stripe = stripe_of(store, key->hash);
    store_version_advance(store, version);
    latch_acquire(&stripe->lock);
    struct spot spot = index_find(&store->index, &store->arena, key);
    bool is_news = !is_stub_locked(store, spot, version) &&
                   is_news_locked(thread, spot, key->hash, version, true);
    if (is_news) {
        if (spot.line)
            link_remove_locked(thread, stripe, key->hash, spot);
        if (store->is_replicated)
            tombstone_put(&store->tombstones, key->hash, version, clock_seconds(store->clock));
    }
    latch_release(&stripe->lock);
    return is_news ? STORE_OK : STORE_OLDER;
}
