/* Slab pages on their way from class to class: what they hold stays, and what is held delays them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t/unit/store_fixture.h"

static struct fixture f;

enum { MB = 1 << 20 };

static void setup(void) {
    fixture_init(&f);
    f.config.automove.level = 0;
}

static void teardown(void) {
    fixture_close(&f);
}

static void reassign(unsigned from, unsigned to) {
    ck_assert_int_eq(store_reassign(f.thread, from, to), STORE_REASSIGN_OK);
    fixture_settle(&f);
    fixture_verify(&f);
    ck_assert(!stats_of(&f).is_moving_page);
}

START_TEST(a_page_with_room_elsewhere_moves_without_a_loss) {
    enum { COUNT = 3000, BYTES = 1000 };
    fixture_open(&f);
    unsigned id = class_with(&f, BYTES);
    for (unsigned i = 0; i < COUNT; i++)
        put_flagged(&f, "k", i, BYTES);
    uint32_t pages = class_pages(&f, id);
    for (unsigned i = 0; i < COUNT; i++) {
        char key[32];
        snprintf(key, sizeof(key), "k%u", i);
        if (i % 4)
            drop(&f, key);
    }
    uint64_t version = version_of(&f, "k8");
    for (unsigned left = pages; left > 1; left--)
        reassign(id, 0);
    ck_assert_uint_eq(class_pages(&f, id), 1);
    struct store_stats stats = stats_of(&f);
    ck_assert_uint_eq(stats.slabs_moved_count, pages - 1);
    ck_assert_uint_eq(stats.pages_pool, pages - 1);
    ck_assert_uint_gt(stats.slab_rescues_count, 0);
    ck_assert_uint_eq(stats.evictions, 0);
    ck_assert_uint_eq(version_of(&f, "k8"), version);
    for (unsigned i = 0; i < COUNT; i += 4)
        ck_assert(has_flagged(&f, "k", i, BYTES));
}
END_TEST

/* A full class gives a page at the price of its coldest items, and of no more than it held. */
START_TEST(the_coldest_go_where_there_is_no_room) {
    enum { BYTES = 1000 };
    f.config.limit_bytes = 4 * MB;
    fixture_open(&f);
    unsigned id = class_with(&f, BYTES);
    unsigned count = 0;
    while (stats_of(&f).evictions == 0)
        put_flagged(&f, "k", count++, BYTES);
    uint64_t evicted = stats_of(&f).evictions;
    reassign(id, id + 5);
    ck_assert_uint_eq(class_pages(&f, id), 3);
    ck_assert_uint_eq(class_pages(&f, id + 5), 1);
    ck_assert_uint_eq(class_stats(&f, id + 5).free_chunks, class_stats(&f, id + 5).chunks_per_page);
    evicted = stats_of(&f).evictions - evicted;
    ck_assert_uint_le(evicted, class_stats(&f, id).chunks_per_page + 1);
    for (unsigned i = 0; i < count; i++)
        ck_assert_int_eq(has_flagged(&f, "k", i, BYTES), i >= stats_of(&f).evictions);
    ck_assert_int_eq(put_flagged(&f, "other", 1, class_stats(&f, id + 5).chunk_bytes - 50),
                     STORE_OK);
    ck_assert_uint_eq(class_pages(&f, id + 5), 1);
}
END_TEST

