/* What a store of a pair tells: versions, observing, visiting, walking. */
#include "t/unit/store_pair.h"

static struct fixture f;
static struct told told;

static void setup(void) {
    pair_open(&f, &told);
}

static void teardown(void) {
    fixture_close(&f);
}

static bool leave(void *context, const struct store_key *key, const struct store_view *view) {
    (void)context;
    (void)key;
    (void)view;
    return false;
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
    visit(&f, "k", &version);
    put(&f, STORE_ADD, "other", "1");
    put(&f, STORE_REPLACE, "k", "2");
    visit(&f, "k", &version);
    put(&f, STORE_APPEND, "k", "2");
    visit(&f, "k", &version);
    put(&f, STORE_PREPEND, "k", "2");
    visit(&f, "k", &version);
    store_arith(f.thread, &key, &arith);
    visit(&f, "k", &version);
    uint64_t before = version;
    store_touch(f.thread, &key, in_seconds(&f, 100));
    visit(&f, "k", &version);
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
    ck_assert_uint_eq(told.count, sizeof(expected) / sizeof(expected[0]));
    for (unsigned i = 0; i < told.count; i++) {
        ck_assert_int_eq(told.change[i].kind, expected[i].kind);
        ck_assert_str_eq(told.key[i], expected[i].key);
        ck_assert(i == 0 || told.change[i].version > told.change[i - 1].version);
    }
    ck_assert_uint_eq(told.change[told.count - 1].flush_wall_s, FIXTURE_WALL_S + 10);
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
    apply(&f, "k", "1", stamp(FIXTURE_WALL_S + 1, 0), false);
    apply_delete(&f, "k", stamp(FIXTURE_WALL_S + 2, 0));
    store_apply_flush(f.thread, stamp(FIXTURE_WALL_S + 3, 0));
    store_apply_flush_later(f.thread, stamp(FIXTURE_WALL_S + 4, 0), FIXTURE_WALL_S + 100);
    ck_assert_uint_eq(told.count, 0);
}
END_TEST

START_TEST(a_hot_key_is_told_once_until_it_is_visited) {
    uint64_t version;
    struct store_key key = key_of(&f, "k");
    for (unsigned i = 0; i < 10; i++)
        put(&f, STORE_SET, "k", "1");
    char longer[300] = {0}; /* a chunk of another class */
    put_bytes(&f, "k", longer, sizeof(longer), 3, 0);
    ck_assert_uint_eq(told.count, 1);
    ck_assert_int_eq(store_visit(f.thread, &key, leave, NULL, &version), STORE_VISITED);
    put(&f, STORE_SET, "k", "2");
    ck_assert_uint_eq(told.count, 1);
    ck_assert_int_eq(visit(&f, "k", &version), STORE_VISITED);
    ck_assert_uint_eq(version, version_of(&f, "k"));
    put(&f, STORE_SET, "k", "3");
    ck_assert_uint_eq(told.count, 2);
    apply(&f, "k", "4", stamp(FIXTURE_WALL_S + 50, 0), false);
    put(&f, STORE_SET, "k", "5");
    ck_assert_uint_eq(told.count, 2);
    drop(&f, "k");
    ck_assert_uint_eq(told.count, 3);
    put(&f, STORE_SET, "k", "6");
    ck_assert_uint_eq(told.count, 4);
}
END_TEST

START_TEST(what_the_observer_does_not_queue_is_told_every_time) {
    struct store_key key = key_of(&f, "k");
    told.is_queueing = false;
    put(&f, STORE_SET, "k", "1");
    put(&f, STORE_SET, "k", "2");
    store_touch(f.thread, &key, in_seconds(&f, 9));
    ck_assert_uint_eq(told.count, 3);
    told.is_queueing = true;
    put(&f, STORE_SET, "k", "3");
    put(&f, STORE_SET, "k", "4");
    ck_assert_uint_eq(told.count, 4);
}
END_TEST

START_TEST(the_observer_is_shown_the_item_as_it_is_now) {
    struct store_key key = key_of(&f, "n");
    put_bytes(&f, "n", "41", 2, 7, in_seconds(&f, 9));
    ck_assert_uint_eq(told.change[0].client_flags, 7);
    ck_assert_uint_eq(told.change[0].exptime, in_seconds(&f, 9));
    ck_assert_mem_eq(told.value[0], "41", 2);
    struct store_arith arith = {.delta = 1};
    told.is_queueing = false;
    uint64_t version;
    ck_assert_int_eq(visit(&f, "n", &version), STORE_VISITED);
    ck_assert_int_eq(store_arith(f.thread, &key, &arith), STORE_OK);
    ck_assert_uint_eq(told.count, 2);
    ck_assert_mem_eq(told.value[1], "42", 2);
    ck_assert_uint_eq(told.change[1].version, arith.version);
    drop(&f, "n");
    ck_assert_ptr_null(told.change[2].value);
}
END_TEST

START_TEST(visiting_an_absent_key_says_since_when) {
    uint64_t version = 1;
    ck_assert_int_eq(visit(&f, "k", &version), STORE_ABSENT);
    ck_assert_uint_eq(version, 0);
    put_bytes(&f, "k", "v", 1, 0, in_seconds(&f, 1));
    uint64_t stored = version_of(&f, "k");
    fixture_wait(&f, 1);
    ck_assert_int_eq(visit(&f, "k", &version), STORE_ABSENT);
    ck_assert_uint_eq(version, stored);
    ck_assert_int_eq(visit(&f, "k", &version), STORE_ABSENT);
    ck_assert_uint_eq(version, stored);
    drop(&f, "k");
    ck_assert_int_eq(visit(&f, "k", &version), STORE_ABSENT);
    ck_assert_uint_eq(version, told.change[told.count - 1].version);
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
    ck_assert_uint_eq(told.count, 2);
    put(&f, STORE_SET, "k1", "2");
    ck_assert_uint_eq(told.count, 3);
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
    tcase_add_test(tcase, a_walk_ends_being_queued_and_skips_the_dead);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(pair_suite());
}
