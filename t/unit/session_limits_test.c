/* Large values, refused values, full outputs, and no memory: a session stays sane and bounded. */
#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "t/unit/session_tests.h"

enum { BIG = 300000 };

static const char too_large[] = "SERVER_ERROR object too large for cache\r\n";
static const char no_get_memory[] = "SERVER_ERROR out of memory writing get response\r\n";

/* A storage command line, a value of `bytes` letters, and its end; NUL-terminated. */
static char *request_with_value(const char *line, size_t bytes, const char *end) {
    size_t head = strlen(line);
    char *request = malloc(head + bytes + strlen(end) + 1);
    memcpy(request, line, head);
    for (size_t i = 0; i < bytes; i++)
        request[head + i] = (char)('a' + i % 26);
    strcpy(request + head + bytes, end);
    return request;
}

static char *reply_with_value(const char *line, size_t bytes) {
    return request_with_value(line, bytes, "\r\nEND\r\n");
}

static void store_big(struct host *host, const char *key, size_t bytes) {
    char line[64];
    snprintf(line, sizeof(line), "set %s 0 0 %zu\r\n", key, bytes);
    char *request = request_with_value(line, bytes, "\r\n");
    ck_assert_said(host, request, "STORED\r\n");
    free(request);
}

START_TEST(values_of_every_size_come_back_in_any_pieces) {
    static const size_t sizes[] = {0,    1,     4000,  8170,   8192,   8193,
                                   9000, 60000, 70000, 524288, 700000, 1048000};
    static const size_t pieces[] = {0, 1000, 65536};
    for (size_t p = 0; p < ARRAY_COUNT(pieces); p++) {
        struct host host;
        host_init(&host);
        host_open(&host);
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            char line[64];
            snprintf(line, sizeof(line), "set v 3 0 %zu\r\n", sizes[i]);
            char *request = request_with_value(line, sizes[i], "\r\nget v\r\n");
            snprintf(line, sizeof(line), "STORED\r\nVALUE v 3 %zu\r\n", sizes[i]);
            char *reply = reply_with_value(line, sizes[i]);
            host_forget(&host);
            ck_assert(host_receive(&host, request, strlen(request), pieces[p]));
            ck_assert_uint_eq(host.said_bytes, strlen(reply));
            ck_assert_msg(memcmp(host.said, reply, host.said_bytes) == 0, "%zu bytes", sizes[i]);
            free(request);
            free(reply);
        }
        host_close(&host);
    }
}
END_TEST

START_TEST(the_rest_of_a_large_value_goes_straight_to_its_item) {
    struct host host;
    host_init(&host);
    host_open(&host);
    static const char head[] = "set v 0 0 300000\r\nabc";
    ck_assert(host_receive(&host, head, sizeof(head) - 1, 0));
    ck_assert_int_eq(host.result.next, SESSION_FILL);
    ck_assert_uint_eq(host.result.consumed, sizeof(head) - 1);
    ck_assert_uint_eq(host.result.fill_bytes, BIG - 3);
    /* the end of it decides: two bytes that are no CR LF undo it all */
    char *rest = request_with_value("", BIG - 3, "xymn\r\n");
    ck_assert(host_receive(&host, rest, BIG - 3 + 6, 50000));
    ck_assert_pstr_eq(host.said, "CLIENT_ERROR bad data chunk\r\nMN\r\n");
    ck_assert_said(&host, "get v\r\n", "END\r\n");
    free(rest);
    host_close(&host);
}
END_TEST

START_TEST(a_session_may_end_in_the_middle_of_a_value) {
    struct host host;
    host_init(&host);
    host_open(&host);
    static const char head[] = "ms v 300000 Oabc k\r\nabc";
    ck_assert(host_receive(&host, head, sizeof(head) - 1, 0));
    ck_assert_int_eq(host.result.next, SESSION_FILL);
    host_close(&host); /* verifies the store */
}
END_TEST

