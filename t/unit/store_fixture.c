#include "t/unit/store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fixture_init(struct fixture *fixture) {
    memset(fixture, 0, sizeof(*fixture));
    clock_start(&fixture->clock, (uint64_t)FIXTURE_WALL_S * 1000, 5000);
    rng_seed(&fixture->rng, 1);
    store_config_default(&fixture->config);
    fixture->config.clock = &fixture->clock;
    fixture->config.rng = &fixture->rng;
}

void fixture_open(struct fixture *fixture) {
    const char *why;
    fixture->store = store_create(&fixture->config, &why);
    ck_assert_msg(fixture->store != NULL, "%s", why);
    fixture->thread = store_thread_join(fixture->store);
    ck_assert_ptr_nonnull(fixture->thread);
}

void fixture_verify(struct fixture *fixture) {
    const char *wrong = store_verify(fixture->store);
    ck_assert_msg(wrong == NULL, "%s", wrong);
}

void fixture_close(struct fixture *fixture) {
    fixture_verify(fixture);
    store_thread_leave(fixture->thread);
    store_destroy(fixture->store);
}

void fixture_wait(struct fixture *fixture, unsigned seconds) {
    clock_set(&fixture->clock, clock_wall_ms(&fixture->clock) + seconds * 1000,
              clock_mono_ms(&fixture->clock) + seconds * 1000);
    store_tick(fixture->thread);
}

void fixture_settle(struct fixture *fixture) {
    for (unsigned i = 0; i < 10000 && store_maintain(fixture->thread); i++)
        ;
    for (unsigned i = 0; i < 10000 && store_grow(fixture->thread); i++)
        ;
}

struct store_key key_of(const struct fixture *fixture, const char *text) {
    size_t bytes = strlen(text);
    return (struct store_key){
        .data = text, .bytes = (uint32_t)bytes, .hash = store_hash(fixture->store, text, bytes)};
}

uint32_t in_seconds(const struct fixture *fixture, unsigned seconds) {
    return clock_seconds(&fixture->clock) + seconds;
}

static void fill(struct fixture *fixture, struct item *item, const char *value, size_t bytes) {
    size_t done = 0;
    char *start;
    size_t here;
    while ((here = store_item_segment(fixture->store, item, done, &start)) > 0) {
        memcpy(start, value + done, here);
        done += here;
    }
    ck_assert_uint_eq(done, bytes);
}

struct item *item_with(struct fixture *fixture, const char *key, const char *value, size_t bytes,
                       uint32_t flags, uint32_t exptime) {
    enum store_status why = STORE_OK;
    struct store_key k = key_of(fixture, key);
    struct item *item = store_reserve(fixture->thread, &k, flags, exptime, bytes, &why);
    ck_assert_msg(item != NULL, "reserve: %d", (int)why);
    fill(fixture, item, value, bytes);
    return item;
}

enum store_status put(struct fixture *fixture, enum store_mode mode, const char *key,
                      const char *value) {
    struct item *item = item_with(fixture, key, value, strlen(value), 0, 0);
    struct store_write write = {.mode = mode};
    return store_commit(fixture->thread, item, key_of(fixture, key).hash, &write, NULL);
}

enum store_status put_bytes(struct fixture *fixture, const char *key, const char *value,
                            size_t bytes, uint32_t flags, uint32_t exptime) {
    enum store_status why = STORE_OK;
    struct store_key k = key_of(fixture, key);
    struct item *item = store_reserve(fixture->thread, &k, flags, exptime, bytes, &why);
    if (!item)
        return why;
    fill(fixture, item, value, bytes);
    struct store_write write = {.mode = STORE_SET};
    return store_commit(fixture->thread, item, k.hash, &write, NULL);
}

void put_many(struct fixture *fixture, const char *prefix, unsigned count, uint32_t exptime) {
    for (unsigned i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof(key), "%s%04u", prefix, i);
        put_bytes(fixture, key, "v", 1, 0, exptime);
    }
}

enum store_status drop(struct fixture *fixture, const char *key) {
    struct store_key k = key_of(fixture, key);
    return store_delete(fixture->thread, &k, false, 0, 0);
}

