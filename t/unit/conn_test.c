/*
 * Connections over socket pairs, without a thread: how much one turn does, whoever waits, and who
 * comes first.
 */
#define _GNU_SOURCE
#include "memcached/run/conn.h"

#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "t/unit/session_host.h"
#include "t/unit/suite.h"

enum {
    CROWD = 200,
    REQUEST_MAX = 20,
    VALUE_BYTES = 200 * 1000,
    SOCKET_BYTES = 400 * 1000, /* what a socket pair takes without being read, at most */
    TURNS_MAX = 100 * 1000,
};

struct bench {
    struct host host;
    struct conn_env env;
    struct conn_list list;
    struct log log;
    struct freeze freeze;
    struct conn_origin origin;
    int clients[CROWD + 1];
    int client_count;
    int last_server_side; /* of the client that came last */
};

static struct bench bench;
static const _Atomic int quiet = 0;

static void set_up(void) {
    memset(&bench, 0, sizeof(bench));
    host_init(&bench.host);
    bench.host.config.limit_bytes = (uint64_t)64 << 20;
    host_open(&bench.host);
    conn_list_init(&bench.list, &bench.host.clock);
    log_init(&bench.log, &quiet);
    freeze_init(&bench.freeze, 0);
    bench.origin = (struct conn_origin){.name = "pair", .protocol = PROTOCOL_AUTO};
    bench.env = (struct conn_env){.session = bench.host.env,
                                  .list = &bench.list,
                                  .log = &bench.log,
                                  .loop = loop_create(NULL, NULL),
                                  .receive = malloc(INBUF_BYTES_MAX),
                                  .request_max = REQUEST_MAX,
                                  .unsent_max = SESSION_OUT_HIGH_BYTES,
                                  .freeze = &bench.freeze};
    bench.env.session.out_high_bytes = CONN_SHORT_BYTES;
    bufpool_init(&bench.env.pool, 0);
    ck_assert(bench.env.loop && bench.env.receive);
}

static void tear_down(void) {
    conn_close_all(&bench.env);
    conn_free_spare(&bench.env);
    for (int i = 0; i < bench.client_count; i++)
        close(bench.clients[i]);
    bufpool_free(&bench.env.pool);
    loop_destroy(bench.env.loop);
    free(bench.env.receive);
    conn_list_destroy(&bench.list);
    log_destroy(&bench.log);
    host_close(&bench.host);
}

static int client_open(void) {
    struct socket_address nobody = {.any.sa_family = AF_UNIX};
    int bytes = SOCKET_BYTES / 2; /* the kernel doubles it */
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    ck_assert_int_eq(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
    ck_assert_int_eq(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
    ck_assert(conn_open(&bench.env, pair[0], &nobody, &bench.origin));
    atomic_fetch_add(&bench.list.client_count, 1); /* as the acceptor does */
    bench.clients[bench.client_count++] = pair[1];
    bench.last_server_side = pair[0];
    return pair[1];
}

/* So many bytes can be sent to it before it reads any; false: not here. */
static bool widen(int fd, int bytes) {
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0)
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
    int granted = 0;
    socklen_t granted_bytes = sizeof(granted);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &granted, &granted_bytes), 0);
    return granted >= bytes;
}

