/* What a store of a pair is told: who wins, tombstones, flushes, starting over. */
#include <stdio.h>

#include "memcached/base/mem.h"
#include "t/unit/store_pair.h"

static struct fixture f;
static struct told told;

static void setup(void) {
    pair_open(&f, &told);
}

static void teardown(void) {
    fixture_close(&f);
}

START_TEST(the_newest_wins) {
    uint64_t t = stamp(FIXTURE_WALL_S + 10, 0);
    ck_assert_int_eq(apply(&f, "k", "1", t, false), STORE_OK);
    ck_assert_int_eq(apply(&f, "k", "old", t - 1, true), STORE_OLDER);
    ck_assert_int_eq(apply(&f, "k", "tie", t, false), STORE_OLDER);
    ck_assert_value(&f, "k", "1");
    ck_assert_int_eq(apply(&f, "k", "tie", t, true), STORE_OK);
    ck_assert_value(&f, "k", "tie");
    ck_assert_uint_eq(version_of(&f, "k"), t);
    ck_assert_int_eq(apply_delete(&f, "k", t - 1), STORE_OLDER);
    ck_assert_value(&f, "k", "tie");
    ck_assert_int_eq(apply_delete(&f, "k", t), STORE_OK);
    ck_assert_value(&f, "k", NULL);
    put(&f, STORE_SET, "k", "client");
    ck_assert_uint_gt(version_of(&f, "k"), t);
    ck_assert_int_eq(apply_delete(&f, "k", t + 100), STORE_OK);
    ck_assert_value(&f, "k", NULL);
    ck_assert_uint_eq(stats_of(&f).older_ignored_count, 3);
}
END_TEST

START_TEST(delete_then_older_set_stays_deleted) {
    uint64_t t = stamp(FIXTURE_WALL_S + 10, 0);
    ck_assert_int_eq(apply_delete(&f, "absent", t), STORE_OK);
    ck_assert_int_eq(apply(&f, "absent", "old", t - 1, true), STORE_OLDER);
    ck_assert_int_eq(apply(&f, "absent", "tie", t, false), STORE_OLDER);
    ck_assert_int_eq(apply(&f, "absent", "tie", t, true), STORE_OLDER);
    ck_assert_int_eq(apply_delete(&f, "absent", t), STORE_OLDER);
    ck_assert_int_eq(apply(&f, "absent", "new", t + 1, false), STORE_OK);
    put(&f, STORE_SET, "k", "1");
    uint64_t version = version_of(&f, "k");
    drop(&f, "k");
    ck_assert_int_eq(apply(&f, "k", "old", version, true), STORE_OLDER);
    ck_assert_value(&f, "k", NULL);
    /* a miss counts too */
    drop(&f, "never");
    uint64_t missed = told.change[told.count - 1].version;
    ck_assert_int_eq(apply(&f, "never", "old", missed - 1, true), STORE_OLDER);
    ck_assert_int_eq(apply(&f, "never", "new", missed + 1, false), STORE_OK);
    ck_assert_uint_eq(stats_of(&f).tombstone_ignored_count, 6);
}
END_TEST

START_TEST(what_expired_is_still_newer_than_what_is_older) {
    put_bytes(&f, "k", "v", 1, 0, in_seconds(&f, 1));
    uint64_t version = version_of(&f, "k");
    fixture_wait(&f, 5);
    ck_assert_int_eq(apply(&f, "k", "old", version - 1, true), STORE_OLDER);
    /* also once a read has unlinked it */
    ck_assert_value(&f, "k", NULL);
    ck_assert_int_eq(apply(&f, "k", "old", version - 1, true), STORE_OLDER);
    ck_assert_uint_eq(stats_of(&f).tombstones, 1);
    ck_assert_int_eq(apply(&f, "k", "new", version + 1, false), STORE_OK);
    ck_assert_value(&f, "k", "new");
}
END_TEST

START_TEST(an_item_the_peer_has_leaves_no_tombstone_when_it_goes) {
    put_bytes(&f, "k", "v", 1, 0, in_seconds(&f, 1));
    store_acknowledged(f.store, version_of(&f, "k"));
    fixture_wait(&f, 5);
    ck_assert_value(&f, "k", NULL);
    ck_assert_uint_eq(stats_of(&f).tombstones, 0);
}
END_TEST

START_TEST(eviction_of_what_the_peer_lacks_leaves_a_tombstone) {
    fixture_close(&f);
    f.config.limit_bytes = 1 << 20;
    fixture_open(&f);
    char value[1000] = {0};
    put_bytes(&f, "first", value, 1000, 0, 0);
    uint64_t first = version_of(&f, "first");
    for (unsigned i = 0; i < 2000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%u", i);
        put_bytes(&f, key, value, 1000, 0, 0);
    }
    struct store_stats stats = stats_of(&f);
    ck_assert_uint_gt(stats.evictions, 0);
    ck_assert_uint_eq(stats.tombstones, stats.evictions);
    ck_assert_value(&f, "first", NULL);
    ck_assert_int_eq(apply(&f, "first", "old", first - 1, true), STORE_OLDER);
    store_acknowledged(f.store, store_version_now(f.store));
    fixture_wait(&f, 100);
    ck_assert_uint_eq(stats_of(&f).tombstones, 0);
    ck_assert_uint_eq(stats_of(&f).tombstones_forgotten, 0);
}
END_TEST

