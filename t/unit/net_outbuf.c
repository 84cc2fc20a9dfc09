/*
 * What waits to be sent: the order of bytes and references, cutting back, and every failed
 * allocation.
 */
#include "memcached/net/outbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/mem.h"
#include "memcached/base/rng.h"
#include "t/unit/net_tests.h"

/* The whole stream as one string of static memory. */
static const char *stream_of(const struct outbuf *out) {
    static char text[1 << 20];
    struct iovec vec[512];
    int count = outbuf_iov(out, vec, 512);
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        memcpy(text + used, vec[i].iov_base, vec[i].iov_len);
        used += vec[i].iov_len;
    }
    ck_assert_uint_eq(used, outbuf_pending(out));
    text[used] = '\0';
    return text;
}

static void count_release(void *context, void *object) {
    (void)object;
    (*(int *)context)++;
}

START_TEST(bytes_and_references_keep_their_order) {
    struct outbuf out;
    int released = 0;
    outbuf_init(&out);
    ck_assert(outbuf_puts(&out, "ab"));
    ck_assert(outbuf_put_ref(&out, "REF1", 4, count_release, &released, NULL));
    ck_assert(outbuf_put_ref(&out, "REF2", 4, count_release, &released, NULL));
    ck_assert(outbuf_puts(&out, "cd"));
    ck_assert_str_eq(stream_of(&out), "abREF1REF2cd");
    ck_assert_int_eq(released, 0);
    size_t inline_bytes = 0;
    ck_assert_uint_eq(outbuf_ref_at(&out, 0, 0, &inline_bytes), 0);
    ck_assert_uint_eq(inline_bytes, 2);
    ck_assert_uint_eq(outbuf_ref_at(&out, 0, 2, &inline_bytes), 4);
    ck_assert_uint_eq(outbuf_ref_at(&out, 1, 2, &inline_bytes), 4);
    ck_assert_uint_eq(outbuf_ref_at(&out, 2, 3, &inline_bytes), 0);
    ck_assert_uint_eq(inline_bytes, 1);
    outbuf_free(&out);
    ck_assert_int_eq(released, 2);
}
END_TEST

START_TEST(a_reference_is_released_when_its_last_byte_is_sent) {
    struct outbuf out;
    int released = 0;
    outbuf_init(&out);
    outbuf_puts(&out, "ab");
    outbuf_put_ref(&out, "REF1", 4, count_release, &released, NULL);
    outbuf_puts(&out, "cd");
    outbuf_consume(&out, 3);
    ck_assert_str_eq(stream_of(&out), "EF1cd");
    outbuf_consume(&out, 2);
    ck_assert_int_eq(released, 0);
    outbuf_consume(&out, 1);
    ck_assert_int_eq(released, 1);
    ck_assert_str_eq(stream_of(&out), "cd");
    outbuf_consume(&out, 2);
    ck_assert_uint_eq(outbuf_pending(&out), 0);
    outbuf_free(&out);
    ck_assert_int_eq(released, 1);
}
END_TEST

START_TEST(cutting_back_drops_what_came_after_the_mark) {
    struct outbuf out;
    int released = 0;
    outbuf_init(&out);
    outbuf_puts(&out, "keep");
    outbuf_put_ref(&out, "kept", 4, count_release, &released, NULL);
    struct outbuf_mark mark = outbuf_mark(&out);
    outbuf_puts(&out, "drop");
    outbuf_put_ref(&out, "dropped", 7, count_release, &released, NULL);
    outbuf_cut(&out, mark);
    ck_assert_int_eq(released, 1);
    ck_assert_str_eq(stream_of(&out), "keepkept");
    outbuf_puts(&out, "!");
    ck_assert_str_eq(stream_of(&out), "keepkept!");
    outbuf_free(&out);
}
END_TEST

START_TEST(an_empty_reference_is_released_at_once) {
    struct outbuf out;
    int released = 0;
    outbuf_init(&out);
    ck_assert(outbuf_put_ref(&out, "", 0, count_release, &released, NULL));
    ck_assert_int_eq(released, 1);
    ck_assert_uint_eq(outbuf_pending(&out), 0);
    outbuf_free(&out);
}
END_TEST

START_TEST(running_empty_frees_what_was_unusually_large) {
    struct outbuf out;
    outbuf_init(&out);
    ck_assert_ptr_nonnull(outbuf_reserve(&out, OUTBUF_KEEP_BYTES_MAX + 1));
    outbuf_commit(&out, 10);
    outbuf_consume(&out, 10);
    ck_assert_uint_eq(out.capacity, 0);
    ck_assert(outbuf_puts(&out, "small"));
    outbuf_consume(&out, 5);
    ck_assert_uint_eq(out.capacity, OUTBUF_FIRST_BYTES);
    outbuf_free(&out);
}
END_TEST

