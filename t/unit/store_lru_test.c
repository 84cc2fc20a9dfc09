/*
 * The LRU and its crawler: the order of a flat list against a model, shares and ages of hot and
 * warm, temporary items, when crawls are due and what they free, dumps while items come and go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/mem.h"
#include "memcached/store/crawler.h"
#include "t/unit/store_fixture.h"

static struct fixture f;

static void setup(void) {
    fixture_init(&f);
}

static void teardown(void) {
    fixture_close(&f);
}

static struct store_crawler crawler_of(void) {
    struct store_crawler crawler;
    store_crawler(f.store, &crawler);
    return crawler;
}

enum { HOT, WARM, COLD, TEMP };

static void hit(const char *key) {
    struct store_key k = key_of(&f, key);
    struct store_view view;
    ck_assert_int_eq(store_peek(f.thread, &k, &view), STORE_PEEK_HIT);
    ck_assert(store_peek_confirm(f.thread, &view));
}

static void put_many(const char *prefix, unsigned count, uint32_t exptime) {
    for (unsigned i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof(key), "%s%04u", prefix, i);
        put_bytes(&f, key, "v", 1, 0, exptime);
    }
}

/* ---- a flat list against a model ------------------------------------------------------------- */

enum { MODEL_KEYS = 1500, MODEL_VALUE_BYTES = 960 };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MODEL_STEPS = 20000 };
#else
enum { MODEL_STEPS = 100000 };
#endif

/* The newest first. */
struct order {
    unsigned count;
    unsigned key[MODEL_KEYS];
    uint32_t used_s[MODEL_KEYS];
};

static struct order model;

static unsigned model_find(unsigned key) {
    unsigned at = 0;
    while (at < model.count && model.key[at] != key)
        at++;
    return at;
}

static void model_remove(unsigned at) {
    model.count--;
    memmove(&model.key[at], &model.key[at + 1], (model.count - at) * sizeof(model.key[0]));
    memmove(&model.used_s[at], &model.used_s[at + 1], (model.count - at) * sizeof(model.used_s[0]));
}

static void model_to_head(unsigned key) {
    unsigned at = model_find(key);
    if (at < model.count)
        model_remove(at);
    memmove(&model.key[1], &model.key[0], model.count * sizeof(model.key[0]));
    memmove(&model.used_s[1], &model.used_s[0], model.count * sizeof(model.used_s[0]));
    model.key[0] = key;
    model.used_s[0] = clock_seconds(&f.clock);
    model.count++;
}

struct cold_walk {
    unsigned count;
    bool is_same;
};

static bool compare_cold(void *context, const struct store_key *key,
                         const struct store_view *view) {
    struct cold_walk *walk = context;
    (void)view;
    unsigned number = (unsigned)strtoul(key->data + 1, NULL, 10);
    if (walk->count >= model.count || model.key[walk->count] != number)
        walk->is_same = false;
    walk->count++;
    return true;
}

/* The list is the model's, but for what was evicted from its tail: that the model forgets. */
static void compare_with_model(unsigned class_id) {
    struct cold_walk walk = {.is_same = true};
    enum store_dump_refusal why;
    struct store_dump *dump =
        store_dump_begin(f.store, STORE_DUMP_COLD, (uint64_t)1 << class_id, &why);
    while (store_dump_step(dump, f.thread, compare_cold, &walk) == STORE_DUMP_MORE)
        ;
    store_dump_end(dump);
    ck_assert(walk.is_same);
    model.count = walk.count;
}

static void model_step(struct rng *rng) {
    char key[16];
    static char value[MODEL_VALUE_BYTES];
    unsigned number = (unsigned)rng_below(rng, MODEL_KEYS);
    snprintf(key, sizeof(key), "k%04u", number);
    struct store_key k = key_of(&f, key);
    unsigned at = model_find(number);
    enum store_status expected = at < model.count ? STORE_OK : STORE_NOT_FOUND;
    enum store_status status = STORE_OK;
    bool is_use = false;
    switch (rng_below(rng, 8)) {
    case 0:
    case 1:
        memset(value, 'v', sizeof(value));
        put_bytes(&f, key, value, sizeof(value), 0, 0);
        model_to_head(number);
        return;
    case 2:
        status = store_delete(f.thread, &k, false, 0, 0);
        break;
    case 3:
        status = store_touch(f.thread, &k, 0);
        is_use = true;
        break;
    default: {
        struct store_view view;
        bool is_hit = store_peek(f.thread, &k, &view) == STORE_PEEK_HIT &&
                      store_peek_confirm(f.thread, &view);
        status = is_hit ? STORE_OK : STORE_NOT_FOUND;
        is_use = true;
    }
    }
    if (status == STORE_OK)
        ck_assert_int_eq(expected, STORE_OK);
    else if (expected == STORE_OK)
        model.count = at; /* evicted, with all that is older; the comparison shows it */
    else
        return;
    if (status != STORE_OK)
        return;
    if (!is_use)
        model_remove(at);
    else if (clock_seconds(&f.clock) - model.used_s[at] > 60)
        model_to_head(number);
}

