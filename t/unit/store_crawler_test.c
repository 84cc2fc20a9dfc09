/* The crawler: when crawls are due and what they free, dumps while items come and go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/mem.h"
#include "memcached/store/crawler.h"
#include "t/unit/store_fixture.h"

static struct fixture f;

static void setup(void) {
    fixture_init(&f);
}

static void teardown(void) {
    fixture_close(&f);
}

static struct store_crawler crawler_of(void) {
    struct store_crawler crawler;
    store_crawler(f.store, &crawler);
    return crawler;
}

static bool pass_over(void *context, const struct store_key *key, const struct store_view *view) {
    (void)context, (void)key, (void)view;
    return true;
}

/* ---- crawls ---------------------------------------------------------------------------------- */

/* Slices until there is none to do now. */
static void crawl_through(void) {
    for (unsigned i = 0; i < 10000; i++) {
        uint32_t wait_ms = store_crawl(f.thread);
        if (wait_ms == STORE_CRAWL_IDLE)
            return;
        clock_set(&f.clock, clock_wall_ms(&f.clock) + wait_ms, clock_mono_ms(&f.clock) + wait_ms);
    }
    ck_abort_msg("the crawl has no end");
}

/* So many seconds, each with what is due in it. */
static void crawl_for(unsigned seconds) {
    for (unsigned i = 0; i < seconds; i++) {
        fixture_wait(&f, 1);
        crawl_through();
    }
}

START_TEST(crawls_come_when_items_have_died) {
    fixture_open(&f);
    put_many(&f, "ever", 1000, 0);
    put_many(&f, "soon", 100, in_seconds(&f, 10 * 60 + 30));
    crawl_for(2);
    ck_assert_uint_eq(crawler_of().starts, 1);
    ck_assert_uint_eq(class_stats(&f, 1).crawler_items_checked, 1100);
    /* nothing died: waits of 60 and 120 s, until the histogram's minute comes before */
    crawl_for(59);
    ck_assert_uint_eq(crawler_of().starts, 2);
    crawl_for(119);
    ck_assert_uint_eq(crawler_of().starts, 2);
    crawl_for(2);
    ck_assert_uint_eq(crawler_of().starts, 3);
    crawl_for(240);
    ck_assert_uint_eq(crawler_of().starts, 4);
    uint64_t before = crawler_of().starts;
    crawl_for(150);
    ck_assert_uint_eq(crawler_of().starts, before);
    ck_assert_uint_eq(stats_of(&f).curr_items, 1100);
    /* 480 s is the next wait, but 100 die in the fourth minute */
    crawl_for(120);
    ck_assert_uint_eq(class_stats(&f, 1).crawler_reclaimed, 100);
    ck_assert_uint_eq(class_stats(&f, 1).expired_unfetched, 100);
    ck_assert_uint_eq(class_stats(&f, 1).reclaimed, 0);
    ck_assert_uint_eq(stats_of(&f).curr_items, 1000);
}
END_TEST

START_TEST(a_flush_makes_all_crawls_due) {
    fixture_open(&f);
    put_many(&f, "k", 3000, 0);
    crawl_for(2);
    store_flush(f.thread, 0);
    crawl_for(2);
    ck_assert_uint_eq(stats_of(&f).curr_items, 0);
    put_many(&f, "k", 10, 0);
    store_flush(f.thread, 5);
    crawl_for(8);
    ck_assert_uint_eq(stats_of(&f).curr_items, 0);
}
END_TEST

START_TEST(no_crawl_starts_by_itself_without_maintainer_or_crawler) {
    f.config.has_lru_maintainer = _i == 0;
    f.config.has_crawler = _i != 0;
    fixture_open(&f);
    put_many(&f, "k", 100, in_seconds(&f, 5));
    crawl_for(200);
    ck_assert_uint_eq(stats_of(&f).curr_items, 100);
    ck_assert_uint_eq(crawler_of().starts, 0);
    ck_assert(store_crawler_enable(f.store, true) == (_i == 0));
    ck_assert(store_crawl_start(f.store, UINT64_MAX));
    crawl_through();
    ck_assert_uint_eq(stats_of(&f).curr_items, 0);
}
END_TEST

