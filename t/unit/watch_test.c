/* The logger thread and its watchers, without a socket. */
#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memcached/base/mem.h"
#include "memcached/run/watch.h"
#include "t/unit/suite.h"

enum { LOGS = 3, WAIT_MS_MAX = 30000, SHOWN_BYTES_MAX = 1 << 20 };

static struct clock clock_;
static struct rng rng;
static struct store *store;
static struct watch_hub *hub;

static void open_hub(size_t log_bytes, size_t watcher_bytes) {
    struct watch_config config = {.store = store,
                                  .clock = &clock_,
                                  .log_count = LOGS,
                                  .log_bytes = log_bytes,
                                  .watcher_bytes = watcher_bytes};
    hub = watch_hub_create(&config);
    ck_assert_ptr_nonnull(hub);
    ck_assert(watch_hub_start(hub));
}

static void setup(void) {
    struct store_config config;
    const char *why = NULL;
    clock_start(&clock_, 1700000000000, 0);
    rng_seed(&rng, 1);
    store_config_default(&config);
    config.limit_bytes = 2 << 20;
    config.clock = &clock_;
    config.rng = &rng;
    store = store_create(&config, &why);
    ck_assert_msg(store != NULL, "%s", why);
}

static void teardown(void) {
    watch_hub_destroy(hub);
    store_destroy(store);
}

static void ignore_news(void *context) {
    (void)context;
}

static void count_news(void *context) {
    atomic_fetch_add((_Atomic unsigned *)context, 1);
}

static struct watcher *join(uint32_t streams) {
    enum serve_watch why;
    struct watcher *watcher = watch_join(hub, streams, ignore_news, NULL, &why);
    ck_assert_ptr_nonnull(watcher);
    ck_assert_int_eq(why, SERVE_WATCH_OK);
    return watcher;
}

/* The event of `kind` on the key, if somebody watches. */
static void happen(unsigned log_index, enum event_kind kind, const char *key) {
    struct event_log *log = watch_hub_log(hub, log_index);
    struct event_record event = {.kind = (uint8_t)kind,
                                 .text_bytes = (uint16_t)strlen(key),
                                 .status = "found",
                                 .command = "set"};
    if (event_log_is_on(log, event_stream_of(kind)))
        event_log_put(log, &event, key);
}

static struct serve_run_stats figures(void) {
    struct serve_run_stats stats = {.log_watchers = 0};
    watch_hub_stats(hub, &stats);
    return stats;
}

static void nap(void) {
    struct timespec pause = {.tv_nsec = 1000000};
    nanosleep(&pause, NULL);
}

/* Waits until the logger has taken so many events in all. */
static void wait_written(uint64_t count) {
    for (int waited = 0; figures().log_worker_written < count; waited++) {
        ck_assert_int_lt(waited, WAIT_MS_MAX);
        nap();
    }
    ck_assert_uint_eq(figures().log_worker_written, count);
}

/* Takes all that waits for the watcher, a few bytes at a time if `slowly`. */
static const char *shown(struct watcher *watcher, bool slowly) {
    static char text[SHOWN_BYTES_MAX];
    size_t bytes = 0;
    struct iovec vec[WATCH_PIECES_MAX];
    int count;
    while ((count = watcher_pieces(watcher, vec)) > 0) {
        size_t taken = 0;
        for (int i = 0; i < count; i++) {
            size_t piece = slowly && vec[i].iov_len > 7 ? 7 : vec[i].iov_len;
            ck_assert_uint_lt(bytes + piece, sizeof(text));
            memcpy(text + bytes, vec[i].iov_base, piece);
            bytes += piece;
            taken += piece;
            if (piece < vec[i].iov_len)
                break;
        }
        watcher_consume(watcher, taken);
    }
    text[bytes] = '\0';
    return text;
}