START_TEST(a_flat_list_has_the_order_of_use) {
    struct rng rng;
    rng_seed(&rng, 300 + (uint64_t)_i);
    f.config.limit_bytes = 1 << 20;
    f.config.lru.is_segmented = false;
    f.config.has_lru_maintainer = _i % 2;
    fixture_open(&f);
    model.count = 0;
    put_bytes(&f, "k0000", "", 0, 0, 0);
    drop(&f, "k0000");
    unsigned class_id = 0;
    for (unsigned step = 0; step < MODEL_STEPS; step++) {
        model_step(&rng);
        if (!class_id && model.count) {
            for (unsigned id = 1; id <= store_class_count(f.store); id++)
                class_id = class_stats(&f, id).number ? id : class_id;
        }
        if (rng_below(&rng, 30) == 0)
            fixture_wait(&f, (unsigned)rng_below(&rng, 9));
        if (rng_below(&rng, 50) == 0)
            store_maintain(f.thread);
        if (class_id && step % 97 == 0)
            compare_with_model(class_id);
        if (step % 5000 == 0)
            fixture_verify(&f);
    }
    compare_with_model(class_id);
    ck_assert_uint_gt(stats_of(&f).evictions, 0);
    ck_assert_uint_eq(class_stats(&f, class_id).segment_number[COLD], model.count);
}
END_TEST

/* ---- segments -------------------------------------------------------------------------------- */

START_TEST(hot_and_warm_keep_to_their_shares) {
    fixture_open(&f);
    put_many("k", 100, 0);
    ck_assert_uint_eq(class_stats(&f, 1).segment_number[HOT], 100);
    fixture_settle(&f);
    struct store_class_stats stats = class_stats(&f, 1);
    ck_assert_uint_le(stats.segment_number[HOT], 20);
    ck_assert_uint_ge(stats.segment_number[HOT], 19);
    ck_assert_uint_eq(stats.segment_number[COLD], 100 - stats.segment_number[HOT]);
    ck_assert_uint_eq(stats.moves_to_cold, stats.segment_number[COLD]);

    struct store_lru lru;
    store_lru(f.store, &lru);
    lru.hot_percent = 5;
    lru.warm_percent = 10;
    store_lru_set(f.store, &lru);
    fixture_settle(&f);
    ck_assert_uint_le(class_stats(&f, 1).segment_number[HOT], 5);
    /* 40 cold items become active: they go to warm, and warm's excess to cold again */
    for (unsigned i = 0; i < 40; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%04u", i);
        hit(key);
        hit(key);
    }
    fixture_settle(&f);
    stats = class_stats(&f, 1);
    ck_assert_uint_eq(stats.moves_to_warm, 40);
    ck_assert_uint_le(stats.segment_number[WARM], 10);
    ck_assert_uint_ge(stats.segment_number[WARM], 9);
}
END_TEST

START_TEST(sorting_is_urgent_only_where_something_is_evicted) {
    f.config.limit_bytes = 1 << 20;
    fixture_open(&f);
    put_many("k", 2000, 0);
    ck_assert_int_eq(store_maintain(f.thread), STORE_MAINTAIN_SOON);
    ck_assert_uint_eq(class_stats(&f, 1).moves_to_cold, 500);
    fixture_settle(&f);
    ck_assert_int_eq(store_maintain(f.thread), STORE_MAINTAIN_DONE);

    put_many("n", 9999, 0);
    ck_assert_uint_gt(stats_of(&f).evictions, 0);
    ck_assert_int_eq(store_maintain(f.thread), STORE_MAINTAIN_NOW);
    fixture_settle(&f);
    /* overwriting evicts nothing; some seconds later it is not urgent any more */
    put_many("n", 5000, 0);
    ck_assert_int_eq(store_maintain(f.thread), STORE_MAINTAIN_NOW);
    fixture_settle(&f);
    fixture_wait(&f, 20);
    fixture_settle(&f);
    put_many("n", 5000, 0);
    ck_assert_int_eq(store_maintain(f.thread), STORE_MAINTAIN_SOON);
}
END_TEST

