/* Stale items and claims: who is asked to bring a new value, and what a pair is told of it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "t/unit/store_fixture.h"

static struct fixture f;

static void setup(void) {
    fixture_init(&f);
    fixture_open(&f);
}

static void teardown(void) {
    fixture_close(&f);
}

/* What a fetch finds: its view (released) and whether it claimed. */
static struct store_view fetched(const char *key, struct store_fetch *fetch) {
    struct store_key k = key_of(&f, key);
    struct store_view view;
    ck_assert_int_eq(store_fetch(f.thread, &k, fetch, &view), STORE_OK);
    store_item_release(f.thread, view.item);
    return view;
}

#define ck_assert_fetched(key, has_claimed_, state_)                                               \
    do {                                                                                           \
        struct store_fetch fetch_ = {0};                                                           \
        struct store_view view_ = fetched(key, &fetch_);                                           \
        ck_assert_int_eq(fetch_.has_claimed, has_claimed_);                                        \
        ck_assert_uint_eq(view_.state, state_);                                                    \
    } while (0)

static enum store_status invalidate(const char *key, bool makes_stale, bool drops_value) {
    struct store_key k = key_of(&f, key);
    struct store_invalidate invalidate = {.makes_stale = makes_stale, .drops_value = drops_value};
    return store_invalidate(f.thread, &k, &invalidate);
}

static enum store_status vivify(const char *key, uint32_t exptime, struct store_view *view) {
    struct store_key k = key_of(&f, key);
    struct store_vivify vivify = {.exptime = exptime};
    enum store_status status = store_vivify(f.thread, &k, &vivify, view);
    if (status == STORE_OK)
        store_item_release(f.thread, view->item);
    return status;
}

START_TEST(a_stale_item_is_claimed_once) {
    put(&f, STORE_SET, "a", "old");
    uint64_t before = version_of(&f, "a");
    ck_assert_fetched("a", false, 0);
    ck_assert_int_eq(invalidate("a", true, false), STORE_OK);
    ck_assert_uint_gt(version_of(&f, "a"), before);
    ck_assert_value(&f, "a", "old");
    ck_assert_fetched("a", true, STORE_STALE);
    ck_assert_fetched("a", false, STORE_STALE | STORE_CLAIMED);
    /* declared so again: somebody has to begin anew */
    ck_assert_int_eq(invalidate("a", true, false), STORE_OK);
    ck_assert_fetched("a", true, STORE_STALE);
    put(&f, STORE_SET, "a", "new");
    ck_assert_fetched("a", false, 0);
}
END_TEST

START_TEST(what_stores_anew_ends_a_state_and_what_changes_in_place_keeps_it) {
    struct store_key key = key_of(&f, "n");
    static const enum store_mode modes[] = {STORE_SET, STORE_REPLACE, STORE_APPEND, STORE_PREPEND};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        put(&f, STORE_SET, "n", "5");
        invalidate("n", true, false);
        ck_assert_fetched("n", true, STORE_STALE);
        ck_assert_int_eq(put(&f, modes[i], "n", "7"), STORE_OK);
        ck_assert_fetched("n", false, 0);
    }
    put(&f, STORE_SET, "n", "5");
    invalidate("n", true, false);
    ck_assert_int_eq(put(&f, STORE_ADD, "n", "7"), STORE_NOT_STORED);
    store_touch(f.thread, &key, in_seconds(&f, 100));
    struct store_arith arith = {.delta = 1};
    store_arith(f.thread, &key, &arith);
    ck_assert_fetched("n", true, STORE_STALE);
    arith.delta = 100; /* needs a longer item */
    store_arith(f.thread, &key, &arith);
    ck_assert_fetched("n", false, 0);
}
END_TEST

