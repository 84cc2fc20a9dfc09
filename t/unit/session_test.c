/* What a client is answered, byte for byte, however its bytes are cut, and what is counted. */
#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/serve/settings.h"
#include "t/unit/session_tests.h"

struct counted {
    const char *request, *reply;
    const char *counts; /* serve counters that move: name=difference ... */
};

static const struct counted conversation[] = {
    {"get a\r\n", "END\r\n", "cmd_get=1 get_misses=1"},
    {"set a 5 0 3\r\nabc\r\n", "STORED\r\n", "cmd_set=1"},
    {"get a\r\n", "VALUE a 5 3\r\nabc\r\nEND\r\n", "cmd_get=1"},
    {"gets a\r\n", "VALUE a 5 3 1\r\nabc\r\nEND\r\n", "cmd_get=1"},
    {"get a b a\r\n", "VALUE a 5 3\r\nabc\r\nVALUE a 5 3\r\nabc\r\nEND\r\n",
     "cmd_get=3 get_misses=1"},
    {"add a 0 0 1\r\nx\r\n", "NOT_STORED\r\n", "cmd_set=1"},
    {"add b 0 0 1\r\nx\r\n", "STORED\r\n", "cmd_set=1"},
    {"replace b 7 0 1\r\ny\r\n", "STORED\r\n", "cmd_set=1"},
    {"replace none 7 0 1\r\ny\r\n", "NOT_STORED\r\n", "cmd_set=1"},
    {"append b 0 0 2\r\nzz\r\n", "STORED\r\n", "cmd_set=1"},
    {"prepend b 0 0 2\r\nxx\r\n", "STORED\r\n", "cmd_set=1"},
    {"append none 0 0 2\r\nzz\r\n", "NOT_STORED\r\n", "cmd_set=1"},
    {"get b\r\n", "VALUE b 7 5\r\nxxyzz\r\nEND\r\n", "cmd_get=1"},
    {"cas a 1 0 1 1\r\nq\r\n", "STORED\r\n", "cmd_set=1"},
    {"cas a 1 0 1 1\r\nr\r\n", "EXISTS\r\n", "cmd_set=1"},
    {"cas none 1 0 1 1\r\nr\r\n", "NOT_FOUND\r\n", "cmd_set=1 cas_misses=1"},
    {"cas a 1 0 1 0\r\nr\r\n", "EXISTS\r\n", "cmd_set=1"},
    {"set n 0 0 2\r\n10\r\n", "STORED\r\n", "cmd_set=1"},
    {"incr n 5\r\n", "15\r\n", ""},
    {"decr n 6\r\n", "9\r\n", ""},
    {"get n\r\n", "VALUE n 0 2\r\n9 \r\nEND\r\n", "cmd_get=1"},
    {"incr none 5\r\n", "NOT_FOUND\r\n", "incr_misses=1"},
    {"decr none 5\r\n", "NOT_FOUND\r\n", "decr_misses=1"},
    {"incr b 5\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", ""},
    {"incr n x\r\n", "CLIENT_ERROR invalid numeric delta argument\r\n", ""},
    {"touch a 100\r\n", "TOUCHED\r\n", "cmd_touch=1"},
    {"touch none 100\r\n", "NOT_FOUND\r\n", "cmd_touch=1 touch_misses=1"},
    {"touch a x\r\n", "CLIENT_ERROR invalid exptime argument\r\n", ""},
    {"gat 0 a none\r\n", "VALUE a 1 1\r\nq\r\nEND\r\n", "cmd_touch=2 touch_misses=1"},
    {"gat 0\r\n", "END\r\n", ""},
    {"delete a\r\n", "DELETED\r\n", ""},
    {"delete a\r\n", "NOT_FOUND\r\n", "delete_misses=1"},
    {"delete b 0\r\n", "DELETED\r\n", ""},
    {"delete b 5\r\n", "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n",
     ""},
    {"set a 0 0 1\r\n12\r\n", "CLIENT_ERROR bad data chunk\r\nERROR\r\n", "cmd_set=1"},
    {"set a 0 0 4\r\n1234xymn\r\n", "CLIENT_ERROR bad data chunk\r\nMN\r\n", "cmd_set=1"},
    {"set a 0 0 -1\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\nMN\r\n", ""},
    {"get a\r\n", "END\r\n", "cmd_get=1 get_misses=1"},
    {"\r\n", "ERROR\r\n", ""},
    {"foo\r\n", "ERROR\r\n", ""},
    {"get\r\n", "ERROR\r\n", ""},
    {"repl role\r\n", "ERROR\r\n", ""},
    {"mn\r\n", "MN\r\n", ""},
    {"set e 0 -1 1\r\nx\r\nget e\r\n", "STORED\r\nEND\r\n", "cmd_set=1 cmd_get=1 get_misses=1"},
    {"set e 0 0 1 noreply\r\nx\r\nadd e 0 0 1 noreply\r\ny\r\nappend none 0 0 1 noreply\r\nz\r\n"
     "cas e 0 0 1 999 noreply\r\nx\r\nincr e 1 noreply\r\nincr e x noreply\r\ntouch e 0 noreply\r\n"
     "delete none noreply\r\nset e 0 0 1 noreply\r\n12\nset e x 0 1 noreply\r\nget e\r\n",
     "VALUE e 0 1\r\nx\r\nEND\r\n", "cmd_set=5 cmd_touch=1 delete_misses=1 cmd_get=1"},
};