START_TEST(meta_set_remembers_its_flags_while_the_value_comes) {
    struct host host;
    host_init(&host);
    host_open(&host);
    char *request =
        request_with_value("ms v 300000 Oabc k c s F7 T9\r\n", BIG, "\r\nmg v f t s\r\n");
    ck_assert(host_receive(&host, request, strlen(request), 7777));
    ck_assert_pstr_eq(host.said, "HD Oabc kv c1 s300000\r\nHD f7 t9 s300000\r\n");
    free(request);
    host_close(&host);
}
END_TEST

START_TEST(a_value_too_large_is_ignored_and_drops_the_old_one) {
    static const struct {
        const char *line;
        bool drops, is_quiet;
    } rows[] = {
        {"set v 0 0 2000000\r\n", true, false},       {"add v 0 0 2000000\r\n", false, false},
        {"replace v 0 0 2000000\r\n", false, false},  {"append v 0 0 2000000\r\n", false, false},
        {"cas v 0 0 2000000 1\r\n", false, false},    {"ms v 2000000 q\r\n", true, false},
        {"set v 0 0 2000000 noreply\r\n", true, true}};
    static const size_t pieces[] = {0, 65536};
    for (size_t i = 0; i < ARRAY_COUNT(rows) * ARRAY_COUNT(pieces); i++) {
        const char *line = rows[i / 2].line;
        struct host host;
        host_init(&host);
        host_open(&host);
        ck_assert_said(&host, "set v 0 0 3\r\nold\r\n", "STORED\r\n");
        char *request = request_with_value(line, 2000000, "\r\nget v\r\n");
        host_forget(&host);
        ck_assert(host_receive(&host, request, strlen(request), pieces[i % 2]));
        char reply[256];
        snprintf(reply, sizeof(reply), "%s%sEND\r\n", rows[i / 2].is_quiet ? "" : too_large,
                 rows[i / 2].drops ? "" : "VALUE v 0 3\r\nold\r\n");
        ck_assert_pstr_eq(host.said, reply);
        free(request);
        host_close(&host);
    }
}
END_TEST

START_TEST(without_room_a_value_is_refused_and_ignored) {
    struct host host;
    host_init(&host);
    host.config.limit_bytes = 2 << 20;
    host.config.is_evicting = false;
    host_open(&host);
    char *request = request_with_value("", 400000, "\r\n");
    bool is_refused = false;
    for (unsigned i = 0; i < 20 && !is_refused; i++) {
        char line[64];
        snprintf(line, sizeof(line), "set v%u 0 0 400000\r\n", i);
        host_forget(&host);
        ck_assert(host_receive(&host, line, strlen(line), 0));
        ck_assert(host_receive(&host, request, strlen(request), 65536));
        is_refused = strcmp(host.said, "STORED\r\n") != 0;
        if (is_refused)
            ck_assert_pstr_eq(host.said, "SERVER_ERROR out of memory storing object\r\n");
    }
    ck_assert(is_refused);
    ck_assert_said(&host, "mn\r\n", "MN\r\n");
    free(request);
    host_close(&host);
}
END_TEST

/* Two values at once, of which memory holds one: the first to find none makes room by giving up. */
START_TEST(memory_may_run_out_in_the_middle_of_a_value) {
    enum { LARGE = 6 << 20, PART = 3 << 20 };
    static const struct {
        const char *head, *reply;
    } cases[] = {
        {"set v 0 0 6291456\r\n", "SERVER_ERROR Out of memory during read\r\n"},
        {"set v 0 0 6291456 noreply\r\n", ""},
        {"add w 0 0 6291456\r\n", "SERVER_ERROR Out of memory during read\r\n"},
        {"append v 0 0 6291456\r\n", "SERVER_ERROR Out of memory during read\r\n"},
        {"ms v 6291456 O7 q\r\n", "SERVER_ERROR Out of memory during read\r\n"},
    };
    struct host host;
    host_init(&host);
    host.config.limit_bytes = 9 << 20;
    host.config.item_bytes_max = 7 << 20;
    host.config.is_evicting = false;
    host_open(&host);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        ck_assert_said(&host, "set v 0 0 1\r\n1\r\n", "STORED\r\n");
        char *request = request_with_value(cases[i].head, LARGE, "\r\nmn\r\n");
        enum store_status why;
        struct store_key other = {.data = "other", .bytes = 5};
        other.hash = store_hash(host.server.store, "other", 5);
        struct item *item = store_reserve(host.env.store, &other, 0, 0, PART + 2048, &why);
        ck_assert_ptr_nonnull(item);
        host_forget(&host);
        ck_assert(host_receive(&host, request, strlen(request), i % 2 ? 100000 : 0));
        char expected[100];
        snprintf(expected, sizeof(expected), "%sMN\r\n", cases[i].reply);
        ck_assert_pstr_eq(host.said, expected);
        ck_assert_said(&host, "get v\r\n", "VALUE v 0 1\r\n1\r\nEND\r\n");
        store_abandon(host.env.store, item);
        /* now there is room, all of it */
        host_forget(&host);
        ck_assert(host_receive(&host, request, strlen(request), 0));
        ck_assert_said(&host, "flush_all\r\n", "OK\r\n");
        free(request);
    }
    host_close(&host);
}
END_TEST

