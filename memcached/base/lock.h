/*
 * Locks that know their rank, so that debug builds find inversions. Two kinds: a lock is a pthread
 * mutex, for what may be held across a system call; a latch is for the few instructions of the
 * store's hot paths: one atomic exchange to take, a plain store to give back, and a waiter that
 * spins a little and then sleeps in short naps (nobody has to wake it, so giving back stays cheap).
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum lock_rank {
#define LOCK_RANK(name, guards) RANK_##name,
#include "memcached/base/lock.def"
#undef LOCK_RANK
    RANK_COUNT
};

struct lock {
    pthread_mutex_t mutex;
#ifdef ENABLE_DEBUG
    enum lock_rank rank;
    pthread_t owner;
    bool is_held;
#endif
};

void lock_init(struct lock *lock, enum lock_rank rank);
void lock_destroy(struct lock *lock);

#ifdef ENABLE_DEBUG
void lock_acquire(struct lock *lock);
bool lock_try(struct lock *lock);
void lock_release(struct lock *lock);
/* For a function whose name ends in _locked: aborts unless this thread holds it. */
void lock_assert_held(const struct lock *lock);
#else
static inline void lock_acquire(struct lock *lock) {
    pthread_mutex_lock(&lock->mutex);
}
static inline bool lock_try(struct lock *lock) {
    return pthread_mutex_trylock(&lock->mutex) == 0;
}
static inline void lock_release(struct lock *lock) {
    pthread_mutex_unlock(&lock->mutex);
}
static inline void lock_assert_held(const struct lock *lock) {
    (void)lock;
}
#endif

struct latch {
    _Atomic uint32_t word; /* 1: taken */
#ifdef ENABLE_DEBUG
    enum lock_rank rank;
    pthread_t owner;
    bool is_held;
#endif
};

void latch_init(struct latch *latch, enum lock_rank rank);
void latch_destroy(struct latch *latch);
/* The slow path of latch_acquire. */
void latch_wait(struct latch *latch);

/*
 * Waits for latches of any kind that spinning did not end: how many, and the longest. Of the whole
 * process, since the last reset. Any thread.
 */
struct latch_waits {
    uint64_t count, longest_ns;
};
void latch_waits_get(struct latch_waits *out);
void latch_waits_reset(void);

static inline bool latch_grab(struct latch *latch) {
    return atomic_exchange_explicit(&latch->word, 1, memory_order_acquire) == 0;
}

#ifdef ENABLE_DEBUG
void latch_acquire(struct latch *latch);
bool latch_try(struct latch *latch);
void latch_release(struct latch *latch);
void latch_assert_held(const struct latch *latch);
#else
static inline void latch_acquire(struct latch *latch) {
    if (__builtin_expect(!latch_grab(latch), 0))
        latch_wait(latch);
}
static inline bool latch_try(struct latch *latch) {
    return atomic_load_explicit(&latch->word, memory_order_relaxed) == 0 && latch_grab(latch);
}
static inline void latch_release(struct latch *latch) {
    atomic_store_explicit(&latch->word, 0, memory_order_release);
}
static inline void latch_assert_held(const struct latch *latch) {
    (void)latch;
}
#endif

#endif