static void counters_read(const struct host *host, uint64_t *values) {
    unsigned i = 0;
#define SERVE_COUNTER(name, meaning) values[i++] = atomic_load(&host->counters.name);
#include "memcached/serve/counters.def"
#undef SERVE_COUNTER
}

enum {
    COUNTER_COUNT = 0
#define SERVE_COUNTER(name, meaning) +1
#include "memcached/serve/counters.def"
#undef SERVE_COUNTER
};

static void ck_assert_counts(const uint64_t *before, const uint64_t *after,
                             const struct counted *row) {
    static const char *const names[] = {
#define SERVE_COUNTER(name, meaning) #name,
#include "memcached/serve/counters.def"
#undef SERVE_COUNTER
    };
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        char wanted[64];
        uint64_t moved = after[i] - before[i];
        snprintf(wanted, sizeof(wanted), "%s=%llu", names[i], (unsigned long long)moved);
        bool is_named = strstr(row->counts, names[i]) != NULL;
        ck_assert_msg(moved ? strstr(row->counts, wanted) != NULL : !is_named,
                      "'%s': %s moved by %llu", row->request, names[i], (unsigned long long)moved);
    }
}

START_TEST(a_conversation_is_answered_and_counted) {
    struct host host;
    host_init(&host);
    host_open(&host);
    for (size_t i = 0; i < ARRAY_COUNT(conversation); i++) {
        const struct counted *row = &conversation[i];
        uint64_t before[COUNTER_COUNT], after[COUNTER_COUNT];
        counters_read(&host, before);
        ck_assert_said(&host, row->request, row->reply);
        counters_read(&host, after);
        ck_assert_counts(before, after, row);
    }
    host_close(&host);
}
END_TEST

START_TEST(a_conversation_cut_into_pieces_is_the_same) {
    static const size_t pieces[] = {0, 1, 2, 3, 7, 20, 64, 300};
    char *requests = calloc(1, 1 << 16);
    char *replies = calloc(1, 1 << 16);
    for (size_t i = 0; i < ARRAY_COUNT(conversation); i++) {
        strcat(requests, conversation[i].request);
        strcat(replies, conversation[i].reply);
    }
    for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
        for (unsigned request_max = 0; request_max < 4; request_max++) {
            struct host host;
            host_init(&host);
            host.request_max = request_max;
            host_open(&host);
            ck_assert(host_receive(&host, requests, strlen(requests), pieces[i]));
            ck_assert_pstr_eq(host.said, replies);
            host_close(&host);
        }
    }
    free(requests);
    free(replies);
}
END_TEST

START_TEST(a_key_that_is_too_long_takes_the_whole_line_back) {
    struct host host;
    char line[1024], key[252];
    memset(key, 'k', 251);
    key[251] = '\0';
    host_init(&host);
    host_open(&host);
    ck_assert_said(&host, "set a 0 0 1\r\n1\r\n", "STORED\r\n");
    static const struct {
        const char *before, *after;
    } shapes[] = {{"get ", ""}, {"get a ", " a"}, {"gets a a a ", " "}, {"gat 0 a ", ""}};
    for (size_t i = 0; i < ARRAY_COUNT(shapes); i++) {
        snprintf(line, sizeof(line), "%s%s%s\r\nmn\r\n", shapes[i].before, key, shapes[i].after);
        ck_assert_said(&host, line, "CLIENT_ERROR bad command line format\r\nMN\r\n");
    }
    ck_assert_said(&host, "get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n");
    host_close(&host);
}
END_TEST

START_TEST(without_cas_the_values_are_0_and_never_match) {
    struct host host;
    host_init(&host);
    host.settings.has_cas = false;
    host_open(&host);
    ck_assert_said(&host, "set a 0 0 1\r\n1\r\ngets a\r\n",
                   "STORED\r\nVALUE a 0 1 0\r\n1\r\nEND\r\n");
    ck_assert_said(&host, "cas a 0 0 1 0\r\n2\r\ncas a 0 0 1 1\r\n2\r\n", "EXISTS\r\nEXISTS\r\n");
    ck_assert_said(&host, "mg a c\r\n", "HD c0\r\n");
    host_close(&host);
}
END_TEST

START_TEST(exptimes_are_relative_absolute_or_over) {
    static const struct {
        long long exptime;
        const char *left; /* NULL: gone */
    } rows[] = {
        {0, "-1"},
        {100, "100"},
        {2592000, "2592000"},
        {2592001, NULL},
        {HOST_WALL_S + 500, "490"},
        {HOST_WALL_S + 5000000, "4999990"},
        {HOST_WALL_S, NULL},
        {HOST_WALL_S + 10, NULL},
        {-1, NULL},
        {2147483648, NULL},
        {4294967296, "-1"},
    };
    struct host host;
    host_init(&host);
    host_open(&host);
    clock_set(&host.clock, (uint64_t)HOST_WALL_S * 1000 + 10000, 10000);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char request[128], reply[64];
        snprintf(request, sizeof(request), "set e 0 %lld 1\r\nx\r\nmg e t\r\n", rows[i].exptime);
        snprintf(reply, sizeof(reply), "STORED\r\n%s%s\r\n", rows[i].left ? "HD t" : "EN",
                 rows[i].left ? rows[i].left : "");
        ck_assert_said(&host, request, reply);
    }
    host_close(&host);
}
END_TEST

