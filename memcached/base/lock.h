/* Mutexes that know their rank: a thin layer over pthreads that finds inversions in debug builds. */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>

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

#endif
