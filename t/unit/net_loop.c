/* The event loop over socket pairs: what it calls when, and that a thread can wake it. */
#include "memcached/net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "t/unit/net_tests.h"

struct end {
    struct loop_stream *stream;
    char first[4]; /* the first bytes go here ... */
    char rest[64]; /* ... and these after them */
    bool is_refusing;
    ssize_t got;
    int received_count, sendable_count;
};

static int on_space(void *context, struct iovec vec[LOOP_SPACE_MAX]) {
    struct end *end = context;
    if (end->is_refusing)
        return 0;
    vec[0] = (struct iovec){.iov_base = end->first, .iov_len = sizeof(end->first)};
    vec[1] = (struct iovec){.iov_base = end->rest, .iov_len = sizeof(end->rest)};
    return 2;
}

static void on_received(void *context, ssize_t bytes) {
    struct end *end = context;
    end->got = bytes;
    end->received_count++;
}

static void on_sendable(void *context) {
    struct end *end = context;
    end->sendable_count++;
}

static const struct loop_stream_events events = {on_space, on_received, on_sendable};

static void set_up(struct loop **loop, struct end *end, int pair[2]) {
    *end = (struct end){0};
    *loop = loop_create(NULL, NULL);
    ck_assert_ptr_nonnull(*loop);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    end->stream = loop_stream_create(*loop, &events, end);
    ck_assert_ptr_nonnull(end->stream);
    ck_assert(loop_stream_open(end->stream, pair[0]));
}

static void tear_down(struct loop *loop, struct end *end, int pair[2]) {
    loop_stream_destroy(end->stream);
    loop_destroy(loop);
    if (pair[1] >= 0)
        close(pair[1]);
}

START_TEST(what_arrives_fills_the_places_in_order) {
    struct loop *loop;
    struct end end;
    int pair[2];
    set_up(&loop, &end, pair);
    loop_turn(loop, false);
    ck_assert_int_eq(end.received_count, 0);
    ck_assert_int_eq(write(pair[1], "abcdefg", 7), 7);
    loop_turn(loop, true);
    ck_assert_int_eq(end.got, 7);
    ck_assert_mem_eq(end.first, "abcd", 4);
    ck_assert_mem_eq(end.rest, "efg", 3);
    loop_turn(loop, false);
    ck_assert_int_eq(end.received_count, 1);
    tear_down(loop, &end, pair);
}
END_TEST

START_TEST(bytes_wait_while_there_is_no_space_or_no_wish_for_them) {
    struct loop *loop;
    struct end end;
    int pair[2];
    set_up(&loop, &end, pair);
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    end.is_refusing = true;
    loop_turn(loop, false);
    ck_assert_int_eq(end.received_count, 0);
    end.is_refusing = false;
    loop_stream_want(end.stream, false, false);
    loop_turn(loop, false);
    ck_assert_int_eq(end.received_count, 0);
    loop_stream_want(end.stream, true, false);
    loop_turn(loop, true);
    ck_assert_int_eq(end.got, 1);
    tear_down(loop, &end, pair);
}
END_TEST

START_TEST(the_end_and_a_reset_are_told) {
    struct loop *loop;
    struct end end;
    int pair[2];
    set_up(&loop, &end, pair);
    end.got = 99;
    close(pair[1]);
    pair[1] = -1;
    loop_turn(loop, true);
    ck_assert_int_eq(end.received_count, 1);
    ck_assert_int_eq(end.got, 0);
    struct iovec vec = {.iov_base = (char[]){"x"}, .iov_len = 1};
    ck_assert_int_eq(loop_stream_send(end.stream, &vec, 1), -EPIPE);
    tear_down(loop, &end, pair);
}
END_TEST

