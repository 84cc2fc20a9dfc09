#include "repl/core/dirty_log.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/mem.h"
#include "memcached/base/rng.h"
#include "t/unit/suite.h"

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
    dirty_log_stats(log_, &stats);
    ck_assert_uint_eq(stats.dropped_ops, appended + 2);
    ck_assert_uint_eq(stats.acked_ops, 0);
    ck_assert_uint_eq(stats.oldest_version, 1);
    dirty_log_open(log_);
    dirty_log_stats(log_, &stats);
    ck_assert_uint_eq(stats.dropped_ops, 0);
    ck_assert_uint_eq(stats.oldest_version, 0);
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

static char records_memory[16 * 1024];

static struct dirty_records records_from(uint64_t first, unsigned count, unsigned pad) {
    struct dirty_records records = {.start = records_memory, .bytes_max = sizeof(records_memory)};
    char key[256];
    memset(key, 'x', sizeof(key));
    for (unsigned i = 0; i < count; i++) {
        int bytes = snprintf(key, sizeof(key), "%llu", (unsigned long long)first + i);
        key[bytes] = 'x';
        ck_assert(
            dirty_records_put(&records, first + i, (first + i) * 3, key, (uint32_t)bytes + pad));
    }
    return records;
}

START_TEST(records_are_bounded_and_read_back_in_order) {
    struct dirty_records records = records_from(1, 3, 5);
    records.bytes_max = records.bytes + 31;
    ck_assert(!dirty_records_put(&records, 4, 0, "12345678", 8));
    ck_assert_uint_eq(records.count, 3);
    records.bytes_max++;
    ck_assert(dirty_records_put(&records, 4, 12, "12345678", 8));
    struct dirty_entry entry;
    uint32_t at = 0;
    for (uint64_t version = 1; version <= 4; version++) {
        ck_assert(dirty_records_next(&records, &at, &entry));
        ck_assert_int_eq(entry.kind, DIRTY_KEY);
        ck_assert_uint_eq(entry.version, version);
        ck_assert_uint_eq(entry.hash, version * 3);
        ck_assert_uint_eq(entry.key_bytes, version == 4 ? 8 : 6);
    }
    ck_assert_mem_eq(entry.key, "12345678", 8);
    ck_assert(!dirty_records_next(&records, &at, &entry));
}
END_TEST

START_TEST(what_was_sent_when_appended_goes_again_only_after_a_break) {
    struct dirty_records records = records_from(1, 3, 0);
    ck_assert_int_eq(dirty_log_append_all(log_, &records, true), DIRTY_APPENDED);
    ck_assert(!dirty_log_has_unsent(log_));
    dirty_log_rewind(log_);
    dirty_log_peek(log_, &batch);
    ck_assert_uint_eq(batch.count, 3);
    ck_assert_uint_eq(batch.entry[2].version, 3);
    dirty_log_sent(log_, &batch, 3);
    dirty_log_acked(log_, dirty_log_sent_position(log_));
    dirty_log_rewind(log_);
    ck_assert(!dirty_log_has_unsent(log_));
}
END_TEST

START_TEST(what_stands_behind_something_unsent_counts_as_unsent) {
    struct dirty_records records = records_from(2, 2, 0);
    append_key(1, "a");
    ck_assert_int_eq(dirty_log_append_all(log_, &records, true), DIRTY_APPENDED);
    dirty_log_peek(log_, &batch);
    ck_assert_uint_eq(batch.count, 3);
    dirty_log_sent(log_, &batch, 3);
    ck_assert_int_eq(dirty_log_append_all(log_, &records, false), DIRTY_APPENDED);
    struct dirty_log_stats stats;
    dirty_log_stats(log_, &stats);
    ck_assert_uint_eq(stats.unsent_entries, 2);
    ck_assert_uint_eq(stats.entries, 5);
}
END_TEST

START_TEST(records_too_many_for_the_log_overflow_it) {
    struct dirty_records records = records_from(1, 50, 100);
    unsigned rounds = 0;
    enum dirty_append result;
    while ((result = dirty_log_append_all(log_, &records, true)) == DIRTY_APPENDED)
        rounds++;
    ck_assert_int_eq(result, DIRTY_OVERFLOWED);
    ck_assert_uint_gt(rounds, SMALL_LOG_BYTES / sizeof(records_memory));
    ck_assert(!dirty_log_is_open(log_));
    ck_assert(!dirty_log_has_unsent(log_));
    ck_assert_int_eq(dirty_log_append_all(log_, &records, true), DIRTY_CLOSED);
    struct dirty_log_stats stats;
    dirty_log_stats(log_, &stats);
    ck_assert_uint_eq(stats.overflows, 1);
    ck_assert_uint_eq(stats.entries, 0);
}
END_TEST

/* Blocks of many lengths, across the ring's end and through its growth. */
START_TEST(records_wrap_without_losing_or_inventing_entries) {
    struct rng rng;
    rng_seed(&rng, (uint64_t)_i + 1);
    dirty_log_destroy(log_);
    log_ = dirty_log_create(2 << 20);
    uint64_t appended = 0;
    uint64_t read = 0;
    for (int round = 0; round < 3000; round++) {
        unsigned count = 1 + (unsigned)rng_below(&rng, 60);
        struct dirty_records records =
            records_from(appended + 1, count, 1 + (unsigned)rng_below(&rng, 200));
        ck_assert_int_eq(dirty_log_append_all(log_, &records, true), DIRTY_APPENDED);
        ck_assert(!dirty_log_has_unsent(log_));
        appended += count;
        if (rng_below(&rng, 20) != 0)
            continue;
        dirty_log_rewind(log_);
        uint64_t keep = rng_below(&rng, 3) ? rng_below(&rng, 300) : 0;
        while (read + keep < appended) {
            dirty_log_peek(log_, &batch);
            unsigned done = 0;
            while (done < batch.count && read + keep < appended) {
                ck_assert_uint_eq(batch.entry[done].version, ++read);
                ck_assert_uint_eq(strtoull(batch.entry[done++].key, NULL, 10), read);
            }
            dirty_log_sent(log_, &batch, done);
        }
        dirty_log_acked(log_, dirty_log_sent_position(log_));
        struct dirty_log_stats stats;
        dirty_log_stats(log_, &stats);
        ck_assert_uint_eq(stats.entries, appended - read);
        while (dirty_log_has_unsent(log_)) {
            dirty_log_peek(log_, &batch);
            dirty_log_sent(log_, &batch, batch.count);
        }
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
    tcase_add_test(tcase, records_are_bounded_and_read_back_in_order);
    tcase_add_test(tcase, what_was_sent_when_appended_goes_again_only_after_a_break);
    tcase_add_test(tcase, what_stands_behind_something_unsent_counts_as_unsent);
    tcase_add_test(tcase, records_too_many_for_the_log_overflow_it);
    tcase_add_loop_test(tcase, records_wrap_without_losing_or_inventing_entries, 0, 5);
    tcase_add_test(tcase, a_long_backlog_is_kept_whole);
    tcase_add_test(tcase, creation_survives_every_failed_allocation);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
