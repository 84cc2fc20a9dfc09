/*
 * Threads that do everything at once, on a flat list, with counters, with one value that all append
 * to, and while the index grows.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "t/unit/store_threads.h"

enum { KEY_COUNT = 64, VALUE_BYTES_MAX = 3000 };

static struct fixture f;

static void setup(void) {
    fixture_init(&f);
}

static void teardown(void) {
    fixture_close(&f);
}

static void worker_set(struct worker *worker, const struct store_key *key, unsigned number) {
    enum store_status why;
    size_t bytes = 2 + rng_below(&worker->rng, VALUE_BYTES_MAX - 2);
    if (rng_below(&worker->rng, 4))
        bytes = 2 + bytes % 60;
    struct item *item = store_reserve(worker->thread, key, (uint32_t)bytes, 0, bytes, &why);
    if (!item)
        return;
    char *start;
    size_t here = store_item_segment(f.store, item, 0, &start);
    if (here == bytes) {
        value_fill(start, bytes, number, (unsigned char)rng_below(&worker->rng, 250));
        struct store_write write = {.mode = STORE_SET};
        CHECK(store_commit(worker->thread, item, key->hash, &write, NULL) == STORE_OK);
    } else {
        store_abandon(worker->thread, item);
    }
}

static void do_other(struct worker *worker, const struct store_key *key, unsigned number) {
    uint64_t version;
    struct store_view view;
    switch (rng_below(&worker->rng, 5)) {
    case 0:
        store_delete(worker->thread, key, false, 0, 0);
        break;
    case 1:
        store_touch(worker->thread, key, 0);
        break;
    case 2:
        if (store_get(worker->thread, key, STORE_GET, &view) == STORE_OK) {
            if (view.value)
                value_check(view.value, view.value_bytes, number);
            store_item_release(worker->thread, view.item);
        }
        break;
    case 3:
        store_visit(worker->thread, key, value_visit, NULL, &version);
        break;
    default:
        if (rng_below(&worker->rng, 500) == 0)
            store_flush(worker->thread, 0);
        break;
    }
}

static void *work(void *context) {
    struct worker *worker = context;
    char text[32];
    for (unsigned step = 0; step < STEP_COUNT; step++) {
        unsigned number = (unsigned)rng_below(&worker->rng, KEY_COUNT);
        struct store_key key = numbered_key(&f, text, number);
        switch (rng_below(&worker->rng, 8)) {
        case 0:
        case 1:
            worker_set(worker, &key, number);
            break;
        case 2:
            do_other(worker, &key, number);
            break;
        default:
            worker_get(worker, &key, number);
            break;
        }
        if (step % 64 == 0)
            store_thread_quiesce(worker->thread);
    }
    return NULL;
}

START_TEST(mixed_operations) {
    struct worker workers[THREAD_COUNT];
    f.config.hashpower = 9;
    f.config.is_replicated = _i == 1;
    f.config.slab_chunk_bytes_max = _i == 1 ? 2048 : 0;
    fixture_open(&f);
    workers_run(&f, work, workers);
    uint64_t hits = 0;
    for (unsigned i = 0; i < THREAD_COUNT; i++)
        hits += workers[i].hits;
    ck_assert_uint_gt(hits, 0);
}
END_TEST

/* A flat list, in which each hit moves an item, and few keys that come and go all the time. */
enum { FLAT_KEY_COUNT = 4 };

static void *use_flat(void *context) {
    struct worker *worker = context;
    char text[32];
    for (unsigned step = 0; step < STEP_COUNT; step++) {
        unsigned number = (unsigned)rng_below(&worker->rng, FLAT_KEY_COUNT);
        struct store_key key = numbered_key(&f, text, number);
        switch (rng_below(&worker->rng, 4)) {
        case 0:
            worker_set(worker, &key, number);
            break;
        case 1:
            store_delete(worker->thread, &key, false, 0, 0);
            break;
        default:
            worker_get(worker, &key, number);
            break;
        }
    }
    return NULL;
}

static _Atomic bool is_over; /* no time passes any more */

static void *pass_time(void *context) {
    (void)context;
    for (uint64_t seconds = 0; !atomic_load(&is_over); seconds += 61) {
        clock_set(&f.clock, (FIXTURE_WALL_S + seconds) * 1000, seconds * 1000);
        sched_yield();
    }
    return NULL;
}

START_TEST(a_flat_list_stays_whole) {
    struct worker workers[THREAD_COUNT];
    pthread_t thread;
    f.config.lru.is_segmented = false;
    f.config.has_lru_maintainer = false;
    atomic_store(&is_over, false);
    fixture_open(&f);
    pthread_create(&thread, NULL, pass_time, NULL);
    workers_run(&f, use_flat, workers);
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
}
END_TEST

enum { COUNTER_COUNT = 4 };

