/* Buffers lent and given back: sizes, counters, limits. */
#include "memcached/net/bufpool.h"

#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "t/unit/net_tests.h"

START_TEST(takes_the_next_larger_size) {
    static const struct {
        size_t wanted, capacity;
    } cases[] = {{1, BUFPOOL_SMALL_BYTES},
                 {BUFPOOL_SMALL_BYTES, BUFPOOL_SMALL_BYTES},
                 {BUFPOOL_SMALL_BYTES + 1, BUFPOOL_MIDDLE_BYTES},
                 {BUFPOOL_LARGE_BYTES, BUFPOOL_LARGE_BYTES},
                 {BUFPOOL_LARGE_BYTES + 1, BUFPOOL_LARGE_BYTES + 1}};
    struct bufpool pool;
    bufpool_init(&pool, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        size_t capacity;
        char *memory = bufpool_take(&pool, cases[i].wanted, &capacity);
        ck_assert_ptr_nonnull(memory);
        ck_assert_uint_eq(capacity, cases[i].capacity);
        memset(memory, 1, capacity);
        bufpool_give(&pool, memory, capacity);
    }
    bufpool_free(&pool);
    ck_assert_uint_eq(pool.total_bytes, 0);
    ck_assert_uint_eq(pool.buffer_count, 0);
    ck_assert_uint_eq(pool.free_bytes, 0);
}
END_TEST

START_TEST(a_buffer_given_back_is_lent_again) {
    struct bufpool pool;
    size_t capacity;
    bufpool_init(&pool, 0);
    char *memory = bufpool_take(&pool, 100, &capacity);
    bufpool_give(&pool, memory, capacity);
    ck_assert_uint_eq(pool.free_bytes, BUFPOOL_SMALL_BYTES);
    ck_assert_ptr_eq(bufpool_take(&pool, 200, &capacity), memory);
    ck_assert_uint_eq(pool.free_bytes, 0);
    ck_assert_uint_eq(pool.buffer_count, 1);
    bufpool_give(&pool, memory, capacity);
    bufpool_free(&pool);
}
END_TEST

START_TEST(the_limit_is_never_exceeded_and_refusals_are_counted) {
    struct bufpool pool;
    size_t capacity;
    bufpool_init(&pool, BUFPOOL_MIDDLE_BYTES + BUFPOOL_SMALL_BYTES);
    char *first = bufpool_take(&pool, BUFPOOL_MIDDLE_BYTES, &capacity);
    ck_assert_ptr_null(bufpool_take(&pool, BUFPOOL_MIDDLE_BYTES, &capacity));
    char *second = bufpool_take(&pool, 1, &capacity);
    ck_assert_ptr_nonnull(second);
    ck_assert_uint_eq(pool.refused_count, 1);
    bufpool_give(&pool, first, BUFPOOL_MIDDLE_BYTES);
    ck_assert_ptr_eq(bufpool_take(&pool, BUFPOOL_MIDDLE_BYTES, &capacity), first);
    bufpool_give(&pool, first, BUFPOOL_MIDDLE_BYTES);
    bufpool_give(&pool, second, BUFPOOL_SMALL_BYTES);
    bufpool_free(&pool);
}
END_TEST

START_TEST(no_memory_is_a_refusal) {
    struct bufpool pool;
    size_t capacity;
    bufpool_init(&pool, 0);
    mem_fail_after(0);
    ck_assert_ptr_null(bufpool_take(&pool, 1, &capacity));
    mem_fail_after(-1);
    ck_assert_uint_eq(pool.refused_count, 1);
    ck_assert_uint_eq(pool.total_bytes, 0);
    bufpool_free(&pool);
}
END_TEST

