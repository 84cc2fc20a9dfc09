/*
 * Taking a page away from a class that has many, for one that has none or for a lower limit.
 * Private to the store.
 */
#ifndef STORE_PAGES_H
#define STORE_PAGES_H

#include "memcached/store/state.h"

enum { PAGE_CLASS_ANY = 0 };

/*
 * Empties a page of the richest class, evicting what it holds, and gives it to the pool; without
 * eviction (-M) only a page that is empty already. for_class_id: the class that wants it, from
 * which nothing is taken, or PAGE_CLASS_ANY. True if a page went to the pool. No lock held.
 */
bool page_release(struct store_thread *thread, unsigned for_class_id, bool forgets_memory);

/*
 * While more pages are in use than a lowered limit allows: releases one. True if there is more to
 * do.
 */
bool pages_shrink(struct store_thread *thread);

#endif
