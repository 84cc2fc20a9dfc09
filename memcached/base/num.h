/* Numbers in text: parsing that takes the whole field or refuses it, and fast formatting. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUM_U64_DIGITS_MAX = 20, NUM_STEM_LOWER_DIGITS = 8 };

/*
 * Decimal digits only, the whole of text[0..bytes), no sign, no space, no overflow. False
 * otherwise.
 */
bool num_u64(const char *text, size_t bytes, uint64_t *value);
bool num_u32(const char *text, size_t bytes, uint32_t *value);

/* The same with an optional leading minus sign. */
bool num_i64(const char *text, size_t bytes, int64_t *value);

/*
 * Writes the decimal digits of value at `out` (no NUL) and returns how many. Needs
 * NUM_U64_DIGITS_MAX bytes.
 */
size_t num_put_u64(char *out, uint64_t value);

/*
 * The digits of a number's upper part, for those that mostly have the same: versions, which count
 * upwards all day. All zeros to begin with.
 */
struct num_stem {
    uint64_t upper; /* 0: none yet */
    size_t digit_count;
    char digits[NUM_U64_DIGITS_MAX - NUM_STEM_LOWER_DIGITS];
};

/* As num_put_u64; keeps the stem for the next one. */
size_t num_put_u64_on(char *out, struct num_stem *stem, uint64_t value);

/*
 * A byte count with an optional suffix k, m or g (either case, powers of 1024), as options take it.
 * The whole of the NUL-terminated text, or false.
 */
bool num_bytes(const char *text, uint64_t *value);

#endif