START_TEST(an_item_about_to_expire_is_claimed_once) {
    put_bytes(&f, "a", "x", 1, 0, in_seconds(&f, 20));
    put_bytes(&f, "b", "x", 1, 0, 0);
    struct store_fetch fetch = {.claim_before = in_seconds(&f, 20)};
    fetched("a", &fetch);
    ck_assert(!fetch.has_claimed);
    fetch.claim_before = in_seconds(&f, 21);
    fetched("b", &fetch);
    ck_assert(!fetch.has_claimed);
    fetched("a", &fetch);
    ck_assert(fetch.has_claimed);
    ck_assert_uint_eq(fetched("a", &fetch).state, STORE_CLAIMED);
    ck_assert(!fetch.has_claimed);
}
END_TEST

START_TEST(a_touch_counts_before_the_claim_or_after_it) {
    struct store_fetch fetch = {.has_exptime = true, .claim_before = in_seconds(&f, 50)};
    put_bytes(&f, "a", "x", 1, 0, in_seconds(&f, 20));
    fetch.exptime = in_seconds(&f, 100);
    ck_assert_uint_eq(fetched("a", &fetch).exptime, in_seconds(&f, 100));
    ck_assert_uint_eq(fetch.exptime_was, in_seconds(&f, 20));
    ck_assert(!fetch.has_claimed);
    fetch.exptime = in_seconds(&f, 30);
    fetch.claims_first = true;
    fetched("a", &fetch);
    ck_assert(!fetch.has_claimed);
    fetch.exptime = in_seconds(&f, 100);
    fetched("a", &fetch);
    ck_assert(fetch.has_claimed);
}
END_TEST

START_TEST(a_fetch_that_is_no_use_leaves_no_mark) {
    put(&f, STORE_SET, "a", "x");
    struct store_fetch fetch = {.leaves_no_mark = true};
    ck_assert(!fetched("a", &fetch).was_fetched);
    ck_assert(!fetched("a", &fetch).was_fetched);
    fetch.leaves_no_mark = false;
    fetched("a", &fetch);
    ck_assert(fetched("a", &fetch).was_fetched);
}
END_TEST

START_TEST(a_miss_is_vivified_once) {
    struct store_view view;
    ck_assert_int_eq(vivify("a", in_seconds(&f, 30), &view), STORE_OK);
    ck_assert_uint_eq(view.value_bytes, 0);
    ck_assert_uint_eq(view.state, 0);
    ck_assert_uint_eq(view.exptime, in_seconds(&f, 30));
    ck_assert_int_eq(vivify("a", 0, &view), STORE_NOT_STORED);
    ck_assert_value(&f, "a", "");
    ck_assert_fetched("a", false, STORE_CLAIMED);
    fixture_wait(&f, 31);
    ck_assert_int_eq(vivify("a", 0, &view), STORE_OK);
    put(&f, STORE_SET, "a", "value");
    ck_assert_fetched("a", false, 0);
}
END_TEST

START_TEST(dropping_the_value_leaves_the_item) {
    put_bytes(&f, "a", "value", 5, 7, in_seconds(&f, 30));
    struct store_view view;
    uint64_t version = version_of(&f, "a");
    ck_assert_int_eq(invalidate("a", false, true), STORE_OK);
    free(value_of(&f, "a", &view, NULL));
    ck_assert_uint_eq(view.value_bytes, 0);
    ck_assert_uint_eq(view.client_flags, 0);
    ck_assert_uint_eq(view.exptime, 0);
    ck_assert_uint_eq(view.version, version);
    ck_assert_fetched("a", false, 0);
    ck_assert_int_eq(invalidate("a", true, true), STORE_OK);
    ck_assert_uint_gt(version_of(&f, "a"), version);
    ck_assert_fetched("a", true, STORE_STALE);
    ck_assert_int_eq(invalidate("none", true, true), STORE_NOT_FOUND);
    struct store_key key = key_of(&f, "a");
    struct store_invalidate with_flags = {.drops_value = true, .client_flags = 9};
    ck_assert_int_eq(store_invalidate(f.thread, &key, &with_flags), STORE_OK);
    free(value_of(&f, "a", &view, NULL));
    ck_assert_uint_eq(view.client_flags, 9);
}
END_TEST

