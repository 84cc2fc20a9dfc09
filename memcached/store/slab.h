/*
 * Slab classes: which chunk sizes there are, and which chunk is free. Private to the store.
 */
#ifndef STORE_SLAB_H
#define STORE_SLAB_H

#include "memcached/base/lock.h"
#include "memcached/store/arena.h"
#include "memcached/store/item.h"
#include "memcached/store/store.h"

enum {
    SLAB_CHUNK_ALIGNMENT = 8,
    SLAB_COUNTED_HEADER_BYTES = 48, /* memcached's header, by which it sizes the first class */
    PAGE_NONE = UINT32_MAX,
    SLAB_PAGES_BEYOND_MAX = STORE_CLASS_COUNT_MAX - 1, /* over the limit: one a class */
};

struct lru_list {
    uint32_t head; /* newest */
    uint32_t tail;
    uint64_t count;
    uint64_t bytes; /* as memcached would count them */
};

/*
 * A place in one LRU list, on its way to the list's other end, that stays good while items come and
 * go: when the item that is next leaves the list, the one behind it is next. Guarded by the class
 * lock.
 */
struct lru_cursor {
    struct lru_cursor *other; /* further cursors in the lists of this class */
    uint32_t next;            /* the item to be looked at next; 0: the end is reached */
    bool is_from_head;        /* from the head to the tail; otherwise from the tail to the head */
};

/* What happened in one class; guarded by its lock. */
struct class_events {
    uint64_t evicted, evicted_nonzero, evicted_unfetched, evicted_active, outofmemory, reclaimed;
    uint64_t expired_unfetched, crawler_reclaimed, crawler_items_checked, lrutail_reflocked;
    uint64_t moves_to_cold, moves_to_warm, moves_within_lru, direct_reclaims;
};

struct slab_class {
    struct latch lock;
    /* guarded by lock */
    uint32_t free_head;    /* list of free chunks through lru_next and lru_prev */
    uint32_t free_count;   /* chunks on that list */
    uint32_t fresh_handle; /* next chunk of the newest page that was never used */
    uint32_t fresh_left;   /* how many of those there are */
    uint32_t page_count;
    bool has_had_page;      /* its first one, which it has whatever the limit */
    uint32_t spare_head;    /* pages of which nothing was used yet, through page_next; PAGE_NONE */
    uint32_t spare_count;   /* how many of those there are */
    uint32_t draining_page; /* its chunks do not go back to the free list; PAGE_NONE */
    struct lru_cursor *cursors; /* those in the lists below */
    struct lru_list list[LRU_SEGMENT_COUNT];
    struct class_events events;
    uint32_t evicted_time; /* seconds since last access of the last item evicted */
    /* when the maintainer last saw that room had been made, and how often it had been by then */
    uint32_t room_made_s;
    uint64_t room_made_count;

    /* fixed after slab_size_classes */
    uint32_t chunk_bytes;
    uint32_t chunk_units; /* chunk_bytes in handle units */
    uint32_t chunks_per_page;
} __attribute__((aligned(64)));

struct slabs {
    /* fixed after slabs_open */
    struct slab_class *classes; /* 1..class_count */
    unsigned class_count;
    uint32_t chunk_bytes_max;
    uint8_t *class_of_units; /* by item size in 8-byte units, rounded up */
    /* which class each page belongs to; 0: none. Written under page_lock */
    _Atomic uint8_t *page_class;
    /* the next page of the list a page is on: guarded by what guards the list's head */
    uint32_t *page_next;

    struct latch page_lock __attribute__((aligned(64)));
    /* guarded by page_lock */
    uint32_t page_fresh; /* first page never used */
    uint32_t pool_head;  /* pages that were given back, the newest first; PAGE_NONE */
    /* how many of them, from the head, still have memory behind them: the others were forgotten */
    uint32_t pool_count;
    uint32_t page_used; /* pages that belong to a class or are on their way between two */
    uint32_t page_limit;
    /* of those used, the first pages of classes that may stay although they are over the limit */
    uint32_t page_beyond;
    bool is_limit_exact;  /* no class has its first page beyond it. Fixed. */
    uint64_t limit_bytes; /* as it was asked for */
};

/* The chunk sizes of memcached for these settings: sizes[1..returned]. */
unsigned slab_sizes(const struct store_config *config, unsigned alignment,
                    uint32_t sizes[STORE_CLASS_COUNT_MAX]);