char *value_of(struct fixture *fixture, const char *key, struct store_view *out, size_t *bytes) {
    struct store_key k = key_of(fixture, key);
    struct store_view peeked;
    struct store_view view;
    char *text = NULL;
    char *copy = NULL;
    enum store_peek peek = store_peek(fixture->thread, &k, &peeked);
    if (peek == STORE_PEEK_HIT) {
        copy = malloc(peeked.value_bytes + 1);
        store_copy(copy, &peeked);
        copy[peeked.value_bytes] = '\0';
        ck_assert(store_peek_confirm(fixture->thread, &peeked));
    }
    if (store_get(fixture->thread, &k, STORE_GET_QUIETLY, &view) != STORE_OK) {
        ck_assert_int_ne(peek, STORE_PEEK_HIT);
        return NULL;
    }
    ck_assert_int_ne(peek, STORE_PEEK_MISS);
    text = malloc(view.value_bytes + 1);
    size_t done = 0;
    char *start;
    size_t here;
    while ((here = store_item_segment(fixture->store, view.item, done, &start)) > 0) {
        memcpy(text + done, start, here);
        done += here;
    }
    ck_assert_uint_eq(done, view.value_bytes);
    text[done] = '\0';
    if (copy) {
        ck_assert_uint_eq(peeked.value_bytes, view.value_bytes);
        ck_assert_uint_eq(peeked.version, view.version);
        ck_assert_uint_eq(peeked.client_flags, view.client_flags);
        ck_assert_uint_eq(peeked.exptime, view.exptime);
        ck_assert_mem_eq(copy, text, view.value_bytes + 1);
        free(copy);
    }
    store_item_release(fixture->thread, view.item);
    if (out)
        *out = view;
    if (bytes)
        *bytes = done;
    return text;
}

uint64_t version_of(struct fixture *fixture, const char *key) {
    struct store_view view;
    char *text = value_of(fixture, key, &view, NULL);
    ck_assert_ptr_nonnull(text);
    free(text);
    return view.version;
}

struct store_stats stats_of(struct fixture *fixture) {
    struct store_stats stats;
    store_stats(fixture->store, &stats);
    return stats;
}

enum store_status put_numbered(struct fixture *fixture, const char *prefix, unsigned number,
                               size_t bytes) {
    char key[32];
    snprintf(key, sizeof(key), "%s%u", prefix, number);
    return put_patterned(fixture, key, number, bytes);
}

enum store_status put_flagged(struct fixture *fixture, const char *prefix, unsigned number,
                              size_t bytes) {
    char key[32];
    char *value = patterned(number, bytes);
    snprintf(key, sizeof(key), "%s%u", prefix, number);
    enum store_status status = put_bytes(fixture, key, value, bytes, number % 3 + 1, 0);
    free(value);
    return status;
}

bool has_flagged(struct fixture *fixture, const char *prefix, unsigned number, size_t bytes) {
    char key[32];
    size_t got = 0;
    struct store_view view;
    snprintf(key, sizeof(key), "%s%u", prefix, number);
    char *text = value_of(fixture, key, &view, &got);
    char *value = patterned(number, bytes);
    if (text) {
        ck_assert_uint_eq(got, bytes);
        ck_assert_mem_eq(text, value, bytes);
        ck_assert_uint_eq(view.client_flags, number % 3 + 1);
    }
    bool is_there = text != NULL;
    free(text);
    free(value);
    return is_there;
}

struct store_class_stats class_stats(struct fixture *fixture, unsigned class_id) {
    struct store_class_stats stats;
    store_class_stats(fixture->store, class_id, &stats);
    return stats;
}

bool has_numbered(struct fixture *fixture, const char *prefix, unsigned number) {
    char key[32];
    snprintf(key, sizeof(key), "%s%u", prefix, number);
    char *text = value_of(fixture, key, NULL, NULL);
    free(text);
    return text != NULL;
}

uint32_t class_pages(struct fixture *fixture, unsigned class_id) {
    return class_stats(fixture, class_id).total_pages;
}

unsigned class_with(struct fixture *fixture, size_t bytes) {
    for (unsigned id = 1; id <= store_class_count(fixture->store); id++)
        if (class_stats(fixture, id).chunk_bytes >= bytes + 36 + 6 + 4)
            return id;
    return 0;
}

char *patterned(unsigned seed, size_t bytes) {
    char *value = malloc(bytes + 1);
    for (size_t i = 0; i < bytes; i++)
        value[i] = (char)('a' + (seed * 31 + i / 7 + i % 7) % 26);
    value[bytes] = '\0';
    return value;
}

enum store_status put_patterned(struct fixture *fixture, const char *key, unsigned seed,
                                size_t bytes) {
    char *value = patterned(seed, bytes);
    enum store_status status = put_bytes(fixture, key, value, bytes, 0, 0);
    free(value);
    return status;
}

bool is_patterned(struct fixture *fixture, const char *key, unsigned seed, size_t bytes) {
    size_t got = 0;
    char *text = value_of(fixture, key, NULL, &got);
    char *value = patterned(seed, bytes);
    bool is_same = text && got == bytes && memcmp(text, value, bytes) == 0;
    free(text);
    free(value);
    return is_same;
}
