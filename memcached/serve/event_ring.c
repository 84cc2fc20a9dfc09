#include "memcached/serve/event_ring.h"

#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"

enum { RECORD_ALIGNMENT = 8, RING_ALIGNMENT = 64 };

_Static_assert(sizeof(struct event_record) % RECORD_ALIGNMENT == 0, "records keep the alignment");
_Static_assert(offsetof(struct event_record, kind) < RECORD_ALIGNMENT,
               "the smallest filler has a kind");
_Static_assert(EVENT_RING_BYTES_MIN >= 2 * (sizeof(struct event_record) + EVENT_TEXT_BYTES_MAX),
               "every event fits an empty ring, wherever it stands");

bool event_ring_init(struct event_ring *ring, size_t bytes) {
    uint64_t size = EVENT_RING_BYTES_MIN;
    while (size < bytes && size < EVENT_RING_BYTES_MAX)
        size *= 2;
    *ring = (struct event_ring){.mask = size - 1};
    ring->bytes = mem_aligned_zalloc(RING_ALIGNMENT, size);
    return ring->bytes != NULL;
}

void event_ring_free(struct event_ring *ring) {
    mem_free(ring->bytes);
    ring->bytes = NULL;
}

static struct event_record *record_at(const struct event_ring *ring, uint64_t position) {
    return (struct event_record *)(void *)(ring->bytes + (position & ring->mask));
}

/* True if `bytes` more may be written at `position`. */
static bool has_room(struct event_ring *ring, uint64_t position, uint64_t bytes) {
    if (position + bytes - ring->taken_seen <= ring->mask + 1)
        return true;
    /* pairs with the release in event_ring_pop: the room is no longer read */
    ring->taken_seen = atomic_load_explicit(&ring->taken, memory_order_acquire);
    return position + bytes - ring->taken_seen <= ring->mask + 1;
}

bool event_ring_put(struct event_ring *ring, const struct event_record *event, const char *text) {
    CHECK(event->text_bytes <= EVENT_TEXT_BYTES_MAX);
    uint64_t position = atomic_load_explicit(&ring->written, memory_order_relaxed);
    uint64_t bytes = sizeof(*event) + event->text_bytes;
    bytes = (bytes + RECORD_ALIGNMENT - 1) & ~(uint64_t)(RECORD_ALIGNMENT - 1);
    uint64_t to_end = ring->mask + 1 - (position & ring->mask);
    uint64_t filler = to_end < bytes ? to_end : 0;
    if (!has_room(ring, position, filler + bytes))
        return false;
    if (filler) {
        struct event_record *record = record_at(ring, position);
        record->record_bytes = (uint32_t)filler;
        record->kind = EVENT_KIND_COUNT;
        position += filler;
    }
    struct event_record *record = record_at(ring, position);
    *record = *event;
    record->record_bytes = (uint32_t)bytes;
    memcpy(record + 1, text, event->text_bytes);
    atomic_store_explicit(&ring->written, position + bytes, memory_order_release);
    return true;
}

const struct event_record *event_ring_peek(struct event_ring *ring, const char **text) {
    for (;;) {
        uint64_t position = atomic_load_explicit(&ring->taken, memory_order_relaxed);
        if (position == atomic_load_explicit(&ring->written, memory_order_acquire))
            return NULL;
        const struct event_record *event = record_at(ring, position);
        if (event->kind != EVENT_KIND_COUNT) {
            *text = (const char *)(event + 1);
            return event;
        }
        event_ring_pop(ring);
    }
}

void event_ring_pop(struct event_ring *ring) {
    uint64_t position = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    uint64_t bytes = record_at(ring, position)->record_bytes;
    atomic_store_explicit(&ring->taken, position + bytes, memory_order_release);
}
