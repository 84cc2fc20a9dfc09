/*
 * Words that lock-free readers look at while a writer changes them, and the fences of the sequence
 * lock around them. Private to the store.
 */
#ifndef STORE_SHARED_H
#define STORE_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "memcached/store/copy.h"

/* Plain machine loads and stores: what orders them is the sequence of the stripe. */
#define shared_load(word) atomic_load_explicit(word, memory_order_relaxed)
#define shared_store(word, value) atomic_store_explicit(word, value, memory_order_relaxed)

/*
 * ThreadSanitizer does not model fences (gcc warns about each). They stay in: the words they order
 * are atomics, and the payload between them is read by uninstrumented code only.
 */
#if STORE_TSAN && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif
static inline void shared_fence_acquire(void) {
    atomic_thread_fence(memory_order_acquire);
}
static inline void shared_fence_release(void) {
    atomic_thread_fence(memory_order_release);
}
static inline void shared_fence_full(void) {
    atomic_thread_fence(memory_order_seq_cst);
}
#if STORE_TSAN && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/* A counter with one writer and any number of readers. */
typedef _Atomic uint64_t shared_counter;
static inline void shared_add(shared_counter *counter, uint64_t count) {
    shared_store(counter, shared_load(counter) + count);
}

/*
 * Whether bytes[0..count) of two places agree, and the word at a place: `racy` may change meanwhile.
 */
#if STORE_TSAN
bool shared_equal(const char *racy, const char *own, size_t count);
uint32_t shared_word32(const char *racy);
#else
static inline uint64_t shared_word64(const char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}
static inline uint32_t shared_word32(const char *racy) {
    uint32_t word;
    memcpy(&word, racy, sizeof(word));
    return word;
}
/*
 * Words that overlap at the end instead of a byte loop: keys are short and this is on every path.
 */
static inline bool shared_equal(const char *racy, const char *own, size_t count) {
    if (count >= 8) {
        size_t last = count - 8;
        for (size_t at = 0; at < last; at += 8) {
            if (shared_word64(racy + at) != shared_word64(own + at))
                return false;
        }
        return shared_word64(racy + last) == shared_word64(own + last);
    }
    if (count >= 4) {
        size_t last = count - 4;
        return shared_word32(racy) == shared_word32(own) &&
               shared_word32(racy + last) == shared_word32(own + last);
    }
    for (size_t at = 0; at < count; at++) {
        if (racy[at] != own[at])
            return false;
    }
    return true;
}
#endif

#endif
