/* The base layer: clock, chance, hashes, numbers, memory that can be refused, locks with ranks. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "memcached/base/bytes.h"
#include "memcached/base/check.h"
#include "memcached/base/clock.h"
#include "memcached/base/hash.h"
#include "memcached/base/lock.h"
#include "memcached/base/mem.h"
#include "memcached/base/num.h"
#include "memcached/base/rng.h"
#include "t/unit/suite.h"

START_TEST(clock_counts_seconds_from_its_start) {
    struct clock clock;
    clock_start(&clock, 1700000000123, 5500);
    ck_assert_uint_eq(clock_seconds(&clock), CLOCK_FIRST_SECOND);
    ck_assert_uint_eq(clock_wall_ms(&clock), 1700000000123);
    clock_set(&clock, 1700000000123, 6499);
    ck_assert_uint_eq(clock_seconds(&clock), CLOCK_FIRST_SECOND);
    clock_set(&clock, 1600000000000, 6500); /* the wall may go back, seconds do not */
    ck_assert_uint_eq(clock_seconds(&clock), CLOCK_FIRST_SECOND + 1);
    ck_assert_uint_eq(clock_wall_ms(&clock), 1600000000000);
    ck_assert_uint_eq(clock_mono_ms(&clock), 6500);
}
END_TEST

START_TEST(a_clock_that_is_shifted_stays_so) {
    struct clock clock;
    clock_start(&clock, 1700000000000, 5000);
    clock_shift(&clock, 100);
    ck_assert_uint_eq(clock_seconds(&clock), CLOCK_FIRST_SECOND + 100);
    ck_assert_uint_eq(clock_wall_ms(&clock), 1700000000000);
    clock_set(&clock, 1700000001000, 6000);
    ck_assert_uint_eq(clock_seconds(&clock), CLOCK_FIRST_SECOND + 101);
    ck_assert_uint_eq(clock_mono_ms(&clock), 6000);
}
END_TEST

START_TEST(clock_tells_when_the_next_second_begins) {
    struct clock clock;
    clock_start(&clock, 1700000000123, 5500);
    ck_assert_uint_eq(clock_second_left_ms(&clock), 1000);
    clock_set(&clock, 1700000000123, 6499);
    ck_assert_uint_eq(clock_second_left_ms(&clock), 1);
    clock_set(&clock, 1700000000123, 6500 + 250);
    ck_assert_uint_eq(clock_second_left_ms(&clock), 750);
}
END_TEST

START_TEST(clock_reads_the_system) {
    struct clock clock;
    clock_start_now(&clock);
    uint64_t wall_ms = clock_wall_ms(&clock);
    uint64_t mono_ms = clock_mono_ms(&clock);
    ck_assert_uint_gt(wall_ms, 1600000000000);
    clock_update(&clock);
    ck_assert_uint_ge(clock_mono_ms(&clock), mono_ms);
    ck_assert_uint_ge(clock_seconds(&clock), CLOCK_FIRST_SECOND);
}
END_TEST

START_TEST(rng_repeats_with_its_seed) {
    struct rng a, b, c;
    rng_seed(&a, 42);
    rng_seed(&b, 42);
    rng_seed(&c, 43);
    bool differs = false;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t number = rng_next(&a);
        ck_assert_uint_eq(number, rng_next(&b));
        differs |= number != rng_next(&c);
    }
    ck_assert(differs);
}
END_TEST

START_TEST(rng_below_stays_below_and_reaches_everything) {
    struct rng rng;
    unsigned seen[10] = {0};
    rng_seed(&rng, 0);
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t number = rng_below(&rng, 10);
        ck_assert_uint_lt(number, 10);
        seen[number]++;
    }
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_uint_gt(seen[i], 800);
        ck_assert_uint_lt(seen[i], 1200);
    }
    ck_assert_uint_eq(rng_below(&rng, 1), 0);
    ck_assert_uint_ne(rng_system_seed(), rng_system_seed());
}
END_TEST

START_TEST(hash_depends_on_every_byte_the_length_and_the_secret) {
    struct rng rng;
    struct hash_secret secret, other;
    char data[300];
    rng_seed(&rng, 7);
    hash_secret_draw(&secret, &rng);
    hash_secret_draw(&other, &rng);
    memset(data, 'x', sizeof(data));
    for (size_t bytes = 0; bytes <= 250; bytes++) {
        uint64_t hash = hash_bytes(&secret, data, bytes);
        ck_assert_uint_eq(hash, hash_bytes(&secret, data, bytes));
        ck_assert_uint_ne(hash, hash_bytes(&secret, data, bytes + 1));
        ck_assert_uint_ne(hash, hash_bytes(&other, data, bytes));
        for (size_t i = 0; i < bytes; i++) {
            data[i] ^= 1;
            ck_assert_msg(hash != hash_bytes(&secret, data, bytes), "byte %zu of %zu", i, bytes);
            data[i] ^= 1;
        }
    }
}
END_TEST