static void say(int client, const char *text) {
    ck_assert_int_eq(send(client, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void ck_assert_hears(int client, const char *answer) {
    char heard[256] = "";
    ck_assert_int_ge(recv(client, heard, sizeof(heard) - 1, 0), 0);
    ck_assert_str_eq(heard, answer);
}

/* What a worker does, but for replication and datagrams. */
static void turn(void) {
    loop_turn(bench.env.loop, false);
    conn_run_again(&bench.env);
    conn_flush_all(&bench.env);
    store_thread_quiesce(bench.env.session.store);
}

static uint64_t counted(_Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint64_t sent_bytes(void) {
    return counted(&bench.host.counters.bytes_written);
}

static void store_value(int client, const char *key, size_t bytes) {
    char *request = malloc(bytes + 300);
    int head = sprintf(request, "set %s 0 0 %zu noreply\r\n", key, bytes);
    memset(request + head, 'v', bytes);
    strcpy(request + (size_t)head + bytes, "\r\n");
    size_t at = 0;
    while (request[at]) {
        ssize_t sent = send(client, request + at, strlen(request + at), 0);
        at += sent > 0 ? (size_t)sent : 0;
        turn();
    }
    free(request);
    while (conn_has_work(&bench.env))
        turn();
    turn();
}

/*
 * The crowd comes, and asks for little at first: the loop finds out how many they are, and from then
 * on sees all that are ready in the turn in which they are.
 */
static void crowd_open(void) {
    for (int i = 0; i < CROWD; i++)
        client_open();
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i <= CROWD; i++)
            say(bench.clients[i], "get none\r\n");
        for (int turns = 0; turns < 10; turns++)
            turn();
        for (int i = 0; i <= CROWD; i++)
            ck_assert_hears(bench.clients[i], "END\r\n");
    }
}

/* `text`, so many times, as far as the socket takes it. */
static void say_often(int client, const char *text, size_t times) {
    size_t bytes = strlen(text);
    char *all = malloc(bytes * times);
    for (size_t i = 0; i < times; i++)
        memcpy(all + i * bytes, text, bytes);
    ck_assert_int_gt(send(client, all, bytes * times, 0), 0);
    free(all);
}

/* In every turn for which somebody has much to do, so much is sent or executed, and no more. */

START_TEST(long_answers_are_sent_a_bounded_piece_a_turn_and_short_ones_first) {
    int other = client_open();
    store_value(other, "large", VALUE_BYTES);
    crowd_open();
    for (int i = 1; i <= CROWD; i++)
        say(bench.clients[i], "get large\r\nget large\r\nget large\r\n");
    uint64_t all = 0;
    int turns = 0;
    do {
        uint64_t before = sent_bytes();
        say(other, "get none\r\n");
        turn();
        uint64_t sent = sent_bytes() - before;
        ck_assert_uint_le(sent, CONN_LONG_TURN_BYTES + CONN_PIECE_BYTES + 5);
        ck_assert_hears(other, "END\r\n");
        all += sent;
    } while (conn_has_work(&bench.env) && ++turns < TURNS_MAX);
    ck_assert_int_lt(turns, TURNS_MAX);
    /* Everybody has been sent as much as the socket takes. */
    ck_assert_uint_ge(all, (uint64_t)CROWD * VALUE_BYTES);
}
END_TEST

START_TEST(a_very_long_answer_is_sent_a_piece_at_a_time) {
    const uint64_t value_bytes = CONN_PIECE_BYTES + CONN_PIECE_BYTES / 2;
    int client = client_open();
    store_value(client, "large", value_bytes);
    if (!widen(bench.last_server_side, 4 * (int)value_bytes))
        return; /* the kernel lets nobody but root have so much, and holds less itself */
    uint64_t before = sent_bytes();
    say(client, "get large\r\n");
    turn();
    ck_assert_uint_eq(sent_bytes() - before, CONN_PIECE_BYTES);
    turn();
    ck_assert_uint_gt(sent_bytes() - before, value_bytes);
}
END_TEST

START_TEST(long_answers_go_out_in_turn) {
    int other = client_open();
    store_value(other, "large", VALUE_BYTES);
    crowd_open();
    for (int i = 1; i <= CROWD; i++)
        say(bench.clients[i], "get large\r\n");
    /* As many turns as the first pieces take: each has its whole value, none waits for another. */
    int turns = 1 + CROWD * (VALUE_BYTES + CONN_CALL_BYTES) / CONN_LONG_TURN_BYTES;
    int whole = 0;
    char *heard = malloc(SOCKET_BYTES);
    for (int i = 0; i < turns; i++)
        turn();
    for (int i = 1; i <= CROWD; i++)
        whole += recv(bench.clients[i], heard, SOCKET_BYTES, 0) > VALUE_BYTES;
    free(heard);
    ck_assert_int_eq(whole, CROWD);
}
END_TEST

START_TEST(pipelines_are_executed_a_bounded_piece_a_turn) {
    enum { PIPELINE = 10 * 1000 };
    int other = client_open();
    crowd_open();
    for (int i = 1; i <= CROWD; i++)
        say_often(bench.clients[i], "get none\r\n", PIPELINE);
    /* At once: what is short for each. */
    uint64_t at_once = CROWD * REQUEST_MAX;
    uint64_t piece = CONN_ROUNDS_MAX * REQUEST_MAX;
    uint64_t in_turn = (uint64_t)CONN_LONG_TURN_BYTES / CONN_FEED_BYTES * REQUEST_MAX + piece;
    int turns = 0;
    do {
        uint64_t before = counted(&bench.host.counters.cmd_get);
        say(other, "get none\r\n");
        turn();
        uint64_t executed = counted(&bench.host.counters.cmd_get) - before;
        ck_assert_uint_le(executed, 1 + at_once + in_turn);
        ck_assert_hears(other, "END\r\n");
    } while (conn_has_work(&bench.env) && ++turns < TURNS_MAX);
    ck_assert_int_lt(turns, TURNS_MAX);
}
END_TEST

START_TEST(values_are_copied_a_bounded_piece_a_turn) {
    char request[2048] = "get";
    int other = client_open();
    store_value(other, "k", 4000);
    while (strlen(request) < 600)
        strcat(request, " k");
    strcat(request, "\r\n");
    crowd_open();
    for (int i = 1; i <= CROWD; i++)
        say(bench.clients[i], request);
    uint64_t before = counted(&bench.host.counters.cmd_get);
    say(other, "get none\r\n");
    turn();
    uint64_t copied = (counted(&bench.host.counters.cmd_get) - before) * 4000;
    ck_assert_uint_le(copied, (uint64_t)CROWD * (CONN_SHORT_BYTES + 4000) + CONN_LONG_TURN_BYTES +
                                  SESSION_OUT_HIGH_BYTES);
    ck_assert_hears(other, "END\r\n");
}
END_TEST

START_TEST(large_values_are_received_a_bounded_piece_a_turn) {
    char head[64];
    int other = client_open();
    crowd_open();
    for (int i = 1; i <= CROWD; i++) {
        sprintf(head, "set k%d 0 0 %d\r\n", i, VALUE_BYTES);
        say(bench.clients[i], head);
        say_often(bench.clients[i], "v", VALUE_BYTES);
    }
    uint64_t before = counted(&bench.host.counters.bytes_read), all = 0;
    uint64_t at_once = (uint64_t)CROWD * LOOP_SHORT_BYTES;
    for (int turns = 0; turns < TURNS_MAX; turns++) {
        say(other, "get none\r\n");
        turn();
        uint64_t received = counted(&bench.host.counters.bytes_read) - before;
        before += received;
        all += received;
        ck_assert_uint_le(received, 10 + at_once + LOOP_LONG_TURN_BYTES + LOOP_LONG_PIECE_BYTES);
        ck_assert_hears(other, "END\r\n");
        at_once = 0; /* by now it is known who sends much */
        if (received <= 10)
            break;
    }
    ck_assert_uint_ge(all, (uint64_t)CROWD * VALUE_BYTES);
}
END_TEST

START_TEST(connections_are_closed_a_bounded_number_a_turn) {
    enum { CLOSED_MAX = 1 + CONN_LONG_TURN_BYTES / CONN_CALL_BYTES };
    int other = client_open();
    crowd_open();
    for (int i = 1; i <= CROWD; i++)
        say(bench.clients[i], "quit\r\n");
    uint64_t left = counted(&bench.list.client_count);
    int turns = 0;
    do {
        say(other, "get none\r\n");
        turn();
        uint64_t now = counted(&bench.list.client_count);
        ck_assert_uint_le(left - now, CLOSED_MAX);
        ck_assert_hears(other, "END\r\n");
        left = now;
    } while (conn_has_work(&bench.env) && ++turns < TURNS_MAX);
    ck_assert_int_ge(turns, CROWD / CLOSED_MAX - 1);
    ck_assert_ptr_nonnull(bench.env.open);
    for (int i = 1; i <= CROWD; i++)
        ck_assert_hears(bench.clients[i], "");
}
END_TEST

/* A connection comes while others are waited for, and there is no memory for it. */
static void refuse_one(void *fd) {
    struct socket_address nobody = {.any.sa_family = AF_UNIX};
    int pair[2];
    char byte;
    ck_assert_int_eq(read(*(int *)fd, &byte, 1), 1);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    atomic_fetch_add(&bench.list.client_count, 1);
    mem_fail_after(0);
    ck_assert(!conn_open(&bench.env, pair[0], &nobody, &bench.origin));
    mem_fail_after(-1);
    close(pair[1]);
}

START_TEST(a_structure_that_goes_for_want_of_memory_leaves_the_queues) {
    int pair[2];
    int other = client_open();
    int client = client_open();
    ck_assert_int_eq(pipe(pair), 0);
    struct loop_watch *watch = loop_watch_create(bench.env.loop, pair[0], refuse_one, &pair[0]);
    ck_assert_ptr_nonnull(watch);
    turn();
    say(client, "quit\r\n");
    shutdown(client, SHUT_WR);
    turn(); /* closed, and its end is still to be received */
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    turn();
    say(other, "get none\r\n");
    turn();
    ck_assert_hears(other, "END\r\n");
    loop_watch_destroy(watch);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("conn");
    TCase *tcase = tcase_create("a turn");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, long_answers_are_sent_a_bounded_piece_a_turn_and_short_ones_first);
    tcase_add_test(tcase, a_very_long_answer_is_sent_a_piece_at_a_time);
    tcase_add_test(tcase, long_answers_go_out_in_turn);
    tcase_add_test(tcase, pipelines_are_executed_a_bounded_piece_a_turn);
    tcase_add_test(tcase, values_are_copied_a_bounded_piece_a_turn);
    tcase_add_test(tcase, large_values_are_received_a_bounded_piece_a_turn);
    tcase_add_test(tcase, connections_are_closed_a_bounded_number_a_turn);
    tcase_add_test(tcase, a_structure_that_goes_for_want_of_memory_leaves_the_queues);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
