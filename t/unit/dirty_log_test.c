#include "repl/core/dirty_log.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/mem.h"
#include "memcached/base/rng.h"

enum { SMALL_LOG_BYTES = 64 * 1024 };

static struct dirty_log *log_;
static struct dirty_batch batch;

static void setup(void) {
    log_ = dirty_log_create(SMALL_LOG_BYTES);
    ck_assert_ptr_nonnull(log_);
}

static void teardown(void) {
    dirty_log_destroy(log_);
}

static bool append_key(uint64_t version, const char *key) {
    return dirty_log_append(log_, DIRTY_KEY, version, version * 3, key, (uint32_t)strlen(key));
}

START_TEST(what_is_appended_is_read_back_in_order) {
    ck_assert(!dirty_log_has_unsent(log_));
    ck_assert(append_key(1, "alpha"));
    ck_assert(append_key(2, "b"));
    ck_assert(dirty_log_append(log_, DIRTY_FLUSH, 3, 0, NULL, 0));
    ck_assert(dirty_log_has_unsent(log_));
    dirty_log_peek(log_, &batch);
    ck_assert_uint_eq(batch.count, 3);
    ck_assert_uint_eq(batch.entry[0].version, 1);
    ck_assert_uint_eq(batch.entry[0].hash, 3);
    ck_assert_uint_eq(batch.entry[0].key_bytes, 5);
    ck_assert_mem_eq(batch.entry[0].key, "alpha", 5);
    ck_assert_mem_eq(batch.entry[1].key, "b", 1);
    ck_assert_int_eq(batch.entry[2].kind, DIRTY_FLUSH);
}
END_TEST

START_TEST(peeking_does_not_move_what_is_sent) {
    append_key(1, "a");
    append_key(2, "b");
    dirty_log_peek(log_, &batch);
    dirty_log_sent(log_, &batch, 1);
    dirty_log_peek(log_, &batch);
    ck_assert_uint_eq(batch.count, 1);
    ck_assert_mem_eq(batch.entry[0].key, "b", 1);
    dirty_log_sent(log_, &batch, 1);
    ck_assert(!dirty_log_has_unsent(log_));
}
END_TEST

START_TEST(rewind_sends_again_what_was_not_acknowledged) {
    append_key(1, "a");
    append_key(2, "b");
    append_key(3, "c");
    dirty_log_peek(log_, &batch);
    dirty_log_sent(log_, &batch, 1);
    struct dirty_position at = dirty_log_sent_position(log_);
    dirty_log_sent(log_, &batch, 3);
    dirty_log_acked(log_, at);
    dirty_log_rewind(log_);
    dirty_log_peek(log_, &batch);
    ck_assert_uint_eq(batch.count, 2);
    ck_assert_mem_eq(batch.entry[0].key, "b", 1);
    struct dirty_log_stats stats;
    dirty_log_stats(log_, &stats);
    ck_assert_uint_eq(stats.entries, 2);
    ck_assert_uint_eq(stats.unsent_entries, 2);
    ck_assert_uint_eq(stats.acked_ops, 1);
    ck_assert_uint_eq(stats.oldest_version, 2);
}
END_TEST

START_TEST(overflow_is_told_once_and_closes_the_log) {
    unsigned appended = 0;
    while (append_key(appended + 1, "0123456789abcdef"))
        ck_assert_uint_lt(appended++, SMALL_LOG_BYTES);
    struct dirty_log_stats stats;
    dirty_log_stats(log_, &stats);
    ck_assert_uint_eq(stats.overflows, 1);
    ck_assert(!stats.is_open);
    ck_assert_uint_eq(stats.entries, 0);
    ck_assert(!dirty_log_has_unsent(log_));
    ck_assert(append_key(9, "dropped"));
    ck_assert(!dirty_log_has_unsent(log_));
    dirty_log_open(log_);
    ck_assert(append_key(10, "kept"));
    dirty_log_peek(log_, &batch);
    ck_assert_uint_eq(batch.count, 1);
    ck_assert_mem_eq(batch.entry[0].key, "kept", 4);
}
END_TEST

START_TEST(a_batch_from_before_a_reopening_marks_nothing_as_sent) {
    append_key(1, "a");
    dirty_log_peek(log_, &batch);
    struct dirty_position head = dirty_log_head_position(log_);
    dirty_log_open(log_);
    append_key(2, "b");
    dirty_log_sent(log_, &batch, 1);
    ck_assert(dirty_log_has_unsent(log_));
    ck_assert(dirty_log_sent_reached(log_, head));
    dirty_log_acked(log_, head);
    struct dirty_log_stats stats;
    dirty_log_stats(log_, &stats);
    ck_assert_uint_eq(stats.entries, 1);
}
END_TEST

