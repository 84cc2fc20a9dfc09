/*
 * Dumps through a session: what they say, that they go on piece by piece and stop at a full output,
 * that they end with their client, and that there may be no memory for them.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/mem.h"
#include "memcached/store/crawler.h"
#include "t/unit/session_tests.h"

static struct host host;

static void setup(void) {
    host_init(&host);
    host_open(&host);
}

static void teardown(void) {
    mem_fail_after(-1);
    host_close(&host);
}

static void put_many(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        char request[64];
        int bytes = snprintf(request, sizeof(request), "set key-%05u 0 0 1\r\nv\r\n", i);
        ck_assert(host_receive(&host, request, (size_t)bytes, 0));
    }
    host_forget(&host);
}

static bool is_busy(void) {
    struct store_crawler crawler;
    store_crawler(host.server.store, &crawler);
    return crawler.is_busy;
}

START_TEST(each_dump_has_its_form) {
    char line[256];
    ck_assert_said(&host, "lru_crawler metadump all\r\n", "END\r\n");
    ck_assert_said(&host, "lru_crawler mgdump hash\r\n", "EN\r\n");
    ck_assert_said(&host, "stats cachedump 1 0\r\n", "END\r\n");
    ck_assert_said(&host, "set a%b 7 100 2\r\nvv\r\n", "STORED\r\n");
    ck_assert_said(&host, "ms ICA= 1 b\r\nv\r\n", "HD\r\n"); /* two blanks */
    ck_assert_said(&host, "md ICA= b\r\n", "HD\r\n");
    snprintf(line, sizeof(line),
             "key=a%%25b exp=%u la=%u cas=1 fetch=no cls=1 size=68 flags=7\nEND\r\n",
             HOST_WALL_S + 100, HOST_WALL_S);
    ck_assert_said(&host, "lru_crawler metadump hash\r\n", line);
    ck_assert_said(&host, "lru_crawler metadump 1\r\n", line);
    ck_assert_said(&host, "lru_crawler metadump 2\r\n", "END\r\n");
    ck_assert_said(&host, "lru_crawler mgdump all\r\nmn\r\n", "mg a%b\r\nEN\r\nMN\r\n");
    ck_assert_said(&host, "ms ICA= 1 b\r\nv\r\nmd a%b\r\n", "HD\r\nHD\r\n");
    ck_assert_said(&host, "lru_crawler mgdump 1\r\n", "mg ICA= b\r\nEN\r\n");
    host.settings.has_cas = false;
    snprintf(line, sizeof(line),
             "key=%%20%%20 exp=-1 la=%u cas=0 fetch=no cls=1 size=62 flags=0\nEND\r\n",
             HOST_WALL_S);
    ck_assert_said(&host, "lru_crawler metadump all\r\n", line);
}
END_TEST

START_TEST(cachedump_lists_the_cold) {
    char line[256];
    struct store_lru lru;
    store_lru(host.server.store, &lru);
    lru.is_segmented = false;
    store_lru_set(host.server.store, &lru);
    ck_assert_said(&host, "set a 0 0 1\r\nv\r\nset b 0 50 3\r\nvvv\r\nms ICA= 1 b\r\nv\r\n",
                   "STORED\r\nSTORED\r\nHD\r\n");
    snprintf(line, sizeof(line), "ITEM b [3 b; %u s]\r\nITEM a [1 b; 0 s]\r\nEND\r\n",
             HOST_WALL_S + 50);
    ck_assert_said(&host, "stats cachedump 1 0\r\n", line);
    ck_assert_said(&host, "stats cachedump 1 18446744073709551615\r\n", line);
    snprintf(line, sizeof(line), "ITEM b [3 b; %u s]\r\nEND\r\n", HOST_WALL_S + 50);
    ck_assert_said(&host, "stats cachedump 1 1\r\n", line);
    ck_assert_said(&host, "stats cachedump 0 0\r\n", "END\r\n");
    ck_assert_said(&host, "stats cachedump 63 0\r\n", "END\r\n");
}
END_TEST

