#include "memcached/proto/key.h"

#include <stdint.h>
#include <string.h>

static inline uint64_t every_byte(unsigned char byte) {
    return byte * UINT64_C(0x0101010101010101);
}

/*
 * Is any of eight bytes a space, a control character or DEL? A byte has its high bit set in the sum
 * unless it is below 0x21 (bytes from 0x80 on are text); DEL becomes 0 by the exclusive or. The
 * additions carry into no neighbour, as the high bits are masked off before.
 */
static inline bool has_other_than_text(uint64_t bytes) {
    uint64_t low = bytes & every_byte(0x7f);
    uint64_t is_above_space = low + every_byte(0x7f - 0x20);
    uint64_t is_not_delete = (low ^ every_byte(0x7f)) + every_byte(0x7f);
    return ((is_above_space & is_not_delete) | bytes | ~every_byte(0x80)) != UINT64_MAX;
}

bool key_is_text(const char *key, size_t bytes) {
    uint64_t word;
    size_t at = 0;
    for (; at + sizeof(word) <= bytes; at += sizeof(word)) {
        memcpy(&word, key + at, sizeof(word));
        if (has_other_than_text(word))
            return false;
    }
    if (at == bytes)
        return bytes > 0;
    word = every_byte('x');
    memcpy(&word, key + at, bytes - at);
    return !has_other_than_text(word);
}
