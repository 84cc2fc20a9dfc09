#include "memcached/store/tombstone.h"

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/store/shared.h"

bool tombstones_open(struct tombstones *tombstones, uint32_t count_max) {
    uint32_t each = (count_max ? count_max : TOMBSTONE_COUNT_DEFAULT) / TOMBSTONE_SHARD_COUNT;
    uint32_t capacity = 1;
    while (capacity * 2 <= each)
        capacity *= 2;
    tombstones->shard_capacity = capacity;
    shared_store(&tombstones->floor, 0);
    tombstones->shards =
        mem_aligned_zalloc(64, sizeof(struct tombstone_shard) * TOMBSTONE_SHARD_COUNT);
    if (!tombstones->shards)
        return false;
    for (unsigned i = 0; i < TOMBSTONE_SHARD_COUNT; i++)
        latch_init(&tombstones->shards[i].lock, RANK_TOMBSTONE);
    return true;
}

void tombstones_close(struct tombstones *tombstones) {
    if (!tombstones->shards)
        return;
    for (unsigned i = 0; i < TOMBSTONE_SHARD_COUNT; i++) {
        latch_destroy(&tombstones->shards[i].lock);
        mem_free(tombstones->shards[i].ring);
        mem_free(tombstones->shards[i].chains);
    }
    mem_free(tombstones->shards);
    tombstones->shards = NULL;
}

static struct tombstone_shard *shard_of(struct tombstones *tombstones, uint64_t hash) {
    return &tombstones->shards[(hash >> 48) % TOMBSTONE_SHARD_COUNT];
}

static void floor_raise(struct tombstones *tombstones, uint64_t version) {
    uint64_t floor = shared_load(&tombstones->floor);
    while (floor < version &&
           !atomic_compare_exchange_weak_explicit(&tombstones->floor, &floor, version,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

/* Room for the shard's entries, had when the first one comes. */
static bool shard_allocate(const struct tombstones *tombstones, struct tombstone_shard *shard) {
    if (shard->ring)
        return true;
    shard->ring = mem_zalloc(sizeof(struct tombstone) * tombstones->shard_capacity);
    shard->chains = mem_zalloc(sizeof(uint32_t) * tombstones->shard_capacity);
    if (shard->ring && shard->chains)
        return true;
    mem_free(shard->ring);
    mem_free(shard->chains);
    shard->ring = NULL;
    shard->chains = NULL;
    return false;
}

static uint32_t *chain_of(const struct tombstones *tombstones, struct tombstone_shard *shard,
                          uint64_t hash) {
    return &shard->chains[hash & (tombstones->shard_capacity - 1)];
}

/* The link that points at the entry of this hash, or at the chain's end (0). */
static uint32_t *chain_find(const struct tombstones *tombstones, struct tombstone_shard *shard,
                            uint64_t hash) {
    uint32_t *link = chain_of(tombstones, shard, hash);
    while (*link && shard->ring[*link - 1].hash != hash)
        link = &shard->ring[*link - 1].next;
    return link;
}

/* Takes the entry out of its chain; its place in the ring stays until it is the oldest. */
static void entry_supersede(struct tombstone_shard *shard, uint32_t *link) {
    struct tombstone *entry = &shard->ring[*link - 1];
    *link = entry->next;
    entry->version = 0;
    shard->live_count--;
}

static void oldest_drop(const struct tombstones *tombstones, struct tombstone_shard *shard) {
    struct tombstone *entry = &shard->ring[shard->oldest];
    if (entry->version)
        entry_supersede(shard, chain_find(tombstones, shard, entry->hash));
    shard->oldest = (shard->oldest + 1) & (tombstones->shard_capacity - 1);
    shard->count--;
}

void tombstone_put(struct tombstones *tombstones, uint64_t hash, uint64_t version, uint32_t now_s) {
    struct tombstone_shard *shard = shard_of(tombstones, hash);
    latch_acquire(&shard->lock);
    if (!shard_allocate(tombstones, shard)) {
        shard->forgotten_count++;
        floor_raise(tombstones, version);
        goto out;
    }
    uint32_t *link = chain_find(tombstones, shard, hash);
    if (*link) {
        if (shard->ring[*link - 1].version >= version)
            goto out;
        entry_supersede(shard, link);
    }
    if (shard->count == tombstones->shard_capacity) {
        uint64_t forgotten = shard->ring[shard->oldest].version;
        if (forgotten) {
            shard->forgotten_count++;
            floor_raise(tombstones, forgotten);
        }
        oldest_drop(tombstones, shard);
    }
    uint32_t at = (shard->oldest + shard->count++) & (tombstones->shard_capacity - 1);
    uint32_t *chain = chain_of(tombstones, shard, hash);
    shard->ring[at] =
        (struct tombstone){.hash = hash, .version = version, .born_s = now_s, .next = *chain};
    *chain = at + 1;
    shard->live_count++;
out:
    latch_release(&shard->lock);
}

uint64_t tombstone_find(struct tombstones *tombstones, uint64_t hash) {
    struct tombstone_shard *shard = shard_of(tombstones, hash);
    uint64_t version = 0;
    latch_acquire(&shard->lock);
    if (shard->ring) {
        uint32_t *link = chain_find(tombstones, shard, hash);
        if (*link)
            version = shard->ring[*link - 1].version;
    }
    latch_release(&shard->lock);
    return version;
}

uint64_t tombstone_floor(const struct tombstones *tombstones) {
    return shared_load(&tombstones->floor);
}

void tombstones_expire(struct tombstones *tombstones, uint64_t acknowledged, uint32_t now_s) {
    for (unsigned i = 0; i < TOMBSTONE_SHARD_COUNT; i++) {
        struct tombstone_shard *shard = &tombstones->shards[i];
        latch_acquire(&shard->lock);
        while (shard->count) {
            const struct tombstone *entry = &shard->ring[shard->oldest];
            bool is_needed = entry->version > acknowledged ||
                             (entry->version && now_s - entry->born_s < TOMBSTONE_GRACE_S);
            if (is_needed)
                break;
            oldest_drop(tombstones, shard);
        }
        latch_release(&shard->lock);
    }
}

void tombstones_clear(struct tombstones *tombstones) {
    for (unsigned i = 0; i < TOMBSTONE_SHARD_COUNT; i++) {
        struct tombstone_shard *shard = &tombstones->shards[i];
        latch_acquire(&shard->lock);
        while (shard->count)
            oldest_drop(tombstones, shard);
        latch_release(&shard->lock);
    }
    shared_store(&tombstones->floor, 0);
}

void tombstones_count(struct tombstones *tombstones, uint64_t *live, uint64_t *forgotten) {
    *live = 0;
    *forgotten = 0;
    for (unsigned i = 0; i < TOMBSTONE_SHARD_COUNT; i++) {
        struct tombstone_shard *shard = &tombstones->shards[i];
        latch_acquire(&shard->lock);
        *live += shard->live_count;
        *forgotten += shard->forgotten_count;
        latch_release(&shard->lock);
    }
}
