/*
 * The index: buckets of one cache line, linear hashing in place. Private to the store.
 *
 * A bucket:         8 tags | 4 tags | overflow | 12 handles      (8 + 4 + 4 + 48 = 64 bytes)
 * An overflow line: the same with 4 handles only                 (8 + 4 + 4 + 16 = 32 bytes)
 *
 * A tag is a byte of the hash that does not choose the bucket; 0 is an empty slot, and the tags
 * that an overflow line has no handles for say so. A bucket that needs more than 12 slots goes on
 * in overflow lines, which come from an array of their own.
 *
 * bucket_count grows one bucket at a time: the newest bucket takes its share of the one whose
 * number it has without its top bit. Lines are reserved once, never moved and never unmapped.
 */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include "memcached/base/check.h"
#include "memcached/base/lock.h"
#include "memcached/store/arena.h"
#include "memcached/store/item.h"
#include "memcached/store/shared.h"
#include "memcached/store/store.h"

#if defined(__SSE2__) && !STORE_TSAN
#include <emmintrin.h>
#define INDEX_SSE2 1
#else
#define INDEX_SSE2 0
#endif

enum {
    LINE_SLOTS = 12,
    LINE_BYTES = 64,
    OVERFLOW_SLOTS = 4,
    OVERFLOW_BYTES = 32,
    TAG_EMPTY = 0,
    TAG_NO_SLOT = 255,
    INDEX_UNIT_SHIFT = 3, /* memcached's bucket is 8 bytes: a line counts as 2^3 of them */
    INDEX_BUCKETS_MIN = 64,
    INDEX_BUCKETS_PER_OVERFLOW = 3, /* grow when there is an overflow line for fewer buckets */
    INDEX_ITEMS_PER_BUCKET_MIN = 8, /* growth stops at more of them on average, all in all */
    INDEX_HOPS_MAX = 192,           /* a reader without a lock gives up on a longer chain */
};

struct line {
    _Atomic uint64_t tags_low;  /* slots 0..7, slot 0 in the lowest byte */
    _Atomic uint32_t tags_high; /* slots 8..11 */
    _Atomic uint32_t overflow;  /* number of the next line of this bucket; 0: none */
    _Atomic uint32_t slot[];    /* LINE_SLOTS in a bucket's first line, then OVERFLOW_SLOTS */
} __attribute__((aligned(16)));

struct index {
    /* fixed after index_open */
    char *lines;          /* LINE_BYTES each */
    char *overflow_lines; /* OVERFLOW_BYTES each; number 0 is never used */
    uint32_t bucket_count_first;
    uint32_t bucket_count_max;
    uint32_t overflow_count_max;
    uint64_t lines_bytes;
    uint64_t overflow_bytes;

    /* grows under the admin lock and the stripe lock of the bucket that splits */
    _Atomic uint32_t bucket_count;

    struct latch overflow_lock __attribute__((aligned(64)));
    /* guarded by overflow_lock; the last may be read without */
    uint32_t overflow_free;  /* list through line.overflow */
    uint32_t overflow_fresh; /* first number never used */
    _Atomic uint64_t overflow_used;
};

/* Where a key stands. line is NULL when it is nowhere. */
struct spot {
    struct line *line;
    unsigned slot;
    bool has_expired; /* what stood there was found to be over */
    struct item *item;
};

struct index_config {
    unsigned hashpower; /* memcached's: 2^hashpower units of 8 bytes to begin with */
    uint64_t items_max;
    bool is_fixed; /* never more buckets than at the start */
    bool wants_huge;
};

bool index_open(struct index *index, const struct index_config *config);
void index_close(struct index *index);

static inline uint8_t index_tag(uint64_t hash) {
    uint8_t tag = (uint8_t)(hash >> 56);
    return tag == TAG_EMPTY ? 1 : tag == TAG_NO_SLOT ? TAG_NO_SLOT - 1 : tag;
}

/*
 * The bucket of a hash while there are `count` of them: the low bits, one fewer if that bucket is
 * not there yet.
 */
static inline uint32_t index_bucket_of(uint64_t hash, uint32_t count) {
    uint32_t mask = UINT32_MAX >> __builtin_clz((count - 1) | 1);
    uint32_t bucket = (uint32_t)hash & mask;
    return bucket < count ? bucket : bucket & (mask >> 1);
}

/* The first line of a bucket. */
static inline struct line *index_bucket(const struct index *index, uint32_t bucket) {
    return (struct line *)(void *)(index->lines + (uint64_t)bucket * LINE_BYTES);
}

static inline struct line *index_overflow(const struct index *index, uint32_t number) {
    return (struct line *)(void *)(index->overflow_lines + (uint64_t)number * OVERFLOW_BYTES);
}