START_TEST(chunked_values_move_in_parts_and_whole) {
    static const uint32_t chunk_sizes[] = {1024, 16384, 0};
    for (size_t c = 0; c < 3; c++) {
        fixture_init(&f);
        f.config.automove.level = 0;
        f.config.slab_chunk_bytes_max = chunk_sizes[c];
        f.config.limit_bytes = 32 * MB;
        f.config.item_bytes_max = 4 * MB;
        fixture_open(&f);
        unsigned last = store_class_count(f.store);
        size_t bytes[] = {600000, 700001, 1500000, 80000, 3000000};
        for (unsigned i = 0; i < 5; i++)
            ck_assert_int_eq(put_flagged(&f, "k", i, bytes[i]), STORE_OK);
        for (unsigned round = 0; round < 40; round++) {
            for (unsigned id = 1; id <= last; id++) {
                if (class_pages(&f, id) >= 2)
                    reassign(id, round % 2 ? 0 : id == last ? 1 : last);
            }
            for (unsigned i = 0; i < 5; i++)
                ck_assert(has_flagged(&f, "k", i, bytes[i]));
        }
        ck_assert_uint_gt(stats_of(&f).slab_chunk_rescues_count, 0);
        ck_assert_uint_eq(stats_of(&f).evictions, 0);
        char key[] = "k0";
        for (; key[1] < '5'; key[1]++)
            ck_assert_int_eq(drop(&f, key), STORE_OK);
        for (unsigned id = 1; id <= last; id++)
            ck_assert_uint_eq(class_stats(&f, id).used_chunks, 0);
        if (c < 2)
            fixture_close(&f);
    }
}
END_TEST

/* Something is held in each page, so that one has to be waited for. */
START_TEST(what_is_held_keeps_its_bytes_and_its_key) {
    enum { BYTES = 9000, COUNT = 400, HELD = 20 };
    f.config.limit_bytes = 8 * MB;
    fixture_open(&f);
    unsigned id = class_with(&f, BYTES);
    struct store_view views[HELD];
    for (unsigned i = 0; i < COUNT; i++)
        put_flagged(&f, "k", i, BYTES);
    for (unsigned i = 0; i < HELD; i++) {
        char text[8];
        snprintf(text, sizeof(text), "k%u", i * (COUNT / HELD));
        struct store_key key = key_of(&f, text);
        ck_assert_int_eq(store_get(f.thread, &key, STORE_GET, &views[i]), STORE_OK);
    }
    ck_assert_int_eq(store_reassign(f.thread, id, 1), STORE_REASSIGN_OK);
    fixture_settle(&f);
    ck_assert(stats_of(&f).is_moving_page);
    ck_assert_int_eq(store_reassign(f.thread, id, 0), STORE_REASSIGN_BUSY);
    ck_assert_uint_gt(stats_of(&f).slab_busy_items_count, 0);
    for (unsigned i = 0; i < COUNT; i++)
        ck_assert(has_flagged(&f, "k", i, BYTES));
    for (unsigned i = 0; i < HELD; i++) {
        char *value = patterned(i * (COUNT / HELD), BYTES);
        ck_assert_mem_eq(views[i].value, value, BYTES);
        free(value);
        store_item_release(f.thread, views[i].item);
    }
    fixture_settle(&f);
    fixture_verify(&f);
    ck_assert(!stats_of(&f).is_moving_page);
    ck_assert_uint_eq(class_pages(&f, 1), 1);
    for (unsigned i = 0; i < COUNT; i++)
        ck_assert(has_flagged(&f, "k", i, BYTES));
}
END_TEST

START_TEST(a_page_that_is_held_for_long_is_given_up) {
    enum { BYTES = 700000 };
    f.config.item_bytes_max = 4 * MB;
    f.config.limit_bytes = 16 * MB;
    fixture_open(&f);
    unsigned last = store_class_count(f.store);
    struct store_view views[4];
    for (unsigned i = 0; i < 4; i++) {
        char text[8];
        put_flagged(&f, "k", i, BYTES);
        snprintf(text, sizeof(text), "k%u", i);
        struct store_key key = key_of(&f, text);
        ck_assert_int_eq(store_get(f.thread, &key, STORE_GET, &views[i]), STORE_OK);
    }
    uint32_t pages = class_pages(&f, last);
    ck_assert_uint_ge(pages, 2);
    ck_assert_int_eq(store_reassign(f.thread, last, 1), STORE_REASSIGN_OK);
    fixture_settle(&f);
    ck_assert(stats_of(&f).is_moving_page);
    fixture_verify(&f);
    for (unsigned i = 0; i < 10 && stats_of(&f).is_moving_page; i++) {
        fixture_wait(&f, 6);
        fixture_settle(&f);
    }
    ck_assert(!stats_of(&f).is_moving_page);
    ck_assert_uint_eq(class_pages(&f, last), pages);
    ck_assert_uint_eq(stats_of(&f).slabs_moved_count, 0);
    for (unsigned i = 0; i < 4; i++)
        store_item_release(f.thread, views[i].item);
    reassign(last, 1);
    ck_assert_uint_eq(class_pages(&f, 1), 1);
    for (unsigned i = 0; i < 4; i++)
        ck_assert(has_flagged(&f, "k", i, BYTES));
}
END_TEST

