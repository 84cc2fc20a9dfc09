/* The index by itself: lines, overflow lines, splits, walks. Items are handles with a hash. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/rng.h"
#include "memcached/store/index.h"
#include "t/unit/suite.h"

enum {
    HANDLE_COUNT = 20000, /* handle 0 is none */
    HANDLE_UNIT = 8,
    TAG_SHIFT = 56,
};

static struct index index_;
static char region[HANDLE_COUNT * HANDLE_UNIT]; /* where items would be: nobody looks */
static struct arena arena = {.base = region, .shift = 3};
static uint64_t hashes[HANDLE_COUNT];
static bool is_in[HANDLE_COUNT];
static struct rng rng;

static uint64_t hash_of(const void *context, const struct item *item) {
    ck_assert_ptr_eq(context, &rng);
    return hashes[arena_handle(&arena, item)];
}

static void open_index(uint64_t items_max, bool is_fixed) {
    struct index_config config = {.items_max = items_max, .is_fixed = is_fixed};
    ck_assert(index_open(&index_, &config));
    ck_assert_uint_eq(shared_load(&index_.bucket_count), INDEX_BUCKETS_MIN);
}

static void setup(void) {
    rng_seed(&rng, 1);
    memset(is_in, 0, sizeof(is_in));
    for (unsigned handle = 0; handle < HANDLE_COUNT; handle++)
        hashes[handle] = rng_next(&rng);
}

static void teardown(void) {
    index_close(&index_);
}

static void insert(uint32_t handle) {
    ck_assert(index_insert(&index_, hashes[handle], handle));
    is_in[handle] = true;
}

static void take_out(uint32_t handle) {
    struct spot spot = index_find_handle(&index_, &arena, hashes[handle], handle);
    ck_assert_ptr_nonnull(spot.line);
    ck_assert_ptr_eq(spot.item, arena_at(&arena, handle));
    index_remove(&index_, hashes[handle], spot);
    is_in[handle] = false;
}

static bool split(void) {
    return index_split(&index_, &arena, hash_of, &rng);
}

static unsigned bits_of(unsigned set) {
    return (unsigned)__builtin_popcount(set);
}

/* Counts what is in one bucket; only the last line of it has holes, and none is empty. */
static void verify_bucket(uint32_t bucket, uint64_t *items, uint64_t *overflow_lines) {
    unsigned slots = LINE_SLOTS;
    struct line *line = index_bucket(&index_, bucket);
    while (line) {
        unsigned used = line_used(line);
        struct line *next = index_next(&index_, line);
        ck_assert_uint_eq(bits_of(used) + bits_of(line_match(line, TAG_EMPTY)), slots);
        ck_assert_uint_eq(used >> slots, 0);
        if (next)
            ck_assert_uint_eq(bits_of(used), slots);
        if (slots == OVERFLOW_SLOTS) {
            ck_assert_uint_ne(used, 0);
            ++*overflow_lines;
        }
        *items += bits_of(used);
        slots = OVERFLOW_SLOTS;
        line = next;
    }
}

/* Every item is found by its handle, no other one is, and nothing else is in the index. */
static void verify(void) {
    uint64_t expected = 0;
    uint64_t items = 0;
    uint64_t overflow_lines = 0;
    for (uint32_t handle = 1; handle < HANDLE_COUNT; handle++) {
        struct spot spot = index_find_handle(&index_, &arena, hashes[handle], handle);
        ck_assert_int_eq(spot.line != NULL, is_in[handle]);
        expected += is_in[handle];
    }
    uint32_t count = shared_load(&index_.bucket_count);
    for (uint32_t bucket = 0; bucket < count; bucket++)
        verify_bucket(bucket, &items, &overflow_lines);
    ck_assert_uint_eq(items, expected);
    ck_assert_uint_eq(overflow_lines, index_.overflow_used);
}

START_TEST(no_tag_says_empty_or_no_slot) {
    open_index(1000, false);
    for (uint64_t top = 0; top < 256; top++) {
        uint8_t tag = index_tag(top << TAG_SHIFT | 1);
        ck_assert_uint_ne(tag, TAG_EMPTY);
        ck_assert_uint_ne(tag, TAG_NO_SLOT);
    }
}
END_TEST

