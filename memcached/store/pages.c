#include "memcached/store/pages.h"

#include <sched.h>

#include "memcached/store/automove.h"
#include "memcached/store/mover_chunk.h"
#include "memcached/store/watch.h"

enum {
    PAGE_TRIES = 8,         /* pages of one class looked at for one that nobody holds */
    PAGE_NEEDED_TRIES = 64, /* the same over all classes, when nothing else is left */
    PAGE_GIVE_UPS = 8,      /* pages of one class that are begun and given up in a row */
    STUCK_ROUNDS = 3,       /* passes over a page by a worker that waits for it */
    GRACE_YIELDS = 100,     /* how long it waits for readers */
    PATIENCE_MS = 5000,     /* with a page in which something is held */
    POOL_TRIM_PAGES = 16,   /* given to the kernel in one slice */
};

uint32_t pages_age_locked(const struct store *store, const struct slab_class *class) {
    uint32_t tail = class->list[LRU_COLD].tail;
    if (!tail)
        tail = class->list[LRU_HOT].tail;
    if (!tail)
        tail = class->list[LRU_WARM].tail;
    if (!tail)
        return 0;
    uint32_t now = clock_seconds(store->clock);
    uint32_t then = shared_load(&item_at(store, tail)->access_time);
    return now > then ? now - then : 0;
}

unsigned pages_source_locked(struct store *store, unsigned not_class, uint32_t pages_min) {
    unsigned best = 0;
    bool best_has_page = false;
    uint32_t best_age = 0;
    uint32_t best_pages = 0;
    for (unsigned id = 1; id <= store->slabs.class_count; id++) {
        struct slab_class *class = &store->slabs.classes[id];
        latch_acquire(&class->lock);
        uint32_t pages = class->page_count;
        uint32_t age = pages_age_locked(store, class);
        bool has_page = slab_free_chunks_locked(class) >= class->chunks_per_page;
        latch_release(&class->lock);
        if (id == not_class || pages < pages_min || pages == 0)
            continue;
        /* without eviction only what is free can make room for what a page holds */
        if (!store->is_evicting && !has_page)
            continue;
        bool is_better = has_page != best_has_page ? has_page
                         : age != best_age         ? age > best_age
                                                   : pages > best_pages;
        if (best && !is_better)
            continue;
        best = id;
        best_has_page = has_page;
        best_age = age;
        best_pages = pages;
    }
    return best;
}

/* Whether nobody holds or fills anything in the page, and its items find room elsewhere. */
static bool is_movable_locked(struct store *store, struct slab_class *class, uint32_t page) {
    bool is_fresh = class->fresh_left && arena_page(&store->arena, class->fresh_handle) == page;
    uint32_t used = class->chunks_per_page - (is_fresh ? class->fresh_left : 0);
    uint32_t start = arena_page_start(&store->arena, page);
    if (!store->is_evicting && slab_free_chunks_locked(class) < class->chunks_per_page)
        return false;
    for (uint32_t i = 0; i < used; i++) {
        struct item *chunk = item_at(store, start + i * class->chunk_units);
        if (item_class(chunk) == 0)
            continue;
        const struct item *owner = chunk_owner_locked(store, chunk);
        if (!owner || shared_load(&owner->refcount) != 1)
            return false;
    }
    return true;
}

static bool is_movable(struct store *store, unsigned class_id, uint32_t page) {
    struct slab_class *class = &store->slabs.classes[class_id];
    latch_acquire(&class->lock);
    bool is_movable = shared_load(&store->slabs.page_class[page]) == class_id &&
                      is_movable_locked(store, class, page);
    latch_release(&class->lock);
    return is_movable;
}

