/*
 * The LRU: the order of a flat list against a model, shares and ages of hot and warm, temporary
 * items.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/store/crawler.h"
#include "t/unit/store_fixture.h"

static struct fixture f;

static void setup(void) {
    fixture_init(&f);
}

static void teardown(void) {
    fixture_close(&f);
}

enum { HOT, WARM, COLD, TEMP };

static void hit(const char *key) {
    struct store_key k = key_of(&f, key);
    struct store_view view;
    ck_assert_int_eq(store_peek(f.thread, &k, &view), STORE_PEEK_HIT);
    ck_assert(store_peek_confirm(f.thread, &view));
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
    put_many(&f, "k", 100, 0);
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
    put_many(&f, "k", 2000, 0);
    ck_assert_int_eq(store_maintain(f.thread), STORE_MAINTAIN_SOON);
    ck_assert_uint_eq(class_stats(&f, 1).moves_to_cold, 500);
    fixture_settle(&f);
    ck_assert_int_eq(store_maintain(f.thread), STORE_MAINTAIN_DONE);

    put_many(&f, "n", 9999, 0);
    ck_assert_uint_gt(stats_of(&f).evictions, 0);
    ck_assert_int_eq(store_maintain(f.thread), STORE_MAINTAIN_NOW);
    fixture_settle(&f);
    /* overwriting evicts nothing; some seconds later it is not urgent any more */
    put_many(&f, "n", 5000, 0);
    ck_assert_int_eq(store_maintain(f.thread), STORE_MAINTAIN_NOW);
    fixture_settle(&f);
    fixture_wait(&f, 20);
    fixture_settle(&f);
    put_many(&f, "n", 5000, 0);
    ck_assert_int_eq(store_maintain(f.thread), STORE_MAINTAIN_SOON);
}
END_TEST

START_TEST(what_is_old_for_its_segment_moves_on) {
    f.config.lru.hot_percent = 79;
    f.config.lru.warm_percent = 1;
    f.config.lru.hot_max_factor = 0.5;
    fixture_open(&f);
    put_many(&f, "old", 100, 0);
    fixture_settle(&f);
    uint64_t cold = class_stats(&f, 1).segment_number[COLD];
    ck_assert_uint_ge(cold, 20);
    fixture_wait(&f, 100);
    put_many(&f, "new", 10, 0);
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
    put_many(&f, "k", 50, 0);
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
    put_many(&f, "n", 5, 0);
    ck_assert_uint_eq(class_stats(&f, 1).segment_number[COLD], 55);
    hit("k0000");
    hit("k0000");
    fixture_settle(&f);
    ck_assert_uint_eq(class_stats(&f, 1).segment_number[COLD], 55);
    lru.is_segmented = true;
    store_lru_set(f.store, &lru);
    put_many(&f, "s", 5, 0);
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

static Suite *lru_suite(void) {
    Suite *suite = suite_create("LRU");
    TCase *tcase = tcase_create("lru");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, a_flat_list_has_the_order_of_use, 0, 4);
    tcase_add_test(tcase, hot_and_warm_keep_to_their_shares);
    tcase_add_test(tcase, sorting_is_urgent_only_where_something_is_evicted);
    tcase_add_test(tcase, what_is_old_for_its_segment_moves_on);
    tcase_add_test(tcase, a_list_may_become_flat_and_segmented_again);
    tcase_add_test(tcase, temporary_items_are_not_evicted);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(lru_suite());
}
