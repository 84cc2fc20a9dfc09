#include "memcached/store/slab.h"

#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"

static uint32_t round_up(uint64_t bytes, unsigned alignment) {
    return (uint32_t)((bytes + alignment - 1) / alignment * alignment);
}

/* The sizes that were asked for one by one, as far as they make classes that differ. */
static unsigned listed_sizes(const uint32_t *listed, uint32_t chunk_max, unsigned alignment,
                             uint32_t sizes[STORE_CLASS_COUNT_MAX]) {
    unsigned count = 0;
    for (; *listed && count + 1 < STORE_CLASS_COUNT_MAX - 1; listed++) {
        uint32_t chunk = round_up(round_up(*listed, SLAB_CHUNK_ALIGNMENT), alignment);
        if (chunk < chunk_max && (count == 0 || chunk > sizes[count]))
            sizes[++count] = chunk;
    }
    return count;
}

/* From the smallest on, each larger by the factor. */
static unsigned grown_sizes(const struct store_config *config, uint32_t chunk_max,
                            unsigned alignment, uint32_t sizes[STORE_CLASS_COUNT_MAX]) {
    uint64_t size = (uint64_t)SLAB_COUNTED_HEADER_BYTES + config->item_bytes_min;
    unsigned count = 0;
    while (count + 1 < STORE_CLASS_COUNT_MAX - 1 &&
           (double)size <= chunk_max / config->growth_factor) {
        uint32_t aligned = round_up(size, SLAB_CHUNK_ALIGNMENT);
        uint32_t chunk = round_up(aligned, alignment);
        if (count == 0 || chunk > sizes[count])
            sizes[++count] = chunk;
        size = (uint64_t)(aligned * config->growth_factor);
        if (size <= aligned)
            size = aligned + 1;
    }
    return count;
}

unsigned slab_sizes(const struct store_config *config, unsigned alignment,
                    uint32_t sizes[STORE_CLASS_COUNT_MAX]) {
    uint32_t chunk_max = config->slab_chunk_bytes_max;
    if (chunk_max == 0)
        chunk_max = STORE_PAGE_BYTES / 2;
    unsigned count = config->class_sizes
                         ? listed_sizes(config->class_sizes, chunk_max, alignment, sizes)
                         : grown_sizes(config, chunk_max, alignment, sizes);
    sizes[++count] = round_up(chunk_max, alignment);
    return count;
}

static bool classes_open(struct slabs *slabs, const struct arena *arena,
                         const uint32_t sizes[STORE_CLASS_COUNT_MAX]) {
    slabs->classes = mem_aligned_zalloc(64, sizeof(struct slab_class) * (slabs->class_count + 1));
    if (!slabs->classes)
        return false;
    for (unsigned id = 0; id <= slabs->class_count; id++) {
        struct slab_class *class = &slabs->classes[id];
        latch_init(&class->lock, RANK_CLASS);
        class->draining_page = PAGE_NONE;
        class->spare_head = PAGE_NONE;
        if (id == 0)
            continue;
        class->chunk_bytes = sizes[id];
        class->chunk_units = sizes[id] >> arena->shift;
        class->chunks_per_page = STORE_PAGE_BYTES / sizes[id];
    }
    return true;
}

bool slabs_open(struct slabs *slabs, const struct store_config *config, const struct arena *arena) {
    uint32_t sizes[STORE_CLASS_COUNT_MAX];
    slabs->class_count = slab_sizes(config, 1u << arena->shift, sizes);
    slabs->chunk_bytes_max = sizes[slabs->class_count];
    uint32_t units = slabs->chunk_bytes_max / 8 + 1;
    slabs->class_of_units = mem_alloc(units);
    slabs->page_class = mem_zalloc(arena->page_count);
    slabs->page_next = mem_zalloc(sizeof(uint32_t) * arena->page_count);
    slabs->pool_head = PAGE_NONE;
    latch_init(&slabs->page_lock, RANK_PAGES);
    if (!slabs->class_of_units || !slabs->page_class || !slabs->page_next ||
        !classes_open(slabs, arena, sizes)) {
        slabs_close(slabs);
        return false;
    }
    unsigned id = 1;
    for (uint32_t unit = 0; unit < units; unit++) {
        while (unit * 8 > sizes[id])
            id++;
        slabs->class_of_units[unit] = (uint8_t)id;
    }
    /* with -M, both nodes of a pair have to have room for the same, in whatever order it comes */
    slabs->is_limit_exact = config->is_replicated && !config->is_evicting;
    slabs->limit_bytes = config->limit_bytes;
    slabs->page_limit = (uint32_t)(config->limit_bytes >> ARENA_PAGE_SHIFT);
    return true;
}

void slabs_close(struct slabs *slabs) {
    if (slabs->classes) {
        for (unsigned id = 0; id <= slabs->class_count; id++)
            latch_destroy(&slabs->classes[id].lock);
    }
    latch_destroy(&slabs->page_lock);
    mem_free(slabs->classes);
    mem_free(slabs->page_next);
    mem_free((void *)slabs->page_class);
    mem_free(slabs->class_of_units);
    memset(slabs, 0, sizeof(*slabs));
}

static void fresh_page_locked(struct slab_class *class, const struct arena *arena, uint32_t page) {
    class->fresh_handle = arena_page_start(arena, page);
    class->fresh_left = class->chunks_per_page;
}

bool slab_page_open_locked(struct slabs *slabs, const struct arena *arena, unsigned class_id) {
    struct slab_class *class = &slabs->classes[class_id];
    DCHECK(class->fresh_left == 0);
    uint32_t page = slab_page_unspare_locked(slabs, class_id);
    if (page == PAGE_NONE)
        return false;
    fresh_page_locked(class, arena, page);
    return true;
}

