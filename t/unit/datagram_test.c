/* Requests that come as datagrams: each stands alone, whatever the one before left undone. */
#include "memcached/serve/datagram.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/net/udp_frame.h"
#include "t/unit/session_tests.h"

/* The replies to one datagram, one after the other in host->said. */
struct asked {
    struct host host;
    uint64_t reply_bytes[8];
    unsigned reply_count, reply_max;
};

static void begin(struct asked *asked) {
    memset(asked, 0, sizeof(*asked));
    host_init(&asked->host);
    asked->host.peer.is_datagram = true;
    host_enable_repl(&asked->host);
    host_open(&asked->host);
    asked->reply_max = ARRAY_COUNT(asked->reply_bytes);
}

static bool on_replied(void *context, uint64_t bytes) {
    struct asked *asked = context;
    if (asked->reply_count == asked->reply_max)
        return false;
    asked->reply_bytes[asked->reply_count++] = bytes;
    return true;
}

/* From memory of just this size; takes the output out. */
static void ask_bytes(struct asked *asked, const char *payload, size_t bytes, uint64_t bytes_max) {
    struct host *host = &asked->host;
    struct iovec vec[64];
    int count;
    char *input = malloc(bytes ? bytes : 1);
    memcpy(input, payload, bytes);
    host_forget(host);
    asked->reply_count = 0;
    struct datagram_calls calls = {.context = asked, .replied = on_replied};
    datagram_execute(host->session, input, bytes, bytes_max, &host->out, &calls);
    free(input);
    ck_assert(session_is_at_rest(host->session));
    uint64_t sum = 0;
    for (unsigned i = 0; i < asked->reply_count; i++)
        sum += asked->reply_bytes[i];
    ck_assert_uint_eq(sum, outbuf_pending(&host->out));
    host->said = malloc((size_t)sum + 1);
    while ((count = outbuf_iov(&host->out, vec, 64)) > 0) {
        size_t taken = 0;
        for (int i = 0; i < count; i++) {
            memcpy(host->said + host->said_bytes, vec[i].iov_base, vec[i].iov_len);
            host->said_bytes += vec[i].iov_len;
            taken += vec[i].iov_len;
        }
        outbuf_consume(&host->out, taken);
    }
    host->said[host->said_bytes] = '\0';
    store_thread_quiesce(host->env.store);
}

static void ask(struct asked *asked, const char *payload) {
    ask_bytes(asked, payload, strlen(payload), UDP_REPLY_BYTES_MAX);
}

#define ck_assert_answered(asked, payload, reply)                                                  \
    do {                                                                                           \
        ask((asked), (payload));                                                                   \
        ck_assert_str_eq((asked)->host.said, (reply));                                             \
    } while (0)

START_TEST(each_request_of_a_datagram_has_a_reply_of_its_own) {
    struct asked asked;
    begin(&asked);
    ck_assert_answered(&asked, "set a 0 0 1\r\n1\r\nget a none a\r\nmn\r\n",
                       "STORED\r\nVALUE a 0 1\r\n1\r\nVALUE a 0 1\r\n1\r\nEND\r\nMN\r\n");
    ck_assert_uint_eq(asked.reply_count, 3);
    ck_assert_uint_eq(asked.reply_bytes[0], 8);
    ck_assert_uint_eq(asked.reply_bytes[1], 37);
    ck_assert_uint_eq(asked.reply_bytes[2], 4);
    ck_assert_answered(&asked, "set a 0 0 1 noreply\r\n2\r\nmg none v q\r\n", "");
    ck_assert_answered(&asked, "get a\r\n", "VALUE a 0 1\r\n2\r\nEND\r\n");
    host_close(&asked.host);
}
END_TEST

START_TEST(what_is_cut_off_stores_nothing_and_leaves_nothing_behind) {
    static const char *const cut[] = {
        "get a",
        "get a\r",
        "set a 0 0 3\r\n",
        "set a 0 0 3\r\nxy",
        "set a 0 0 3\r\nxyz\r",
        "set a 0 0 20000\r\nxy",
        "ms a 3\r\nxy",
        "nonsense",
        "get none none",
    };
    struct asked asked;
    begin(&asked);
    ask(&asked, "set a 0 0 1\r\n1\r\n");
    for (size_t i = 0; i < ARRAY_COUNT(cut); i++) {
        ck_assert_answered(&asked, cut[i], "");
        ck_assert_answered(&asked, "get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n");
    }
    /* a value too large drops the old one, and the rest of it is not awaited */
    ck_assert_answered(&asked, "set a 0 0 2000000\r\nxy", "");
    ck_assert_answered(&asked, "get a\r\n", "END\r\n");
    /* so many keys that the first are looked up before the line's end is seen */
    char *line = malloc(20001);
    for (size_t i = 0; i < 20000; i++)
        line[i] = i < 4 ? "get "[i] : i % 2 ? ' ' : 'a';
    ask_bytes(&asked, line, 20000, UDP_REPLY_BYTES_MAX);
    ck_assert_str_eq(asked.host.said, "");
    free(line);
    host_close(&asked.host);
}
END_TEST

