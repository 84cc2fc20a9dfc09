#include "memcached/store/link.h"

#include "memcached/store/lru.h"

static void count_linked(struct store_thread *thread, const struct item *item) {
    shared_add(&thread->counters.linked_items, 1);
    shared_add(&thread->counters.linked_bytes, item_reported_bytes(item));
    shared_add(&thread->counters.total_items, 1);
}

static void count_unlinked(struct store_thread *thread, const struct item *item) {
    shared_add(&thread->counters.linked_items, (uint64_t)-1);
    shared_add(&thread->counters.linked_bytes, -item_reported_bytes(item));
}

/* The bits of an item about to be linked: visible from now on, in this life of the store. */
static void set_linked(const struct store *store, struct item *item, unsigned inherited) {
    unsigned bits = shared_load(&item->bits) & ITEM_OWN_BITS;
    bits |= ITEM_LINKED | inherited;
    bits |= (unsigned)shared_load(&store->epoch) << ITEM_EPOCH_SHIFT;
    /* pairs with the acquire in chunk_owner_locked: whoever sees the bit sees the key */
    atomic_store_explicit(&item->bits, (uint8_t)bits, memory_order_release);
}

static void set_unlinked(struct item *item) {
    unsigned bits = shared_load(&item->bits) & ~(unsigned)ITEM_LINKED;
    shared_store(&item->bits, (uint8_t)bits);
}

bool link_insert_locked(struct store_thread *thread, struct stripe *stripe, uint64_t hash,
                        struct item *item) {
    struct store *store = thread->store;
    latch_assert_held(&stripe->lock);
    set_linked(store, item, 0);
    stripe_change_begin(stripe);
    bool has_room = index_insert(&store->index, hash, item_handle(store, item));
    stripe_change_end(stripe);
    if (UNLIKELY(!has_room)) {
        set_unlinked(item);
        return false;
    }
    struct slab_class *class = class_of(store, item);
    latch_acquire(&class->lock);
    lru_link_locked(store, class, item, lru_entry_segment(store, item));
    latch_release(&class->lock);
    count_linked(thread, item);
    return true;
}

/*
 * Takes an item that left the index off its LRU and frees it if nobody holds it. Class lock held.
 */
static bool retire_locked(struct store *store, struct slab_class *class, struct item *item) {
    lru_unlink_locked(store, class, item);
    if (!item_drop_index_reference(item))
        return false;
    if (UNLIKELY(item_is_chunked(item)))
        return true;
    slab_chunk_push_locked(class, &store->arena, item);
    return false;
}

/*
 * A queued item's successor is queued. But a dead item, or one of an earlier life of the store, may
 * have been queued in a log that is no more: a full sync walks over the living only.
 */
static unsigned queued_to_inherit(const struct store *store, const struct item *old) {
    return item_life(store, old) == ITEM_ALIVE ? shared_load(&old->bits) & ITEM_QUEUED : 0;
}

void link_replace_locked(struct store_thread *thread, struct stripe *stripe, struct spot spot,
                         struct item *item) {
    struct store *store = thread->store;
    struct item *old = spot.item;
    latch_assert_held(&stripe->lock);
    set_linked(store, item, queued_to_inherit(store, old));
    stripe_change_begin(stripe);
    index_replace(spot, item_handle(store, item));
    stripe_change_end(stripe);
    count_unlinked(thread, old);
    count_linked(thread, item);
    set_unlinked(old);

    struct slab_class *old_class = class_of(store, old);
    struct slab_class *class = class_of(store, item);
    latch_acquire(&old_class->lock);
    bool is_mine = retire_locked(store, old_class, old);
    if (old_class == class)
        lru_link_locked(store, class, item, lru_entry_segment(store, item));
    latch_release(&old_class->lock);
    if (old_class != class) {
        latch_acquire(&class->lock);
        lru_link_locked(store, class, item, lru_entry_segment(store, item));
        latch_release(&class->lock);
    }
    if (UNLIKELY(is_mine))
        item_free(store, old);
}

