/*
 * Threads that read and write while pages move, change their class and go, and while limits change.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "memcached/base/check.h"
#include "t/unit/store_threads.h"

enum { ROUND_COUNT = 3 }; /* after each the store is verified */

static struct fixture f;
static _Atomic bool is_over; /* what runs beside the workers is to end */

static void setup(void) {
    fixture_init(&f);
}

static void teardown(void) {
    fixture_close(&f);
}

/*
 * Ever new keys of ever other sizes in one or two pages: eviction and pages that change class,
 * under readers.
 */
static void *churn(void *context) {
    struct worker *worker = context;
    char text[32];
    for (unsigned step = 0; step < STEP_COUNT / 4 / ROUND_COUNT; step++) {
        unsigned number = (unsigned)rng_below(&worker->rng, 250);
        struct store_key key = numbered_key(&f, text, number);
        if (rng_below(&worker->rng, 3)) {
            worker_get(worker, &key, number);
            continue;
        }
        enum store_status why;
        size_t bytes = 2 + (size_t)rng_below(&worker->rng, 4000) * rng_below(&worker->rng, 10);
        struct item *item = store_reserve(worker->thread, &key, (uint32_t)bytes, 0, bytes, &why);
        if (!item)
            continue;
        char *start;
        size_t here = store_item_segment(f.store, item, 0, &start);
        CHECK(here == bytes);
        value_fill(start, bytes, number, (unsigned char)rng_below(&worker->rng, 250));
        struct store_write write = {.mode = STORE_SET};
        CHECK(store_commit(worker->thread, item, key.hash, &write, NULL) == STORE_OK);
    }
    return NULL;
}

START_TEST(eviction_and_moving_pages) {
    struct worker workers[THREAD_COUNT];
    f.config.limit_bytes = 2u << 20;
    f.config.item_bytes_max = 1u << 20;
    f.config.growth_factor = 8; /* five classes, each of which may have a page beyond the limit */
    f.config.is_replicated = _i == 1;
    fixture_open(&f);
    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        workers_run(&f, churn, workers);
        fixture_verify(&f);
    }
    ck_assert_uint_gt(stats_of(&f).evictions, 0);
    ck_assert_uint_le(stats_of(&f).pages_total, 2 + store_class_count(f.store));
}
END_TEST

/*
 * Values in one chunk and in many, some held for a while, with limits, pages and the index on the
 * move. A value says its number in each of its bytes.
 */
enum { HELD_COUNT = 4, MOVED_COUNT = 4000, BYTE_COUNT = 250, RESCUES_ENOUGH = 500 };

static _Atomic bool is_enough; /* of pages that moved */

static void value_check_whole(struct item *item, uint64_t bytes, unsigned number) {
    char *start;
    uint64_t done = 0;
    size_t here;
    while ((here = store_item_segment(f.store, item, done, &start)) > 0) {
        for (size_t i = 0; i < here; i++)
            CHECK((unsigned char)start[i] == number);
        done += here;
    }
    CHECK(done == bytes);
}

static struct item *reserve_filled(struct worker *worker, const struct store_key *key,
                                   unsigned number) {
    enum store_status why;
    size_t bytes = rng_below(&worker->rng, 16) ? 900 : 20000 + rng_below(&worker->rng, 20000);
    struct item *item = store_reserve(worker->thread, key, 0, 0, bytes, &why);
    char *start;
    size_t here;
    for (size_t done = 0; item && done < bytes; done += here) {
        here = store_item_segment(f.store, item, done, &start);
        CHECK(here > 0);
        memset(start, (int)number, here);
    }
    return item;
}

static void read_whole(struct worker *worker, const struct store_key *key, unsigned number,
                       struct item **held) {
    struct store_view view;
    char copy[STORE_COPY_BYTES_MAX];
    if (store_peek(worker->thread, key, &view) == STORE_PEEK_HIT) {
        store_copy(copy, &view);
        if (store_peek_confirm(worker->thread, &view)) {
            for (size_t i = 0; i < view.value_bytes; i++)
                CHECK((unsigned char)copy[i] == number);
            worker->hits++;
            return;
        }
    }
    if (store_get(worker->thread, key, STORE_GET, &view) != STORE_OK)
        return;
    value_check_whole(view.item, view.value_bytes, number);
    worker->hits++;
    unsigned place = (unsigned)rng_below(&worker->rng, HELD_COUNT);
    if (held[place])
        store_item_release(worker->thread, held[place]);
    held[place] = view.item;
}

