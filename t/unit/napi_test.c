/* -N: each receive queue has a worker of its own. */
#include <check.h>

#include "memcached/run/napi.h"
#include "t/unit/suite.h"

START_TEST(queues_have_workers_in_the_order_in_which_they_are_seen) {
    struct napi napi = {.count = 2};
    unsigned worker = 9;
    ck_assert(napi_choose(&napi, 500, &worker) && worker == 0);
    ck_assert(napi_choose(&napi, 7, &worker) && worker == 1);
    ck_assert(napi_choose(&napi, 500, &worker) && worker == 0);
    ck_assert(napi_choose(&napi, 7, &worker) && worker == 1);
    ck_assert_uint_eq(atomic_load(&napi.unexpected_count), 0);
    ck_assert_uint_eq(atomic_load(&napi.fallback_count), 0);
}
END_TEST

START_TEST(without_a_queue_workers_take_turns) {
    struct napi napi = {.count = 1};
    unsigned worker;
    ck_assert(!napi_choose(&napi, 0, &worker));
    ck_assert_uint_eq(atomic_load(&napi.fallback_count), 1);
    ck_assert_uint_eq(napi.known, 0);
}
END_TEST

START_TEST(one_queue_too_many_makes_all_be_learnt_anew) {
    struct napi napi = {.count = 2};
    unsigned worker;
    ck_assert(napi_choose(&napi, 1, &worker) && napi_choose(&napi, 2, &worker));
    ck_assert(!napi_choose(&napi, 3, &worker));
    ck_assert_uint_eq(atomic_load(&napi.unexpected_count), 1);
    ck_assert(napi_choose(&napi, 3, &worker) && worker == 0);
    ck_assert(napi_choose(&napi, 2, &worker) && worker == 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("napi");
    TCase *tests = tcase_create("napi");
    tcase_add_test(tests, queues_have_workers_in_the_order_in_which_they_are_seen);
    tcase_add_test(tests, without_a_queue_workers_take_turns);
    tcase_add_test(tests, one_queue_too_many_makes_all_be_learnt_anew);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
