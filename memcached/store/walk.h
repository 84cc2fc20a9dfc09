/*
 * Going through all items while they come and go: through the index bucket by bucket while it
 * grows, where none is missed and none comes twice; or through the LRU lists of one class in their
 * order, where an item that moves meanwhile may be. Private to the store.
 */
#ifndef STORE_WALK_H
#define STORE_WALK_H

#include "memcached/store/lru.h"
#include "memcached/store/state.h"

struct walk_step {
    struct store_thread *thread;
    struct stripe *stripe; /* held */
    struct spot spot;
    void *context;
};

/*
 * Calls `each` for the items of `bucket_count` buckets from *cursor on, under their stripe locks;
 * false from it stops before the end of the bucket, which the next call starts anew. True at the
 * end of the index (*cursor is 0 then).
 */
bool walk_buckets(struct store_thread *thread, uint64_t *cursor, unsigned bucket_count,
                  bool (*each)(struct walk_step *step), void *context);

enum { WALK_PICK_MAX = 32 /* items looked up at once, under one class lock */ };

/* Where a walk through the lists of one class stands. One thread. */
struct class_walk {
    unsigned class_id; /* 0: none */
    unsigned segment;  /* the list it is in; LRU_SEGMENT_COUNT: the end is reached */
    unsigned segment_end;
    bool is_from_head;
    bool is_open;  /* the cursor is, in that list */
    uint64_t left; /* items the list had when it was begun, less those looked at */
    struct lru_cursor cursor;
};

/* Hot, warm, cold, temp, each from its tail; or one list from its head. */
void class_walk_begin(struct class_walk *walk, unsigned class_id);
void class_walk_begin_newest(struct class_walk *walk, unsigned class_id, enum lru_segment segment);

/*
 * Calls `each` for the next items, WALK_PICK_MAX or `most` if that is less, under their stripe
 * locks, until it returns false. *looked_at (may be NULL) says how many there were. True at the
 * end.
 */
bool class_walk_step(struct store_thread *thread, struct class_walk *walk, unsigned most,
                     bool (*each)(struct walk_step *step), void *context, unsigned *looked_at);

/* Ends a walk, wherever it stands. */
void class_walk_end(struct store *store, struct class_walk *walk);

#endif
