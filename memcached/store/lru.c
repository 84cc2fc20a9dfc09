/*
 * New items enter hot. From the tail of hot an active item goes to warm, another to cold; from the
 * tail of warm an active one returns to warm's head, another goes to cold; an active one in cold
 * goes to warm, and what reaches the tail of cold is what is evicted. A hit only sets a mark.
 * Short-lived items may have a list of their own, temp, which they leave by dying only.
 *
 * Flat: everything is in cold, in the order in which it was stored or, at most once a minute, hit.
 */
#include "memcached/store/lru.h"

#include "memcached/store/link.h"
#include "memcached/store/watch.h"

/* Cursors that stand at an item about to leave its list go on, or to what takes its place. */
static void cursors_leave_locked(const struct store *store, struct slab_class *class,
                                 const struct item *item, uint32_t substitute) {
    uint32_t handle = item_handle(store, item);
    for (struct lru_cursor *cursor = class->cursors; cursor; cursor = cursor->other) {
        if (cursor->next != handle)
            continue;
        if (substitute)
            cursor->next = substitute;
        else
            cursor->next = cursor->is_from_head ? item->lru_next : item->lru_prev;
    }
}

void lru_unlink_locked(struct store *store, struct slab_class *class, struct item *item) {
    struct lru_list *list = &class->list[item_segment(item)];
    latch_assert_held(&class->lock);
    if (UNLIKELY(class->cursors != NULL))
        cursors_leave_locked(store, class, item, 0);
    if (item->lru_prev)
        item_at(store, item->lru_prev)->lru_next = item->lru_next;
    else
        list->head = item->lru_next;
    if (item->lru_next)
        item_at(store, item->lru_next)->lru_prev = item->lru_prev;
    else
        list->tail = item->lru_prev;
    list->count--;
    list->bytes -= item_reported_bytes(item);
}

void lru_link_locked(struct store *store, struct slab_class *class, struct item *item,
                     enum lru_segment segment) {
    struct lru_list *list = &class->list[segment];
    uint32_t handle = item_handle(store, item);
    latch_assert_held(&class->lock);
    shared_store(&item->place, (uint8_t)(item_class(item) | segment << ITEM_PLACE_SEGMENT_SHIFT));
    item->lru_prev = 0;
    item->lru_next = list->head;
    if (list->head)
        item_at(store, list->head)->lru_prev = handle;
    else
        list->tail = handle;
    list->head = handle;
    list->count++;
    list->bytes += item_reported_bytes(item);
}

void lru_cursor_open_locked(struct slab_class *class, struct lru_cursor *cursor,
                            enum lru_segment segment, bool is_from_head) {
    const struct lru_list *list = &class->list[segment];
    latch_assert_held(&class->lock);
    cursor->is_from_head = is_from_head;
    cursor->next = is_from_head ? list->head : list->tail;
    cursor->other = class->cursors;
    class->cursors = cursor;
}

void lru_cursor_close_locked(struct slab_class *class, struct lru_cursor *cursor) {
    struct lru_cursor **place = &class->cursors;
    latch_assert_held(&class->lock);
    while (*place != cursor)
        place = &(*place)->other;
    *place = cursor->other;
}

struct item *lru_cursor_take_locked(const struct store *store, struct lru_cursor *cursor) {
    if (!cursor->next)
        return NULL;
    struct item *item = item_at(store, cursor->next);
    cursor->next = cursor->is_from_head ? item->lru_next : item->lru_prev;
    return item;
}

void store_lru(struct store *store, struct store_lru *out) {
    latch_acquire(&store->admin);
    *out = store->lru;
    latch_release(&store->admin);
}

void store_lru_set(struct store *store, const struct store_lru *lru) {
    unsigned ways = (lru->is_segmented ? 0 : LRU_IS_FLAT) | (lru->has_temp ? LRU_HAS_TEMP : 0);
    latch_acquire(&store->admin);
    store->lru = *lru;
    shared_store(&store->lru_temp_ttl_s, lru->temp_ttl_s);
    shared_store(&store->lru_ways, (uint8_t)ways);
    latch_release(&store->admin);
}

