/* Events: their lines, and the ring they travel in. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "memcached/base/mem.h"
#include "memcached/base/rng.h"
#include "memcached/serve/event_log.h"
#include "memcached/serve/event_ring.h"
#include "t/unit/suite.h"

static void format_is(const struct event_record *event, const char *text, const char *expected) {
    char line[EVENT_LINE_BYTES_MAX + 1];
    line[event_format(event, text, line)] = '\0';
    ck_assert_str_eq(line, expected);
}

START_TEST(lines_are_memcacheds) {
    const struct {
        struct event_record event;
        const char *text, *line;
    } rows[] = {
        {{.kind = EVENT_ITEM_GET, .status = "found", .class_id = 3, .fd = 28, .size = 100},
         "key",
         "type=item_get key=key status=found clsid=3 cfd=28 size=100\n"},
        {{.kind = EVENT_ITEM_STORE, .status = "stored", .command = "set", .ttl_s = -1, .fd = 5},
         "key",
         "type=item_store key=key status=stored cmd=set ttl=4294967295 clsid=0 cfd=5 size=0\n"},
        {{.kind = EVENT_EVICTION,
          .status = "yes",
          .ttl_s = -1,
          .idle_s = 7,
          .class_id = 32,
          .size = 600000},
         "key",
         "type=eviction key=key fetch=yes ttl=-1 la=7 clsid=32 size=600000\n"},
        {{.kind = EVENT_DELETED, .command = "md", .class_id = 1, .size = 2},
         "key",
         "type=deleted key=key cmd=md clsid=1 size=2\n"},
        {{.kind = EVENT_CONN_NEW, .command = "tcp", .fd = 9, .port = 65535},
         "::1",
         "type=conn_new rip=::1 rport=65535 transport=tcp cfd=9\n"},
        {{.kind = EVENT_CONN_CLOSE, .command = "local", .status = "normal", .fd = 9},
         "unix",
         "type=conn_close rip=unix rport=0 transport=local reason=normal cfd=9\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char expected[EVENT_LINE_BYTES_MAX];
        struct event_record event = rows[i].event;
        event.text_bytes = (uint16_t)strlen(rows[i].text);
        event.gid = 42;
        event.wall_us = 1700000000 * 1000000ull + 23417;
        snprintf(expected, sizeof(expected), "ts=1700000000.23417 gid=42 %s", rows[i].line);
        format_is(&event, rows[i].text, expected);
    }
}
END_TEST

START_TEST(numbers_stand_in_place_of_a_text) {
    const uint64_t crawl[] = {3, 250, 125, 1, UINT64_MAX, 0};
    const uint64_t move[] = {4};
    struct event_record event = {
        .kind = EVENT_LRU_CRAWLER, .status = "temp", .class_id = 17, .text_bytes = sizeof(crawl)};
    format_is(&event, (const char *)crawl,
              "ts=0.0 gid=0 type=lru_crawler crawler=17 lru=temp low_mark=3 next_reclaims=250 "
              "since_run=0 next_run=125 elapsed=1 examined=18446744073709551615 reclaimed=0\n");
    event.kind = EVENT_SLAB_MOVE;
    event.status = "ok";
    event.text_bytes = sizeof(move);
    format_is(&event, (const char *)move, "ts=0.0 gid=0 type=slab_move src=17 dst=4 state=ok\n");
}
END_TEST

START_TEST(keys_are_uri_encoded) {
    char key[256], expected[EVENT_LINE_BYTES_MAX], *to = expected;
    to += sprintf(to, "ts=0.0 gid=0 type=deleted key=");
    for (unsigned i = 0; i < 256; i++) {
        key[i] = (char)i;
        bool is_plain = (i >= '0' && i <= '9') || (i >= 'a' && i <= 'z') ||
                        (i >= 'A' && i <= 'Z') || (i != 0 && strchr("-._~", (int)i));
        to += sprintf(to, is_plain ? "%c" : "%%%02X", i);
    }
    sprintf(to, " cmd=delete clsid=0 size=0\n");
    struct event_record event = {.kind = EVENT_DELETED, .command = "delete", .text_bytes = 256};
    format_is(&event, key, expected);
}
END_TEST

START_TEST(the_longest_line_fits) {
    char key[EVENT_TEXT_BYTES_MAX], line[EVENT_LINE_BYTES_MAX];
    memset(key, 0xff, sizeof(key));
    for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++) {
        struct event_record event = {.kind = (uint8_t)kind,
                                     .text_bytes = sizeof(key),
                                     .class_id = 255,
                                     .gid = UINT64_MAX,
                                     .wall_us = UINT64_MAX,
                                     .size = UINT64_MAX,
                                     .status = "idle_timeout",
                                     .command = "prepend",
                                     .ttl_s = INT32_MIN,
                                     .idle_s = UINT32_MAX,
                                     .fd = INT32_MIN,
                                     .port = UINT16_MAX};
        ck_assert_uint_le(event_format(&event, key, line), sizeof(line));
    }
}
END_TEST

START_TEST(streams_are_known_by_name) {
    ck_assert_uint_eq(event_stream_named("fetchers", 8), EVENT_STREAM_FETCHERS);
    ck_assert_uint_eq(event_stream_named("fetchersx", 8), EVENT_STREAM_FETCHERS);
    ck_assert_uint_eq(event_stream_named("deletions", 9), EVENT_STREAM_DELETIONS);
    ck_assert_uint_eq(event_stream_named("proxyuser", 9), EVENT_STREAM_PROXYUSER);
    ck_assert_uint_eq(event_stream_named("fetcher", 7), 0);
    ck_assert_uint_eq(event_stream_named("Fetchers", 8), 0);
    ck_assert_uint_eq(event_stream_named("", 0), 0);
}
END_TEST

/* ---- the ring ---- */

