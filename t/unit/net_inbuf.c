/* What a connection keeps of what it received. */
#include "memcached/net/inbuf.h"

#include <stdlib.h>
#include <string.h>

#include "memcached/base/mem.h"
#include "t/unit/net_tests.h"

START_TEST(keeps_a_copy_and_gives_memory_back_with_the_last_byte) {
    struct bufpool pool;
    struct inbuf in;
    char text[] = "get a\r\n";
    bufpool_init(&pool, 0);
    inbuf_init(&in);
    ck_assert(inbuf_keep(&in, &pool, text, 7));
    memset(text, 'x', 7);
    ck_assert_mem_eq(inbuf_head(&in), "get a\r\n", 7);
    inbuf_consume(&in, &pool, 4);
    ck_assert_uint_eq(in.bytes, 3);
    ck_assert_mem_eq(inbuf_head(&in), "a\r\n", 3);
    inbuf_consume(&in, &pool, 3);
    ck_assert_ptr_null(in.data);
    ck_assert_uint_eq(pool.free_bytes, pool.total_bytes);
    bufpool_free(&pool);
}
END_TEST

START_TEST(keeping_again_replaces) {
    static char large[INBUF_BYTES_MAX];
    struct bufpool pool;
    struct inbuf in;
    bufpool_init(&pool, 0);
    inbuf_init(&in);
    memset(large, 'L', sizeof(large));
    ck_assert(inbuf_keep(&in, &pool, "abc", 3));
    inbuf_consume(&in, &pool, 1);
    ck_assert(inbuf_keep(&in, &pool, large, sizeof(large)));
    ck_assert_uint_eq(in.bytes, sizeof(large));
    ck_assert_mem_eq(inbuf_head(&in), large, sizeof(large));
    ck_assert(inbuf_keep(&in, &pool, "d", 1));
    ck_assert_mem_eq(inbuf_head(&in), "d", 1);
    ck_assert(inbuf_keep(&in, &pool, NULL, 0));
    ck_assert_ptr_null(in.data);
    bufpool_free(&pool);
}
END_TEST

START_TEST(no_memory_keeps_nothing) {
    struct bufpool pool;
    struct inbuf in;
    bufpool_init(&pool, 0);
    inbuf_init(&in);
    mem_fail_after(0);
    ck_assert(!inbuf_keep(&in, &pool, "abc", 3));
    mem_fail_after(-1);
    ck_assert_uint_eq(in.bytes, 0);
    inbuf_free(&in, &pool);
    bufpool_free(&pool);
}
END_TEST

Suite *net_inbuf_suite(void) {
    Suite *suite = suite_create("net/inbuf");
    TCase *tcase = tcase_create("inbuf");
    tcase_add_test(tcase, keeps_a_copy_and_gives_memory_back_with_the_last_byte);
    tcase_add_test(tcase, keeping_again_replaces);
    tcase_add_test(tcase, no_memory_keeps_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