/* Random appends, sends, acknowledgements and breaks, against a plain array. */
START_TEST(the_ring_wraps_without_losing_or_inventing_entries) {
    struct rng rng;
    rng_seed(&rng, (uint64_t)_i + 1);
    uint64_t appended = 0;
    uint64_t sent = 0;
    uint64_t acked = 0;
    struct dirty_position at = {0};
    uint64_t at_sent = 0;
    for (int step = 0; step < 20000; step++) {
        switch (rng_below(&rng, 6)) {
        case 0:
        case 1:
        case 2: {
            char key[256];
            int bytes = snprintf(key, sizeof(key), "%llu", (unsigned long long)appended + 1);
            size_t pad = 1 + rng_below(&rng, 200);
            memset(key + bytes, 'x', pad);
            if (appended - acked < 200)
                ck_assert(dirty_log_append(log_, DIRTY_KEY, ++appended, 0, key,
                                           (uint32_t)((size_t)bytes + pad)));
            break;
        }
        case 3: {
            dirty_log_peek(log_, &batch);
            unsigned count = (unsigned)rng_below(&rng, batch.count + 1);
            for (unsigned i = 0; i < batch.count; i++) {
                ck_assert_uint_eq(batch.entry[i].version, sent + i + 1);
                ck_assert_uint_eq(strtoull(batch.entry[i].key, NULL, 10), sent + i + 1);
            }
            dirty_log_sent(log_, &batch, count);
            sent += count;
            at = dirty_log_sent_position(log_);
            at_sent = sent;
            break;
        }
        case 4:
            if (at_sent > acked) {
                dirty_log_acked(log_, at);
                acked = at_sent;
            }
            break;
        default:
            if (rng_below(&rng, 10) == 0) {
                dirty_log_rewind(log_);
                sent = acked;
                at_sent = 0;
            }
        }
        struct dirty_log_stats stats;
        dirty_log_stats(log_, &stats);
        ck_assert_uint_eq(stats.entries, appended - acked);
        ck_assert_uint_eq(stats.unsent_entries, appended - sent);
        ck_assert_uint_le(stats.bytes, stats.capacity_bytes);
        ck_assert_uint_eq(stats.overflows, 0);
    }
}
END_TEST

/* A peer that falls far behind and catches up: the ring grows over live records and shrinks again. */
START_TEST(a_long_backlog_is_kept_whole) {
    dirty_log_destroy(log_);
    log_ = dirty_log_create(5000000);
    uint64_t appended = 0;
    uint64_t read = 0;
    for (int round = 0; round < 6; round++) {
        uint64_t until = appended + 1 + (uint64_t)round * 12345;
        while (appended < until) {
            char key[32];
            int bytes = snprintf(key, sizeof(key), "key %llu", (unsigned long long)++appended);
            ck_assert(dirty_log_append(log_, DIRTY_KEY, appended, 0, key, (uint32_t)bytes));
        }
        /* All but a few in the odd rounds, so that the next growth begins in the middle. */
        uint64_t keep = round % 2 ? 777 : 0;
        while (read + keep < appended) {
            dirty_log_peek(log_, &batch);
            unsigned count = 0;
            while (count < batch.count && read + keep < appended) {
                char key[32];
                int bytes = snprintf(key, sizeof(key), "key %llu", (unsigned long long)++read);
                if (batch.entry[count].version != read ||
                    batch.entry[count].key_bytes != (uint32_t)bytes ||
                    memcmp(batch.entry[count].key, key, (size_t)bytes) != 0)
                    ck_abort_msg("entry %llu is wrong", (unsigned long long)read);
                count++;
            }
            dirty_log_sent(log_, &batch, count);
        }
        dirty_log_acked(log_, dirty_log_sent_position(log_));
    }
    struct dirty_log_stats stats;
    dirty_log_stats(log_, &stats);
    ck_assert_uint_eq(stats.overflows, 0);
    ck_assert_uint_eq(stats.entries, appended - read);
}
END_TEST

START_TEST(creation_survives_every_failed_allocation) {
    for (int64_t i = 0;; i++) {
        mem_fail_after(i);
        struct dirty_log *log = dirty_log_create(SMALL_LOG_BYTES);
        bool has_failed = mem_has_failed();
        mem_fail_after(-1);
        ck_assert_int_eq(log == NULL, has_failed);
        dirty_log_destroy(log);
        if (!has_failed)
            break;
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("dirty_log");
    TCase *tcase = tcase_create("dirty_log");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_is_appended_is_read_back_in_order);
    tcase_add_test(tcase, peeking_does_not_move_what_is_sent);
    tcase_add_test(tcase, rewind_sends_again_what_was_not_acknowledged);
    tcase_add_test(tcase, overflow_is_told_once_and_closes_the_log);
    tcase_add_test(tcase, a_batch_from_before_a_reopening_marks_nothing_as_sent);
    tcase_add_loop_test(tcase, the_ring_wraps_without_losing_or_inventing_entries, 0, 5);
    tcase_add_test(tcase, a_long_backlog_is_kept_whole);
    tcase_add_test(tcase, creation_survives_every_failed_allocation);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
