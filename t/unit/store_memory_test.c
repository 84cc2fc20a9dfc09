/* Memory: chunk sizes, the limit, eviction and its order, pages that change class, refusals. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "t/unit/store_fixture.h"

static struct fixture f;

static void setup(void) {
    fixture_init(&f);
}

static void teardown(void) {
    fixture_close(&f);
}

enum { MB = 1 << 20 };

/* As `memcached -vv` prints them (1.6.38). */
START_TEST(chunk_sizes_are_those_of_memcached) {
    static const struct {
        double factor;
        uint32_t bytes_min, chunk_max;
        unsigned count;
        struct {
            unsigned id;
            uint32_t bytes;
        } some[6];
    } cases[] = {
        {1.25, 48, 0, 39, {{1, 96}, {2, 120}, {3, 152}, {25, 21696}, {31, 82792}, {39, 524288}}},
        {1.5, 48, 0, 22, {{2, 144}, {3, 216}, {11, 5680}, {21, 327712}, {22, 524288}}},
        {1.25, 100, 0, 37, {{1, 152}, {2, 192}, {36, 394840}, {37, 524288}}},
        {1.08, 48, 0, 63, {{1, 96}, {2, 104}, {20, 512}, {62, 13800}, {63, 524288}}},
        {1.25, 5, 0, 41, {{1, 56}, {2, 72}, {3, 96}, {40, 394840}, {41, 524288}}},
        {1.25, 48, 16384, 23, {{22, 11104}, {23, 16384}}},
        {1.1, 48, 16384, 51, {{7, 200}, {50, 13688}, {51, 16384}}},
        {1.25, 48, 1 << 20, 42, {{39, 493552}, {41, 771184}, {42, 1 << 20}}},
        {1.25, 300000, 0, 3, {{1, 300048}, {2, 375064}, {3, 524288}}},
        {3, 48, 0, 8, {{2, 288}, {7, 69984}, {8, 524288}}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture_init(&f);
        f.config.growth_factor = cases[i].factor;
        f.config.item_bytes_min = cases[i].bytes_min;
        f.config.slab_chunk_bytes_max = cases[i].chunk_max;
        fixture_open(&f);
        ck_assert_uint_eq(store_class_count(f.store), cases[i].count);
        for (unsigned j = 0; j < 6 && cases[i].some[j].id; j++) {
            struct store_class_stats stats;
            store_class_stats(f.store, cases[i].some[j].id, &stats);
            ck_assert_uint_eq(stats.chunk_bytes, cases[i].some[j].bytes);
            ck_assert_uint_eq(stats.chunks_per_page, MB / stats.chunk_bytes);
        }
        if (i + 1 < sizeof(cases) / sizeof(cases[0]))
            fixture_close(&f);
    }
}
END_TEST

START_TEST(bad_settings_are_refused) {
    const char *why;
    struct store_config config = f.config;
    config.limit_bytes = 1000;
    ck_assert_ptr_null(store_create(&config, &why));
    ck_assert_ptr_nonnull(why);
    config = f.config;
    config.growth_factor = 1.0;
    ck_assert_ptr_null(store_create(&config, &why));
    config = f.config;
    config.thread_count_max = 1;
    f.config = config;
    fixture_open(&f);
    ck_assert_ptr_null(store_thread_join(f.store));
}
END_TEST

START_TEST(largest_item_is_that_of_memcached) {
    fixture_open(&f);
    ck_assert_int_eq(put_patterned(&f, "a", 1, 1048516), STORE_OK);
    ck_assert(is_patterned(&f, "a", 1, 1048516));
    ck_assert_int_eq(put_patterned(&f, "a", 1, 1048517), STORE_TOO_LARGE);
    ck_assert_int_eq(put_patterned(&f, "ab", 1, 1048516), STORE_TOO_LARGE);
    ck_assert_uint_eq(stats_of(&f).store_too_large_count, 2);
}
END_TEST

START_TEST(the_limit_is_exact_and_the_oldest_go) {
    f.config.limit_bytes = 4 * MB;
    fixture_open(&f);
    for (unsigned i = 0; i < 20000; i++)
        ck_assert_int_eq(put_numbered(&f, "k", i, 500), STORE_OK);
    struct store_stats stats = stats_of(&f);
    ck_assert_uint_eq(stats.pages_total, 4);
    ck_assert_uint_eq(stats.curr_items + stats.evictions, 20000);
    ck_assert_uint_eq(stats.evicted_unfetched, stats.evictions);
    for (unsigned i = 0; i < 20000; i++)
        ck_assert_int_eq(has_numbered(&f, "k", i), i >= stats.evictions);
}
END_TEST

START_TEST(what_is_read_stays) {
    f.config.limit_bytes = 4 * MB;
    fixture_open(&f);
    for (unsigned i = 0; i < 40000; i++) {
        ck_assert_int_eq(put_numbered(&f, "k", i, 500), STORE_OK);
        if (i % 100 == 0) {
            for (unsigned hot = 0; hot < 50; hot++) {
                if (i >= hot)
                    ck_assert(has_numbered(&f, "k", hot));
            }
            store_maintain(f.thread);
            fixture_wait(&f, 1);
        }
    }
    struct store_stats stats = stats_of(&f);
    ck_assert_uint_gt(stats.evictions, 0);
    ck_assert_uint_gt(stats.moves_to_warm, 0);
    ck_assert_uint_gt(stats.moves_to_cold, 0);
}
END_TEST

static void hold(const char *name, struct store_view *view) {
    struct store_key key = key_of(&f, name);
    ck_assert_int_eq(store_get(f.thread, &key, STORE_GET, view), STORE_OK);
}

START_TEST(what_is_held_at_the_tail_keeps_no_other_from_going) {
    f.config.limit_bytes = 1 * MB;
    f.config.item_bytes_max = MB / 2;
    fixture_open(&f);
    struct store_view view;
    put_numbered(&f, "k", 0, 1000);
    hold("k0", &view);
    unsigned count = 1;
    for (; stats_of(&f).evictions < 10; count++)
        ck_assert_int_eq(put_numbered(&f, "k", count, 1000), STORE_OK);
    ck_assert_uint_eq(class_stats(&f, view.class_id).lrutail_reflocked, 10);
    /* where more is cold, it goes to the head and is out of the way */
    fixture_wait(&f, 10);
    fixture_settle(&f);
    for (; stats_of(&f).evictions < 20; count++)
        ck_assert_int_eq(put_numbered(&f, "k", count, 1000), STORE_OK);
    ck_assert_uint_eq(class_stats(&f, view.class_id).lrutail_reflocked, 11);
    for (unsigned i = 0; i < count; i++)
        ck_assert_int_eq(has_numbered(&f, "k", i), i == 0 || i > 20);
    ck_assert_uint_eq(class_stats(&f, view.class_id).outofmemory, 0);
    store_item_release(f.thread, view.item);
}
END_TEST

/* Nothing of a class can go, and no page can change class: a chunk of a larger class serves. */
START_TEST(a_larger_chunk_is_better_than_none) {
    enum { SMALL = 100000, LARGE = 400000 };
    f.config.limit_bytes = 2 * MB;
    f.config.item_bytes_max = MB;
    fixture_open(&f);
    struct store_view small[16];
    struct store_view large;
    put_numbered(&f, "large", 0, LARGE);
    hold("large0", &large);
    unsigned count = 0;
    do {
        char name[16];
        snprintf(name, sizeof(name), "small%u", count);
        ck_assert_int_eq(put_numbered(&f, "small", count, SMALL), STORE_OK);
        ck_assert_uint_lt(count, 16);
        hold(name, &small[count++]);
    } while (class_stats(&f, small[0].class_id).free_chunks);
    ck_assert_uint_ge(class_stats(&f, large.class_id).free_chunks, 1);
    ck_assert_int_eq(put_numbered(&f, "small", count, SMALL), STORE_OK);
    ck_assert_uint_eq(class_stats(&f, large.class_id).used_chunks, 2);
    ck_assert(has_numbered(&f, "small", count));
    ck_assert_uint_eq(stats_of(&f).evictions, 0);
    store_item_release(f.thread, large.item);
    while (count > 0)
        store_item_release(f.thread, small[--count].item);
}
END_TEST

START_TEST(a_cold_item_that_is_read_goes_to_warm) {
    struct store_class_stats stats;
    fixture_open(&f);
    for (unsigned i = 0; i < 100; i++)
        put_numbered(&f, "k", i, 10);
    fixture_settle(&f);
    store_class_stats(f.store, 1, &stats);
    ck_assert_uint_gt(stats.segment_number[2], 70);
    ck_assert_uint_eq(stats.segment_number[0] + stats.segment_number[2], 100);
    for (unsigned i = 0; i < 3; i++)
        ck_assert(has_numbered(&f, "k", 5));
    store_maintain(f.thread);
    store_class_stats(f.store, 1, &stats);
    ck_assert_uint_eq(stats.segment_number[1], 1);
    ck_assert_uint_eq(stats.moves_to_warm, 1);
}
END_TEST

START_TEST(without_eviction_memory_runs_out) {
    f.config.limit_bytes = 2 * MB;
    f.config.is_evicting = false;
    fixture_open(&f);
    unsigned stored = 0;
    while (put_numbered(&f, "k", stored, 1000) == STORE_OK)
        stored++;
    ck_assert_uint_gt(stored, 1500);
    struct store_view view;
    hold("k0", &view);
    store_item_release(f.thread, view.item);
    ck_assert_uint_eq(class_stats(&f, view.class_id).outofmemory, 1);
    ck_assert_int_eq(put_numbered(&f, "k", stored, 1000), STORE_NO_MEMORY);
    ck_assert_uint_eq(class_stats(&f, view.class_id).outofmemory, 2);
    ck_assert_uint_eq(stats_of(&f).evictions, 0);
    ck_assert_uint_gt(stats_of(&f).store_no_memory_count, 0);
    for (unsigned i = 0; i < stored; i++)
        ck_assert(has_numbered(&f, "k", i));
    /* what is overwritten or expired makes room; an empty page may serve another class */
    for (unsigned i = 0; i < stored; i++) {
        char key[32];
        snprintf(key, sizeof(key), "k%u", i);
        drop(&f, key);
    }
    ck_assert_int_eq(put_numbered(&f, "k", 1, 1000), STORE_OK);
    ck_assert_int_eq(put_numbered(&f, "other", 0, 10), STORE_OK);
}
END_TEST

START_TEST(without_eviction_the_dead_make_room) {
    f.config.limit_bytes = MB;
    f.config.is_evicting = false;
    fixture_open(&f);
    unsigned stored = 0;
    while (put_bytes(&f, "x", "v", 1, 0, 0) == STORE_OK && stored < 10)
        stored++;
    char key[32];
    char value[1000] = {0};
    do
        snprintf(key, sizeof(key), "k%u", stored++);
    while (put_bytes(&f, key, value, 50, 0, in_seconds(&f, 10)) == STORE_OK && stored < 20000);
    ck_assert_uint_lt(stored, 20000);
    fixture_wait(&f, 10);
    ck_assert_int_eq(put_bytes(&f, "new", value, 50, 0, 0), STORE_OK);
    ck_assert_uint_gt(stats_of(&f).reclaimed, 0);
}
END_TEST

START_TEST(every_class_can_store_whatever_filled_memory) {
    static const uint64_t limits[] = {1, 2, 8};
    for (size_t l = 0; l < 3; l++) {
        fixture_init(&f);
        f.config.limit_bytes = limits[l] * MB;
        f.config.item_bytes_max = MB / 2;
        fixture_open(&f);
        for (unsigned i = 0; i < 30000; i++)
            ck_assert_int_eq(put_numbered(&f, "small", i, 60), STORE_OK);
        for (unsigned round = 0; round < 3; round++) {
            for (size_t bytes = 1; bytes < 500000; bytes = bytes * 5 / 4 + 1) {
                ck_assert_int_eq(put_numbered(&f, "other", (unsigned)bytes, bytes), STORE_OK);
                ck_assert(has_numbered(&f, "other", (unsigned)bytes));
            }
        }
        ck_assert_uint_le(stats_of(&f).pages_total, limits[l] + store_class_count(f.store));
        if (l < 2)
            fixture_close(&f);
    }
}
END_TEST

/* Items that are held until their class has no chunk left. */
enum { FULL_BYTES = 7000, FULL_MAX = 150 };

static struct store_view held_views[FULL_MAX];
static unsigned held_count;

static void hold_a_class(void) {
    held_count = 0;
    do {
        char name[16];
        ck_assert_uint_lt(held_count, FULL_MAX);
        snprintf(name, sizeof(name), "full%u", held_count);
        ck_assert_int_eq(put_numbered(&f, "full", held_count, FULL_BYTES), STORE_OK);
        hold(name, &held_views[held_count++]);
    } while (class_stats(&f, held_views[0].class_id).free_chunks);
}

static void release_the_class(void) {
    while (held_count)
        store_item_release(f.thread, held_views[--held_count].item);
}

START_TEST(a_held_item_keeps_its_page) {
    f.config.limit_bytes = MB;
    f.config.item_bytes_max = MB / 2;
    fixture_open(&f);
    put_numbered(&f, "held", 7, 60);
    struct store_key key = key_of(&f, "held7");
    struct store_view view;
    ck_assert_int_eq(store_get(f.thread, &key, STORE_GET, &view), STORE_OK);
    hold_a_class();
    ck_assert_int_eq(put_numbered(&f, "other", 1, FULL_BYTES), STORE_NO_MEMORY);
    char *value = patterned(7, 60);
    ck_assert_mem_eq(view.value, value, 60);
    free(value);
    ck_assert_int_eq(put_numbered(&f, "same", 1, 60), STORE_OK);
    fixture_verify(&f);
    store_item_release(f.thread, view.item);
    ck_assert_int_eq(put_numbered(&f, "other", 1, FULL_BYTES), STORE_OK);
    release_the_class();
}
END_TEST

START_TEST(a_page_waits_for_a_read_under_way) {
    f.config.limit_bytes = MB;
    f.config.item_bytes_max = MB / 2;
    fixture_open(&f);
    struct store_thread *reader = store_thread_join(f.store);
    put_numbered(&f, "k", 7, 60);
    hold_a_class();
    struct store_key key = key_of(&f, "k7");
    struct store_view view;
    ck_assert_int_eq(store_peek(reader, &key, &view), STORE_PEEK_HIT);
    ck_assert_int_eq(put_numbered(&f, "other", 1, FULL_BYTES), STORE_NO_MEMORY);
    ck_assert(!store_peek_confirm(reader, &view));
    ck_assert_int_eq(put_numbered(&f, "other", 1, FULL_BYTES), STORE_OK);
    ck_assert_int_eq(store_peek(reader, &key, &view), STORE_PEEK_MISS);
    /* a read that is never confirmed ends when its handle says so */
    struct store_key other = key_of(&f, "other1");
    ck_assert_int_eq(store_peek(reader, &other, &view), STORE_PEEK_HIT);
    ck_assert_int_eq(put_numbered(&f, "k", 7, 60), STORE_NO_MEMORY);
    store_thread_quiesce(reader);
    ck_assert_int_eq(put_numbered(&f, "k", 7, 60), STORE_OK);
    store_thread_leave(reader);
    release_the_class();
}
END_TEST

START_TEST(the_limit_goes_up_and_down) {
    f.config.limit_bytes = 4 * MB;
    fixture_open(&f);
    for (unsigned i = 0; i < 10000; i++)
        put_numbered(&f, "k", i, 1000);
    ck_assert_uint_eq(stats_of(&f).pages_total, 4);
    ck_assert(store_set_limit(f.store, 8 * MB));
    for (unsigned i = 0; i < 10000; i++)
        put_numbered(&f, "k", i, 1000);
    ck_assert_uint_eq(stats_of(&f).pages_total, 8);
    ck_assert(store_set_limit(f.store, 2 * MB));
    fixture_settle(&f);
    ck_assert_uint_eq(stats_of(&f).pages_total, 2);
    fixture_verify(&f);
    for (unsigned i = 0; i < 10000; i++)
        ck_assert_int_eq(put_numbered(&f, "k", i, 1000), STORE_OK);
    ck_assert_uint_eq(stats_of(&f).pages_total, 2);
    ck_assert_uint_eq(stats_of(&f).limit_bytes, 2 * MB);
    ck_assert(!store_set_limit(f.store, 1000));
    ck_assert(!store_set_limit(f.store, (uint64_t)1 << 60));
}
END_TEST

START_TEST(every_allocation_of_create_may_fail) {
    f.config.is_replicated = true;
    unsigned failures = 0;
    for (int64_t countdown = 0; countdown < 100; countdown++) {
        const char *why = NULL;
        mem_fail_after(countdown);
        struct store *store = store_create(&f.config, &why);
        bool has_failed = mem_has_failed();
        mem_fail_after(-1);
        if (store)
            store_destroy(store);
        else
            ck_assert_ptr_nonnull(why);
        if (!has_failed)
            break;
        failures++;
    }
    ck_assert_uint_ge(failures, 9);
    ck_assert_uint_lt(failures, 100);
    fixture_open(&f);
    mem_fail_after(0);
    ck_assert_ptr_null(store_thread_join(f.store));
    mem_fail_after(-1);
}
END_TEST

static void count_row(void *context, uint32_t bytes, uint64_t count) {
    (void)bytes;
    *(uint64_t *)context += count;
}

START_TEST(a_histogram_that_finds_no_memory_is_empty) {
    uint64_t count = 0;
    fixture_open(&f);
    put_numbered(&f, "k", 1, 100);
    mem_fail_after(0);
    store_sizes(f.thread, count_row, &count);
    ck_assert(mem_has_failed());
    mem_fail_after(-1);
    ck_assert_uint_eq(count, 0);
    store_sizes(f.thread, count_row, &count);
    ck_assert_uint_eq(count, 1);
}
END_TEST

START_TEST(a_refused_reservation_falls_back_to_the_limit) {
    const char *why = NULL;
    /* find the arena's first attempt: failing it must still give a store, with less room to grow */
    bool has_fallen_back = false;
    for (int64_t countdown = 0; countdown < 20 && !has_fallen_back; countdown++) {
        mem_fail_after(countdown);
        struct store *store = store_create(&f.config, &why);
        has_fallen_back = store && mem_has_failed();
        mem_fail_after(-1);
        if (!store)
            continue;
        if (has_fallen_back)
            ck_assert(!store_set_limit(store, f.config.limit_bytes * 2));
        store_destroy(store);
    }
    ck_assert(has_fallen_back);
    fixture_open(&f);
}
END_TEST

START_TEST(the_index_grows_and_loses_nothing) {
    enum { COUNT = 200000 };
    f.config.limit_bytes = 128 * MB;
    fixture_open(&f);
    struct store_stats before = stats_of(&f);
    ck_assert_uint_eq(before.index_bytes, 524288);
    ck_assert_uint_eq(before.hash_power_level, 16);
    ck_assert(!before.hash_is_expanding);
    for (unsigned i = 0; i < COUNT; i++) {
        put_numbered(&f, "k", i, 8);
        if (i == COUNT / 2)
            fixture_verify(&f); /* growth lags: overflow lines hold the rest */
        if (i > COUNT / 2 && i % 50 == 0)
            store_grow(f.thread);
    }
    ck_assert_uint_gt(stats_of(&f).hash_power_level, 17);
    fixture_settle(&f);
    fixture_verify(&f);
    struct store_stats after = stats_of(&f);
    ck_assert_uint_ge(after.index_bucket_count, COUNT / 11);
    ck_assert_uint_le(after.index_bucket_count, COUNT / 9);
    ck_assert_uint_eq(after.hash_power_level, 18);
    ck_assert_uint_le(after.index_overflow_lines * 3, after.index_bucket_count);
    ck_assert_uint_eq(after.index_bytes,
                      after.index_bucket_count * 64 + after.index_overflow_lines * 32);
    ck_assert_uint_lt(after.index_bytes, COUNT * 8 + COUNT / 8);
    for (unsigned i = 0; i < COUNT; i++)
        ck_assert(has_numbered(&f, "k", i));
    for (unsigned i = 0; i < COUNT; i++) {
        char key[32];
        snprintf(key, sizeof(key), "k%u", i);
        ck_assert_int_eq(drop(&f, key), STORE_OK);
    }
    ck_assert_uint_eq(stats_of(&f).index_overflow_lines, 0);
}
END_TEST

/* Growth ends where an overflow line comes on three buckets, and not a few buckets later. */
static void assert_index_is_of_its_size(void) {
    enum { SPLIT_OVERFLOW_MAX = 10 }; /* overflow lines that the last split may have saved */
    struct store_stats stats = stats_of(&f);
    ck_assert(!stats.hash_is_expanding);
    ck_assert_uint_le(stats.index_overflow_lines * 3, stats.index_bucket_count);
    ck_assert_uint_gt((stats.index_overflow_lines + SPLIT_OVERFLOW_MAX) * 3,
                      stats.index_bucket_count);
}

START_TEST(the_index_grows_no_further_than_its_items_need) {
    /* around a doubling there are 10.7 items a bucket, halfway 9.3 */
    static const unsigned counts[] = {86000, 90000, 110000, 130000, 150000, 172000, 180000, 200000};
    unsigned stored = 0;
    f.config.limit_bytes = 64 * MB;
    fixture_open(&f);
    while (stored < 80000)
        put_numbered(&f, "k", stored++, 8);
    ck_assert(!stats_of(&f).hash_is_expanding);
    for (unsigned i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        uint64_t before = stats_of(&f).index_bucket_count;
        while (!stats_of(&f).hash_is_expanding || stored < counts[i])
            put_numbered(&f, "k", stored++, 8);
        ck_assert_uint_eq(stats_of(&f).index_bucket_count, before);
        fixture_settle(&f);
        ck_assert_uint_gt(stats_of(&f).index_bucket_count, before);
        assert_index_is_of_its_size();
        ck_assert(!store_grow(f.thread));
        ck_assert_uint_lt(stats_of(&f).index_bytes, stored * 8 + stored / 8);
        fixture_verify(&f);
    }
    /* nor does it shrink, and what comes again finds its place */
    uint64_t grown = stats_of(&f).index_bucket_count;
    for (unsigned i = 0; i < stored; i++) {
        char key[32];
        snprintf(key, sizeof(key), "k%u", i);
        ck_assert_int_eq(drop(&f, key), STORE_OK);
    }
    for (unsigned i = 0; i < stored; i++)
        put_numbered(&f, "k", i, 8);
    fixture_settle(&f);
    ck_assert_uint_eq(stats_of(&f).index_bucket_count, grown);
    assert_index_is_of_its_size();
}
END_TEST

static Suite *memory_suite(void) {
    Suite *suite = suite_create("store memory");
    TCase *tcase = tcase_create("memory");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, chunk_sizes_are_those_of_memcached);
    tcase_add_test(tcase, bad_settings_are_refused);
    tcase_add_test(tcase, largest_item_is_that_of_memcached);
    tcase_add_test(tcase, the_limit_is_exact_and_the_oldest_go);
    tcase_add_test(tcase, what_is_read_stays);
    tcase_add_test(tcase, what_is_held_at_the_tail_keeps_no_other_from_going);
    tcase_add_test(tcase, a_larger_chunk_is_better_than_none);
    tcase_add_test(tcase, a_cold_item_that_is_read_goes_to_warm);
    tcase_add_test(tcase, without_eviction_memory_runs_out);
    tcase_add_test(tcase, without_eviction_the_dead_make_room);
    tcase_add_test(tcase, every_class_can_store_whatever_filled_memory);
    tcase_add_test(tcase, a_held_item_keeps_its_page);
    tcase_add_test(tcase, a_page_waits_for_a_read_under_way);
    tcase_add_test(tcase, the_limit_goes_up_and_down);
    tcase_add_test(tcase, every_allocation_of_create_may_fail);
    tcase_add_test(tcase, a_histogram_that_finds_no_memory_is_empty);
    tcase_add_test(tcase, a_refused_reservation_falls_back_to_the_limit);
    tcase_add_test(tcase, the_index_grows_and_loses_nothing);
    tcase_add_test(tcase, the_index_grows_no_further_than_its_items_need);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(memory_suite());
}
