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

START_TEST(stale_items_are_told_as_such_and_won_once) {
    static const struct exchange rows[] = {
        {"ms a 2 T100 F3 E1000\r\nhi\r\nmg a v c\r\n", "HD\r\nVA 2 c1000\r\nhi\r\n"},
        {"md a I E2000 k O1\r\n", "HD ka O1\r\n"},
        {"get a\r\ngets a\r\n", "VALUE a 3 2\r\nhi\r\nEND\r\nVALUE a 3 2 2000\r\nhi\r\nEND\r\n"},
        {"mg a v c t\r\n", "VA 2 c2000 t100 X W\r\nhi\r\n"},
        {"mg a v c\r\nmg a q k\r\n", "VA 2 c2000 Z X\r\nhi\r\nHD ka Z X\r\n"},
        {"touch a 50\r\nmg a t u\r\n", "TOUCHED\r\nHD t50 Z X\r\n"},
        {"ms a 1 C2000\r\nn\r\nmg a v\r\n", "HD\r\nVA 1\r\nn\r\n"},
        {"ms a 1 E1000\r\n1\r\nmd a I T30 C7\r\n", "HD\r\nEX\r\n"},
        {"md a I T30 C1000 q\r\nmg a u v t\r\n", "VA 1 t30 X W\r\n1\r\n"},
        {"mg a u\r\n", "HD Z X\r\n"},
        {"append a 0 0 1\r\n2\r\nmg a v\r\n", "STORED\r\nVA 2\r\n12\r\n"},
        {"md a I\r\nincr a 1\r\nmg a v\r\n", "HD\r\n13\r\nVA 2 X W\r\n13\r\n"},
        {"incr a 100\r\nmg a\r\n", "113\r\nHD\r\n"},
        {"md a I T-1\r\nmg a\r\nmd a I q\r\n", "HD\r\nEN\r\nNF\r\n"},
        /* a value for a version that was overtaken */
        {"ms a 1 E1000\r\n1\r\nms a 1 I C999 E1500 c\r\n2\r\n", "HD\r\nHD c1500\r\n"},
        {"mg a v\r\nms a 1 I C1 E1600\r\n3\r\n", "VA 1 X W\r\n2\r\nHD\r\n"},
        {"mg a v\r\n", "VA 1 Z X\r\n3\r\n"},
        {"ms a 1 I C1601 c\r\n4\r\nms a 1 I C5 ME\r\n4\r\n", "EX c0\r\nNS\r\n"},
        {"ms a 1 I C1 MA\r\n4\r\nms a 1 I C1 MP\r\n4\r\n", "EX\r\nEX\r\n"},
        {"ms a 1 I C1 MR E1700\r\n5\r\nmg a v\r\n", "HD\r\nVA 1 Z X\r\n5\r\n"},
        {"ms a 1 I C0\r\n5\r\n", "EX\r\n"},
        {"ms a 1 I C1700\r\n6\r\nmg a v\r\n", "HD\r\nVA 1\r\n6\r\n"},
        {"ms b 1 I C1\r\n6\r\nms a 1 I\r\n7\r\nmg a\r\n", "NF\r\nHD\r\nHD\r\n"},
        /* without its value */
        {"ms a 3 T100 F3 E1000\r\nabc\r\nmd a x\r\n", "HD\r\nHD\r\n"},
        {"mg a v c t f s\r\n", "VA 0 c1000 t-1 f0 s0\r\n\r\n"},
        {"md a x F9\r\nmg a f\r\n", "HD\r\nHD f9\r\n"},
        {"md a x I T30 E1100\r\nmg a v c t s\r\n", "HD\r\nVA 0 c1100 t30 s0 X W\r\n\r\n"},
        {"md a x C5\r\nmd a x C1100 q\r\nmg a c\r\n", "EX\r\nHD c1100\r\n"},
        {"md none x k\r\n", "NF knone\r\n"},
    };
    struct host *host = host_new(false);
    ck_assert_exchanges(host, rows, ARRAY_COUNT(rows));
    host_delete(host);
}
END_TEST

