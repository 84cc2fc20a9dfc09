/* Stale items, and who is to bring a new value: fetch, vivify, invalidate. */
#include "memcached/store/link.h"
#include "memcached/store/lru.h"
#include "memcached/store/watch.h"
#include "memcached/store/write.h"

static void count_fetched(struct store_thread *thread, const struct store_view *view, bool is_touch,
                          bool leaves_no_mark) {
    struct class_counters *counters = &thread->classes[view->class_id];
    /* the four rows of hits stand in the order of the segments */
    shared_add(is_touch ? &counters->touch_hits : &counters->hits_to_hot + view->segment, 1);
    if (!leaves_no_mark)
        lru_hit(thread, view->item, view->segment);
}

/* A claim is no change of the item: lock-free readers see it or not, both are true. */
static bool claim_locked(struct item *item, uint32_t exptime, uint32_t claim_before) {
    unsigned bits = shared_load(&item->bits);
    bool is_due = bits & ITEM_STALE || (exptime != 0 && exptime < claim_before);
    if (!is_due || bits & ITEM_CLAIMED)
        return false;
    shared_store(&item->bits, (uint8_t)(bits | ITEM_CLAIMED));
    return true;
}

enum store_status store_fetch(struct store_thread *thread, const struct store_key *key,
                              struct store_fetch *fetch, struct store_view *view) {
    struct store *store = thread->store;
    struct stripe *stripe = stripe_of(store, key->hash);
    fetch->has_claimed = false;
    latch_acquire(&stripe->lock);
    struct spot spot = find_alive_locked(thread, stripe, key, true);
    watch_lookup(thread, key, spot.line ? spot.item : NULL, spot.has_expired);
    if (spot.line) {
        struct item *item = spot.item;
        fetch->exptime_was = shared_load(&item->exptime);
        if (fetch->has_exptime)
            touch_locked(thread, stripe, item, key->hash, fetch->exptime);
        store_item_hold(item);
        view_fill_locked(view, item);
        uint32_t exptime = fetch->claims_first ? fetch->exptime_was : view->exptime;
        fetch->has_claimed =
            !fetch->leaves_claims && claim_locked(item, exptime, fetch->claim_before);
        count_fetched(thread, view, fetch->has_exptime, fetch->leaves_no_mark);
    }
    latch_release(&stripe->lock);
    return spot.line ? STORE_OK : STORE_NOT_FOUND;
}

enum store_status store_get_and_touch(struct store_thread *thread, const struct store_key *key,
                                      uint32_t exptime, struct store_view *view) {
    struct store_fetch fetch = {.has_exptime = true, .exptime = exptime, .leaves_claims = true};
    return store_fetch(thread, key, &fetch, view);
}

enum store_status store_vivify(struct store_thread *thread, const struct store_key *key,
                               const struct store_vivify *vivify, struct store_view *view) {
    struct store *store = thread->store;
    struct stripe *stripe = stripe_of(store, key->hash);
    enum store_status status;
    struct item *item = store_reserve(thread, key, 0, vivify->exptime, 0, &status);
    if (!item)
        return STORE_NO_MEMORY;
    store_item_mark(item, STORE_CLAIMED);
    latch_acquire(&stripe->lock);
    struct spot spot = find_alive_locked(thread, stripe, key, false);
    status = STORE_NOT_STORED;
    if (!spot.line)
        status = commit_locked(thread, stripe, key->hash, spot, item, vivify->new_version, NULL);
    if (status == STORE_OK) {
        store_item_hold(item);
        view_fill_locked(view, item);
        view->state = 0; /* as it was before this read */
        count_fetched(thread, view, vivify->is_touch, vivify->leaves_no_mark);
    }
    latch_release(&stripe->lock);
    if (status != STORE_OK)
        store_abandon(thread, item);
    return status;
}

static void make_stale_locked(struct store_thread *thread, struct stripe *stripe, struct item *item,
                              uint64_t hash, const struct store_invalidate *invalidate) {
    struct store *store = thread->store;
    unsigned bits = shared_load(&item->bits) & ~(unsigned)ITEM_CLAIMED;
    stripe_change_begin(stripe);
    shared_store(&item->bits, (uint8_t)(bits | ITEM_STALE));
    shared_store(&item->version, version_for(store, invalidate->new_version));
    if (invalidate->has_exptime)
        shared_store(&item->exptime, invalidate->exptime);
    stripe_change_end(stripe);
    observe_item_locked(thread, item, hash);
}

/* Puts `empty` in the place of spot.item. */
static void drop_value_locked(struct store_thread *thread, struct stripe *stripe,
                              const struct store_key *key, struct spot spot, struct item *empty,
                              const struct store_invalidate *invalidate) {
    struct store *store = thread->store;
    uint64_t version = invalidate->new_version;
    if (!version && !invalidate->makes_stale)
        version = shared_load(&spot.item->version);
    if (invalidate->makes_stale)
        store_item_mark(empty, STORE_STALE);
    /* to a watcher it is a set, which looks first, and a deletion */
    watch_lookup(thread, key, spot.item, false);
    shared_store(&empty->version, version_for(store, version));
    link_replace_locked(thread, stripe, spot, empty);
    observe_item_locked(thread, empty, key->hash);
    watch_commit(thread, empty, STORE_SET, STORE_OK);
    if (!invalidate->makes_stale)
        watch_delete(thread, empty);
}

enum store_status store_invalidate(struct store_thread *thread, const struct store_key *key,
                                   const struct store_invalidate *invalidate) {
    struct store *store = thread->store;
    struct stripe *stripe = stripe_of(store, key->hash);
    struct item *empty = NULL;
    enum store_status status = STORE_OK;
    CHECK(invalidate->makes_stale || invalidate->drops_value);
    if (invalidate->drops_value) {
        uint32_t exptime = invalidate->has_exptime ? invalidate->exptime : 0;
        empty = store_reserve(thread, key, invalidate->client_flags, exptime, 0, &status);
        if (!empty)
            return STORE_NO_MEMORY;
    }
    latch_acquire(&stripe->lock);
    struct spot spot = find_alive_locked(thread, stripe, key, true);
    watch_lookup(thread, key, spot.line ? spot.item : NULL, spot.has_expired);
    if (!spot.line) {
        /* the peer may still have what was evicted here */
        status = STORE_NOT_FOUND;
        delete_locked(thread, stripe, key, spot);
    } else if (invalidate->has_expected &&
               shared_load(&spot.item->version) != invalidate->expected_version) {
        status = STORE_EXISTS;
    } else {
        if (!invalidate->makes_stale)
            shared_add(&thread->classes[item_class(spot.item)].delete_hits, 1);
        if (empty)
            drop_value_locked(thread, stripe, key, spot, empty, invalidate);
        else
            make_stale_locked(thread, stripe, spot.item, key->hash, invalidate);
    }
    latch_release(&stripe->lock);
    if (empty && status != STORE_OK)
        store_abandon(thread, empty);
    return status;
}
