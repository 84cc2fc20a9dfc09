/* What a worker stages for its peer, and what it leaves to the log. */
#include "repl/stage.h"

#include <stdio.h>
#include <string.h>

#include "memcached/base/mem.h"
#include "t/unit/store_fixture.h"

static struct fixture f;
static struct stage stage;
static unsigned refused;

static bool changed(void *context, struct store_thread *thread, const struct store_change *change) {
    (void)context;
    ck_assert_ptr_eq(thread, f.thread);
    if (stage_put(&stage, &f.clock, change))
        return false;
    refused++;
    return true;
}

static void setup(void) {
    const char *why;
    struct store_observer observer = {.changed = changed};
    fixture_init(&f);
    f.config.is_replicated = true;
    f.store = store_create(&f.config, &why);
    store_observe(f.store, &observer);
    f.thread = store_thread_join(f.store);
    stage = (struct stage){.stream = NULL};
    refused = 0;
    ck_assert(stage_open(&stage));
}

static void teardown(void) {
    stage_free(&stage);
    fixture_close(&f);
}

#define ck_assert_stream(...)                                                                      \
    do {                                                                                           \
        char expected_[512];                                                                       \
        int bytes_ = snprintf(expected_, sizeof(expected_), __VA_ARGS__);                          \
        ck_assert_uint_eq(stage.stream_bytes, (size_t)bytes_);                                     \
        ck_assert_mem_eq(stage.stream, expected_, (size_t)bytes_);                                 \
    } while (0)

static unsigned long long stamp_of(const char *key) {
    return (unsigned long long)version_of(&f, key);
}

START_TEST(changes_are_spelled_as_the_peer_reads_them) {
    ck_assert(stage_is_empty(&stage));
    put(&f, STORE_SET, "a", "one");
    put_bytes(&f, "b", "two", 3, 5, in_seconds(&f, 60));
    unsigned long long a = stamp_of("a");
    unsigned long long b = stamp_of("b");
    drop(&f, "a");
    ck_assert_uint_eq(stage.records.count, 3);
    ck_assert_uint_eq(atomic_load(&stage.count), 3);
    ck_assert_uint_eq(atomic_load(&stage.oldest), a);
    ck_assert_stream("ms a 3 E%llu q\r\none\r\nms b 3 T60 F5 E%llu q\r\ntwo\r\n"
                     "md a E%llu q\r\n",
                     a, b, (unsigned long long)store_version_now(f.store));
    struct dirty_entry entry;
    uint32_t at = 0;
    ck_assert(dirty_records_next(&stage.records, &at, &entry));
    ck_assert_uint_eq(entry.version, a);
    ck_assert_uint_eq(entry.hash, key_of(&f, "a").hash);
    ck_assert_uint_eq(refused, 0);
    stage_clear(&stage);
    ck_assert(stage_is_empty(&stage));
    ck_assert_uint_eq(stage.records.count, 0);
    ck_assert_uint_eq(atomic_load(&stage.oldest), 0);
}
END_TEST

START_TEST(a_key_that_changes_again_and_again_is_taken_once) {
    static char large[STAGE_VALUE_BYTES_MAX + 1];
    memset(large, 'l', sizeof(large));
    put(&f, STORE_SET, "a", "one");
    put(&f, STORE_SET, "b", "1");
    unsigned long long a = stamp_of("a");
    for (int i = 0; i < 100000; i++)
        put(&f, STORE_SET, "b", "2");
    ck_assert_uint_eq(refused, 0);
    ck_assert_uint_eq(atomic_load(&stage.count), 2);
    ck_assert_uint_eq(stage.records.count, 2);
    unsigned long long b = stamp_of("b");
    put(&f, STORE_SET, "a", "two");
    ck_assert_stream("ms a 3 E%llu q\r\none\r\nms b 1 E%llu q\r\n2\r\n"
                     "ms a 3 E%llu q\r\ntwo\r\n",
                     a, b, stamp_of("a"));
    stage_clear(&stage);
    put(&f, STORE_SET, "a", "three");
    drop(&f, "a");
    ck_assert_stream("md a E%llu q\r\n", (unsigned long long)store_version_now(f.store));
    ck_assert_uint_eq(atomic_load(&stage.oldest), store_version_now(f.store));
    /* what is left to the log leaves nothing older behind */
    put_bytes(&f, "a", large, sizeof(large), 0, 0);
    ck_assert_uint_eq(refused, 1);
    ck_assert(stage_is_empty(&stage));
    ck_assert_uint_eq(atomic_load(&stage.count), 0);
    ck_assert_uint_eq(atomic_load(&stage.oldest), 0);
    ck_assert_uint_eq(stage.records.bytes, 0);
}
END_TEST

START_TEST(large_and_chunked_values_are_left_to_the_log) {
    static char value[700 * 1024];
    memset(value, 'v', sizeof(value));
    put_bytes(&f, "fits", value, STAGE_VALUE_BYTES_MAX, 0, 0);
    ck_assert_uint_eq(refused, 0);
    put_bytes(&f, "large", value, STAGE_VALUE_BYTES_MAX + 1, 0, 0);
    put_bytes(&f, "chunked", value, sizeof(value), 0, 0);
    ck_assert_uint_eq(refused, 2);
    ck_assert_uint_eq(stage.records.count, 1);
}
END_TEST

/* Until either of its two parts is full, and never a byte further. */
START_TEST(a_full_stage_leaves_the_rest_to_the_log) {
    static const size_t sizes[] = {0, 1, 100, 1000, STAGE_VALUE_BYTES_MAX};
    static char value[STAGE_VALUE_BYTES_MAX];
    memset(value, 'v', sizeof(value));
    unsigned count = 0;
    while (refused == 0) {
        char key[32];
        snprintf(key, sizeof(key), "key %u", count++);
        key[3] = '-';
        put_bytes(&f, key, value, sizes[_i], 0, 0);
        ck_assert_uint_lt(count, 100000);
    }
    ck_assert_uint_eq(stage.records.count, count - 1);
    ck_assert_uint_le(stage.stream_bytes, STAGE_STREAM_BYTES);
    ck_assert_uint_le(stage.records.bytes, STAGE_RECORD_BYTES);
    ck_assert_mem_eq(stage.stream + stage.stream_bytes - 2, "\r\n", 2);
    while (refused < 2) { /* a deletion needs less room */
        char key[32];
        snprintf(key, sizeof(key), "absent-%u", count++);
        drop(&f, key);
    }
    ck_assert_uint_le(stage.stream_bytes, STAGE_STREAM_BYTES);
}
END_TEST

START_TEST(without_memory_a_stage_stays_closed) {
    struct stage closed = {.stream = NULL};
    mem_fail_after(0);
    ck_assert(!stage_open(&closed));
    mem_fail_after(-1);
    stage_free(&stage);
    put(&f, STORE_SET, "a", "one");
    ck_assert_uint_eq(refused, 1);
    ck_assert(stage_is_empty(&stage));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("stage");
    TCase *tcase = tcase_create("stage");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, changes_are_spelled_as_the_peer_reads_them);
    tcase_add_test(tcase, a_key_that_changes_again_and_again_is_taken_once);
    tcase_add_test(tcase, large_and_chunked_values_are_left_to_the_log);
    tcase_add_loop_test(tcase, a_full_stage_leaves_the_rest_to_the_log, 0, 5);
    tcase_add_test(tcase, without_memory_a_stage_stays_closed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
