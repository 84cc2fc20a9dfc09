/*
 * Random requests of all protocols against a plain array of what should be there: each answer, byte
 * by byte, the counters of `stats`, the limit on memory. With room for everything the answers must
 * be exactly those; with a tiny limit keys may be missing, but what is there is right.
 */
#include <stdio.h>
#include <stdlib.h>

#include "memcached/base/check.h"
#include "memcached/store/crawler.h"
#include "t/unit/model_request.h"
#include "t/unit/session_tests.h"

enum { KEY_COUNT = 300, VALUE_BYTES_MAX = 30000, REQUEST_BYTES_MAX = VALUE_BYTES_MAX * 2 };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STEP_COUNT = 30000 };
#else
enum { STEP_COUNT = 150000 };
#endif

#define MODEL_COUNTERS(X)                                                                          \
    X(cmd_get)                                                                                     \
    X(get_hits)                                                                                    \
    X(get_misses)                                                                                  \
    X(cmd_set)                                                                                     \
    X(delete_hits)                                                                                 \
    X(delete_misses)                                                                               \
    X(incr_hits)                                                                                   \
    X(incr_misses)                                                                                 \
    X(decr_hits)                                                                                   \
    X(decr_misses)                                                                                 \
    X(cmd_touch)                                                                                   \
    X(touch_hits)                                                                                  \
    X(touch_misses)                                                                                \
    X(cas_hits)                                                                                    \
    X(cas_badval)                                                                                  \
    X(cas_misses)

struct counts {
#define X(name) uint64_t name;
    MODEL_COUNTERS(X)
#undef X
};

struct model {
    struct host host;
    struct rng rng;
    struct entry entries[KEY_COUNT];
    struct counts counts;
    bool is_binary; /* what the session speaks */
    bool may_forget;
    char value[VALUE_BYTES_MAX];
    char request_room[REQUEST_BYTES_MAX];
    char reply_room[REQUEST_BYTES_MAX * 2];
};

static struct model m;

static uint64_t now_s(void) {
    return clock_wall_ms(&m.host.clock) / 1000;
}

static void entry_clear(struct entry *entry) {
    free(entry->value);
    memset(entry, 0, sizeof(*entry));
}

static struct entry *living(unsigned number) {
    struct entry *entry = &m.entries[number];
    if (entry->value && entry->expires_s && entry->expires_s <= now_s())
        entry_clear(entry);
    return entry->value ? entry : NULL;
}

/* ---- what a request does to an entry --------------------------------------------------------- */

/* `entry`: what is there; NULL: nothing. */
static enum outcome outcome_of(const struct request *r, const struct entry *entry) {
    uint64_t result;
    switch (r->verb) {
    case VERB_STORE:
        if (r->mode == MODE_SET || (r->mode == MODE_ADD) == !entry)
            return OUTCOME_OK;
        return NOT_STORED;
    case VERB_CAS:
        return !entry ? NOT_FOUND : r->cas == entry->cas ? OUTCOME_OK : EXISTS;
    case VERB_ARITH:
        if (entry && !request_arith(r, entry, &result))
            return NON_NUMERIC;
        break;
    default:
        break;
    }
    return entry ? OUTCOME_OK : NOT_FOUND;
}

static void store_value(const struct request *r, struct entry *entry) {
    size_t kept = r->mode >= MODE_APPEND ? entry->bytes : 0;
    size_t bytes = kept + r->bytes;
    char *value = malloc(bytes + 1);
    if (kept)
        memcpy(value + (r->mode == MODE_PREPEND ? r->bytes : 0), entry->value, kept);
    memcpy(value + (r->mode == MODE_APPEND ? kept : 0), r->value, r->bytes);
    value[bytes] = '\0';
    free(entry->value);
    entry->value = value;
    entry->bytes = bytes;
    entry->cas = 0;
    if (r->mode >= MODE_APPEND)
        return;
    entry->flags = r->flags;
    entry->expires_s = r->ttl_s ? now_s() + r->ttl_s : 0;
}