static bool is_flat(const struct store *store) {
    return shared_load(&store->lru_ways) & LRU_IS_FLAT;
}

enum lru_segment lru_choose_segment(const struct store *store, const struct item *item) {
    uint32_t exptime = shared_load(&item->exptime);
    if (is_flat(store))
        return LRU_COLD;
    uint64_t temp_end = (uint64_t)clock_seconds(store->clock) + shared_load(&store->lru_temp_ttl_s);
    return exptime != 0 && exptime <= temp_end ? LRU_TEMP : LRU_HOT;
}

void lru_substitute_locked(struct store *store, struct slab_class *class, struct item *item,
                           struct item *to) {
    struct lru_list *list = &class->list[item_segment(item)];
    uint32_t handle = item_handle(store, to);
    latch_assert_held(&class->lock);
    if (UNLIKELY(class->cursors != NULL))
        cursors_leave_locked(store, class, item, handle);
    shared_store(&to->place, shared_load(&item->place));
    to->lru_prev = item->lru_prev;
    to->lru_next = item->lru_next;
    if (to->lru_prev)
        item_at(store, to->lru_prev)->lru_next = handle;
    else
        list->head = handle;
    if (to->lru_next)
        item_at(store, to->lru_next)->lru_prev = handle;
    else
        list->tail = handle;
}

static void lru_move_locked(struct store *store, struct slab_class *class, struct item *item,
                            enum lru_segment segment) {
    lru_unlink_locked(store, class, item);
    lru_link_locked(store, class, item, segment);
}

static void clear_active(struct item *item) {
    shared_store(&item->mark, shared_load(&item->mark) & (uint8_t)~ITEM_ACTIVE);
}

/* Where a living item at the tail of a segment goes next. */
static void tail_move_on_locked(struct store *store, struct slab_class *class, struct item *item) {
    enum lru_segment segment = item_segment(item);
    bool is_active = shared_load(&item->mark) & ITEM_ACTIVE;
    clear_active(item);
    if (!is_active || is_flat(store)) {
        class->events.moves_to_cold++;
        lru_move_locked(store, class, item, LRU_COLD);
    } else if (segment == LRU_WARM) {
        class->events.moves_within_lru++;
        lru_move_locked(store, class, item, LRU_WARM);
    } else {
        class->events.moves_to_warm++;
        lru_move_locked(store, class, item, LRU_WARM);
    }
}

enum tail_fate {
    TAIL_FREED,          /* its chunk is free now */
    TAIL_FREED_UNLOCKED, /* so are its chunks, and the class lock was given up meanwhile */
    TAIL_BUSY,           /* its stripe is locked: left where it is */
    TAIL_HELD,           /* someone refers to it: sent to the head of its list */
};

static void count_reclaim(struct slab_class *class, const struct item *item) {
    class->events.reclaimed++;
    if (!(shared_load(&item->mark) & ITEM_FETCHED))
        class->events.expired_unfetched++;
}

/* Takes one linked item out of the store, whatever its life. Class lock held. */
static enum tail_fate tail_drop_locked(struct store_thread *thread, struct slab_class *class,
                                       struct item *item) {
    struct store *store = thread->store;
    uint64_t hash = item_hash(store, item);
    struct stripe *stripe = stripe_of(store, hash);
    if (!latch_try(&stripe->lock))
        return TAIL_BUSY;
    /* both locks held: on a list means in the index, and nobody new can take a reference */
    struct spot spot =
        index_find_handle(&store->index, &store->arena, hash, item_handle(store, item));
    CHECK(spot.line != NULL);
    if (atomic_load_explicit(&item->refcount, memory_order_acquire) != 1) {
        class->events.lrutail_reflocked++;
        lru_move_locked(store, class, item, item_segment(item));
        latch_release(&stripe->lock);
        return TAIL_HELD;
    }
    enum item_life life = item_life(store, item);
    if (life == ITEM_ALIVE) {
        count_eviction_locked(store, class, item);
        watch_eviction(thread, item);
    } else {
        count_reclaim(class, item);
    }
    if (life != ITEM_INVISIBLE)
        link_remember_loss(store, hash, shared_load(&item->version));
    bool is_mine = link_evict_locked(thread, stripe, hash, spot);
    latch_release(&stripe->lock);
    if (LIKELY(!is_mine))
        return TAIL_FREED;
    latch_release(&class->lock);
    item_free(store, item);
    latch_acquire(&class->lock);
    return TAIL_FREED_UNLOCKED;
}

