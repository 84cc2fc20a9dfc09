/* Making and ending a store, and its threads' handles. */
#include "memcached/store/store.h"

#include <string.h>

#include "memcached/base/mem.h"
#include "memcached/store/crawler_private.h"
#include "memcached/store/grace.h"
#include "memcached/store/state.h"

void store_config_default(struct store_config *config) {
    *config = (struct store_config){
        .limit_bytes = (uint64_t)64 << 20,
        .item_bytes_max = STORE_PAGE_BYTES,
        .growth_factor = 1.25,
        .item_bytes_min = 48,
        .slab_chunk_bytes_max = 0,
        .hashpower = 16,
        .thread_count_max = 16,
        .is_evicting = true,
        .lru = {.is_segmented = true,
                .hot_percent = 20,
                .warm_percent = 40,
                .hot_max_factor = 0.2,
                .warm_max_factor = 2.0,
                .temp_ttl_s = 61},
        .moves_pages = true,
        .automove = {.level = 1, .window_s = 10, .ratio = 0.8, .freeratio = 0.01},
        .has_lru_maintainer = true,
        .has_crawler = true,
        .crawler_sleep_us = 100,
    };
}

static const char *config_refused(const struct store_config *config) {
    if (!config->clock || !config->rng)
        return "the store needs a clock and a source of chance";
    if (config->limit_bytes < STORE_PAGE_BYTES)
        return "the memory limit must be at least one page of 1 MB";
    if (config->growth_factor <= 1.0)
        return "the growth factor must be greater than 1";
    if (config->hashpower < 8 || config->hashpower > 32)
        return "the hash power must be from 8 to 32";
    if (config->slab_chunk_bytes_max > STORE_PAGE_BYTES ||
        (config->slab_chunk_bytes_max && config->slab_chunk_bytes_max < 512))
        return "the largest slab chunk must be from 512 bytes to 1 MB";
    if (config->item_bytes_max > (uint64_t)1 << 30)
        return "the largest item must be at most 1 GB";
    if (config->thread_count_max == 0)
        return "the store needs at least one thread";
    return NULL;
}

static bool stripes_open(struct store *store, uint32_t thread_count) {
    uint32_t count = INDEX_BUCKETS_MIN;
    while (count < thread_count * STRIPES_PER_THREAD && count < STRIPE_COUNT_MAX &&
           count < store->index.bucket_count_first)
        count *= 2;
    store->stripes = mem_aligned_zalloc(64, sizeof(struct stripe) * count);
    if (!store->stripes)
        return false;
    for (uint32_t i = 0; i < count; i++)
        latch_init(&store->stripes[i].lock, RANK_STRIPE);
    store->stripe_mask = count - 1;
    return true;
}

static void stripes_close(struct store *store) {
    for (uint64_t i = 0; store->stripes && i <= store->stripe_mask; i++)
        latch_destroy(&store->stripes[i].lock);
    mem_free(store->stripes);
}

/* Undoes whatever store_create has got to. */
static void store_take_down(struct store *store) {
    tombstones_close(&store->tombstones);
    stripes_close(store);
    crawler_close(store);
    if (store->index.lines)
        index_close(&store->index);
    if (store->slabs.classes)
        slabs_close(&store->slabs);
    if (store->arena.start)
        arena_close(&store->arena);
    mem_free(store->mover.reads);
    mem_free(store->threads);
    latch_destroy(&store->admin);
    mem_free(store);
}

