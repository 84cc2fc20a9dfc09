/*
 * Events on their way from the thread in which they happen to the one that tells of them: a ring of
 * bytes with one producer and one consumer, neither of which ever waits. What finds no room is
 * dropped.
 */
#ifndef SERVE_EVENT_RING_H
#define SERVE_EVENT_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/serve/event.h"

enum {
    EVENT_RING_BYTES_MIN = 1024,
    EVENT_RING_BYTES_MAX = 1 << 30,
};

/*
 *   bytes: ... | taken: the next record to read ... written: the next to write | ...
 *
 * Records are whole multiples of 8 bytes and never cross the end: where one does not fit, a filler
 * (kind EVENT_KIND_COUNT) takes the room up to it. Positions count on for ever.
 */
struct event_ring {
    char *bytes;   /* fixed */
    uint64_t mask; /* fixed: the size less one */
    /* the producer's */
    _Atomic uint64_t written; /* publishes the records before it; the consumer acquires */
    uint64_t taken_seen;
    /* the consumer's */
    _Atomic uint64_t taken __attribute__((aligned(64))); /* gives the room back; likewise */
};

/* Room for so many bytes, rounded up to a power of two. False when there is no memory. */
bool event_ring_init(struct event_ring *ring, size_t bytes);
void event_ring_free(struct event_ring *ring);

/* Copies the event and its text. False: there is no room. The producer. */
bool event_ring_put(struct event_ring *ring, const struct event_record *event, const char *text);

/* The oldest event and its text, or NULL; it stays in place until event_ring_pop. The consumer. */
const struct event_record *event_ring_peek(struct event_ring *ring, const char **text);
/* Gives the room of the event that peek showed back. */
void event_ring_pop(struct event_ring *ring);

#endif
