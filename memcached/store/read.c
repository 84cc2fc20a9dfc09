/*
 * Reading: without a lock (store_peek, store_peek_confirm) and with one (store_get). Why the first
 * is safe is told in doc/store.md.
 */
#include "memcached/store/grace.h"
#include "memcached/store/link.h"
#include "memcached/store/lru.h"
#include "memcached/store/state.h"
#include "memcached/store/watch.h"
#include "memcached/store/write.h"

enum { PEEK_TRIES = 4, PREFETCH_HOPS_MAX = 2 };

void store_prefetch_index(const struct store *store, uint64_t hash) {
    __builtin_prefetch(index_line(&store->index, hash));
    __builtin_prefetch(stripe_of(store, hash));
}

static inline bool prefetch_match(const struct store *store, const struct line *line,
                                  uint64_t hash) {
    unsigned match = line_match(line, index_tag(hash));
    if (!match)
        return false;
    const char *item = arena_at(&store->arena, shared_load(&line->slot[__builtin_ctz(match)]));
    __builtin_prefetch(item);
    __builtin_prefetch(item + LINE_BYTES);
    return true;
}

bool store_prefetch_item(const struct store *store, uint64_t hash) {
    const struct line *line = index_line(&store->index, hash);
    if (prefetch_match(store, line, hash))
        return false;
    const struct line *next = index_next(&store->index, line);
    if (!next)
        return false;
    __builtin_prefetch(next);
    return true;
}

void store_prefetch_overflow(const struct store *store, uint64_t hash) {
    const struct line *line = index_next(&store->index, index_line(&store->index, hash));
    for (unsigned hops = 0; line && hops < PREFETCH_HOPS_MAX; hops++) {
        if (prefetch_match(store, line, hash))
            return;
        line = index_next(&store->index, line);
    }
}

void store_prefetch_neighbours(const struct store *store, uint64_t hash) {
    const struct line *line = index_line(&store->index, hash);
    unsigned match = line_match(line, index_tag(hash));
    uint32_t handle = match ? shared_load(&line->slot[__builtin_ctz(match)]) : 0;
    if (!handle)
        return;
    /* without the class's lock: whatever it says, no more than a prefetch comes of it */
    const struct item *item = item_at(store, handle);
    __builtin_prefetch(item_at(store, shared_word32((const char *)&item->lru_next)), 1);
    __builtin_prefetch(item_at(store, shared_word32((const char *)&item->lru_prev)), 1);
}

/*
 * The header fields of an item, read in one go; consistent if the stripe has not changed meanwhile.
 */
static inline unsigned view_fill(struct store_view *view, struct item *item) {
    unsigned bits = shared_load(&item->bits);
    unsigned key_bytes = shared_load(&item->key_bytes);
    unsigned place = shared_load(&item->place);
    view->value = item->key + key_bytes + item_extra_bytes(bits);
    view->value_bytes = shared_load(&item->value_bytes);
    view->version = shared_load(&item->version);
    view->client_flags = item_client_flags(item, key_bytes, bits);
    view->exptime = shared_load(&item->exptime);
    view->access_time = shared_load(&item->access_time);
    view->was_fetched = shared_load(&item->mark) & ITEM_FETCHED;
    view->state = bits & ITEM_STATE_BITS;
    view->class_id = place & ITEM_PLACE_CLASS_MASK;
    view->segment = (uint8_t)(place >> ITEM_PLACE_SEGMENT_SHIFT);
    view->item = item;
    return bits;
}

/*
 * Like index_find, for a reader without the lock: chains may change underfoot, so it counts its
 * steps.
 */
static inline enum store_peek peek_find(const struct store *store, const struct store_key *key,
                                        struct item **found) {
    uint8_t tag = index_tag(key->hash);
    const struct line *line = index_line(&store->index, key->hash);
    for (unsigned hops = 0; line; hops++) {
        for (unsigned match = line_match(line, tag); match; match &= match - 1) {
            uint32_t handle = shared_load(&line->slot[__builtin_ctz(match)]);
            struct item *item = item_at(store, handle);
            if (LIKELY(handle && item_has_key(item, key->data, key->bytes))) {
                *found = item;
                return STORE_PEEK_HIT;
            }
        }
        if (UNLIKELY(hops == INDEX_HOPS_MAX))
            return STORE_PEEK_LOCKED;
        line = index_next(&store->index, line);
    }
    return STORE_PEEK_MISS;
}