/* A page of which nothing was used yet changes class without further ado. */
static bool move_spare_locked(struct store_thread *thread, unsigned from, unsigned to) {
    struct slabs *slabs = &thread->store->slabs;
    struct slab_class *class = &slabs->classes[from];
    latch_acquire(&class->lock);
    uint32_t page = slab_page_unspare_locked(slabs, from);
    if (page != PAGE_NONE) {
        class->page_count--;
        shared_store(&slabs->page_class[page], 0);
    }
    latch_release(&class->lock);
    if (page != PAGE_NONE)
        mover_hand_over_locked(thread, page, to);
    return page != PAGE_NONE;
}

static uint32_t pages_ever_used(struct store *store) {
    latch_acquire(&store->slabs.page_lock);
    uint32_t count = store->slabs.page_fresh;
    latch_release(&store->slabs.page_lock);
    return count;
}

/* A page of the class: one that can be emptied at once, else (if that will do) any. */
static uint32_t page_choose_locked(struct store *store, unsigned class_id, bool takes_held) {
    uint32_t page_count = pages_ever_used(store);
    uint32_t any = PAGE_NONE;
    unsigned tries = PAGE_TRIES;
    for (uint32_t i = 0; i < page_count && tries; i++) {
        uint32_t page = store->page_hint++ % page_count;
        if (shared_load(&store->slabs.page_class[page]) != class_id)
            continue;
        tries--;
        if (is_movable(store, class_id, page))
            return page;
        any = page;
    }
    return takes_held && store->is_evicting ? any : PAGE_NONE;
}

bool pages_begin_locked(struct store_thread *thread, unsigned from, unsigned to) {
    struct store *store = thread->store;
    if (move_spare_locked(thread, from, to))
        return true;
    uint32_t page = page_choose_locked(store, from, true);
    return page != PAGE_NONE && mover_begin_locked(thread, from, to, page);
}

/* Sees the page under way through, or gives it up. True if the mover is idle then. */
static bool finish_locked(struct store_thread *thread) {
    struct store *store = thread->store;
    struct mover *mover = &store->mover;
    unsigned stuck = 0;
    for (;;) {
        enum mover_progress progress = mover_step_locked(thread);
        if (progress == MOVER_DONE)
            return true;
        if (progress == MOVER_ADVANCED)
            continue;
        bool is_draining = mover->phase == MOVER_DRAINING;
        if (++stuck < (is_draining ? STUCK_ROUNDS : GRACE_YIELDS)) {
            sched_yield();
        } else if (is_draining) {
            mover_give_up_locked(thread);
            return true;
        } else {
            return false;
        }
    }
}

/* Moves a page of one class at once. */
static bool take_from_locked(struct store_thread *thread, unsigned from, unsigned to) {
    struct store *store = thread->store;
    if (move_spare_locked(thread, from, to))
        return true;
    uint32_t page = page_choose_locked(store, from, false);
    if (page == PAGE_NONE || !mover_begin_locked(thread, from, to, page))
        return false;
    return finish_locked(thread) && shared_load(&store->slabs.page_class[page]) == to;
}

/* The same with whichever page can be had. */
static bool take_any_locked(struct store_thread *thread, unsigned to) {
    struct store *store = thread->store;
    uint32_t page_count = pages_ever_used(store);
    unsigned tries = PAGE_NEEDED_TRIES;
    for (uint32_t i = 0; i < page_count && tries; i++) {
        uint32_t page = store->page_hint++ % page_count;
        unsigned from = shared_load(&store->slabs.page_class[page]);
        if (from == 0 || from == to)
            continue;
        /* without eviction it would never have one again */
        if (pages_are_kept(store) && pages_of(store, from) < PAGES_TO_GIVE_MIN)
            continue;
        tries--;
        /* with that no page of the class is a spare one, in which nothing is as it seems */
        if (move_spare_locked(thread, from, to))
            return true;
        if (is_movable(store, from, page) && mover_begin_locked(thread, from, to, page))
            return finish_locked(thread) && shared_load(&store->slabs.page_class[page]) == to;
    }
    return false;
}

uint32_t pages_of(struct store *store, unsigned class_id) {
    struct slab_class *class = &store->slabs.classes[class_id];
    latch_acquire(&class->lock);
    uint32_t count = class->page_count;
    latch_release(&class->lock);
    return count;
}