START_TEST(another_version_is_not_invalidated) {
    put(&f, STORE_SET, "a", "value");
    struct store_key key = key_of(&f, "a");
    struct store_invalidate invalidate = {.has_expected = true,
                                          .expected_version = version_of(&f, "a") + 1,
                                          .makes_stale = true,
                                          .drops_value = true,
                                          .new_version = 1000};
    ck_assert_int_eq(store_invalidate(f.thread, &key, &invalidate), STORE_EXISTS);
    ck_assert_value(&f, "a", "value");
    ck_assert_fetched("a", false, 0);
    invalidate.expected_version--;
    ck_assert_int_eq(store_invalidate(f.thread, &key, &invalidate), STORE_OK);
    ck_assert_uint_eq(version_of(&f, "a"), 1000);
    ck_assert_value(&f, "a", "");
}
END_TEST

START_TEST(a_value_for_an_older_version_is_stored_stale) {
    struct store_key key = key_of(&f, "a");
    struct store_write write = {.mode = STORE_SET, .has_expected = true, .takes_older = true};
    put(&f, STORE_SET, "a", "1");
    write.expected_version = version_of(&f, "a");
    invalidate("a", true, false);
    ck_assert_fetched("a", true, STORE_STALE);
    struct item *item = item_with(&f, "a", "late", 4, 0, 0);
    ck_assert_int_eq(store_commit(f.thread, item, key.hash, &write, NULL), STORE_OK);
    ck_assert_value(&f, "a", "late");
    ck_assert_fetched("a", false, STORE_STALE | STORE_CLAIMED);
    write.expected_version = version_of(&f, "a") + 1;
    item = item_with(&f, "a", "early", 5, 0, 0);
    ck_assert_int_eq(store_commit(f.thread, item, key.hash, &write, NULL), STORE_EXISTS);
    write.expected_version = version_of(&f, "a");
    item = item_with(&f, "a", "right", 5, 0, 0);
    ck_assert_int_eq(store_commit(f.thread, item, key.hash, &write, NULL), STORE_OK);
    ck_assert_fetched("a", false, 0);
}
END_TEST

START_TEST(a_peek_that_is_given_up_marks_nothing) {
    put(&f, STORE_SET, "a", "x");
    struct store_key key = key_of(&f, "a");
    struct store_view view;
    ck_assert_int_eq(store_peek(f.thread, &key, &view), STORE_PEEK_HIT);
    store_peek_give_up(f.thread);
    ck_assert_int_eq(store_peek(f.thread, &key, &view), STORE_PEEK_HIT);
    ck_assert(!view.was_fetched);
    ck_assert(store_peek_confirm(f.thread, &view));
}
END_TEST

/* ---- a pair ---- */

static struct { unsigned sets, deletes; } told;

static bool note_change(void *context, struct store_thread *thread,
                        const struct store_change *change) {
    (void)context;
    (void)thread;
    if (change->kind == STORE_CHANGE_SET)
        told.sets++;
    else
        told.deletes++;
    return true;
}

static void setup_pair(void) {
    const char *why;
    struct store_observer observer = {.changed = note_change};
    fixture_init(&f);
    f.config.is_replicated = true;
    f.store = store_create(&f.config, &why);
    store_observe(f.store, &observer);
    f.thread = store_thread_join(f.store);
    told.sets = told.deletes = 0;
}

static bool note_view(void *context, const struct store_key *key, const struct store_view *view) {
    (void)key;
    *(struct store_view *)context = *view;
    return true;
}

static struct store_view visited(const char *key) {
    struct store_key k = key_of(&f, key);
    struct store_view view;
    uint64_t absent;
    ck_assert_int_eq(store_visit(f.thread, &k, note_view, &view, &absent), STORE_VISITED);
    return view;
}

