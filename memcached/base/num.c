#include "memcached/base/num.h"

#include <endian.h>
#include <string.h>

#include "memcached/base/check.h"

enum { BLOCK_DIGITS = 8, BLOCK = 100000000 }; /* one more than so many digits can say */

/*
 * Eight digits at once, all of one word: neighbours are joined three times, ones to tens, tens to
 * hundreds, those to the whole. False if a byte is no digit: one that is has 3 as its upper half,
 * also with 6 added.
 */
static inline bool eight_digits(const char *text, uint64_t *value) {
    uint64_t word;
    memcpy(&word, text, sizeof(word));
    word = le64toh(word);
    uint64_t more = word + UINT64_C(0x0606060606060606);
    uint64_t wrong = (word ^ UINT64_C(0x3030303030303030)) | (more ^ UINT64_C(0x3030303030303030));
    if (wrong & UINT64_C(0xf0f0f0f0f0f0f0f0))
        return false;
    word &= UINT64_C(0x0f0f0f0f0f0f0f0f);
    word = (word * 10 + (word >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
    word = (word * 100 + (word >> 16)) & UINT64_C(0x0000ffff0000ffff);
    *value = (uint32_t)(word * 10000 + (word >> 32));
    return true;
}

bool num_u64(const char *text, size_t bytes, uint64_t *value) {
    if (bytes == 0 || bytes > NUM_U64_DIGITS_MAX)
        return false;
    uint64_t sum = 0;
    size_t at = 0;
    for (uint64_t eight; bytes - at >= BLOCK_DIGITS; at += BLOCK_DIGITS) {
        if (!eight_digits(text + at, &eight))
            return false;
        sum = sum * BLOCK + eight;
    }
    for (; at < bytes; at++) {
        unsigned digit = (unsigned)(unsigned char)text[at] - '0';
        if (digit > 9)
            return false;
        if (at == NUM_U64_DIGITS_MAX - 1 &&
            (sum > UINT64_MAX / 10 || (sum == UINT64_MAX / 10 && digit > UINT64_MAX % 10)))
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

bool num_u32(const char *text, size_t bytes, uint32_t *value) {
    uint64_t wide;
    if (!num_u64(text, bytes, &wide) || wide > UINT32_MAX)
        return false;
    *value = (uint32_t)wide;
    return true;
}

bool num_i64(const char *text, size_t bytes, int64_t *value) {
    bool is_negative = bytes > 0 && text[0] == '-';
    uint64_t magnitude;
    if (!num_u64(text + is_negative, bytes - is_negative, &magnitude))
        return false;
    if (magnitude > (uint64_t)INT64_MAX + is_negative)
        return false;
    *value = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static const char digit_pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233"
    "34353637383940414243444546474849505152535455565758596061626364656667"
    "6869707172737475767778798081828384858687888990919293949596979899";

static inline void put_pair(char *out, uint32_t below_hundred) {
    memcpy(out, digit_pairs + 2 * below_hundred, 2);
}

/* All four, all eight digits, zeros in front included. */
static inline void put_four(char *out, uint32_t below_ten_thousand) {
    put_pair(out, below_ten_thousand / 100);
    put_pair(out + 2, below_ten_thousand % 100);
}

static inline void put_eight(char *out, uint32_t value) {
    put_four(out, value / 10000);
    put_four(out + 4, value % 10000);
}

/* Without zeros in front; each returns how many digits. */
static inline size_t put_below_hundred(char *out, uint32_t value) {
    if (value >= 10) {
        put_pair(out, value);
        return 2;
    }
    *out = (char)('0' + value);
    return 1;
}

static inline size_t put_below_ten_thousand(char *out, uint32_t value) {
    if (value < 100)
        return put_below_hundred(out, value);
    size_t count = put_below_hundred(out, value / 100);
    put_pair(out + count, value % 100);
    return count + 2;
}

static inline size_t put_short(char *out, uint32_t value) {
    if (value < 10000)
        return put_below_ten_thousand(out, value);
    size_t count = put_below_ten_thousand(out, value / 10000);
    put_four(out + count, value % 10000);
    return count + 4;
}

size_t num_put_u64(char *out, uint64_t value) {
    if (value < BLOCK)
        return put_short(out, (uint32_t)value);
    uint64_t high = value / BLOCK;
    size_t count;
    if (high < BLOCK) {
        count = put_short(out, (uint32_t)high);
    } else {
        count = put_short(out, (uint32_t)(high / BLOCK));
        put_eight(out + count, (uint32_t)(high % BLOCK));
        count += 8;
    }
    put_eight(out + count, (uint32_t)(value % BLOCK));
    return count + 8;
}

size_t num_put_u64_on(char *out, struct num_stem *stem, uint64_t value) {
    uint64_t upper = value / BLOCK;
    if (UNLIKELY(upper == 0))
        return num_put_u64(out, value);
    if (UNLIKELY(upper != stem->upper)) {
        stem->upper = upper;
        stem->digit_count = num_put_u64(stem->digits, upper);
    }
    memcpy(out, stem->digits, sizeof(stem->digits));
    put_eight(out + stem->digit_count, (uint32_t)(value % BLOCK));
    return stem->digit_count + NUM_STEM_LOWER_DIGITS;
}

bool num_bytes(const char *text, uint64_t *value) {
    size_t bytes = strlen(text);
    unsigned shift = 0;
    if (bytes > 0) {
        switch (text[bytes - 1] | 0x20) {
        case 'k':
            shift = 10;
            break;
        case 'm':
            shift = 20;
            break;
        case 'g':
            shift = 30;
            break;
        default:
            break;
        }
    }
    if (shift)
        bytes--;
    uint64_t count;
    if (!num_u64(text, bytes, &count) || count > UINT64_MAX >> shift)
        return false;
    *value = count << shift;
    return true;
}