bool page_release(struct store_thread *thread, unsigned for_class_id, enum page_need need) {
    struct store *store = thread->store;
    bool has_page = false;
    latch_acquire(&store->admin);
    uint32_t own = pages_of(store, for_class_id);
    /* the page under way may be the one that is waited for, from an earlier attempt or by chance */
    if (!finish_locked(thread) || pages_of(store, for_class_id) > own) {
        has_page = store->mover.phase == MOVER_IDLE;
    } else if (need == PAGE_IS_NEEDED) {
        has_page = take_any_locked(thread, for_class_id);
    } else {
        unsigned from = pages_source_locked(store, for_class_id, own + PAGES_TO_GIVE_MIN);
        has_page = from && take_from_locked(thread, from, for_class_id);
    }
    latch_release(&store->admin);
    return has_page;
}

/* Something is held in the page, and has been for long: another page of the class, or none. */
static void try_another_locked(struct store_thread *thread) {
    struct mover *mover = &thread->store->mover;
    unsigned tries = mover->tries + 1;
    mover_give_up_locked(thread);
    mover->tries = tries < PAGE_GIVE_UPS ? tries : 0;
    if (mover->tries)
        (void)pages_begin_locked(thread, mover->from, mover->to);
}

bool pages_maintain(struct store_thread *thread) {
    struct store *store = thread->store;
    struct mover *mover = &store->mover;
    bool has_more = slab_pool_trim(&store->slabs, &store->arena, POOL_TRIM_PAGES);
    latch_acquire(&store->admin);
    if (mover->phase != MOVER_IDLE) {
        bool is_stuck = mover_step_locked(thread) == MOVER_STUCK;
        has_more |= !is_stuck;
        if (is_stuck && mover->phase == MOVER_DRAINING &&
            clock_mono_ms(store->clock) - mover->begun_ms >= PATIENCE_MS)
            try_another_locked(thread);
    } else if (store->moves_pages) {
        unsigned from = 0;
        unsigned to = MOVER_TO_POOL;
        if (slab_is_over_limit(&store->slabs))
            from = pages_source_locked(store, 0, PAGES_TO_GIVE_MIN);
        if (!from)
            from = automove_choose_locked(store, &to);
        bool has_begun = from && pages_begin_locked(thread, from, to);
        if (has_begun)
            watch_move(thread, from, to == MOVER_TO_POOL ? 0 : to);
        has_more |= has_begun;
    }
    latch_release(&store->admin);
    return has_more;
}

enum store_reassign store_reassign(struct store_thread *thread, int64_t from, int64_t to) {
    struct store *store = thread->store;
    int64_t class_count = store->slabs.class_count;
    enum store_reassign answer = STORE_REASSIGN_OK;
    if (from == to)
        return STORE_REASSIGN_SAME;
    if (from < STORE_REASSIGN_ANY || from >= STORE_CLASS_COUNT_MAX || to < 0 || to > class_count)
        return STORE_REASSIGN_BAD_CLASS;
    latch_acquire(&store->admin);
    unsigned source = from > 0 ? (unsigned)from : 0;
    if (store->mover.phase != MOVER_IDLE) {
        answer = STORE_REASSIGN_BUSY;
    } else if (from == 0) {
        uint32_t page = slab_pool_take(&store->slabs);
        if (page == PAGE_NONE)
            answer = STORE_REASSIGN_NO_SPARE;
        else
            mover_hand_over_locked(thread, page, (unsigned)to);
    } else {
        if (from == STORE_REASSIGN_ANY)
            source = pages_source_locked(store, (unsigned)to, PAGES_TO_GIVE_MIN);
        if (source == 0 || source > class_count || pages_of(store, source) < PAGES_TO_GIVE_MIN ||
            !pages_begin_locked(thread, source, (unsigned)to))
            answer = STORE_REASSIGN_NO_SPARE;
    }
    latch_release(&store->admin);
    return answer;
}
