/* The copying and comparing loops of ThreadSanitizer builds; elsewhere both are inline. */
#include "memcached/store/copy.h"

#include "memcached/store/shared.h"

#if STORE_TSAN

#define UNWATCHED __attribute__((no_sanitize("thread"), noinline))

/*
 * volatile, so that no compiler turns the loops into calls of memcpy or memcmp, which are watched.
 */
UNWATCHED void store_copy_bytes(char *to, const char *from, size_t bytes) {
    const volatile char *racy = from;
    volatile char *own = to;
    for (size_t i = 0; i < bytes; i++)
        own[i] = racy[i];
}

UNWATCHED bool shared_equal(const char *racy, const char *own, size_t count) {
    const volatile char *a = racy;
    const volatile char *b = own;
    for (size_t i = 0; i < count; i++) {
        if (a[i] != b[i])
            return false;
    }
    return true;
}

UNWATCHED uint32_t shared_word32(const char *racy) {
    union {
        char byte[4];
        uint32_t word;
    } own;
    for (size_t i = 0; i < sizeof(own); i++)
        own.byte[i] = ((const volatile char *)racy)[i];
    return own.word;
}

#else
typedef int copy_is_inline_here;
#endif
