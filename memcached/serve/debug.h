/*
 * What builds for debugging know more: time that passes faster, and items that clients can hold.
 */
#ifndef SERVE_DEBUG_H
#define SERVE_DEBUG_H

#include <stdatomic.h>

#include "memcached/store/store.h"

enum { DEBUG_ITEMS_MAX = 64 /* held at once, of each kind */ };

/*
 * Items held with `debugitem`. Any worker puts one into a free place, or takes it out, with an atomic
 * exchange; the reference goes along. What is left in the end goes with the store.
 */
struct debug_items {
    struct item *_Atomic locked[DEBUG_ITEMS_MAX];
    struct item *_Atomic reffed[DEBUG_ITEMS_MAX];
};

#endif