static void send_text(int fd, const char *text) {
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static bool turn_until(struct loop *loop, const struct end *end, int received_count) {
    for (int turns = 0; turns < 10 && end->received_count < received_count; turns++)
        loop_turn(loop, false);
    return end->received_count >= received_count;
}

START_TEST(more_than_the_space_arrives_in_further_turns) {
    struct loop *loop;
    struct end end;
    int pair[2];
    char text[150];
    set_up(&loop, &end, pair);
    memset(text, 'x', sizeof(text));
    ck_assert_int_eq(write(pair[1], text, sizeof(text)), sizeof(text));
    loop_turn(loop, true);
    ck_assert_int_eq(end.got, 68);
    loop_turn(loop, true);
    ck_assert_int_eq(end.got, 68);
    loop_turn(loop, true);
    ck_assert_int_eq(end.got, 14);
    ck_assert_int_eq(end.received_count, 3);
    tear_down(loop, &end, pair);
}
END_TEST

START_TEST(an_end_right_behind_the_data_is_told_though_the_answer_was_sent) {
    struct loop *loop;
    struct end end;
    int pair[2];
    set_up(&loop, &end, pair);
    send_text(pair[1], "bye");
    shutdown(pair[1], SHUT_WR);
    loop_turn(loop, true);
    ck_assert_int_eq(end.got, 3);
    struct iovec answer = {.iov_base = (char[]){"!"}, .iov_len = 1};
    ck_assert_int_eq(loop_stream_send(end.stream, &answer, 1), 1);
    loop_turn(loop, false);
    ck_assert_int_eq(end.received_count, 2);
    ck_assert_int_eq(end.got, 0);
    tear_down(loop, &end, pair);
}
END_TEST

/* Both ends of a TCP connection over the loopback: only TCP has resets. */
static void tcp_pair(int pair[2]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &bytes), 0);
    pair[1] = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(pair[1], (struct sockaddr *)&address, sizeof(address)), 0);
    pair[0] = accept(listener, NULL, NULL);
    ck_assert_int_ge(pair[0], 0);
    ck_assert_int_eq(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    close(listener);
}

START_TEST(a_reset_right_behind_the_data_is_told_though_nothing_is_sent) {
    struct loop *loop;
    struct end end;
    int pair[2];
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    set_up(&loop, &end, pair);
    loop_stream_close(end.stream);
    close(pair[1]);
    tcp_pair(pair);
    send_text(pair[1], "set");
    setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(pair[1]);
    pair[1] = -1;
    ck_assert(loop_stream_open(end.stream, pair[0]));
    ck_assert(turn_until(loop, &end, 1));
    if (end.got == 3)
        ck_assert(turn_until(loop, &end, 2));
    ck_assert_int_eq(end.got, -ECONNRESET);
    tear_down(loop, &end, pair);
}
END_TEST

START_TEST(what_came_while_receiving_was_not_wanted_is_told_when_it_is) {
    struct loop *loop;
    struct end end;
    int pair[2];
    set_up(&loop, &end, pair);
    loop_stream_want(end.stream, false, false);
    send_text(pair[1], "one");
    loop_turn(loop, false);
    send_text(pair[1], "two");
    loop_turn(loop, false);
    ck_assert_int_eq(end.received_count, 0);
    loop_stream_want(end.stream, true, false);
    loop_turn(loop, true);
    ck_assert_int_eq(end.got, 6);
    tear_down(loop, &end, pair);
}
END_TEST

START_TEST(a_stream_closed_and_opened_anew_starts_afresh) {
    struct loop *loop;
    struct end end;
    int pair[2], second[2];
    set_up(&loop, &end, pair);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, second), 0);
    send_text(pair[1], "old");
    end.is_refusing = true;
    loop_turn(loop, true);
    end.is_refusing = false;
    loop_stream_close(end.stream);
    ck_assert(loop_stream_open(end.stream, second[0]));
    loop_turn(loop, false);
    ck_assert_int_eq(end.received_count, 0);
    send_text(second[1], "newer");
    loop_turn(loop, true);
    ck_assert_int_eq(end.got, 5);
    close(second[1]);
    tear_down(loop, &end, pair);
}
END_TEST

