#include "memcached/base/hash.h"

#include <string.h>

static inline uint64_t fold(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t read8(const char *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t read4(const char *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

void hash_secret_draw(struct hash_secret *secret, struct rng *rng) {
    for (size_t i = 0; i < 4; i++)
        secret->word[i] = rng_next(rng) | 1;
}

uint64_t hash_bytes(const struct hash_secret *secret, const char *data, size_t bytes) {
    const uint64_t *k = secret->word;
    uint64_t state = k[0] ^ bytes;
    uint64_t a = 0;
    uint64_t b = 0;
    const char *p = data;
    size_t left = bytes;
    while (left > 16) {
        state = fold(read8(p) ^ k[1], read8(p + 8) ^ state);
        p += 16;
        left -= 16;
    }
    if (bytes >= 16) {
        /* the last 16 bytes, overlapping what the loop has read */
        a = read8(data + bytes - 16);
        b = read8(data + bytes - 8);
    } else if (bytes >= 8) {
        a = read8(data);
        b = read8(data + bytes - 8);
    } else if (bytes >= 4) {
        a = read4(data);
        b = read4(data + bytes - 4);
    } else if (bytes > 0) {
        a = ((uint64_t)(unsigned char)data[0] << 16) |
            ((uint64_t)(unsigned char)data[bytes >> 1] << 8) | (unsigned char)data[bytes - 1];
    }
    return fold(fold(a ^ k[1], b ^ state) ^ k[2], state ^ k[3]);
}
