/*
 * Tombstones: which keys were deleted (or dropped) at which version, so that an older value that
 * arrives late from the peer is not taken for news. Private to the store.
 *
 * The table is bounded: where it has to forget one it raises the floor at or below which values for
 * absent keys are refused. Forgetting is therefore always safe, only less precise.
 */
#ifndef STORE_TOMBSTONE_H
#define STORE_TOMBSTONE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "memcached/base/lock.h"

enum {
    TOMBSTONE_SHARD_COUNT = 64,
    TOMBSTONE_COUNT_DEFAULT = 1 << 18,
    /* kept this long after the peer acknowledged: what was on its way then has arrived */
    TOMBSTONE_GRACE_S = 30,
};

struct tombstone {
    uint64_t hash;
    uint64_t version; /* 0: superseded, waits for its turn to leave the ring */
    uint32_t born_s;
    uint32_t next; /* the next one of its hash chain, as position + 1 */
};

struct tombstone_shard {
    struct latch lock;
    /* guarded by lock; ring, oldest first; chains are position + 1 of their newest entry */
    struct tombstone *ring; /* NULL until the first entry */
    uint32_t *chains;
    uint32_t oldest;
    uint32_t count;
    uint32_t live_count;
    uint64_t forgotten_count;
} __attribute__((aligned(64)));

struct tombstones {
    struct tombstone_shard *shards;
    uint32_t shard_capacity; /* a power of two */
    _Atomic uint64_t floor;  /* highest version ever forgotten before its time */
};

bool tombstones_open(struct tombstones *tombstones, uint32_t count_max);
void tombstones_close(struct tombstones *tombstones);

/* Remembers it; an older one for the same hash is replaced, a newer one stays. Never fails. */
void tombstone_put(struct tombstones *tombstones, uint64_t hash, uint64_t version, uint32_t now_s);

/* The newest version at which a key of this hash is known to be absent; 0: none. */
uint64_t tombstone_find(struct tombstones *tombstones, uint64_t hash);

/* Highest version forgotten before its time; 0: none. */
uint64_t tombstone_floor(const struct tombstones *tombstones);

/* Drops those with a version up to `acknowledged` that are older than the grace time. */
void tombstones_expire(struct tombstones *tombstones, uint64_t acknowledged, uint32_t now_s);

/* Forgets everything, the floor too. */
void tombstones_clear(struct tombstones *tombstones);

void tombstones_count(struct tombstones *tombstones, uint64_t *live, uint64_t *forgotten);

#endif
