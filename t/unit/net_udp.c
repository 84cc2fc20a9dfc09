/* Datagrams: their frames, and sockets that answer from where they were asked. */
#include "memcached/net/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/net/udp_frame.h"
#include "t/unit/net_tests.h"

enum { DEADLINE_MS = 5000 };

/*
 * ---- frames -----------------------------------------------------------------------------------
 */

START_TEST(only_a_whole_request_in_one_datagram_is_taken) {
    static const struct {
        const char *datagram;
        size_t bytes;
        bool is_taken;
        uint16_t request_id;
    } cases[] = {
        {"\x12\x34\0\0\0\1\0\0g", 9, true, 0x1234},
        {"\xff\xfe\0\0\0\1\0\0get a\r\n", 15, true, 0xfffe},
        {"\0\1\0\7\0\1\xff\xff*", 9, true, 1}, /* neither number nor reserved bytes matter */
        {"\0\1\0\0\0\1\0\0", 8, false, 0},     /* nothing is asked */
        {"\0\1\0\0\0\1\0", 7, false, 0},
        {"", 0, false, 0},
        {"\0\1\0\0\0\0\0\0g", 9, false, 0}, /* none of none */
        {"\0\1\0\0\0\2\0\0g", 9, false, 0}, /* one of two */
        {"\0\1\0\1\0\2\0\0g", 9, false, 0},
        {"\0\1\0\0\1\1\0\0g", 9, false, 0}, /* one of 257 */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint16_t request_id = 0;
        bool is_taken = udp_frame_take(cases[i].datagram, cases[i].bytes, &request_id);
        ck_assert_msg(is_taken == cases[i].is_taken, "case %zu", i);
        if (is_taken)
            ck_assert_uint_eq(request_id, cases[i].request_id);
    }
}
END_TEST

static unsigned field(const char *frame, int index) {
    const unsigned char *at = (const unsigned char *)frame + 2 * index;
    return (unsigned)at[0] << 8 | at[1];
}

START_TEST(a_reply_is_counted_out_in_full_datagrams_and_a_rest) {
    static const uint64_t sizes[] = {
        1, 1391, 1392, 1393, 2784, 5025, 1 << 20, UDP_REPLY_BYTES_MAX - 1, UDP_REPLY_BYTES_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct udp_reply reply;
        uint64_t bytes = 0;
        unsigned count = 0;
        bool has_more = true;
        udp_reply_begin(&reply, 0xabcd, sizes[i]);
        while (has_more) {
            char frame[UDP_FRAME_BYTES];
            size_t payload = udp_reply_frame(&reply, frame);
            ck_assert_uint_eq(field(frame, 0), 0xabcd);
            ck_assert_uint_eq(field(frame, 1), count);
            ck_assert_uint_eq(field(frame, 2), (sizes[i] + 1391) / 1392);
            ck_assert_uint_eq(field(frame, 3), 0);
            bytes += payload;
            count++;
            ck_assert(payload == UDP_PAYLOAD_BYTES_MAX || bytes == sizes[i]);
            ck_assert(payload > 0);
            has_more = udp_reply_next(&reply);
        }
        ck_assert_uint_eq(bytes, sizes[i]);
        ck_assert_uint_eq(count, (sizes[i] + 1391) / 1392);
    }
}
END_TEST

START_TEST(a_list_of_pieces_is_clipped_to_its_first_bytes) {
    static const struct {
        size_t bytes;
        int count;
        size_t last_bytes;
    } cases[] = {{1, 1, 1}, {10, 1, 10}, {11, 2, 1}, {30, 2, 20}, {31, 3, 1}, {60, 3, 30}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct iovec vec[3] = {{NULL, 10}, {NULL, 20}, {NULL, 30}};
        int count = udp_clip(vec, 3, cases[i].bytes);
        ck_assert_int_eq(count, cases[i].count);
        ck_assert_uint_eq(vec[count - 1].iov_len, cases[i].last_bytes);
    }
}
END_TEST

