#include "memcached/proto/number.h"

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

bool number_u64(const char *text, size_t bytes, uint64_t *value) {
    bool is_negative;
    return number_split(text, bytes, &is_negative, value) && (!is_negative || *value == 0);
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
