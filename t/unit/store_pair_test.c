/*
 * What the store does for a pair: versions, observing, visiting, walking, applying, tombstones,
 * starting over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/mem.h"
#include "t/unit/store_fixture.h"

static struct fixture f;

enum { TOLD_MAX = 64 };
static struct store_change told[TOLD_MAX];
static char told_key[TOLD_MAX][STORE_KEY_BYTES_MAX + 1];
static char told_value[TOLD_MAX][16]; /* how it begins */
static unsigned told_count;
static bool is_queueing; /* what the observer answers */

static bool note_change(void *context, struct store_thread *thread,
                        const struct store_change *change) {
    (void)context;
    (void)thread;
    ck_assert_uint_lt(told_count, TOLD_MAX);
    told[told_count] = *change;
    memcpy(told_key[told_count], change->key ? change->key : "", change->key_bytes);
    told_key[told_count][change->key_bytes] = '\0';
    if (change->kind == STORE_CHANGE_SET) {
        size_t bytes = change->value_bytes < 16 ? change->value_bytes : 16;
        if (change->value)
            memcpy(told_value[told_count], change->value, bytes);
    }
    told_count++;
    return is_queueing;
}

static void observe(struct store *store) {
    struct store_observer observer = {.changed = note_change};
    store_observe(store, &observer);
}

static void setup(void) {
    const char *why;
    fixture_init(&f);
    f.config.is_replicated = true;
    told_count = 0;
    is_queueing = true;
    f.store = store_create(&f.config, &why);
    observe(f.store);
    f.thread = store_thread_join(f.store);
}

static void teardown(void) {
    fixture_close(&f);
}

static uint64_t stamp(uint64_t wall_s, uint64_t sequence) {
    return (wall_s * 1000 << STORE_VERSION_SEQUENCE_BITS) + sequence;
}

static enum store_status apply(const char *key, const char *value, uint64_t version, bool wins) {
    struct item *item = item_with(&f, key, value, strlen(value), 0, 0);
    return store_apply_set(f.thread, item, key_of(&f, key).hash, version, wins);
}

static enum store_status apply_delete(const char *key, uint64_t version) {
    struct store_key k = key_of(&f, key);
    return store_apply_delete(f.thread, &k, version);
}

static bool take(void *context, const struct store_key *key, const struct store_view *view) {
    (void)key;
    *(uint64_t *)context = view->version;
    return true;
}

static bool leave(void *context, const struct store_key *key, const struct store_view *view) {
    (void)context;
    (void)key;
    (void)view;
    return false;
}

static enum store_found visit(const char *key, uint64_t *version) {
    struct store_key k = key_of(&f, key);
    uint64_t seen = 0;
    uint64_t absent = 0;
    enum store_found found = store_visit(f.thread, &k, take, &seen, &absent);
    *version = found == STORE_VISITED ? seen : absent;
    return found;
}

START_TEST(versions_are_clock_stamps_that_never_go_back) {
    put(&f, STORE_SET, "a", "1");
    uint64_t first = version_of(&f, "a");
    ck_assert_uint_ge(first, stamp(FIXTURE_WALL_S, 0));
    put(&f, STORE_SET, "a", "1");
    ck_assert_uint_eq(version_of(&f, "a"), first + 1);
    fixture_wait(&f, 5);
    put(&f, STORE_SET, "a", "1");
    ck_assert_uint_eq(version_of(&f, "a"), stamp(FIXTURE_WALL_S + 5, 1));
    store_version_advance(f.store, stamp(FIXTURE_WALL_S + 100, 7));
    fixture_wait(&f, 5);
    put(&f, STORE_SET, "a", "1");
    ck_assert_uint_eq(version_of(&f, "a"), stamp(FIXTURE_WALL_S + 100, 8));
    store_version_advance(f.store, 5);
    ck_assert_uint_eq(store_version_now(f.store), stamp(FIXTURE_WALL_S + 100, 8));
}
END_TEST