/*
 * ---- sockets ----------------------------------------------------------------------------------
 */

/* A socket bound to any free port of this address. */
static int open_on(const char *host, struct socket_address *bound) {
    struct socket_address address;
    const char *text = NULL;
    ck_assert_uint_eq(socket_resolve(host, 0, &address, 1, &text), 1);
    int fd = udp_open(&address, &text);
    if (fd >= 0)
        ck_assert(socket_local_address(fd, bound));
    return fd;
}

static void await(int fd) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(&ready, 1, DEADLINE_MS), 1);
}

/* A client asks `to` and takes an answer from there only. */
static void ask_and_answer(int server, const struct socket_address *to) {
    struct iovec vec[2] = {{(void *)(uintptr_t) "ans", 3}, {(void *)(uintptr_t) "wer", 3}};
    struct udp_peer peer;
    char got[16];
    int client = socket(to->any.sa_family, SOCK_DGRAM, 0);
    ck_assert_int_eq(connect(client, &to->any, to->bytes), 0);
    ck_assert_int_eq(udp_receive(server, got, sizeof(got), &peer), -EAGAIN);
    ck_assert_int_eq(send(client, "question", 8, 0), 8);
    await(server);
    ck_assert_int_eq(udp_receive(server, got, sizeof(got), &peer), 8);
    ck_assert_mem_eq(got, "question", 8);
    ck_assert_int_eq(udp_send(server, &peer, vec, 2), 0);
    await(client);
    ck_assert_int_eq(recv(client, got, sizeof(got), 0), 6);
    ck_assert_mem_eq(got, "answer", 6);
    close(client);
}

START_TEST(an_answer_comes_from_the_address_that_was_asked) {
    struct socket_address bound;
    int server = open_on("0.0.0.0", &bound);
    ck_assert_int_ge(server, 0);
    for (uint32_t last = 1; last < 4; last++) {
        bound.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + last);
        ask_and_answer(server, &bound);
    }
    close(server);
    server = open_on("::1", &bound);
    if (server < 0) /* no IPv6 here */
        return;
    ask_and_answer(server, &bound);
    close(server);
}
END_TEST

START_TEST(a_port_that_is_taken_is_refused_with_the_step) {
    struct socket_address bound;
    const char *step = NULL;
    int server = open_on("127.0.0.1", &bound);
    ck_assert_int_ge(server, 0);
    ck_assert_int_eq(udp_open(&bound, &step), -EADDRINUSE);
    ck_assert_str_eq(step, "bind()");
    close(server);
}
END_TEST

START_TEST(an_answer_to_nobody_is_an_error_and_no_more) {
    struct iovec vec = {(void *)(uintptr_t) "x", 1};
    struct udp_peer peer = {0};
    struct socket_address bound;
    int server = open_on("127.0.0.1", &bound);
    ck_assert_int_ge(server, 0);
    peer.address = bound;
    peer.address.v4.sin_port = 0;
    ck_assert_int_lt(udp_send(server, &peer, &vec, 1), 0);
    close(server);
}
END_TEST

Suite *net_udp_suite(void) {
    Suite *suite = suite_create("net/udp");
    TCase *tcase = tcase_create("udp");
    tcase_add_test(tcase, only_a_whole_request_in_one_datagram_is_taken);
    tcase_add_test(tcase, a_reply_is_counted_out_in_full_datagrams_and_a_rest);
    tcase_add_test(tcase, a_list_of_pieces_is_clipped_to_its_first_bytes);
    tcase_add_test(tcase, an_answer_comes_from_the_address_that_was_asked);
    tcase_add_test(tcase, a_port_that_is_taken_is_refused_with_the_step);
    tcase_add_test(tcase, an_answer_to_nobody_is_an_error_and_no_more);
    suite_add_tcase(suite, tcase);
    return suite;
}
