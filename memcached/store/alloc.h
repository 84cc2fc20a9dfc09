/* Memory for one item, from however many chunks it takes. Private to the store. */
#ifndef STORE_ALLOC_H
#define STORE_ALLOC_H

#include "memcached/store/state.h"

enum { CHUNK_SKIP = 64 }; /* every 64th value chunk knows the one 64 further on */

/*
 * One chunk of the class: free, from a new page, reclaimed or evicted. NULL if none can be had. No
 * lock held.
 */
struct item *chunk_take(struct store_thread *thread, unsigned class_id);

/* store_reserve that counts no refusal. */
struct item *item_reserve(struct store_thread *thread, const struct store_key *key,
                          uint32_t client_flags, uint32_t exptime, uint64_t value_bytes,
                          enum store_status *why);

/*
 * Copies all of one item's value to `offset` of another's, chunk by chunk; both are the caller's or
 * held.
 */
void item_copy_value(const struct store *store, struct item *to, uint64_t offset,
                     struct item *from);

#endif