static void apply(const struct request *r, struct entry *entry, enum outcome outcome) {
    uint64_t result;
    if (outcome != OUTCOME_OK)
        return;
    switch (r->verb) {
    case VERB_STORE:
    case VERB_CAS:
        store_value(r, entry);
        break;
    case VERB_DELETE:
        entry_clear(entry);
        break;
    case VERB_ARITH: {
        CHECK(request_arith(r, entry, &result));
        char *value = malloc(entry->bytes + 32);
        entry->bytes =
            (size_t)sprintf(value, "%-*llu", (int)entry->bytes, (unsigned long long)result);
        free(entry->value);
        entry->value = value;
        entry->cas = 0;
        break;
    }
    case VERB_GAT:
    case VERB_TOUCH:
        entry->expires_s = r->ttl_s ? now_s() + r->ttl_s : 0;
        break;
    default:
        break;
    }
}

static void count_lookup(bool is_hit, uint64_t *hits, uint64_t *misses) {
    (*(is_hit ? hits : misses))++;
}

static void count(const struct request *r, enum outcome outcome) {
    struct counts *c = &m.counts;
    bool is_hit = outcome != NOT_FOUND;
    bool is_touch = r->verb == VERB_GAT || r->verb == VERB_TOUCH;
    /* mg with T that finds nothing has touched nothing */
    if (r->protocol == META && !is_hit)
        is_touch = false;
    switch (r->verb) {
    case VERB_GAT:
    case VERB_TOUCH:
    case VERB_GET:
    case VERB_GETS:
        (*(is_touch ? &c->cmd_touch : &c->cmd_get))++;
        if (is_touch)
            count_lookup(is_hit, &c->touch_hits, &c->touch_misses);
        else
            count_lookup(is_hit, &c->get_hits, &c->get_misses);
        break;
    case VERB_CAS:
        c->cmd_set++;
        (*(outcome == OUTCOME_OK ? &c->cas_hits
           : outcome == EXISTS   ? &c->cas_badval
                                 : &c->cas_misses))++;
        break;
    case VERB_STORE:
        c->cmd_set++;
        break;
    case VERB_DELETE:
        count_lookup(is_hit, &c->delete_hits, &c->delete_misses);
        break;
    case VERB_ARITH:
    case VERB_COUNT:
        if (outcome == NON_NUMERIC)
            break;
        if (r->is_decr)
            count_lookup(is_hit, &c->decr_hits, &c->decr_misses);
        else
            count_lookup(is_hit, &c->incr_hits, &c->incr_misses);
        break;
    }
}

static struct text reply_to(const struct request *r, const struct entry *entry,
                            enum outcome outcome, uint64_t cas) {
    struct text reply = {.at = m.reply_room};
    request_put_reply(&reply, r, entry, outcome, cas, now_s());
    return reply;
}

static bool is_said(struct text reply) {
    return m.host.said_bytes == reply.bytes &&
           (reply.bytes == 0 || memcmp(m.host.said, reply.at, reply.bytes) == 0);
}

/* Sends it to a session that speaks its protocol; the first byte of a session decides. */
static void ask(const struct request *r) {
    struct text request = {.at = m.request_room};
    request_put(&request, r);
    if ((r->protocol == BINARY) != m.is_binary) {
        host_reconnect(&m.host);
        m.is_binary = r->protocol == BINARY;
    }
    host_forget(&m.host);
    size_t piece_max = rng_below(&m.rng, 4) ? 0 : 1 + rng_below(&m.rng, 5000);
    ck_assert(host_receive(&m.host, request.at, request.bytes, piece_max));
    ck_assert_ptr_nonnull(m.host.said);
}

