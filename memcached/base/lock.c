#include "memcached/base/lock.h"

#include "memcached/base/check.h"

void lock_init(struct lock *lock, enum lock_rank rank) {
    CHECK(rank < RANK_COUNT);
    CHECK(pthread_mutex_init(&lock->mutex, NULL) == 0);
#ifdef ENABLE_DEBUG
    lock->rank = rank;
    lock->is_held = false;
#endif
}

void lock_destroy(struct lock *lock) {
    pthread_mutex_destroy(&lock->mutex);
}

#ifdef ENABLE_DEBUG
/* How many locks of each rank this thread holds. */
static _Thread_local unsigned held_count[RANK_COUNT];

static void note_held(struct lock *lock) {
    held_count[lock->rank]++;
    lock->owner = pthread_self();
    lock->is_held = true;
}

void lock_acquire(struct lock *lock) {
    for (int rank = (int)lock->rank; rank < RANK_COUNT; rank++)
        CHECK(held_count[rank] == 0);
    pthread_mutex_lock(&lock->mutex);
    note_held(lock);
}

bool lock_try(struct lock *lock) {
    if (pthread_mutex_trylock(&lock->mutex) != 0)
        return false;
    note_held(lock);
    return true;
}

void lock_release(struct lock *lock) {
    lock_assert_held(lock);
    lock->is_held = false;
    held_count[lock->rank]--;
    pthread_mutex_unlock(&lock->mutex);
}

void lock_assert_held(const struct lock *lock) {
    CHECK(lock->is_held && pthread_equal(lock->owner, pthread_self()));
}
#endif
