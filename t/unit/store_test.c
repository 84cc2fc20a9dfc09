/* What clients see of the store: storing, reading, deleting, numbers, expiry, flushing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/store/crawler.h"
#include "t/unit/store_fixture.h"

static struct fixture f;

static void setup(void) {
    fixture_init(&f);
    fixture_open(&f);
}

static void teardown(void) {
    fixture_close(&f);
}

START_TEST(set_then_get) {
    ck_assert_value(&f, "key", NULL);
    ck_assert_int_eq(put(&f, STORE_SET, "key", "value"), STORE_OK);
    ck_assert_value(&f, "key", "value");
    ck_assert_int_eq(put(&f, STORE_SET, "key", ""), STORE_OK);
    ck_assert_value(&f, "key", "");
    ck_assert_uint_eq(stats_of(&f).curr_items, 1);
    ck_assert_uint_eq(stats_of(&f).total_items, 2);
}
END_TEST

START_TEST(longest_key_and_all_lengths) {
    char key[STORE_KEY_BYTES_MAX + 1];
    for (unsigned bytes = 1; bytes <= STORE_KEY_BYTES_MAX; bytes++) {
        memset(key, 'k', bytes);
        key[bytes] = '\0';
        ck_assert_int_eq(put_bytes(&f, key, key, bytes, bytes, 0), STORE_OK);
    }
    for (unsigned bytes = 1; bytes <= STORE_KEY_BYTES_MAX; bytes++) {
        struct store_view view;
        memset(key, 'k', bytes);
        key[bytes] = '\0';
        char *text = value_of(&f, key, &view, NULL);
        ck_assert_pstr_eq(text, key);
        ck_assert_uint_eq(view.client_flags, bytes);
        free(text);
    }
}
END_TEST

START_TEST(a_small_header_fits_more_into_a_chunk) {
    static const struct {
        unsigned key_bytes, value_bytes, flags, chunk_bytes;
    } cases[] = {
        {16, 100, 0, 152}, {16, 101, 0, 192}, {16, 96, 1, 152}, {16, 97, 1, 192},
        {16, 32, 0, 96},   {16, 44, 0, 96},   {16, 45, 0, 120},
    };
    char value[256] = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char key[17] = "0123456789abcdef";
        struct store_view view;
        struct store_class_stats stats;
        ck_assert_int_eq(put_bytes(&f, key, value, cases[i].value_bytes, cases[i].flags, 0),
                         STORE_OK);
        free(value_of(&f, key, &view, NULL));
        store_class_stats(f.store, view.class_id, &stats);
        ck_assert_uint_eq(stats.chunk_bytes, cases[i].chunk_bytes);
    }
}
END_TEST

START_TEST(sizes_are_reported_as_memcached_does) {
    put_bytes(&f, "a", "x", 1, 0, 0);
    ck_assert_uint_eq(stats_of(&f).curr_bytes, 61);
    put_bytes(&f, "a", "x", 1, 5, 0);
    ck_assert_uint_eq(stats_of(&f).curr_bytes, 65);
    drop(&f, "a");
    ck_assert_uint_eq(stats_of(&f).curr_bytes, 0);
}
END_TEST

START_TEST(storage_modes) {
    ck_assert_int_eq(put(&f, STORE_REPLACE, "k", "1"), STORE_NOT_STORED);
    ck_assert_int_eq(put(&f, STORE_APPEND, "k", "1"), STORE_NOT_STORED);
    ck_assert_int_eq(put(&f, STORE_PREPEND, "k", "1"), STORE_NOT_STORED);
    ck_assert_int_eq(put(&f, STORE_CAS, "k", "1"), STORE_NOT_FOUND);
    ck_assert_value(&f, "k", NULL);
    ck_assert_int_eq(put(&f, STORE_ADD, "k", "2"), STORE_OK);
    ck_assert_int_eq(put(&f, STORE_ADD, "k", "3"), STORE_NOT_STORED);
    ck_assert_value(&f, "k", "2");
    ck_assert_int_eq(put(&f, STORE_REPLACE, "k", "4"), STORE_OK);
    ck_assert_int_eq(put(&f, STORE_APPEND, "k", "-after"), STORE_OK);
    ck_assert_int_eq(put(&f, STORE_PREPEND, "k", "before-"), STORE_OK);
    ck_assert_value(&f, "k", "before-4-after");
}
END_TEST

START_TEST(append_keeps_flags_and_exptime) {
    struct store_view view;
    put_bytes(&f, "k", "a", 1, 77, in_seconds(&f, 100));
    ck_assert_int_eq(put(&f, STORE_APPEND, "k", "b"), STORE_OK);
    free(value_of(&f, "k", &view, NULL));
    ck_assert_uint_eq(view.client_flags, 77);
    ck_assert_uint_eq(view.exptime, in_seconds(&f, 100));
}
END_TEST

START_TEST(cas_stores_only_over_the_expected_version) {
    put(&f, STORE_SET, "k", "1");
    uint64_t version = version_of(&f, "k");
    struct store_write write = {.mode = STORE_CAS, .expected_version = version + 1};
    uint64_t hash = key_of(&f, "k").hash;
    ck_assert_int_eq(store_commit(f.thread, item_with(&f, "k", "2", 1, 0, 0), hash, &write, NULL),
                     STORE_EXISTS);
    ck_assert_value(&f, "k", "1");
    write.expected_version = version;
    uint64_t stored = 0;
    ck_assert_int_eq(
        store_commit(f.thread, item_with(&f, "k", "2", 1, 0, 0), hash, &write, &stored), STORE_OK);
    ck_assert_uint_eq(stored, version_of(&f, "k"));
    ck_assert_uint_gt(stored, version);
    struct store_class_stats stats;
    store_class_stats(f.store, 1, &stats);
    ck_assert_uint_eq(stats.cas_badval, 1);
    ck_assert_uint_eq(stats.cas_hits, 1);
}
END_TEST

START_TEST(versions_count_up_from_one) {
    put(&f, STORE_SET, "a", "1");
    ck_assert_uint_eq(version_of(&f, "a"), 1);
    put(&f, STORE_SET, "b", "1");
    ck_assert_uint_eq(version_of(&f, "b"), 2);
    struct store_write write = {.mode = STORE_SET, .new_version = 1234};
    store_commit(f.thread, item_with(&f, "a", "2", 1, 0, 0), key_of(&f, "a").hash, &write, NULL);
    ck_assert_uint_eq(version_of(&f, "a"), 1234);
}
END_TEST

static void put_with_version(const char *key, uint64_t version) {
    struct store_write write = {.mode = STORE_SET, .new_version = version};
    ck_assert_int_eq(store_commit(f.thread, item_with(&f, key, "v", 1, 0, 0), key_of(&f, key).hash,
                                  &write, NULL),
                     STORE_OK);
}

START_TEST(a_flush_reaches_explicit_versions_and_they_live_after_it) {
    put_with_version("a", UINT64_C(1) << 40);
    put_with_version("b", UINT64_MAX);
    store_flush(f.thread, 0);
    ck_assert_value(&f, "a", NULL);
    ck_assert_value(&f, "b", NULL);
    put_with_version("a", 5);
    ck_assert_value(&f, "a", "v");
    put(&f, STORE_SET, "b", "1");
    ck_assert_value(&f, "b", "1");
    ck_assert_uint_gt(version_of(&f, "b"), version_of(&f, "a"));
    put_with_version("b", UINT64_C(1) << 50);
    ck_assert_uint_eq(version_of(&f, "b"), UINT64_C(1) << 50);
}
END_TEST

START_TEST(delete_with_and_without_a_version) {
    struct store_key key = key_of(&f, "k");
    ck_assert_int_eq(drop(&f, "k"), STORE_NOT_FOUND);
    put(&f, STORE_SET, "k", "1");
    uint64_t version = version_of(&f, "k");
    ck_assert_int_eq(store_delete(f.thread, &key, true, version + 1, 0), STORE_EXISTS);
    ck_assert_value(&f, "k", "1");
    ck_assert_int_eq(store_delete(f.thread, &key, true, version, 0), STORE_OK);
    ck_assert_value(&f, "k", NULL);
    put(&f, STORE_SET, "k", "2");
    store_drop_stale(f.thread, &key);
    ck_assert_value(&f, "k", NULL);
}
END_TEST

START_TEST(a_held_value_survives_replacement_and_deletion) {
    struct store_key key = key_of(&f, "k");
    struct store_view view;
    put(&f, STORE_SET, "k", "10");
    ck_assert_int_eq(store_get(f.thread, &key, STORE_GET, &view), STORE_OK);
    struct store_arith arith = {.delta = 5};
    ck_assert_int_eq(store_arith(f.thread, &key, &arith), STORE_OK);
    ck_assert_uint_eq(arith.value, 15);
    ck_assert_value(&f, "k", "15");
    put(&f, STORE_SET, "k", "new");
    drop(&f, "k");
    ck_assert_mem_eq(view.value, "10", 2);
    fixture_verify(&f);
    store_item_release(f.thread, view.item);
}
END_TEST

START_TEST(numbers) {
    static const struct {
        const char *before;
        bool is_decr;
        uint64_t delta;
        enum store_status status;
        const char *after;
    } cases[] = {
        {"10", false, 1, STORE_OK, "11"},
        {"99", false, 1, STORE_OK, "100"},
        {"10", true, 1, STORE_OK, "9 "},
        {"9 ", false, 1, STORE_OK, "10"},
        {"5", true, 10, STORE_OK, "0"},
        {" 12", false, 1, STORE_OK, "13 "},
        {"+5", false, 1, STORE_OK, "6 "},
        {"-0", false, 1, STORE_OK, "1 "},
        {"12 34", false, 1, STORE_OK, "13   "},
        {"000000000000000000000000012", false, 1, STORE_OK, "13                         "},
        {"18446744073709551615", false, 1, STORE_OK, "0                   "},
        {"18446744073709551615", true, 0, STORE_OK, "18446744073709551615"},
        {"18446744073709551616", false, 1, STORE_NON_NUMERIC, "18446744073709551616"},
        {"12a", false, 1, STORE_NON_NUMERIC, "12a"},
        {"-5", false, 1, STORE_NON_NUMERIC, "-5"},
        {"", false, 1, STORE_NON_NUMERIC, ""},
        {" ", false, 1, STORE_NON_NUMERIC, " "},
        {"1", false, 18446744073709551615u, STORE_OK, "0"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct store_key key = key_of(&f, "n");
        struct store_arith arith = {.is_decr = cases[i].is_decr, .delta = cases[i].delta};
        put(&f, STORE_SET, "n", cases[i].before);
        ck_assert_int_eq(store_arith(f.thread, &key, &arith), cases[i].status);
        ck_assert_value(&f, "n", cases[i].after);
    }
    struct store_key absent = key_of(&f, "absent");
    struct store_arith arith = {.delta = 1};
    ck_assert_int_eq(store_arith(f.thread, &absent, &arith), STORE_NOT_FOUND);
}
END_TEST

START_TEST(arith_keeps_flags_checks_versions_and_sets_exptime) {
    struct store_key key = key_of(&f, "n");
    struct store_view view;
    put_bytes(&f, "n", "9", 1, 7, in_seconds(&f, 50));
    struct store_arith arith = {.delta = 1, .has_expected = true, .expected_version = 999};
    ck_assert_int_eq(store_arith(f.thread, &key, &arith), STORE_EXISTS);
    arith.has_expected = false;
    ck_assert_int_eq(store_arith(f.thread, &key, &arith), STORE_OK);
    free(value_of(&f, "n", &view, NULL));
    ck_assert_uint_eq(view.client_flags, 7);
    ck_assert_uint_eq(view.exptime, in_seconds(&f, 50));
    ck_assert_uint_eq(view.version, arith.version);
    arith.has_exptime = true;
    arith.exptime = in_seconds(&f, 70);
    ck_assert_int_eq(store_arith(f.thread, &key, &arith), STORE_OK);
    free(value_of(&f, "n", &view, NULL));
    ck_assert_uint_eq(view.exptime, in_seconds(&f, 70));
}
END_TEST

START_TEST(expiry_is_exact) {
    put_bytes(&f, "k", "v", 1, 0, in_seconds(&f, 3));
    fixture_wait(&f, 2);
    ck_assert_value(&f, "k", "v");
    fixture_wait(&f, 1);
    ck_assert_value(&f, "k", NULL);
    ck_assert_uint_eq(stats_of(&f).curr_items, 0);
    put_bytes(&f, "dead", "v", 1, 0, 1);
    ck_assert_value(&f, "dead", NULL);
}
END_TEST

START_TEST(an_expired_item_is_not_in_the_way) {
    put_bytes(&f, "k", "v", 1, 0, in_seconds(&f, 1));
    fixture_wait(&f, 1);
    ck_assert_int_eq(put(&f, STORE_REPLACE, "k", "x"), STORE_NOT_STORED);
    ck_assert_int_eq(drop(&f, "k"), STORE_NOT_FOUND);
    put_bytes(&f, "k", "v", 1, 0, in_seconds(&f, 1));
    fixture_wait(&f, 1);
    ck_assert_int_eq(put(&f, STORE_ADD, "k", "y"), STORE_OK);
    ck_assert_value(&f, "k", "y");
}
END_TEST

START_TEST(an_expired_item_is_counted_once_by_commands_that_store_nothing) {
    static const enum store_mode modes[] = {STORE_REPLACE, STORE_APPEND, STORE_PREPEND, STORE_CAS};
    for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        ck_assert_int_eq(put_bytes(&f, "key", "1", 1, 0, 1), STORE_OK); /* over already */
        ck_assert_int_ne(put(&f, modes[i], "key", "2"), STORE_OK);
        ck_assert_int_ne(put(&f, modes[i], "key", "2"), STORE_OK);
        ck_assert_value(&f, "key", NULL);
        ck_assert_uint_eq(stats_of(&f).get_expired_count, i + 1);
        ck_assert_uint_eq(stats_of(&f).curr_items, 0);
    }
}
END_TEST