START_TEST(a_full_bucket_goes_on_four_items_at_a_time) {
    enum { COUNT = 40 };
    open_index(1000, false);
    for (uint32_t i = 1; i <= COUNT; i++) {
        hashes[i] = (uint64_t)(i * 37 % 256) << TAG_SHIFT | 5; /* all in bucket 5 */
        insert(i);
        ck_assert_uint_eq(index_.overflow_used, i <= 12 ? 0 : (i - 12 + 3) / 4);
    }
    verify();
    /* whichever goes, the last line fills its place */
    for (uint32_t left = COUNT; left > 0; left--) {
        uint32_t handle;
        do
            handle = 1 + (uint32_t)rng_below(&rng, COUNT);
        while (!is_in[handle]);
        take_out(handle);
        ck_assert_uint_eq(index_.overflow_used, left - 1 <= 12 ? 0 : (left - 1 - 12 + 3) / 4);
        verify();
    }
    /* lines that were given back are used again */
    uint32_t fresh = index_.overflow_fresh;
    for (uint32_t i = 1; i <= COUNT; i++)
        insert(i);
    ck_assert_uint_eq(index_.overflow_fresh, fresh);
}
END_TEST

START_TEST(growth_is_wanted_while_there_is_an_overflow_line_for_fewer_than_three_buckets) {
    enum { PER_BUCKET = LINE_SLOTS + 1, FULL = INDEX_BUCKETS_MIN / 3 };
    open_index(1024, false);
    ck_assert_uint_eq(index_.bucket_count_max, 2 * INDEX_BUCKETS_MIN);
    /* one bucket after the other that needs one overflow line */
    for (uint32_t handle = 1; handle <= (FULL + 1) * PER_BUCKET; handle++) {
        hashes[handle] = (handle - 1) / PER_BUCKET | (uint64_t)(handle % 2) * INDEX_BUCKETS_MIN;
        ck_assert(!index_wants_growth(&index_));
        insert(handle);
    }
    ck_assert_uint_eq(index_.overflow_used, FULL + 1);
    ck_assert(index_wants_growth(&index_));
    /* the first split is enough, as it leaves one such bucket fewer */
    ck_assert(split());
    ck_assert_uint_eq(index_.overflow_used, FULL);
    ck_assert(!index_wants_growth(&index_));
    /* removals neither bring growth about nor take buckets away */
    for (uint32_t handle = 1; handle <= (FULL + 1) * PER_BUCKET; handle++)
        take_out(handle);
    ck_assert(!index_wants_growth(&index_));
    ck_assert_uint_eq(shared_load(&index_.bucket_count), INDEX_BUCKETS_MIN + 1);
}
END_TEST

/* Fills buckets until there is an overflow line for each, whatever growth there is. */
static void assert_wants_no_growth(uint32_t bucket_count) {
    for (uint32_t handle = 1; handle <= bucket_count * (LINE_SLOTS + 1); handle++) {
        hashes[handle] = handle % bucket_count;
        insert(handle);
    }
    ck_assert_uint_eq(index_.overflow_used, bucket_count);
    ck_assert(!index_wants_growth(&index_));
}

START_TEST(no_growth_is_wanted_where_none_is_allowed) {
    open_index(10000, true);
    assert_wants_no_growth(INDEX_BUCKETS_MIN);
}
END_TEST

START_TEST(no_growth_is_wanted_beyond_what_was_reserved) {
    open_index(1024, false);
    ck_assert_uint_eq(index_.bucket_count_max, 2 * INDEX_BUCKETS_MIN);
    while (shared_load(&index_.bucket_count) < index_.bucket_count_max)
        ck_assert(split());
    assert_wants_no_growth(2 * INDEX_BUCKETS_MIN);
}
END_TEST

START_TEST(inserts_removals_and_splits_lose_nothing) {
    open_index(HANDLE_COUNT, false);
    for (unsigned round = 0; round < 60; round++) {
        /* rather in than out, except for some rounds, and sometimes growth lags */
        unsigned in_percent = round % 10 < 7 ? 80 : 30;
        for (unsigned step = 0; step < 700; step++) {
            uint32_t handle = 1 + (uint32_t)rng_below(&rng, HANDLE_COUNT - 1);
            bool goes_in = rng_below(&rng, 100) < in_percent;
            if (goes_in && !is_in[handle])
                insert(handle);
            else if (!goes_in && is_in[handle])
                take_out(handle);
            if (round % 4 != 3 && index_wants_growth(&index_))
                ck_assert(split());
        }
        verify();
    }
    ck_assert_uint_gt(shared_load(&index_.bucket_count), INDEX_BUCKETS_MIN * 8);
    for (uint32_t handle = 1; handle < HANDLE_COUNT; handle++) {
        if (is_in[handle])
            take_out(handle);
    }
    ck_assert_uint_eq(index_.overflow_used, 0);
    verify();
}
END_TEST