bool link_evict_locked(struct store_thread *thread, struct stripe *stripe, uint64_t hash,
                       struct spot spot) {
    struct store *store = thread->store;
    struct item *item = spot.item;
    latch_assert_held(&stripe->lock);
    stripe_change_begin(stripe);
    index_remove(&store->index, hash, spot);
    stripe_change_end(stripe);
    count_unlinked(thread, item);
    set_unlinked(item);
    return retire_locked(store, class_of(store, item), item);
}

void link_remove_locked(struct store_thread *thread, struct stripe *stripe, uint64_t hash,
                        struct spot spot) {
    struct store *store = thread->store;
    struct slab_class *class = class_of(store, spot.item);
    latch_acquire(&class->lock);
    bool is_mine = link_evict_locked(thread, stripe, hash, spot);
    latch_release(&class->lock);
    if (UNLIKELY(is_mine))
        item_free(store, spot.item);
}

void count_eviction_locked(struct store *store, struct slab_class *class, const struct item *item) {
    unsigned mark = shared_load(&item->mark);
    class->events.evicted++;
    class->evicted_time = clock_seconds(store->clock) - shared_load(&item->access_time);
    if (shared_load(&item->exptime) != 0)
        class->events.evicted_nonzero++;
    if (!(mark & ITEM_FETCHED))
        class->events.evicted_unfetched++;
    if (mark & ITEM_ACTIVE)
        class->events.evicted_active++;
}

void link_bury_locked(struct store_thread *thread, struct stripe *stripe, uint64_t hash,
                      struct spot spot, enum item_life life) {
    struct store *store = thread->store;
    if (life != ITEM_INVISIBLE)
        link_remember_loss(store, hash, shared_load(&spot.item->version));
    link_remove_locked(thread, stripe, hash, spot);
}

void item_free_chunks(struct store *store, struct item *item) {
    uint32_t handle = item_second_chunk(item);
    while (handle) {
        struct item *chunk = item_at(store, handle);
        struct slab_class *class = class_of(store, chunk);
        handle = chunk->lru_next;
        shared_store(&chunk->exptime,
                     0); /* it belongs to no item any more: see chunk_owner_locked */
        latch_acquire(&class->lock);
        slab_chunk_push_locked(class, &store->arena, chunk);
        latch_release(&class->lock);
    }
}

void item_free(struct store *store, struct item *item) {
    if (UNLIKELY(item_is_chunked(item)))
        item_free_chunks(store, item);
    struct slab_class *class = class_of(store, item);
    latch_acquire(&class->lock);
    slab_chunk_push_locked(class, &store->arena, item);
    latch_release(&class->lock);
}

void observe_item_locked(struct store_thread *thread, struct item *item, uint64_t hash) {
    const struct store_observer *observer = &thread->store->observer;
    unsigned bits = shared_load(&item->bits);
    if (!observer->changed || bits & ITEM_QUEUED)
        return;
    unsigned key_bytes = shared_load(&item->key_bytes);
    struct store_change change = {
        .kind = STORE_CHANGE_SET,
        .key_bytes = key_bytes,
        .key = item->key,
        .hash = hash,
        .version = shared_load(&item->version),
        .value = bits & ITEM_CHUNKED ? NULL : (char *)item + item_value_offset(key_bytes, bits),
        .value_bytes = shared_load(&item->value_bytes),
        .client_flags = item_client_flags(item, key_bytes, bits),
        .exptime = shared_load(&item->exptime),
        .state = bits & ITEM_STATE_BITS,
    };
    if (observer->changed(observer->context, thread, &change))
        shared_store(&item->bits, (uint8_t)(bits | ITEM_QUEUED));
}

void observe_delete_locked(struct store_thread *thread, const struct store_key *key,
                           uint64_t version) {
    const struct store_observer *observer = &thread->store->observer;
    if (!observer->changed)
        return;
    struct store_change change = {
        .kind = STORE_CHANGE_DELETE,
        .key_bytes = key->bytes,
        .key = key->data,
        .hash = key->hash,
        .version = version,
    };
    (void)observer->changed(observer->context, thread, &change);
}