START_TEST(hash_spreads_similar_keys) {
    struct rng rng;
    struct hash_secret secret;
    static unsigned low[256], high[256];
    rng_seed(&rng, 9);
    hash_secret_draw(&secret, &rng);
    for (unsigned i = 0; i < 256000; i++) {
        char key[32];
        size_t bytes = (size_t)sprintf(key, "key:%u", i);
        uint64_t hash = hash_bytes(&secret, key, bytes);
        low[hash & 255]++;
        high[hash >> 56]++;
    }
    for (unsigned i = 0; i < 256; i++) {
        ck_assert_uint_gt(low[i], 800);
        ck_assert_uint_lt(low[i], 1200);
        ck_assert_uint_gt(high[i], 800);
        ck_assert_uint_lt(high[i], 1200);
    }
}
END_TEST

START_TEST(num_u64_takes_whole_fields_only) {
    static const struct {
        const char *text;
        bool is_number;
        uint64_t value;
    } cases[] = {
        {"0", true, 0},
        {"00012", true, 12},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999", false, 0},
        {"100000000000000000000", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1x", false, 0},
        {"x", false, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint64_t value = 77;
        bool is_number = num_u64(cases[i].text, strlen(cases[i].text), &value);
        ck_assert_msg(is_number == cases[i].is_number, "%s", cases[i].text);
        ck_assert_uint_eq(value, is_number ? cases[i].value : 77);
    }
}
END_TEST

START_TEST(num_u64_reads_what_printf_wrote_and_nothing_else) {
    struct rng rng;
    rng_seed(&rng, 11);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t value = rng_next(&rng) >> rng_below(&rng, 64);
        char text[32];
        size_t bytes = (size_t)sprintf(text, "%llu", (unsigned long long)value);
        uint64_t read;
        ck_assert(num_u64(text, bytes, &read));
        ck_assert_uint_eq(read, value);
        size_t at = rng_below(&rng, bytes);
        text[at] = (char)rng_below(&rng, 256);
        bool is_all_digits = strspn(text, "0123456789") == bytes;
        errno = 0;
        uint64_t expected = strtoull(text, NULL, 10);
        ck_assert_int_eq(num_u64(text, bytes, &read), is_all_digits && errno == 0);
        if (is_all_digits && errno == 0)
            ck_assert_uint_eq(read, expected);
    }
}
END_TEST

START_TEST(num_u32_and_num_i64_have_bounds) {
    uint32_t u32;
    int64_t i64;
    ck_assert(num_u32("4294967295", 10, &u32) && u32 == UINT32_MAX);
    ck_assert(!num_u32("4294967296", 10, &u32));
    ck_assert(num_i64("-9223372036854775808", 20, &i64) && i64 == INT64_MIN);
    ck_assert(num_i64("9223372036854775807", 19, &i64) && i64 == INT64_MAX);
    ck_assert(!num_i64("9223372036854775808", 19, &i64));
    ck_assert(!num_i64("-9223372036854775809", 20, &i64));
    ck_assert(num_i64("-0", 2, &i64) && i64 == 0);
    ck_assert(!num_i64("-", 1, &i64));
    ck_assert(!num_i64("--1", 3, &i64));
    ck_assert(!num_i64("", 0, &i64));
}
END_TEST

START_TEST(num_put_writes_what_printf_does) {
    struct rng rng;
    rng_seed(&rng, 3);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t value = rng_next(&rng) >> rng_below(&rng, 64);
        char expected[32], out[NUM_U64_DIGITS_MAX + 1];
        if (i == 0)
            value = 0;
        if (i == 1)
            value = UINT64_MAX;
        int bytes = sprintf(expected, "%llu", (unsigned long long)value);
        ck_assert_uint_eq(num_put_u64(out, value), (size_t)bytes);
        ck_assert_mem_eq(out, expected, (size_t)bytes);
    }
}
END_TEST

START_TEST(a_stem_changes_with_the_numbers) {
    static const uint64_t starts[] = {0, 99999990, 9999999990, 1790000099999990, UINT64_MAX - 40};
    struct num_stem stem = {0};
    for (size_t i = 0; i < ARRAY_COUNT(starts); i++) {
        for (uint64_t value = starts[i]; value - starts[i] <= 40; value++) {
            char expected[32], out[NUM_U64_DIGITS_MAX + 1];
            int bytes = sprintf(expected, "%llu", (unsigned long long)value);
            ck_assert_uint_eq(num_put_u64_on(out, &stem, value), (size_t)bytes);
            ck_assert_mem_eq(out, expected, (size_t)bytes);
        }
    }
}
END_TEST