START_TEST(a_clients_explicit_version_does_not_upset_the_order) {
    put(&f, STORE_SET, "a", "1");
    uint64_t before = version_of(&f, "a");
    struct store_write write = {.mode = STORE_SET, .new_version = 5};
    store_commit(f.thread, item_with(&f, "a", "2", 1, 0, 0), key_of(&f, "a").hash, &write, NULL);
    ck_assert_uint_gt(version_of(&f, "a"), before);
}
END_TEST

START_TEST(every_change_is_told) {
    struct store_key key = key_of(&f, "k");
    struct store_view view;
    uint64_t version;
    struct store_arith arith = {.delta = 1};
    put(&f, STORE_SET, "k", "1");
    visit("k", &version);
    put(&f, STORE_ADD, "other", "1");
    put(&f, STORE_REPLACE, "k", "2");
    visit("k", &version);
    put(&f, STORE_APPEND, "k", "2");
    visit("k", &version);
    put(&f, STORE_PREPEND, "k", "2");
    visit("k", &version);
    store_arith(f.thread, &key, &arith);
    visit("k", &version);
    uint64_t before = version;
    store_touch(f.thread, &key, in_seconds(&f, 100));
    visit("k", &version);
    ck_assert_uint_gt(version, before);
    store_get_and_touch(f.thread, &key, 0, &view);
    store_item_release(f.thread, view.item);
    store_delete(f.thread, &key, false, 0, 0);
    store_delete(f.thread, &key, false, 0, 0);
    store_drop_stale(f.thread, &key);
    store_flush(f.thread, 0);
    store_flush(f.thread, 10);
    static const struct {
        enum store_change_kind kind;
        const char *key;
    } expected[] = {
        {STORE_CHANGE_SET, "k"},        {STORE_CHANGE_SET, "other"}, {STORE_CHANGE_SET, "k"},
        {STORE_CHANGE_SET, "k"},        {STORE_CHANGE_SET, "k"},     {STORE_CHANGE_SET, "k"},
        {STORE_CHANGE_SET, "k"},        {STORE_CHANGE_SET, "k"},     {STORE_CHANGE_DELETE, "k"},
        {STORE_CHANGE_DELETE, "k"},     {STORE_CHANGE_DELETE, "k"},  {STORE_CHANGE_FLUSH, ""},
        {STORE_CHANGE_FLUSH_LATER, ""},
    };
    ck_assert_uint_eq(told_count, sizeof(expected) / sizeof(expected[0]));
    for (unsigned i = 0; i < told_count; i++) {
        ck_assert_int_eq(told[i].kind, expected[i].kind);
        ck_assert_str_eq(told_key[i], expected[i].key);
        ck_assert(i == 0 || told[i].version > told[i - 1].version);
    }
    ck_assert_uint_eq(told[told_count - 1].flush_wall_s, FIXTURE_WALL_S + 10);
}
END_TEST

START_TEST(what_changes_nothing_is_not_told) {
    struct store_key key = key_of(&f, "k");
    put(&f, STORE_REPLACE, "k", "1");
    put(&f, STORE_APPEND, "k", "1");
    put(&f, STORE_CAS, "k", "1");
    store_touch(f.thread, &key, 0);
    struct store_arith arith = {.delta = 1};
    store_arith(f.thread, &key, &arith);
    apply("k", "1", stamp(FIXTURE_WALL_S + 1, 0), false);
    apply_delete("k", stamp(FIXTURE_WALL_S + 2, 0));
    store_apply_flush(f.thread, stamp(FIXTURE_WALL_S + 3, 0));
    store_apply_flush_later(f.thread, stamp(FIXTURE_WALL_S + 4, 0), FIXTURE_WALL_S + 100);
    ck_assert_uint_eq(told_count, 0);
}
END_TEST

