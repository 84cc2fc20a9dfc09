/* Which keys there are, what each one's value is, and which key comes next. */
#ifndef BENCH_KEYS_H
#define BENCH_KEYS_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "memcached/base/rng.h"

enum {
    KEY_BYTES_MIN = 8,
    KEY_BYTES_MAX = 250,
    VALUE_SIZES_MAX = 16,
    ZIPF_DRAWS = 1 << 20, /* drawn ahead and walked in a circle: drawing costs more than sending */
};

/* Value sizes: the `sizes` listed, in equal shares; or, where is_range, sizes[0] to sizes[1]. */
struct size_spec {
    uint32_t sizes[VALUE_SIZES_MAX];
    uint32_t size_count;
    bool is_range;
};

/*
 * The key with index i is a prefix and i in 8 hexadecimal digits; its value is a stamp of 8 bytes,
 * a function of i alone, repeated over a size that is a function of i alone. So every reply can be
 * checked without remembering what was stored. Read-only once made: shared by all threads.
 */
struct keyspace {
    uint32_t key_count;
    uint32_t key_bytes;
    uint32_t value_bytes_max;
    struct size_spec sizes;
    char prefix[KEY_BYTES_MAX];
    uint32_t *zipf_draws; /* NULL: uniform */
};

/* theta 0: uniform; else zipf with 0 < theta < 1. False when there is no memory. */
bool keyspace_make(struct keyspace *keys, uint32_t key_count, uint32_t key_bytes,
                   const struct size_spec *sizes, double theta, struct rng *rng);
void keyspace_drop(struct keyspace *keys);

/* Where one thread is in its choice of keys. */
struct key_picker {
    struct rng rng;
    uint32_t zipf_at;
};

void key_picker_start(struct key_picker *picker, uint64_t seed);

static inline uint32_t key_pick(const struct keyspace *keys, struct key_picker *picker) {
    if (keys->zipf_draws)
        return keys->zipf_draws[picker->zipf_at++ & (ZIPF_DRAWS - 1)];
    return (uint32_t)(((rng_next(&picker->rng) >> 32) * keys->key_count) >> 32);
}

/*
 * Eight hexadecimal digits at once: spread the nibbles over bytes, then add '0' or 'a' - 10 to
 * each.
 */
static inline uint64_t key_digits(uint32_t index) {
    uint64_t v = index;
    v = ((v << 16) | v) & 0x0000ffff0000ffffull;
    v = ((v << 8) | v) & 0x00ff00ff00ff00ffull;
    v = ((v << 4) | v) & 0x0f0f0f0f0f0f0f0full;
    uint64_t letters = ((v + 0x0606060606060606ull) >> 4) & 0x0101010101010101ull;
    return htobe64(v + 0x3030303030303030ull + letters * ('a' - '0' - 10));
}

/* Writes key_bytes bytes. */
static inline void key_put(const struct keyspace *keys, char *out, uint32_t index) {
    uint64_t digits = key_digits(index);
    memcpy(out, keys->prefix, keys->key_bytes - 8);
    memcpy(out + keys->key_bytes - 8, &digits, 8);
}

/* Whether the key_bytes bytes at `text` are the key with this index. */
static inline bool key_matches(const struct keyspace *keys, const char *text, uint32_t index) {
    uint64_t digits;
    memcpy(&digits, text + keys->key_bytes - 8, 8);
    return digits == key_digits(index) && memcmp(text, keys->prefix, keys->key_bytes - 8) == 0;
}

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t key_mix(uint64_t v) {
    v += 0x9e3779b97f4a7c15ull;
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9ull;
    v = (v ^ (v >> 27)) * 0x94d049bb133111ebull;
    return v ^ (v >> 31);
}

/* Eight printable bytes: none of them a CR or LF. */
static inline uint64_t value_stamp(uint32_t index) {
    return (key_mix(index) & 0x3f3f3f3f3f3f3f3full) + 0x3030303030303030ull;
}

uint32_t value_bytes_drawn(const struct keyspace *keys, uint32_t index);

static inline uint32_t value_bytes(const struct keyspace *keys, uint32_t index) {
    return keys->sizes.size_count == 1 ? keys->sizes.sizes[0] : value_bytes_drawn(keys, index);
}

static inline void value_put(char *out, uint32_t index, uint32_t bytes) {
    uint64_t stamp = value_stamp(index);
    uint32_t at = 0;
    for (; at + 8 <= bytes; at += 8)
        memcpy(out + at, &stamp, 8);
    memcpy(out + at, &stamp, bytes - at);
}

static inline bool value_matches(const char *in, uint32_t index, uint32_t bytes) {
    uint64_t stamp = value_stamp(index), differs = 0, word;
    uint32_t at = 0;
    for (; at + 8 <= bytes; at += 8) {
        memcpy(&word, in + at, 8);
        differs |= word ^ stamp;
    }
    return differs == 0 && memcmp(in + at, &stamp, bytes - at) == 0;
}

#endif
