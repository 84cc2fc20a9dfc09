#include "memcached/proto/key.h"

#include <stdint.h>
#include <string.h>

static inline uint64_t every_byte(unsigned char byte) {
    return byte * UINT64_C(0x0101010101010101);
}

/*
 * Which of eight bytes are neither a space nor a control character nor DEL, by their high bits. A
 * byte has it set in the sum unless it is below 0x21 (bytes from 0x80 on are text); DEL becomes 0 by
 * the exclusive or. The additions carry into no neighbour, as the high bits are masked off before.
 */
static inline uint64_t text_bits(uint64_t bytes) {
    uint64_t low = bytes & every_byte(0x7f);
    uint64_t is_above_space = low + every_byte(0x7f - 0x20);
    uint64_t is_not_delete = (low ^ every_byte(0x7f)) + every_byte(0x7f);
    return (is_above_space & is_not_delete) | bytes;
}

bool key_is_text(const char *key, size_t bytes) {
    uint64_t bits = UINT64_MAX;
    uint64_t word;
    size_t at = 0;
    for (; at + sizeof(word) <= bytes; at += sizeof(word)) {
        memcpy(&word, key + at, sizeof(word));
        bits &= text_bits(word);
    }
    if (at < bytes) {
        word = every_byte('x');
        if (at > 0)
            memcpy(&word, key + bytes - sizeof(word), sizeof(word));
        else
            memcpy(&word, key, bytes);
        bits &= text_bits(word);
    }
    return bytes > 0 && (bits & every_byte(0x80)) == every_byte(0x80);
}