static inline struct line *index_line(const struct index *index, uint64_t hash) {
    return index_bucket(index, index_bucket_of(hash, shared_load(&index->bucket_count)));
}

static inline struct line *index_next(const struct index *index, const struct line *line) {
    uint32_t number = shared_load(&line->overflow);
    return number ? index_overflow(index, number) : NULL;
}

/* The slots of a line that carry a tag, as bits 0..11. */
static inline unsigned line_match(const struct line *line, uint8_t tag) {
#if INDEX_SSE2
    __m128i tags = _mm_load_si128((const __m128i *)(const void *)line);
    __m128i same = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag));
    return (unsigned)_mm_movemask_epi8(same) & ((1u << LINE_SLOTS) - 1);
#else
    const uint64_t each = 0x0101010101010101u;
    const uint64_t low_bits = 0x7f7f7f7f7f7f7f7fu;
    uint64_t differ_low = shared_load(&line->tags_low) ^ (each * tag);
    uint64_t differ_high = shared_load(&line->tags_high) ^ (each * tag);
    /* 0x80 in each byte that is zero, exactly; then one bit a byte gathered at the top */
    uint64_t zero_low = ~(((differ_low & low_bits) + low_bits) | differ_low | low_bits);
    uint64_t zero_high = ~(((differ_high & low_bits) + low_bits) | differ_high | low_bits);
    unsigned low = (unsigned)(((zero_low >> 7) * 0x0102040810204080u) >> 56);
    unsigned high = (unsigned)(((zero_high >> 7) * 0x0102040810204080u) >> 56) & 0xf;
    return low | high << 8;
#endif
}

/* The slots of a line that hold something. */
static inline unsigned line_used(const struct line *line) {
    unsigned unused = line_match(line, TAG_EMPTY) | line_match(line, TAG_NO_SLOT);
    return ~unused & ((1u << LINE_SLOTS) - 1);
}

static inline uint8_t line_tag(const struct line *line, unsigned slot) {
    return slot < 8 ? (uint8_t)(shared_load(&line->tags_low) >> (8 * slot))
                    : (uint8_t)(shared_load(&line->tags_high) >> (8 * (slot - 8)));
}

/* Everything below: the bucket's stripe lock held; where it changes something, the sequence odd. */

/* Finds a key (NULL line if absent). */
static inline struct spot index_find(const struct index *index, const struct arena *arena,
                                     const struct store_key *key) {
    uint8_t tag = index_tag(key->hash);
    struct line *line = index_line(index, key->hash);
    do {
        for (unsigned match = line_match(line, tag); match; match &= match - 1) {
            unsigned slot = (unsigned)__builtin_ctz(match);
            struct item *item = arena_at(arena, shared_load(&line->slot[slot]));
            if (item_has_key(item, key->data, key->bytes))
                return (struct spot){.line = line, .slot = slot, .item = item};
        }
        line = index_next(index, line);
    } while (UNLIKELY(line != NULL));
    return (struct spot){.line = NULL};
}

/* Finds the slot that holds this handle. */
struct spot index_find_handle(const struct index *index, const struct arena *arena, uint64_t hash,
                              uint32_t handle);

/* Puts a handle into the bucket of `hash`. False when overflow lines have run out. */
bool index_insert(struct index *index, uint64_t hash, uint32_t handle);

/* Takes a slot out of its bucket; other slots of the bucket may move. */
void index_remove(struct index *index, uint64_t hash, struct spot spot);

static inline void index_replace(struct spot spot, uint32_t handle) {
    shared_store(&spot.line->slot[spot.slot], handle);
}

/* Whether there are too many overflow lines for so few buckets. Needs no lock. */
static inline bool index_wants_growth(const struct index *index) {
    uint32_t count = shared_load(&index->bucket_count);
    return shared_load(&index->overflow_used) * INDEX_BUCKETS_PER_OVERFLOW > count &&
           count < index->bucket_count_max;
}

/*
 * Growth by one bucket, asking `hash_of` for the hash of each item of the bucket that splits. False
 * (and nothing done) when overflow lines have run out.
 */
typedef uint64_t (*index_hash_of)(const void *context, const struct item *item);
static inline uint32_t index_split_source(uint32_t count) {
    return count & (UINT32_MAX >> __builtin_clz(count) >> 1);
}
bool index_split(struct index *index, const struct arena *arena, index_hash_of hash_of,
                 const void *context);
/* Fetches the lines and items that index_split will look at. */
void index_split_prefetch(const struct index *index, const struct arena *arena);

/*
 * A walk goes through the buckets in the order of their bit-reversed numbers, in which a bucket's
 * halves stay neighbours.
 */
uint32_t index_walk_bucket(const struct index *index, uint64_t cursor);
/* The cursor behind that bucket; 0 at the end. */
uint64_t index_walk_next(const struct index *index, uint64_t cursor);

#endif
