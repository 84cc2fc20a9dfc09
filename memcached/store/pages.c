/*
 * A page on its way from one class to another:
 *
 *   in use --> draining --> drained --> pool
 *                 |            `-> parked -> pool   (a lock-free read was still under way)
 *                 `-> in use                        (someone holds an item in it)
 *
 * While it drains, chunks freed in it stay off the free list. It may change its shape only after
 * the grace period of grace.h.
 */
#include "memcached/store/pages.h"

#include <sched.h>

#include "memcached/base/mem.h"
#include "memcached/store/grace.h"
#include "memcached/store/link.h"
#include "memcached/store/watch.h"

enum {
    PAGE_TRIES = 8,     /* pages of one class looked at in one go */
    GRACE_YIELDS = 100, /* how long to wait for readers before the page is parked */
    DRAIN_ROUNDS = 3,   /* an item may be stored while its neighbours are dropped */
};

struct drain {
    struct store_thread *thread;
    struct slab_class *class;
    unsigned class_id;
    uint32_t page;
    uint32_t chunk_count; /* chunks of the page that were ever used */
};

static struct item *drain_chunk(const struct drain *drain, uint32_t number) {
    const struct store *store = drain->thread->store;
    uint32_t start = arena_page_start(&store->arena, drain->page);
    return item_at(store, start + number * drain->class->chunk_units);
}

/*
 * The item a chunk belongs to if that is linked, or NULL: free, reserved, or held after it was
 * unlinked.
 */
static struct item *chunk_owner(const struct store *store, struct item *chunk) {
    if (item_class(chunk) == 0)
        return NULL;
    struct item *owner = chunk;
    if (shared_load(&chunk->key_bytes) == 0) {
        uint32_t first = shared_load(&chunk->exptime);
        if (first == 0)
            return NULL;
        owner = item_at(store, first);
    }
    /* pairs with the release in set_linked: the key can be read */
    unsigned bits = atomic_load_explicit(&owner->bits, memory_order_acquire);
    return bits & ITEM_LINKED ? owner : NULL;
}

/* Whether every chunk in use could be dropped as things stand. Class lock held. */
static bool page_is_drainable_locked(const struct drain *drain) {
    const struct store *store = drain->thread->store;
    for (uint32_t i = 0; i < drain->chunk_count; i++) {
        struct item *chunk = drain_chunk(drain, i);
        if (item_class(chunk) == 0)
            continue;
        const struct item *owner = chunk_owner(store, chunk);
        if (!store->is_evicting || !owner || shared_load(&owner->refcount) != 1)
            return false;
    }
    return true;
}

static void free_list_unlink_locked(const struct store *store, struct slab_class *class,
                                    struct item *chunk) {
    if (chunk->lru_prev)
        item_at(store, chunk->lru_prev)->lru_next = chunk->lru_next;
    else
        class->free_head = chunk->lru_next;
    if (chunk->lru_next)
        item_at(store, chunk->lru_next)->lru_prev = chunk->lru_prev;
    class->free_count--;
}

/* From here on nothing is allocated in the page. False if it had better be left alone. */
static bool drain_begin(struct drain *drain) {
    struct store *store = drain->thread->store;
    struct slab_class *class = drain->class;
    bool is_begun = false;
    latch_acquire(&class->lock);
    bool is_fresh =
        class->fresh_left && arena_page(&store->arena, class->fresh_handle) == drain->page;
    drain->chunk_count = class->chunks_per_page - (is_fresh ? class->fresh_left : 0);
    if (shared_load(&store->slabs.page_class[drain->page]) == drain->class_id &&
        page_is_drainable_locked(drain)) {
        is_begun = true;
        class->draining_page = drain->page;
        if (is_fresh)
            class->fresh_left = 0;
        for (uint32_t i = 0; i < drain->chunk_count; i++) {
            struct item *chunk = drain_chunk(drain, i);
            if (item_class(chunk) == 0)
                free_list_unlink_locked(store, class, chunk);
        }
    }
    latch_release(&class->lock);
    return is_begun;
}

/* Drops one linked item. False if someone holds it. */
static bool drain_item(struct drain *drain, struct item *item, uint64_t hash) {
    struct store *store = drain->thread->store;
    struct stripe *stripe = stripe_of(store, hash);
    bool is_gone = true;
    latch_acquire(&stripe->lock);
    struct spot spot =
        index_find_handle(&store->index, &store->arena, hash, item_handle(store, item));
    if (spot.line) {
        is_gone = atomic_load_explicit(&item->refcount, memory_order_acquire) == 1;
        enum item_life life = item_life(store, item);
        if (is_gone && life == ITEM_ALIVE) {
            struct slab_class *class = class_of(store, item);
            latch_acquire(&class->lock);
            count_eviction_locked(store, class, item);
            watch_eviction(drain->thread, item);
            latch_release(&class->lock);
        }
        if (is_gone)
            link_bury_locked(drain->thread, stripe, hash, spot, life);
    }
    latch_release(&stripe->lock);
    return is_gone;
}

