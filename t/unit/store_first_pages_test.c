/* The first page of a class, which may lie beyond the limit of memory. */
#include <check.h>

#include "memcached/base/check.h"
#include "t/unit/store_fixture.h"

static struct fixture f;

static void setup(void) {
    fixture_init(&f);
}

static void teardown(void) {
    fixture_close(&f);
}

enum { MB = 1 << 20 };

START_TEST(a_class_has_its_first_page_beyond_the_limit) {
    static const size_t sizes[] = {100, 5000, 60000, 300000};
    for (unsigned is_evicting = 0; is_evicting < 2; is_evicting++) {
        f.config.limit_bytes = 2 * MB;
        f.config.item_bytes_max = MB;
        f.config.is_evicting = is_evicting;
        fixture_open(&f);
        unsigned stored = 0;
        while (stored < 3000 && put_numbered(&f, "k", stored, 1000) == STORE_OK)
            stored++;
        ck_assert_int_eq(stored == 3000, is_evicting);
        uint64_t evictions = stats_of(&f).evictions;
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            ck_assert_int_eq(put_numbered(&f, "other", (unsigned)i, sizes[i]), STORE_OK);
            ck_assert_uint_eq(stats_of(&f).pages_total, 3 + i);
            ck_assert_uint_eq(class_pages(&f, class_with(&f, sizes[i])), 1);
        }
        /* that page and no other, and what is beyond the limit stays */
        for (unsigned i = 0; i < 6; i++) {
            bool is_stored = put_numbered(&f, "more", i, 300000) == STORE_OK;
            ck_assert_int_eq(is_stored, is_evicting || i < 2);
        }
        fixture_wait(&f, 100);
        fixture_settle(&f);
        ck_assert_uint_eq(stats_of(&f).pages_total, 6);
        ck_assert_uint_eq(stats_of(&f).slabs_moved_count, 0);
        ck_assert_uint_eq(class_stats(&f, class_with(&f, 1000)).evicted, evictions);
        ck_assert(!is_evicting || has_numbered(&f, "k", stored - 1));
        fixture_verify(&f);
        if (!is_evicting) {
            fixture_close(&f);
            fixture_init(&f);
        }
    }
}
END_TEST

/* What is beyond the limit is counted as such only as long as it is. */
START_TEST(a_limit_that_was_raised_covers_the_first_pages) {
    f.config.limit_bytes = 2 * MB;
    fixture_open(&f);
    for (unsigned i = 0; i < 3000; i++)
        put_numbered(&f, "k", i, 1000);
    put_numbered(&f, "a", 0, 100);
    put_numbered(&f, "b", 0, 5000);
    put_numbered(&f, "c", 0, 60000);
    ck_assert_uint_eq(stats_of(&f).pages_total, 5);
    ck_assert(store_set_limit(f.store, 6 * MB));
    for (unsigned i = 0; i < 6000; i++)
        put_numbered(&f, "k", i, 1000);
    ck_assert_uint_eq(stats_of(&f).pages_total, 6);
    ck_assert(store_set_limit(f.store, 4 * MB));
    fixture_settle(&f);
    ck_assert_uint_eq(stats_of(&f).pages_total, 4);
    fixture_verify(&f);
    /* no class gives its last page for a lower limit */
    ck_assert(store_set_limit(f.store, 1 * MB));
    fixture_settle(&f);
    ck_assert_uint_eq(stats_of(&f).pages_total, 4);
    ck_assert(has_numbered(&f, "a", 0) && has_numbered(&f, "b", 0) && has_numbered(&f, "c", 0));
    ck_assert_int_eq(put_numbered(&f, "d", 0, 300000), STORE_OK);
    ck_assert_uint_eq(stats_of(&f).pages_total, 5);
}
END_TEST

/* A page that a class had to give up does not come back beyond the limit. */
START_TEST(the_pages_beyond_the_limit_are_one_a_class_at_most) {
    f.config.limit_bytes = 2 * MB;
    f.config.item_bytes_max = 64 * MB;
    f.config.growth_factor = 8;
    fixture_open(&f);
    uint32_t most = store_class_count(f.store);
    ck_assert_uint_gt(most, 2);
    for (unsigned round = 0; round < 50; round++) {
        for (size_t bytes = 1; bytes < 8 * MB; bytes = bytes * 3 + 1) {
            (void)put_numbered(&f, "k", (unsigned)bytes, bytes);
            ck_assert_uint_le(stats_of(&f).pages_total, most);
        }
        fixture_verify(&f);
    }
    ck_assert_uint_eq(stats_of(&f).pages_total, most);
    ck_assert_uint_gt(stats_of(&f).slabs_moved_count, 50);
}
END_TEST

/* Else one node would have room for what the other has none for, by the order of stores. */
START_TEST(without_eviction_a_pair_keeps_the_limit) {
    f.config.limit_bytes = 4 * MB;
    f.config.is_evicting = false;
    f.config.is_replicated = true;
    fixture_open(&f);
    unsigned stored = 0;
    while (put_numbered(&f, "k", stored, 1000) == STORE_OK)
        stored++;
    ck_assert_uint_gt(stored, 3000);
    ck_assert_uint_eq(stats_of(&f).pages_total, 4);
    ck_assert_int_eq(put_numbered(&f, "other", 0, 300000), STORE_NO_MEMORY);
    ck_assert_uint_eq(stats_of(&f).pages_total, 4);
    ck_assert(has_numbered(&f, "k", 0) && has_numbered(&f, "k", stored - 1));
    fixture_verify(&f);
}
END_TEST

START_TEST(every_class_may_have_its_first_page_at_once) {
    const char *why = NULL;
    f.config.growth_factor = 8;
    f.config.has_first_pages = true;
    f.config.limit_bytes = 4 * MB;
    ck_assert_ptr_null(store_create(&f.config, &why));
    ck_assert_pstr_eq(why, "with -L the memory limit must be at least 1 MB for each slab class");
    f.config.limit_bytes = 6 * MB;
    fixture_open(&f);
    ck_assert_uint_eq(store_class_count(f.store), 5);
    for (unsigned id = 1; id <= 5; id++)
        ck_assert_uint_eq(class_pages(&f, id), 1);
    for (unsigned i = 0; i < 3000; i++)
        ck_assert_int_eq(put_numbered(&f, "k", i, 5000), STORE_OK);
    ck_assert_uint_eq(class_pages(&f, 3), 2);
    ck_assert_uint_eq(stats_of(&f).pages_total, 6);
    ck_assert_uint_gt(stats_of(&f).evictions, 0);
}
END_TEST

static Suite *first_pages_suite(void) {
    Suite *suite = suite_create("store first pages");
    TCase *tcase = tcase_create("first pages");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_class_has_its_first_page_beyond_the_limit);
    tcase_add_test(tcase, a_limit_that_was_raised_covers_the_first_pages);
    tcase_add_test(tcase, the_pages_beyond_the_limit_are_one_a_class_at_most);
    tcase_add_test(tcase, without_eviction_a_pair_keeps_the_limit);
    tcase_add_test(tcase, every_class_may_have_its_first_page_at_once);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(first_pages_suite());
}