START_TEST(tombstones_go_after_acknowledgement_and_grace) {
    drop(&f, "a");
    drop(&f, "b");
    fixture_wait(&f, 1000);
    ck_assert_uint_eq(stats_of(&f).tombstones, 2);
    drop(&f, "c");
    store_acknowledged(f.store, store_version_now(f.store));
    fixture_wait(&f, 1);
    ck_assert_uint_eq(stats_of(&f).tombstones, 1);
    fixture_wait(&f, 60);
    ck_assert_uint_eq(stats_of(&f).tombstones, 0);
}
END_TEST

START_TEST(forgetting_a_tombstone_forbids_everything_older) {
    fixture_close(&f);
    f.config.tombstone_count_max = 64;
    fixture_open(&f);
    uint64_t before = store_version_now(f.store);
    for (unsigned i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%u", i);
        drop(&f, key);
    }
    struct store_stats stats = stats_of(&f);
    ck_assert_uint_le(stats.tombstones, 64);
    ck_assert_uint_eq(stats.tombstones + stats.tombstones_forgotten, 1000);
    for (unsigned i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%u", i);
        ck_assert_int_eq(apply(&f, key, "old", before + i, true), STORE_OLDER);
    }
    ck_assert_int_eq(apply(&f, "unrelated", "old", before + 1, true), STORE_OLDER);
    ck_assert_int_eq(apply(&f, "k1", "new", store_version_now(f.store) + 1, true), STORE_OK);
    put(&f, STORE_SET, "k2", "client");
    ck_assert_value(&f, "k2", "client");
    ck_assert_int_eq(apply(&f, "k2", "new", store_version_now(f.store) + 1, true), STORE_OK);
}
END_TEST

START_TEST(a_tombstone_that_finds_no_memory_counts_as_forgotten) {
    for (int64_t countdown = 0; countdown < 2; countdown++) {
        mem_fail_after(countdown);
        drop(&f, "k");
        ck_assert(mem_has_failed());
        mem_fail_after(-1);
        uint64_t version = told.change[told.count - 1].version;
        ck_assert_int_eq(apply(&f, "k", "old", version, true), STORE_OLDER);
        ck_assert_int_eq(apply(&f, "other", "old", version, true), STORE_OLDER);
    }
    ck_assert_uint_eq(stats_of(&f).tombstones, 0);
    ck_assert_uint_eq(stats_of(&f).tombstones_forgotten, 2);
    ck_assert_int_eq(apply(&f, "k", "new", store_version_now(f.store) + 1, true), STORE_OK);
}
END_TEST

START_TEST(a_repeated_delete_keeps_one_tombstone) {
    for (unsigned i = 0; i < 10; i++)
        drop(&f, "k");
    ck_assert_uint_eq(stats_of(&f).tombstones, 1);
    ck_assert_int_eq(apply(&f, "k", "old", told.change[9].version - 1, true), STORE_OLDER);
}
END_TEST

START_TEST(flushes_are_floors) {
    put(&f, STORE_SET, "a", "1");
    uint64_t t = stamp(FIXTURE_WALL_S + 10, 0);
    apply(&f, "b", "1", t, false);
    apply(&f, "c", "1", t + 10, false);
    store_apply_flush(f.thread, t);
    ck_assert_uint_eq(store_flush_floor(f.store), t);
    ck_assert_value(&f, "a", NULL);
    ck_assert_value(&f, "b", NULL);
    ck_assert_value(&f, "c", "1");
    ck_assert_int_eq(apply(&f, "d", "old", t, true), STORE_OLDER);
    store_apply_flush(f.thread, t - 5);
    ck_assert_uint_eq(store_flush_floor(f.store), t);
    put(&f, STORE_SET, "a", "2");
    ck_assert_value(&f, "a", "2");
}
END_TEST

START_TEST(a_delayed_flush_is_told_as_a_flush_when_it_is_due) {
    put(&f, STORE_SET, "a", "1");
    store_apply_flush_later(f.thread, stamp(FIXTURE_WALL_S + 1, 0), FIXTURE_WALL_S + 10);
    ck_assert_uint_eq(store_flush_pending(f.store), FIXTURE_WALL_S + 10);
    ck_assert_uint_eq(store_flush_pending_version(f.store), stamp(FIXTURE_WALL_S + 1, 0));
    fixture_wait(&f, 13);
    ck_assert_uint_eq(store_flush_pending(f.store), 0);
    ck_assert_value(&f, "a", NULL);
    ck_assert_uint_eq(told.count, 2);
    ck_assert_int_eq(told.change[1].kind, STORE_CHANGE_FLUSH);
    ck_assert_uint_eq(told.change[1].version, store_flush_floor(f.store));
    put(&f, STORE_SET, "a", "2");
    ck_assert_value(&f, "a", "2");
}
END_TEST

