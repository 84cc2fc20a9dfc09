/* Copying a few bytes without a call: what most keys and many values are. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stddef.h>
#include <string.h>

enum { BYTES_FEW_MIN = 8, BYTES_FEW_MAX = 32 };

/* As memcpy; returns the end of the copy. From 8 to 32 bytes in two moves that may overlap. */
static inline char *bytes_put(char *to, const char *from, size_t count) {
    char *end = to + count;
    if (count < BYTES_FEW_MIN || count > BYTES_FEW_MAX) {
        memcpy(to, from, count);
    } else if (count <= 16) {
        memcpy(to, from, 8);
        memcpy(end - 8, from + count - 8, 8);
    } else {
        memcpy(to, from, 16);
        memcpy(end - 16, from + count - 16, 16);
    }
    return end;
}

#endif