START_TEST(what_is_old_for_its_segment_moves_on) {
    f.config.lru.hot_percent = 79;
    f.config.lru.warm_percent = 1;
    f.config.lru.hot_max_factor = 0.5;
    fixture_open(&f);
    put_many("old", 100, 0);
    fixture_settle(&f);
    uint64_t cold = class_stats(&f, 1).segment_number[COLD];
    ck_assert_uint_ge(cold, 20);
    fixture_wait(&f, 100);
    put_many("new", 10, 0);
    fixture_settle(&f);
    /* all that is old left hot, for its age is cold's; the new ones may stay until half of that */
    ck_assert_uint_eq(class_stats(&f, 1).segment_number[HOT], 10);
    fixture_wait(&f, 90);
    fixture_settle(&f);
    ck_assert_uint_eq(class_stats(&f, 1).segment_number[HOT], 10);
    fixture_wait(&f, 20);
    fixture_settle(&f);
    ck_assert_uint_eq(class_stats(&f, 1).segment_number[HOT], 0);
}
END_TEST

START_TEST(a_list_may_become_flat_and_segmented_again) {
    fixture_open(&f);
    put_many("k", 50, 0);
    hit("k0049");
    hit("k0049");
    fixture_settle(&f);
    fixture_wait(&f, 1000);
    fixture_settle(&f);
    struct store_lru lru;
    store_lru(f.store, &lru);
    lru.is_segmented = false;
    store_lru_set(f.store, &lru);
    fixture_settle(&f);
    ck_assert_uint_eq(class_stats(&f, 1).segment_number[COLD], 50);
    put_many("n", 5, 0);
    ck_assert_uint_eq(class_stats(&f, 1).segment_number[COLD], 55);
    hit("k0000");
    hit("k0000");
    fixture_settle(&f);
    ck_assert_uint_eq(class_stats(&f, 1).segment_number[COLD], 55);
    lru.is_segmented = true;
    store_lru_set(f.store, &lru);
    put_many("s", 5, 0);
    ck_assert_uint_eq(class_stats(&f, 1).segment_number[HOT], 5);
    fixture_settle(&f);
}
END_TEST

START_TEST(temporary_items_are_not_evicted) {
    char value[1000];
    unsigned class_id = 0;
    memset(value, 't', sizeof(value));
    f.config.limit_bytes = 2 << 20;
    f.config.moves_pages = false;
    f.config.lru.has_temp = true;
    f.config.lru.temp_ttl_s = 100;
    fixture_open(&f);
    for (unsigned i = 0; i < 5000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%c%u", i < 100 ? 't' : 'e', i);
        put_bytes(&f, key, value, sizeof(value), 0, i < 100 ? in_seconds(&f, 100) : 0);
        if (i % 500 == 0)
            fixture_settle(&f);
    }
    for (unsigned id = 1; id <= store_class_count(f.store); id++)
        class_id = class_stats(&f, id).number ? id : class_id;
    ck_assert_uint_eq(class_stats(&f, class_id).segment_number[TEMP], 100);
    ck_assert_uint_gt(class_stats(&f, class_id).evicted, 2000);
    /* full of them: refused */
    struct item *item = NULL;
    enum store_status why = STORE_OK;
    for (unsigned i = 0; i < 5000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "u%u", i);
        struct store_key k = key_of(&f, key);
        item = store_reserve(f.thread, &k, 0, in_seconds(&f, 50), sizeof(value), &why);
        if (!item)
            break;
        struct store_write write = {.mode = STORE_SET};
        ck_assert_int_eq(store_commit(f.thread, item, k.hash, &write, NULL), STORE_OK);
    }
    ck_assert_ptr_null(item);
    ck_assert_int_eq(why, STORE_NO_MEMORY);
    ck_assert_uint_eq(class_stats(&f, class_id).number,
                      class_stats(&f, class_id).segment_number[TEMP]);
    /* and when they have died their memory is had */
    fixture_wait(&f, 100);
    ck_assert_int_eq(put_bytes(&f, "again", value, sizeof(value), 0, 0), STORE_OK);
    fixture_settle(&f);
    ck_assert_uint_eq(class_stats(&f, class_id).segment_number[TEMP], 0);
}
END_TEST

/* ---- crawls ---------------------------------------------------------------------------------- */