START_TEST(a_hot_key_is_told_once_until_it_is_visited) {
    uint64_t version;
    struct store_key key = key_of(&f, "k");
    for (unsigned i = 0; i < 10; i++)
        put(&f, STORE_SET, "k", "1");
    char longer[300] = {0}; /* a chunk of another class */
    put_bytes(&f, "k", longer, sizeof(longer), 3, 0);
    ck_assert_uint_eq(told_count, 1);
    ck_assert_int_eq(store_visit(f.thread, &key, leave, NULL, &version), STORE_VISITED);
    put(&f, STORE_SET, "k", "2");
    ck_assert_uint_eq(told_count, 1);
    ck_assert_int_eq(visit("k", &version), STORE_VISITED);
    ck_assert_uint_eq(version, version_of(&f, "k"));
    put(&f, STORE_SET, "k", "3");
    ck_assert_uint_eq(told_count, 2);
    apply("k", "4", stamp(FIXTURE_WALL_S + 50, 0), false);
    put(&f, STORE_SET, "k", "5");
    ck_assert_uint_eq(told_count, 2);
    drop(&f, "k");
    ck_assert_uint_eq(told_count, 3);
    put(&f, STORE_SET, "k", "6");
    ck_assert_uint_eq(told_count, 4);
}
END_TEST

START_TEST(what_the_observer_does_not_queue_is_told_every_time) {
    struct store_key key = key_of(&f, "k");
    is_queueing = false;
    put(&f, STORE_SET, "k", "1");
    put(&f, STORE_SET, "k", "2");
    store_touch(f.thread, &key, in_seconds(&f, 9));
    ck_assert_uint_eq(told_count, 3);
    is_queueing = true;
    put(&f, STORE_SET, "k", "3");
    put(&f, STORE_SET, "k", "4");
    ck_assert_uint_eq(told_count, 4);
}
END_TEST

START_TEST(the_observer_is_shown_the_item_as_it_is_now) {
    struct store_key key = key_of(&f, "n");
    put_bytes(&f, "n", "41", 2, 7, in_seconds(&f, 9));
    ck_assert_uint_eq(told[0].client_flags, 7);
    ck_assert_uint_eq(told[0].exptime, in_seconds(&f, 9));
    ck_assert_mem_eq(told_value[0], "41", 2);
    struct store_arith arith = {.delta = 1};
    is_queueing = false;
    uint64_t version;
    ck_assert_int_eq(visit("n", &version), STORE_VISITED);
    ck_assert_int_eq(store_arith(f.thread, &key, &arith), STORE_OK);
    ck_assert_uint_eq(told_count, 2);
    ck_assert_mem_eq(told_value[1], "42", 2);
    ck_assert_uint_eq(told[1].version, arith.version);
    drop(&f, "n");
    ck_assert_ptr_null(told[2].value);
}
END_TEST

START_TEST(visiting_an_absent_key_says_since_when) {
    uint64_t version = 1;
    ck_assert_int_eq(visit("k", &version), STORE_ABSENT);
    ck_assert_uint_eq(version, 0);
    put_bytes(&f, "k", "v", 1, 0, in_seconds(&f, 1));
    uint64_t stored = version_of(&f, "k");
    fixture_wait(&f, 1);
    ck_assert_int_eq(visit("k", &version), STORE_ABSENT);
    ck_assert_uint_eq(version, stored);
    ck_assert_int_eq(visit("k", &version), STORE_ABSENT);
    ck_assert_uint_eq(version, stored);
    drop(&f, "k");
    ck_assert_int_eq(visit("k", &version), STORE_ABSENT);
    ck_assert_uint_eq(version, told[told_count - 1].version);
}
END_TEST

START_TEST(the_newest_wins) {
    uint64_t t = stamp(FIXTURE_WALL_S + 10, 0);
    ck_assert_int_eq(apply("k", "1", t, false), STORE_OK);
    ck_assert_int_eq(apply("k", "old", t - 1, true), STORE_OLDER);
    ck_assert_int_eq(apply("k", "tie", t, false), STORE_OLDER);
    ck_assert_value(&f, "k", "1");
    ck_assert_int_eq(apply("k", "tie", t, true), STORE_OK);
    ck_assert_value(&f, "k", "tie");
    ck_assert_uint_eq(version_of(&f, "k"), t);
    ck_assert_int_eq(apply_delete("k", t - 1), STORE_OLDER);
    ck_assert_value(&f, "k", "tie");
    ck_assert_int_eq(apply_delete("k", t), STORE_OK);
    ck_assert_value(&f, "k", NULL);
    put(&f, STORE_SET, "k", "client");
    ck_assert_uint_gt(version_of(&f, "k"), t);
    ck_assert_int_eq(apply_delete("k", t + 100), STORE_OK);
    ck_assert_value(&f, "k", NULL);
    ck_assert_uint_eq(stats_of(&f).older_ignored_count, 3);
}
END_TEST

