/*
 * The LRU of each class: hot, warm, cold and temp lists; what moves between them and what is
 * evicted. Private to the store.
 */
#ifndef STORE_LRU_H
#define STORE_LRU_H

#include "memcached/store/state.h"

enum {
    LRU_HOT_PERCENT = 20, /* of the class's bytes; the excess flows to cold */
    LRU_WARM_PERCENT = 40,
    LRU_EVICT_TRIES = 50,     /* items looked at for one chunk */
    LRU_MAINTAIN_SLICE = 500, /* items moved in one slice of a class */
};

/* Takes an item off its list / puts it at the head of a segment. Class lock held. */
void lru_unlink_locked(struct store *store, struct slab_class *class, struct item *item);
void lru_link_locked(struct store *store, struct slab_class *class, struct item *item,
                     enum lru_segment segment);

/*
 * Makes one chunk of the class free by reclaiming or evicting. Class lock held; may give it up and
 * take it again. False if nothing could be freed.
 */
bool lru_make_room_locked(struct store_thread *thread, unsigned class_id);

/*
 * One slice for one class: the excess of hot and warm goes to cold, dead tails go. True if there is
 * more.
 */
bool lru_maintain_class(struct store_thread *thread, unsigned class_id);

/* Moves the cold items that handles saw become active. */
void lru_take_bumps(struct store_thread *thread);

/* Remembers a cold item that became active. */
void lru_bump(struct store_thread *thread, const struct item *item);

#endif