static void perform(const struct request *r) {
    struct entry *entry = living(r->number);
    ask(r);
    uint64_t cas = request_told_cas(r, m.host.said, m.host.said_bytes);
    bool shows_cas = r->verb == VERB_GETS || r->verb == VERB_GAT || r->verb == VERB_TOUCH ||
                     (r->protocol == BINARY && r->verb == VERB_GET);
    if (entry && entry->cas == 0 && shows_cas)
        entry->cas = cas;
    enum outcome outcome = outcome_of(r, entry);
    struct text reply = reply_to(r, entry, outcome, cas);
    if (entry && m.may_forget && !is_said(reply)) {
        entry_clear(entry);
        entry = NULL;
        outcome = outcome_of(r, entry);
        reply = reply_to(r, entry, outcome, cas);
    }
    ck_assert_msg(is_said(reply), "%d %d %d %s: '%.100s' instead of '%.100s'", r->protocol, r->verb,
                  r->mode, r->key, m.host.said, reply.at);
    apply(r, &m.entries[r->number], outcome);
    bool is_new = outcome == OUTCOME_OK &&
                  (r->verb == VERB_STORE || r->verb == VERB_CAS || r->verb == VERB_ARITH);
    if (r->protocol == BINARY && is_new) {
        ck_assert_uint_ne(cas, 0);
        m.entries[r->number].cas = cas;
    }
    count(r, outcome);
}

/* ---- chance ---------------------------------------------------------------------------------- */

static struct request request_for(unsigned number, enum verb verb) {
    struct request r = {.protocol = (enum protocol)rng_below(&m.rng, 3),
                        .verb = verb,
                        .number = number,
                        .value = ""};
    /* a session stays for some time */
    if (rng_below(&m.rng, 4))
        r.protocol = m.is_binary ? BINARY : r.protocol % 2;
    sprintf(r.key, "key-%u", number);
    return r;
}

static void fill_value(struct request *r) {
    size_t most = rng_below(&m.rng, 8) ? 300 : VALUE_BYTES_MAX;
    r->bytes = rng_below(&m.rng, most);
    r->value = m.value;
    if (rng_below(&m.rng, 3) == 0 && r->mode < MODE_APPEND) {
        r->bytes = (size_t)sprintf(m.value, "%u", (unsigned)rng_below(&m.rng, 2000));
        return;
    }
    for (size_t i = 0; i < r->bytes; i++)
        m.value[i] = (char)('a' + (r->number + i * 7 + r->bytes) % 26);
}

static void do_request(unsigned number, enum verb verb) {
    const struct entry *entry = living(number);
    if (verb == VERB_CAS && entry && entry->cas == 0) {
        struct request gets = request_for(number, VERB_GETS);
        perform(&gets);
        entry = living(number);
    }
    struct request r = request_for(number, verb);
    if (verb == VERB_STORE) {
        r.mode = rng_below(&m.rng, 3) ? MODE_SET : (enum mode)rng_below(&m.rng, MODE_COUNT);
        /* joined values grow; and digits that meet digits may be a number of any length */
        if (r.mode >= MODE_APPEND && entry &&
            (entry->bytes > VALUE_BYTES_MAX / 2 || entry->value[0] <= '9'))
            r.mode = MODE_SET;
    }
    if (verb == VERB_STORE || verb == VERB_CAS) {
        r.flags = rng_below(&m.rng, 2) ? (uint32_t)rng_next(&m.rng) : 0;
        fill_value(&r);
        if (r.mode >= MODE_APPEND && r.bytes > VALUE_BYTES_MAX / 2)
            r.bytes = VALUE_BYTES_MAX / 2;
    }
    r.ttl_s = rng_below(&m.rng, 3) ? 0 : 1 + (uint32_t)rng_below(&m.rng, 60);
    r.cas = 1 + (entry ? entry->cas - 1 + rng_below(&m.rng, 2) : 0);
    r.is_decr = rng_below(&m.rng, 2);
    r.delta = rng_below(&m.rng, 500);
    perform(&r);
}

static void pass_time(unsigned seconds) {
    clock_set(&m.host.clock, clock_wall_ms(&m.host.clock) + seconds * 1000,
              clock_mono_ms(&m.host.clock) + seconds * 1000);
    store_tick(m.host.env.store);
}