START_TEST(delete_then_older_set_stays_deleted) {
    uint64_t t = stamp(FIXTURE_WALL_S + 10, 0);
    ck_assert_int_eq(apply_delete("absent", t), STORE_OK);
    ck_assert_int_eq(apply("absent", "old", t - 1, true), STORE_OLDER);
    ck_assert_int_eq(apply("absent", "tie", t, false), STORE_OLDER);
    ck_assert_int_eq(apply("absent", "tie", t, true), STORE_OLDER);
    ck_assert_int_eq(apply_delete("absent", t), STORE_OLDER);
    ck_assert_int_eq(apply("absent", "new", t + 1, false), STORE_OK);
    put(&f, STORE_SET, "k", "1");
    uint64_t version = version_of(&f, "k");
    drop(&f, "k");
    ck_assert_int_eq(apply("k", "old", version, true), STORE_OLDER);
    ck_assert_value(&f, "k", NULL);
    /* a miss counts too */
    drop(&f, "never");
    uint64_t missed = told[told_count - 1].version;
    ck_assert_int_eq(apply("never", "old", missed - 1, true), STORE_OLDER);
    ck_assert_int_eq(apply("never", "new", missed + 1, false), STORE_OK);
    ck_assert_uint_eq(stats_of(&f).tombstone_ignored_count, 6);
}
END_TEST

START_TEST(what_expired_is_still_newer_than_what_is_older) {
    put_bytes(&f, "k", "v", 1, 0, in_seconds(&f, 1));
    uint64_t version = version_of(&f, "k");
    fixture_wait(&f, 5);
    ck_assert_int_eq(apply("k", "old", version - 1, true), STORE_OLDER);
    /* also once a read has unlinked it */
    ck_assert_value(&f, "k", NULL);
    ck_assert_int_eq(apply("k", "old", version - 1, true), STORE_OLDER);
    ck_assert_uint_eq(stats_of(&f).tombstones, 1);
    ck_assert_int_eq(apply("k", "new", version + 1, false), STORE_OK);
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
    ck_assert_int_eq(apply("first", "old", first - 1, true), STORE_OLDER);
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
        ck_assert_int_eq(apply(key, "old", before + i, true), STORE_OLDER);
    }
    ck_assert_int_eq(apply("unrelated", "old", before + 1, true), STORE_OLDER);
    ck_assert_int_eq(apply("k1", "new", store_version_now(f.store) + 1, true), STORE_OK);
    put(&f, STORE_SET, "k2", "client");
    ck_assert_value(&f, "k2", "client");
    ck_assert_int_eq(apply("k2", "new", store_version_now(f.store) + 1, true), STORE_OK);
}
END_TEST

START_TEST(a_tombstone_that_finds_no_memory_counts_as_forgotten) {
    for (int64_t countdown = 0; countdown < 2; countdown++) {
        mem_fail_after(countdown);
        drop(&f, "k");
        ck_assert(mem_has_failed());
        mem_fail_after(-1);
        uint64_t version = told[told_count - 1].version;
        ck_assert_int_eq(apply("k", "old", version, true), STORE_OLDER);
        ck_assert_int_eq(apply("other", "old", version, true), STORE_OLDER);
    }
    ck_assert_uint_eq(stats_of(&f).tombstones, 0);
    ck_assert_uint_eq(stats_of(&f).tombstones_forgotten, 2);
    ck_assert_int_eq(apply("k", "new", store_version_now(f.store) + 1, true), STORE_OK);
}
END_TEST