/* Slices until there is none to do now. */
static void crawl_through(void) {
    for (unsigned i = 0; i < 10000; i++) {
        uint32_t wait_ms = store_crawl(f.thread);
        if (wait_ms == STORE_CRAWL_IDLE)
            return;
        clock_set(&f.clock, clock_wall_ms(&f.clock) + wait_ms, clock_mono_ms(&f.clock) + wait_ms);
    }
    ck_abort_msg("the crawl has no end");
}

/* So many seconds, each with what is due in it. */
static void crawl_for(unsigned seconds) {
    for (unsigned i = 0; i < seconds; i++) {
        fixture_wait(&f, 1);
        crawl_through();
    }
}

START_TEST(crawls_come_when_items_have_died) {
    fixture_open(&f);
    put_many("ever", 1000, 0);
    put_many("soon", 100, in_seconds(&f, 10 * 60 + 30));
    crawl_for(2);
    ck_assert_uint_eq(crawler_of().starts, 1);
    ck_assert_uint_eq(class_stats(&f, 1).crawler_items_checked, 1100);
    /* nothing died: waits of 60 and 120 s, until the histogram's minute comes before */
    crawl_for(59);
    ck_assert_uint_eq(crawler_of().starts, 2);
    crawl_for(119);
    ck_assert_uint_eq(crawler_of().starts, 2);
    crawl_for(2);
    ck_assert_uint_eq(crawler_of().starts, 3);
    crawl_for(240);
    ck_assert_uint_eq(crawler_of().starts, 4);
    uint64_t before = crawler_of().starts;
    crawl_for(150);
    ck_assert_uint_eq(crawler_of().starts, before);
    ck_assert_uint_eq(stats_of(&f).curr_items, 1100);
    /* 480 s is the next wait, but 100 die in the fourth minute */
    crawl_for(120);
    ck_assert_uint_eq(class_stats(&f, 1).crawler_reclaimed, 100);
    ck_assert_uint_eq(class_stats(&f, 1).expired_unfetched, 100);
    ck_assert_uint_eq(class_stats(&f, 1).reclaimed, 0);
    ck_assert_uint_eq(stats_of(&f).curr_items, 1000);
}
END_TEST

START_TEST(a_flush_makes_all_crawls_due) {
    fixture_open(&f);
    put_many("k", 3000, 0);
    crawl_for(2);
    store_flush(f.thread, 0);
    crawl_for(2);
    ck_assert_uint_eq(stats_of(&f).curr_items, 0);
    put_many("k", 10, 0);
    store_flush(f.thread, 5);
    crawl_for(8);
    ck_assert_uint_eq(stats_of(&f).curr_items, 0);
}
END_TEST

START_TEST(no_crawl_starts_by_itself_without_maintainer_or_crawler) {
    f.config.has_lru_maintainer = _i == 0;
    f.config.has_crawler = _i != 0;
    fixture_open(&f);
    put_many("k", 100, in_seconds(&f, 5));
    crawl_for(200);
    ck_assert_uint_eq(stats_of(&f).curr_items, 100);
    ck_assert_uint_eq(crawler_of().starts, 0);
    ck_assert(store_crawler_enable(f.store, true) == (_i == 0));
    ck_assert(store_crawl_start(f.store, UINT64_MAX));
    crawl_through();
    ck_assert_uint_eq(stats_of(&f).curr_items, 0);
}
END_TEST

START_TEST(a_crawl_looks_at_so_many_items) {
    f.config.has_lru_maintainer = false;
    fixture_open(&f);
    put_many("k", 5000, in_seconds(&f, 5));
    fixture_wait(&f, 6);
    store_crawler_tune(f.store, 100, 1700);
    ck_assert(store_crawl_start(f.store, 1 << 1));
    /* a slice of 1000, a sleep, and the rest */
    ck_assert_uint_eq(store_crawl(f.thread), 1);
    ck_assert_uint_eq(class_stats(&f, 1).crawler_items_checked, 1000);
    ck_assert(crawler_of().is_busy && crawler_of().is_running);
    ck_assert_uint_eq(store_crawl(f.thread), 1);
    ck_assert_uint_eq(class_stats(&f, 1).crawler_items_checked, 1000);
    crawl_through();
    ck_assert_uint_eq(class_stats(&f, 1).crawler_items_checked, 1700);
    ck_assert_uint_eq(class_stats(&f, 1).crawler_reclaimed, 1700);
    ck_assert(!crawler_of().is_busy && !crawler_of().is_running);
}
END_TEST

