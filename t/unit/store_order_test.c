/*
 * The segmented LRU against a model of its rules: after whatever clients do, each list holds the very
 * items, in the very order, and what moved or went was counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/store/walk.h"
#include "t/unit/store_fixture.h"

enum { HOT, WARM, COLD, TEMP, SEGMENTS };
enum {
    KEYS = 220,
    VALUE_BYTES = 9000, /* about a hundred fill the only page there is */
    REPORTED_BYTES = 48 + 8 + 1 + 2 + 5 + VALUE_BYTES,
    EVICT_TRIES = 50,
    SLICE = 500,
    BUMPS = 1000,
};
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STEPS = 20000 };
#else
enum { STEPS = 100000 };
#endif

static struct fixture f;

struct entry {
    const struct item *item; /* where it stands; NULL: absent */
    unsigned segment;
    uint32_t exptime;
    uint32_t used_s;
    bool is_fetched, is_active;
};

struct list {
    unsigned count;
    unsigned key[KEYS]; /* the newest first */
};

static struct {
    struct entry entries[KEYS];
    struct list lists[SEGMENTS];
    /* places of cold items that became active, until the next maintenance */
    const struct item *bumps[BUMPS];
    unsigned bump_count;
    unsigned present, capacity;
    uint64_t evicted, evicted_nonzero, evicted_unfetched, evicted_active, evicted_time;
    uint64_t reclaimed, expired_unfetched, to_cold, to_warm, within, refused, rooms_wanted;
} m;

static uint32_t now(void) {
    return clock_seconds(&f.clock);
}

static bool is_dead(const struct entry *entry) {
    return entry->exptime != 0 && entry->exptime <= now();
}

static void list_remove(unsigned key) {
    struct list *list = &m.lists[m.entries[key].segment];
    unsigned at = 0;
    while (list->key[at] != key)
        at++;
    list->count--;
    memmove(&list->key[at], &list->key[at + 1], (list->count - at) * sizeof(list->key[0]));
}

static void list_push(unsigned key, unsigned segment) {
    struct list *list = &m.lists[segment];
    memmove(&list->key[1], &list->key[0], list->count * sizeof(list->key[0]));
    list->key[0] = key;
    list->count++;
    m.entries[key].segment = segment;
}

static void move_to(unsigned key, unsigned segment) {
    list_remove(key);
    list_push(key, segment);
}

static void forget(unsigned key) {
    list_remove(key);
    m.entries[key].item = NULL;
    m.present--;
}

static unsigned tail_of(unsigned segment) {
    return m.lists[segment].key[m.lists[segment].count - 1];
}

/* What is at the tail of a segment, and lives, goes on. */
static void move_on(unsigned key) {
    struct entry *entry = &m.entries[key];
    bool was_active = entry->is_active;
    entry->is_active = false;
    if (!was_active) {
        m.to_cold++;
        move_to(key, COLD);
    } else if (entry->segment == WARM) {
        m.within++;
        move_to(key, WARM);
    } else {
        m.to_warm++;
        move_to(key, WARM);
    }
}

static void drop_dead(unsigned key) {
    m.reclaimed++;
    m.expired_unfetched += !m.entries[key].is_fetched;
    forget(key);
}

static void evict(unsigned key) {
    const struct entry *entry = &m.entries[key];
    m.evicted++;
    m.evicted_nonzero += entry->exptime != 0;
    m.evicted_unfetched += !entry->is_fetched;
    m.evicted_active += entry->is_active;
    m.evicted_time = now() - entry->used_s;
    forget(key);
}

/* One item has to go for another. False: all of them are temporary, and live. */
static bool make_room(void) {
    m.rooms_wanted++;
    for (unsigned tries = 0; tries < EVICT_TRIES; tries++) {
        unsigned segment = m.lists[COLD].count ? COLD : m.lists[HOT].count ? HOT : WARM;
        if (m.lists[segment].count == 0)
            break;
        unsigned key = tail_of(segment);
        struct entry *entry = &m.entries[key];
        if (is_dead(entry)) {
            drop_dead(key);
            return true;
        }
        if (tries < EVICT_TRIES / 2 && (segment != COLD || entry->is_active)) {
            move_on(key);
            continue;
        }
        evict(key);
        return true;
    }
    for (unsigned segment = 0; segment < SEGMENTS; segment++) {
        const struct list *list = &m.lists[segment];
        for (unsigned i = list->count; i-- > 0;) {
            if (!is_dead(&m.entries[list->key[i]]))
                continue;
            drop_dead(list->key[i]);
            return true;
        }
    }
    return false;
}

