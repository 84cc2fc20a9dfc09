/* Pages that change class by themselves, for balance or in need. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/unit/store_fixture.h"

enum { MB = 1 << 20 };

static struct fixture f;

static void setup(void) {
    fixture_init(&f);
    f.config.automove.level = 0;
}

static void teardown(void) {
    fixture_close(&f);
}

static void automove(unsigned level, uint32_t window, double ratio) {
    struct store_automove settings = {.level = level, .window_s = window, .ratio = ratio};
    store_automove_set(f.store, &settings);
}

START_TEST(free_pages_go_to_the_pool_after_a_window) {
    enum { BYTES = 1000, COUNT = 9000 };
    fixture_open(&f);
    automove(1, 5, 0.8);
    unsigned id = class_with(&f, BYTES);
    for (unsigned i = 0; i < COUNT; i++)
        put_flagged(&f, "k", i, BYTES);
    for (unsigned i = 0; i < COUNT; i++) {
        char key[32];
        snprintf(key, sizeof(key), "k%u", i);
        if (i % 10)
            drop(&f, key);
    }
    uint32_t pages = class_pages(&f, id);
    for (unsigned second = 0; second < 4; second++) {
        fixture_wait(&f, 1);
        fixture_settle(&f);
        ck_assert_uint_eq(class_pages(&f, id), pages);
    }
    for (unsigned second = 0; second < 3; second++) {
        fixture_wait(&f, 1);
        fixture_settle(&f);
    }
    struct store_class_stats stats = class_stats(&f, id);
    ck_assert_uint_lt(stats.total_pages, pages);
    ck_assert_uint_lt(stats.free_chunks, 3 * stats.chunks_per_page);
    ck_assert_uint_eq(stats_of(&f).pages_pool, pages - stats.total_pages);
    for (unsigned i = 0; i < COUNT; i += 10)
        ck_assert(has_flagged(&f, "k", i, BYTES));
    fixture_verify(&f);
}
END_TEST

/* Seconds until the class has two pages, with ever new items of it; 0: it never gets there. */
static unsigned seconds_to_a_second_page(size_t bytes, unsigned a_second, unsigned seconds) {
    unsigned id = class_with(&f, bytes);
    unsigned number = 0;
    for (unsigned second = 1; second <= seconds; second++) {
        for (unsigned i = 0; i < a_second; i++)
            ck_assert_int_eq(put_flagged(&f, "s", number++, bytes), STORE_OK);
        fixture_wait(&f, 1);
        fixture_settle(&f);
        if (class_pages(&f, id) > 1)
            return second;
    }
    return 0;
}

static void fill_with(size_t bytes) {
    unsigned count = 0;
    while (stats_of(&f).evictions == 0)
        put_flagged(&f, "k", count++, bytes);
    fixture_wait(&f, 60);
    fixture_settle(&f);
}

START_TEST(a_starved_class_gets_pages_in_seconds) {
    f.config.limit_bytes = 16 * MB;
    fixture_open(&f);
    automove(1, 10, 0.8);
    fill_with(1000);
    unsigned id = class_with(&f, 1000);
    uint32_t pages = class_pages(&f, id);
    uint64_t evictions = class_stats(&f, id).evicted;
    unsigned seconds = seconds_to_a_second_page(5000, 300, 20);
    ck_assert_uint_gt(seconds, 0);
    ck_assert_uint_le(seconds, 5);
    /* one page for the class to begin with, one because it was starved, and not a page too many */
    uint32_t taken = pages - class_pages(&f, id);
    ck_assert_uint_le(taken, 3);
    ck_assert_uint_le(class_stats(&f, id).evicted - evictions,
                      (uint64_t)taken * (class_stats(&f, id).chunks_per_page + 1));
    fixture_verify(&f);
}
END_TEST

START_TEST(a_class_in_great_need_gets_a_page_a_second) {
    enum { SECONDS = 12, BYTES = 5000 };
    f.config.limit_bytes = 32 * MB;
    fixture_open(&f);
    automove(1, 10, 0.8);
    fill_with(1000);
    unsigned number = 0;
    for (unsigned second = 0; second < SECONDS; second++) {
        for (unsigned i = 0; i < 3000; i++)
            put_flagged(&f, "s", number++, BYTES);
        fixture_wait(&f, 1);
        fixture_settle(&f);
    }
    ck_assert_uint_ge(class_pages(&f, class_with(&f, BYTES)), SECONDS - 4);
    ck_assert_uint_le(class_pages(&f, class_with(&f, BYTES)), SECONDS + 1);
    fixture_verify(&f);
}
END_TEST