/*
 * The list whose tail goes next when room is needed: cold, or what must become cold first; none of
 * those in `passed`, a bit each. LRU_SEGMENT_COUNT: there is none.
 */
static enum lru_segment segment_to_shrink(const struct slab_class *class, unsigned passed) {
    static const enum lru_segment order[] = {LRU_COLD, LRU_HOT, LRU_WARM};
    for (size_t i = 0; i < ARRAY_COUNT(order); i++) {
        if (class->list[order[i]].tail && !(passed >> order[i] & 1))
            return order[i];
    }
    return LRU_SEGMENT_COUNT;
}

/* Drops a dead item near the tails, if there is one: all that may be done without evicting. */
static bool reclaim_dead_locked(struct store_thread *thread, struct slab_class *class) {
    struct store *store = thread->store;
    for (unsigned segment = 0; segment < LRU_SEGMENT_COUNT; segment++) {
        uint32_t handle = class->list[segment].tail;
        for (unsigned tries = 0; handle && tries < LRU_EVICT_TRIES; tries++) {
            struct item *item = item_at(store, handle);
            handle = item->lru_prev;
            if (item_life(store, item) == ITEM_ALIVE)
                continue;
            enum tail_fate fate = tail_drop_locked(thread, class, item);
            if (fate == TAIL_FREED || fate == TAIL_FREED_UNLOCKED)
                return true;
        }
    }
    return false;
}

static bool evict_locked(struct store_thread *thread, struct slab_class *class) {
    struct store *store = thread->store;
    /* of each list, the last item left in place, above which the search goes on, ... */
    uint32_t skipped[LRU_SEGMENT_COUNT] = {0};
    /* ... and the first one that was sent to the head, where it ends */
    uint32_t sent[LRU_SEGMENT_COUNT] = {0};
    unsigned passed = 0; /* lists of which nothing can go, a bit each */
    for (unsigned tries = 0; tries < LRU_EVICT_TRIES; tries++) {
        enum lru_segment segment = segment_to_shrink(class, passed);
        if (segment == LRU_SEGMENT_COUNT)
            return false;
        uint32_t handle = skipped[segment] ? item_at(store, skipped[segment])->lru_prev
                                           : class->list[segment].tail;
        if (!handle || handle == sent[segment]) {
            passed |= 1u << segment;
            continue;
        }
        struct item *item = item_at(store, handle);
        bool is_alive = item_life(store, item) == ITEM_ALIVE;
        bool is_last_try = tries + LRU_EVICT_TRIES / 2 >= LRU_EVICT_TRIES;
        bool is_active = shared_load(&item->mark) & ITEM_ACTIVE && !is_flat(store);
        /* cold is no place for it where nothing of cold can go */
        bool may_become_cold = segment != LRU_COLD && !passed;
        if (is_alive && !is_last_try && (may_become_cold || is_active)) {
            tail_move_on_locked(store, class, item);
            continue;
        }
        switch (tail_drop_locked(thread, class, item)) {
        case TAIL_FREED:
        case TAIL_FREED_UNLOCKED:
            return true;
        case TAIL_BUSY:
            skipped[segment] = handle;
            break;
        case TAIL_HELD:
            if (!sent[segment])
                sent[segment] = handle;
            break;
        }
    }
    return false;
}

bool lru_make_room_locked(struct store_thread *thread, unsigned class_id) {
    struct store *store = thread->store;
    struct slab_class *class = &store->slabs.classes[class_id];
    latch_assert_held(&class->lock);
    class->events.direct_reclaims++;
    if (store->is_evicting && evict_locked(thread, class))
        return true;
    return reclaim_dead_locked(thread, class);
}