START_TEST(touch_and_get_and_touch) {
    struct store_key key = key_of(&f, "k");
    struct store_view view;
    ck_assert_int_eq(store_touch(f.thread, &key, 0), STORE_NOT_FOUND);
    ck_assert_int_eq(store_get_and_touch(f.thread, &key, 0, &view), STORE_NOT_FOUND);
    put_bytes(&f, "k", "v", 1, 0, in_seconds(&f, 1));
    uint64_t version = version_of(&f, "k");
    ck_assert_int_eq(store_touch(f.thread, &key, in_seconds(&f, 10)), STORE_OK);
    fixture_wait(&f, 5);
    ck_assert_value(&f, "k", "v");
    ck_assert_int_eq(store_get_and_touch(f.thread, &key, 0, &view), STORE_OK);
    ck_assert_mem_eq(view.value, "v", 1);
    ck_assert_uint_eq(view.exptime, 0);
    store_item_release(f.thread, view.item);
    fixture_wait(&f, 100);
    ck_assert_value(&f, "k", "v");
    ck_assert_uint_eq(version_of(&f, "k"), version);
}
END_TEST

START_TEST(flush_kills_what_was_stored_and_nothing_later) {
    put(&f, STORE_SET, "a", "1");
    put(&f, STORE_SET, "b", "1");
    store_flush(f.thread, 0);
    put(&f, STORE_SET, "b", "2");
    ck_assert_value(&f, "a", NULL);
    ck_assert_value(&f, "b", "2");
}
END_TEST

