/* Moving what one chunk of a page holds to another chunk of its class. Private to the store. */
#ifndef STORE_MOVER_CHUNK_H
#define STORE_MOVER_CHUNK_H

#include "memcached/store/state.h"

enum chunk_fate {
    CHUNK_IS_FREE,        /* and off the free list: it stays free */
    CHUNK_IS_BUSY,        /* held, or reserved and being filled */
    CHUNK_HAS_LONG_CHAIN, /* its item has too many to look through */
    CHUNK_HAS_GONE,       /* it, or something else in the way, went: look again */
    CHUNK_NO_MEMORY,      /* there is no other chunk for it */
};

/*
 * The item a chunk belongs to if that is linked, or NULL: reserved, or held after it was unlinked.
 * Of a chunk that is in use; the lock of its class held.
 */
struct item *chunk_owner_locked(const struct store *store, struct item *chunk);

/*
 * Makes a chunk of the page that its class drains free. *spare is a free chunk of the class, or
 * NULL: one is taken where it is needed, and left for the next call or for
 * chunk_spare_return. Admin lock held.
 */
enum chunk_fate chunk_empty(struct store_thread *thread, struct slab_class *class,
                            struct item *chunk, struct item **spare);

void chunk_spare_return(struct store_thread *thread, struct slab_class *class, struct item *spare);

#endif