START_TEST(a_page_being_filled_waits_for_its_writer) {
    fixture_open(&f);
    put_flagged(&f, "k", 1, 400000);
    put_flagged(&f, "k", 2, 400000);
    put_flagged(&f, "k", 3, 400000);
    unsigned id = class_with(&f, 400000);
    struct item *item = item_with(&f, "slow", "", 0, 0, 0);
    store_abandon(f.thread, item);
    char *value = patterned(9, 400000);
    item = item_with(&f, "slow", value, 400000, 0, 0);
    ck_assert_int_eq(store_reassign(f.thread, id, 0), STORE_REASSIGN_OK);
    fixture_settle(&f);
    struct store_write write = {.mode = STORE_SET};
    ck_assert_int_eq(store_commit(f.thread, item, key_of(&f, "slow").hash, &write, NULL), STORE_OK);
    fixture_settle(&f);
    ck_assert(!stats_of(&f).is_moving_page);
    ck_assert_value(&f, "slow", value);
    free(value);
    for (unsigned i = 1; i < 4; i++)
        ck_assert(has_flagged(&f, "k", i, 400000));
}
END_TEST

START_TEST(a_page_that_waits_for_an_item_says_so) {
    enum { BYTES = 400000, COUNT = 4 };
    struct store_view held[COUNT];
    fixture_open(&f);
    unsigned id = class_with(&f, BYTES);
    for (unsigned i = 0; i < COUNT; i++) {
        char text[16];
        snprintf(text, sizeof(text), "k%u", i);
        put_flagged(&f, "k", i, BYTES);
        struct store_key key = key_of(&f, text);
        ck_assert_int_eq(store_get(f.thread, &key, STORE_GET, &held[i]), STORE_OK);
    }
    ck_assert_str_eq(store_move_wait_word(stats_of(&f).last_move_wait), "none");
    ck_assert_int_eq(store_reassign(f.thread, id, 1), STORE_REASSIGN_OK);
    ck_assert_int_eq(stats_of(&f).last_move_wait, STORE_MOVE_WAIT_NONE);
    fixture_settle(&f);
    ck_assert(stats_of(&f).is_moving_page);
    ck_assert_str_eq(store_move_wait_word(stats_of(&f).last_move_wait), "item_held");
    store_stats_reset(f.store);
    ck_assert_int_eq(stats_of(&f).last_move_wait, STORE_MOVE_WAIT_NONE);
    fixture_settle(&f);
    ck_assert_int_eq(stats_of(&f).last_move_wait, STORE_MOVE_WAIT_ITEM);
    for (unsigned i = 0; i < COUNT; i++)
        store_item_release(f.thread, held[i].item);
    fixture_settle(&f);
    ck_assert(!stats_of(&f).is_moving_page);
    ck_assert_int_eq(stats_of(&f).last_move_wait, STORE_MOVE_WAIT_ITEM);
}
END_TEST

/* Without eviction: there was room enough when the page was chosen. */
START_TEST(a_page_that_waits_for_memory_says_so) {
    enum { BYTES = 100000 };
    f.config.limit_bytes = 2 * MB;
    f.config.is_evicting = false;
    fixture_open(&f);
    unsigned id = class_with(&f, BYTES);
    unsigned stored = 0;
    while (put_flagged(&f, "k", stored, BYTES) == STORE_OK)
        stored++;
    for (unsigned i = 0; i < class_stats(&f, id).chunks_per_page; i++) {
        char text[16];
        snprintf(text, sizeof(text), "k%u", 2 * i);
        ck_assert_int_eq(drop(&f, text), STORE_OK);
    }
    ck_assert_int_eq(store_reassign(f.thread, id, 1), STORE_REASSIGN_OK);
    for (uint64_t room = class_stats(&f, id).free_chunks; room; room--)
        ck_assert_int_eq(put_flagged(&f, "k", stored++, BYTES), STORE_OK);
    store_maintain(f.thread);
    ck_assert(stats_of(&f).is_moving_page);
    ck_assert_uint_gt(stats_of(&f).slab_busy_nomem_count, 0);
    ck_assert_str_eq(store_move_wait_word(stats_of(&f).last_move_wait), "no_memory");
}
END_TEST