START_TEST(a_full_output_stops_execution_until_it_is_sent) {
    struct host host;
    host_init(&host);
    host_open(&host);
    store_big(&host, "v", 8000);
    char requests[8192];
    size_t bytes = 0;
    for (unsigned i = 0; i < 1000; i++)
        bytes += (size_t)sprintf(requests + bytes, "get v\r\n");
    size_t at = 0;
    uint64_t total = 0;
    unsigned feeds = 0;
    while (at < bytes) {
        struct session_result result =
            session_feed(host.session, requests + at, bytes - at, 0, &host.out);
        uint64_t pending = outbuf_pending(&host.out);
        at += result.consumed;
        ck_assert_uint_le(pending, SESSION_OUT_HIGH_BYTES + 8192);
        ck_assert_int_eq(result.next, at < bytes ? SESSION_YIELD : SESSION_READ);
        if (result.next == SESSION_YIELD) {
            struct session_result again =
                session_feed(host.session, requests + at, bytes - at, 0, &host.out);
            ck_assert_int_eq(again.next, SESSION_YIELD);
            ck_assert_uint_eq(again.consumed, 0);
            ck_assert_uint_eq(outbuf_pending(&host.out), pending);
        }
        total += pending;
        outbuf_consume(&host.out, pending);
        feeds++;
    }
    ck_assert_uint_eq(total, 1000 * (strlen("VALUE v 0 8000\r\n") + 8000 + 7));
    ck_assert_uint_gt(feeds, 20);
    host_close(&host);
}
END_TEST

START_TEST(a_long_get_goes_on_where_the_full_output_stopped_it) {
    struct host host;
    host_init(&host);
    host_open(&host);
    store_big(&host, "v", 8000);
    char *line = malloc(8192);
    size_t bytes = (size_t)sprintf(line, "get");
    for (unsigned i = 0; i < 1000; i++)
        bytes += (size_t)sprintf(line + bytes, " v");
    bytes += (size_t)sprintf(line + bytes, "\r\n");
    host_forget(&host);
    ck_assert(host_receive(&host, line, bytes, 0));
    ck_assert_uint_eq(host.said_bytes, 1000 * (strlen("VALUE v 0 8000\r\n") + 8000 + 2) + 5);
    ck_assert_uint_eq(host.counters.cmd_get, 1000);
    free(line);
    host_close(&host);
}
END_TEST

START_TEST(request_max_bounds_a_turn) {
    struct host host;
    host_init(&host);
    host_open(&host);
    static const char text[] = "mn\r\nget a b c\r\nmn\r\nmn\r\n";
    size_t at = 0;
    static const size_t ends[] = {15, 23};
    for (unsigned i = 0; i < 2; i++) {
        struct session_result result =
            session_feed(host.session, text + at, sizeof(text) - 1 - at, 2, &host.out);
        at += result.consumed;
        ck_assert_uint_eq(at, ends[i]);
        ck_assert_int_eq(result.next, i == 0 ? SESSION_YIELD : SESSION_READ);
    }
    struct session_result idle = session_feed(host.session, NULL, 0, 2, &host.out);
    ck_assert_int_eq(idle.next, SESSION_READ);
    host_close(&host);
}
END_TEST

