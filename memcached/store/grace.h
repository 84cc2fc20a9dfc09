/*
 * Lock-free reads and memory that changes its shape. Private to the store.
 *
 * Memory is never unmapped, so a late reader reads rubbish at worst and its sequence check says so.
 * But a confirmed reader then *writes* its mark and access time into the item's header. Within one
 * class that is harmless (every chunk keeps those bytes for it); a page may change class only when
 * no read that began before its items were unlinked is still under way. Each handle's read_count is
 * odd during a read; membarrier(2) makes sure that a read that is not seen here started later.
 */
#ifndef STORE_GRACE_H
#define STORE_GRACE_H

#include "memcached/store/state.h"

/* Asks the kernel for membarrier; without it readers pay for a fence of their own. */
void grace_open(struct store *store);

/* Notes which handles are reading now. Admin lock held. */
void grace_note_locked(const struct store *store, const struct store_thread *own, uint32_t *reads);

/* True once every read noted has ended. Admin lock held. */
bool grace_has_passed_locked(const struct store *store, const uint32_t *reads);

static inline void read_begin(struct store_thread *thread, bool needs_fence) {
    shared_store(&thread->read_count, shared_load(&thread->read_count) | 1);
    if (UNLIKELY(needs_fence))
        shared_fence_full();
    else
        atomic_signal_fence(memory_order_seq_cst);
}

/* Pairs with the loads in grace_has_passed_locked: the marks are made. */
static inline void read_end(struct store_thread *thread) {
    atomic_store_explicit(&thread->read_count, (shared_load(&thread->read_count) | 1) + 1,
                          memory_order_release);
}

#endif