START_TEST(memory_is_borrowed_grows_within_the_limit_and_goes_back) {
    enum { LIMIT = 4 * BUFPOOL_MIDDLE_BYTES };
    static char bytes[LIMIT];
    struct bufpool pool;
    struct outbuf out;
    bufpool_init(&pool, LIMIT);
    outbuf_init(&out);
    ck_assert(outbuf_borrow(&out, &pool, BUFPOOL_MIDDLE_BYTES));
    ck_assert_uint_eq(pool.total_bytes, BUFPOOL_MIDDLE_BYTES);
    ck_assert(outbuf_put(&out, bytes, 3 * BUFPOOL_MIDDLE_BYTES));
    ck_assert_uint_eq(pool.total_bytes, LIMIT);
    ck_assert(!outbuf_put(&out, bytes, 2 * BUFPOOL_MIDDLE_BYTES));
    ck_assert(out.is_failed);
    ck_assert_uint_eq(outbuf_pending(&out), 3 * BUFPOOL_MIDDLE_BYTES);
    outbuf_consume(&out, 3 * BUFPOOL_MIDDLE_BYTES);
    outbuf_give_back(&out);
    ck_assert_uint_eq(pool.free_bytes, pool.total_bytes);
    outbuf_give_back(&out); /* nothing to give */
    out.is_failed = false;
    ck_assert(outbuf_borrow(&out, &pool, BUFPOOL_MIDDLE_BYTES));
    ck_assert(outbuf_puts(&out, "unsent"));
    outbuf_free(&out);
    bufpool_free(&pool);
    ck_assert_uint_eq(pool.total_bytes, 0);
    ck_assert_uint_eq(pool.buffer_count, 0);
}
END_TEST

START_TEST(no_memory_is_reported_and_loses_nothing_queued) {
    for (int64_t countdown = 0; countdown < 4; countdown++) {
        struct outbuf out;
        int released = 0;
        int refs = 0;
        outbuf_init(&out);
        mem_fail_after(countdown);
        char expected[4096] = "";
        for (int i = 0; i < 300; i++) {
            if (outbuf_put(&out, "0123456789", 10))
                strcat(expected, "0123456789");
            if (i % 30 == 0) {
                refs++;
                if (outbuf_put_ref(&out, "r", 1, count_release, &released, NULL))
                    strcat(expected, "r");
            }
        }
        ck_assert_str_eq(stream_of(&out), expected);
        ck_assert(out.is_failed == mem_has_failed());
        mem_fail_after(-1);
        outbuf_free(&out);
        ck_assert_int_eq(released, refs);
    }
}
END_TEST

START_TEST(any_order_of_calls_sends_the_bytes_that_were_put) {
    enum { STREAM_MAX = 400000 };
    static char expected[STREAM_MAX];
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng;
        struct outbuf out;
        size_t put = 0, gone = 0;
        int queued = 0, released = 0;
        rng_seed(&rng, seed);
        outbuf_init(&out);
        while (put < STREAM_MAX - 100) {
            const char *from = letters + rng_below(&rng, 10);
            size_t bytes = 1 + rng_below(&rng, 26);
            uint64_t dice = rng_below(&rng, 100);
            if (dice < 50) {
                ck_assert(outbuf_put(&out, from, bytes));
            } else if (dice < 80) {
                ck_assert(outbuf_put_ref(&out, from, bytes, count_release, &released, NULL));
                queued++;
            } else {
                size_t count = rng_below(&rng, outbuf_pending(&out) + 1);
                struct iovec vec[8];
                int pieces = outbuf_iov(&out, vec, 8);
                for (size_t at = 0, i = 0; i < (size_t)pieces && at < count; i++) {
                    size_t piece = vec[i].iov_len < count - at ? vec[i].iov_len : count - at;
                    ck_assert_mem_eq(vec[i].iov_base, expected + gone + at, piece);
                    at += piece;
                }
                outbuf_consume(&out, count);
                gone += count;
                continue;
            }
            memcpy(expected + put, from, bytes);
            put += bytes;
            ck_assert_uint_eq(outbuf_pending(&out), put - gone);
        }
        outbuf_consume(&out, put - gone);
        ck_assert_int_eq(released, queued);
        outbuf_free(&out);
    }
}
END_TEST

Suite *net_outbuf_suite(void) {
    Suite *suite = suite_create("net/outbuf");
    TCase *tcase = tcase_create("outbuf");
    tcase_set_timeout(tcase, 60); /* under a sanitizer the chance of many rounds takes a while */
    tcase_add_test(tcase, bytes_and_references_keep_their_order);
    tcase_add_test(tcase, a_reference_is_released_when_its_last_byte_is_sent);
    tcase_add_test(tcase, cutting_back_drops_what_came_after_the_mark);
    tcase_add_test(tcase, an_empty_reference_is_released_at_once);
    tcase_add_test(tcase, running_empty_frees_what_was_unusually_large);
    tcase_add_test(tcase, memory_is_borrowed_grows_within_the_limit_and_goes_back);
    tcase_add_test(tcase, no_memory_is_reported_and_loses_nothing_queued);
    tcase_add_test(tcase, any_order_of_calls_sends_the_bytes_that_were_put);
    suite_add_tcase(suite, tcase);
    return suite;
}
