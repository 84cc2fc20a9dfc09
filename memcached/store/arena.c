#include "memcached/store/arena.h"

#include "memcached/base/mem.h"

/*
 * What is reserved when the address space allows it, so that the limit can be raised while running.
 */
static const uint64_t ARENA_BYTES_WISHED = (uint64_t)32 << 30;

static bool arena_reserve(struct arena *arena, uint64_t bytes, uint32_t pages_beyond,
                          bool wants_huge) {
    const uint64_t handles = UINT32_MAX + (uint64_t)1;
    uint64_t beyond = (uint64_t)pages_beyond << ARENA_PAGE_SHIFT;
    /* `bytes` alone choose the unit: chunk sizes are rounded up to it */
    arena->shift = ARENA_HANDLE_SHIFT_MIN;
    while ((bytes >> arena->shift) > handles)
        arena->shift++;
    uint64_t reach = handles << arena->shift;
    bytes += beyond < reach - bytes ? beyond : reach - bytes;
    arena->start = mem_reserve(bytes + ARENA_SLACK_BYTES, wants_huge);
    if (!arena->start)
        return false;
    arena->reserved_bytes = bytes + ARENA_SLACK_BYTES;
    arena->page_count = (uint32_t)(bytes >> ARENA_PAGE_SHIFT);
    arena->base = arena->start - ((size_t)1 << arena->shift);
    return true;
}

bool arena_open(struct arena *arena, uint64_t bytes, uint32_t pages_beyond, bool wants_huge) {
    uint64_t whole = (bytes + STORE_PAGE_BYTES - 1) >> ARENA_PAGE_SHIFT << ARENA_PAGE_SHIFT;
    if (whole < ARENA_BYTES_WISHED &&
        arena_reserve(arena, ARENA_BYTES_WISHED, pages_beyond, wants_huge))
        return true;
    return arena_reserve(arena, whole, pages_beyond, wants_huge);
}

void arena_close(struct arena *arena) {
    mem_unreserve(arena->start, arena->reserved_bytes);
    arena->start = NULL;
}
