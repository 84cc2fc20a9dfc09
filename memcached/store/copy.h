/*
 * Copying a value that a writer may be changing: what a lock-free read does before it is confirmed.
 */
#ifndef STORE_COPY_H
#define STORE_COPY_H

#include <stddef.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__)
#define STORE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STORE_TSAN 1
#endif
#endif
#ifndef STORE_TSAN
#define STORE_TSAN 0
#endif

/*
 * Copies `bytes` of a value found by store_peek. The copy may be torn until store_peek_confirm has
 * said that it is not. In ThreadSanitizer builds it is a loop that the sanitizer does not watch.
 */
#if STORE_TSAN
void store_copy_bytes(char *to, const char *from, size_t bytes);
#else
static inline void store_copy_bytes(char *to, const char *from, size_t bytes) {
    memcpy(to, from, bytes);
}
#endif

#endif