START_TEST(a_page_that_waits_for_a_long_chain_says_so) {
    enum { CHUNK = 512, BYTES = 9 * MB };
    f.config.item_bytes_max = 16 * MB;
    f.config.slab_chunk_bytes_max = CHUNK;
    fixture_open(&f);
    ck_assert_int_eq(put_patterned(&f, "long", 1, BYTES), STORE_OK);
    ck_assert_int_eq(store_reassign(f.thread, store_class_count(f.store), 1), STORE_REASSIGN_OK);
    fixture_settle(&f);
    ck_assert(stats_of(&f).is_moving_page);
    ck_assert_str_eq(store_move_wait_word(stats_of(&f).last_move_wait), "chain_too_long");
    ck_assert(is_patterned(&f, "long", 1, BYTES));
}
END_TEST

/* A page of another shape waits for those who read without a lock. */
START_TEST(a_page_waits_for_readers) {
    enum { COUNT = 3000, BYTES = 1000 };
    fixture_open(&f);
    struct store_thread *reader = store_thread_join(f.store);
    unsigned id = class_with(&f, BYTES);
    for (unsigned i = 0; i < COUNT; i++)
        put_flagged(&f, "k", i, BYTES);
    struct store_key key = key_of(&f, "k1");
    struct store_view view;
    ck_assert_int_eq(store_peek(reader, &key, &view), STORE_PEEK_HIT);
    ck_assert_int_eq(store_reassign(f.thread, id, 1), STORE_REASSIGN_OK);
    fixture_settle(&f);
    fixture_verify(&f);
    ck_assert(stats_of(&f).is_moving_page);
    ck_assert_int_eq(stats_of(&f).last_move_wait, STORE_MOVE_WAIT_READER);
    ck_assert_uint_eq(class_pages(&f, 1), 0);
    (void)store_peek_confirm(reader, &view);
    fixture_settle(&f);
    ck_assert(!stats_of(&f).is_moving_page);
    ck_assert_uint_eq(class_pages(&f, 1), 1);
    store_thread_leave(reader);
}
END_TEST

/*
 * A cold item became active, which is still to be looked at when its page has been another class's,
 * full of bytes that look like any item's, and is a third one's.
 */