START_TEST(a_miss_and_a_short_time_to_live_are_won_once) {
    static const struct exchange rows[] = {
        {"mg a N30 v t E1000 c\r\n", "VA 0 t30 c1000 W\r\n\r\n"},
        {"mg a N30 v t\r\nmg a\r\n", "VA 0 t30 Z\r\n\r\nHD Z\r\n"},
        {"get a\r\n", "VALUE a 0 0\r\n\r\nEND\r\n"},
        {"ms a 1 C999\r\nx\r\nms a 1 C1000\r\nx\r\nmg a\r\n", "EX\r\nHD\r\nHD\r\n"},
        {"mg b N30 q k O1\r\nmg b q N30\r\n", "HD kb O1 W\r\nHD Z\r\n"},
        {"mg c N30 h l s f t\r\nmg c h\r\n", "HD h0 l0 s0 f0 t30 W\r\nHD h1 Z\r\n"},
        {"mg d N30 u\r\nmg d h\r\n", "HD W\r\nHD h0 Z\r\n"},
        {"mg Zm9v b N30 k\r\nget foo\r\n", "HD kZm9v b W\r\nVALUE foo 0 0\r\n\r\nEND\r\n"},
        {"md b I\r\nmg b\r\nmg b\r\n", "HD\r\nHD X W\r\nHD Z X\r\n"},
        {"append c 0 0 1\r\n2\r\nmg c v\r\n", "STORED\r\nVA 1\r\n2\r\n"},
        {"ma d\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"},
        {"add d 0 0 1\r\n1\r\nmg d\r\n", "NOT_STORED\r\nHD Z\r\n"},
        /* the flags count in their order */
        {"mg e N30 T50 t\r\nmg f T50 N30 t\r\n", "HD t50 W\r\nHD t30 W\r\n"},
        {"mg g t N30\r\nmg g t\r\n", "HD t-1 W\r\nHD t30 Z\r\n"},
        {"mg h N30 t T50\r\nmg h t\r\n", "HD t30 W\r\nHD t50 Z\r\n"},
        {"mg g T70 N90 t\r\nmg g t T80\r\nmg g t\r\n", "HD t70 Z\r\nHD t70 Z\r\nHD t80 Z\r\n"},
        /* about to expire */
        {"ms r 1 T20\r\nx\r\nmg r R20\r\nmg r R-1\r\n", "HD\r\nHD\r\nHD\r\n"},
        {"mg r R21 t v\r\nmg r R21 t v\r\nmg r\r\n",
         "VA 1 t20 W\r\nx\r\nVA 1 t20 Z\r\nx\r\nHD Z\r\n"},
        {"touch r 1000\r\nmg r R21\r\n", "TOUCHED\r\nHD Z\r\n"},
        {"ms r 1 T20\r\nx\r\nmg r T100 R30\r\n", "HD\r\nHD\r\n"},
        {"mg r R30 T20 t\r\nmg r T20 R30 t\r\n", "HD t20\r\nHD t20 W\r\n"},
        {"ms r 1\r\nx\r\nmg r R30\r\nmg r R30 N30\r\n", "HD\r\nHD\r\nHD\r\n"},
        {"ma i N30 t\r\nma i t T50\r\nma i T70 t\r\n", "HD t30\r\nHD t30\r\nHD t70\r\n"},
        {"ma j t N30\r\nma k T50 N30 t\r\nma l N30 T50 t\r\n", "HD t-1\r\nHD t30\r\nHD t50\r\n"},
    };
    struct host *host = host_new(false);
    ck_assert_exchanges(host, rows, ARRAY_COUNT(rows));
    host_delete(host);
}
END_TEST

