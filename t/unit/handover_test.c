/* Accepted sockets wait for their worker in the order they came in, and it takes a few at a time. */
#include "memcached/run/handover.h"

#include <check.h>

#include "memcached/base/mem.h"
#include "t/unit/suite.h"

static struct handover_queue queue;
static struct handover taken[HANDOVER_TAKE_MAX];

static void set_up(void) {
    handover_queue_init(&queue);
}

static void tear_down(void) {
    handover_queue_destroy(&queue);
}

/* True: the worker has to be told. */
static bool put(int fd) {
    struct handover socket = {.fd = fd};
    bool is_first;
    ck_assert(handover_put(&queue, &socket, &is_first));
    return is_first;
}

START_TEST(the_worker_is_told_once_and_then_finds_all) {
    bool has_more;
    ck_assert(put(1));
    ck_assert(!put(2));
    ck_assert_uint_eq(handover_take(&queue, taken, &has_more), 2);
    ck_assert(!has_more);
    ck_assert_int_eq(taken[0].fd, 1);
    ck_assert_int_eq(taken[1].fd, 2);
    ck_assert_uint_eq(handover_take(&queue, taken, &has_more), 0);
    ck_assert(!has_more);
    ck_assert(put(3));
}
END_TEST

START_TEST(a_crowd_is_taken_piece_by_piece) {
    enum { PIECES = 3, CROWD = PIECES * HANDOVER_TAKE_MAX };
    bool has_more;
    for (int fd = 0; fd < CROWD; fd++)
        ck_assert(put(fd) == (fd == 0));
    for (int piece = 0; piece < PIECES; piece++) {
        ck_assert_uint_eq(handover_take(&queue, taken, &has_more), HANDOVER_TAKE_MAX);
        for (int i = 0; i < HANDOVER_TAKE_MAX; i++)
            ck_assert_int_eq(taken[i].fd, piece * HANDOVER_TAKE_MAX + i);
        bool is_last = piece == PIECES - 1;
        ck_assert(has_more == !is_last);
    }
    ck_assert_uint_eq(handover_take(&queue, taken, &has_more), 0);
}
END_TEST

/* For ever more come than were taken, and yet it does not grow for ever. */
START_TEST(room_is_used_again) {
    enum { WAITING = 2 * HANDOVER_TAKE_MAX, ROUNDS = 1000 };
    int next_in = 0, next_out = 0;
    bool has_more;
    while (next_in < WAITING)
        put(next_in++);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < HANDOVER_TAKE_MAX; i++)
            ck_assert(!put(next_in++));
        ck_assert_uint_eq(handover_take(&queue, taken, &has_more), HANDOVER_TAKE_MAX);
        ck_assert(has_more);
        for (int i = 0; i < HANDOVER_TAKE_MAX; i++)
            ck_assert_int_eq(taken[i].fd, next_out++);
        ck_assert_uint_le(queue.capacity, 4 * (WAITING + HANDOVER_TAKE_MAX));
    }
}
END_TEST

START_TEST(without_memory_a_socket_stays_the_callers) {
    struct handover socket = {.fd = 7};
    bool is_first, has_more;
    mem_fail_after(0);
    ck_assert(!handover_put(&queue, &socket, &is_first));
    mem_fail_after(-1);
    ck_assert_uint_eq(handover_take(&queue, taken, &has_more), 0);
    for (int fd = 0; fd < HANDOVER_CAPACITY_MIN; fd++)
        put(fd);
    mem_fail_after(0);
    ck_assert(!handover_put(&queue, &socket, &is_first));
    mem_fail_after(-1);
    ck_assert_uint_eq(handover_take(&queue, taken, &has_more), HANDOVER_CAPACITY_MIN);
    ck_assert(put(8));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("handover");
    TCase *tcase = tcase_create("sockets");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, the_worker_is_told_once_and_then_finds_all);
    tcase_add_test(tcase, a_crowd_is_taken_piece_by_piece);
    tcase_add_test(tcase, room_is_used_again);
    tcase_add_test(tcase, without_memory_a_socket_stays_the_callers);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