START_TEST(what_was_remembered_of_a_page_goes_with_its_items) {
    enum {
        BYTES = 1000,
        LARGE = 150000,
        OTHER = 30000,
        LAST = 400000,
        LIKE_AN_ITEM = 0x83,
        HELD_MAX = 20
    };
    const unsigned third = 3; /* the class that such a byte names */
    f.config.limit_bytes = 6 * MB;
    fixture_open(&f);
    unsigned first = class_with(&f, BYTES);
    unsigned large = class_with(&f, LARGE);
    unsigned other = class_with(&f, OTHER);
    unsigned last = class_with(&f, LAST);
    /* an item at a place where the third class has one as well */
    unsigned remembered = 1;
    while (remembered * class_stats(&f, first).chunk_bytes % class_stats(&f, third).chunk_bytes)
        remembered++;
    for (unsigned i = 0; i <= remembered; i++)
        put_flagged(&f, "k", i, BYTES);
    for (unsigned i = 0; class_pages(&f, large) < 2; i++)
        put_flagged(&f, "large", i, LARGE);
    for (unsigned i = 0; class_pages(&f, other) < 3; i++)
        put_flagged(&f, "other", i, OTHER);
    unsigned others = 2 * class_stats(&f, other).chunks_per_page + 1;
    while (class_stats(&f, other).free_chunks)
        put_flagged(&f, "other", others++, OTHER);
    char *bytes = malloc(LAST);
    memset(bytes, LIKE_AN_ITEM, LAST);
    struct store_view held[HELD_MAX];
    unsigned held_count = 2 * class_stats(&f, large).chunks_per_page;
    unsigned last_count = class_stats(&f, last).chunks_per_page;
    ck_assert_uint_le(held_count + last_count, HELD_MAX);
    for (unsigned i = 0; i < held_count + last_count; i++) {
        char text[16];
        snprintf(text, sizeof(text), "held%u", i);
        ck_assert_int_eq(put_bytes(&f, text, bytes, i < held_count ? LARGE : LAST, 0, 0), STORE_OK);
        struct store_key key = key_of(&f, text);
        ck_assert_int_eq(store_get(f.thread, &key, STORE_GET, &held[i]), STORE_OK);
    }
    ck_assert_uint_eq(class_pages(&f, large), 2);
    ck_assert_uint_eq(class_pages(&f, last), 1);
    fixture_wait(&f, 100);
    fixture_settle(&f);
    ck_assert(has_flagged(&f, "k", remembered, BYTES));
    ck_assert(has_flagged(&f, "k", remembered, BYTES));
    /* nothing is maintained from here on */
    ck_assert_int_eq(put_bytes(&f, "image", bytes, LARGE, 0, 0), STORE_OK);
    ck_assert_uint_eq(class_pages(&f, first), 0);
    ck_assert_uint_eq(class_pages(&f, large), 3);
    for (unsigned i = 1; i < others; i++) {
        char text[16];
        snprintf(text, sizeof(text), "other%u", i);
        drop(&f, text);
    }
    ck_assert_int_eq(store_reassign(f.thread, large, third), STORE_REASSIGN_OK);
    ck_assert_int_eq(put_flagged(&f, "last", 0, LAST), STORE_OK);
    ck_assert_uint_eq(class_pages(&f, last), 2);
    ck_assert_uint_eq(class_pages(&f, third), 1);
    store_maintain(f.thread);
    fixture_verify(&f);
    for (unsigned i = 0; i < held_count + last_count; i++)
        store_item_release(f.thread, held[i].item);
    free(bytes);
}
END_TEST