static unsigned lines_of(const char *text, const char *part) {
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

START_TEST(each_watcher_is_shown_its_streams) {
    open_hub(65536, 65536);
    happen(0, EVENT_ITEM_GET, "before");
    struct watcher *gets = join(EVENT_STREAM_FETCHERS);
    happen(0, EVENT_ITEM_GET, "a");
    happen(1, EVENT_ITEM_STORE, "nobody");
    wait_written(1);
    struct watcher *both = join(EVENT_STREAM_FETCHERS | EVENT_STREAM_MUTATIONS);
    happen(2, EVENT_ITEM_GET, "b");
    happen(2, EVENT_ITEM_STORE, "c");
    wait_written(3);
    const char *text = shown(gets, true);
    ck_assert_uint_eq(lines_of(text, "\n"), 2);
    ck_assert_uint_eq(lines_of(text, "key=a ") + lines_of(text, "key=b "), 2);
    text = shown(both, false);
    ck_assert_uint_eq(lines_of(text, "\n"), 2);
    ck_assert_uint_eq(lines_of(text, "key=b ") + lines_of(text, "key=c "), 2);
    ck_assert_uint_eq(figures().log_watchers, 2);
    ck_assert_uint_eq(figures().log_watcher_sent, 4);
    watch_leave(hub, gets);
    watch_leave(hub, both);
    happen(0, EVENT_ITEM_GET, "after");
    ck_assert(!event_log_is_on(watch_hub_log(hub, 0), UINT32_MAX));
    ck_assert_uint_eq(figures().log_watchers, 0);
}
END_TEST

START_TEST(a_watcher_that_takes_nothing_is_told_how_much_it_missed) {
    open_hub(1 << 20, WATCH_BUFFER_BYTES_MIN);
    struct watcher *watcher = join(EVENT_STREAM_FETCHERS);
    struct watcher *other = join(EVENT_STREAM_FETCHERS);
    for (unsigned i = 1; i <= 100; i++) {
        happen(0, EVENT_ITEM_GET, "key");
        wait_written(i);
        ck_assert_uint_eq(lines_of(shown(other, false), "\n"), 1);
    }
    unsigned first = lines_of(shown(watcher, true), "key=key");
    ck_assert_uint_gt(first, 5);
    ck_assert_uint_lt(first, 50);
    happen(0, EVENT_ITEM_GET, "next");
    wait_written(101);
    char expected[64];
    snprintf(expected, sizeof(expected), "skipped=%u\n", 100 - first);
    const char *text = shown(watcher, false);
    ck_assert_msg(strncmp(text, expected, strlen(expected)) == 0, "%s", text);
    ck_assert_uint_eq(lines_of(text, "\n"), 2);
    ck_assert_uint_eq(figures().log_watcher_skipped, 100 - first);
    ck_assert_uint_eq(figures().log_watcher_sent, 100 + first + 2);
    watch_hub_stats_reset(hub);
    ck_assert_uint_eq(figures().log_watcher_skipped, 0);
    ck_assert_uint_eq(figures().log_watcher_sent, 0);
    ck_assert_uint_eq(figures().log_worker_written, 0);
    ck_assert_uint_eq(figures().log_watchers, 2);
    watch_leave(hub, watcher);
    watch_leave(hub, other);
}
END_TEST

START_TEST(there_is_a_limit_of_watchers) {
    struct watcher *watchers[WATCHERS_MAX];
    enum serve_watch why;
    open_hub(65536, 65536);
    for (unsigned i = 0; i < WATCHERS_MAX; i++)
        watchers[i] = join(EVENT_STREAM_EVICTIONS);
    ck_assert_ptr_null(watch_join(hub, EVENT_STREAM_FETCHERS, ignore_news, NULL, &why));
    ck_assert_int_eq(why, SERVE_WATCH_TOO_MANY);
    watch_leave(hub, watchers[7]);
    watchers[7] = join(EVENT_STREAM_FETCHERS);
    mem_fail_after(0);
    ck_assert_ptr_null(watch_join(hub, EVENT_STREAM_FETCHERS, ignore_news, NULL, &why));
    ck_assert_int_eq(why, SERVE_WATCH_FAILED);
    mem_fail_after(-1);
    for (unsigned i = 0; i < WATCHERS_MAX; i++)
        watch_leave(hub, watchers[i]);
}
END_TEST

START_TEST(a_hub_that_cannot_be_had_leaks_nothing) {
    struct watch_config config = {
        .store = store, .clock = &clock_, .log_count = LOGS, .log_bytes = 1, .watcher_bytes = 1};
    int64_t failed = 0;
    do {
        mem_fail_after(failed++);
        hub = watch_hub_create(&config);
    } while (!hub);
    ck_assert_int_gt(failed, 2 * LOGS);
    mem_fail_after(-1);
}
END_TEST

/* ---- threads ---- */

enum { THREADED_EVENTS = 20000 };

static _Atomic unsigned done_count;

static void *produce(void *context) {
    unsigned log_index = *(unsigned *)context;
    for (unsigned i = 0; i < THREADED_EVENTS; i++) {
        event_log_enter(watch_hub_log(hub, log_index), (int)log_index);
        happen(log_index, i % 2 ? EVENT_ITEM_GET : EVENT_DELETED, "key");
    }
    atomic_fetch_add(&done_count, 1);
    return NULL;
}

static void count_shown(struct watcher *watcher, uint64_t *shown_count, uint64_t *skipped) {
    const char *text = shown(watcher, false);
    *shown_count += lines_of(text, "type=item_get");
    for (const char *at = text; (at = strstr(at, "skipped=")) != NULL; at++)
        *skipped += strtoull(at + strlen("skipped="), NULL, 10);
}

START_TEST(threads_produce_while_watchers_come_take_and_go) {
    pthread_t threads[LOGS];
    unsigned numbers[LOGS];
    _Atomic unsigned news = 0;
    enum serve_watch why;
    open_hub(8192, 8192);
    struct watcher *stays = watch_join(hub, EVENT_STREAM_FETCHERS, count_news, &news, &why);
    struct watcher *deaf = join(EVENT_STREAM_FETCHERS | EVENT_STREAM_DELETIONS);
    for (unsigned i = 0; i < LOGS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, produce, &numbers[i]), 0);
    }
    uint64_t shown_count = 0, skipped = 0;
    while (atomic_load(&done_count) < LOGS) {
        struct watcher *guest = join(EVENT_STREAM_DELETIONS);
        count_shown(stays, &shown_count, &skipped);
        (void)shown(guest, true);
        watch_leave(hub, guest);
    }
    for (unsigned i = 0; i < LOGS; i++)
        pthread_join(threads[i], NULL);
    struct serve_run_stats stats;
    uint64_t sum = 0;
    for (int waited = 0; sum < LOGS * THREADED_EVENTS; waited++) {
        ck_assert_int_lt(waited, WAIT_MS_MAX);
        stats = figures();
        sum = stats.log_worker_written + stats.log_worker_dropped;
        nap();
    }
    count_shown(stays, &shown_count, &skipped);
    /* an event is taken or dropped, never both, never twice */
    ck_assert_uint_eq(sum, LOGS * THREADED_EVENTS);
    ck_assert_uint_gt(atomic_load(&news), 0);
    ck_assert_uint_gt(shown_count, 0);
    ck_assert_uint_le(shown_count + skipped, LOGS * THREADED_EVENTS / 2);
    watch_leave(hub, stays);
    watch_leave(hub, deaf);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("watch");
    TCase *tcase = tcase_create("watch");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, each_watcher_is_shown_its_streams);
    tcase_add_test(tcase, a_watcher_that_takes_nothing_is_told_how_much_it_missed);
    tcase_add_test(tcase, there_is_a_limit_of_watchers);
    tcase_add_test(tcase, a_hub_that_cannot_be_had_leaks_nothing);
    tcase_add_test(tcase, threads_produce_while_watchers_come_take_and_go);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