START_TEST(a_pair_is_told_of_states_but_not_of_claims) {
    struct store_view view;
    put(&f, STORE_SET, "a", "1");
    uint64_t version = visited("a").version;
    ck_assert_uint_eq(told.sets, 1);
    invalidate("a", true, false);
    ck_assert_uint_eq(told.sets, 2);
    view = visited("a");
    ck_assert_uint_gt(view.version, version);
    ck_assert_uint_eq(view.state, STORE_STALE);
    ck_assert_fetched("a", true, STORE_STALE);
    ck_assert_uint_eq(told.sets, 2);
    version = view.version;
    invalidate("a", false, true); /* without a pair the version would stay */
    ck_assert_uint_eq(told.sets, 3);
    ck_assert_uint_gt(visited("a").version, version);
    ck_assert_int_eq(vivify("b", 0, &view), STORE_OK);
    ck_assert_uint_eq(told.sets, 4);
    ck_assert_uint_eq(visited("b").state, STORE_CLAIMED);
    /* evicted here perhaps, and not there */
    ck_assert_int_eq(invalidate("none", true, false), STORE_NOT_FOUND);
    ck_assert_uint_eq(told.deletes, 1);
}
END_TEST

START_TEST(a_stale_item_is_applied_as_such) {
    struct store_key key = key_of(&f, "a");
    struct item *item = item_with(&f, "a", "1", 1, 0, 0);
    uint64_t version = store_version_now(f.store) + 1;
    store_item_mark(item, STORE_STALE);
    ck_assert_int_eq(store_apply_set(f.thread, item, key.hash, version, true), STORE_OK);
    ck_assert_fetched("a", true, STORE_STALE);
    item = item_with(&f, "a", "2", 1, 0, 0);
    ck_assert_int_eq(store_apply_set(f.thread, item, key.hash, version + 1, true), STORE_OK);
    ck_assert_fetched("a", false, 0);
}
END_TEST

static enum store_status apply(const char *key, const char *value, uint64_t version,
                               unsigned state) {
    struct item *item = item_with(&f, key, value, strlen(value), 0, 0);
    store_item_mark(item, state);
    return store_apply_set(f.thread, item, key_of(&f, key).hash, version, true);
}

START_TEST(a_claim_outlives_being_told_back_what_was_told) {
    struct store_view view;
    struct store_key stub = key_of(&f, "stub");
    put(&f, STORE_SET, "a", "1");
    invalidate("a", true, false);
    ck_assert_fetched("a", true, STORE_STALE);
    uint64_t version = version_of(&f, "a");
    ck_assert_int_eq(apply("a", "1", version, STORE_STALE), STORE_OK);
    ck_assert_fetched("a", false, STORE_STALE | STORE_CLAIMED);
    ck_assert_int_eq(apply("a", "1", version, 0), STORE_OK);
    ck_assert_fetched("a", false, 0);
    ck_assert_int_eq(apply("a", "1", version + 1, STORE_STALE), STORE_OK);
    ck_assert_fetched("a", true, STORE_STALE);

    ck_assert_int_eq(vivify("stub", 0, &view), STORE_OK);
    ck_assert_int_eq(store_apply_delete(f.thread, &stub, view.version), STORE_OLDER);
    ck_assert_fetched("stub", false, STORE_CLAIMED);
    ck_assert_int_eq(store_apply_delete(f.thread, &stub, view.version + 1), STORE_OK);
    ck_assert_value(&f, "stub", NULL);
    put(&f, STORE_SET, "stub", "");
    ck_assert_int_eq(store_apply_delete(f.thread, &stub, version_of(&f, "stub")), STORE_OK);
    ck_assert_value(&f, "stub", NULL);
}
END_TEST

/* More lives than the header can tell apart, each with items of the last one still there. */
START_TEST(every_new_life_hides_what_was_before) {
    for (unsigned i = 0; i < 20; i++) {
        put(&f, STORE_SET, "a", "1");
        invalidate("a", true, false);
        store_start_over(f.thread);
        ck_assert_value(&f, "a", NULL);
        put(&f, STORE_SET, "b", "2");
        ck_assert_fetched("b", false, 0);
    }
}
END_TEST

