/*
 * The arena: one reservation of address space, handed out in pages of 1 MB and never given back
 * while the store lives, so that a handle always points at readable memory. Private to the store.
 */
#ifndef STORE_ARENA_H
#define STORE_ARENA_H

#include <stdbool.h>
#include <stdint.h>

#include "memcached/store/store.h"

enum {
    ARENA_PAGE_SHIFT = 20,
    ARENA_HANDLE_SHIFT_MIN = 3,
    ARENA_SLACK_BYTES = 4096, /* behind the last page: a torn key may be compared past its end */
};

/* Handles count units of 1 << shift bytes from base; 0 is none, so base lies one unit early. */
struct arena {
    char *base;
    unsigned shift;
    uint32_t page_count; /* pages that the reservation holds */
    char *start;
    uint64_t reserved_bytes;
};

/*
 * Reserves at least `bytes`, more where address space allows; and so many further pages, as far as
 * handles reach. False when refused.
 */
bool arena_open(struct arena *arena, uint64_t bytes, uint32_t pages_beyond, bool wants_huge);
void arena_close(struct arena *arena);

static inline void *arena_at(const struct arena *arena, uint32_t handle) {
    return arena->base + ((uint64_t)handle << arena->shift);
}

static inline uint32_t arena_handle(const struct arena *arena, const void *place) {
    return (uint32_t)((uint64_t)((const char *)place - arena->base) >> arena->shift);
}

static inline uint64_t arena_offset(const struct arena *arena, uint32_t handle) {
    return (uint64_t)(handle - 1) << arena->shift;
}

static inline uint32_t arena_page(const struct arena *arena, uint32_t handle) {
    return (uint32_t)(arena_offset(arena, handle) >> ARENA_PAGE_SHIFT);
}

static inline uint32_t arena_page_start(const struct arena *arena, uint32_t page) {
    return (uint32_t)(((uint64_t)page << ARENA_PAGE_SHIFT) >> arena->shift) + 1;
}

#endif
