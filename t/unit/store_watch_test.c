/* What the store tells a watcher: what clients do, what has to go, what it does by itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/store/crawler.h"
#include "t/unit/store_fixture.h"

enum { TOLD_BYTES_MAX = 4096 };

static struct fixture f;
static char told[TOLD_BYTES_MAX]; /* one word an event, in order */
static unsigned eviction_count, fetched_count;

static void note(void *context, const struct store_event *event) {
    char *to = told + strlen(told);
    size_t room = TOLD_BYTES_MAX - strlen(told);
    ck_assert_ptr_eq(context, &f);
    ck_assert_uint_le(event->key_bytes, STORE_KEY_BYTES_MAX);
    switch (event->kind) {
    case STORE_WATCH_LOOKUPS:
        snprintf(to, room, "%.*s%c%u/%d ", (int)event->key_bytes, event->key,
                 event->is_found ? '+' : '-', (unsigned)event->value_bytes, event->class_id);
        return;
    case STORE_WATCH_COMMITS:
        snprintf(to, room, "%.*s=%d:%d/%u ", (int)event->key_bytes, event->key, event->mode,
                 event->status, (unsigned)event->value_bytes);
        return;
    case STORE_WATCH_DELETES:
        snprintf(to, room, "%.*s!%u/%d ", (int)event->key_bytes, event->key,
                 (unsigned)event->value_bytes, event->class_id);
        return;
    case STORE_WATCH_EVICTIONS:
        ck_assert_uint_eq(event->value_bytes, 1000);
        ck_assert_uint_ne(event->class_id, 0);
        eviction_count++;
        fetched_count += event->was_fetched;
        return;
    case STORE_WATCH_CRAWLS:
        snprintf(to, room, "%d %s: worth %u, %u dead, %u left, %u in %u s, took %u s; ",
                 event->class_id, event->crawled->list, (unsigned)event->crawled->worth,
                 (unsigned)event->crawled->dead, (unsigned)event->crawled->left,
                 (unsigned)event->crawled->next_dead, event->crawled->next_s,
                 event->crawled->duration_s);
        return;
    case STORE_WATCH_MOVES:
        snprintf(to, room, "%d>%d ", event->class_id, event->to_class_id);
        return;
    }
}

static void setup(void) {
    fixture_init(&f);
    f.config.limit_bytes = 8 << 20;
    f.config.moves_pages = true;
    fixture_open(&f);
    store_thread_tell(f.thread, note, &f);
    told[0] = '\0';
    eviction_count = fetched_count = 0;
}

static void teardown(void) {
    fixture_close(&f);
}

#define ck_assert_told(text)                                                                       \
    do {                                                                                           \
        ck_assert_str_eq(told, text);                                                              \
        told[0] = '\0';                                                                            \
    } while (0)

static void look_up(const char *key) {
    struct store_key k = key_of(&f, key);
    struct store_view view;
    enum store_peek peek = store_peek(f.thread, &k, &view);
    if (peek == STORE_PEEK_HIT)
        (void)store_peek_confirm(f.thread, &view);
    else if (peek == STORE_PEEK_LOCKED && store_get(f.thread, &k, STORE_GET, &view) == STORE_OK)
        store_item_release(f.thread, view.item);
}

START_TEST(nobody_is_told_until_somebody_watches) {
    put(&f, STORE_SET, "a", "1");
    look_up("a");
    ck_assert_told("");
    store_watch(f.store, STORE_WATCH_LOOKUPS);
    look_up("a");
    ck_assert_told("a+1/1 ");
    put(&f, STORE_SET, "a", "1");
    ck_assert_told("a+1/1 ");
    store_watch(f.store, STORE_WATCH_COMMITS);
    look_up("a");
    put(&f, STORE_SET, "a", "12");
    ck_assert_told("a=0:0/2 ");
    store_watch(f.store, 0);
    put(&f, STORE_SET, "a", "1");
    look_up("a");
    ck_assert_told("");
}
END_TEST

START_TEST(every_command_looks_its_key_up_once) {
    struct store_key a = key_of(&f, "a");
    struct store_arith arith = {.delta = 1};
    struct store_view view;
    store_watch(f.store, STORE_WATCH_LOOKUPS);
    look_up("a");
    ck_assert_told("a-0/0 ");
    put(&f, STORE_ADD, "a", "99");
    ck_assert_told("a-0/0 ");
    look_up("a");
    ck_assert_told("a+2/1 ");
    store_arith(f.thread, &a, &arith); /* needs a larger item, and so two attempts */
    ck_assert_told("a+2/1 ");
    store_arith(f.thread, &a, &arith);
    ck_assert_told("a+3/1 ");
    store_touch(f.thread, &a, 0);
    ck_assert_told("a+3/1 ");
    store_get_and_touch(f.thread, &a, 0, &view);
    store_item_release(f.thread, view.item);
    ck_assert_told("a+3/1 ");
    put(&f, STORE_APPEND, "a", "0");
    ck_assert_told("a+3/1 ");
    store_drop_stale(f.thread, &a);
    ck_assert_told("a+4/1 ");
    drop(&f, "a");
    ck_assert_told("a-0/0 ");
}
END_TEST