struct store *store_create(const struct store_config *config, const char **why) {
    *why = config_refused(config);
    if (*why)
        return NULL;
    *why = "out of memory for the store's tables";
    struct store *store = mem_aligned_zalloc(64, sizeof(*store));
    if (!store)
        return NULL;
    latch_init(&store->admin, RANK_STORE_ADMIN);
    store->clock = config->clock;
    store->is_replicated = config->is_replicated;
    store->is_evicting = config->is_evicting;
    store->moves_pages = config->moves_pages;
    store->automove.settings = config->automove;
    store->has_lru_maintainer = config->has_lru_maintainer;
    store->item_bytes_max = config->item_bytes_max;
    store->thread_count_max = config->thread_count_max;
    store_lru_set(store, &config->lru);
    hash_secret_draw(&store->secret, config->rng);
    grace_open(store);
    store->threads = mem_zalloc(sizeof(struct store_thread *) * config->thread_count_max);
    store->mover.reads = mem_zalloc(sizeof(uint32_t) * config->thread_count_max);
    if (!store->threads || !store->mover.reads)
        goto refused;
    if (!arena_open(&store->arena, config->limit_bytes, SLAB_PAGES_BEYOND_MAX,
                    config->wants_huge_pages)) {
        *why = "cannot reserve address space for the memory limit";
        goto refused;
    }
    if (!slabs_open(&store->slabs, config, &store->arena))
        goto refused;
    if (config->has_first_pages && !slab_first_pages_add(&store->slabs, &store->arena)) {
        *why = "with -L the memory limit must be at least 1 MB for each slab class";
        goto refused;
    }
    struct index_config index_config = {
        .hashpower = config->hashpower,
        .items_max = (uint64_t)store->arena.page_count * store->slabs.classes[1].chunks_per_page,
        .is_fixed = config->is_index_fixed,
        .wants_huge = config->wants_huge_pages,
    };
    if (!index_open(&store->index, &index_config))
        goto refused;
    if (!crawler_open(store, config))
        goto refused;
    if (!stripes_open(store, config->thread_count_max))
        goto refused;
    if (config->is_replicated && !tombstones_open(&store->tombstones, config->tombstone_count_max))
        goto refused;
    store_version_advance(store, config->version_floor);
    if (config->is_replicated)
        store_version_advance(store, clock_wall_ms(store->clock) << STORE_VERSION_SEQUENCE_BITS);
    *why = NULL;
    return store;
refused:
    store_take_down(store);
    return NULL;
}

void store_destroy(struct store *store) {
    for (uint32_t i = 0; i < store->thread_count_max; i++)
        CHECK(store->threads[i] == NULL);
    store_take_down(store);
}

uint32_t store_thread_number(const struct store_thread *thread) {
    return thread->number;
}

uint32_t store_thread_count_max(const struct store *store) {
    return store->thread_count_max;
}

void store_observe(struct store *store, const struct store_observer *observer) {
    store->observer = *observer;
}

struct store_thread *store_thread_join(struct store *store) {
    struct store_thread *thread = mem_aligned_zalloc(64, sizeof(*thread));
    if (!thread)
        return NULL;
    thread->store = store;
    latch_acquire(&store->admin);
    while (thread->number < store->thread_count_max && store->threads[thread->number])
        thread->number++;
    bool is_free = thread->number < store->thread_count_max;
    if (is_free)
        store->threads[thread->number] = thread;
    latch_release(&store->admin);
    if (is_free)
        return thread;
    mem_free(thread);
    return NULL;
}

static void counters_add(shared_counter *to, const shared_counter *from, size_t bytes) {
    for (size_t i = 0; i < bytes / sizeof(shared_counter); i++)
        shared_add(&to[i], shared_load(&from[i]));
}

static void totals_add(struct counter_totals *totals, const struct thread_counters *counters,
                       const struct class_counters *classes) {
    counters_add((shared_counter *)&totals->counters, (const shared_counter *)counters,
                 sizeof(*counters));
    counters_add((shared_counter *)totals->classes, (const shared_counter *)classes,
                 sizeof(totals->classes));
}

void totals_gather_locked(struct store *store, struct counter_totals *totals) {
    latch_assert_held(&store->admin);
    memset(totals, 0, sizeof(*totals));
    totals_add(totals, &store->retired.counters, store->retired.classes);
    for (uint32_t i = 0; i < store->thread_count_max; i++) {
        const struct store_thread *thread = store->threads[i];
        if (thread)
            totals_add(totals, &thread->counters, thread->classes);
    }
}

void store_thread_leave(struct store_thread *thread) {
    struct store *store = thread->store;
    latch_acquire(&store->admin);
    CHECK(store->threads[thread->number] == thread);
    totals_add(&store->retired, &thread->counters, thread->classes);
    store->threads[thread->number] = NULL;
    latch_release(&store->admin);
    mem_free(thread);
}

void store_thread_quiesce(struct store_thread *thread) {
    /* ends a read whose confirmation was never asked for */
    if (UNLIKELY(shared_load(&thread->read_count) % 2))
        atomic_store_explicit(&thread->read_count, shared_load(&thread->read_count) + 1,
                              memory_order_release);
}

uint64_t store_hash(const struct store *store, const char *data, size_t bytes) {
    return hash_bytes(&store->secret, data, bytes);
}

uint64_t store_version_now(const struct store *store) {
    return shared_load(&store->version);
}

void store_version_advance(struct store *store, uint64_t version) {
    uint64_t now = shared_load(&store->version);
    while (now < version &&
           !atomic_compare_exchange_weak_explicit(&store->version, &now, version,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void store_acknowledged(struct store *store, uint64_t version) {
    uint64_t now = shared_load(&store->acknowledged);
    while (now < version &&
           !atomic_compare_exchange_weak_explicit(&store->acknowledged, &now, version,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}
