/* Finding the end of a word eight bytes at a time. Inline: it runs for every key. */
#ifndef PROTO_SCAN_H
#define PROTO_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "memcached/base/check.h"

static inline uint64_t scan_load8(const char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

static inline uint32_t scan_load4(const char *at) {
    uint32_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* Four characters as scan_load4 reads them. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SCAN_WORD4(a, b, c, d)                                                                     \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#else
#define SCAN_WORD4(a, b, c, d)                                                                     \
    ((uint32_t)(d) | (uint32_t)(c) << 8 | (uint32_t)(b) << 16 | (uint32_t)(a) << 24)
#endif

/*
 * The first byte below 0x21 (space or a control character) at or after `at`; `end` if there is
 * none.
 */
static inline const char *scan_low_byte(const char *at, const char *end) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - at >= 8) {
        uint64_t word = scan_load8(at);
        /* the lowest set bit marks the first byte below 0x21; those above it may be wrong */
        uint64_t low = (word - 0x2121212121212121) & ~word & 0x8080808080808080;
        if (low)
            return at + (__builtin_ctzll(low) >> 3);
        at += 8;
    }
#endif
    while (at < end && (unsigned char)*at > ' ')
        at++;
    return at;
}

/*
 * Is this byte, found by scan_low_byte, the end of a word? A CR is one only right before LF, or as
 * the last byte so far.
 */
static inline bool scan_ends_word(const char *at, const char *end) {
    return *at == ' ' || *at == '\n' || *at == '\0' ||
           (*at == '\r' && (at + 1 == end || at[1] == '\n'));
}

/*
 * Where the word at `at` ends: at a space, a NUL, an LF, or a CR before LF. `end` when it does not
 * end in what is there (a CR as the last byte: at that CR).
 */
static inline const char *scan_word(const char *at, const char *end) {
    at = scan_low_byte(at, end);
    while (UNLIKELY(at < end && !scan_ends_word(at, end)))
        at = scan_low_byte(at + 1, end);
    return at;
}

static inline const char *scan_spaces(const char *at, const char *end) {
    while (at < end && *at == ' ')
        at++;
    return at;
}

/* How many bytes of line end stand at `at`: 2 for CR LF, 1 for a bare LF, 0 if neither. */
static inline unsigned scan_line_end(const char *at, const char *end) {
    if (at < end && *at == '\n')
        return 1;
    return end - at >= 2 && at[0] == '\r' && at[1] == '\n' ? 2 : 0;
}

#endif