START_TEST(num_bytes_knows_suffixes) {
    static const struct {
        const char *text;
        bool is_number;
        uint64_t value;
    } cases[] = {
        {"1024", true, 1024},  {"1k", true, 1024},
        {"2M", true, 2 << 20}, {"3g", true, (uint64_t)3 << 30},
        {"", false, 0},        {"k", false, 0},
        {"1kk", false, 0},     {"1t", false, 0},
        {"-1k", false, 0},     {"17179869184g", false, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint64_t value = 0;
        bool is_number = num_bytes(cases[i].text, &value);
        ck_assert_msg(is_number == cases[i].is_number, "%s", cases[i].text);
        if (is_number)
            ck_assert_uint_eq(value, cases[i].value);
    }
}
END_TEST

START_TEST(bytes_are_put_where_they_belong_and_nowhere_else) {
    enum { MOST = 3 * BYTES_FEW_MAX };
    char from[MOST], to[1 + MOST + 1], expected[sizeof(to)];
    for (unsigned i = 0; i < MOST; i++)
        from[i] = (char)(i + 1);
    for (size_t count = 0; count <= MOST; count++) {
        memset(to, 0, sizeof(to));
        memset(expected, 0, sizeof(expected));
        memcpy(expected + 1, from, count);
        ck_assert_ptr_eq(bytes_put(to + 1, from, count), to + 1 + count);
        ck_assert_mem_eq(to, expected, sizeof(to));
    }
}
END_TEST

START_TEST(memory_is_zeroed_aligned_and_copied) {
    unsigned char *zeroed = mem_zalloc(1000);
    unsigned char *aligned = mem_aligned_zalloc(64, 100);
    char *copy = mem_strdup("text");
    ck_assert_uint_eq((uintptr_t)aligned % 64, 0);
    for (unsigned i = 0; i < 1000; i++)
        ck_assert(zeroed[i] == 0 && (i >= 100 || aligned[i] == 0));
    ck_assert_str_eq(copy, "text");
    copy = mem_realloc(copy, 100);
    ck_assert_str_eq(copy, "text");
    mem_free(copy);
    mem_free(aligned);
    mem_free(zeroed);
    mem_free(NULL);
    mem_free(mem_alloc(0));
}
END_TEST

START_TEST(a_reservation_is_zeros_and_forgets) {
    enum { BYTES = 1 << 20 };
    char *start = mem_reserve((size_t)1 << 30, false);
    ck_assert_ptr_nonnull(start);
    ck_assert_int_eq(start[(1 << 30) - 1], 0);
    memset(start, 1, BYTES);
    mem_forget(start, BYTES);
    ck_assert_int_eq(start[0], 0);
    ck_assert_int_eq(start[BYTES - 1], 0);
    mem_unreserve(start, (size_t)1 << 30);
    mem_unreserve(NULL, 0);
}
END_TEST

START_TEST(memory_fails_once_when_told_to) {
    mem_fail_after(1);
    void *first = mem_alloc(8);
    ck_assert_ptr_nonnull(first);
    ck_assert(!mem_has_failed());
    ck_assert_ptr_null(mem_strdup("x"));
    ck_assert(mem_has_failed());
    void *second = mem_alloc(8);
    ck_assert_ptr_nonnull(second);
    mem_fail_after(0);
    ck_assert_ptr_null(mem_reserve(4096, false));
    mem_fail_after(0);
    ck_assert_ptr_null(mem_realloc(first, 100));
    mem_fail_after(-1);
    ck_assert(!mem_has_failed());
    mem_free(first);
    mem_free(second);
}
END_TEST

static struct lock counter_lock;
static unsigned counter;

static void *count(void *context) {
    (void)context;
    for (unsigned i = 0; i < 10000; i++) {
        lock_acquire(&counter_lock);
        counter++;
        lock_release(&counter_lock);
    }
    return NULL;
}

static void *try_lock(void *context) {
    bool *was_free = context;
    *was_free = lock_try(&counter_lock);
    if (*was_free)
        lock_release(&counter_lock);
    return NULL;
}

START_TEST(a_lock_excludes) {
    pthread_t threads[3];
    bool was_free = true;
    lock_init(&counter_lock, RANK_STRIPE);
    for (unsigned i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, count, NULL);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(counter, 30000);
    lock_acquire(&counter_lock);
    pthread_create(&threads[0], NULL, try_lock, &was_free);
    pthread_join(threads[0], NULL);
    ck_assert(!was_free);
    lock_release(&counter_lock);
    pthread_create(&threads[0], NULL, try_lock, &was_free);
    pthread_join(threads[0], NULL);
    ck_assert(was_free);
    lock_destroy(&counter_lock);
}
END_TEST

static struct latch waited_latch;

static void *wait_for_latch(void *context) {
    (void)context;
    latch_acquire(&waited_latch);
    latch_release(&waited_latch);
    return NULL;
}

START_TEST(waits_for_a_latch_are_counted) {
    const struct timespec held = {.tv_nsec = 3000000};
    struct latch_waits waits;
    pthread_t thread;
    latch_init(&waited_latch, RANK_STRIPE);
    latch_waits_reset();
    wait_for_latch(NULL);
    latch_waits_get(&waits);
    ck_assert_uint_eq(waits.count, 0);

    /* held until it is known that somebody waits: a wait is counted when it is over */
    do {
        latch_acquire(&waited_latch);
        pthread_create(&thread, NULL, wait_for_latch, NULL);
        nanosleep(&held, NULL);
        latch_release(&waited_latch);
        pthread_join(thread, NULL);
        latch_waits_get(&waits);
    } while (waits.count == 0);
    ck_assert_uint_gt(waits.longest_ns, 0);
    latch_waits_reset();
    latch_waits_get(&waits);
    ck_assert_uint_eq(waits.count + waits.longest_ns, 0);
    latch_destroy(&waited_latch);
}
END_TEST

START_TEST(locks_in_order_of_rank_are_fine_and_trying_is_free_of_it) {
    struct lock stripe, class;
    lock_init(&stripe, RANK_STRIPE);
    lock_init(&class, RANK_CLASS);
    lock_acquire(&stripe);
    lock_acquire(&class);
    lock_assert_held(&class);
    lock_release(&stripe); /* the order of release does not matter */
    ck_assert(lock_try(&stripe));
    lock_release(&class);
    lock_release(&stripe);
    lock_destroy(&class);
    lock_destroy(&stripe);
}
END_TEST

START_TEST(a_failed_check_aborts) {
    CHECK(1 + 1 == 2);
    if (freopen("/dev/null", "w", stderr))
        CHECK(1 + 1 == 3);
}
END_TEST

#ifdef ENABLE_DEBUG
START_TEST(locks_against_the_order_abort) {
    struct lock stripe, class;
    lock_init(&stripe, RANK_STRIPE);
    lock_init(&class, RANK_CLASS);
    lock_acquire(&class);
    if (freopen("/dev/null", "w", stderr))
        lock_acquire(&stripe);
}
END_TEST
#endif

static Suite *base_suite(void) {
    Suite *suite = suite_create("base");
    TCase *tcase = tcase_create("base");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, clock_counts_seconds_from_its_start);
    tcase_add_test(tcase, a_clock_that_is_shifted_stays_so);
    tcase_add_test(tcase, clock_tells_when_the_next_second_begins);
    tcase_add_test(tcase, clock_reads_the_system);
    tcase_add_test(tcase, rng_repeats_with_its_seed);
    tcase_add_test(tcase, rng_below_stays_below_and_reaches_everything);
    tcase_add_test(tcase, hash_depends_on_every_byte_the_length_and_the_secret);
    tcase_add_test(tcase, hash_spreads_similar_keys);
    tcase_add_test(tcase, num_u64_takes_whole_fields_only);
    tcase_add_test(tcase, num_u64_reads_what_printf_wrote_and_nothing_else);
    tcase_add_test(tcase, num_u32_and_num_i64_have_bounds);
    tcase_add_test(tcase, num_put_writes_what_printf_does);
    tcase_add_test(tcase, a_stem_changes_with_the_numbers);
    tcase_add_test(tcase, num_bytes_knows_suffixes);
    tcase_add_test(tcase, bytes_are_put_where_they_belong_and_nowhere_else);
    tcase_add_test(tcase, memory_is_zeroed_aligned_and_copied);
    tcase_add_test(tcase, a_reservation_is_zeros_and_forgets);
    tcase_add_test(tcase, memory_fails_once_when_told_to);
    tcase_add_test(tcase, a_lock_excludes);
    tcase_add_test(tcase, waits_for_a_latch_are_counted);
    tcase_add_test(tcase, locks_in_order_of_rank_are_fine_and_trying_is_free_of_it);
    if (suites_fork()) {
        tcase_add_test_raise_signal(tcase, a_failed_check_aborts, SIGABRT);
#ifdef ENABLE_DEBUG
        tcase_add_test_raise_signal(tcase, locks_against_the_order_abort, SIGABRT);
#endif
    }
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(base_suite());
}
