/* Walking all items while the index grows. */
#include <stdio.h>
#include <string.h>

#include "t/unit/store_fixture.h"

enum { WALK_COUNT = 100000 };

static struct fixture f;
static unsigned char walked[WALK_COUNT];

static void put_short(const char *prefix, unsigned number) {
    char key[16];
    snprintf(key, sizeof(key), "%s%u", prefix, number);
    ck_assert_int_eq(put(&f, STORE_SET, key, "v"), STORE_OK);
}

/* WALK_COUNT items are there, and growth has not begun. */
static void setup(void) {
    fixture_init(&f);
    f.config.limit_bytes = 64 << 20;
    f.config.is_replicated = true;
    fixture_open(&f);
    memset(walked, 0, sizeof(walked));
    for (unsigned i = 0; i < WALK_COUNT; i++)
        put_short("k", i);
}

static void teardown(void) {
    fixture_close(&f);
}

/* Of those that setup put; others may come or not. */
static bool note_walked(void *context, const struct store_key *key, const struct store_view *view) {
    unsigned number;
    char text[STORE_KEY_BYTES_MAX + 1] = {0};
    memcpy(text, key->data, key->bytes);
    ck_assert_uint_eq(view->value_bytes, 1);
    ck_assert_uint_eq(store_hash(f.store, key->data, key->bytes), key->hash);
    if (sscanf(text, "k%u", &number) == 1) {
        walked[number]++;
        (*(unsigned *)context)++;
    }
    return true;
}

static void assert_each_was_walked_once(unsigned visits) {
    ck_assert_uint_eq(visits, WALK_COUNT);
    for (unsigned i = 0; i < WALK_COUNT; i++)
        ck_assert_uint_eq(walked[i], 1);
}

START_TEST(a_walk_during_growth_meets_everything_once) {
    uint64_t cursor = 0;
    unsigned visits = 0;
    unsigned percent = 0;
    unsigned steps = 0;
    bool is_done = false;
    while (!is_done) {
        unsigned before = percent;
        is_done = store_walk(f.thread, &cursor, 37, note_walked, &visits, &percent);
        ck_assert_uint_ge(percent, before);
        if (steps++ % 10 == 0)
            store_grow(f.thread);
    }
    ck_assert_uint_eq(percent, 100);
    ck_assert_uint_gt(stats_of(&f).index_bucket_count, 8192);
    assert_each_was_walked_once(visits);
}
END_TEST

/* Growth follows the items, so it goes on in small steps all through the walk. */
START_TEST(items_that_come_during_a_walk_neither_hide_nor_repeat_others) {
    uint64_t cursor = 0;
    unsigned visits = 0;
    unsigned new_count = 0;
    unsigned steps = 0;
    unsigned steps_with_growth = 0;
    fixture_settle(&f);
    uint64_t before = stats_of(&f).index_bucket_count;
    while (!store_walk(f.thread, &cursor, 7, note_walked, &visits, NULL)) {
        for (unsigned i = 0; i < 80; i++)
            put_short("n", new_count++);
        uint64_t buckets = stats_of(&f).index_bucket_count;
        ck_assert(!store_grow(f.thread));
        steps_with_growth += stats_of(&f).index_bucket_count > buckets;
        steps++;
    }
    ck_assert_uint_gt(steps_with_growth * 10, steps * 9);
    ck_assert_uint_gt(stats_of(&f).index_bucket_count, 2 * before);
    assert_each_was_walked_once(visits);
}
END_TEST

static bool stop_at_once(void *context, const struct store_key *key,
                         const struct store_view *view) {
    (void)key;
    (void)view;
    (*(unsigned *)context)++;
    return false;
}

START_TEST(a_visitor_that_refuses_keeps_the_walk_where_it_is) {
    uint64_t cursor = 0;
    unsigned visits = 0;
    for (unsigned i = 0; i < 3; i++)
        ck_assert(!store_walk(f.thread, &cursor, 1u << 30, stop_at_once, &visits, NULL));
    ck_assert_uint_eq(visits, 3);
}
END_TEST

static Suite *walk_suite(void) {
    Suite *suite = suite_create("store walk");
    TCase *tcase = tcase_create("walk");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_walk_during_growth_meets_everything_once);
    tcase_add_test(tcase, items_that_come_during_a_walk_neither_hide_nor_repeat_others);
    tcase_add_test(tcase, a_visitor_that_refuses_keeps_the_walk_where_it_is);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(walk_suite());
}
