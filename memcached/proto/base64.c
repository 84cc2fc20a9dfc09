#include "memcached/proto/base64.h"

#include <stdint.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encode(char *out, const char *data, size_t bytes) {
    char *to = out;
    for (size_t i = 0; i < bytes; i += 3) {
        size_t count = bytes - i < 3 ? bytes - i : 3;
        uint32_t group = (uint32_t)(unsigned char)data[i] << 16;
        if (count > 1)
            group |= (uint32_t)(unsigned char)data[i + 1] << 8;
        if (count > 2)
            group |= (unsigned char)data[i + 2];
        *to++ = digits[group >> 18];
        *to++ = digits[group >> 12 & 63];
        *to++ = count > 1 ? digits[group >> 6 & 63] : '=';
        *to++ = count > 2 ? digits[group & 63] : '=';
    }
    return (size_t)(to - out);
}

/* The value of a digit, or -1. */
static int digit_value(char digit) {
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    if (digit == '+')
        return 62;
    return digit == '/' ? 63 : -1;
}

size_t base64_decode(char *out, const char *text, size_t bytes) {
    if (bytes == 0 || bytes % 4 != 0)
        return 0;
    size_t padding = text[bytes - 1] != '=' ? 0 : text[bytes - 2] != '=' ? 1 : 2;
    char *to = out;
    for (size_t i = 0; i < bytes; i += 4) {
        size_t count = i + 4 == bytes ? 4 - padding : 4; /* digits in this group */
        uint32_t group = 0;
        for (size_t j = 0; j < 4; j++) {
            int value = j < count ? digit_value(text[i + j]) : 0;
            if (value < 0)
                return 0;
            group = group << 6 | (uint32_t)value;
        }
        *to++ = (char)(group >> 16);
        if (count > 2)
            *to++ = (char)(group >> 8);
        if (count > 3)
            *to++ = (char)group;
    }
    return (size_t)(to - out);
}
