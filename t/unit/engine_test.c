/* The engine of one half of a pair, driven by hand: its peer is this program. */
#include "repl/engine.h"

#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/unit/session_host.h"
#include "t/unit/store_fixture.h"

#define PEER "1 00000000000000aa master ready 1"

enum { STREAM_BYTES_MAX = 64 * 1024 };

static struct host host; /* its session is the link that the peer has dialled */
static struct engine *engine;
static struct rng rng;
static struct store_thread *handle; /* the replication thread's */
static char stream[STREAM_BYTES_MAX];
static size_t stream_bytes;
static uint64_t mono_ms;

static ssize_t transport_send(void *context, const struct iovec *vec, int count) {
    (void)context;
    size_t taken = 0;
    for (int i = 0; i < count; i++) {
        ck_assert_uint_lt(stream_bytes + vec[i].iov_len, STREAM_BYTES_MAX);
        memcpy(stream + stream_bytes, vec[i].iov_base, vec[i].iov_len);
        stream_bytes += vec[i].iov_len;
        taken += vec[i].iov_len;
    }
    stream[stream_bytes] = '\0';
    return (ssize_t)taken;
}

static void transport_nothing(void *context) {
    (void)context;
}

static void transport_changed(void *context, const struct node_view *view) {
    (void)context;
    (void)view;
}

static void pass(uint64_t ms) {
    mono_ms += ms;
    clock_set(&host.clock, (uint64_t)HOST_WALL_S * 1000 + mono_ms, mono_ms);
    store_tick(handle);
    engine_tick(engine, handle);
}