static void do_step(void) {
    unsigned number = (unsigned)rng_below(&m.rng, KEY_COUNT);
    if (rng_below(&m.rng, 3) == 0)
        do_request(number, VERB_STORE);
    else
        do_request(number, (enum verb)rng_below(&m.rng, VERB_COUNT));
    if (rng_below(&m.rng, 200) == 0)
        pass_time((unsigned)rng_below(&m.rng, 10));
    if (rng_below(&m.rng, 20) == 0) {
        (void)store_maintain(m.host.env.store);
        (void)store_grow(m.host.env.store);
        (void)store_crawl(m.host.env.store);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static uint64_t stat_of(const char *stats, const char *name) {
    char row[64];
    sprintf(row, "STAT %s ", name);
    const char *at = strstr(stats, row);
    ck_assert_msg(at != NULL, "no %s", name);
    return strtoull(at + strlen(row), NULL, 10);
}

static void check_counters(void) {
    host_reconnect(&m.host);
    m.is_binary = false;
    ck_assert(host_receive(&m.host, "stats\r\n", 7, 0));
#define X(name)                                                                                    \
    ck_assert_msg(stat_of(m.host.said, #name) == m.counts.name, "%s is %llu and not %llu", #name,  \
                  (unsigned long long)stat_of(m.host.said, #name),                                 \
                  (unsigned long long)m.counts.name);
    MODEL_COUNTERS(X)
#undef X
    ck_assert(m.may_forget || stat_of(m.host.said, "evictions") == 0);
    struct store_stats stats;
    store_stats(m.host.server.store, &stats);
    ck_assert_uint_le(stats.pages_total,
                      (m.host.config.limit_bytes >> 20) + store_class_count(m.host.server.store));
    ck_assert(store_verify(m.host.server.store) == NULL);
}

static void run_model(uint64_t seed, uint64_t limit_bytes, uint32_t chunk_bytes_max) {
    memset(&m, 0, sizeof(m));
    rng_seed(&m.rng, seed);
    host_init(&m.host);
    m.host.config.limit_bytes = limit_bytes;
    m.host.config.slab_chunk_bytes_max = chunk_bytes_max;
    m.host.config.hashpower = 9; /* chains and splits all the time */
    m.host.config.lru.is_segmented = seed % 3 != 0;
    m.may_forget = limit_bytes < 16 << 20;
    /* each class may have a page beyond the limit: few classes */
    if (m.may_forget)
        m.host.config.growth_factor = chunk_bytes_max ? 40 : 8;
    host_open(&m.host);
    for (unsigned step = 1; step <= STEP_COUNT; step++) {
        do_step();
        if (step % (STEP_COUNT / 5) == 0)
            check_counters();
    }
    unsigned items = 0;
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        do_request(i, VERB_GETS);
        items += living(i) != NULL;
    }
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        do_request(i, VERB_DELETE);
        ck_assert_ptr_null(living(i));
    }
    ck_assert_uint_gt(items, 0);
    check_counters();
    ck_assert(!m.may_forget || stat_of(m.host.said, "evictions") > 0);
    ck_assert_uint_eq(stat_of(m.host.said, "curr_items"), 0);
    ck_assert_uint_eq(stat_of(m.host.said, "bytes"), 0);
    host_close(&m.host);
}

START_TEST(with_room_for_everything) {
    run_model(100 + (uint64_t)_i, 64 << 20, _i % 2 ? 8192 : 0);
}
END_TEST

/*
 * An append holds the old value and the addition while it looks for room: in the page that each
 * class has whatever the limit there is some in any case.
 */
enum { TINY_LIMIT_BYTES = 1 << 20 };

START_TEST(with_a_tiny_limit) {
    run_model(200 + (uint64_t)_i, TINY_LIMIT_BYTES, _i % 2 ? 8192 : 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sessions against a model");
    TCase *tcase = tcase_create("model");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, with_room_for_everything, 0, 4);
    tcase_add_loop_test(tcase, with_a_tiny_limit, 0, 4);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
