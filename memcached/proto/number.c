#include "memcached/proto/number.h"

#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/num.h"

static bool is_white(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The sign and the digits. */
static bool number_split(const char *text, size_t bytes, bool *is_negative, uint64_t *magnitude) {
    const char *at = text;
    const char *end = text + bytes;
    while (at < end && is_white(*at))
        at++;
    *is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    const char *digits = at;
    while (at < end && is_digit(*at))
        at++;
    if (at == digits || (at < end && !is_white(*at)))
        return false;
    while (digits + 1 < at && *digits == '0')
        digits++;
    return num_u64(digits, (size_t)(at - digits), magnitude);
}

/* A negative number counts from 2^64 downwards; what would be an ordinary -5 is refused. */
bool number_u64(const char *text, size_t bytes, uint64_t *value) {
    if (LIKELY(num_u64(text, bytes, value)))
        return true;
    bool is_negative;
    if (!number_split(text, bytes, &is_negative, value))
        return false;
    if (is_negative)
        *value = 0 - *value;
    return !is_negative || *value <= INT64_MAX;
}

bool number_u32(const char *text, size_t bytes, uint32_t *value) {
    uint64_t number;
    bool is_number = number_u64(text, bytes, &number);
    *value = is_number ? (uint32_t)number : 0;
    return is_number;
}

bool number_i64(const char *text, size_t bytes, int64_t *value) {
    bool is_negative;
    uint64_t magnitude;
    if (!number_split(text, bytes, &is_negative, &magnitude) ||
        magnitude > (uint64_t)INT64_MAX + is_negative)
        return false;
    *value = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

enum { DOUBLE_BYTES_MAX = 64 };

bool number_double(const char *text, size_t bytes, double *value) {
    char copy[DOUBLE_BYTES_MAX];
    if (bytes >= sizeof(copy))
        return false;
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    char *rest;
    *value = strtod(copy, &rest);
    return rest != copy && (*rest == '\0' || is_white(*rest));
}