static bool is_over_share(unsigned segment) {
    const struct store_lru *lru = &f.config.lru;
    uint64_t total =
        (uint64_t)(m.lists[HOT].count + m.lists[WARM].count + m.lists[COLD].count) * REPORTED_BYTES;
    unsigned percent = segment == HOT ? lru->hot_percent : lru->warm_percent;
    double factor = segment == HOT ? lru->hot_max_factor : lru->warm_max_factor;
    if (m.lists[segment].count == 0)
        return false;
    if ((uint64_t)m.lists[segment].count * REPORTED_BYTES > total * percent / 100)
        return true;
    if (m.lists[COLD].count == 0)
        return false;
    double cold_age = now() - m.entries[tail_of(COLD)].used_s;
    return now() - m.entries[tail_of(segment)].used_s > cold_age * factor;
}

static unsigned key_at(const struct item *item) {
    for (unsigned key = 0; key < KEYS; key++) {
        if (m.entries[key].item == item)
            return key;
    }
    return KEYS;
}

static void model_maintain(void) {
    for (unsigned i = 0; i < m.bump_count; i++) {
        unsigned key = key_at(m.bumps[i]);
        if (key == KEYS || m.entries[key].segment != COLD || !m.entries[key].is_active)
            continue;
        m.entries[key].is_active = false;
        m.to_warm++;
        move_to(key, WARM);
    }
    m.bump_count = 0;
    for (unsigned segment = HOT; segment <= WARM; segment++) {
        for (unsigned moved = 0; moved < SLICE && is_over_share(segment); moved++) {
            unsigned key = tail_of(segment);
            if (is_dead(&m.entries[key]))
                drop_dead(key);
            else
                move_on(key);
        }
    }
    for (unsigned segment = 0; segment < SEGMENTS; segment++) {
        while (m.lists[segment].count && is_dead(&m.entries[tail_of(segment)]))
            drop_dead(tail_of(segment));
    }
}

static void model_hit(unsigned key) {
    struct entry *entry = &m.entries[key];
    entry->used_s = now();
    if (entry->is_fetched && !entry->is_active) {
        entry->is_active = true;
        if (entry->segment == COLD) {
            ck_assert_uint_lt(m.bump_count, BUMPS);
            m.bumps[m.bump_count++] = entry->item;
        }
    }
    entry->is_fetched = true;
}

/* ---- the store beside it --------------------------------------------------------------------- */

static struct store_key named(unsigned number, char text[16]) {
    snprintf(text, 16, "k%04u", number);
    return key_of(&f, text);
}

static void do_set(unsigned number, uint32_t exptime) {
    char text[16];
    struct store_key key = named(number, text);
    enum store_status why;
    struct item *item = store_reserve(f.thread, &key, 0, exptime, VALUE_BYTES, &why);
    bool has_room = m.present < m.capacity || make_room();
    ck_assert_int_eq(item != NULL, has_room);
    if (!item) {
        m.refused++;
        return;
    }
    char *start;
    ck_assert_uint_eq(store_item_segment(f.store, item, 0, &start), VALUE_BYTES);
    memset(start, 'v', VALUE_BYTES);
    struct store_write write = {.mode = STORE_SET};
    ck_assert_int_eq(store_commit(f.thread, item, key.hash, &write, NULL), STORE_OK);
    if (m.entries[number].item)
        forget(number);
    bool is_temporary = exptime != 0 && exptime <= now() + f.config.lru.temp_ttl_s;
    m.entries[number] = (struct entry){.item = item, .exptime = exptime, .used_s = now()};
    m.present++;
    list_push(number, is_temporary ? TEMP : HOT);
}

