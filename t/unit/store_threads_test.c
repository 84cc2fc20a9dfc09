/*
 * Several threads on one store. Every value says which key it belongs to and repeats one byte, so a
 * torn or misplaced read shows. Meant for ThreadSanitizer as much as for its assertions. (The
 * threads use CHECK: Check's own assertions are for one thread and write to a file each time.)
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/store/crawler.h"
#include "t/unit/store_fixture.h"

enum { THREAD_COUNT = 4, KEY_COUNT = 64, VALUE_BYTES_MAX = 3000 };

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || defined(ENABLE_DEBUG)
enum { STEP_COUNT = 30000 };
#else
enum { STEP_COUNT = 150000 };
#endif
enum { ROUND_COUNT = 3 }; /* where pages move: after each the store is verified */

static struct fixture f;
static _Atomic bool is_over;

struct worker {
    struct store_thread *thread;
    struct rng rng;
    unsigned number;
    uint64_t sum; /* of what this worker's increments added */
    uint64_t hits;
};

static void setup(void) {
    fixture_init(&f);
    atomic_store(&is_over, false);
}

static void teardown(void) {
    fixture_close(&f);
}

static struct store_key prefixed_key(char *text, const char *prefix, unsigned number) {
    int bytes = sprintf(text, "%s-%u", prefix, number);
    return (struct store_key){
        .data = text, .bytes = (uint32_t)bytes, .hash = store_hash(f.store, text, (size_t)bytes)};
}

static struct store_key numbered_key(char *text, unsigned number) {
    return prefixed_key(text, "key", number);
}

static void value_fill(char *value, size_t bytes, unsigned number, unsigned char letter) {
    memset(value, letter, bytes);
    value[0] = (char)number;
}

static void value_check(const char *value, size_t bytes, unsigned number) {
    CHECK(bytes >= 2);
    CHECK((unsigned char)value[0] == number);
    for (size_t i = 2; i < bytes; i++)
        CHECK(value[i] == value[1]);
}

static void do_get(struct worker *worker, const struct store_key *key, unsigned number) {
    struct store_view view;
    char copy[STORE_COPY_BYTES_MAX];
    switch (store_peek(worker->thread, key, &view)) {
    case STORE_PEEK_HIT:
        store_copy(copy, &view);
        if (store_peek_confirm(worker->thread, &view)) {
            value_check(copy, view.value_bytes, number);
            CHECK(view.client_flags == view.value_bytes);
            worker->hits++;
        }
        break;
    case STORE_PEEK_LOCKED:
        if (store_get(worker->thread, key, STORE_GET, &view) == STORE_OK) {
            if (view.value)
                value_check(view.value, view.value_bytes, number);
            store_item_release(worker->thread, view.item);
            worker->hits++;
        }
        break;
    case STORE_PEEK_MISS:
        break;
    }
}

static void do_set(struct worker *worker, const struct store_key *key, unsigned number) {
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

static bool visit_value(void *context, const struct store_key *key, const struct store_view *view) {
    (void)context;
    CHECK(key->bytes > 0);
    if (view->value && memcmp(key->data, "key-", 4) == 0)
        value_check(view->value, view->value_bytes, (unsigned char)view->value[0]);
    return true;
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
        store_visit(worker->thread, key, visit_value, NULL, &version);
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
        struct store_key key = numbered_key(text, number);
        switch (rng_below(&worker->rng, 8)) {
        case 0:
        case 1:
            do_set(worker, &key, number);
            break;
        case 2:
            do_other(worker, &key, number);
            break;
        default:
            do_get(worker, &key, number);
            break;
        }
        if (step % 64 == 0)
            store_thread_quiesce(worker->thread);
    }
    return NULL;
}

/* A client's dump, one step after the other, then another in another order. */
static struct store_dump *dump_on(struct store_thread *thread, struct store_dump *dump,
                                  unsigned turn) {
    enum store_dump_refusal why;
    if (!dump)
        return store_dump_begin(f.store, (enum store_dump_order)(turn % 3), UINT64_MAX, &why);
    if (store_dump_step(dump, thread, visit_value, NULL) == STORE_DUMP_MORE)
        return dump;
    store_dump_end(dump);
    return NULL;
}

/* What administrators do, all the time. */
static void administer(unsigned turn) {
    struct store_lru lru;
    struct store_crawler crawler;
    store_crawler(f.store, &crawler);
    if (!crawler.is_busy && turn % 16 < 8) /* leaves room for dumps */
        (void)store_crawl_start(f.store, UINT64_MAX);
    store_lru(f.store, &lru);
    if (turn % 64 == 0)
        lru.is_segmented = !lru.is_segmented;
    lru.hot_percent = turn % 40;
    store_lru_set(f.store, &lru);
    if (turn % 128 == 0) {
        (void)store_crawler_enable(f.store, false);
        (void)store_crawler_enable(f.store, true);
    }
}