START_TEST(what_became_of_storing_is_told) {
    store_watch(f.store, STORE_WATCH_COMMITS);
    put(&f, STORE_REPLACE, "a", "1");
    put(&f, STORE_APPEND, "a", "1");
    put(&f, STORE_CAS, "a", "1");
    put(&f, STORE_ADD, "a", "1");
    put(&f, STORE_ADD, "a", "1");
    put(&f, STORE_CAS, "a", "1");
    put(&f, STORE_APPEND, "a", "23");
    put(&f, STORE_PREPEND, "a", "0");
    char expected[TOLD_BYTES_MAX];
    snprintf(expected, sizeof(expected),
             "a=%d:%d/1 a=%d:%d/1 a=%d:%d/1 a=%d:%d/1 a=%d:%d/1 "
             "a=%d:%d/1 a=%d:%d/3 a=%d:%d/4 ",
             STORE_REPLACE, STORE_NOT_STORED, STORE_APPEND, STORE_NOT_STORED, STORE_CAS,
             STORE_NOT_FOUND, STORE_ADD, STORE_OK, STORE_ADD, STORE_NOT_STORED, STORE_CAS,
             STORE_EXISTS, STORE_APPEND, STORE_OK, STORE_PREPEND, STORE_OK);
    ck_assert_told(expected);
}
END_TEST

START_TEST(deletions_are_told_where_there_was_something) {
    store_watch(f.store, STORE_WATCH_LOOKUPS | STORE_WATCH_DELETES);
    drop(&f, "a");
    ck_assert_told("a-0/0 ");
    put(&f, STORE_SET, "a", "123");
    ck_assert_told("a-0/0 ");
    drop(&f, "a");
    ck_assert_told("a+3/1 a!3/1 ");
}
END_TEST

START_TEST(every_eviction_is_told) {
    char value[1000];
    char key[16];
    memset(value, 'v', sizeof(value));
    store_watch(f.store, STORE_WATCH_EVICTIONS);
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        ck_assert_int_eq(put_bytes(&f, key, value, sizeof(value), 0, 0), STORE_OK);
        if (i % 2 == 0)
            look_up(key);
    }
    struct store_stats stats = stats_of(&f);
    ck_assert_uint_gt(stats.evictions, 500);
    ck_assert_uint_eq(eviction_count, stats.evictions);
    ck_assert_uint_eq(eviction_count - fetched_count, stats.evicted_unfetched);
    ck_assert_uint_gt(fetched_count, 0);
}
END_TEST

static void store_many(const char *prefix, unsigned count, unsigned bytes, unsigned seconds) {
    char value[4096] = {0};
    char key[16];
    for (unsigned i = 0; i < count; i++) {
        snprintf(key, sizeof(key), "%s%u", prefix, i);
        ck_assert_int_eq(put_bytes(&f, key, value, bytes, 0, seconds ? in_seconds(&f, seconds) : 0),
                         STORE_OK);
    }
}

static void crawl_through(void) {
    uint32_t wait_ms;
    while ((wait_ms = store_crawl(f.thread)) != STORE_CRAWL_IDLE)
        clock_set(&f.clock, clock_wall_ms(&f.clock) + wait_ms, clock_mono_ms(&f.clock) + wait_ms);
}

START_TEST(a_crawl_that_began_by_itself_is_told_list_by_list) {
    store_watch(f.store, STORE_WATCH_CRAWLS);
    store_many("d", 230, 10, 5);
    store_many("m", 50, 10, 50);
    store_many("l", 120, 10, 3000);
    fixture_settle(&f);
    fixture_wait(&f, 10);
    crawl_through();
    unsigned left = 0;
    unsigned dead = 0;
    unsigned next_dead = 0;
    const char *at = told;
    static const char *const lists[] = {"hot", "warm", "cold", "temp"};
    for (unsigned i = 0; i < 4; i++) {
        unsigned worth, d, l, n;
        char list[8];
        int bytes = 0;
        ck_assert_int_eq(sscanf(at,
                                "1 %7[a-z]: worth %u, %u dead, %u left, %u in 60 s, took 0 s; %n",
                                list, &worth, &d, &l, &n, &bytes),
                         5);
        ck_assert_str_eq(list, lists[i]);
        ck_assert_uint_eq(worth, l / 100 + 1);
        left += l;
        dead += d;
        next_dead += n;
        at += bytes;
    }
    ck_assert_str_eq(at, "");
    ck_assert_uint_eq(left, 170);
    ck_assert_uint_eq(dead, 230);
    ck_assert_uint_eq(next_dead, 50);
    told[0] = '\0';

    /* one that a client has asked for is not told of */
    ck_assert(store_crawl_start(f.store, 1 << 1));
    crawl_through();
    ck_assert_told("");
}
END_TEST

START_TEST(a_page_moved_for_balance_is_told) {
    struct store_automove automove = {.level = 1, .window_s = 3, .ratio = 0.8};
    store_automove_set(f.store, &automove);
    store_watch(f.store, STORE_WATCH_MOVES);
    store_many("s", 1300, 4000, 1);
    fixture_wait(&f, 2);
    ck_assert(store_crawl_start(f.store, UINT64_MAX));
    crawl_through();
    ck_assert_told("");
    for (unsigned i = 0; i < 6; i++) {
        fixture_wait(&f, 1);
        fixture_settle(&f);
    }
    unsigned from = 0;
    unsigned to = 99;
    ck_assert_int_eq(sscanf(told, "%u>%u ", &from, &to), 2);
    ck_assert_uint_gt(from, 0);
    ck_assert_uint_eq(to, 0);
}
END_TEST

static Suite *watch_suite(void) {
    Suite *suite = suite_create("store watch");
    TCase *tcase = tcase_create("watch");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, nobody_is_told_until_somebody_watches);
    tcase_add_test(tcase, every_command_looks_its_key_up_once);
    tcase_add_test(tcase, what_became_of_storing_is_told);
    tcase_add_test(tcase, deletions_are_told_where_there_was_something);
    tcase_add_test(tcase, every_eviction_is_told);
    tcase_add_test(tcase, a_crawl_that_began_by_itself_is_told_list_by_list);
    tcase_add_test(tcase, a_page_moved_for_balance_is_told);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(watch_suite());
}
