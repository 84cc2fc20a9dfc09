/* Lists of places in memory, as the kernel wants them. */
#ifndef NET_IOVEC_H
#define NET_IOVEC_H

#include <stddef.h>
#include <sys/uio.h>

/* Cuts a list of *count places back to `max` bytes, if it is more. Returns how much it is now. */
static inline size_t iovec_limit(struct iovec *vec, int *count, size_t max) {
    size_t bytes = 0;
    for (int i = 0; i < *count; i++) {
        if (vec[i].iov_len >= max - bytes) {
            vec[i].iov_len = max - bytes;
            *count = i + 1;
        }
        bytes += vec[i].iov_len;
    }
    return bytes;
}

#endif