START_TEST(delayed_flush_takes_effect_when_due) {
    put(&f, STORE_SET, "a", "1");
    store_flush(f.thread, 10);
    ck_assert_uint_eq(store_flush_pending(f.store), FIXTURE_WALL_S + 10);
    fixture_wait(&f, 9);
    put(&f, STORE_SET, "b", "1");
    ck_assert_value(&f, "a", "1");
    fixture_wait(&f, 1);
    ck_assert_value(&f, "a", NULL);
    ck_assert_value(&f, "b", NULL);
    put(&f, STORE_SET, "b", "2");
    ck_assert_value(&f, "b", "2");
    ck_assert_uint_eq(store_flush_pending(f.store), 0);
}
END_TEST

START_TEST(a_later_flush_replaces_a_pending_one) {
    put(&f, STORE_SET, "a", "1");
    store_flush(f.thread, 10);
    store_flush(f.thread, 20);
    fixture_wait(&f, 15);
    ck_assert_value(&f, "a", "1");
    fixture_wait(&f, 5);
    ck_assert_value(&f, "a", NULL);
    store_flush(f.thread, 10);
    store_flush(f.thread, 0);
    put(&f, STORE_SET, "a", "2");
    fixture_wait(&f, 20);
    ck_assert_value(&f, "a", "2");
}
END_TEST