static void *count_up(void *context) {
    struct worker *worker = context;
    for (unsigned step = 0; step < STEP_COUNT; step++) {
        char text[32];
        unsigned number = (unsigned)rng_below(&worker->rng, COUNTER_COUNT);
        struct store_key key = prefixed_key(&f, text, "counter", number);
        if (rng_below(&worker->rng, 3) == 0) {
            struct store_view view;
            char copy[64];
            if (store_peek(worker->thread, &key, &view) == STORE_PEEK_HIT) {
                store_copy(copy, &view);
                if (store_peek_confirm(worker->thread, &view)) {
                    copy[view.value_bytes] = '\0';
                    CHECK(strspn(copy, "0123456789") == view.value_bytes);
                }
            }
            continue;
        }
        struct store_arith arith = {.delta = rng_below(&worker->rng, 1000)};
        CHECK(store_arith(worker->thread, &key, &arith) == STORE_OK);
        worker->sum += arith.delta;
    }
    return NULL;
}

START_TEST(no_increment_is_lost) {
    struct worker workers[THREAD_COUNT];
    fixture_open(&f);
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        char key[32];
        sprintf(key, "counter-%u", i);
        ck_assert_int_eq(put(&f, STORE_SET, key, "0"), STORE_OK);
    }
    workers_run(&f, count_up, workers);
    uint64_t expected = 0;
    uint64_t sum = 0;
    for (unsigned i = 0; i < THREAD_COUNT; i++)
        expected += workers[i].sum;
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        char key[32];
        sprintf(key, "counter-%u", i);
        char *text = value_of(&f, key, NULL, NULL);
        sum += strtoull(text, NULL, 10);
        free(text);
    }
    ck_assert_uint_eq(sum, expected);
}
END_TEST

static void *append_bytes(void *context) {
    struct worker *worker = context;
    for (unsigned step = 0; step < 300; step++) {
        enum store_status why;
        struct store_key key = {.data = "log", .bytes = 3, .hash = store_hash(f.store, "log", 3)};
        struct item *item = store_reserve(worker->thread, &key, 0, 0, 2, &why);
        CHECK(item != NULL);
        char *start;
        store_item_segment(f.store, item, 0, &start);
        memset(start, 'a' + (int)worker->number, 2);
        struct store_write write = {.mode = step % 2 ? STORE_APPEND : STORE_PREPEND};
        CHECK(store_commit(worker->thread, item, key.hash, &write, NULL) == STORE_OK);
    }
    return NULL;
}

START_TEST(no_append_is_lost) {
    struct worker workers[THREAD_COUNT];
    unsigned letters[THREAD_COUNT] = {0};
    size_t bytes;
    fixture_open(&f);
    put(&f, STORE_SET, "log", "");
    workers_run(&f, append_bytes, workers);
    char *text = value_of(&f, "log", NULL, &bytes);
    ck_assert_uint_eq(bytes, THREAD_COUNT * 600);
    for (size_t i = 0; i < bytes; i += 2) {
        ck_assert_int_eq(text[i], text[i + 1]);
        letters[text[i] - 'a']++;
    }
    for (unsigned i = 0; i < THREAD_COUNT; i++)
        ck_assert_uint_eq(letters[i], 300);
    free(text);
}
END_TEST

static void *insert_own(void *context) {
    struct worker *worker = context;
    char text[32];
    for (unsigned step = 0; step < STEP_COUNT; step++) {
        unsigned number = worker->number * STEP_COUNT + step;
        struct store_key key = numbered_key(&f, text, number);
        enum store_status why;
        struct item *item = store_reserve(worker->thread, &key, 2, 0, 2, &why);
        CHECK(item != NULL);
        char *start;
        store_item_segment(f.store, item, 0, &start);
        memset(start, (int)(number % 256), 2);
        struct store_write write = {.mode = STORE_ADD};
        CHECK(store_commit(worker->thread, item, key.hash, &write, NULL) == STORE_OK);
        unsigned earlier =
            worker->number * STEP_COUNT + (unsigned)rng_below(&worker->rng, step + 1);
        key = numbered_key(&f, text, earlier);
        uint64_t before = worker->hits;
        for (unsigned tries = 0; tries < 1000 && worker->hits == before; tries++)
            worker_get(worker, &key, earlier % 256);
        CHECK(worker->hits == before + 1);
    }
    return NULL;
}

START_TEST(nothing_is_missed_while_the_index_grows) {
    struct worker workers[THREAD_COUNT];
    f.config.hashpower = 9;
    fixture_open(&f);
    workers_run(&f, insert_own, workers);
    ck_assert_uint_eq(stats_of(&f).curr_items, THREAD_COUNT * STEP_COUNT);
    ck_assert_uint_gt(stats_of(&f).index_bucket_count, 64);
}
END_TEST

static Suite *threads_suite(void) {
    Suite *suite = suite_create("store with threads");
    TCase *tcase = tcase_create("threads");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 600);
    tcase_add_loop_test(tcase, mixed_operations, 0, 2);
    tcase_add_test(tcase, a_flat_list_stays_whole);
    tcase_add_test(tcase, no_increment_is_lost);
    tcase_add_test(tcase, no_append_is_lost);
    tcase_add_test(tcase, nothing_is_missed_while_the_index_grows);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(threads_suite());
}