START_TEST(a_vivified_item_makes_way_when_its_time_is_over) {
    struct host *host = host_new(false);
    ck_assert_said(host, "mg a N30\r\nmg a N30\r\n", "HD W\r\nHD Z\r\n");
    clock_set(&host->clock, clock_wall_ms(&host->clock) + 31000,
              clock_mono_ms(&host->clock) + 31000);
    ck_assert_said(host, "mg a N30\r\nmg a N30\r\n", "HD W\r\nHD Z\r\n");
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
        {"mg Zm9 Tx b\r\n", "CLIENT_ERROR error decoding key\r\n"},
        {"mg Zm9 b Tx\r\n", "CLIENT_ERROR bad token in command line format\r\n"},
        {"me Zm9 b\r\n", "CLIENT_ERROR bad command line format\r\n"},
        {"me Zm9 x b y z\r\n", "EN\r\n"},
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
        {"ms a 2 O12345678901234567890123456789012 Mz\r\nhi\r\n",
         "CLIENT_ERROR invalid mode for ms M token\r\n"},
        {"ma a O12345678901234567890123456789012 MS\r\n",
         "CLIENT_ERROR invalid mode for ma M token\r\n"},
        {"ms a 2 Fx Mz\r\nhi\r\n", "CLIENT_ERROR bad command line format\r\n"},
        {"mg a P P P P P P P P P P P P P P P P P P\r\n",
         "CLIENT_ERROR options flags are too long\r\n"},
        {"mg no c f h k l s t u v x L P C1 D1 E1 F1 J1\r\n", "EN kno\r\n"},
        {"mg no c f h k l s t u v x L P C1 D1 E1 F1 J1 I\r\n",
         "CLIENT_ERROR options flags are too long\r\n"},
        {"md a P P P P P P P P P P P P P P P P P P\r\n", "CLIENT_ERROR options flags too long\r\n"},
        {"ms a 2 Mz\r\nhi\r\nmn\r\n", "CLIENT_ERROR invalid mode for ms M token\r\nMN\r\n"},
        {"ms a x\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\nMN\r\n"},
        {"ms a\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\nMN\r\n"},
        {"ms\r\nmg\r\nmd\r\nma\r\n", "ERROR\r\nERROR\r\nERROR\r\nERROR\r\n"},
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

START_TEST(a_link_applies_that_an_item_is_stale) {
    struct host *host = link_new();
    uint64_t now = store_version_now(host->server.store);
    char stream[256];
    snprintf(stream, sizeof(stream),
             "ms a 1 T0 F0 E%llu I q\r\n1\r\nms YSBi 1 E%llu I b q\r\n2\r\nmn\r\n",
             (unsigned long long)now + 10, (unsigned long long)now + 11);
    ck_assert_said(host, stream, "MN\r\n");
    ck_assert_uint_eq(host->sets, 2);
    ck_assert_stored(host, "mg a v\r\nmg a\r\nmg YSBi b\r\n",
                     "VA 1 X W\r\n1\r\nHD Z X\r\nHD X W\r\n");
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
        "md a E5 I q\r\n",
        "md a E5 x q\r\n",
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
    tcase_add_test(tests, stale_items_are_told_as_such_and_won_once);
    tcase_add_test(tests, a_miss_and_a_short_time_to_live_are_won_once);
    tcase_add_test(tests, a_vivified_item_makes_way_when_its_time_is_over);
    tcase_add_test(tests, keys_in_base64_name_the_decoded_key);
    tcase_add_test(tests, wrong_flags_are_answered_and_their_value_ignored);
    tcase_add_test(tests, a_link_applies_what_is_newer);
    tcase_add_test(tests, a_link_applies_that_an_item_is_stale);
    tcase_add_test(tests, a_link_takes_large_values_in_any_pieces);
    tcase_add_test(tests, a_value_too_large_for_this_node_is_absent_here);
    tcase_add_test(tests, a_link_keeps_the_longest_binary_key);
    tcase_add_test(tests, what_is_no_part_of_the_stream_ends_a_link);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
