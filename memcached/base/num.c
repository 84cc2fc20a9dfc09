#include "memcached/base/num.h"

#include <string.h>

bool num_u64(const char *text, size_t bytes, uint64_t *value) {
    if (bytes == 0 || bytes > NUM_U64_DIGITS_MAX)
        return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit > 9)
            return false;
        if (i == NUM_U64_DIGITS_MAX - 1 &&
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

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233"
                                  "34353637383940414243444546474849505152535455565758596061626364656667"
                                  "6869707172737475767778798081828384858687888990919293949596979899";

size_t num_put_u64(char *out, uint64_t value) {
    char digits[NUM_U64_DIGITS_MAX];
    size_t at = sizeof(digits);
    while (value >= 100) {
        at -= 2;
        memcpy(digits + at, digit_pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10) {
        at -= 2;
        memcpy(digits + at, digit_pairs + 2 * value, 2);
    } else {
        digits[--at] = (char)('0' + value);
    }
    size_t count = sizeof(digits) - at;
    memcpy(out, digits + at, count);
    return count;
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