enum store_peek store_peek(struct store_thread *thread, const struct store_key *key,
                           struct store_view *view) {
    const struct store *store = thread->store;
    const struct stripe *stripe = stripe_of(store, key->hash);
    if (UNLIKELY(watch_is_on(store, STORE_WATCH_LOOKUPS)))
        return STORE_PEEK_LOCKED;
    read_begin(thread, store->needs_read_fence);
    for (unsigned tries = 0; tries < PEEK_TRIES; tries++) {
        uint32_t sequence = stripe_sequence(stripe);
        if (UNLIKELY(sequence % 2))
            break;
        struct item *item = NULL;
        enum store_peek answer = peek_find(store, key, &item);
        unsigned bits = 0;
        if (LIKELY(answer == STORE_PEEK_HIT))
            bits = view_fill(view, item);
        if (UNLIKELY(!stripe_is_unchanged(stripe, sequence))) {
            shared_add(&thread->counters.peek_retries, 1);
            continue;
        }
        if (UNLIKELY(answer != STORE_PEEK_HIT)) {
            if (answer == STORE_PEEK_LOCKED)
                break;
            read_end(thread);
            return STORE_PEEK_MISS;
        }
        if (UNLIKELY(view->value_bytes > STORE_COPY_BYTES_MAX || bits & ITEM_CHUNKED ||
                     item_life_of(store, view->version, view->exptime, bits) != ITEM_ALIVE))
            break;
        view->stripe = (uint32_t)(key->hash & store->stripe_mask);
        view->sequence = sequence;
        return STORE_PEEK_HIT;
    }
    read_end(thread);
    shared_add(&thread->counters.peek_locked, 1);
    return STORE_PEEK_LOCKED;
}

/* A read that found something: LRU mark, access time, counters. */
static inline void count_hit(struct store_thread *thread, const struct store_view *view) {
    struct class_counters *counters = &thread->classes[view->class_id];
    /* the four rows stand in the order of the segments */
    shared_add(&counters->hits_to_hot + view->segment, 1);
    lru_hit(thread, view->item, view->segment);
}

bool store_peek_confirm(struct store_thread *thread, const struct store_view *view) {
    const struct store *store = thread->store;
    if (UNLIKELY(!stripe_is_unchanged(&store->stripes[view->stripe], view->sequence))) {
        shared_add(&thread->counters.peek_retries, 1);
        read_end(thread);
        return false;
    }
    count_hit(thread, view);
    read_end(thread);
    return true;
}

void store_peek_give_up(struct store_thread *thread) {
    read_end(thread);
}

struct spot find_alive_locked(struct store_thread *thread, struct stripe *stripe,
                              const struct store_key *key, bool is_counted) {
    struct store *store = thread->store;
    struct spot spot = index_find(&store->index, &store->arena, key);
    if (spot.line) {
        enum item_life life = item_life(store, spot.item);
        if (UNLIKELY(life != ITEM_ALIVE)) {
            if (is_counted)
                count_dead(thread, life);
            link_bury_locked(thread, stripe, key->hash, spot, life);
            spot.line = NULL;
            spot.has_expired = life == ITEM_EXPIRED;
        }
    }
    return spot;
}

void view_fill_locked(struct store_view *view, struct item *item) {
    if (view_fill(view, item) & ITEM_CHUNKED)
        view->value = NULL;
    view->stripe = 0;
    view->sequence = 0;
}

enum store_status store_get(struct store_thread *thread, const struct store_key *key,
                            enum store_get_mode mode, struct store_view *view) {
    struct store *store = thread->store;
    struct stripe *stripe = stripe_of(store, key->hash);
    latch_acquire(&stripe->lock);
    struct spot spot = find_alive_locked(thread, stripe, key, mode == STORE_GET);
    watch_lookup(thread, key, spot.line ? spot.item : NULL, spot.has_expired);
    if (spot.line) {
        store_item_hold(spot.item);
        view_fill_locked(view, spot.item);
        if (mode == STORE_GET)
            count_hit(thread, view);
    }
    latch_release(&stripe->lock);
    return spot.line ? STORE_OK : STORE_NOT_FOUND;
}

void store_item_hold(struct item *item) {
    atomic_fetch_add_explicit(&item->refcount, 1, memory_order_relaxed);
}

void store_item_release(struct store_thread *thread, struct item *item) {
    if (item_drop_reference(item))
        item_free(thread->store, item);
}

uint64_t store_item_bytes(const struct item *item) {
    return item_reported_bytes(item);
}

void store_item_key(const struct item *item, const char **key, size_t *bytes) {
    *key = item->key;
    *bytes = shared_load(&item->key_bytes);
}
