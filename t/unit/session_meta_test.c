/* The meta commands of a client, and the same commands on a replication link. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/proto/stream.h"
#include "t/unit/session_tests.h"

struct exchange {
    const char *request, *reply;
};

static void ck_assert_exchanges(struct host *host, const struct exchange *rows, size_t count) {
    for (size_t i = 0; i < count; i++)
        ck_assert_said(host, rows[i].request, rows[i].reply);
}

static struct host *host_new(bool is_replicated) {
    struct host *host = malloc(sizeof(*host));
    host_init(host);
    if (is_replicated)
        host_enable_repl(host);
    host_open(host);
    return host;
}

static void host_delete(struct host *host) {
    host_close(host);
    free(host);
}

START_TEST(meta_commands_are_answered) {
    static const struct exchange rows[] = {
        {"mg a v\r\n", "EN\r\n"},
        {"mg a k O7 v t\r\n", "EN ka O7\r\n"},
        {"mg a q v\r\nmn\r\n", "MN\r\n"},
        {"ms a 2 T30 F5 c k Ox s\r\nhi\r\n", "HD c1 ka Ox s2\r\n"},
        {"mg a\r\n", "HD\r\n"},
        {"mg a v\r\n", "VA 2\r\nhi\r\n"},
        {"mg a v s k t f c Oabc h l\r\n", "VA 2 s2 ka t30 f5 c1 Oabc h1 l0\r\nhi\r\n"},
        {"mg a k Oabc q\r\n", "HD ka Oabc\r\n"},
        {"mg a T0 t\r\n", "HD t-1\r\n"},
        {"mg a u f\r\n", "HD f5\r\n"},
        {"ms a 1 q\r\nx\r\nmn\r\n", "MN\r\n"},
        {"ms a 1 ME q\r\ny\r\n", "NS\r\n"},
        {"ms a 1 ME c k\r\ny\r\n", "NS c0 ka\r\n"},
        {"ms none 1 MR\r\ny\r\n", "NS\r\n"},
        {"ms none 1 MA\r\ny\r\n", "NS\r\n"},
        {"ms a 2 MA s\r\nyy\r\n", "HD s3\r\n"},
        {"ms a 1 MP\r\nw\r\nmg a v\r\n", "HD\r\nVA 4\r\nwxyy\r\n"},
        {"ms new 2 MA N30 k\r\nab\r\nmg new v t\r\n", "HD knew\r\nVA 2 t30\r\nab\r\n"},
        {"ms a 1 C999 c\r\nx\r\n", "EX c0\r\n"},
        {"ms none 1 C1\r\nx\r\n", "NF\r\n"},
        {"ms made 1 C1 ME\r\nx\r\n", "HD\r\n"},
        {"ms a 1 E1000 c\r\nx\r\nmg a c\r\n", "HD c1000\r\nHD c1000\r\n"},
        {"ms a 1 C1000 E2000 c\r\ny\r\n", "HD c2000\r\n"},
        {"ms a 1 MS\r\nz\r\nmg a v\r\n", "HD\r\nVA 1\r\nz\r\n"},
        {"ms a 1\r\n12\r\n", "CLIENT_ERROR bad data chunk\r\nERROR\r\n"},
        {"md a C1\r\n", "EX\r\n"},
        {"md a k O1\r\n", "HD ka O1\r\n"},
        {"md a k O1\r\n", "NF ka O1\r\n"},
        {"md made q\r\nmn\r\n", "MN\r\n"},
        {"ma n\r\n", "NF\r\n"},
        {"ma n N0 J13 v t\r\n", "VA 2 t-1\r\n13\r\n"},
        {"ma n D5 v k O9\r\n", "VA 2 kn O9\r\n18\r\n"},
        {"ma n MD D20 v\r\n", "VA 1\r\n0\r\n"},
        {"ma n M+ q\r\nmn\r\n", "MN\r\n"},
        {"ma n T30 t\r\n", "HD t30\r\n"},
        {"ma n C1\r\n", "EX\r\n"},
        {"ma n Mx\r\n", "CLIENT_ERROR invalid mode for ma M token\r\n"},
        {"ma new\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"},
        {"me none\r\n", "EN\r\n"},
        {"me\r\n", "CLIENT_ERROR bad command line format\r\n"},
    };
    struct host *host = host_new(false);
    ck_assert_exchanges(host, rows, ARRAY_COUNT(rows));
    host_delete(host);
}
END_TEST

START_TEST(keys_in_base64_name_the_decoded_key) {
    static const struct exchange rows[] = {
        {"ms Zm9v 2 b k\r\nhi\r\n", "HD kZm9v b\r\n"},
        {"get foo\r\n", "VALUE foo 0 2\r\nhi\r\nEND\r\n"},
        {"mg Zm9v b v k\r\n", "VA 2 kZm9v b\r\nhi\r\n"},
        {"mg YSBi b k O1\r\n", "EN kYSBi b O1\r\n"},
        {"ms YSBi 1 b\r\nx\r\nmg YSBi b v\r\n", "HD\r\nVA 1\r\nx\r\n"},
        {"md YSBi b k\r\n", "HD kYSBi b\r\n"},
        {"mg Zm9 b\r\n", "CLIENT_ERROR error decoding key\r\n"},
        {"mg Zm9 b Tx\r\n", "CLIENT_ERROR error decoding key\r\n"},
        {"ms Zm9 1 b\r\nx\r\nmn\r\n", "CLIENT_ERROR error decoding key\r\nMN\r\n"},
        {"md Zm9 b\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n"},
    };
    struct host *host = host_new(false);
    ck_assert_exchanges(host, rows, ARRAY_COUNT(rows));
    host_delete(host);
}
END_TEST

START_TEST(wrong_flags_are_answered_and_their_value_ignored) {
    static const struct exchange rows[] = {
        {"mg a 5\r\n", "CLIENT_ERROR invalid flag\r\n"},
        {"mg a v v\r\n", "CLIENT_ERROR duplicate flag\r\n"},
        {"mg a Tx\r\n", "CLIENT_ERROR bad token in command line format\r\n"},
        {"md a Tx\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n"},
        {"ms a 2 Tx\r\nhi\r\nmn\r\n", "CLIENT_ERROR bad token in command line format\r\nMN\r\n"},
        {"ms a 2 Mz\r\nhi\r\nmn\r\n", "CLIENT_ERROR invalid mode for ms M token\r\nMN\r\n"},
        {"ms a x\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\nMN\r\n"},
        {"ms a\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\nMN\r\n"},
        {"ms\r\nmg\r\nmd\r\nma\r\n", "ERROR\r\nERROR\r\nERROR\r\nERROR\r\n"},
        {"mg a N30\r\n", "CLIENT_ERROR flag not supported\r\n"},
        {"md a I\r\n", "CLIENT_ERROR flag not supported\r\n"},
        {"mg a v\r\n", "EN\r\n"},
    };
    struct host *host = host_new(false);
    ck_assert_exchanges(host, rows, ARRAY_COUNT(rows));
    /* the same for a value that comes later */
    char value[20000 + 2];
    memset(value, 'x', sizeof(value));
    host_forget(host);
    ck_assert(host_receive(host, "ms a 20000 y\r\n", 14, 0));
    ck_assert(host_receive(host, value, sizeof(value), 999));
    ck_assert(host_receive(host, "mn\r\n", 4, 0));
    ck_assert_pstr_eq(host->said, "CLIENT_ERROR invalid flag\r\nMN\r\n");
    host_delete(host);
}
END_TEST