/* So that each request can be told from the next one's answer. */
START_TEST(what_is_left_of_a_request_is_taken_without_the_next_one) {
    struct host host;
    host_init(&host);
    host_open(&host);
    ck_assert(!session_has_begun(host.session));
    static const char *const starts[] = {"set v 0 0 10000\r\nab", "set v 0 0 2000000\r\nab"};
    for (unsigned i = 0; i < 2; i++) {
        size_t value_bytes = i == 0 ? 10000 : 2000000;
        size_t rest_bytes = value_bytes - 2 + 2; /* with its end */
        char *rest = malloc(rest_bytes + 16);
        memset(rest, 'x', rest_bytes);
        memcpy(rest + rest_bytes - 2, "\r\nmn\r\n", 6);
        struct session_result result =
            session_feed(host.session, starts[i], strlen(starts[i]), 1, &host.out);
        ck_assert_uint_eq(result.consumed, strlen(starts[i]));
        ck_assert(session_is_in_request(host.session));
        ck_assert(session_has_begun(host.session) && !session_is_binary(host.session));
        result = session_feed(host.session, rest, rest_bytes + 4, SESSION_REQUESTS_NONE, &host.out);
        ck_assert_uint_eq(result.consumed, rest_bytes);
        ck_assert_int_eq(result.next, SESSION_YIELD);
        ck_assert(!session_is_in_request(host.session));
        outbuf_consume(&host.out, outbuf_pending(&host.out));
        result = session_feed(host.session, rest + rest_bytes, 4, 1, &host.out);
        ck_assert_uint_eq(result.consumed, 4);
        ck_assert_uint_eq(outbuf_pending(&host.out), 4);
        outbuf_consume(&host.out, 4);
        free(rest);
    }
    /* a key too long in the midst of a line that has no end yet */
    static char line[20000];
    memset(line, 'k', sizeof(line));
    memcpy(line, "get ", 4);
    for (size_t i = 5; i < sizeof(line) - 300; i += 2)
        line[i] = ' ';
    struct session_result result = session_feed(host.session, line, sizeof(line), 1, &host.out);
    ck_assert_uint_eq(result.consumed, sizeof(line));
    ck_assert(session_is_in_request(host.session));
    outbuf_consume(&host.out, outbuf_pending(&host.out));
    result = session_feed(host.session, " b", 2, SESSION_REQUESTS_NONE, &host.out);
    ck_assert_uint_eq(result.consumed, 2);
    ck_assert_int_eq(result.next, SESSION_READ);
    ck_assert(session_is_in_request(host.session));
    result = session_feed(host.session, " c\r\nmn\r\n", 8, SESSION_REQUESTS_NONE, &host.out);
    ck_assert_uint_eq(result.consumed, 4);
    ck_assert_int_eq(result.next, SESSION_YIELD);
    ck_assert(!session_is_in_request(host.session));
    ck_assert_uint_eq(outbuf_pending(&host.out), 0);
    host_close(&host);
}
END_TEST

/* Values by reference: the item lives until it is sent, whatever happens to its key. */
START_TEST(a_value_being_sent_is_not_changed_by_later_commands) {
    struct host host;
    host_init(&host);
    host_open(&host);
    store_big(&host, "v", BIG);
    static const char text[] = "get v\r\ndelete v\r\nset v 0 0 1\r\nx\r\nget v\r\n";
    char *reply = reply_with_value("VALUE v 0 300000\r\n", BIG);
    reply = realloc(reply, strlen(reply) + 100);
    strcat(reply, "DELETED\r\nSTORED\r\nVALUE v 0 1\r\nx\r\nEND\r\n");
    host_forget(&host);
    ck_assert(host_receive(&host, text, sizeof(text) - 1, 0));
    ck_assert_pstr_eq(host.said, reply);
    free(reply);
    host_close(&host);
}
END_TEST

/*
 * The only allocation of a reply is its output buffer: the reply is taken back, and the client
 * told.
 */