/* ---- several threads ---- */

enum { CLAIMER_COUNT = 4, ROUND_COUNT = 2000 };

struct claimer {
    struct store_thread *thread;
    unsigned claims;
};

/* Everyone runs through all keys; each key is to be claimed by exactly one. */
static void *claim_all(void *context) {
    struct claimer *claimer = context;
    for (unsigned i = 0; i < ROUND_COUNT; i++) {
        char text[32];
        int bytes = sprintf(text, "key-%u", i);
        struct store_key key = {.data = text,
                                .bytes = (uint32_t)bytes,
                                .hash = store_hash(f.store, text, (size_t)bytes)};
        struct store_fetch fetch = {0};
        struct store_view view;
        enum store_status status = store_fetch(claimer->thread, &key, &fetch, &view);
        if (status == STORE_NOT_FOUND) {
            struct store_vivify vivify = {0};
            status = store_vivify(claimer->thread, &key, &vivify, &view);
            fetch.has_claimed = status == STORE_OK;
        }
        if (status == STORE_OK)
            store_item_release(claimer->thread, view.item);
        claimer->claims += fetch.has_claimed;
        store_thread_quiesce(claimer->thread);
    }
    return NULL;
}

START_TEST(of_many_threads_one_claims) {
    struct claimer claimers[CLAIMER_COUNT] = {0};
    pthread_t threads[CLAIMER_COUNT];
    unsigned claims = 0;
    for (unsigned i = 0; i < ROUND_COUNT; i += 2) { /* the others are vivified */
        char text[32];
        sprintf(text, "key-%u", i);
        put(&f, STORE_SET, text, "x");
        ck_assert_int_eq(invalidate(text, true, false), STORE_OK);
    }
    for (unsigned i = 0; i < CLAIMER_COUNT; i++) {
        claimers[i].thread = store_thread_join(f.store);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, claim_all, &claimers[i]), 0);
    }
    for (unsigned i = 0; i < CLAIMER_COUNT; i++) {
        pthread_join(threads[i], NULL);
        claims += claimers[i].claims;
        store_thread_leave(claimers[i].thread);
    }
    ck_assert_uint_eq(claims, ROUND_COUNT);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("store_recache");
    TCase *alone = tcase_create("alone");
    tcase_add_checked_fixture(alone, setup, teardown);
    tcase_add_test(alone, a_stale_item_is_claimed_once);
    tcase_add_test(alone, what_stores_anew_ends_a_state_and_what_changes_in_place_keeps_it);
    tcase_add_test(alone, an_item_about_to_expire_is_claimed_once);
    tcase_add_test(alone, a_touch_counts_before_the_claim_or_after_it);
    tcase_add_test(alone, a_fetch_that_is_no_use_leaves_no_mark);
    tcase_add_test(alone, a_miss_is_vivified_once);
    tcase_add_test(alone, dropping_the_value_leaves_the_item);
    tcase_add_test(alone, another_version_is_not_invalidated);
    tcase_add_test(alone, a_value_for_an_older_version_is_stored_stale);
    tcase_add_test(alone, a_peek_that_is_given_up_marks_nothing);
    tcase_add_test(alone, of_many_threads_one_claims);
    suite_add_tcase(suite, alone);
    TCase *pair = tcase_create("pair");
    tcase_add_checked_fixture(pair, setup_pair, teardown);
    tcase_add_test(pair, a_pair_is_told_of_states_but_not_of_claims);
    tcase_add_test(pair, a_stale_item_is_applied_as_such);
    tcase_add_test(pair, a_claim_outlives_being_told_back_what_was_told);
    tcase_add_test(pair, every_new_life_hides_what_was_before);
    suite_add_tcase(suite, pair);
    return run_suite(suite);
}