/* ---- links ---- */

static struct host *link_new(void) {
    struct host *host = host_new(true);
    ck_assert_said(host, "repl link\r\n", "REPL ok\r\n");
    ck_assert(session_is_link(host->session));
    ck_assert_ptr_eq(session_link(host->session), host);
    return host;
}

/* What a client sees; it leaves the link. */
#define ck_assert_stored(host, request, reply)                                                     \
    do {                                                                                           \
        host_reconnect(host);                                                                      \
        ck_assert_said(host, request, reply);                                                      \
    } while (0)

START_TEST(a_link_applies_what_is_newer) {
    struct host *host = link_new();
    uint64_t now = store_version_now(host->server.store);
    char stream[1024], reply[256];
    snprintf(stream, sizeof(stream),
             "ms a 3 T100 F7 E%llu q\r\nabc\r\nms b 1 T0 F0 E%llu q\r\nx\r\nmd b E%llu q\r\n"
             "ms a 3 T100 F7 E%llu q\r\nold\r\nms YSBi 1 T0 F0 E%llu b q\r\ny\r\nmn\r\n",
             (unsigned long long)now + 10, (unsigned long long)now + 11,
             (unsigned long long)now + 12, (unsigned long long)now + 9,
             (unsigned long long)now + 13);
    ck_assert_said(host, stream, "MN\r\n");
    ck_assert_uint_eq(host->sets, 4);
    ck_assert_uint_eq(host->deletes, 1);
    ck_assert_uint_eq(host->barriers, 1);
    ck_assert_uint_eq(host->client_writes, 0);
    snprintf(reply, sizeof(reply), "VALUE a 7 3 %llu\r\nabc\r\nEND\r\nHD t100\r\nVA 1\r\ny\r\n",
             (unsigned long long)now + 10);
    ck_assert_stored(host, "gets a b\r\nmg a t\r\nmg YSBi b v\r\n", reply);
    ck_assert_uint_eq(host->closed, 1);
    host_delete(host);
}
END_TEST

