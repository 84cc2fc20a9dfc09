/*
 * What an item is, byte by byte. Private to the store.
 *
 *   0        4        8                 16       20       24       28 29 30 31 32       36
 *   +--------+--------+-----------------+--------+--------+--------+--+--+--+--+--------+----
 *   |lru_next|lru_prev|     version     |exptime | access | value  |k |p |m |b |refcount| key,
 *   |        |        |                 |        | _time  | _bytes |e |l |a |i |        | [flags],
 *   |        |        |                 |        |        |        |y |a |r |t |        | [chunk],
 *   +--------+--------+-----------------+--------+--------+--------+--+--+--+--+--------+ value
 *
 * The client flags (4 bytes) are there only if they are not 0, the handle of the second chunk
 * (4 bytes) only in a chunked item. A chunk that continues a chunked item (a value chunk) has the
 * same header, so that a late mark or access time from a lock-free reader lands in no value:
 * lru_next is the next chunk, exptime the item's first, value_bytes how much of the value it holds;
 * in every 64th chunk, version is the chunk 64 further on, so that an offset is found quickly.
 */
#ifndef STORE_ITEM_H
#define STORE_ITEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/store/shared.h"
#include "memcached/store/store.h"

enum lru_segment { LRU_HOT, LRU_WARM, LRU_COLD, LRU_TEMP, LRU_SEGMENT_COUNT };

/* item.bits: written under the stripe lock, or by the owner of an item that is not linked */
enum {
    ITEM_LINKED = 1 << 0,    /* in the index and on an LRU list */
    ITEM_HAS_FLAGS = 1 << 1, /* client flags follow the key */
    ITEM_CHUNKED = 1 << 2,   /* the value goes on in further chunks */
    ITEM_QUEUED = 1 << 3,    /* the observer was told and has not fetched it yet */
    ITEM_STALE = 1 << 4,     /* the value was declared out of date */
    ITEM_CLAIMED = 1 << 5,   /* some client was asked to bring a new value */
    ITEM_EPOCH_SHIFT = 6,    /* the two uppermost: which life of the store it belongs to */
    ITEM_EPOCH_COUNT = 4,
    /* what an item brings along when it is linked */
    ITEM_OWN_BITS = ITEM_HAS_FLAGS | ITEM_CHUNKED | ITEM_STALE | ITEM_CLAIMED,
};

enum { ITEM_STATE_BITS = ITEM_STALE | ITEM_CLAIMED };
_Static_assert((int)STORE_STALE == (int)ITEM_STALE && (int)STORE_CLAIMED == (int)ITEM_CLAIMED,
               "views show these bits as they are");

/*
 * item.mark: set by readers without a lock; a mark may get lost or come late, and nothing depends
 * on it but LRU order
 */
enum {
    ITEM_FETCHED = 1 << 0, /* hit since it was stored */
    ITEM_ACTIVE = 1 << 1,  /* hit again since its last move between segments */
};

enum { ITEM_PLACE_CLASS_MASK = 63, ITEM_PLACE_SEGMENT_SHIFT = 6 };

struct item {
    uint32_t lru_next; /* class lock. Towards the tail. In a free chunk: the free list */
    uint32_t lru_prev;
    _Atomic uint64_t version;
    _Atomic uint32_t exptime;
    _Atomic uint32_t access_time;
    _Atomic uint32_t value_bytes;
    _Atomic uint8_t key_bytes; /* 0 in a value chunk */
    _Atomic uint8_t place;     /* class lock. segment << 6 | class; 0 in a free chunk */
    _Atomic uint8_t mark;
    _Atomic uint8_t bits;
    _Atomic uint32_t refcount; /* the index counts as one; 0 in a free chunk */
    char key[];
};

enum { ITEM_HEADER_BYTES = 36, ITEM_FLAGS_BYTES = 4, ITEM_LINK_BYTES = 4 };
_Static_assert(offsetof(struct item, key) == ITEM_HEADER_BYTES, "the header is 36 bytes");

/*
 * What memcached counts for an item besides key and value: header, CAS, NUL, CR LF. Limits and
 * sizes that clients see go by it.
 */
enum { ITEM_REPORTED_OVERHEAD = 48 + 8 + 1 + 2 };

static inline unsigned item_class(const struct item *item) {
    return shared_load(&item->place) & ITEM_PLACE_CLASS_MASK;
}

static inline unsigned item_segment(const struct item *item) {
    return shared_load(&item->place) >> ITEM_PLACE_SEGMENT_SHIFT;
}

static inline bool item_is_chunked(const struct item *item) {
    return shared_load(&item->bits) & ITEM_CHUNKED;
}

static inline uint32_t item_extra_bytes(unsigned bits) {
    return (bits & ITEM_HAS_FLAGS ? ITEM_FLAGS_BYTES : 0) +
           (bits & ITEM_CHUNKED ? ITEM_LINK_BYTES : 0);
}

/* Where the value begins inside the first chunk, from the item's start. */
static inline uint32_t item_value_offset(unsigned key_bytes, unsigned bits) {
    return ITEM_HEADER_BYTES + key_bytes + item_extra_bytes(bits);
}

static inline char *item_value(struct item *item) {
    return (char *)item +
           item_value_offset(shared_load(&item->key_bytes), shared_load(&item->bits));
}

static inline uint32_t item_client_flags(const struct item *item, unsigned key_bytes,
                                         unsigned bits) {
    return bits & ITEM_HAS_FLAGS ? shared_word32(item->key + key_bytes) : 0;
}

/* The handle of a chunked item's second chunk. */
static inline char *item_link_place(struct item *item) {
    return item_value(item) - ITEM_LINK_BYTES;
}

static inline uint32_t item_second_chunk(struct item *item) {
    uint32_t handle;
    memcpy(&handle, item_link_place(item), sizeof(handle));
    return handle;
}

/*
 * Whether the item holds this key; a reader without a lock must check the stripe's sequence
 * afterwards.
 */
static inline bool item_has_key(const struct item *item, const char *key, uint32_t key_bytes) {
    return shared_load(&item->key_bytes) == key_bytes && shared_equal(item->key, key, key_bytes);
}

/* First hit: fetched; further ones: active. Returns true when this hit made it active. */
static inline bool item_mark_hit(struct item *item, uint32_t now) {
    unsigned mark = shared_load(&item->mark);
    bool becomes_active = false;
    if (UNLIKELY(mark != (ITEM_FETCHED | ITEM_ACTIVE))) {
        becomes_active = mark & ITEM_FETCHED;
        mark |= becomes_active ? ITEM_ACTIVE : ITEM_FETCHED;
        shared_store(&item->mark, (uint8_t)mark);
    }
    if (shared_load(&item->access_time) != now)
        shared_store(&item->access_time, now);
    return becomes_active;
}

#endif
