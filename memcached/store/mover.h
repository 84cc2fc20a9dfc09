/*
 * The page mover: empties one page chunk by chunk, while everything else goes on, and hands it to
 * another class or to the pool. What lives in it is copied to other chunks of the class; the
 * coldest of the class go where there are none free. Private to the store.
 *
 *   idle --> draining --> waiting --> idle    the page is in its new class, or in the pool
 *               `------------------> idle    given up: the page goes on in the class it was in
 *
 * Draining: chunks of the page that are freed stay off the free list. Waiting: the page is empty,
 * and lock-free reads that began before are still under way (grace.h). One page at a time.
 */
#ifndef STORE_MOVER_H
#define STORE_MOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "memcached/store/store.h"

enum mover_phase { MOVER_IDLE, MOVER_DRAINING, MOVER_WAITING };

enum { MOVER_TO_POOL = 0 };

/* Guarded by the store's admin lock. */
struct mover {
    enum mover_phase phase;
    unsigned from, to; /* slab classes, or MOVER_TO_POOL */
    uint32_t page;
    uint32_t chunk_count; /* chunks of the page that were ever used */
    uint32_t next;        /* the chunk that is looked at next in this pass over the page */
    uint32_t left;        /* chunks in use that this pass could not empty */
    uint32_t emptied;     /* those that it did */
    uint32_t tries;       /* pages of the class that were given up before this one */
    uint64_t begun_ms;
    enum store_move_wait last_wait;
    uint32_t *reads; /* read_count of each handle, noted when the page was empty */
};

enum mover_progress {
    MOVER_ADVANCED, /* there is more to do at once */
    MOVER_STUCK,    /* the rest is held, or being read: later */
    MOVER_DONE,     /* nothing is under way any more */
};

/* All with the admin lock held, and no other. */

/* Begins to empty a page of the class `from`. The mover is idle. False if the class has lost it. */
bool mover_begin_locked(struct store_thread *thread, unsigned from, unsigned to, uint32_t page);

/* Goes on for a slice. */
enum mover_progress mover_step_locked(struct store_thread *thread);

/* Gives up a page that is being drained. */
void mover_give_up_locked(struct store_thread *thread);

/* A page of no class, in use and empty, for a class or for the pool. */
void mover_hand_over_locked(struct store_thread *thread, uint32_t page, unsigned to);

#endif
