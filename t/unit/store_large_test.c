/*
 * Values in many chunks: whole at once or as they arrive, joined, evicted for, and refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/unit/store_fixture.h"

static struct fixture f;

static void setup(void) {
    fixture_init(&f);
}

static void teardown(void) {
    fixture_close(&f);
}

enum { MB = 1 << 20 };

START_TEST(chunked_values_of_all_sizes) {
    f.config.slab_chunk_bytes_max = 4096;
    fixture_open(&f);
    for (size_t bytes = 3900; bytes < 13000; bytes += 7)
        ck_assert_int_eq(put_patterned(&f, "k", (unsigned)bytes, bytes), STORE_OK);
    for (size_t bytes = 3900; bytes < 13000; bytes += 61) {
        ck_assert_int_eq(put_patterned(&f, "k", (unsigned)bytes, bytes), STORE_OK);
        ck_assert(is_patterned(&f, "k", (unsigned)bytes, bytes));
    }
    fixture_verify(&f);
    drop(&f, "k");
    for (unsigned id = 1; id <= store_class_count(f.store); id++) {
        struct store_class_stats stats;
        store_class_stats(f.store, id, &stats);
        ck_assert_uint_eq(stats.used_chunks, 0);
    }
}
END_TEST

START_TEST(a_value_of_hundreds_of_chunks) {
    f.config.slab_chunk_bytes_max = 1024;
    fixture_open(&f);
    for (size_t bytes = 60000; bytes < 64000; bytes += 13) {
        ck_assert_int_eq(put_patterned(&f, "k", (unsigned)bytes, bytes), STORE_OK);
        ck_assert(is_patterned(&f, "k", (unsigned)bytes, bytes));
    }
    ck_assert_int_eq(put_patterned(&f, "k", 1, 600000), STORE_OK);
    ck_assert(is_patterned(&f, "k", 1, 600000));
}
END_TEST

START_TEST(append_and_prepend_grow_into_chunks_and_stop_at_the_limit) {
    f.config.item_bytes_max = 2 * MB;
    f.config.slab_chunk_bytes_max = 16384;
    fixture_open(&f);
    char *part = patterned(3, 60000);
    size_t bytes = 0;
    put_bytes(&f, "k", "", 0, 9, 0);
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(put(&f, i % 2 ? STORE_APPEND : STORE_PREPEND, "k", part), STORE_OK);
        bytes += 60000;
    }
    size_t got;
    struct store_view view;
    char *text = value_of(&f, "k", &view, &got);
    ck_assert_uint_eq(got, bytes);
    ck_assert_uint_eq(view.client_flags, 9);
    for (size_t i = 0; i < bytes; i += 60000)
        ck_assert_mem_eq(text + i, part, 60000);
    free(text);
    for (unsigned i = 0; i < 14; i++)
        ck_assert_int_eq(put(&f, STORE_APPEND, "k", part), STORE_OK);
    ck_assert_int_eq(put(&f, STORE_APPEND, "k", part), STORE_NOT_STORED);
    struct store_key key = key_of(&f, "k");
    struct store_arith arith = {.delta = 1};
    ck_assert_int_eq(store_arith(f.thread, &key, &arith), STORE_NON_NUMERIC);
    free(part);
}
END_TEST

START_TEST(items_of_many_megabytes) {
    f.config.limit_bytes = (uint64_t)64 * MB;
    f.config.item_bytes_max = 30 * MB;
    fixture_open(&f);
    for (unsigned i = 0; i < 5; i++)
        ck_assert_int_eq(put_patterned(&f, "big", i, 20 * MB + i), STORE_OK);
    ck_assert(is_patterned(&f, "big", 4, 20 * MB + 4));
    ck_assert_uint_le(stats_of(&f).pages_total, 64);
}
END_TEST

/* Fills and commits an item that has memory for part of its value only. False: memory ran out. */
static bool fill_in_parts(struct item *item, const struct store_key *key, const char *value,
                          size_t bytes) {
    struct store_write write = {.mode = STORE_SET};
    size_t done = 0;
    while (done < bytes) {
        char *start;
        size_t room = store_item_segment(f.store, item, done, &start);
        if (room == 0) {
            if (!store_reserve_more(f.thread, item))
                return false;
            room = store_item_segment(f.store, item, done, &start);
            ck_assert_uint_gt(room, 0);
        }
        memcpy(start, value + done, room);
        done += room;
    }
    ck_assert_int_eq(store_commit(f.thread, item, key->hash, &write, NULL), STORE_OK);
    return true;
}