/* Whether the key is there; what lies dead under it goes when it is looked for. */
static bool model_find(unsigned number) {
    if (m.entries[number].item && is_dead(&m.entries[number]))
        forget(number);
    return m.entries[number].item != NULL;
}

static void do_get(unsigned number) {
    char text[16];
    struct store_key key = named(number, text);
    struct store_view view;
    enum store_peek peeked = store_peek(f.thread, &key, &view);
    bool is_hit = false;
    if (peeked == STORE_PEEK_HIT) {
        is_hit = store_peek_confirm(f.thread, &view);
        ck_assert(is_hit);
    } else if (peeked == STORE_PEEK_LOCKED) {
        is_hit = store_get(f.thread, &key, STORE_GET, &view) == STORE_OK;
        if (is_hit)
            store_item_release(f.thread, view.item);
    }
    ck_assert_int_eq(is_hit, model_find(number));
    if (is_hit)
        model_hit(number);
}

static void do_touch(unsigned number, uint32_t exptime) {
    char text[16];
    struct store_key key = named(number, text);
    bool is_there = model_find(number);
    ck_assert_int_eq(store_touch(f.thread, &key, exptime), is_there ? STORE_OK : STORE_NOT_FOUND);
    if (!is_there)
        return;
    m.entries[number].exptime = exptime;
    model_hit(number);
}

static void do_delete(unsigned number) {
    char text[16];
    struct store_key key = named(number, text);
    bool is_there = model_find(number);
    ck_assert_int_eq(store_delete(f.thread, &key, false, 0, 0),
                     is_there ? STORE_OK : STORE_NOT_FOUND);
    if (is_there)
        forget(number);
}

struct listed {
    unsigned segment, at; /* where the model's lists are compared, from their tails */
    unsigned count;
};

/* What stands next on the store's lists is what the model has next; the dead are passed over. */
static bool compare_next(struct walk_step *step) {
    struct listed *listed = step->context;
    const struct item *item = step->spot.item;
    unsigned segment = item_segment(item);
    const struct list *list = &m.lists[segment];
    unsigned number = (unsigned)strtoul(item->key + 1, NULL, 10);
    if (item_life(f.store, item) != ITEM_ALIVE)
        return true;
    if (segment != listed->segment)
        listed->at = 0;
    listed->segment = segment;
    while (listed->at < list->count && is_dead(&m.entries[list->key[list->count - 1 - listed->at]]))
        listed->at++;
    ck_assert_uint_lt(listed->at, list->count);
    ck_assert_uint_eq(list->key[list->count - 1 - listed->at], number);
    listed->at++;
    listed->count++;
    return true;
}

static void compare(unsigned class_id) {
    struct listed listed = {.segment = SEGMENTS};
    struct class_walk walk;
    class_walk_begin(&walk, class_id);
    while (!class_walk_step(f.thread, &walk, WALK_PICK_MAX, compare_next, &listed, NULL))
        ;
    class_walk_end(f.store, &walk);
    unsigned alive = 0;
    for (unsigned key = 0; key < KEYS; key++)
        alive += m.entries[key].item && !is_dead(&m.entries[key]);
    ck_assert_uint_eq(listed.count, alive);
    struct store_class_stats stats;
    store_class_stats(f.store, class_id, &stats);
    for (unsigned segment = 0; segment < SEGMENTS; segment++)
        ck_assert_uint_eq(stats.segment_number[segment], m.lists[segment].count);
    ck_assert_uint_eq(stats.evicted, m.evicted);
    ck_assert_uint_eq(stats.evicted_nonzero, m.evicted_nonzero);
    ck_assert_uint_eq(stats.evicted_unfetched, m.evicted_unfetched);
    ck_assert_uint_eq(stats.evicted_active, m.evicted_active);
    ck_assert_uint_eq(stats.evicted_time, m.evicted_time);
    ck_assert_uint_eq(stats.reclaimed, m.reclaimed);
    ck_assert_uint_eq(stats.expired_unfetched, m.expired_unfetched);
    ck_assert_uint_eq(stats.direct_reclaims, m.rooms_wanted);
    ck_assert_uint_eq(stats.outofmemory, m.refused);
    ck_assert_uint_eq(stats.moves_to_cold, m.to_cold);
    ck_assert_uint_eq(stats.moves_to_warm, m.to_warm);
    ck_assert_uint_eq(stats.moves_within_lru, m.within);
}

