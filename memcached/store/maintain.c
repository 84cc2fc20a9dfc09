/* The slices of background work: LRU maintenance and growing the index. The crawler's: crawler.c. */
#include "memcached/store/lru.h"
#include "memcached/store/pages.h"
#include "memcached/store/state.h"

enum { GROW_SLICE_BUCKETS = 256 };

static enum store_maintain sooner(enum store_maintain a, enum store_maintain b) {
    return a > b ? a : b;
}

enum store_maintain store_maintain(struct store_thread *thread) {
    struct store *store = thread->store;
    struct store_lru lru;
    enum store_maintain next = STORE_MAINTAIN_DONE;
    store_lru(store, &lru);
    lru_take_bumps(thread);
    for (unsigned id = 1; store->has_lru_maintainer && id <= store->slabs.class_count; id++)
        next = sooner(next, lru_maintain_class(thread, id, &lru));
    if (pages_maintain(thread))
        next = STORE_MAINTAIN_NOW;
    shared_add(&store->juggles, 1);
    return next;
}

static uint64_t hash_of(const void *context, const struct item *item) {
    return item_hash(context, item);
}

bool store_grow(struct store_thread *thread) {
    struct store *store = thread->store;
    struct index *index = &store->index;
    bool is_split = true;
    latch_acquire(&store->admin);
    for (unsigned i = 0; i < GROW_SLICE_BUCKETS && is_split && index_wants_growth(index); i++) {
        uint32_t count = shared_load(&index->bucket_count);
        struct stripe *stripe = &store->stripes[count & store->stripe_mask];
        latch_acquire(&stripe->lock);
        index_split_prefetch(index, &store->arena);
        stripe_change_begin(stripe);
        is_split = index_split(index, &store->arena, hash_of, store);
        stripe_change_end(stripe);
        latch_release(&stripe->lock);
    }
    latch_release(&store->admin);
    return is_split && index_wants_growth(index);
}

bool store_set_limit(struct store *store, uint64_t limit_bytes) {
    return slab_limit_set(&store->slabs, &store->arena, limit_bytes);
}
