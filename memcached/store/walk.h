/* Going through the index bucket by bucket while it grows. Private to the store. */
#ifndef STORE_WALK_H
#define STORE_WALK_H

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

/*
 * Unlinks what is dead in the next buckets; at the end the cursor goes back to the start. Returns
 * how many.
 */
unsigned walk_drop_dead(struct store_thread *thread, uint64_t *cursor, unsigned bucket_count);

#endif
