/* Statistics: summed from the handles and the classes when they are asked for. */
#include <string.h>

#include "memcached/base/mem.h"
#include "memcached/store/link.h"
#include "memcached/store/walk.h"

static uint64_t since_zero(const shared_counter *now, const shared_counter *zero) {
    return shared_load(now) - shared_load(zero);
}

static void stats_from_handles(struct store *store, struct store_stats *out) {
    struct counter_totals totals;
    latch_acquire(&store->admin);
    totals_gather_locked(store, &totals);
    const struct thread_counters *now = &totals.counters;
    const struct thread_counters *zero = &store->zero.counters;
    /* these two are states, not events: a reset leaves them */
    out->curr_items = shared_load(&now->linked_items);
    out->curr_bytes = shared_load(&now->linked_bytes);
    out->lru_bumps_dropped = since_zero(&now->lru_bumps_dropped, &zero->lru_bumps_dropped);
    out->total_items = since_zero(&now->total_items, &zero->total_items);
#define STORE_COUNTER(name, meaning) out->name##_count = since_zero(&now->name, &zero->name);
#include "memcached/store/counters.def"
#undef STORE_COUNTER
    uint32_t buckets = shared_load(&store->index.bucket_count);
    out->index_bucket_count = buckets;
    out->index_overflow_lines = shared_load(&store->index.overflow_used);
    out->index_bytes = (uint64_t)buckets * LINE_BYTES + out->index_overflow_lines * OVERFLOW_BYTES;
    out->hash_is_expanding = index_wants_growth(&store->index);
    out->hash_power_level = 32 - (uint32_t)__builtin_clz((buckets - 1) | 1) + INDEX_UNIT_SHIFT;
    out->is_moving_page = store->mover.phase != MOVER_IDLE;
    out->last_move_wait = store->mover.last_wait;
    latch_release(&store->admin);
    out->lru_maintainer_juggles = shared_load(&store->juggles);
}

static void stats_from_classes(struct store *store, struct store_stats *out) {
    for (unsigned id = 1; id <= store->slabs.class_count; id++) {
        struct slab_class *class = &store->slabs.classes[id];
        latch_acquire(&class->lock);
        struct class_events events = class->events;
        latch_release(&class->lock);
        out->evictions += events.evicted;
        out->reclaimed += events.reclaimed;
        out->expired_unfetched += events.expired_unfetched;
        out->evicted_unfetched += events.evicted_unfetched;
        out->evicted_active += events.evicted_active;
        out->direct_reclaims += events.direct_reclaims;
        out->moves_to_cold += events.moves_to_cold;
        out->moves_to_warm += events.moves_to_warm;
        out->moves_within_lru += events.moves_within_lru;
    }
}

const char *store_move_wait_word(enum store_move_wait wait) {
    static const char *const words[] = {
#define MOVE_WAIT(NAME, word, meaning) word,
#include "memcached/store/move_waits.def"
#undef MOVE_WAIT
    };
    return words[wait];
}

void store_stats(struct store *store, struct store_stats *out) {
    memset(out, 0, sizeof(*out));
    stats_from_handles(store, out);
    stats_from_classes(store, out);
    struct slabs *slabs = &store->slabs;
    latch_acquire(&slabs->page_lock);
    out->limit_bytes = slabs->limit_bytes;
    out->pages_total = slabs->page_used;
    out->pages_free =
        slabs->page_limit > slabs->page_used ? slabs->page_limit - slabs->page_used : 0;
    out->pages_pool = slabs->pool_count < out->pages_free ? slabs->pool_count : out->pages_free;
    out->arena_bytes_taken = (slabs->page_used + out->pages_pool) << ARENA_PAGE_SHIFT;
    latch_release(&slabs->page_lock);
    if (store->is_replicated)
        tombstones_count(&store->tombstones, &out->tombstones, &out->tombstones_forgotten);
}

unsigned store_class_count(const struct store *store) {
    return store->slabs.class_count;
}

static uint32_t list_age(const struct store *store, const struct lru_list *list) {
    if (!list->tail)
        return 0;
    uint32_t now = clock_seconds(store->clock);
    uint32_t then = shared_load(&item_at(store, list->tail)->access_time);
    return now > then ? now - then : 0;
}