/* What is free in another class is had at once, for next to no eviction, however fast it is needed. */
START_TEST(what_lies_idle_elsewhere_is_given_at_once) {
    enum { BYTES = 5000, COUNT = 1600, AT_A_TIME = 20 };
    f.config.limit_bytes = 16 * MB;
    fixture_open(&f);
    automove(1 + (unsigned)_i, 10, 0.8);
    fill_with(1000);
    unsigned rich = class_with(&f, 1000);
    unsigned needy = class_with(&f, BYTES);
    for (unsigned i = 0; i < 16000; i++) {
        char key[32];
        snprintf(key, sizeof(key), "k%u", i);
        if (i % 8)
            drop(&f, key);
    }
    uint64_t left = class_stats(&f, rich).number;
    for (unsigned second = 0; second < 3; second++) {
        fixture_wait(&f, 1);
        store_maintain(f.thread);
    }
    uint64_t moved = stats_of(&f).slabs_moved_count;
    for (unsigned i = 0; i < COUNT; i++) {
        ck_assert_int_eq(put_flagged(&f, "s", i, BYTES), STORE_OK);
        if (i % AT_A_TIME == 0)
            fixture_settle(&f);
    }
    ck_assert_uint_gt(stats_of(&f).slabs_moved_count, moved + 5);
    ck_assert_uint_eq(class_stats(&f, rich).number, left);
    /* at most what was stored before the next look, a page */
    ck_assert_uint_le(class_stats(&f, needy).evicted, class_pages(&f, needy) * AT_A_TIME);
    fixture_verify(&f);
}
END_TEST

START_TEST(classes_of_one_age_keep_their_pages) {
    f.config.limit_bytes = 16 * MB;
    fixture_open(&f);
    automove(1, 3, 0.8);
    unsigned number = 0;
    uint64_t moved = 0;
    /* both evict, both are as old */
    for (unsigned second = 0; second < 60; second++) {
        for (unsigned i = 0; i < 300; i++) {
            put_flagged(&f, "a", number, 1000);
            put_flagged(&f, "b", number++, 2900);
        }
        fixture_wait(&f, 1);
        fixture_settle(&f);
        if (second == 30)
            moved = stats_of(&f).slabs_moved_count;
    }
    ck_assert_uint_gt(class_stats(&f, class_with(&f, 1000)).evicted, 0);
    ck_assert_uint_gt(class_stats(&f, class_with(&f, 2900)).evicted, 0);
    ck_assert_uint_le(stats_of(&f).slabs_moved_count, moved + 2);
}
END_TEST

START_TEST(aggressive_automove_asks_for_no_age) {
    f.config.limit_bytes = 8 * MB;
    fixture_open(&f);
    automove(2, 1000, 0.01);
    fill_with(1000);
    unsigned seconds = seconds_to_a_second_page(5000, 300, 20);
    ck_assert(seconds == 1 || seconds == 2);
}
END_TEST

START_TEST(standby_moves_nothing) {
    f.config.limit_bytes = 8 * MB;
    fixture_open(&f);
    fill_with(1000);
    ck_assert_uint_eq(seconds_to_a_second_page(5000, 300, 10), 0);
}
END_TEST

START_TEST(without_reassign_nothing_moves_by_itself) {
    f.config.limit_bytes = 8 * MB;
    f.config.moves_pages = false;
    fixture_open(&f);
    automove(2, 3, 0.8);
    fill_with(1000);
    ck_assert_uint_eq(seconds_to_a_second_page(5000, 300, 10), 0);
}
END_TEST

static Suite *automove_suite(void) {
    Suite *suite = suite_create("slab pages that move by themselves");
    TCase *tcase = tcase_create("automove");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, free_pages_go_to_the_pool_after_a_window);
    tcase_add_test(tcase, a_starved_class_gets_pages_in_seconds);
    tcase_add_test(tcase, a_class_in_great_need_gets_a_page_a_second);
    tcase_add_loop_test(tcase, what_lies_idle_elsewhere_is_given_at_once, 0, 2);
    tcase_add_test(tcase, classes_of_one_age_keep_their_pages);
    tcase_add_test(tcase, aggressive_automove_asks_for_no_age);
    tcase_add_test(tcase, standby_moves_nothing);
    tcase_add_test(tcase, without_reassign_nothing_moves_by_itself);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(automove_suite());
}