START_TEST(dead_items_are_reclaimed_in_the_background) {
    for (unsigned i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%u", i);
        put_bytes(&f, key, "v", 1, 0, i % 2 ? in_seconds(&f, 5) : 0);
    }
    fixture_wait(&f, 5);
    for (unsigned i = 0; i < 4; i++) {
        fixture_wait(&f, 1); /* the crawler goes by the clock */
        store_crawl(f.thread);
    }
    ck_assert_uint_eq(stats_of(&f).curr_items, 500);
    store_flush(f.thread, 0);
    for (unsigned i = 0; i < 4; i++) {
        fixture_wait(&f, 1); /* the crawler goes by the clock */
        store_crawl(f.thread);
    }
    ck_assert_uint_eq(stats_of(&f).curr_items, 0);
}
END_TEST

START_TEST(hits_are_counted_where_they_fall) {
    struct store_class_stats stats;
    struct store_key key = key_of(&f, "k");
    struct store_view view;
    char copy[8];
    put(&f, STORE_SET, "k", "v");
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(store_peek(f.thread, &key, &view), STORE_PEEK_HIT);
        ck_assert_int_eq(view.was_fetched, i > 0);
        store_copy(copy, &view);
        ck_assert(store_peek_confirm(f.thread, &view));
    }
    store_class_stats(f.store, 1, &stats);
    ck_assert_uint_eq(stats.get_hits, 3);
    ck_assert_uint_eq(stats.hits_to_hot, 3);
    store_stats_reset(f.store);
    store_class_stats(f.store, 1, &stats);
    ck_assert_uint_eq(stats.get_hits, 0);
    ck_assert_uint_eq(stats.number, 1);
    ck_assert_uint_eq(stats_of(&f).curr_items, 1);
}
END_TEST