START_TEST(one_request_at_a_time) {
    enum store_dump_refusal why;
    f.config.has_lru_maintainer = false;
    fixture_open(&f);
    ck_assert(store_crawl_start(f.store, UINT64_MAX)); /* of nothing: over at once */
    ck_assert(!crawler_of().is_busy);
    put_many("k", 5000, 0);
    ck_assert(store_crawl_start(f.store, UINT64_MAX));
    ck_assert(!store_crawl_start(f.store, UINT64_MAX));
    ck_assert_ptr_null(store_dump_begin(f.store, STORE_DUMP_INDEX, 0, &why));
    ck_assert_int_eq(why, STORE_DUMP_BUSY);
    struct store_dump *cold = store_dump_begin(f.store, STORE_DUMP_COLD, 1 << 1, &why);
    ck_assert_ptr_nonnull(cold);
    store_crawl(f.thread); /* in the middle of it */
    ck_assert(store_crawler_enable(f.store, false));
    ck_assert(!store_crawler_enable(f.store, false));
    ck_assert(!crawler_of().is_busy);
    crawl_for(1);
    ck_assert_uint_eq(class_stats(&f, 1).crawler_items_checked, 1000);
    ck_assert(store_crawler_enable(f.store, true));
    store_dump_end(cold);

    struct store_dump *dump = store_dump_begin(f.store, STORE_DUMP_CLASSES, UINT64_MAX, &why);
    ck_assert_ptr_nonnull(dump);
    ck_assert(!store_crawl_start(f.store, UINT64_MAX));
    struct cold_walk walk = {0};
    ck_assert_int_eq(store_dump_step(dump, f.thread, compare_cold, &walk), STORE_DUMP_MORE);
    store_crawler_enable(f.store, false);
    ck_assert_int_eq(store_dump_step(dump, f.thread, compare_cold, &walk), STORE_DUMP_CANCELLED);
    store_crawler_enable(f.store, true);
    struct store_dump *other = store_dump_begin(f.store, STORE_DUMP_INDEX, 0, &why);
    ck_assert_ptr_nonnull(other);
    store_dump_end(dump); /* takes nothing from the other */
    ck_assert(crawler_of().is_busy);
    store_dump_end(other);
    ck_assert(!crawler_of().is_busy);

    mem_fail_after(0);
    ck_assert_ptr_null(store_dump_begin(f.store, STORE_DUMP_INDEX, 0, &why));
    mem_fail_after(-1);
    ck_assert_int_eq(why, STORE_DUMP_NO_MEMORY);
    ck_assert(!crawler_of().is_busy);
}
END_TEST

/* ---- dumps while items come and go ----------------------------------------------------------- */

enum { DUMP_KEYS = 4000 };

struct seen {
    unsigned count[DUMP_KEYS];
};

static bool note_seen(void *context, const struct store_key *key, const struct store_view *view) {
    struct seen *seen = context;
    ck_assert_uint_eq(view->value_bytes, 1);
    if (key->data[0] == 'k')
        seen->count[strtoul(key->data + 1, NULL, 10)]++;
    return true;
}

/* Even numbers stay untouched, all others are deleted, stored, read, and so moved, meanwhile. */
static void disturb(struct rng *rng) {
    char key[16];
    unsigned number = (unsigned)rng_below(rng, DUMP_KEYS / 2) * 2 + 1;
    snprintf(key, sizeof(key), "k%04u", number);
    switch (rng_below(rng, 4)) {
    case 0:
        drop(&f, key);
        break;
    case 1:
        put_bytes(&f, key, "v", 1, 0, 0);
        break;
    case 2:
        snprintf(key, sizeof(key), "n%u", (unsigned)rng_below(rng, 3000));
        put_bytes(&f, key, "v", 1, 0, 0);
        break;
    default: {
        struct store_view view;
        struct store_key k = key_of(&f, key);
        if (store_peek(f.thread, &k, &view) == STORE_PEEK_HIT)
            (void)store_peek_confirm(f.thread, &view);
    }
    }
}