START_TEST(quit_ends_after_what_came_before_it) {
    struct host host;
    host_init(&host);
    host_open(&host);
    static const char text[] = "mn\r\nquit\r\nmn\r\n";
    ck_assert(!host_receive(&host, text, sizeof(text) - 1, 0));
    ck_assert_pstr_eq(host.said, "MN\r\n");
    host_close(&host);
}
END_TEST

START_TEST(lines_that_close_the_connection) {
    static const char *const lines[] = {"GET / HTTP/1.1\r\nset a 0 0 1\r\n1\r\n",
                                        "FOO / HTTP/1.0\r\nmn\r\n", "HTTP/1.1\r\n"};
    struct host host;
    host_init(&host);
    host_open(&host);
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        host_reconnect(&host);
        ck_assert(!host_receive(&host, lines[i], strlen(lines[i]), 0));
        ck_assert_uint_eq(host.said_bytes, 0);
    }
    char line[SESSION_LINE_BYTES_MAX + 1];
    memset(line, 'x', sizeof(line));
    host_reconnect(&host);
    ck_assert(host_receive(&host, line, sizeof(line) - 1, 0));
    ck_assert(!host_receive(&host, "x", 1, 0));
    ck_assert_uint_eq(host.said_bytes, 0);
    host_close(&host);
}
END_TEST

START_TEST(tens_of_thousands_of_keys_fit_one_line) {
    enum { KEYS = 20000 };
    struct host host;
    host_init(&host);
    host_open(&host);
    ck_assert_said(&host, "set k7 0 0 1\r\n7\r\n", "STORED\r\n");
    char *line = malloc(KEYS * 10 + 64);
    size_t bytes = (size_t)sprintf(line, "get");
    for (unsigned i = 0; i < KEYS; i++)
        bytes += (size_t)sprintf(line + bytes, " k%u", i);
    bytes += (size_t)sprintf(line + bytes, " k7\r\nmn\r\n");
    static const size_t pieces[] = {0, 10000, 1500, 90};
    for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
        host_forget(&host);
        ck_assert(host_receive(&host, line, bytes, pieces[i]));
        ck_assert_pstr_eq(host.said, "VALUE k7 0 1\r\n7\r\nVALUE k7 0 1\r\n7\r\nEND\r\nMN\r\n");
        ck_assert_uint_eq(host.kept_bytes, 0);
    }
    free(line);
    host_close(&host);
}
END_TEST

START_TEST(a_client_with_a_peer_passes_the_role_gate_before_each_change) {
    struct host host;
    host_init(&host);
    host_enable_repl(&host);
    host_open(&host);
    static const char *const changes[] = {"set a 0 0 1\r\n1\r\n",
                                          "add b 0 0 1\r\n1\r\n",
                                          "append a 0 0 1\r\n1\r\n",
                                          "incr a 1\r\n",
                                          "touch a 0\r\n",
                                          "gat 0 a\r\n",
                                          "delete a\r\n",
                                          "ms a 1\r\n1\r\n",
                                          "ma a\r\n",
                                          "mg a T0\r\n",
                                          "md a\r\n",
                                          "delete none\r\n"};
    for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
        unsigned before = host.client_writes;
        ck_assert(host_receive(&host, changes[i], strlen(changes[i]), 0));
        ck_assert_msg(host.client_writes == before + 1, "%s", changes[i]);
    }
    static const char *const others[] = {"get a\r\n",       "mg a v\r\n",  "mn\r\n",
                                         "set a 0 0 x\r\n", "version\r\n", "me a\r\n"};
    unsigned before = host.client_writes;
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        ck_assert(host_receive(&host, others[i], strlen(others[i]), 0));
    ck_assert_uint_eq(host.client_writes, before);
    host_close(&host);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("session");
    TCase *tests = tcase_create("session");
    tcase_add_test(tests, a_conversation_is_answered_and_counted);
    tcase_add_test(tests, a_conversation_cut_into_pieces_is_the_same);
    tcase_add_test(tests, a_key_that_is_too_long_takes_the_whole_line_back);
    tcase_add_test(tests, without_cas_the_values_are_0_and_never_match);
    tcase_add_test(tests, exptimes_are_relative_absolute_or_over);
    tcase_add_test(tests, quit_ends_after_what_came_before_it);
    tcase_add_test(tests, lines_that_close_the_connection);
    tcase_add_test(tests, tens_of_thousands_of_keys_fit_one_line);
    tcase_add_test(tests, a_client_with_a_peer_passes_the_role_gate_before_each_change);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
