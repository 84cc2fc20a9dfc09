/* The crawler as the rest of the store sees it. Private to the store. */
#ifndef STORE_CRAWLER_PRIVATE_H
#define STORE_CRAWLER_PRIVATE_H

#include "memcached/store/crawler.h"
#include "memcached/store/state.h"

/* False when there is no memory. crawler_close takes what crawler_open left, finished or not. */
bool crawler_open(struct store *store, const struct store_config *config);
void crawler_close(struct store *store);

/* Everything has died at once: time to look at all classes. Admin lock held. */
void crawler_note_flush_locked(struct store *store);

/*
 * A client's dump begins: false if another dump or crawl of a client's is under way. From then on
 * *is_cancelled may become true. And it ends.
 */
bool crawler_claim(struct store *store, _Atomic bool *is_cancelled);
void crawler_unclaim(struct store *store, const _Atomic bool *is_cancelled);

#endif