static uint32_t tail_age(const struct store *store, const struct lru_list *list) {
    if (!list->tail)
        return 0;
    return clock_seconds(store->clock) - shared_load(&item_at(store, list->tail)->access_time);
}

/* Whether hot or warm holds more than its share, or its tail is old compared to cold's. */
static bool is_over_share(const struct store *store, const struct slab_class *class,
                          enum lru_segment segment, const struct store_lru *lru) {
    const struct lru_list *list = &class->list[segment];
    if (!list->tail)
        return false;
    if (!lru->is_segmented)
        return true;
    uint64_t total =
        class->list[LRU_HOT].bytes + class->list[LRU_WARM].bytes + class->list[LRU_COLD].bytes;
    unsigned percent = segment == LRU_HOT ? lru->hot_percent : lru->warm_percent;
    if (list->bytes > total * percent / 100)
        return true;
    double factor = segment == LRU_HOT ? lru->hot_max_factor : lru->warm_max_factor;
    double age_max = tail_age(store, &class->list[LRU_COLD]) * factor;
    return class->list[LRU_COLD].tail && tail_age(store, list) > age_max;
}

/* Shrinks hot or warm to its share. Returns how many items it moved or dropped, at most `most`. */
static unsigned shrink_locked(struct store_thread *thread, struct slab_class *class,
                              enum lru_segment segment, const struct store_lru *lru,
                              unsigned most) {
    struct store *store = thread->store;
    unsigned moved = 0;
    while (moved < most && is_over_share(store, class, segment, lru)) {
        struct item *item = item_at(store, class->list[segment].tail);
        moved++;
        if (item_life(store, item) == ITEM_ALIVE)
            tail_move_on_locked(store, class, item);
        else if (tail_drop_locked(thread, class, item) == TAIL_BUSY)
            break;
    }
    return moved;
}

/* Drops the dead at the tail of a list. */
static unsigned drop_dead_tail_locked(struct store_thread *thread, struct slab_class *class,
                                      enum lru_segment segment, unsigned most) {
    struct store *store = thread->store;
    unsigned dropped = 0;
    while (dropped < most && class->list[segment].tail) {
        struct item *item = item_at(store, class->list[segment].tail);
        if (item_life(store, item) == ITEM_ALIVE)
            break;
        enum tail_fate fate = tail_drop_locked(thread, class, item);
        if (fate == TAIL_BUSY || fate == TAIL_HELD)
            break;
        dropped++;
    }
    return dropped;
}

/* Whether the class lives by evicting: then what order there is in its lists decides. */
static bool is_pressed_locked(const struct store *store, struct slab_class *class) {
    uint32_t now = clock_seconds(store->clock);
    /* the count goes back to 0 with `stats reset` */
    if (class->room_made_count != class->events.direct_reclaims) {
        class->room_made_count = class->events.direct_reclaims;
        class->room_made_s = now;
    }
    return class->room_made_count && now - class->room_made_s <= LRU_PRESSED_S;
}

enum store_maintain lru_maintain_class(struct store_thread *thread, unsigned class_id,
                                       const struct store_lru *lru) {
    struct slab_class *class = &thread->store->slabs.classes[class_id];
    unsigned done = 0;
    latch_acquire(&class->lock);
    bool is_pressed = is_pressed_locked(thread->store, class);
    done += shrink_locked(thread, class, LRU_HOT, lru, LRU_MAINTAIN_SLICE);
    done += shrink_locked(thread, class, LRU_WARM, lru, LRU_MAINTAIN_SLICE);
    for (unsigned segment = 0; segment < LRU_SEGMENT_COUNT; segment++)
        done += drop_dead_tail_locked(thread, class, segment, LRU_MAINTAIN_SLICE);
    latch_release(&class->lock);
    if (done < LRU_MAINTAIN_SLICE)
        return STORE_MAINTAIN_DONE;
    return is_pressed ? STORE_MAINTAIN_NOW : STORE_MAINTAIN_SOON;
}