START_TEST(what_reassign_refuses) {
    f.config.limit_bytes = 8 * MB;
    fixture_open(&f);
    unsigned last = store_class_count(f.store);
    put_flagged(&f, "k", 1, 1000);
    unsigned id = class_with(&f, 1000);
    static const struct {
        int64_t from, to;
        enum store_reassign answer;
    } cases[] = {
        {1, 1, STORE_REASSIGN_SAME},       {0, 0, STORE_REASSIGN_SAME},
        {-1, -1, STORE_REASSIGN_SAME},     {-2, 1, STORE_REASSIGN_BAD_CLASS},
        {1, -1, STORE_REASSIGN_BAD_CLASS}, {64, 1, STORE_REASSIGN_BAD_CLASS},
        {1, 64, STORE_REASSIGN_BAD_CLASS}, {INT64_MAX, 1, STORE_REASSIGN_BAD_CLASS},
        {63, 1, STORE_REASSIGN_NO_SPARE},  {1, 2, STORE_REASSIGN_NO_SPARE},
        {0, 2, STORE_REASSIGN_NO_SPARE},   {-1, 2, STORE_REASSIGN_NO_SPARE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_int_eq(store_reassign(f.thread, cases[i].from, cases[i].to), cases[i].answer);
    ck_assert_int_eq(store_reassign(f.thread, 1, last + 1), STORE_REASSIGN_BAD_CLASS);
    ck_assert_int_eq(store_reassign(f.thread, id, 1), STORE_REASSIGN_NO_SPARE);
    ck_assert_uint_eq(stats_of(&f).slabs_moved_count, 0);
    for (unsigned i = 0; i < 3000; i++)
        put_flagged(&f, "k", i, 1000);
    reassign(id, 0);
    ck_assert_uint_eq(stats_of(&f).pages_pool, 1);
    reassign(0, 3);
    ck_assert_uint_eq(class_pages(&f, 3), 1);
    ck_assert_uint_eq(stats_of(&f).pages_pool, 0);
    ck_assert_int_eq(store_reassign(f.thread, STORE_REASSIGN_ANY, 4), STORE_REASSIGN_OK);
    fixture_settle(&f);
    ck_assert_uint_eq(class_pages(&f, 4), 1);
}
END_TEST

/* Dead items are dropped on the way, not carried along; a queued one stays queued. */
START_TEST(the_dead_do_not_move) {
    enum { BYTES = 1000, COUNT = 3000 };
    char value[BYTES] = {0};
    fixture_open(&f);
    unsigned id = class_with(&f, BYTES);
    for (unsigned i = 0; i < COUNT; i++) {
        char key[32];
        snprintf(key, sizeof(key), "k%u", i);
        ck_assert_int_eq(put_bytes(&f, key, value, BYTES, 1, in_seconds(&f, 10)), STORE_OK);
    }
    uint32_t pages = class_pages(&f, id);
    fixture_wait(&f, 20);
    ck_assert_int_eq(store_reassign(f.thread, id, 0), STORE_REASSIGN_OK);
    fixture_settle(&f);
    ck_assert_uint_eq(class_pages(&f, id), pages - 1);
    ck_assert_uint_eq(stats_of(&f).slab_rescues_count, 0);
}
END_TEST

START_TEST(without_eviction_only_free_chunks_make_room) {
    enum { BYTES = 1000 };
    f.config.limit_bytes = 4 * MB;
    f.config.is_evicting = false;
    fixture_open(&f);
    unsigned id = class_with(&f, BYTES);
    unsigned count = 0;
    while (put_flagged(&f, "k", count, BYTES) == STORE_OK)
        count++;
    ck_assert_int_eq(store_reassign(f.thread, id, 1), STORE_REASSIGN_NO_SPARE);
    for (unsigned i = 0; i < count; i += 2) {
        char key[32];
        snprintf(key, sizeof(key), "k%u", i);
        drop(&f, key);
    }
    reassign(id, 1);
    ck_assert_uint_eq(class_pages(&f, 1), 1);
    for (unsigned i = 1; i < count; i += 2)
        ck_assert(has_flagged(&f, "k", i, BYTES));
    ck_assert_uint_eq(stats_of(&f).evictions, 0);
}
END_TEST

/* ---- the limit, the pool ---------------------------------------------------------------------- */

/* Memory of this process. */
static uint64_t resident_bytes(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%*u %lu", &pages), 1);
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

START_TEST(a_lower_limit_takes_what_is_free_first) {
    enum { BYTES = 1000 };
    f.config.limit_bytes = 16 * MB;
    fixture_open(&f);
    unsigned id = class_with(&f, BYTES);
    unsigned count = 0;
    while (stats_of(&f).evictions == 0)
        put_flagged(&f, "k", count++, BYTES);
    for (unsigned i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof(key), "k%u", i);
        if (i % 4)
            drop(&f, key);
    }
    uint64_t evictions = stats_of(&f).evictions;
    uint64_t items = stats_of(&f).curr_items;
    uint64_t resident = resident_bytes();
    ck_assert(store_set_limit(f.store, 8 * MB));
    fixture_settle(&f);
    ck_assert_uint_eq(stats_of(&f).pages_total, 8);
    ck_assert_uint_eq(stats_of(&f).pages_pool, 0);
    /* and the kernel has it */
    ck_assert_uint_le(resident_bytes() + 6 * MB, resident);
    ck_assert_uint_eq(stats_of(&f).evictions, evictions);
    ck_assert_uint_eq(stats_of(&f).curr_items, items);
    ck_assert_uint_eq(class_pages(&f, id), 8);
    ck_assert(store_set_limit(f.store, 2 * MB));
    fixture_settle(&f);
    ck_assert_uint_eq(stats_of(&f).pages_total, 2);
    ck_assert_uint_gt(stats_of(&f).evictions, evictions);
    fixture_verify(&f);
    ck_assert(store_set_limit(f.store, 16 * MB));
    for (unsigned i = 0; i < count; i++)
        ck_assert_int_eq(put_flagged(&f, "n", i, BYTES), STORE_OK);
    ck_assert_uint_eq(stats_of(&f).pages_total, 16);
}
END_TEST

/* Everybody fills a value at once in a few pages: each finds room, whatever the sizes before. */
START_TEST(large_values_fit_into_little_memory) {
    enum { AT_ONCE = 6 };
    f.config.limit_bytes = 8 * MB;
    f.config.growth_factor = 8;
    fixture_open(&f);
    char *value = patterned(1, 900000);
    unsigned refused = 0;
    for (unsigned round = 0; round < 300; round++) {
        struct item *items[AT_ONCE];
        char keys[AT_ONCE][32];
        for (unsigned i = 0; i < AT_ONCE; i++) {
            enum store_status why;
            size_t bytes = 1 + (size_t)rng_below(&f.rng, 900000);
            snprintf(keys[i], sizeof(keys[i]), "k%u", (unsigned)rng_below(&f.rng, 100));
            struct store_key key = key_of(&f, keys[i]);
            items[i] = store_reserve(f.thread, &key, 0, 0, bytes, &why);
            refused += items[i] == NULL;
        }
        for (unsigned i = 0; i < AT_ONCE; i++) {
            struct store_write write = {.mode = STORE_SET};
            if (items[i])
                ck_assert_int_eq(
                    store_commit(f.thread, items[i], key_of(&f, keys[i]).hash, &write, NULL),
                    STORE_OK);
        }
        if (round % 50 == 0)
            fixture_verify(&f);
    }
    free(value);
    ck_assert_uint_eq(refused, 0);
    ck_assert_uint_le(stats_of(&f).pages_total, 8 + store_class_count(f.store));
}
END_TEST

START_TEST(an_index_that_must_not_grow_holds_everything) {
    enum { COUNT = 50000 };
    f.config.hashpower = 12;
    f.config.is_index_fixed = true;
    fixture_open(&f);
    for (unsigned i = 0; i < COUNT; i++)
        ck_assert_int_eq(put_flagged(&f, "k", i, 8), STORE_OK);
    fixture_settle(&f);
    ck_assert_uint_eq(stats_of(&f).index_bucket_count, 512);
    ck_assert_uint_eq(stats_of(&f).hash_power_level, 12);
    ck_assert(!stats_of(&f).hash_is_expanding);
    ck_assert_uint_eq(stats_of(&f).curr_items, COUNT);
    for (unsigned i = 0; i < COUNT; i += 7)
        ck_assert(has_flagged(&f, "k", i, 8));
}
END_TEST

static Suite *mover_suite(void) {
    Suite *suite = suite_create("slab pages that move");
    TCase *tcase = tcase_create("mover");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_page_with_room_elsewhere_moves_without_a_loss);
    tcase_add_test(tcase, the_coldest_go_where_there_is_no_room);
    tcase_add_test(tcase, chunked_values_move_in_parts_and_whole);
    tcase_add_test(tcase, what_is_held_keeps_its_bytes_and_its_key);
    tcase_add_test(tcase, a_page_that_is_held_for_long_is_given_up);
    tcase_add_test(tcase, a_page_being_filled_waits_for_its_writer);
    tcase_add_test(tcase, a_page_that_waits_for_an_item_says_so);
    tcase_add_test(tcase, a_page_that_waits_for_memory_says_so);
    tcase_add_test(tcase, a_page_that_waits_for_a_long_chain_says_so);
    tcase_add_test(tcase, a_page_waits_for_readers);
    tcase_add_test(tcase, what_was_remembered_of_a_page_goes_with_its_items);
    tcase_add_test(tcase, what_reassign_refuses);
    tcase_add_test(tcase, the_dead_do_not_move);
    tcase_add_test(tcase, without_eviction_only_free_chunks_make_room);
    tcase_add_test(tcase, a_lower_limit_takes_what_is_free_first);
    tcase_add_test(tcase, large_values_fit_into_little_memory);
    tcase_add_test(tcase, an_index_that_must_not_grow_holds_everything);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(mover_suite());
}