START_TEST(a_split_that_finds_no_overflow_line_changes_nothing) {
    open_index(1000, false);
    /* all of bucket 0 belongs to bucket 64 when that comes, and there is no line to move it to */
    uint32_t last = LINE_SLOTS + (index_.overflow_count_max - 1) * OVERFLOW_SLOTS;
    ck_assert_uint_lt(last + 1, HANDLE_COUNT);
    for (uint32_t handle = 1; handle <= last + 1; handle++)
        hashes[handle] = (uint64_t)(handle % 251) << TAG_SHIFT | INDEX_BUCKETS_MIN;
    for (uint32_t handle = 1; handle <= last; handle++)
        insert(handle);
    ck_assert(!index_insert(&index_, hashes[last + 1], last + 1));
    ck_assert(!split());
    ck_assert_uint_eq(shared_load(&index_.bucket_count), INDEX_BUCKETS_MIN);
    verify();
    /* with as many lines free as the bucket has, it is done */
    uint32_t half = (last - LINE_SLOTS) / OVERFLOW_SLOTS / 2 * OVERFLOW_SLOTS + LINE_SLOTS;
    while (last > half + 1)
        take_out(last--);
    ck_assert(!split());
    verify();
    take_out(last--);
    ck_assert(split());
    verify();
    ck_assert_uint_eq(line_used(index_bucket(&index_, 0)), 0);
}
END_TEST

/* Notes every item of the bucket that the cursor stands at; returns the cursor behind it. */
static uint64_t walk_on(uint64_t cursor, unsigned *met) {
    struct line *line = index_bucket(&index_, index_walk_bucket(&index_, cursor));
    for (; line; line = index_next(&index_, line)) {
        for (unsigned used = line_used(line); used; used &= used - 1)
            met[shared_load(&line->slot[__builtin_ctz(used)])]++;
    }
    return index_walk_next(&index_, cursor);
}

/* Growth in steps of one bucket, at random, from anywhere between two doublings to anywhere. */
START_TEST(a_walk_between_splits_meets_everything_once) {
    static unsigned met[HANDLE_COUNT];
    open_index(HANDLE_COUNT * 10, false);
    for (uint32_t handle = 1; handle < HANDLE_COUNT; handle++)
        insert(handle);
    for (unsigned walk = 0; shared_load(&index_.bucket_count) < HANDLE_COUNT / 2; walk++) {
        unsigned splits_percent = walk * 7 % 60;
        for (uint64_t splits = rng_below(&rng, 50); splits > 0; splits--)
            ck_assert(split());
        memset(met, 0, sizeof(met));
        uint64_t cursor = 0;
        do {
            cursor = walk_on(cursor, met);
            while (rng_below(&rng, 100) < splits_percent)
                ck_assert(split());
        } while (cursor);
        for (uint32_t handle = 1; handle < HANDLE_COUNT; handle++)
            ck_assert_uint_eq(met[handle], 1);
    }
    verify();
}
END_TEST

static Suite *index_suite(void) {
    Suite *suite = suite_create("store index");
    TCase *tcase = tcase_create("index");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, no_tag_says_empty_or_no_slot);
    tcase_add_test(tcase, a_full_bucket_goes_on_four_items_at_a_time);
    tcase_add_test(tcase,
                   growth_is_wanted_while_there_is_an_overflow_line_for_fewer_than_three_buckets);
    tcase_add_test(tcase, no_growth_is_wanted_where_none_is_allowed);
    tcase_add_test(tcase, no_growth_is_wanted_beyond_what_was_reserved);
    tcase_add_test(tcase, inserts_removals_and_splits_lose_nothing);
    tcase_add_test(tcase, a_split_that_finds_no_overflow_line_changes_nothing);
    tcase_add_test(tcase, a_walk_between_splits_meets_everything_once);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(index_suite());
}