START_TEST(a_repeated_delete_keeps_one_tombstone) {
    for (unsigned i = 0; i < 10; i++)
        drop(&f, "k");
    ck_assert_uint_eq(stats_of(&f).tombstones, 1);
    ck_assert_int_eq(apply("k", "old", told[9].version - 1, true), STORE_OLDER);
}
END_TEST

START_TEST(flushes_are_floors) {
    put(&f, STORE_SET, "a", "1");
    uint64_t t = stamp(FIXTURE_WALL_S + 10, 0);
    apply("b", "1", t, false);
    apply("c", "1", t + 10, false);
    store_apply_flush(f.thread, t);
    ck_assert_uint_eq(store_flush_floor(f.store), t);
    ck_assert_value(&f, "a", NULL);
    ck_assert_value(&f, "b", NULL);
    ck_assert_value(&f, "c", "1");
    ck_assert_int_eq(apply("d", "old", t, true), STORE_OLDER);
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
    ck_assert_uint_eq(told_count, 2);
    ck_assert_int_eq(told[1].kind, STORE_CHANGE_FLUSH);
    ck_assert_uint_eq(told[1].version, store_flush_floor(f.store));
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
    ck_assert_uint_eq(told_count, 3);
    ck_assert_int_eq(told[1].kind, STORE_CHANGE_FLUSH);
    ck_assert_uint_eq(told[1].version, store_flush_floor(f.store));
    ck_assert_int_eq(told[2].kind, STORE_CHANGE_FLUSH_LATER);
    ck_assert_uint_eq(told[2].flush_wall_s, 0);
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
    ck_assert_int_eq(apply("b", "old", version, false), STORE_OK);
    ck_assert_int_eq(apply("gone", "old", version, false), STORE_OK);
    ck_assert_value(&f, "b", "old");
    unsigned before = told_count;
    put(&f, STORE_SET, "c", "2"); /* what the earlier life queued nobody fetches: told again */
    ck_assert_uint_eq(told_count, before + 1);
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
        visit(key, &version);
        told_count = 0;
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

static bool note_k1(void *context, const struct store_key *key, const struct store_view *view) {
    ck_assert_uint_eq(key->bytes, 2);
    ck_assert_mem_eq(key->data, "k1", 2);
    ck_assert_uint_eq(view->value_bytes, 1);
    (*(unsigned *)context)++;
    return true;
}

START_TEST(a_walk_ends_being_queued_and_skips_the_dead) {
    uint64_t cursor = 0;
    unsigned visits = 0;
    put(&f, STORE_SET, "k1", "1");
    put_bytes(&f, "k2", "1", 1, 0, in_seconds(&f, 1));
    fixture_wait(&f, 1);
    while (!store_walk(f.thread, &cursor, 100, note_k1, &visits, NULL))
        ;
    ck_assert_uint_eq(visits, 1);
    ck_assert_uint_eq(told_count, 2);
    put(&f, STORE_SET, "k1", "2");
    ck_assert_uint_eq(told_count, 3);
}
END_TEST

static Suite *pair_suite(void) {
    Suite *suite = suite_create("store in a pair");
    TCase *tcase = tcase_create("pair");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, versions_are_clock_stamps_that_never_go_back);
    tcase_add_test(tcase, a_clients_explicit_version_does_not_upset_the_order);
    tcase_add_test(tcase, every_change_is_told);
    tcase_add_test(tcase, what_changes_nothing_is_not_told);
    tcase_add_test(tcase, a_hot_key_is_told_once_until_it_is_visited);
    tcase_add_test(tcase, what_the_observer_does_not_queue_is_told_every_time);
    tcase_add_test(tcase, the_observer_is_shown_the_item_as_it_is_now);
    tcase_add_test(tcase, visiting_an_absent_key_says_since_when);
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
    tcase_add_test(tcase, a_walk_ends_being_queued_and_skips_the_dead);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(pair_suite());
}