/* Page lock held. */
static uint32_t pool_pop(struct slabs *slabs) {
    uint32_t page = slabs->pool_head;
    if (page != PAGE_NONE) {
        slabs->pool_head = slabs->page_next[page];
        if (slabs->pool_count)
            slabs->pool_count--;
    }
    return page;
}

/* Whether a class may have a new page. Page lock held. */
static bool may_add(struct slabs *slabs, const struct slab_class *class) {
    if (slabs->page_used < slabs->page_limit)
        return true;
    return !slabs->is_limit_exact && !class->has_had_page;
}

/* Pages that have come to be within the limit are not beyond it. Page lock held. */
static void beyond_adjust(struct slabs *slabs) {
    uint32_t over = slabs->page_used > slabs->page_limit ? slabs->page_used - slabs->page_limit : 0;
    if (slabs->page_beyond > over)
        slabs->page_beyond = over;
}

bool slab_page_add_locked(struct slabs *slabs, const struct arena *arena, unsigned class_id) {
    struct slab_class *class = &slabs->classes[class_id];
    latch_assert_held(&class->lock);
    if (UNLIKELY(class->spare_head != PAGE_NONE))
        return slab_page_open_locked(slabs, arena, class_id);
    DCHECK(class->fresh_left == 0);
    uint32_t page = PAGE_NONE;
    latch_acquire(&slabs->page_lock);
    if (may_add(slabs, class)) {
        page = pool_pop(slabs);
        if (page == PAGE_NONE && slabs->page_fresh < arena->page_count)
            page = slabs->page_fresh++;
    }
    if (page != PAGE_NONE) {
        slabs->page_beyond += slabs->page_used >= slabs->page_limit;
        slabs->page_used++;
        shared_store(&slabs->page_class[page], (uint8_t)class_id);
    }
    latch_release(&slabs->page_lock);
    if (page == PAGE_NONE)
        return false;
    class->page_count++;
    class->has_had_page = true;
    fresh_page_locked(class, arena, page);
    return true;
}

bool slab_first_pages_add(struct slabs *slabs, const struct arena *arena) {
    if (slabs->class_count > slabs->page_limit)
        return false;
    for (unsigned id = 1; id <= slabs->class_count; id++) {
        latch_acquire(&slabs->classes[id].lock);
        bool has_page = slab_page_add_locked(slabs, arena, id);
        latch_release(&slabs->classes[id].lock);
        CHECK(has_page);
    }
    return true;
}

void slab_page_give_locked(struct slabs *slabs, unsigned class_id, uint32_t page) {
    struct slab_class *class = &slabs->classes[class_id];
    latch_assert_held(&class->lock);
    shared_store(&slabs->page_class[page], (uint8_t)class_id);
    slabs->page_next[page] = class->spare_head;
    class->spare_head = page;
    class->spare_count++;
    class->page_count++;
    class->has_had_page = true;
}

uint32_t slab_page_unspare_locked(struct slabs *slabs, unsigned class_id) {
    struct slab_class *class = &slabs->classes[class_id];
    latch_assert_held(&class->lock);
    uint32_t page = class->spare_head;
    if (page != PAGE_NONE) {
        class->spare_head = slabs->page_next[page];
        class->spare_count--;
    }
    return page;
}

void slab_page_free(struct slabs *slabs, uint32_t page) {
    latch_acquire(&slabs->page_lock);
    shared_store(&slabs->page_class[page], 0);
    slabs->page_next[page] = slabs->pool_head;
    slabs->pool_head = page;
    slabs->pool_count++;
    slabs->page_used--;
    beyond_adjust(slabs);
    latch_release(&slabs->page_lock);
}

bool slab_limit_set(struct slabs *slabs, const struct arena *arena, uint64_t limit_bytes) {
    uint64_t pages = limit_bytes >> ARENA_PAGE_SHIFT;
    if (pages == 0 || pages > arena->page_count)
        return false;
    latch_acquire(&slabs->page_lock);
    slabs->page_limit = (uint32_t)pages;
    slabs->limit_bytes = limit_bytes;
    beyond_adjust(slabs);
    latch_release(&slabs->page_lock);
    return true;
}

bool slab_is_over_limit(struct slabs *slabs) {
    latch_acquire(&slabs->page_lock);
    bool is_over = slabs->page_used > slabs->page_limit + slabs->page_beyond;
    latch_release(&slabs->page_lock);
    return is_over;
}

uint32_t slab_pool_take(struct slabs *slabs) {
    uint32_t page = PAGE_NONE;
    latch_acquire(&slabs->page_lock);
    if (slabs->pool_count && slabs->page_used < slabs->page_limit) {
        page = pool_pop(slabs);
        slabs->page_used++;
    }
    latch_release(&slabs->page_lock);
    return page;
}

bool slab_pool_trim(struct slabs *slabs, const struct arena *arena, unsigned most) {
    latch_acquire(&slabs->page_lock);
    uint32_t room = slabs->page_limit > slabs->page_used ? slabs->page_limit - slabs->page_used : 0;
    uint32_t excess = slabs->pool_count > room ? slabs->pool_count - room : 0;
    uint32_t count = excess < most ? excess : most;
    /* the last ones of those with memory, so that the first pool_count stay the ones that have it */
    slabs->pool_count -= count;
    uint32_t page = slabs->pool_head;
    for (uint32_t i = 0; count && i < slabs->pool_count; i++)
        page = slabs->page_next[page];
    for (uint32_t i = 0; i < count; i++) {
        mem_forget(arena_at(arena, arena_page_start(arena, page)), STORE_PAGE_BYTES);
        page = slabs->page_next[page];
    }
    latch_release(&slabs->page_lock);
    return excess > count;
}
