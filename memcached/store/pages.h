/*
 * Which page goes from which class to which: for a class that has none, for a lower limit, because
 * an operator says so, or to balance the classes. Private to the store.
 */
#ifndef STORE_PAGES_H
#define STORE_PAGES_H

#include "memcached/store/state.h"

enum {
    PAGES_TO_GIVE_MIN = 2 /* of a class that gives one, the last one being its own */
};

/*
 * -M of a server by itself: a store is refused where memcached refuses it. In a pair memory is found
 * wherever it can be: what one node had room for comes to the other in another order.
 */
static inline bool pages_are_kept(const struct store *store) {
    return !store->is_evicting && !store->is_replicated;
}

/* How much a class that asks for a page may take from others. */
enum page_need {
    PAGE_IS_WANTED, /* of a class that has more than the one that asks */
    PAGE_IS_NEEDED, /* of any class; if it can have another by evicting, its last one */
};

/*
 * For a class that can neither find nor make a free chunk: moves a page to it from another one, at
 * once, unless all that may be taken are held. True if it has one now. No lock held.
 */
bool page_release(struct store_thread *thread, unsigned for_class_id, enum page_need need);

/* How many pages a class has. No class lock held. */
uint32_t pages_of(struct store *store, unsigned class_id);

/* The oldest of what a class would evict next, in seconds since its last access. */
uint32_t pages_age_locked(const struct store *store, const struct slab_class *class);

/*
 * The class that can best do without a page, of those with at least pages_min, other than
 * `not_class`; 0 if there is none. One that has a page's worth of free chunks is best, then the one
 * whose coldest item is oldest. Admin lock held.
 */
unsigned pages_source_locked(struct store *store, unsigned not_class, uint32_t pages_min);

/*
 * Begins to move a page of the class `from`; the mover is idle. False if it has none that could be
 * emptied. Admin lock held.
 */
bool pages_begin_locked(struct store_thread *thread, unsigned from, unsigned to);

/*
 * One slice of moving pages: what was begun, what a lowered limit asks for, what automove finds.
 * True if there is more to do now. One thread.
 */
bool pages_maintain(struct store_thread *thread);

#endif