/* An event that says what it is: number `i`, with a text that depends on it. */
static void make(uint64_t i, struct event_record *event, char text[EVENT_TEXT_BYTES_MAX]) {
    *event = (struct event_record){.gid = i, .size = i * 3, .kind = EVENT_DELETED};
    event->text_bytes = (uint16_t)(i * 7919 % (EVENT_TEXT_BYTES_MAX + 1));
    memset(text, (int)(i % 251), event->text_bytes);
}

static void check_event(uint64_t i, const struct event_record *event, const char *text) {
    struct event_record expected;
    char expected_text[EVENT_TEXT_BYTES_MAX];
    make(i, &expected, expected_text);
    ck_assert_uint_eq(event->gid, i);
    ck_assert_uint_eq(event->size, expected.size);
    ck_assert_uint_eq(event->text_bytes, expected.text_bytes);
    ck_assert_mem_eq(text, expected_text, expected.text_bytes);
}

START_TEST(a_ring_keeps_the_order_whatever_the_lengths) {
    struct event_ring ring;
    struct rng rng;
    uint64_t put = 0, taken = 0, refused = 0;
    rng_seed(&rng, 1);
    ck_assert(event_ring_init(&ring, 3000)); /* becomes 4096 */
    while (put < 100000) {
        struct event_record event;
        char text[EVENT_TEXT_BYTES_MAX];
        const char *seen;
        for (uint64_t n = rng_below(&rng, 20); n > 0; n--) {
            make(put, &event, text);
            if (!event_ring_put(&ring, &event, text)) {
                refused++;
                break;
            }
            put++;
        }
        for (uint64_t n = rng_below(&rng, 20); n > 0; n--) {
            const struct event_record *first = event_ring_peek(&ring, &seen);
            if (!first)
                break;
            check_event(taken++, first, seen);
            event_ring_pop(&ring);
        }
        ck_assert_uint_le(put - taken, 4096 / sizeof(struct event_record));
    }
    ck_assert_uint_gt(refused, 0);
    event_ring_free(&ring);
}
END_TEST

START_TEST(an_empty_ring_of_any_size_takes_the_longest_event) {
    struct event_record event = {.kind = EVENT_DELETED, .text_bytes = EVENT_TEXT_BYTES_MAX};
    char text[EVENT_TEXT_BYTES_MAX] = {0};
    const char *seen;
    for (size_t bytes = 0; bytes < 5000; bytes += 500) {
        struct event_ring ring;
        ck_assert(event_ring_init(&ring, bytes));
        for (unsigned i = 0; i < 50; i++) {
            ck_assert_ptr_null(event_ring_peek(&ring, &seen));
            ck_assert(event_ring_put(&ring, &event, text));
            ck_assert_ptr_nonnull(event_ring_peek(&ring, &seen));
            event_ring_pop(&ring);
        }
        event_ring_free(&ring);
    }
}
END_TEST

enum { THREADED_EVENTS = 200000 };

struct threaded {
    struct event_ring ring;
    uint64_t dropped;
    _Atomic bool is_done;
};

static void *produce(void *context) {
    struct threaded *threaded = context;
    for (uint64_t i = 0; i < THREADED_EVENTS; i++) {
        struct event_record event;
        char text[EVENT_TEXT_BYTES_MAX];
        make(i, &event, text);
        if (!event_ring_put(&threaded->ring, &event, text))
            threaded->dropped++;
    }
    atomic_store(&threaded->is_done, true);
    return NULL;
}