START_TEST(a_dump_shows_all_that_stays) {
    static struct seen seen;
    struct rng rng;
    enum store_dump_refusal why;
    rng_seed(&rng, 400 + (uint64_t)_i);
    memset(&seen, 0, sizeof(seen));
    f.config.hashpower = 9; /* grows meanwhile */
    f.config.lru.is_segmented = _i % 2;
    fixture_open(&f);
    put_many("k", DUMP_KEYS, 0);
    if (_i % 2)
        fixture_settle(&f);
    enum store_dump_order order = _i < 4 ? STORE_DUMP_INDEX : STORE_DUMP_CLASSES;
    struct store_dump *dump = store_dump_begin(f.store, order, UINT64_MAX, &why);
    ck_assert_ptr_nonnull(dump);
    enum store_dump_state state = STORE_DUMP_MORE;
    while (state == STORE_DUMP_MORE) {
        for (unsigned i = 0; i < 40; i++)
            disturb(&rng);
        if (order == STORE_DUMP_INDEX)
            store_grow(f.thread);
        fixture_verify(&f);
        state = store_dump_step(dump, f.thread, note_seen, &seen);
    }
    ck_assert_int_eq(state, STORE_DUMP_OVER);
    store_dump_end(dump);
    for (unsigned i = 0; i < DUMP_KEYS; i += 2)
        ck_assert_msg(seen.count[i] == 1, "k%04u was shown %u times", i, seen.count[i]);
}
END_TEST

START_TEST(a_dump_ends_however_much_is_stored_meanwhile) {
    enum { AT_ONCE = 100, STEPS_MAX = 200 };
    struct seen nobody;
    enum store_dump_refusal why;
    memset(&nobody, 0, sizeof(nobody));
    fixture_open(&f);
    put_many("k", DUMP_KEYS, 0);
    struct store_dump *dump = store_dump_begin(f.store, STORE_DUMP_CLASSES, UINT64_MAX, &why);
    unsigned steps = 0;
    while (store_dump_step(dump, f.thread, note_seen, &nobody) == STORE_DUMP_MORE) {
        char prefix[16];
        snprintf(prefix, sizeof(prefix), "new%u-", steps);
        put_many(prefix, AT_ONCE, 0);
        ck_assert_uint_lt(steps++, STEPS_MAX);
    }
    store_dump_end(dump);
}
END_TEST

static bool queue_nothing(void *context, const struct store_key *key,
                          const struct store_view *view) {
    (void)context, (void)key, (void)view;
    return true;
}

static unsigned told_count;

static bool count_told(void *context, struct store_thread *thread,
                       const struct store_change *change) {
    (void)context, (void)thread, (void)change;
    told_count++;
    return true;
}

START_TEST(a_dump_takes_nothing_from_the_peer) {
    enum store_dump_refusal why;
    struct store_observer observer = {.changed = count_told};
    f.config.is_replicated = true;
    fixture_open(&f);
    store_thread_leave(f.thread);
    store_observe(f.store, &observer);
    f.thread = store_thread_join(f.store);
    told_count = 0;
    put(&f, STORE_SET, "k", "1");
    ck_assert_uint_eq(told_count, 1);
    for (int order = STORE_DUMP_INDEX; order <= STORE_DUMP_COLD; order++) {
        struct store_dump *dump =
            store_dump_begin(f.store, (enum store_dump_order)order, UINT64_MAX, &why);
        while (store_dump_step(dump, f.thread, queue_nothing, NULL) == STORE_DUMP_MORE)
            ;
        store_dump_end(dump);
    }
    /* still queued, so not told of again */
    put(&f, STORE_SET, "k", "2");
    ck_assert_uint_eq(told_count, 1);
}
END_TEST

static Suite *lru_suite(void) {
    Suite *suite = suite_create("LRU and crawler");
    TCase *tcase = tcase_create("lru");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, a_flat_list_has_the_order_of_use, 0, 4);
    tcase_add_test(tcase, hot_and_warm_keep_to_their_shares);
    tcase_add_test(tcase, sorting_is_urgent_only_where_something_is_evicted);
    tcase_add_test(tcase, what_is_old_for_its_segment_moves_on);
    tcase_add_test(tcase, a_list_may_become_flat_and_segmented_again);
    tcase_add_test(tcase, temporary_items_are_not_evicted);
    tcase_add_test(tcase, crawls_come_when_items_have_died);
    tcase_add_test(tcase, a_flush_makes_all_crawls_due);
    tcase_add_loop_test(tcase, no_crawl_starts_by_itself_without_maintainer_or_crawler, 0, 2);
    tcase_add_test(tcase, a_crawl_looks_at_so_many_items);
    tcase_add_test(tcase, one_request_at_a_time);
    tcase_add_loop_test(tcase, a_dump_shows_all_that_stays, 0, 8);
    tcase_add_test(tcase, a_dump_ends_however_much_is_stored_meanwhile);
    tcase_add_test(tcase, a_dump_takes_nothing_from_the_peer);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(lru_suite());
}
