/*
 * Random operations against a plain array of what should be there. With room for everything the
 * store must agree exactly; with a tiny limit keys may be missing, but what is there is right.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/unit/store_fixture.h"

enum { KEY_COUNT = 400, VALUE_BYTES_MAX = 60000 };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STEP_COUNT = 15000 };
#else
enum { STEP_COUNT = 40000 };
#endif

struct entry {
    char *value; /* NULL: absent */
    size_t bytes;
    uint32_t flags;
    uint32_t exptime;
    uint64_t version;
};

struct model {
    struct fixture f;
    struct rng rng;
    struct entry entries[KEY_COUNT];
    struct store_view held; /* one item kept while the rest goes on */
    char *held_copy;
    bool may_forget; /* eviction: an absent key is no surprise */
};

static struct model m;

static void entry_clear(struct entry *entry) {
    free(entry->value);
    memset(entry, 0, sizeof(*entry));
}

static void entry_set(struct entry *entry, const char *value, size_t bytes, uint32_t flags,
                      uint32_t exptime, uint64_t version) {
    char *copy = malloc(bytes + 1);
    memcpy(copy, value, bytes);
    copy[bytes] = '\0';
    free(entry->value);
    *entry = (struct entry){copy, bytes, flags, exptime, version};
}

static bool is_live(struct entry *entry) {
    if (entry->value && entry->exptime && entry->exptime <= in_seconds(&m.f, 0))
        entry_clear(entry);
    return entry->value != NULL;
}

static void name_of(unsigned number, char key[STORE_KEY_BYTES_MAX + 1]) {
    int bytes = sprintf(key, "key-%u-", number);
    unsigned padding = number * 7 % 200;
    memset(key + bytes, 'p', padding);
    key[(unsigned)bytes + padding] = '\0';
}

/* Compares a key with the model; in a forgetful store a miss makes the model forget as well. */
static bool check_key(unsigned number) {
    char key[STORE_KEY_BYTES_MAX + 1];
    struct entry *entry = &m.entries[number];
    struct store_view view;
    size_t bytes;
    name_of(number, key);
    char *text = value_of(&m.f, key, &view, &bytes);
    if (!is_live(entry)) {
        ck_assert_ptr_null(text);
        return false;
    }
    if (!text) {
        ck_assert_msg(m.may_forget, "%s is gone", key);
        entry_clear(entry);
        return false;
    }
    ck_assert_uint_eq(bytes, entry->bytes);
    ck_assert_mem_eq(text, entry->value, bytes);
    ck_assert_uint_eq(view.client_flags, entry->flags);
    ck_assert_uint_eq(view.exptime, entry->exptime);
    ck_assert_uint_eq(view.version, entry->version);
    free(text);
    return true;
}

static size_t random_bytes(void) {
    switch (rng_below(&m.rng, 8)) {
    case 0:
        return rng_below(&m.rng, VALUE_BYTES_MAX);
    case 1:
        return rng_below(&m.rng, 5000);
    default:
        return rng_below(&m.rng, 200);
    }
}