START_TEST(two_threads_share_a_ring_without_a_lock) {
    struct threaded threaded = {.dropped = 0};
    pthread_t producer;
    uint64_t taken = 0, next = 0;
    ck_assert(event_ring_init(&threaded.ring, 16384));
    ck_assert_int_eq(pthread_create(&producer, NULL, produce, &threaded), 0);
    for (;;) {
        bool was_done = atomic_load(&threaded.is_done);
        const char *text;
        const struct event_record *event = event_ring_peek(&threaded.ring, &text);
        if (!event) {
            if (was_done)
                break;
            continue;
        }
        ck_assert_uint_ge(event->gid, next);
        check_event(event->gid, event, text);
        next = event->gid + 1;
        taken++;
        event_ring_pop(&threaded.ring);
    }
    pthread_join(producer, NULL);
    ck_assert_uint_eq(taken + threaded.dropped, THREADED_EVENTS);
    ck_assert_uint_gt(taken, 0);
    event_ring_free(&threaded.ring);
}
END_TEST

/* ---- the log ---- */

static uint64_t fixed_us(void) {
    return 5000000;
}

START_TEST(a_log_numbers_and_drops) {
    struct clock clock;
    clock_start(&clock, 1700000000000, 0);
    struct event_numbers numbers = {.wall_us = fixed_us, .clock = &clock};
    struct event_log *log = event_log_create(&numbers, EVENT_RING_BYTES_MIN);
    const char *text;
    ck_assert_ptr_nonnull(log);
    ck_assert(!event_log_is_on(NULL, UINT32_MAX));
    ck_assert(!event_log_is_on(log, UINT32_MAX));
    atomic_store(&log->watched, EVENT_STREAM_MUTATIONS | EVENT_STREAM_DELETIONS);
    event_log_enter(log, 12);

    struct store_event told = {.kind = STORE_WATCH_LOOKUPS, .key = "abc", .key_bytes = 3};
    event_log_tell(log, &told); /* a stream that nobody watches */
    told.kind = STORE_WATCH_DELETES;
    event_log_tell(log, &told); /* of a command that tells of no deletions */
    ck_assert_ptr_null(event_ring_peek(&log->ring, &text));
    event_log_deleting(log, "delete");
    event_log_tell(log, &told);
    const struct event_record *event = event_ring_peek(&log->ring, &text);
    ck_assert_ptr_nonnull(event);
    ck_assert_uint_eq(event->gid, 1);
    ck_assert_uint_eq(event->wall_us, 5000000);
    ck_assert_int_eq(event->fd, 12);
    ck_assert_mem_eq(text, "abc", 3);
    event_ring_pop(&log->ring);

    told.kind = STORE_WATCH_COMMITS;
    for (unsigned i = 0; i < 100; i++)
        event_log_tell(log, &told);
    unsigned held = 0;
    for (; event_ring_peek(&log->ring, &text); event_ring_pop(&log->ring))
        held++;
    ck_assert_uint_gt(held, 3);
    ck_assert_uint_eq(held + atomic_load(&log->dropped_count), 100);
    event_log_destroy(log);
}
END_TEST

START_TEST(a_log_that_cannot_be_had_leaks_nothing) {
    struct event_numbers numbers = {.wall_us = fixed_us};
    for (int64_t i = 0; i < 2; i++) {
        mem_fail_after(i);
        ck_assert_ptr_null(event_log_create(&numbers, EVENT_RING_BYTES_MIN));
        ck_assert(mem_has_failed());
    }
    mem_fail_after(-1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("events");
    TCase *tcase = tcase_create("events");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, lines_are_memcacheds);
    tcase_add_test(tcase, numbers_stand_in_place_of_a_text);
    tcase_add_test(tcase, numbers_stand_in_place_of_a_text);
    tcase_add_test(tcase, keys_are_uri_encoded);
    tcase_add_test(tcase, the_longest_line_fits);
    tcase_add_test(tcase, streams_are_known_by_name);
    tcase_add_test(tcase, a_ring_keeps_the_order_whatever_the_lengths);
    tcase_add_test(tcase, an_empty_ring_of_any_size_takes_the_longest_event);
    tcase_add_test(tcase, two_threads_share_a_ring_without_a_lock);
    tcase_add_test(tcase, a_log_numbers_and_drops);
    tcase_add_test(tcase, a_log_that_cannot_be_had_leaks_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
