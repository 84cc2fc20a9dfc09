/* What the commands that change items have in common. Private to the store. */
#ifndef STORE_WRITE_H
#define STORE_WRITE_H

#include "memcached/store/link.h"

/* Where a key stands if it is alive; a dead item is unlinked on the way. Stripe lock held. */
struct spot find_alive_locked(struct store_thread *thread, struct stripe *stripe,
                              const struct store_key *key, bool is_counted);

/* What came across a dead item counts it. */
static inline void count_dead(struct store_thread *thread, enum item_life life) {
    if (life == ITEM_EXPIRED)
        shared_add(&thread->counters.get_expired, 1);
    if (life == ITEM_FLUSHED)
        shared_add(&thread->counters.get_flushed, 1);
}

/* A view of an item under the stripe lock: value is NULL if it is chunked. */
void view_fill_locked(struct store_view *view, struct item *item);

/* Sets exptime; a new version only where a peer has to learn of it. Stripe lock held. */
void touch_locked(struct store_thread *thread, struct stripe *stripe, struct item *item,
                  uint64_t hash, uint32_t exptime);

/* Stamps, links and reports a reserved item: STORE_OK or STORE_NO_MEMORY. Stripe lock held. */
enum store_status commit_locked(struct store_thread *thread, struct stripe *stripe, uint64_t hash,
                                struct spot spot, struct item *item, uint64_t explicit_version,
                                uint64_t *version);

/*
 * Unlinks what stands at spot (or nowhere), and leaves behind what every deletion does where there
 * is a peer, whether there was something to delete or not. Stripe lock held.
 */
void delete_locked(struct store_thread *thread, struct stripe *stripe, const struct store_key *key,
                   struct spot spot);

/*
 * The version of a client's change: the explicit one, or the next. A replicated store always takes
 * the next, for an explicit one has no place in the order that both halves of the pair agree on.
 * The clock follows explicit versions, so that a flush reaches what has one; and takes the next for
 * one that a flush has been beyond, or that the clock must not follow.
 */
static inline uint64_t version_for(struct store *store, uint64_t explicit_version) {
    if (LIKELY(!explicit_version) || store->is_replicated)
        return version_next(store);
    if (explicit_version > STORE_VERSION_EXPLICIT_MAX ||
        explicit_version <= shared_load(&store->flush_floor))
        return version_next(store);
    store_version_advance(store, explicit_version);
    return explicit_version;
}

/*
 * Makes a reserved item the key's present one. Stripe lock held; spot is where the key stands (or
 * nowhere).
 */
static inline bool link_item_locked(struct store_thread *thread, struct stripe *stripe,
                                    uint64_t hash, struct spot spot, struct item *item) {
    if (!spot.line)
        return link_insert_locked(thread, stripe, hash, item);
    link_replace_locked(thread, stripe, spot, item);
    return true;
}

#endif