static void *live_on(void *context) {
    struct worker *worker = context;
    struct item *held[HELD_COUNT] = {NULL};
    char text[32];
    for (unsigned step = 0;
         step < STEP_COUNT / 4 / ROUND_COUNT || (step < STEP_COUNT * 8 && !is_enough); step++) {
        unsigned number = (unsigned)rng_below(&worker->rng, MOVED_COUNT);
        struct store_key key = prefixed_key(&f, text, "moved", number);
        number %= BYTE_COUNT;
        struct store_write write = {.mode = STORE_SET};
        struct item *item;
        switch (rng_below(&worker->rng, 8)) {
        case 0:
        case 1:
        case 2:
            item = reserve_filled(worker, &key, number);
            if (item)
                store_commit(worker->thread, item, key.hash, &write, NULL);
            break;
        case 3:
            if (rng_below(&worker->rng, 4) == 0)
                store_delete(worker->thread, &key, false, 0, 0);
            else
                store_touch(worker->thread, &key, 0);
            break;
        default:
            read_whole(worker, &key, number, held);
            break;
        }
        if (step % 64 == 0)
            store_thread_quiesce(worker->thread);
    }
    for (unsigned i = 0; i < HELD_COUNT; i++) {
        if (held[i])
            store_item_release(worker->thread, held[i]);
    }
    return NULL;
}

/* Runs beside the maintainer: pages to and fro, limits up and down, now and then a flush. */
static void *move_pages(void *context) {
    struct worker *worker = context;
    int64_t class_count = store_class_count(f.store);
    for (unsigned step = 1; !atomic_load(&is_over); step++) {
        int64_t from = (int64_t)rng_below(&worker->rng, (uint64_t)class_count + 2) - 1;
        int64_t to = (int64_t)rng_below(&worker->rng, (uint64_t)class_count + 1);
        (void)store_reassign(worker->thread, from, to);
        if (rng_below(&worker->rng, 64) == 0)
            CHECK(store_set_limit(f.store, (4 + rng_below(&worker->rng, 5)) << 20));
        if (rng_below(&worker->rng, 1024) == 0)
            store_flush(worker->thread, 0);
        store_thread_quiesce(worker->thread);
        if (step % 64 == 0) {
            /* what is held for long is given up */
            clock_set(&f.clock, clock_wall_ms(&f.clock) + 100, clock_mono_ms(&f.clock) + 100);
            atomic_store(&is_enough, stats_of(&f).slab_rescues_count > RESCUES_ENOUGH);
        }
        sched_yield();
    }
    return NULL;
}

START_TEST(everything_stays_whole_while_pages_move) {
    struct worker workers[THREAD_COUNT];
    uint64_t hits = 0;
    f.config.hashpower = 9;
    f.config.limit_bytes = 8u << 20;
    f.config.item_bytes_max = 1u << 20;
    f.config.growth_factor = 8;
    f.config.slab_chunk_bytes_max = _i % 2 ? 4096 : 0;
    f.config.is_replicated = _i == 2;
    atomic_store(&is_enough, false);
    fixture_open(&f);
    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        struct worker mover = {.thread = store_thread_join(f.store)};
        pthread_t thread;
        rng_seed(&mover.rng, (uint64_t)_i + 100 + round);
        atomic_store(&is_over, false);
        pthread_create(&thread, NULL, move_pages, &mover);
        workers_run(&f, live_on, workers);
        atomic_store(&is_over, true);
        pthread_join(thread, NULL);
        store_thread_leave(mover.thread);
        fixture_verify(&f);
        for (unsigned i = 0; i < THREAD_COUNT; i++)
            hits += workers[i].hits;
    }
    ck_assert_uint_gt(hits, 0);
    ck_assert_uint_gt(stats_of(&f).slabs_moved_count, 0);
    ck_assert_uint_gt(stats_of(&f).slab_rescues_count, 0);
    if (_i % 2)
        ck_assert_uint_gt(stats_of(&f).slab_chunk_rescues_count, 0);
}
END_TEST

static void *change_limit(void *context) {
    (void)context;
    for (unsigned step = 0; !atomic_load(&is_over); step++)
        CHECK(store_set_limit(f.store, (uint64_t)(4 + step % 5) << 20));
    return NULL;
}

START_TEST(the_limit_changes_while_pages_are_balanced) {
    enum { SECOND_COUNT = 2000 };
    pthread_t thread;
    f.config.limit_bytes = 8u << 20;
    fixture_open(&f);
    struct store_thread *maintainer = store_thread_join(f.store);
    ck_assert_ptr_nonnull(maintainer);
    atomic_store(&is_over, false);
    pthread_create(&thread, NULL, change_limit, NULL);
    for (uint64_t seconds = 1; seconds <= SECOND_COUNT; seconds++) {
        clock_set(&f.clock, (FIXTURE_WALL_S + seconds) * 1000, seconds * 1000);
        store_maintain(maintainer);
    }
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    store_thread_leave(maintainer);
    struct store_automove settings;
    store_automove_get(f.store, &settings);
    ck_assert_uint_gt(settings.level, 0);
}
END_TEST

static Suite *pages_suite(void) {
    Suite *suite = suite_create("store with threads and moving pages");
    TCase *tcase = tcase_create("pages");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 600);
    tcase_add_loop_test(tcase, eviction_and_moving_pages, 0, 2);
    tcase_add_loop_test(tcase, everything_stays_whole_while_pages_move, 0, 4);
    tcase_add_test(tcase, the_limit_changes_while_pages_are_balanced);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(pages_suite());
}