START_TEST(a_crawl_looks_at_so_many_items) {
    f.config.has_lru_maintainer = false;
    fixture_open(&f);
    put_many(&f, "k", 5000, in_seconds(&f, 5));
    fixture_wait(&f, 6);
    store_crawler_tune(f.store, 100, 1700);
    ck_assert(store_crawl_start(f.store, 1 << 1));
    /* a slice of 1000, a sleep, and the rest */
    ck_assert_uint_eq(store_crawl(f.thread), 1);
    ck_assert_uint_eq(class_stats(&f, 1).crawler_items_checked, 1000);
    ck_assert(crawler_of().is_busy && crawler_of().is_running);
    ck_assert_uint_eq(store_crawl(f.thread), 1);
    ck_assert_uint_eq(class_stats(&f, 1).crawler_items_checked, 1000);
    crawl_through();
    ck_assert_uint_eq(class_stats(&f, 1).crawler_items_checked, 1700);
    ck_assert_uint_eq(class_stats(&f, 1).crawler_reclaimed, 1700);
    ck_assert(!crawler_of().is_busy && !crawler_of().is_running);
}
END_TEST

START_TEST(one_request_at_a_time) {
    enum store_dump_refusal why;
    f.config.has_lru_maintainer = false;
    fixture_open(&f);
    ck_assert(store_crawl_start(f.store, UINT64_MAX)); /* of nothing: over at once */
    ck_assert(!crawler_of().is_busy);
    put_many(&f, "k", 5000, 0);
    ck_assert(store_crawl_start(f.store, UINT64_MAX));
    ck_assert(!store_crawl_start(f.store, UINT64_MAX));
    ck_assert_ptr_null(store_dump_begin(f.store, STORE_DUMP_INDEX, 0, &why));
    ck_assert_int_eq(why, STORE_DUMP_BUSY);
    struct store_dump *cold = store_dump_begin(f.store, STORE_DUMP_COLD, 1 << 1, &why);
    ck_assert_ptr_nonnull(cold);
    store_crawl(f.thread); /* in the middle of it */
    ck_assert(store_crawler_enable(f.store, false));
    ck_assert(!store_crawler_enable(f.store, false));
    ck_assert(!crawler_of().is_busy);
    crawl_for(1);
    ck_assert_uint_eq(class_stats(&f, 1).crawler_items_checked, 1000);
    ck_assert(store_crawler_enable(f.store, true));
    store_dump_end(cold);

    struct store_dump *dump = store_dump_begin(f.store, STORE_DUMP_CLASSES, UINT64_MAX, &why);
    ck_assert_ptr_nonnull(dump);
    ck_assert(!store_crawl_start(f.store, UINT64_MAX));
    ck_assert_int_eq(store_dump_step(dump, f.thread, pass_over, NULL), STORE_DUMP_MORE);
    store_crawler_enable(f.store, false);
    ck_assert_int_eq(store_dump_step(dump, f.thread, pass_over, NULL), STORE_DUMP_CANCELLED);
    store_crawler_enable(f.store, true);
    struct store_dump *other = store_dump_begin(f.store, STORE_DUMP_INDEX, 0, &why);
    ck_assert_ptr_nonnull(other);
    store_dump_end(dump); /* takes nothing from the other */
    ck_assert(crawler_of().is_busy);
    store_dump_end(other);
    ck_assert(!crawler_of().is_busy);

    mem_fail_after(0);
    ck_assert_ptr_null(store_dump_begin(f.store, STORE_DUMP_INDEX, 0, &why));
    mem_fail_after(-1);
    ck_assert_int_eq(why, STORE_DUMP_NO_MEMORY);
    ck_assert(!crawler_of().is_busy);
}
END_TEST

/* ---- dumps while items come and go ----------------------------------------------------------- */

enum { DUMP_KEYS = 4000 };

struct seen {
    unsigned count[DUMP_KEYS];
};

static bool note_seen(void *context, const struct store_key *key, const struct store_view *view) {
    struct seen *seen = context;
    ck_assert_uint_eq(view->value_bytes, 1);
    if (key->data[0] == 'k')
        seen->count[strtoul(key->data + 1, NULL, 10)]++;
    return true;
}

static void read_twice(unsigned number) {
    char key[16];
    struct store_view view;
    snprintf(key, sizeof(key), "k%04u", number);
    struct store_key k = key_of(&f, key);
    for (unsigned i = 0; i < 2; i++) {
        if (store_peek(f.thread, &k, &view) == STORE_PEEK_HIT)
            (void)store_peek_confirm(f.thread, &view);
    }
}

/* Even numbers are read and so moved on the LRU, all others deleted and stored, too, meanwhile. */
static void disturb(struct rng *rng) {
    char key[16];
    unsigned number = (unsigned)rng_below(rng, DUMP_KEYS / 2) * 2 + 1;
    snprintf(key, sizeof(key), "k%04u", number);
    switch (rng_below(rng, 4)) {
    case 0:
        drop(&f, key);
        break;
    case 1:
        put_bytes(&f, key, "v", 1, 0, 0);
        break;
    case 2:
        snprintf(key, sizeof(key), "n%u", (unsigned)rng_below(rng, 3000));
        put_bytes(&f, key, "v", 1, 0, 0);
        break;
    default:
        read_twice((unsigned)rng_below(rng, DUMP_KEYS));
        break;
    }
}