START_TEST(memory_for_what_arrives_comes_in_parts) {
    static const uint32_t chunk_sizes[] = {0, 1024, 16384};
    enum { BYTES = 8 * MB + 4321 };
    char *value = malloc(BYTES);
    for (size_t i = 0; i < BYTES; i++)
        value[i] = (char)('a' + i / 977 % 26);
    for (size_t c = 0; c < 3; c++) {
        enum store_status why;
        fixture_init(&f);
        f.config.limit_bytes = 24 * MB;
        f.config.item_bytes_max = 12 * MB;
        f.config.slab_chunk_bytes_max = chunk_sizes[c];
        fixture_open(&f);
        unsigned count = 0;
        while (stats_of(&f).evictions == 0)
            put_numbered(&f, "k", count++, 500);
        struct store_key key = key_of(&f, "large");
        struct item *item = store_reserve_part(f.thread, &key, 7, 0, BYTES, &why);
        ck_assert_ptr_nonnull(item);
        /* what is only announced costs no more than its first part */
        uint64_t evicted = stats_of(&f).evictions;
        ck_assert_uint_lt(evicted, 4 * 2048);
        ck_assert(fill_in_parts(item, &key, value, BYTES));
        ck_assert_uint_gt(stats_of(&f).evictions, evicted + 2048);
        fixture_verify(&f);
        size_t bytes;
        char *got = value_of(&f, "large", NULL, &bytes);
        ck_assert_ptr_nonnull(got);
        ck_assert_uint_eq(bytes, BYTES);
        ck_assert(memcmp(got, value, BYTES) == 0);
        free(got);
        fixture_close(&f);
    }
    free(value);
    fixture_init(&f);
    fixture_open(&f);
}
END_TEST

/* All that an unfinished value had is free again, and may be had for another. */
START_TEST(what_is_left_unfinished_gives_its_memory_back) {
    enum { BYTES = 6 * MB };
    enum store_status why;
    char *value = calloc(1, BYTES);
    f.config.limit_bytes = 8 * MB;
    f.config.item_bytes_max = BYTES + 1000;
    f.config.is_evicting = false;
    fixture_open(&f);
    struct store_key a = key_of(&f, "a");
    struct store_key b = key_of(&f, "b");
    for (unsigned round = 0; round < 3; round++) {
        struct item *first = store_reserve_part(f.thread, &a, 0, 0, BYTES, &why);
        struct item *second = store_reserve_part(f.thread, &b, 0, 0, BYTES, &why);
        ck_assert(first && second);
        while (store_reserve_more(f.thread, second))
            ;
        ck_assert_uint_gt(stats_of(&f).store_no_memory_count, 0);
        ck_assert(!fill_in_parts(first, &a, value, BYTES));
        store_abandon(f.thread, second);
        ck_assert(fill_in_parts(first, &a, value, BYTES));
        ck_assert_int_eq(drop(&f, "a"), STORE_OK);
        fixture_settle(&f);
        for (unsigned id = 1; id <= store_class_count(f.store); id++) {
            struct store_class_stats stats;
            store_class_stats(f.store, id, &stats);
            ck_assert_uint_eq(stats.used_chunks, 0);
        }
    }
    free(value);
}
END_TEST

START_TEST(chunked_items_fit_whatever_filled_memory) {
    f.config.limit_bytes = 4 * MB;
    fixture_open(&f);
    for (unsigned i = 0; i < 60000; i++)
        ck_assert_int_eq(put_numbered(&f, "small", i, 60), STORE_OK);
    for (unsigned i = 0; i < 20; i++) {
        char key[32];
        snprintf(key, sizeof(key), "big%u", i);
        ck_assert_int_eq(put_patterned(&f, key, i, 700000 + i * 10000), STORE_OK);
        ck_assert(is_patterned(&f, key, i, 700000 + i * 10000));
    }
    for (unsigned i = 0; i < 60000; i++)
        ck_assert_int_eq(put_numbered(&f, "small", i, 60), STORE_OK);
    ck_assert_uint_ge(stats_of(&f).pages_total, 4);
    ck_assert_uint_le(stats_of(&f).pages_total, 4 + store_class_count(f.store));
}
END_TEST