static void do_store(unsigned number, enum store_mode mode) {
    char key[STORE_KEY_BYTES_MAX + 1];
    static char value[VALUE_BYTES_MAX];
    struct entry *entry = &m.entries[number];
    bool is_here = check_key(number);
    name_of(number, key);
    size_t bytes = random_bytes();
    if (rng_below(&m.rng, 6) == 0)
        bytes = (size_t)sprintf(value, "%u", (unsigned)rng_below(&m.rng, 200));
    else
        for (size_t i = 0; i < bytes; i++)
            value[i] = (char)('a' + (number + i * 3 + bytes) % 26);
    uint32_t flags = rng_below(&m.rng, 3) ? 0 : (uint32_t)rng_next(&m.rng);
    uint32_t exptime = rng_below(&m.rng, 3) ? 0 : in_seconds(&m.f, (unsigned)rng_below(&m.rng, 30));
    struct store_key k = key_of(&m.f, key);
    enum store_status why = STORE_OK;
    struct item *item = store_reserve(m.f.thread, &k, flags, exptime, bytes, &why);
    if (!item) {
        ck_assert(m.may_forget && why == STORE_NO_MEMORY);
        store_drop_stale(m.f.thread, &k);
        entry_clear(entry);
        return;
    }
    size_t done = 0;
    char *start;
    size_t here;
    while ((here = store_item_segment(m.f.store, item, done, &start)) > 0) {
        memcpy(start, value + done, here);
        done += here;
    }
    if (rng_below(&m.rng, 20) == 0) {
        store_abandon(m.f.thread, item);
        return;
    }
    bool is_right = rng_below(&m.rng, 2);
    struct store_write write = {.mode = mode};
    if (mode == STORE_CAS)
        write.expected_version = entry->version + !is_right;
    uint64_t version = 0;
    /* reserving may have evicted the very key: then the model has to hear of it first */
    if (m.may_forget)
        is_here = check_key(number);
    enum store_status status = store_commit(m.f.thread, item, k.hash, &write, &version);
    if (m.may_forget && (mode == STORE_APPEND || mode == STORE_PREPEND) && status != STORE_OK) {
        /* the joined item may have evicted the old one, or not have been had */
        ck_assert(status == STORE_NOT_STORED || status == STORE_NO_MEMORY);
        check_key(number);
        return;
    }
    enum store_status expected = STORE_OK;
    if (mode == STORE_ADD && is_here)
        expected = STORE_NOT_STORED;
    if ((mode == STORE_REPLACE || mode == STORE_APPEND || mode == STORE_PREPEND) && !is_here)
        expected = STORE_NOT_STORED;
    if (mode == STORE_CAS)
        expected = !is_here ? STORE_NOT_FOUND : is_right ? STORE_OK : STORE_EXISTS;
    if ((mode == STORE_APPEND || mode == STORE_PREPEND) && is_here && status == STORE_NOT_STORED) {
        ck_assert_uint_gt(entry->bytes + bytes + 2 * STORE_KEY_BYTES_MAX,
                          m.f.config.item_bytes_max);
        expected = STORE_NOT_STORED;
    }
    ck_assert_int_eq(status, expected);
    if (status != STORE_OK)
        return;
    if (mode == STORE_APPEND || mode == STORE_PREPEND) {
        char *joined = malloc(entry->bytes + bytes + 1);
        size_t old_at = mode == STORE_APPEND ? 0 : bytes;
        size_t new_at = mode == STORE_APPEND ? entry->bytes : 0;
        memcpy(joined + old_at, entry->value, entry->bytes);
        memcpy(joined + new_at, value, bytes);
        entry_set(entry, joined, entry->bytes + bytes, entry->flags, entry->exptime, version);
        free(joined);
    } else {
        entry_set(entry, value, bytes, flags, exptime, version);
    }
    check_key(number);
}

static void do_delete(unsigned number) {
    char key[STORE_KEY_BYTES_MAX + 1];
    bool is_here = check_key(number);
    name_of(number, key);
    ck_assert_int_eq(drop(&m.f, key), is_here ? STORE_OK : STORE_NOT_FOUND);
    entry_clear(&m.entries[number]);
    check_key(number);
}

static void do_arith(unsigned number) {
    char key[STORE_KEY_BYTES_MAX + 1];
    struct entry *entry = &m.entries[number];
    bool is_here = check_key(number);
    name_of(number, key);
    struct store_key k = key_of(&m.f, key);
    struct store_arith arith = {.is_decr = rng_below(&m.rng, 2), .delta = rng_below(&m.rng, 300)};
    enum store_status status = store_arith(m.f.thread, &k, &arith);
    if (m.may_forget && (status == STORE_NOT_FOUND || status == STORE_NO_MEMORY)) {
        check_key(number);
        return;
    }
    char *end = NULL;
    errno = 0;
    unsigned long before = is_here ? strtoul(entry->value, &end, 10) : 0;
    if (!is_here) {
        ck_assert_int_eq(status, STORE_NOT_FOUND);
        return;
    }
    bool is_number = end != entry->value && (*end == '\0' || *end == ' ') && errno == 0;
    /* a number in a chunked item (followed by a blank and whatever) is none */
    if (!is_number || (entry->bytes > 4000 && status == STORE_NON_NUMERIC)) {
        ck_assert_int_eq(status, STORE_NON_NUMERIC);
        return;
    }
    ck_assert_int_eq(status, STORE_OK);
    unsigned long after = before + arith.delta;
    if (arith.is_decr)
        after = before > arith.delta ? before - arith.delta : 0;
    char *text = malloc(entry->bytes + 32);
    int bytes = sprintf(text, "%-*lu", (int)entry->bytes, after);
    ck_assert_uint_eq(arith.value, after);
    entry_set(entry, text, (size_t)bytes, entry->flags, entry->exptime, arith.version);
    free(text);
    check_key(number);
}

static void do_touch(unsigned number) {
    char key[STORE_KEY_BYTES_MAX + 1];
    bool is_here = check_key(number);
    name_of(number, key);
    struct store_key k = key_of(&m.f, key);
    uint32_t exptime = rng_below(&m.rng, 2) ? 0 : in_seconds(&m.f, 20);
    ck_assert_int_eq(store_touch(m.f.thread, &k, exptime), is_here ? STORE_OK : STORE_NOT_FOUND);
    if (is_here)
        m.entries[number].exptime = exptime;
    check_key(number);
}

