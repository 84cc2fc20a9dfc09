/*
 * Balancing the classes: which one should give up a page, and to whom. Looks at every class once a
 * second. Private to the store.
 *
 * When memory is used up, a class that evicts gets the pages whose worth lies free in another, at
 * once and one after the other.
 * Level 1: a class that has had three pages' worth of free chunks for a whole window gives one to
 * the pool. When memory is used up, a class that evicts while its coldest item is younger than
 * `ratio` of the age of another's gets a page of that one; ages are averages over the window, or
 * what they are now if that is less.
 * Level 2: the class that has evicted most since the last look gets a page, whatever the ages.
 */
#ifndef STORE_AUTOMOVE_H
#define STORE_AUTOMOVE_H

#include <stdint.h>

#include "memcached/store/store.h"

/* What is known of one class. */
struct automove_class {
    double age;           /* average of the last samples, in seconds */
    uint32_t age_now;     /* the last one */
    uint32_t samples;     /* how many those are, at most the window's */
    uint32_t idle;        /* samples in a row with three pages' worth free */
    uint64_t evicted;     /* as the class had counted it by the last sample */
    uint64_t evicted_new; /* between the last two samples */
};

/* Guarded by the store's admin lock. */
struct automove {
    struct store_automove settings;
    uint32_t sampled_s;  /* on the store's clock */
    uint32_t moves_left; /* pages that may still be moved before the next sample */
    struct automove_class classes[STORE_CLASS_COUNT_MAX];
};

/*
 * The class that should give up a page now, and in *to the class that should get it or
 * MOVER_TO_POOL; 0: all is well. Admin lock held.
 */
unsigned automove_choose_locked(struct store *store, unsigned *to);

#endif