START_TEST(a_buffer_may_come_back_with_another_size_or_not_at_all) {
    struct bufpool pool;
    size_t lent;
    bufpool_init(&pool, 0);
    char *memory = bufpool_take(&pool, BUFPOOL_SMALL_BYTES, &lent);
    ck_assert(bufpool_resize(&pool, lent, BUFPOOL_LARGE_BYTES));
    memory = mem_realloc(memory, BUFPOOL_LARGE_BYTES);
    bufpool_give(&pool, memory, BUFPOOL_LARGE_BYTES);
    ck_assert_uint_eq(pool.total_bytes, BUFPOOL_LARGE_BYTES);
    ck_assert_uint_eq(pool.free_bytes, BUFPOOL_LARGE_BYTES);
    memory = bufpool_take(&pool, BUFPOOL_LARGE_BYTES, &lent);
    mem_free(memory);
    bufpool_forget(&pool, lent);
    ck_assert_uint_eq(pool.total_bytes, 0);
    ck_assert_uint_eq(pool.buffer_count, 0);
    bufpool_free(&pool);
}
END_TEST

START_TEST(the_limit_counts_growth_and_free_buffers_make_room) {
    enum { SMALL_COUNT = 16, LIMIT = 64 * 1024 };
    struct bufpool pool;
    char *small[SMALL_COUNT];
    size_t capacity;
    bufpool_init(&pool, LIMIT);
    for (int i = 0; i < SMALL_COUNT; i++)
        small[i] = bufpool_take(&pool, BUFPOOL_SMALL_BYTES, &capacity);
    for (int i = 0; i < SMALL_COUNT; i++)
        bufpool_give(&pool, small[i], BUFPOOL_SMALL_BYTES);
    ck_assert_uint_eq(pool.free_bytes, SMALL_COUNT * BUFPOOL_SMALL_BYTES);
    char *memory = bufpool_take(&pool, BUFPOOL_MIDDLE_BYTES, &capacity);
    ck_assert_ptr_nonnull(memory);
    ck_assert(bufpool_resize(&pool, capacity, LIMIT));
    ck_assert_uint_eq(pool.total_bytes, LIMIT);
    ck_assert_uint_eq(pool.free_bytes, 0);
    ck_assert(!bufpool_resize(&pool, LIMIT, LIMIT + 1));
    ck_assert_ptr_null(bufpool_take(&pool, 1, &capacity));
    ck_assert_uint_eq(pool.refused_count, 1);
    ck_assert_uint_eq(pool.total_bytes, LIMIT);
    mem_free(memory);
    bufpool_forget(&pool, LIMIT);
    ck_assert_uint_eq(pool.buffer_count, 0);
    bufpool_free(&pool);
}
END_TEST

START_TEST(free_buffers_are_bounded) {
    enum { COUNT = BUFPOOL_KEEP_BYTES_MAX / BUFPOOL_LARGE_BYTES + 10 };
    struct bufpool pool;
    char *memory[COUNT];
    size_t capacity;
    bufpool_init(&pool, 0);
    for (int i = 0; i < COUNT; i++)
        memory[i] = bufpool_take(&pool, BUFPOOL_LARGE_BYTES, &capacity);
    for (int i = 0; i < COUNT; i++)
        bufpool_give(&pool, memory[i], capacity);
    ck_assert_uint_le(pool.free_bytes, BUFPOOL_KEEP_BYTES_MAX);
    ck_assert_uint_eq(pool.total_bytes, pool.free_bytes);
    bufpool_free(&pool);
}
END_TEST

Suite *net_bufpool_suite(void) {
    Suite *suite = suite_create("net/bufpool");
    TCase *tcase = tcase_create("bufpool");
    tcase_add_test(tcase, takes_the_next_larger_size);
    tcase_add_test(tcase, a_buffer_given_back_is_lent_again);
    tcase_add_test(tcase, the_limit_is_never_exceeded_and_refusals_are_counted);
    tcase_add_test(tcase, no_memory_is_a_refusal);
    tcase_add_test(tcase, a_buffer_may_come_back_with_another_size_or_not_at_all);
    tcase_add_test(tcase, the_limit_counts_growth_and_free_buffers_make_room);
    tcase_add_test(tcase, free_buffers_are_bounded);
    suite_add_tcase(suite, tcase);
    return suite;
}