static void hear(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void hear(const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ck_assert(host_receive(&host, text, (size_t)bytes, 0));
}

/* Both links are up, and nobody has to start over. */
static void setup(void) {
    const char *why;
    static const char *const peer_address[] = {"127.0.0.1"};
    host_init(&host);
    host.config.is_replicated = true;
    host_open(&host);
    rng_seed(&rng, 1);
    struct engine_config config = {
        .node_id = 0xb,
        .log_bytes = 1 << 20,
        .join_timeout_ms = 3000,
        .heartbeat_ms = 200,
        .timeout_ms = 2000,
        .peer_name = "peer",
        .store = host.server.store,
        .clock = &host.clock,
        .rng = &rng,
        .transport = {.send = transport_send,
                      .wake = transport_nothing,
                      .dial = transport_nothing,
                      .close = transport_nothing,
                      .changed = transport_changed},
    };
    engine = engine_create(&config, &why);
    ck_assert_ptr_nonnull(engine);
    engine_hooks(engine, &host.server.repl);
    ck_assert(engine_allow(engine, peer_address, 1));
    handle = store_thread_join(host.server.store);
    stream_bytes = 0;
    mono_ms = 1000;
    pass(0);
    engine_out_connected(engine);
    pass(1);
    ck_assert_ptr_nonnull(strstr(stream, "repl hello 1 000000000000000b "));
    char answer[128];
    snprintf(answer, sizeof(answer), "REPL " PEER " any %" PRIu64 " go\r\n",
             store_version_now(host.server.store));
    engine_out_received(engine, answer, strlen(answer));
    pass(1);
    hear("repl hello " PEER " any %" PRIu64 "\r\n", store_version_now(host.server.store));
    ck_assert_ptr_nonnull(strstr(host.said, " go\r\n"));
    engine_before_flush(engine, host.env.store);
    pass(1);
    struct node_view view;
    engine_view(engine, &view);
    ck_assert_int_eq(view.out, OUT_STREAMING);
    stream_bytes = 0;
}

static void teardown(void) {
    engine_quit(engine, handle);
    store_thread_leave(handle);
    host_close(&host);
    engine_destroy(engine);
}

static struct store_key key_named(const char *text) {
    return (struct store_key){text, (uint32_t)strlen(text),
                              store_hash(host.server.store, text, strlen(text))};
}

/* A worker stores it for a client; it has not come to its flush. */
static void put_value(const char *key, const char *value) {
    struct store_key k = key_named(key);
    enum store_status why;
    char *to;
    struct item *item = store_reserve(host.env.store, &k, 0, 0, (uint64_t)strlen(value), &why);
    ck_assert_ptr_nonnull(item);
    ck_assert_uint_eq(store_item_segment(host.server.store, item, 0, &to), strlen(value));
    memcpy(to, value, strlen(value));
    struct store_write write = {.mode = STORE_SET};
    ck_assert_int_eq(store_commit(host.env.store, item, k.hash, &write, NULL), STORE_OK);
}

static bool is_here(const char *key) {
    struct store_key k = key_named(key);
    struct store_view view;
    if (store_get(host.env.store, &k, STORE_GET_QUIETLY, &view) != STORE_OK)
        return false;
    store_item_release(host.env.store, view.item);
    return true;
}

static uint64_t lag(void) {
    struct engine_stats stats;
    engine_stats(engine, &stats);
    return stats.lag_ops;
}

/* The number of the barrier that the stream ends with; 0: none. */
static uint64_t barrier_in_stream(void) {
    const char *last = NULL;
    for (const char *at = stream; (at = strstr(at, "repl barrier ")); at++)
        last = at;
    return last ? strtoull(last + 13, NULL, 10) : 0;
}

/* The peer is whole, has another log, and fills us anew. */
static void peer_begins(void) {
    uint64_t version = store_version_now(host.server.store) + 1000;
    hear("repl info " PEER " none %" PRIu64 "\r\nrepl begin\r\n", version);
}

START_TEST(changes_go_out_before_clients_are_answered_and_wait_to_be_confirmed) {
    put_value("a", "one");
    ck_assert_uint_eq(stream_bytes, 0);
    ck_assert_uint_eq(lag(), 1);
    engine_before_flush(engine, host.env.store);
    ck_assert(strncmp(stream, "ms a 3 ", 7) == 0);
    ck_assert_uint_eq(lag(), 1);
    pass(20);
    uint64_t number = barrier_in_stream();
    ck_assert_uint_ne(number, 0);
    hear("repl ack %" PRIu64 "\r\n", number - 1);
    ck_assert_uint_eq(lag(), 1);
    hear("repl ack %" PRIu64 "\r\n", number);
    ck_assert_uint_eq(lag(), 0);
}
END_TEST

START_TEST(what_is_staged_when_the_node_starts_over_is_dropped_on_both) {
    put_value("a", "one");
    put_value("b", "two");
    peer_begins();
    uint64_t old = store_version_now(host.server.store);
    stream_bytes = 0;
    engine_before_flush(engine, host.env.store);
    pass(1);
    stream[stream_bytes] = '\0';
    ck_assert_ptr_null(strstr(stream, "ms "));
    ck_assert_ptr_nonnull(strstr(stream, "md a E"));
    ck_assert_ptr_nonnull(strstr(stream, "md b E"));
    /* and what the source still had of them does not come back */
    hear("ms a 3 E%" PRIu64 " q\r\nold\r\n", old);
    ck_assert(!is_here("a"));
    ck_assert(!is_here("b"));
}
END_TEST

START_TEST(an_answer_from_before_a_start_over_confirms_nothing_after_it) {
    put_value("a", "one");
    engine_before_flush(engine, host.env.store);
    pass(20);
    uint64_t number = barrier_in_stream();
    ck_assert_uint_ne(number, 0);
    peer_begins(); /* whose clock is ahead: what is older may be deleted there */
    stream_bytes = 0;
    hear("repl ack %" PRIu64 "\r\n", number);
    ck_assert_uint_eq(lag(), 1);
    ck_assert(!is_here("a"));
    pass(1);
    stream[stream_bytes] = '\0';
    ck_assert_ptr_nonnull(strstr(stream, "md a E"));
}
END_TEST

static uint64_t tombstones(void) {
    struct store_stats stats;
    store_stats(host.server.store, &stats);
    return stats.tombstones;
}

/* Time passes for links that live, and every barrier is answered. */
static void live_on(unsigned seconds, bool is_answered_in_order) {
    char answer[64];
    for (unsigned i = 0; i < seconds * 2; i++) {
        hear("mn\r\n");
        stream_bytes = 0;
        pass(500);
        stream[stream_bytes] = '\0';
        uint64_t number = barrier_in_stream();
        ck_assert_uint_ne(number, 0);
        int bytes = snprintf(answer, sizeof(answer), "%s ack %" PRIu64 "\r\n",
                             is_answered_in_order ? "repl" : "REPL", number);
        if (is_answered_in_order)
            hear("%s", answer);
        else
            engine_out_received(engine, answer, (size_t)bytes);
    }
}

START_TEST(an_answer_that_overtakes_the_peers_stream_lets_no_tombstone_go) {
    struct store_key a = key_named("a");
    put_value("a", "one");
    ck_assert_int_eq(store_delete(host.env.store, &a, false, 0, 0), STORE_OK);
    uint64_t version = store_version_now(host.server.store);
    engine_before_flush(engine, host.env.store);
    live_on(60, false);
    ck_assert_uint_eq(lag(), 0);
    ck_assert_uint_eq(tombstones(), 1);
    /* written there before the deletion was told, and stuck in the stream all the time */
    hear("ms a 3 E%" PRIu64 " q\r\nold\r\n", version - 1);
    ck_assert(!is_here("a"));
    live_on(60, true);
    ck_assert_uint_eq(tombstones(), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("engine");
    TCase *tcase = tcase_create("engine");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, changes_go_out_before_clients_are_answered_and_wait_to_be_confirmed);
    tcase_add_test(tcase, what_is_staged_when_the_node_starts_over_is_dropped_on_both);
    tcase_add_test(tcase, an_answer_from_before_a_start_over_confirms_nothing_after_it);
    tcase_add_test(tcase, an_answer_that_overtakes_the_peers_stream_lets_no_tombstone_go);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
