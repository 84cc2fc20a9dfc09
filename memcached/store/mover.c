#include "memcached/store/mover.h"

#include "memcached/store/grace.h"
#include "memcached/store/lru.h"
#include "memcached/store/mover_chunk.h"

enum {
    SLICE_CHUNKS = 256,       /* looked at in one slice */
    SLICE_BYTES = 256 * 1024, /* the same for large ones */
};

static struct item *page_chunk(const struct store *store, uint32_t number) {
    const struct mover *mover = &store->mover;
    uint32_t start = arena_page_start(&store->arena, mover->page);
    return item_at(store, start + number * store->slabs.classes[mover->from].chunk_units);
}

bool mover_begin_locked(struct store_thread *thread, unsigned from, unsigned to, uint32_t page) {
    struct store *store = thread->store;
    struct mover *mover = &store->mover;
    struct slab_class *class = &store->slabs.classes[from];
    CHECK(mover->phase == MOVER_IDLE);
    latch_acquire(&class->lock);
    bool has_page = shared_load(&store->slabs.page_class[page]) == from;
    if (has_page) {
        bool is_fresh = class->fresh_left && arena_page(&store->arena, class->fresh_handle) == page;
        mover->phase = MOVER_DRAINING;
        mover->from = from;
        mover->to = to;
        mover->page = page;
        mover->chunk_count = class->chunks_per_page - (is_fresh ? class->fresh_left : 0);
        mover->next = 0;
        mover->left = 0;
        mover->emptied = 0;
        mover->begun_ms = clock_mono_ms(store->clock);
        class->draining_page = page;
        if (is_fresh)
            class->fresh_left = 0;
    }
    latch_release(&class->lock);
    return has_page;
}

/* The page is empty, and nothing can be allocated in it: it leaves its class. */
static void drain_end_locked(struct store_thread *thread) {
    struct store *store = thread->store;
    struct mover *mover = &store->mover;
    struct slab_class *class = &store->slabs.classes[mover->from];
    latch_acquire(&class->lock);
    class->draining_page = PAGE_NONE;
    class->page_count--;
    shared_store(&store->slabs.page_class[mover->page], 0);
    latch_release(&class->lock);
    grace_note_locked(store, thread, mover->reads);
    mover->phase = MOVER_WAITING;
}

/* What a chunk that stays where it is says of why. */
static const enum store_move_wait wait_for[] = {
    [CHUNK_IS_FREE] = STORE_MOVE_WAIT_NONE,         [CHUNK_IS_BUSY] = STORE_MOVE_WAIT_ITEM,
    [CHUNK_HAS_LONG_CHAIN] = STORE_MOVE_WAIT_CHAIN, [CHUNK_HAS_GONE] = STORE_MOVE_WAIT_NONE,
    [CHUNK_NO_MEMORY] = STORE_MOVE_WAIT_MEMORY,
};

static enum mover_progress drain_step_locked(struct store_thread *thread) {
    struct store *store = thread->store;
    struct mover *mover = &store->mover;
    struct slab_class *class = &store->slabs.classes[mover->from];
    struct item *spare = NULL;
    uint32_t most = SLICE_BYTES / class->chunk_bytes;
    most = most == 0 ? 1 : most < SLICE_CHUNKS ? most : SLICE_CHUNKS;
    for (; most && mover->next < mover->chunk_count; most--) {
        struct item *chunk = page_chunk(store, mover->next++);
        bool was_free = item_class(chunk) == 0;
        enum chunk_fate fate = chunk_empty(thread, class, chunk, &spare);
        if (fate != CHUNK_IS_FREE)
            mover->left++;
        if (wait_for[fate] != STORE_MOVE_WAIT_NONE)
            mover->last_wait = wait_for[fate];
        if (fate == CHUNK_HAS_GONE || (fate == CHUNK_IS_FREE && !was_free))
            mover->emptied++;
    }
    chunk_spare_return(thread, class, spare);
    if (mover->next < mover->chunk_count)
        return MOVER_ADVANCED;
    if (mover->left == 0) {
        drain_end_locked(thread);
        return MOVER_ADVANCED;
    }
    bool has_emptied = mover->emptied > 0;
    mover->next = 0;
    mover->left = 0;
    mover->emptied = 0;
    return has_emptied ? MOVER_ADVANCED : MOVER_STUCK;
}

void mover_hand_over_locked(struct store_thread *thread, uint32_t page, unsigned to) {
    struct slabs *slabs = &thread->store->slabs;
    shared_add(&thread->counters.slabs_moved, 1);
    if (to == MOVER_TO_POOL) {
        slab_page_free(slabs, page);
        return;
    }
    struct slab_class *class = &slabs->classes[to];
    latch_acquire(&class->lock);
    slab_page_give_locked(slabs, to, page);
    latch_release(&class->lock);
}

enum mover_progress mover_step_locked(struct store_thread *thread) {
    struct store *store = thread->store;
    struct mover *mover = &store->mover;
    latch_assert_held(&store->admin);
    switch (mover->phase) {
    case MOVER_IDLE:
        return MOVER_DONE;
    case MOVER_DRAINING:
        return drain_step_locked(thread);
    case MOVER_WAITING:
        if (!grace_has_passed_locked(store, mover->reads)) {
            mover->last_wait = STORE_MOVE_WAIT_READER;
            return MOVER_STUCK;
        }
        /* what readers remembered of the page's items must not be taken for what it holds next */
        lru_take_bumps_locked(store);
        mover->phase = MOVER_IDLE;
        mover->tries = 0;
        mover_hand_over_locked(thread, mover->page, mover->to);
        return MOVER_DONE;
    }
    CHECK(!"a mover in no phase");
    return MOVER_DONE;
}

void mover_give_up_locked(struct store_thread *thread) {
    struct store *store = thread->store;
    struct mover *mover = &store->mover;
    struct slab_class *class = &store->slabs.classes[mover->from];
    CHECK(mover->phase == MOVER_DRAINING);
    latch_acquire(&class->lock);
    class->draining_page = PAGE_NONE;
    for (uint32_t i = 0; i < class->chunks_per_page; i++) {
        struct item *chunk = page_chunk(store, i);
        bool is_unused = i >= mover->chunk_count;
        if (is_unused ||
            (item_class(chunk) == 0 && slab_chunk_is_off_list(chunk, item_handle(store, chunk))))
            slab_chunk_push_locked(class, &store->arena, chunk);
    }
    latch_release(&class->lock);
    mover->phase = MOVER_IDLE;
}