/* The chunks behind the first fill a class in which nothing can be evicted. */
START_TEST(chunked_items_fit_beside_others_for_ever) {
    f.config.limit_bytes = 8 * MB;
    f.config.slab_chunk_bytes_max = MB / 2;
    fixture_open(&f);
    ck_assert_int_eq(put_numbered(&f, "small", 1, 10), STORE_OK);
    for (unsigned i = 0; i < 100; i++) {
        char key[32];
        snprintf(key, sizeof(key), "big%u", i);
        ck_assert_int_eq(put_patterned(&f, key, i, 900000), STORE_OK);
        ck_assert(is_patterned(&f, key, i, 900000));
    }
    fixture_verify(&f);
    ck_assert_uint_eq(stats_of(&f).pages_total, 8);
}
END_TEST

static uint64_t chunks_in_use(void) {
    uint64_t count = 0;
    for (unsigned id = 1; id <= store_class_count(f.store); id++) {
        struct store_class_stats stats;
        store_class_stats(f.store, id, &stats);
        count += stats.used_chunks;
    }
    return count;
}

/* A value of several chunks when one more, two more, ... are to be had: all of them or none. */
START_TEST(every_chunk_of_a_value_may_be_the_one_that_is_not_there) {
    enum { CHUNK = 16384, CHUNKS_A_PAGE = MB / CHUNK, NEEDED = 12, BYTES = CHUNK * NEEDED - 1000 };
    enum store_status why;
    struct item *held[2 * CHUNKS_A_PAGE];
    unsigned refused = 0;
    f.config.limit_bytes = 2 * MB;
    f.config.slab_chunk_bytes_max = CHUNK;
    f.config.is_evicting = false;
    fixture_open(&f);
    struct store_key filler = key_of(&f, "filler");
    struct store_key large = key_of(&f, "large");
    for (unsigned room = 0; room <= NEEDED + 1; room++) {
        unsigned count = 2 * CHUNKS_A_PAGE - room;
        for (unsigned i = 0; i < count; i++) {
            held[i] = store_reserve(f.thread, &filler, 0, 0, CHUNK - 100, &why);
            ck_assert_ptr_nonnull(held[i]);
        }
        struct item *item = store_reserve(f.thread, &large, 0, 0, BYTES, &why);
        ck_assert_int_eq(item != NULL, room >= NEEDED);
        if (item) {
            store_abandon(f.thread, item);
        } else {
            ck_assert_int_eq(why, STORE_NO_MEMORY);
            refused++;
        }
        ck_assert_uint_eq(chunks_in_use(), count);
        for (unsigned i = 0; i < count; i++)
            store_abandon(f.thread, held[i]);
        ck_assert_uint_eq(chunks_in_use(), 0);
        fixture_verify(&f);
    }
    ck_assert_uint_eq(refused, NEEDED);
}
END_TEST

static Suite *large_suite(void) {
    Suite *suite = suite_create("values in many chunks");
    TCase *tcase = tcase_create("large");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, chunked_values_of_all_sizes);
    tcase_add_test(tcase, a_value_of_hundreds_of_chunks);
    tcase_add_test(tcase, append_and_prepend_grow_into_chunks_and_stop_at_the_limit);
    tcase_add_test(tcase, items_of_many_megabytes);
    tcase_add_test(tcase, memory_for_what_arrives_comes_in_parts);
    tcase_add_test(tcase, what_is_left_unfinished_gives_its_memory_back);
    tcase_add_test(tcase, chunked_items_fit_whatever_filled_memory);
    tcase_add_test(tcase, chunked_items_fit_beside_others_for_ever);
    tcase_add_test(tcase, every_chunk_of_a_value_may_be_the_one_that_is_not_there);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(large_suite());
}