START_TEST(no_memory_for_a_value_is_said_instead_of_it) {
    struct host host;
    host_init(&host);
    host_open(&host);
    store_big(&host, "v", 8000);
    ck_assert_said(&host, "mn\r\n", "MN\r\n"); /* the buffer has its first memory now */
    static const char *const requests[] = {"get v\r\n", "get none v v none\r\n", "mg v v\r\n",
                                           "gat 0 none v v\r\n"};
    for (size_t i = 0; i < ARRAY_COUNT(requests); i++) {
        uint64_t before = atomic_load(&host.counters.response_obj_oom);
        char *room;
        outbuf_free(&host.out);
        room = outbuf_reserve(&host.out, 100);
        ck_assert_ptr_nonnull(room);
        mem_fail_after(0);
        ck_assert_said(&host, requests[i], no_get_memory);
        ck_assert(mem_has_failed());
        ck_assert_uint_eq(atomic_load(&host.counters.response_obj_oom), before + 1);
        ck_assert(!host.out.is_failed);
    }
    mem_fail_after(-1);
    ck_assert_said(&host, "get none\r\n", "END\r\n");
    host_close(&host);
}
END_TEST

/*
 * Each allocation of a conversation fails in turn: an answer, or an end, and the next session is
 * well.
 */
START_TEST(every_allocation_may_fail) {
    char *big = request_with_value("set v 0 0 300000\r\n", BIG, "\r\n");
    static const char rest[] =
        "get v v\r\nmg v v k\r\nset a 0 0 1\r\n1\r\nget a v a\r\nappend a 0 0 1\r\n"
        "2\r\nincr a 5\r\nma n N0 v\r\nstats\r\nstats items\r\nget none\r\nmn\r\n";
    bool has_failed = true;
    unsigned countdown = 0;
    for (; has_failed; countdown++) {
        struct host host;
        host_init(&host);
        host_open(&host);
        mem_fail_after(countdown);
        bool is_open = host_receive(&host, big, strlen(big), 0) &&
                       host_receive(&host, rest, sizeof(rest) - 1, 0);
        has_failed = mem_has_failed();
        mem_fail_after(-1);
        if (is_open && !has_failed)
            ck_assert_mem_eq(host.said + host.said_bytes - 4, "MN\r\n", 4);
        host_reconnect(&host);
        ck_assert_said(&host, "set z 0 0 1\r\n1\r\nget z\r\n",
                       "STORED\r\nVALUE z 0 1\r\n1\r\nEND\r\n");
        host_close(&host);
        ck_assert_uint_lt(countdown, 200);
    }
    ck_assert_uint_gt(countdown, 2);
    free(big);
    struct host host;
    host_init(&host);
    host_open(&host);
    mem_fail_after(0);
    ck_assert_ptr_null(session_create(&host.env, &host.peer));
    mem_fail_after(-1);
    host_close(&host);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("session_limits");
    TCase *tests = tcase_create("session_limits");
    tcase_add_test(tests, values_of_every_size_come_back_in_any_pieces);
    tcase_add_test(tests, the_rest_of_a_large_value_goes_straight_to_its_item);
    tcase_add_test(tests, a_session_may_end_in_the_middle_of_a_value);
    tcase_add_test(tests, meta_set_remembers_its_flags_while_the_value_comes);
    tcase_add_test(tests, a_value_too_large_is_ignored_and_drops_the_old_one);
    tcase_add_test(tests, without_room_a_value_is_refused_and_ignored);
    tcase_add_test(tests, memory_may_run_out_in_the_middle_of_a_value);
    tcase_add_test(tests, a_full_output_stops_execution_until_it_is_sent);
    tcase_add_test(tests, a_long_get_goes_on_where_the_full_output_stopped_it);
    tcase_add_test(tests, what_is_left_of_a_request_is_taken_without_the_next_one);
    tcase_add_test(tests, request_max_bounds_a_turn);
    tcase_add_test(tests, a_value_being_sent_is_not_changed_by_later_commands);
    tcase_add_test(tests, no_memory_for_a_value_is_said_instead_of_it);
    tcase_add_test(tests, every_allocation_may_fail);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
