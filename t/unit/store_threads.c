#include "t/unit/store_threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/store/crawler.h"

static _Atomic bool is_over; /* set when the workers have ended: the maintainer ends, too */

struct store_key prefixed_key(const struct fixture *fixture, char *text, const char *prefix,
                              unsigned number) {
    sprintf(text, "%s-%u", prefix, number);
    return key_of(fixture, text);
}

struct store_key numbered_key(const struct fixture *fixture, char *text, unsigned number) {
    return prefixed_key(fixture, text, "key", number);
}

void value_fill(char *value, size_t bytes, unsigned number, unsigned char letter) {
    memset(value, letter, bytes);
    value[0] = (char)number;
}

void value_check(const char *value, size_t bytes, unsigned number) {
    CHECK(bytes >= 2);
    CHECK((unsigned char)value[0] == number);
    for (size_t i = 2; i < bytes; i++)
        CHECK(value[i] == value[1]);
}

void worker_get(struct worker *worker, const struct store_key *key, unsigned number) {
    struct store_view view;
    char copy[STORE_COPY_BYTES_MAX];
    switch (store_peek(worker->thread, key, &view)) {
    case STORE_PEEK_HIT:
        store_copy(copy, &view);
        if (store_peek_confirm(worker->thread, &view)) {
            value_check(copy, view.value_bytes, number);
            CHECK(view.client_flags == view.value_bytes);
            worker->hits++;
        }
        break;
    case STORE_PEEK_LOCKED:
        if (store_get(worker->thread, key, STORE_GET, &view) == STORE_OK) {
            if (view.value)
                value_check(view.value, view.value_bytes, number);
            store_item_release(worker->thread, view.item);
            worker->hits++;
        }
        break;
    case STORE_PEEK_MISS:
        break;
    }
}

bool value_visit(void *context, const struct store_key *key, const struct store_view *view) {
    (void)context;
    CHECK(key->bytes > 0);
    if (view->value && memcmp(key->data, "key-", 4) == 0)
        value_check(view->value, view->value_bytes, (unsigned char)view->value[0]);
    return true;
}

/* A client's dump, one step after the other, then another in another order. */
static struct store_dump *dump_on(struct fixture *fixture, struct store_dump *dump, unsigned turn) {
    enum store_dump_refusal why;
    if (!dump)
        return store_dump_begin(fixture->store, (enum store_dump_order)(turn % 3), UINT64_MAX,
                                &why);
    if (store_dump_step(dump, fixture->thread, value_visit, NULL) == STORE_DUMP_MORE)
        return dump;
    store_dump_end(dump);
    return NULL;
}

/* What administrators do, all the time. */
static void administer(struct store *store, unsigned turn) {
    struct store_lru lru;
    struct store_crawler crawler;
    store_crawler(store, &crawler);
    if (!crawler.is_busy && turn % 16 < 8) /* leaves room for dumps */
        (void)store_crawl_start(store, UINT64_MAX);
    store_lru(store, &lru);
    if (turn % 64 == 0)
        lru.is_segmented = !lru.is_segmented;
    lru.hot_percent = turn % 40;
    store_lru_set(store, &lru);
    if (turn % 128 == 0) {
        (void)store_crawler_enable(store, false);
        (void)store_crawler_enable(store, true);
    }
}

static void *maintain(void *context) {
    struct fixture *fixture = context;
    struct store_thread *thread = fixture->thread;
    uint64_t cursor = 0;
    uint64_t sweep_cursor = 0;
    struct store_dump *dump = NULL;
    store_crawler_tune(fixture->store, 0, 0);
    for (unsigned turn = 0; !atomic_load(&is_over); turn++) {
        administer(fixture->store, turn);
        dump = dump_on(fixture, dump, turn);
        store_maintain(thread);
        store_crawl(thread);
        store_grow(thread);
        store_tick(thread);
        store_walk(thread, &cursor, 16, value_visit, NULL, NULL);
        if (store_sweep(thread, &sweep_cursor, 16))
            sweep_cursor = 0;
        struct store_stats stats;
        store_stats(fixture->store, &stats);
    }
    if (dump)
        store_dump_end(dump);
    return NULL;
}

void workers_run(struct fixture *fixture, void *(*body)(void *),
                 struct worker workers[THREAD_COUNT]) {
    pthread_t threads[THREAD_COUNT];
    pthread_t maintainer;
    atomic_store(&is_over, false);
    pthread_create(&maintainer, NULL, maintain, fixture);
    for (unsigned i = 0; i < THREAD_COUNT; i++) {
        workers[i] = (struct worker){.thread = store_thread_join(fixture->store), .number = i};
        rng_seed(&workers[i].rng, i + 1);
        pthread_create(&threads[i], NULL, body, &workers[i]);
    }
    for (unsigned i = 0; i < THREAD_COUNT; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&is_over, true);
    pthread_join(maintainer, NULL);
    for (unsigned i = 0; i < THREAD_COUNT; i++)
        store_thread_leave(workers[i].thread);
}