START_TEST(a_link_takes_large_values_in_any_pieces) {
    static const size_t pieces[] = {0, 1, 777, 60000};
    enum { BYTES = 700000 };
    char *stream = malloc(BYTES + 128);
    for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
        struct host *host = link_new();
        int head = sprintf(stream, "ms big %d T0 F0 E%llu q\r\n", BYTES,
                           (unsigned long long)store_version_now(host->server.store) + 1);
        for (int j = 0; j < BYTES; j++)
            stream[head + j] = (char)('a' + j % 26);
        strcpy(stream + head + BYTES, "\r\nmn\r\n");
        host_forget(host);
        ck_assert(host_receive(host, stream, (size_t)head + BYTES + 6, pieces[i]));
        ck_assert_pstr_eq(host->said, "MN\r\n");
        ck_assert_stored(host, "mg big s\r\n", "HD s700000\r\n");
        host_forget(host);
        ck_assert(host_receive(host, "get big\r\n", 9, 0));
        ck_assert_uint_eq(host->said_bytes, strlen("VALUE big 0 700000\r\n") + BYTES + 7);
        ck_assert_mem_eq(host->said + strlen("VALUE big 0 700000\r\n"), stream + head, BYTES);
        host_delete(host);
    }
    free(stream);
}
END_TEST

START_TEST(a_link_keeps_the_longest_binary_key) {
    struct host *host = link_new();
    char stream[2 * STREAM_HEAD_BYTES_MAX + 16], key[STORE_KEY_BYTES_MAX];
    uint64_t version = store_version_now(host->server.store);
    memset(key, 0, sizeof(key));
    struct stream_set set = {
        .key = key, .key_bytes = sizeof(key), .value_bytes = 1, .version = version + 1};
    size_t bytes = stream_put_set(stream, &set);
    memcpy(stream + bytes, "x\r\n", 3);
    bytes += 3;
    bytes += stream_put_delete(stream + bytes, key, sizeof(key), version + 2);
    bytes += stream_put_barrier(stream + bytes);
    host_forget(host);
    ck_assert(host_receive(host, stream, bytes, 0));
    ck_assert_pstr_eq(host->said, "MN\r\n");
    ck_assert_uint_eq(host->sets, 1);
    ck_assert_uint_eq(host->deletes, 1);
    host_delete(host);
}
END_TEST

/*
 * The peer's -I may be larger: what cannot be held here must not leave an older value in its place.
 */
START_TEST(a_value_too_large_for_this_node_is_absent_here) {
    struct host *host = link_new();
    host_forget(host);
    ck_assert(host_receive(host, "ms a 2000000 E5 q\r\n", 19, 0));
    char *value = mem_alloc(2000002);
    memset(value, 'x', 2000000);
    memcpy(value + 2000000, "\r\n", 2);
    ck_assert(host_receive(host, value, 2000002, 0));
    mem_free(value);
    ck_assert_uint_eq(host->sets, 0);
    ck_assert_uint_eq(host->deletes, 1);
    ck_assert_uint_eq(host->rejected, 0);
    ck_assert(host_receive(host, "ms b 1 E6 q\r\n1\r\n", 16, 0));
    ck_assert_uint_eq(host->sets, 1);
    host_delete(host);
}
END_TEST

START_TEST(what_is_no_part_of_the_stream_ends_a_link) {
    static const char *const rows[] = {
        "get a\r\n",
        "set a 0 0 1\r\n1\r\n",
        "version\r\n",
        "mg a v\r\n",
        "\r\n",
        "foo\r\n",
        "quit\r\n",
        "ms a 1 q\r\nx\r\n",
        "ms a 1 E0 q\r\nx\r\n",
        "ms a 1 Ex q\r\nx\r\n",
        "ms a 1 E5 q y\r\nx\r\n",
        "ms a x E5 q\r\n",
        "ms a 1 E5 q\r\nxyz\r\n",
        "ms a 2000000000 E5 q\r\n",
        "ms *** 1 E5 b q\r\nx\r\n",
        "md a q\r\n",
        "md a E5 y\r\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct host *host = link_new();
        host_forget(host);
        bool is_open = host_receive(host, rows[i], strlen(rows[i]), 0);
        ck_assert_msg(!is_open && host->said_bytes == 0 && host->rejected == 1, "'%s'", rows[i]);
        ck_assert_uint_eq(host->sets + host->deletes, 0);
        host_reconnect(host);
        ck_assert_uint_eq(host->closed, 1);
        host_delete(host);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("session_meta");
    TCase *tests = tcase_create("session_meta");
    tcase_add_test(tests, meta_commands_are_answered);
    tcase_add_test(tests, keys_in_base64_name_the_decoded_key);
    tcase_add_test(tests, wrong_flags_are_answered_and_their_value_ignored);
    tcase_add_test(tests, a_link_applies_what_is_newer);
    tcase_add_test(tests, a_link_takes_large_values_in_any_pieces);
    tcase_add_test(tests, a_value_too_large_for_this_node_is_absent_here);
    tcase_add_test(tests, a_link_keeps_the_longest_binary_key);
    tcase_add_test(tests, what_is_no_part_of_the_stream_ends_a_link);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return session_tests_run(suite);
}