static void let_go(void) {
    if (!m.held_copy)
        return;
    size_t done = 0;
    char *start;
    size_t here;
    while ((here = store_item_segment(m.f.store, m.held.item, done, &start)) > 0) {
        ck_assert_mem_eq(start, m.held_copy + done, here);
        done += here;
    }
    ck_assert_uint_eq(done, m.held.value_bytes);
    store_item_release(m.f.thread, m.held.item);
    free(m.held_copy);
    m.held_copy = NULL;
}

static void do_hold(unsigned number) {
    char key[STORE_KEY_BYTES_MAX + 1];
    let_go();
    name_of(number, key);
    struct store_key k = key_of(&m.f, key);
    if (!check_key(number) || store_get(m.f.thread, &k, STORE_GET, &m.held) != STORE_OK)
        return;
    m.held_copy = malloc(m.held.value_bytes + 1);
    memcpy(m.held_copy, m.entries[number].value, m.held.value_bytes);
}

static void do_step(void) {
    unsigned number = (unsigned)rng_below(&m.rng, KEY_COUNT);
    switch (rng_below(&m.rng, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        do_store(number, STORE_SET);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        do_store(number, (enum store_mode)(STORE_ADD + rng_below(&m.rng, 5)));
        break;
    case 8:
        do_delete(number);
        break;
    case 9:
    case 10:
        do_arith(number);
        break;
    case 11:
        do_touch(number);
        break;
    case 12:
        do_hold(number);
        break;
    case 13:
        if (rng_below(&m.rng, 20) == 0)
            fixture_wait(&m.f, (unsigned)rng_below(&m.rng, 10));
        store_maintain(m.f.thread);
        store_grow(m.f.thread);
        break;
    default:
        check_key(number);
        break;
    }
    if (rng_below(&m.rng, 5000) == 0) {
        store_flush(m.f.thread, 0);
        for (unsigned i = 0; i < KEY_COUNT; i++)
            entry_clear(&m.entries[i]);
    }
    if (rng_below(&m.rng, 2000) == 0)
        fixture_verify(&m.f);
}

static void run_model(uint64_t seed, uint64_t limit_bytes, uint32_t chunk_bytes_max) {
    memset(&m, 0, sizeof(m));
    rng_seed(&m.rng, seed);
    fixture_init(&m.f);
    m.f.config.limit_bytes = limit_bytes;
    m.f.config.item_bytes_max = limit_bytes / 2;
    m.f.config.slab_chunk_bytes_max = chunk_bytes_max;
    m.f.config.hashpower = 9; /* 64 buckets: chains and splits all the time */
    m.may_forget = limit_bytes < 64u << 20;
    /* each class may have a page beyond the limit: few classes */
    if (m.may_forget)
        m.f.config.growth_factor = 8;
    fixture_open(&m.f);
    for (unsigned step = 0; step < STEP_COUNT; step++)
        do_step();
    for (unsigned i = 0; i < KEY_COUNT; i++)
        check_key(i);
    if (m.may_forget)
        ck_assert_uint_gt(stats_of(&m.f).evictions, 0);
    else
        ck_assert_uint_eq(stats_of(&m.f).evictions, 0);
    ck_assert_uint_le(stats_of(&m.f).pages_total,
                      (limit_bytes >> 20) + store_class_count(m.f.store));
    let_go();
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        char key[STORE_KEY_BYTES_MAX + 1];
        name_of(i, key);
        drop(&m.f, key);
        entry_clear(&m.entries[i]);
    }
    for (unsigned id = 1; id <= store_class_count(m.f.store); id++) {
        struct store_class_stats stats;
        store_class_stats(m.f.store, id, &stats);
        ck_assert_uint_eq(stats.used_chunks, 0);
    }
    fixture_close(&m.f);
}

START_TEST(with_room_for_everything) {
    run_model(100 + (uint64_t)_i, (uint64_t)256 << 20, _i % 2 ? 8192 : 0);
}
END_TEST

START_TEST(with_a_tiny_limit) {
    run_model(200 + (uint64_t)_i, (uint64_t)(1 + _i % 3) << 20, _i % 2 ? 8192 : 0);
}
END_TEST

static Suite *model_suite(void) {
    Suite *suite = suite_create("store against a model");
    TCase *tcase = tcase_create("model");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, with_room_for_everything, 0, 4);
    tcase_add_loop_test(tcase, with_a_tiny_limit, 0, 8);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_suite(model_suite());
}