void store_class_stats(struct store *store, unsigned class_id, struct store_class_stats *out) {
    CHECK(class_id >= 1 && class_id <= store->slabs.class_count);
    struct slab_class *class = &store->slabs.classes[class_id];
    memset(out, 0, sizeof(*out));
    struct counter_totals totals;
    latch_acquire(&store->admin);
    totals_gather_locked(store, &totals);
    const struct class_counters *now = &totals.classes[class_id];
    const struct class_counters *zero = &store->zero.classes[class_id];
#define CLASS_COUNTER(name, meaning) out->name = since_zero(&now->name, &zero->name);
#include "memcached/store/class_counters.def"
#undef CLASS_COUNTER
    latch_release(&store->admin);
    out->get_hits = out->hits_to_hot + out->hits_to_warm + out->hits_to_cold + out->hits_to_temp;

    latch_acquire(&class->lock);
    out->chunk_bytes = class->chunk_bytes;
    out->chunks_per_page = class->chunks_per_page;
    out->total_pages = class->page_count;
    out->total_chunks = (uint64_t) class->page_count * class->chunks_per_page;
    out->free_chunks = slab_free_chunks_locked(class);
    out->used_chunks = out->total_chunks - out->free_chunks;
    for (unsigned segment = 0; segment < LRU_SEGMENT_COUNT; segment++) {
        out->segment_number[segment] = class->list[segment].count;
        out->number += class->list[segment].count;
        out->mem_requested += class->list[segment].bytes;
    }
    out->age_hot = list_age(store, &class->list[LRU_HOT]);
    out->age_warm = list_age(store, &class->list[LRU_WARM]);
    out->age = list_age(store, &class->list[LRU_COLD]);
    const struct class_events *events = &class->events;
    out->evicted = events->evicted;
    out->evicted_nonzero = events->evicted_nonzero;
    out->evicted_time = class->evicted_time;
    out->outofmemory = events->outofmemory;
    out->reclaimed = events->reclaimed;
    out->expired_unfetched = events->expired_unfetched;
    out->evicted_unfetched = events->evicted_unfetched;
    out->evicted_active = events->evicted_active;
    out->crawler_reclaimed = events->crawler_reclaimed;
    out->crawler_items_checked = events->crawler_items_checked;
    out->lrutail_reflocked = events->lrutail_reflocked;
    out->moves_to_cold = events->moves_to_cold;
    out->moves_to_warm = events->moves_to_warm;
    out->moves_within_lru = events->moves_within_lru;
    out->direct_reclaims = events->direct_reclaims;
    latch_release(&class->lock);
}

void store_stats_reset(struct store *store) {
    latch_acquire(&store->admin);
    totals_gather_locked(store, &store->zero);
    store->mover.last_wait = STORE_MOVE_WAIT_NONE;
    for (unsigned id = 1; id <= store->slabs.class_count; id++) {
        struct slab_class *class = &store->slabs.classes[id];
        latch_acquire(&class->lock);
        memset(&class->events, 0, sizeof(class->events));
        class->evicted_time = 0;
        latch_release(&class->lock);
    }
    latch_release(&store->admin);
}

enum { SIZES_STEP_BYTES = 32, SIZES_WALK_BUCKETS = 64 };

struct size_rows {
    uint64_t *count; /* by size in steps, rounded up */
    uint64_t row_count;
};

static bool size_step(struct walk_step *step) {
    struct size_rows *rows = step->context;
    uint64_t row = (item_reported_bytes(step->spot.item) + SIZES_STEP_BYTES - 1) / SIZES_STEP_BYTES;
    if (row < rows->row_count)
        rows->count[row]++;
    return true;
}

void store_sizes(struct store_thread *thread,
                 void (*row)(void *context, uint32_t bytes, uint64_t count), void *context) {
    struct size_rows rows = {.row_count = thread->store->item_bytes_max / SIZES_STEP_BYTES + 2};
    rows.count = mem_zalloc(rows.row_count * sizeof(uint64_t));
    if (!rows.count)
        return;
    uint64_t cursor = 0;
    while (!walk_buckets(thread, &cursor, SIZES_WALK_BUCKETS, size_step, &rows))
        ;
    for (uint64_t i = 0; i < rows.row_count; i++) {
        if (rows.count[i])
            row(context, (uint32_t)(i * SIZES_STEP_BYTES), rows.count[i]);
    }
    mem_free(rows.count);
}
