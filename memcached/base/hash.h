/*
 * The key hash: 64 bits, keyed with secrets drawn at start so that nobody outside can aim at a
 * bucket.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "memcached/base/rng.h"

struct hash_secret {
    uint64_t word[4]; /* fixed after hash_secret_draw */
};

void hash_secret_draw(struct hash_secret *secret, struct rng *rng);

/*
 * Folded 64x64->128 bit multiplication over 16-byte steps (the construction of Wang Yi's wyhash).
 * Any thread.
 */
uint64_t hash_bytes(const struct hash_secret *secret, const char *data, size_t bytes);

#endif
