/*
 * A store and its threads' handles, field by field: what stands where and what guards it. Private
 * to the store.
 *
 * Lock order: admin, stripe, class, pages, overflow lines, tombstones (memcached/base/lock.def).
 * A thread holds at most one lock of each kind. Eviction comes from below (class, then the victim's
 * stripe) and only tries the stripe.
 */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include "memcached/base/check.h"
#include "memcached/base/clock.h"
#include "memcached/base/hash.h"
#include "memcached/base/lock.h"
#include "memcached/store/arena.h"
#include "memcached/store/automove.h"
#include "memcached/store/index.h"
#include "memcached/store/item.h"
#include "memcached/store/mover.h"
#include "memcached/store/slab.h"
#include "memcached/store/store.h"
#include "memcached/store/stripe.h"
#include "memcached/store/tombstone.h"

enum { BUMP_COUNT = 4096 };

struct thread_counters {
#define STORE_COUNTER(name, meaning) shared_counter name;
#include "memcached/store/counters.def"
#undef STORE_COUNTER
    /* what was linked minus what was unlinked, as two's complement: the sum over handles counts */
    shared_counter linked_items;
    shared_counter linked_bytes;
    shared_counter lru_bumps_dropped;
};

struct class_counters {
#define CLASS_COUNTER(name, meaning) shared_counter name;
#include "memcached/store/class_counters.def"
#undef CLASS_COUNTER
};

/*
 * Cold items that became active, for the maintainer to move: one producer (the handle), one
 * consumer.
 */
struct bump_ring {
    _Atomic uint32_t written;
    _Atomic uint32_t taken;
    _Atomic uint32_t handle[BUMP_COUNT];
};

struct store_thread {
    struct store *store;
    uint32_t number; /* in store.threads */
    /*
     * Odd between the start of a lock-free read and its end. Whoever changes the shape of memory
     * waits until it is even or has moved on (see grace.h).
     */
    _Atomic uint32_t read_count;
    struct thread_counters counters;
    struct class_counters classes[STORE_CLASS_COUNT_MAX];
    struct bump_ring bumps;
    store_tell tell; /* owner thread; NULL: nobody */
    void *tell_context;
} __attribute__((aligned(64)));

/* Sums of what handles counted. */
struct counter_totals {
    struct thread_counters counters;
    struct class_counters classes[STORE_CLASS_COUNT_MAX];
};

struct store {
    /* fixed after store_create: what every request reads */
    struct arena arena;
    struct stripe *stripes;
    uint64_t stripe_mask;
    struct clock *clock;
    struct store_observer observer; /* fixed before the first handle */
    bool is_replicated;
    bool is_evicting;
    bool moves_pages;
    bool has_lru_maintainer;
    bool needs_read_fence; /* no membarrier here: readers order their own start */
    struct hash_secret secret;
    uint64_t item_bytes_max;
    uint32_t thread_count_max;

    /* rarely written, under the admin lock; read by everyone */
    _Atomic uint64_t flush_floor; /* items with a version up to this are dead */
    _Atomic uint8_t epoch;        /* items of another epoch are invisible */
    _Atomic uint8_t lru_ways;     /* enum lru_ways: 0 unless asked for otherwise */
    _Atomic uint32_t lru_temp_ttl_s;
    _Atomic uint8_t watched; /* store_watch bits; set by any thread, guards nothing */

    struct index index;
    struct slabs slabs;
    struct tombstones tombstones; /* shards only with is_replicated */

    /* the version clock: the newest version given out or seen; one fetch_add a write */
    _Atomic uint64_t version __attribute__((aligned(64)));

    struct latch admin __attribute__((aligned(64)));
    /* guarded by admin */
    struct store_thread **threads;    /* thread_count_max places */
    struct counter_totals retired;    /* what handles counted that were given back */
    struct counter_totals zero;       /* what had been counted at the last reset */
    struct store_lru lru;             /* as it was asked for */
    unsigned epochs_unswept;          /* epochs that may still have items besides the current one */
    unsigned epochs_sweeping;         /* how many of them the sweep under way deals with */
    _Atomic uint64_t flush_pending_s; /* UNIX seconds; 0: none */
    /* the newest version at which one was asked for, taken back or made */
    _Atomic uint64_t flush_pending_version;
    uint32_t flush_due_s; /* the same on the store's own clock */
    struct mover mover;   /* the page that changes class */
    struct automove automove;
    uint32_t page_hint; /* where the search for a page to move goes on */

    _Atomic uint64_t acknowledged; /* up to here the peer has everything */

    struct crawler *crawler; /* fixed; what it holds says what guards it */
    shared_counter juggles;  /* the maintainer's own */
};

static inline struct stripe *stripe_of(const struct store *store, uint64_t hash) {
    return &store->stripes[hash & store->stripe_mask];
}

static inline struct slab_class *class_of(const struct store *store, const struct item *item) {
    return &store->slabs.classes[item_class(item)];
}

static inline uint32_t item_handle(const struct store *store, const struct item *item) {
    return arena_handle(&store->arena, item);
}

static inline struct item *item_at(const struct store *store, uint32_t handle) {
    return arena_at(&store->arena, handle);
}

static inline uint64_t item_hash(const struct store *store, const struct item *item) {
    return hash_bytes(&store->secret, item->key, shared_load(&item->key_bytes));
}

enum item_life { ITEM_ALIVE, ITEM_EXPIRED, ITEM_FLUSHED, ITEM_INVISIBLE };

static inline enum item_life item_life_of(const struct store *store, uint64_t version,
                                          uint32_t exptime, unsigned bits) {
    if (UNLIKELY(bits >> ITEM_EPOCH_SHIFT != shared_load(&store->epoch)))
        return ITEM_INVISIBLE;
    if (UNLIKELY(version <= shared_load(&store->flush_floor)))
        return ITEM_FLUSHED;
    if (exptime != 0 && exptime <= clock_seconds(store->clock))
        return ITEM_EXPIRED;
    return ITEM_ALIVE;
}

static inline enum item_life item_life(const struct store *store, const struct item *item) {
    return item_life_of(store, shared_load(&item->version), shared_load(&item->exptime),
                        shared_load(&item->bits));
}

static inline uint64_t version_next(struct store *store) {
    return atomic_fetch_add_explicit(&store->version, 1, memory_order_relaxed) + 1;
}

/* For statistics: the sum of a counter over all handles. Admin lock held. */
void totals_gather_locked(struct store *store, struct counter_totals *totals);

#endif