static bool drain_items(struct drain *drain) {
    struct store *store = drain->thread->store;
    for (uint32_t i = 0; i < drain->chunk_count; i++) {
        struct item *chunk = drain_chunk(drain, i);
        latch_acquire(&drain->class->lock);
        /* hashed under the class lock: the chunk, hence its item, is not freed meanwhile */
        struct item *owner = chunk_owner(store, chunk);
        uint64_t hash = owner ? item_hash(store, owner) : 0;
        latch_release(&drain->class->lock);
        if (owner && !drain_item(drain, owner, hash))
            return false;
    }
    return true;
}

/* The page leaves its class if nothing is left in it; otherwise it goes on as before. */
static bool drain_end(struct drain *drain) {
    struct store *store = drain->thread->store;
    struct slab_class *class = drain->class;
    bool is_empty = true;
    latch_acquire(&class->lock);
    for (uint32_t i = 0; i < drain->chunk_count && is_empty; i++)
        is_empty = item_class(drain_chunk(drain, i)) == 0;
    class->draining_page = PAGE_NONE;
    if (is_empty) {
        class->page_count--;
        shared_store(&store->slabs.page_class[drain->page], 0);
    } else {
        for (uint32_t i = 0; i < class->chunks_per_page; i++) {
            struct item *chunk = drain_chunk(drain, i);
            if (i >= drain->chunk_count || item_class(chunk) == 0)
                slab_chunk_push_locked(class, &store->arena, chunk);
        }
    }
    latch_release(&class->lock);
    return is_empty;
}

static bool page_drain(struct store_thread *thread, unsigned class_id, uint32_t page) {
    struct drain drain = {
        .thread = thread,
        .class = &thread->store->slabs.classes[class_id],
        .class_id = class_id,
        .page = page,
    };
    if (!drain_begin(&drain))
        return false;
    for (unsigned round = 0; round < DRAIN_ROUNDS; round++) {
        if (!drain_items(&drain))
            break;
    }
    return drain_end(&drain);
}

/* The class with most pages, if it can spare one for the class that asks. */
static unsigned richest_class(struct store *store, unsigned for_class_id) {
    unsigned richest = 0;
    uint32_t most = 0;
    uint32_t own = 0;
    for (unsigned id = 1; id <= store->slabs.class_count; id++) {
        struct slab_class *class = &store->slabs.classes[id];
        latch_acquire(&class->lock);
        uint32_t pages = class->page_count;
        uint64_t free_chunks = (uint64_t) class->free_count + class->fresh_left;
        latch_release(&class->lock);
        if (id == for_class_id)
            own = pages;
        else if (pages > most && (store->is_evicting || free_chunks >= class->chunks_per_page)) {
            richest = id;
            most = pages;
        }
    }
    return most > own + (own > 0) ? richest : 0;
}

/* Empties one page of the class. PAGE_NONE if none of those looked at could be. */
static uint32_t page_of_class_drain(struct store_thread *thread, unsigned class_id) {
    struct store *store = thread->store;
    latch_acquire(&store->slabs.page_lock);
    uint32_t page_count = store->slabs.page_fresh;
    latch_release(&store->slabs.page_lock);
    unsigned tries = store->is_evicting ? PAGE_TRIES : page_count;
    for (uint32_t i = 0; i < page_count && tries; i++) {
        uint32_t page = store->page_hint++ % page_count;
        if (shared_load(&store->slabs.page_class[page]) != class_id)
            continue;
        tries--;
        if (page_drain(thread, class_id, page))
            return page;
    }
    return PAGE_NONE;
}

/* The parked page goes to the pool once the readers noted with it have gone on. */
static bool parked_release_locked(struct store *store, bool forgets_memory) {
    if (store->parked_page == PAGE_NONE || !grace_has_passed_locked(store, store->parked_reads))
        return false;
    if (forgets_memory)
        mem_forget(arena_at(&store->arena, arena_page_start(&store->arena, store->parked_page)),
                   STORE_PAGE_BYTES);
    slab_page_free(&store->slabs, store->parked_page);
    store->parked_page = PAGE_NONE;
    return true;
}

bool page_release(struct store_thread *thread, unsigned for_class_id, bool forgets_memory) {
    struct store *store = thread->store;
    bool is_released = false;
    latch_acquire(&store->admin);
    if (store->parked_page == PAGE_NONE) {
        unsigned class_id = richest_class(store, for_class_id);
        if (class_id) {
            store->parked_page = page_of_class_drain(thread, class_id);
            if (store->parked_page != PAGE_NONE)
                grace_note_locked(store, thread, store->parked_reads);
        }
    }
    for (unsigned i = 0; i < GRACE_YIELDS && store->parked_page != PAGE_NONE; i++) {
        is_released = parked_release_locked(store, forgets_memory);
        if (!is_released)
            sched_yield();
    }
    latch_release(&store->admin);
    return is_released;
}

bool pages_shrink(struct store_thread *thread) {
    struct slabs *slabs = &thread->store->slabs;
    latch_acquire(&slabs->page_lock);
    bool is_over = slabs->page_used > slabs->page_limit;
    latch_release(&slabs->page_lock);
    return is_over && page_release(thread, PAGE_CLASS_ANY, true);
}