START_TEST(the_newest_delayed_flush_counts) {
    uint64_t t = stamp(FIXTURE_WALL_S + 1, 0);
    put(&f, STORE_SET, "a", "1");
    store_apply_flush_later(f.thread, t, FIXTURE_WALL_S + 100);
    store_apply_flush_later(f.thread, t - 1, FIXTURE_WALL_S + 50);
    ck_assert_uint_eq(store_flush_pending(f.store), FIXTURE_WALL_S + 100);
    store_apply_flush_later(f.thread, t + 1, 0);
    store_apply_flush_later(f.thread, t, FIXTURE_WALL_S + 100);
    ck_assert_uint_eq(store_flush_pending(f.store), 0);
    store_apply_flush_later(f.thread, t + 2, FIXTURE_WALL_S + 100);
    store_apply_flush(f.thread, t + 3);
    ck_assert_uint_eq(store_flush_pending(f.store), 0);
    put(&f, STORE_SET, "a", "2");
    fixture_wait(&f, 200);
    ck_assert_value(&f, "a", "2");
}
END_TEST

START_TEST(an_immediate_flush_takes_a_pending_one_back_on_both_halves) {
    store_flush(f.thread, 10);
    store_flush(f.thread, 0);
    ck_assert_uint_eq(told.count, 3);
    ck_assert_int_eq(told.change[1].kind, STORE_CHANGE_FLUSH);
    ck_assert_uint_eq(told.change[1].version, store_flush_floor(f.store));
    ck_assert_int_eq(told.change[2].kind, STORE_CHANGE_FLUSH_LATER);
    ck_assert_uint_eq(told.change[2].flush_wall_s, 0);
}
END_TEST

START_TEST(starting_over_hides_everything) {
    put(&f, STORE_SET, "a", "1");
    put(&f, STORE_SET, "b", "1");
    uint64_t version = version_of(&f, "a");
    drop(&f, "gone");
    store_flush(f.thread, 0);
    store_flush(f.thread, 100);
    put(&f, STORE_SET, "c", "1");
    store_start_over(f.thread);
    ck_assert_value(&f, "a", NULL);
    ck_assert_value(&f, "c", NULL);
    ck_assert_uint_eq(stats_of(&f).tombstones, 0);
    ck_assert_uint_eq(store_flush_floor(f.store), 0);
    ck_assert_uint_eq(store_flush_pending(f.store), 0);
    ck_assert_int_eq(apply(&f, "b", "old", version, false), STORE_OK);
    ck_assert_int_eq(apply(&f, "gone", "old", version, false), STORE_OK);
    ck_assert_value(&f, "b", "old");
    unsigned before = told.count;
    put(&f, STORE_SET, "c", "2"); /* what the earlier life queued nobody fetches: told again */
    ck_assert_uint_eq(told.count, before + 1);
    uint64_t cursor = 0;
    while (!store_sweep(f.thread, &cursor, 100))
        ;
    ck_assert_uint_eq(stats_of(&f).curr_items, 3);
    ck_assert_value(&f, "b", "old");
}
END_TEST

START_TEST(starting_over_many_times_without_a_sweep) {
    for (unsigned i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%u", i);
        put(&f, STORE_SET, key, "1");
        uint64_t version;
        visit(&f, key, &version);
        told.count = 0;
        ck_assert_value(&f, key, "1");
        store_start_over(f.thread);
        for (unsigned j = 0; j <= i; j++) {
            snprintf(key, sizeof(key), "k%u", j);
            struct store_key k = key_of(&f, key);
            struct store_view view;
            ck_assert_int_ne(store_peek(f.thread, &k, &view), STORE_PEEK_HIT);
        }
    }
    ck_assert_uint_lt(stats_of(&f).curr_items, 20);
}
END_TEST

static Suite *apply_suite(void) {
    Suite *suite = suite_create("store told by a peer");
    TCase *tcase = tcase_create("apply");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, the_newest_wins);
    tcase_add_test(tcase, delete_then_older_set_stays_deleted);
    tcase_add_test(tcase, what_expired_is_still_newer_than_what_is_older);
    tcase_add_test(tcase, an_item_the_peer_has_leaves_no_tombstone_when_it_goes);
    tcase_add_test(tcase, eviction_of_what_the_peer_lacks_leaves_a_tombstone);
    tcase_add_test(tcase, tombstones_go_after_acknowledgement_and_grace);
    tcase_add_test(tcase, forgetting_a_tombstone_forbids_everything_older);
    tcase_add_test(tcase, a_tombstone_that_finds_no_memory_counts_as_forgotten);
    tcase_add_test(tcase, a_repeated_delete_keeps_one_tombstone);
    tcase_add_test(tcase, flushes_are_floors);
    tcase_add_test(tcase, a_delayed_flush_is_told_as_a_flush_when_it_is_due);
    tcase_add_test(tcase, the_newest_delayed_flush_counts);
    tcase_add_test(tcase, an_immediate_flush_takes_a_pending_one_back_on_both_halves);
    tcase_add_test(tcase, starting_over_hides_everything);
    tcase_add_test(tcase, starting_over_many_times_without_a_sweep);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(apply_suite());
}