START_TEST(output_that_did_not_fit_is_wanted_again_when_it_does) {
    static char block[1 << 16];
    struct loop *loop;
    struct end end;
    int pair[2];
    struct iovec vec[2] = {{block, sizeof(block)}, {block, sizeof(block)}};
    set_up(&loop, &end, pair);
    size_t sent = 0;
    ssize_t got;
    while ((got = loop_stream_send(end.stream, vec, 2)) > 0)
        sent += (size_t)got;
    ck_assert_int_eq(got, 0);
    loop_stream_want(end.stream, true, true);
    loop_turn(loop, false);
    ck_assert_int_eq(end.sendable_count, 0);
    while (sent > 0) {
        got = read(pair[1], block, sizeof(block));
        ck_assert_int_gt(got, 0);
        sent -= (size_t)got;
    }
    loop_turn(loop, true);
    ck_assert_int_eq(end.sendable_count, 1);
    loop_stream_want(end.stream, true, false);
    loop_turn(loop, false);
    ck_assert_int_eq(end.sendable_count, 1);
    tear_down(loop, &end, pair);
}
END_TEST

static void count_call(void *context) {
    (*(int *)context)++;
}

static void *wake_it(void *context) {
    loop_wake(context);
    return NULL;
}

START_TEST(another_thread_wakes_a_waiting_turn) {
    int woken = 0;
    struct loop *loop = loop_create(count_call, &woken);
    ck_assert_ptr_nonnull(loop);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, wake_it, loop), 0);
    while (woken == 0)
        loop_turn(loop, true);
    ck_assert_int_eq(woken, 1);
    pthread_join(thread, NULL);
    loop_turn(loop, false);
    ck_assert_int_eq(woken, 1);
    loop_destroy(loop);
}
END_TEST

START_TEST(a_timer_fires_once) {
    int fired = 0;
    struct loop *loop = loop_create(NULL, NULL);
    struct loop_timer *timer = loop_timer_create(loop, count_call, &fired);
    ck_assert_ptr_nonnull(timer);
    loop_timer_start(timer, 1);
    while (fired == 0)
        loop_turn(loop, true);
    loop_turn(loop, false);
    ck_assert_int_eq(fired, 1);
    loop_timer_destroy(timer);
    loop_destroy(loop);
}
END_TEST

START_TEST(a_watch_can_be_paused) {
    int pair[2];
    int readable = 0;
    struct loop *loop = loop_create(NULL, NULL);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct loop_watch *watch = loop_watch_create(loop, pair[0], count_call, &readable);
    ck_assert_ptr_nonnull(watch);
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    loop_turn(loop, true);
    loop_turn(loop, true);
    ck_assert_int_eq(readable, 2);
    loop_watch_pause(watch);
    loop_turn(loop, false);
    ck_assert_int_eq(readable, 2);
    loop_watch_resume(watch);
    loop_turn(loop, true);
    ck_assert_int_eq(readable, 3);
    loop_watch_destroy(watch);
    loop_destroy(loop);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

Suite *net_loop_suite(void) {
    Suite *suite = suite_create("net/loop");
    TCase *tcase = tcase_create("loop");
    tcase_add_test(tcase, what_arrives_fills_the_places_in_order);
    tcase_add_test(tcase, bytes_wait_while_there_is_no_space_or_no_wish_for_them);
    tcase_add_test(tcase, the_end_and_a_reset_are_told);
    tcase_add_test(tcase, more_than_the_space_arrives_in_further_turns);
    tcase_add_test(tcase, an_end_right_behind_the_data_is_told_though_the_answer_was_sent);
    tcase_add_test(tcase, a_reset_right_behind_the_data_is_told_though_nothing_is_sent);
    tcase_add_test(tcase, what_came_while_receiving_was_not_wanted_is_told_when_it_is);
    tcase_add_test(tcase, a_stream_closed_and_opened_anew_starts_afresh);
    tcase_add_test(tcase, output_that_did_not_fit_is_wanted_again_when_it_does);
    tcase_add_test(tcase, another_thread_wakes_a_waiting_turn);
    tcase_add_test(tcase, a_timer_fires_once);
    tcase_add_test(tcase, a_watch_can_be_paused);
    suite_add_tcase(suite, tcase);
    return suite;
}
