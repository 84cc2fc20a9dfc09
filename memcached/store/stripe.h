/*
 * Stripes: each guards the index buckets whose low bits are its number, and the items in them.
 * A writer holds the lock and keeps the sequence odd while it changes something; a reader without
 * the lock reads the sequence, the data, and the sequence again. Private to the store.
 */
#ifndef STORE_STRIPE_H
#define STORE_STRIPE_H

#include "memcached/base/lock.h"
#include "memcached/store/shared.h"

enum { STRIPE_COUNT_MAX = 4096, STRIPES_PER_THREAD = 256 };

struct stripe {
    struct latch lock;
    _Atomic uint32_t sequence;
} __attribute__((aligned(64)));

/*
 * The changes in between become visible only after the odd sequence, and before the next even one.
 */
static inline void stripe_change_begin(struct stripe *stripe) {
    shared_store(&stripe->sequence, shared_load(&stripe->sequence) + 1);
    shared_fence_release();
}

static inline void stripe_change_end(struct stripe *stripe) {
    atomic_store_explicit(&stripe->sequence, shared_load(&stripe->sequence) + 1,
                          memory_order_release);
}

/* Pairs with stripe_change_end: what a reader loads next is at least as new as this sequence. */
static inline uint32_t stripe_sequence(const struct stripe *stripe) {
    return atomic_load_explicit(&stripe->sequence, memory_order_acquire);
}

/* True if nothing read since stripe_sequence gave `sequence` (an even one) can be torn. */
static inline bool stripe_is_unchanged(const struct stripe *stripe, uint32_t sequence) {
    shared_fence_acquire();
    return shared_load(&stripe->sequence) == sequence;
}

#endif