void lru_bump(struct store_thread *thread, const struct item *item) {
    struct bump_ring *ring = &thread->bumps;
    uint32_t written = shared_load(&ring->written);
    /* pairs with the release in ring_take: the place is no longer read */
    uint32_t taken = atomic_load_explicit(&ring->taken, memory_order_acquire);
    if (written - taken == BUMP_COUNT) {
        shared_add(&thread->counters.lru_bumps_dropped, 1);
        return;
    }
    shared_store(&ring->handle[written % BUMP_COUNT], item_handle(thread->store, item));
    /* publishes the handle to ring_take */
    atomic_store_explicit(&ring->written, written + 1, memory_order_release);
}

/*
 * The item at a handle from which it may have gone since: then there is nothing, or another item
 * for which what is to be done is as good. No handle outlives its page's class: see mover.c. The
 * class lock is held if there is an item.
 */
static struct item *stale_acquire(struct store *store, uint32_t handle, struct slab_class **found) {
    uint32_t page = arena_page(&store->arena, handle);
    unsigned class_id = shared_load(&store->slabs.page_class[page]);
    if (class_id == 0)
        return NULL;
    struct slab_class *class = &store->slabs.classes[class_id];
    uint32_t units = handle - arena_page_start(&store->arena, page);
    struct item *item = item_at(store, handle);
    latch_acquire(&class->lock);
    bool is_fresh = class->fresh_left && handle >= class->fresh_handle &&
                    arena_page(&store->arena, class->fresh_handle) == page;
    *found = class;
    if (shared_load(&store->slabs.page_class[page]) == class_id &&
        units % class->chunk_units == 0 && !is_fresh && class->draining_page != page &&
        item_class(item) == class_id && shared_load(&item->key_bytes) != 0 &&
        shared_load(&item->bits) & ITEM_LINKED)
        return item;
    latch_release(&class->lock);
    return NULL;
}

static void bump_apply(struct store *store, uint32_t handle) {
    struct slab_class *class;
    struct item *item = stale_acquire(store, handle, &class);
    if (!item)
        return;
    if (item_segment(item) == LRU_COLD && shared_load(&item->mark) & ITEM_ACTIVE) {
        clear_active(item);
        class->events.moves_to_warm++;
        lru_move_locked(store, class, item, LRU_WARM);
    }
    latch_release(&class->lock);
}

void lru_use_flat(struct store_thread *thread, struct item *item) {
    struct store *store = thread->store;
    uint32_t now = clock_seconds(store->clock);
    if (now - shared_load(&item->access_time) <= LRU_FLAT_INTERVAL_S)
        return;
    shared_store(&item->access_time, now);
    struct slab_class *class;
    item = stale_acquire(store, item_handle(store, item), &class);
    if (!item)
        return;
    /*
     * In hot there is what will be on a list in a moment (a chunk says so from when it is taken) and
     * what was there before the list became flat, which the maintainer moves. Short-lived items of
     * that time stay where they are.
     */
    enum lru_segment segment = item_segment(item);
    if (segment == LRU_COLD || segment == LRU_WARM)
        lru_move_locked(store, class, item, LRU_COLD);
    latch_release(&class->lock);
}

static void ring_take(struct store *store, struct bump_ring *ring) {
    uint32_t taken = shared_load(&ring->taken);
    /* pairs with the release in lru_bump */
    uint32_t written = atomic_load_explicit(&ring->written, memory_order_acquire);
    for (; taken != written; taken++) {
        uint32_t handle = shared_load(&ring->handle[taken % BUMP_COUNT]);
        atomic_store_explicit(&ring->taken, taken + 1, memory_order_release);
        bump_apply(store, handle);
    }
}

void lru_take_bumps_locked(struct store *store) {
    latch_assert_held(&store->admin);
    for (uint32_t i = 0; i < store->thread_count_max; i++) {
        if (store->threads[i])
            ring_take(store, &store->threads[i]->bumps);
    }
}

void lru_take_bumps(struct store_thread *thread) {
    struct store *store = thread->store;
    latch_acquire(&store->admin);
    lru_take_bumps_locked(store);
    latch_release(&store->admin);
}
