#include "memcached/base/lock.h"

#include <sched.h>
#include <time.h>

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

void latch_init(struct latch *latch, enum lock_rank rank) {
    CHECK(rank < RANK_COUNT);
    atomic_init(&latch->word, 0);
#ifdef ENABLE_DEBUG
    latch->rank = rank;
    latch->is_held = false;
#endif
}

void latch_destroy(struct latch *latch) {
    CHECK(atomic_load(&latch->word) == 0);
}

enum { LATCH_SPINS = 128, LATCH_YIELDS = 4, LATCH_NAP_NS = 20 * 1000 };

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

static _Atomic uint64_t waits_count, waits_longest_ns; /* relaxed: numbers, nothing more */

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void note_wait(uint64_t ns) {
    uint64_t longest = atomic_load_explicit(&waits_longest_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&waits_count, 1, memory_order_relaxed);
    while (ns > longest &&
           !atomic_compare_exchange_weak_explicit(&waits_longest_ns, &longest, ns,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void latch_waits_get(struct latch_waits *out) {
    out->count = atomic_load_explicit(&waits_count, memory_order_relaxed);
    out->longest_ns = atomic_load_explicit(&waits_longest_ns, memory_order_relaxed);
}

void latch_waits_reset(void) {
    atomic_store_explicit(&waits_count, 0, memory_order_relaxed);
    atomic_store_explicit(&waits_longest_ns, 0, memory_order_relaxed);
}

/*
 * The holder is a few instructions from the end, unless it has been preempted: then spinning would
 * keep it so.
 */
void latch_wait(struct latch *latch) {
    uint64_t since_ns = 0;
    for (unsigned tries = 0;; tries++) {
        if (atomic_load_explicit(&latch->word, memory_order_relaxed) == 0 && latch_grab(latch))
            break;
        if (tries == LATCH_SPINS)
            since_ns = now_ns();
        if (tries < LATCH_SPINS) {
            relax();
        } else if (tries < LATCH_SPINS + LATCH_YIELDS) {
            sched_yield();
        } else {
            struct timespec nap = {0, LATCH_NAP_NS};
            nanosleep(&nap, NULL);
        }
    }
    if (since_ns)
        note_wait(now_ns() - since_ns);
}

#ifdef ENABLE_DEBUG
/* How many locks and latches of each rank this thread holds. */
static _Thread_local unsigned held_count[RANK_COUNT];

/* Only what stands below everything held may be waited for. */
static void check_order(enum lock_rank rank) {
    for (int held = (int)rank; held < RANK_COUNT; held++)
        CHECK(held_count[held] == 0);
}

static void note_lock(struct lock *lock) {
    held_count[lock->rank]++;
    lock->owner = pthread_self();
    lock->is_held = true;
}

void lock_acquire(struct lock *lock) {
    check_order(lock->rank);
    pthread_mutex_lock(&lock->mutex);
    note_lock(lock);
}

bool lock_try(struct lock *lock) {
    if (pthread_mutex_trylock(&lock->mutex) != 0)
        return false;
    note_lock(lock);
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

static void note_latch(struct latch *latch) {
    held_count[latch->rank]++;
    latch->owner = pthread_self();
    latch->is_held = true;
}

void latch_acquire(struct latch *latch) {
    check_order(latch->rank);
    if (!latch_grab(latch))
        latch_wait(latch);
    note_latch(latch);
}

bool latch_try(struct latch *latch) {
    if (!latch_grab(latch))
        return false;
    note_latch(latch);
    return true;
}

void latch_release(struct latch *latch) {
    latch_assert_held(latch);
    latch->is_held = false;
    held_count[latch->rank]--;
    atomic_store_explicit(&latch->word, 0, memory_order_release);
}

void latch_assert_held(const struct latch *latch) {
    CHECK(latch->is_held && pthread_equal(latch->owner, pthread_self()));
}
#endif
