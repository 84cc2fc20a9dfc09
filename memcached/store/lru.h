/*
 * The LRU of each class: hot, warm, cold and temp lists; what moves between them and what is
 * evicted. Private to the store.
 */
#ifndef STORE_LRU_H
#define STORE_LRU_H

#include "memcached/store/state.h"

enum {
    LRU_EVICT_TRIES = 50,     /* items looked at for one chunk */
    LRU_MAINTAIN_SLICE = 500, /* items moved in one slice of a class */
    /* a class is pressed for memory so long after it had to make room for an item */
    LRU_PRESSED_S = 10,
    /* of a flat list: a hit moves an item to the head if the last move is longer ago than this */
    LRU_FLAT_INTERVAL_S = 60,
};

/* Bits of store.lru_ways: how the LRU differs from hot, warm and cold alone. */
enum lru_ways {
    LRU_IS_FLAT = 1 << 0,  /* everything is in cold */
    LRU_HAS_TEMP = 1 << 1, /* short-lived items go to temp */
};

/* Takes an item off its list / puts it at the head of a segment. Class lock held. */
void lru_unlink_locked(struct store *store, struct slab_class *class, struct item *item);
void lru_link_locked(struct store *store, struct slab_class *class, struct item *item,
                     enum lru_segment segment);

/*
 * A cursor at the tail or the head of a list; it has to be closed. Taking gives the item that is
 * next and goes on, NULL at the end. Class lock held.
 */
void lru_cursor_open_locked(struct slab_class *class, struct lru_cursor *cursor,
                            enum lru_segment segment, bool is_from_head);
void lru_cursor_close_locked(struct slab_class *class, struct lru_cursor *cursor);
struct item *lru_cursor_take_locked(const struct store *store, struct lru_cursor *cursor);

/* Where an item that is not plainly to be put into hot goes. */
enum lru_segment lru_choose_segment(const struct store *store, const struct item *item);

/* The segment that a new item enters. */
static inline enum lru_segment lru_entry_segment(const struct store *store,
                                                 const struct item *item) {
    if (LIKELY(shared_load(&store->lru_ways) == 0))
        return LRU_HOT;
    return lru_choose_segment(store, item);
}

/* Puts `to` into the very place of an item on a list; both hold the same. Class lock held. */
void lru_substitute_locked(struct store *store, struct slab_class *class, struct item *item,
                           struct item *to);

/*
 * Makes one chunk of the class free by reclaiming or evicting. Class lock held; may give it up and
 * take it again. False if nothing could be freed.
 */
bool lru_make_room_locked(struct store_thread *thread, unsigned class_id);

/*
 * One slice for one class: the excess of hot and warm goes to cold, dead tails go. Where nothing is
 * evicted, the rest may wait: a set of a known key need not cost a move as well.
 */
enum store_maintain lru_maintain_class(struct store_thread *thread, unsigned class_id,
                                       const struct store_lru *lru);

/* Moves the cold items that handles saw become active. */
void lru_take_bumps(struct store_thread *thread);
void lru_take_bumps_locked(struct store *store); /* admin lock held */

/* Remembers a cold item that became active. */
void lru_bump(struct store_thread *thread, const struct item *item);

/* An item of a flat list was used: to the head with it, once in a while. No class lock held. */
void lru_use_flat(struct store_thread *thread, struct item *item);

/*
 * A hit, seen with or without the stripe lock: marks the item, so that it finds its place later.
 * `segment` is where it was. No class lock held.
 */
static inline void lru_hit(struct store_thread *thread, struct item *item, unsigned segment) {
    const struct store *store = thread->store;
    if (UNLIKELY(shared_load(&store->lru_ways) & LRU_IS_FLAT)) {
        unsigned mark = shared_load(&item->mark);
        if (!(mark & ITEM_FETCHED))
            shared_store(&item->mark, (uint8_t)(mark | ITEM_FETCHED));
        lru_use_flat(thread, item);
    } else if (UNLIKELY(item_mark_hit(item, clock_seconds(store->clock))) && segment == LRU_COLD) {
        lru_bump(thread, item);
    }
}

/* An item was changed where it stands: used just now, but not hit. */
static inline void lru_use(struct store_thread *thread, struct item *item) {
    const struct store *store = thread->store;
    if (UNLIKELY(shared_load(&store->lru_ways) & LRU_IS_FLAT))
        lru_use_flat(thread, item);
    else
        shared_store(&item->access_time, clock_seconds(store->clock));
}

#endif