START_TEST(access_time_is_the_last_hit) {
    struct store_key key = key_of(&f, "k");
    struct store_view view;
    put(&f, STORE_SET, "k", "v");
    fixture_wait(&f, 10);
    ck_assert_int_eq(store_get(f.thread, &key, STORE_GET, &view), STORE_OK);
    ck_assert_uint_eq(view.access_time, in_seconds(&f, 0) - 10);
    store_item_release(f.thread, view.item);
    ck_assert_int_eq(store_get(f.thread, &key, STORE_GET, &view), STORE_OK);
    ck_assert_uint_eq(view.access_time, in_seconds(&f, 0));
    store_item_release(f.thread, view.item);
}
END_TEST

START_TEST(a_write_between_peek_and_confirm_is_seen) {
    struct store_key key = key_of(&f, "k");
    struct store_view view;
    struct store_thread *other = store_thread_join(f.store);
    put(&f, STORE_SET, "k", "1");
    ck_assert_int_eq(store_peek(other, &key, &view), STORE_PEEK_HIT);
    put(&f, STORE_SET, "k", "2");
    ck_assert(!store_peek_confirm(other, &view));
    ck_assert_int_eq(store_peek(other, &key, &view), STORE_PEEK_HIT);
    ck_assert(store_peek_confirm(other, &view));
    store_thread_leave(other);
}
END_TEST

static void count_row(void *context, uint32_t bytes, uint64_t count) {
    uint64_t *sum = context;
    ck_assert_uint_eq(bytes % 32, 0);
    *sum += count;
}

START_TEST(sizes_histogram_counts_everything) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < 100; i++) {
        char key[16];
        char value[200] = {0};
        snprintf(key, sizeof(key), "k%u", i);
        put_bytes(&f, key, value, i * 2, 0, 0);
    }
    store_sizes(f.thread, count_row, &sum);
    ck_assert_uint_eq(sum, 100);
}
END_TEST

static Suite *store_suite(void) {
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("clients");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, set_then_get);
    tcase_add_test(tcase, longest_key_and_all_lengths);
    tcase_add_test(tcase, a_small_header_fits_more_into_a_chunk);
    tcase_add_test(tcase, sizes_are_reported_as_memcached_does);
    tcase_add_test(tcase, storage_modes);
    tcase_add_test(tcase, append_keeps_flags_and_exptime);
    tcase_add_test(tcase, cas_stores_only_over_the_expected_version);
    tcase_add_test(tcase, versions_count_up_from_one);
    tcase_add_test(tcase, a_flush_reaches_explicit_versions_and_they_live_after_it);
    tcase_add_test(tcase, delete_with_and_without_a_version);
    tcase_add_test(tcase, a_held_value_survives_replacement_and_deletion);
    tcase_add_test(tcase, numbers);
    tcase_add_test(tcase, arith_keeps_flags_checks_versions_and_sets_exptime);
    tcase_add_test(tcase, expiry_is_exact);
    tcase_add_test(tcase, an_expired_item_is_not_in_the_way);
    tcase_add_test(tcase, an_expired_item_is_counted_once_by_commands_that_store_nothing);
    tcase_add_test(tcase, touch_and_get_and_touch);
    tcase_add_test(tcase, flush_kills_what_was_stored_and_nothing_later);
    tcase_add_test(tcase, delayed_flush_takes_effect_when_due);
    tcase_add_test(tcase, a_later_flush_replaces_a_pending_one);
    tcase_add_test(tcase, dead_items_are_reclaimed_in_the_background);
    tcase_add_test(tcase, hits_are_counted_where_they_fall);
    tcase_add_test(tcase, access_time_is_the_last_hit);
    tcase_add_test(tcase, a_write_between_peek_and_confirm_is_seen);
    tcase_add_test(tcase, sizes_histogram_counts_everything);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(store_suite());
}