START_TEST(a_dump_shows_all_that_stays) {
    static struct seen seen;
    struct rng rng;
    enum store_dump_refusal why;
    rng_seed(&rng, 400 + (uint64_t)_i);
    memset(&seen, 0, sizeof(seen));
    f.config.hashpower = 9; /* grows meanwhile */
    f.config.lru.is_segmented = _i % 2;
    fixture_open(&f);
    put_many(&f, "k", DUMP_KEYS, 0);
    if (_i % 2)
        fixture_settle(&f);
    enum store_dump_order order = _i < 4 ? STORE_DUMP_INDEX : STORE_DUMP_CLASSES;
    struct store_dump *dump = store_dump_begin(f.store, order, UINT64_MAX, &why);
    ck_assert_ptr_nonnull(dump);
    enum store_dump_state state = STORE_DUMP_MORE;
    while (state == STORE_DUMP_MORE) {
        for (unsigned i = 0; i < 40; i++)
            disturb(&rng);
        store_maintain(f.thread);
        store_grow(f.thread);
        fixture_verify(&f);
        state = store_dump_step(dump, f.thread, note_seen, &seen);
    }
    ck_assert_int_eq(state, STORE_DUMP_OVER);
    store_dump_end(dump);
    for (unsigned i = 0; i < DUMP_KEYS; i += 2)
        ck_assert_msg(seen.count[i] == 1, "k%04u was shown %u times", i, seen.count[i]);
}
END_TEST

START_TEST(a_dump_ends_however_much_is_stored_meanwhile) {
    enum { AT_ONCE = 100, STEPS_MAX = 2000 };
    struct seen nobody;
    enum store_dump_refusal why;
    memset(&nobody, 0, sizeof(nobody));
    f.config.hashpower = 9;
    fixture_open(&f);
    put_many(&f, "k", DUMP_KEYS, 0);
    struct store_dump *dump = store_dump_begin(f.store, STORE_DUMP_CLASSES, UINT64_MAX, &why);
    unsigned steps = 0;
    while (store_dump_step(dump, f.thread, note_seen, &nobody) == STORE_DUMP_MORE) {
        char prefix[16];
        snprintf(prefix, sizeof(prefix), "new%u-", steps);
        put_many(&f, prefix, AT_ONCE, 0);
        store_grow(f.thread);
        ck_assert_uint_lt(steps++, STEPS_MAX);
    }
    store_dump_end(dump);
}
END_TEST

static unsigned told_count;

static bool count_told(void *context, struct store_thread *thread,
                       const struct store_change *change) {
    (void)context, (void)thread, (void)change;
    told_count++;
    return true;
}

START_TEST(a_dump_takes_nothing_from_the_peer) {
    enum store_dump_refusal why;
    struct store_observer observer = {.changed = count_told};
    f.config.is_replicated = true;
    fixture_open(&f);
    store_thread_leave(f.thread);
    store_observe(f.store, &observer);
    f.thread = store_thread_join(f.store);
    told_count = 0;
    put(&f, STORE_SET, "k", "1");
    ck_assert_uint_eq(told_count, 1);
    for (int order = STORE_DUMP_INDEX; order <= STORE_DUMP_COLD; order++) {
        struct store_dump *dump =
            store_dump_begin(f.store, (enum store_dump_order)order, UINT64_MAX, &why);
        while (store_dump_step(dump, f.thread, pass_over, NULL) == STORE_DUMP_MORE)
            ;
        store_dump_end(dump);
    }
    /* still queued, so not told of again */
    put(&f, STORE_SET, "k", "2");
    ck_assert_uint_eq(told_count, 1);
}
END_TEST

static Suite *crawler_suite(void) {
    Suite *suite = suite_create("crawler");
    TCase *tcase = tcase_create("crawler");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, crawls_come_when_items_have_died);
    tcase_add_test(tcase, a_flush_makes_all_crawls_due);
    tcase_add_loop_test(tcase, no_crawl_starts_by_itself_without_maintainer_or_crawler, 0, 2);
    tcase_add_test(tcase, a_crawl_looks_at_so_many_items);
    tcase_add_test(tcase, one_request_at_a_time);
    tcase_add_loop_test(tcase, a_dump_shows_all_that_stays, 0, 8);
    tcase_add_test(tcase, a_dump_ends_however_much_is_stored_meanwhile);
    tcase_add_test(tcase, a_dump_takes_nothing_from_the_peer);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(crawler_suite());
}
