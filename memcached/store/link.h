/*
 * Putting items into the index and onto an LRU and taking them off again: the steps every writer is
 * made of. Private to the store. Unless said otherwise the stripe lock of the hash is held.
 */
#ifndef STORE_LINK_H
#define STORE_LINK_H

#include "memcached/store/state.h"

/* Bytes as memcached would count the item. */
static inline uint64_t item_reported_bytes(const struct item *item) {
    return ITEM_REPORTED_OVERHEAD + (uint64_t)shared_load(&item->key_bytes) +
           shared_load(&item->value_bytes) +
           (shared_load(&item->bits) & ITEM_HAS_FLAGS ? ITEM_FLAGS_BYTES : 0);
}

/*
 * Links an item whose key is not in the index. False (and nothing done) if the index has no room.
 */
bool link_insert_locked(struct store_thread *thread, struct stripe *stripe, uint64_t hash,
                        struct item *item);

/* Puts `item` in the place of spot.item, which goes; it inherits being queued. */
void link_replace_locked(struct store_thread *thread, struct stripe *stripe, struct spot spot,
                         struct item *item);

/* Unlinks spot.item. */
void link_remove_locked(struct store_thread *thread, struct stripe *stripe, uint64_t hash,
                        struct spot spot);

/*
 * The same with the class lock held too (the stripe lock having been tried for). True if the item's
 * chunks are the caller's to free with item_free, once it has given up the class lock.
 */
bool link_evict_locked(struct store_thread *thread, struct stripe *stripe, uint64_t hash,
                       struct spot spot);

/* Unlinks what is dead, with its counters and, if the peer may not know of it, a tombstone. */
void link_bury_locked(struct store_thread *thread, struct stripe *stripe, uint64_t hash,
                      struct spot spot, enum item_life life);

/* Counts an item that is about to be evicted alive. Class lock held. */
void count_eviction_locked(struct store *store, struct slab_class *class, const struct item *item);

/*
 * A tombstone for an item that goes without a client's asking, if the peer may not have its version
 * yet.
 */
static inline void link_remember_loss(struct store *store, uint64_t hash, uint64_t version) {
    if (store->is_replicated && version > shared_load(&store->acknowledged))
        tombstone_put(&store->tombstones, hash, version, clock_seconds(store->clock));
}

/*
 * Gives up one reference; true if it was the last and the chunk is the caller's to free. The caller
 * holds the stripe lock and gives up the index's reference, or owns a reference.
 */
static inline bool item_drop_reference(struct item *item) {
    return atomic_fetch_sub_explicit(&item->refcount, 1, memory_order_acq_rel) == 1;
}

/*
 * The index's reference of an item that was just unlinked, stripe lock still held: only holders can
 * take further ones, so a count of one needs no atomic read-modify-write.
 */
static inline bool item_drop_index_reference(struct item *item) {
    if (LIKELY(atomic_load_explicit(&item->refcount, memory_order_acquire) == 1))
        return true;
    return item_drop_reference(item);
}

/* Frees the memory of an item nobody refers to. No class lock held. */
void item_free(struct store *store, struct item *item);

/* Frees the chunks behind a chunked item's first. No class lock held. */
void item_free_chunks(struct store *store, struct item *item);

/* Tells the observer of a new state of the item, unless it is queued already. */
void observe_item_locked(struct store_thread *thread, struct item *item, uint64_t hash);
void observe_delete_locked(struct store_thread *thread, const struct store_key *key,
                           uint64_t version);

#endif