bool slabs_open(struct slabs *slabs, const struct store_config *config, const struct arena *arena);
void slabs_close(struct slabs *slabs);

/* The smallest class whose chunk holds `bytes` (at most chunk_bytes_max). */
static inline unsigned slab_class_for(const struct slabs *slabs, uint32_t bytes) {
    return slabs->class_of_units[(bytes + 7) >> 3];
}

/*
 * Fresh chunks for a class that has none left: of a spare page of its own, or of a new one within
 * the limit; the first one that a class ever has may be beyond it. False if there is no page. Class
 * lock held.
 */
bool slab_page_open_locked(struct slabs *slabs, const struct arena *arena, unsigned class_id);
bool slab_page_add_locked(struct slabs *slabs, const struct arena *arena, unsigned class_id);

/* Each class has its first page at once. False if the limit does not hold them. */
bool slab_first_pages_add(struct slabs *slabs, const struct arena *arena);

/* Gives a page that left its class to another, as a spare one. Class lock held. */
void slab_page_give_locked(struct slabs *slabs, unsigned class_id, uint32_t page);
/* Takes a spare page out of its class; PAGE_NONE if it has none. Class lock held. */
uint32_t slab_page_unspare_locked(struct slabs *slabs, unsigned class_id);

/*
 * Takes a page out of use: into the pool, from which any class may have it. It can be read as long
 * as the store lives.
 */
void slab_page_free(struct slabs *slabs, uint32_t page);
/* A page of the pool, in use from now on but in no class yet; PAGE_NONE if it is empty. */
uint32_t slab_pool_take(struct slabs *slabs);
/* False if the arena has not so many pages. */
bool slab_limit_set(struct slabs *slabs, const struct arena *arena, uint64_t limit_bytes);
/* Whether pages are to be given back: more are in use than the limit and what may be beyond it. */
bool slab_is_over_limit(struct slabs *slabs);
/*
 * Gives memory behind the pool to the kernel as far as it is beyond the limit, of `most` pages at
 * most. True if there is more.
 */
bool slab_pool_trim(struct slabs *slabs, const struct arena *arena, unsigned most);

/* How many chunks the class could hand out as things stand. Class lock held. */
static inline uint64_t slab_free_chunks_locked(const struct slab_class *class) {
    return class->free_count + class->fresh_left +
           (uint64_t) class->spare_count * class->chunks_per_page;
}

/*
 * A free chunk of a page that is being drained stands on no list: it points at itself.
 */
static inline bool slab_chunk_is_off_list(const struct item *chunk, uint32_t handle) {
    return chunk->lru_next == handle;
}

/*
 * A free chunk, or NULL. Its place is set to the class, its refcount to 1, its bits to
 * none: it is the caller's.
 */
static inline struct item *slab_chunk_pop_locked(struct slab_class *class,
                                                 const struct arena *arena, unsigned class_id) {
    uint32_t handle = class->free_head;
    struct item *chunk;
    if (LIKELY(handle)) {
        chunk = arena_at(arena, handle);
        class->free_head = chunk->lru_next;
        class->free_count--;
        if (chunk->lru_next)
            ((struct item *)arena_at(arena, chunk->lru_next))->lru_prev = 0;
    } else if (class->fresh_left) {
        chunk = arena_at(arena, class->fresh_handle);
        class->fresh_handle += class->chunk_units;
        class->fresh_left--;
    } else {
        return NULL;
    }
    shared_store(&chunk->place, (uint8_t)class_id);
    shared_store(&chunk->bits, 0);
    shared_store(&chunk->refcount, 1);
    return chunk;
}

/* Gives a chunk back that nobody refers to. */
static inline void slab_chunk_push_locked(struct slab_class *class, const struct arena *arena,
                                          struct item *chunk) {
    uint32_t handle = arena_handle(arena, chunk);
    shared_store(&chunk->place, 0);
    shared_store(&chunk->refcount, 0);
    if (UNLIKELY(class->draining_page != PAGE_NONE) &&
        arena_page(arena, handle) == class->draining_page) {
        chunk->lru_next = handle;
        return;
    }
    chunk->lru_prev = 0;
    chunk->lru_next = class->free_head;
    if (class->free_head)
        ((struct item *)arena_at(arena, class->free_head))->lru_prev = handle;
    class->free_head = handle;
    class->free_count++;
}

#endif