static void step(struct rng *rng) {
    /* a third of the keys is asked for most */
    unsigned number = (unsigned)rng_below(rng, rng_below(rng, 3) ? KEYS / 3 : KEYS);
    uint32_t exptime = rng_below(rng, 6) ? 0 : in_seconds(&f, 1 + (unsigned)rng_below(rng, 40));
    switch (rng_below(rng, 10)) {
    case 0:
    case 1:
    case 2:
        do_set(number, exptime);
        break;
    case 3:
        if (rng_below(rng, 3) == 0)
            do_delete(number);
        break;
    case 4:
        do_touch(number, exptime);
        break;
    default:
        do_get(number);
    }
    /* now and then everything is in use, and something has to go nevertheless */
    bool reads_all = rng_below(rng, 400) == 0;
    for (unsigned key = 0; reads_all && key < KEYS; key++) {
        do_get(key);
        do_get(key);
    }
    if (rng_below(rng, 20) == 0)
        fixture_wait(&f, (unsigned)rng_below(rng, 6));
    if (rng_below(rng, 25) == 0) {
        store_maintain(f.thread);
        model_maintain();
    }
}

START_TEST(every_list_has_the_order_of_the_rules) {
    static const struct {
        unsigned hot, warm;
        double hot_factor, warm_factor;
        unsigned temp_ttl_s;
    } tunings[] = {
        {20, 40, 0.2, 2.0, 0},
        {5, 60, 1.5, 0.5, 0},
        {40, 20, 5.0, 5.0, 15},
        {1, 1, 0.1, 0.1, 30},
    };
    struct rng rng;
    rng_seed(&rng, 700 + (uint64_t)_i);
    fixture_init(&f);
    memset(&m, 0, sizeof(m));
    f.config.limit_bytes = 1 << 20;
    f.config.item_bytes_max = 1 << 19;
    f.config.moves_pages = false;
    f.config.lru.hot_percent = tunings[_i].hot;
    f.config.lru.warm_percent = tunings[_i].warm;
    f.config.lru.hot_max_factor = tunings[_i].hot_factor;
    f.config.lru.warm_max_factor = tunings[_i].warm_factor;
    f.config.lru.has_temp = tunings[_i].temp_ttl_s > 0;
    f.config.lru.temp_ttl_s = tunings[_i].temp_ttl_s;
    fixture_open(&f);
    m.capacity = 1;
    do_set(0, 0);
    unsigned class_id = 0;
    for (unsigned id = 1; id <= store_class_count(f.store); id++) {
        struct store_class_stats stats;
        store_class_stats(f.store, id, &stats);
        if (!stats.number)
            continue;
        class_id = id;
        m.capacity = stats.chunks_per_page;
    }
    for (unsigned i = 0; i < STEPS; i++) {
        step(&rng);
        if (i % 13 == 0)
            compare(class_id);
        if (i % 5000 == 0)
            fixture_verify(&f);
    }
    compare(class_id);
    ck_assert_uint_gt(m.evicted, 0);
    ck_assert_uint_gt(m.evicted_nonzero, 0);
    ck_assert_uint_gt(m.evicted_unfetched, 0);
    ck_assert_uint_gt(m.evicted_active, 0);
    ck_assert_uint_gt(m.reclaimed, 0);
    ck_assert_uint_gt(m.expired_unfetched, 0);
    ck_assert_uint_gt(m.to_cold, 0);
    ck_assert_uint_gt(m.to_warm, 0);
    ck_assert(_i != 1 || m.within > 0);
    fixture_close(&f);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("LRU against its rules");
    TCase *tcase = tcase_create("order");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, every_list_has_the_order_of_the_rules, 0, 4);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