static void *maintain(void *context) {
    struct store_thread *thread = context;
    uint64_t cursor = 0;
    uint64_t sweep_cursor = 0;
    struct store_dump *dump = NULL;
    store_crawler_tune(f.store, 0, 0);
    for (unsigned turn = 0; !atomic_load(&is_over); turn++) {
        administer(turn);
        dump = dump_on(thread, dump, turn);
        store_maintain(thread);
        store_crawl(thread);
        store_grow(thread);
        store_tick(thread);
        store_walk(thread, &cursor, 16, visit_value, NULL, NULL);
        if (store_sweep(thread, &sweep_cursor, 16))
            sweep_cursor = 0;
        struct store_stats stats;
        store_stats(f.store, &stats);
    }
    if (dump)
        store_dump_end(dump);
    return NULL;
}

static void run_workers(void *(*body)(void *), struct worker workers[THREAD_COUNT]) {
    pthread_t threads[THREAD_COUNT];
    pthread_t maintainer;
    atomic_store(&is_over, false);
    pthread_create(&maintainer, NULL, maintain, f.thread);
    for (unsigned i = 0; i < THREAD_COUNT; i++) {
        workers[i] = (struct worker){.thread = store_thread_join(f.store), .number = i};
        rng_seed(&workers[i].rng, i + 1);
        pthread_create(&threads[i], NULL, body, &workers[i]);
    }
    for (unsigned i = 0; i < THREAD_COUNT; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&is_over, true);
    pthread_join(maintainer, NULL);
    for (unsigned i = 0; i < THREAD_COUNT; i++)
        store_thread_leave(workers[i].thread);
}

START_TEST(mixed_operations) {
    struct worker workers[THREAD_COUNT];
    f.config.hashpower = 9;
    f.config.is_replicated = _i == 1;
    f.config.slab_chunk_bytes_max = _i == 1 ? 2048 : 0;
    fixture_open(&f);
    run_workers(work, workers);
    uint64_t hits = 0;
    for (unsigned i = 0; i < THREAD_COUNT; i++)
        hits += workers[i].hits;
    ck_assert_uint_gt(hits, 0);
}
END_TEST

/*
 * Ever new keys of ever other sizes in one or two pages: eviction and pages that change class,
 * under readers.
 */
static void *churn(void *context) {
    struct worker *worker = context;
    char text[32];
    for (unsigned step = 0; step < STEP_COUNT / 4 / ROUND_COUNT; step++) {
        unsigned number = (unsigned)rng_below(&worker->rng, 250);
        struct store_key key = numbered_key(text, number);
        if (rng_below(&worker->rng, 3)) {
            do_get(worker, &key, number);
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
    f.config.is_replicated = _i == 1;
    fixture_open(&f);
    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        run_workers(churn, workers);
        fixture_verify(&f);
    }
    ck_assert_uint_gt(stats_of(&f).evictions, 0);
    ck_assert_uint_le(stats_of(&f).pages_total, 2);
}
END_TEST

/* A flat list, in which each hit moves an item, and few keys that come and go all the time. */
enum { FLAT_KEY_COUNT = 4 };

static void *use_flat(void *context) {
    struct worker *worker = context;
    char text[32];
    for (unsigned step = 0; step < STEP_COUNT; step++) {
        unsigned number = (unsigned)rng_below(&worker->rng, FLAT_KEY_COUNT);
        struct store_key key = numbered_key(text, number);
        switch (rng_below(&worker->rng, 4)) {
        case 0:
            do_set(worker, &key, number);
            break;
        case 1:
            store_delete(worker->thread, &key, false, 0, 0);
            break;
        default:
            do_get(worker, &key, number);
            break;
        }
    }
    return NULL;
}

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
    fixture_open(&f);
    pthread_create(&thread, NULL, pass_time, NULL);
    run_workers(use_flat, workers);
    pthread_join(thread, NULL);
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
        struct store_key key = prefixed_key(text, "moved", number);
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
        run_workers(live_on, workers);
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

enum { COUNTER_COUNT = 4 };

static void *count_up(void *context) {
    struct worker *worker = context;
    for (unsigned step = 0; step < STEP_COUNT; step++) {
        char text[32];
        int bytes = sprintf(text, "counter-%u", (unsigned)rng_below(&worker->rng, COUNTER_COUNT));
        struct store_key key = {.data = text,
                                .bytes = (uint32_t)bytes,
                                .hash = store_hash(f.store, text, (size_t)bytes)};
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
    run_workers(count_up, workers);
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
    run_workers(append_bytes, workers);
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
        struct store_key key = numbered_key(text, number);
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
        key = numbered_key(text, earlier);
        uint64_t before = worker->hits;
        for (unsigned tries = 0; tries < 1000 && worker->hits == before; tries++)
            do_get(worker, &key, earlier % 256);
        CHECK(worker->hits == before + 1);
    }
    return NULL;
}

START_TEST(nothing_is_missed_while_the_index_grows) {
    struct worker workers[THREAD_COUNT];
    f.config.hashpower = 9;
    fixture_open(&f);
    run_workers(insert_own, workers);
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
    tcase_add_loop_test(tcase, eviction_and_moving_pages, 0, 2);
    tcase_add_test(tcase, a_flat_list_stays_whole);
    tcase_add_loop_test(tcase, everything_stays_whole_while_pages_move, 0, 4);
    tcase_add_test(tcase, the_limit_changes_while_pages_are_balanced);
    tcase_add_test(tcase, no_increment_is_lost);
    tcase_add_test(tcase, no_append_is_lost);
    tcase_add_test(tcase, nothing_is_missed_while_the_index_grows);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(threads_suite());
}