START_TEST(a_request_that_closes_a_connection_ends_its_datagram) {
    struct asked asked;
    begin(&asked);
    ck_assert_answered(&asked, "quit\r\nmn\r\n", "");
    ck_assert_answered(&asked, "GET / HTTP/1.1\r\nmn\r\n", "");
    char line[3000];
    memset(line, 'x', sizeof(line));
    ask_bytes(&asked, line, sizeof(line), UDP_REPLY_BYTES_MAX);
    ck_assert_str_eq(asked.host.said, "");
    ck_assert_answered(&asked, "mn\r\n", "MN\r\n");
    host_close(&asked.host);
}
END_TEST

START_TEST(nobody_becomes_a_link_by_datagram) {
    struct asked asked;
    begin(&asked);
    ck_assert_answered(&asked, "repl link\r\nmn\r\n", "ERROR\r\nMN\r\n");
    ck_assert_uint_eq(asked.host.commands, 0);
    ck_assert(!session_is_link(asked.host.session));
    host_close(&asked.host);
}
END_TEST

static char *lines(const char *line, unsigned count) {
    size_t bytes = strlen(line);
    char *text = malloc(bytes * count + 1);
    for (unsigned i = 0; i < count; i++)
        memcpy(text + i * bytes, line, bytes);
    text[bytes * count] = '\0';
    return text;
}

static void store(struct asked *asked, const char *key, size_t bytes) {
    char *request = malloc(bytes + 64);
    size_t head = (size_t)snprintf(request, 64, "set %s 0 0 %zu\r\n", key, bytes);
    memset(request + head, 'v', bytes);
    memcpy(request + head + bytes, "\r\n", 2);
    ask_bytes(asked, request, head + bytes + 2, UDP_REPLY_BYTES_MAX);
    ck_assert_str_eq(asked->host.said, "STORED\r\n");
    free(request);
}

START_TEST(replies_are_complete_however_long_up_to_a_bound) {
    static const char too_long[] = "SERVER_ERROR reply too long for datagrams\r\n";
    struct asked asked;
    begin(&asked);
    store(&asked, "k", 4000);
    store(&asked, "m", 900000);
    /* far more than a connection's output takes before it is sent */
    char *keys = lines(" k", 1000);
    char *get = malloc(strlen(keys) + 8);
    sprintf(get, "get%s\r\n", keys);
    ask(&asked, get);
    ck_assert_uint_eq(asked.reply_count, 1);
    ck_assert_uint_eq(asked.host.said_bytes, 1000 * (4000 + 18) + 5);
    ask(&asked, "get m\r\nget k\r\nmn\r\n");
    ck_assert_uint_eq(asked.reply_count, 3);
    /* one line's values beyond the bound: an error in their place, and what follows is not done */
    free(keys);
    free(get);
    keys = lines(" k", 6000);
    get = malloc(strlen(keys) + 16);
    sprintf(get, "get%s\r\nmn\r\n", keys);
    ck_assert_answered(&asked, get, too_long);
    /* the caller's bound */
    ask_bytes(&asked, "get k\r\nmn\r\n", 11, 4000);
    ck_assert_str_eq(asked.host.said, "SERVER_ERROR reply too long for datagrams\r\nMN\r\n");
    ck_assert_uint_eq(asked.reply_count, 2);
    free(keys);
    free(get);
    host_close(&asked.host);
}
END_TEST

START_TEST(a_reply_without_a_place_is_taken_back) {
    struct asked asked;
    begin(&asked);
    store(&asked, "big", 100000);
    asked.reply_max = 2;
    ck_assert_answered(&asked, "mn\r\nmn\r\nget big\r\nset after 0 0 1\r\n1\r\n", "MN\r\nMN\r\n");
    asked.reply_max = 8;
    ck_assert_answered(&asked, "get after\r\n", "VALUE after 0 1\r\n1\r\nEND\r\n");
    host_close(&asked.host);
}
END_TEST

START_TEST(every_allocation_may_fail) {
    for (int countdown = 0; countdown < 40; countdown++) {
        struct asked asked;
        begin(&asked);
        store(&asked, "big", 100000);
        mem_fail_after(countdown);
        struct outbuf *out = &asked.host.out;
        asked.reply_count = 0;
        struct datagram_calls calls = {.context = &asked, .replied = on_replied};
        datagram_execute(asked.host.session, "get big\r\nstats\r\nget big big\r\nmn\r\n", 34,
                         UDP_REPLY_BYTES_MAX, out, &calls);
        mem_fail_after(-1);
        ck_assert(!out->is_failed);
        outbuf_consume(out, (size_t)outbuf_pending(out));
        ck_assert_answered(&asked, "mn\r\n", "MN\r\n");
        host_close(&asked.host);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("datagram");
    TCase *tests = tcase_create("datagram");
    tcase_add_test(tests, each_request_of_a_datagram_has_a_reply_of_its_own);
    tcase_add_test(tests, what_is_cut_off_stores_nothing_and_leaves_nothing_behind);
    tcase_add_test(tests, a_request_that_closes_a_connection_ends_its_datagram);
    tcase_add_test(tests, nobody_becomes_a_link_by_datagram);
    tcase_add_test(tests, replies_are_complete_however_long_up_to_a_bound);
    tcase_add_test(tests, a_reply_without_a_place_is_taken_back);
    tcase_add_test(tests, every_allocation_may_fail);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