START_TEST(a_dump_goes_on_as_its_client_takes_it) {
    static const char request[] = "lru_crawler metadump hash\r\nmn\r\n";
    put_many(20000);
    struct session_result result =
        session_feed(host.session, request, sizeof(request) - 1, 0, &host.out);
    size_t rest = sizeof(request) - 1 - result.consumed;
    ck_assert_uint_eq(rest, 4);
    unsigned lines = 0;
    uint64_t most = 0;
    unsigned feeds = 1;
    while (result.next == SESSION_YIELD) {
        ck_assert(result.is_streaming);
        ck_assert(is_busy());
        /* the client takes everything, now and then only */
        if (feeds % 100 == 0) {
            for (size_t i = 0; i < host.out.bytes; i++)
                lines += host.out.data[i] == '\n';
            outbuf_consume(&host.out, outbuf_pending(&host.out));
        }
        result =
            session_feed(host.session, request + sizeof(request) - 1 - rest, rest, 0, &host.out);
        rest -= result.consumed;
        if (outbuf_pending(&host.out) > most)
            most = outbuf_pending(&host.out);
        feeds++;
    }
    for (size_t i = 0; i < host.out.bytes; i++)
        lines += host.out.data[i] == '\n';
    ck_assert_uint_eq(lines, 20000 + 2);
    ck_assert_uint_ge(most, SESSION_OUT_HIGH_BYTES);
    ck_assert_uint_le(most, SESSION_OUT_HIGH_BYTES + 65536);
    ck_assert_int_eq(result.next, SESSION_READ);
    ck_assert_uint_eq(rest, 0);
    ck_assert(!is_busy());
}
END_TEST

START_TEST(a_dump_ends_with_its_session) {
    static const char request[] = "lru_crawler mgdump all\r\n";
    put_many(5000);
    struct session_result result =
        session_feed(host.session, request, sizeof(request) - 1, 0, &host.out);
    ck_assert_int_eq(result.next, SESSION_YIELD);
    ck_assert(is_busy());
    outbuf_consume(&host.out, outbuf_pending(&host.out));
    if (_i == 0)
        host_reconnect(&host);
    else
        session_restart(host.session);
    ck_assert(!is_busy());
    ck_assert_said(&host, "lru_crawler mgdump 63\r\n", "EN\r\n");
}
END_TEST

START_TEST(a_dump_that_is_called_off_closes) {
    static const char request[] = "lru_crawler metadump all\r\n";
    put_many(5000);
    struct session_result result =
        session_feed(host.session, request, sizeof(request) - 1, 0, &host.out);
    ck_assert_int_eq(result.next, SESSION_YIELD);
    (void)store_crawler_enable(host.server.store, false);
    result = session_feed(host.session, NULL, 0, 0, &host.out);
    ck_assert_int_eq(result.next, SESSION_CLOSE);
    ck_assert(!is_busy());
    outbuf_consume(&host.out, outbuf_pending(&host.out));
}
END_TEST

/* The dump itself, then its output: one or the other says so, or closes. */
START_TEST(every_allocation_may_fail) {
    static const char request[] = "lru_crawler metadump all\r\n";
    put_many(3000);
    for (int countdown = 0;; countdown++) {
        host_reconnect(&host);
        outbuf_free(&host.out);
        outbuf_init(&host.out);
        mem_fail_after(countdown);
        struct session_result result =
            session_feed(host.session, request, sizeof(request) - 1, 0, &host.out);
        while (result.next == SESSION_YIELD && !host.out.is_failed)
            result = session_feed(host.session, NULL, 0, 0, &host.out);
        bool has_failed = mem_has_failed();
        mem_fail_after(-1);
        ck_assert(!is_busy());
        if (!has_failed) {
            ck_assert_int_eq(result.next, SESSION_READ);
            ck_assert_int_eq(strncmp(host.out.data + host.out.bytes - 5, "END\r\n", 5), 0);
            break;
        }
        if (countdown == 0) {
            ck_assert_int_eq(result.next, SESSION_READ);
            ck_assert(outbuf_put(&host.out, "", 1));
            ck_assert_str_eq(host.out.data, "SERVER_ERROR out of memory\r\n");
        } else {
            ck_assert_int_eq(result.next, SESSION_CLOSE);
        }
    }
    outbuf_free(&host.out);
    outbuf_init(&host.out);
    host_reconnect(&host);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("session_dump");
    TCase *tests = tcase_create("session_dump");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, each_dump_has_its_form);
    tcase_add_test(tests, cachedump_lists_the_cold);
    tcase_add_test(tests, a_dump_goes_on_as_its_client_takes_it);
    tcase_add_loop_test(tests, a_dump_ends_with_its_session, 0, 2);
    tcase_add_test(tests, a_dump_that_is_called_off_closes);
    tcase_add_test(tests, every_allocation_may_fail);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
