/* Statistics and the commands about the server: a session's lines in, replies out, no socket. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/serve/cmd_admin.h"
#include "memcached/serve/prefixes.h"
#include "memcached/serve/stats.h"
#include "t/unit/suite.h"

enum { WALL_S = 1700000000, WORKERS = 2 };

static struct clock clock_;
static struct rng rng;
static struct settings settings;
static struct server server;
static struct serve_counters workers[WORKERS];
static struct serve_counters *worker_places[WORKERS] = {&workers[0], &workers[1]};
static struct session_env env;
static struct session *session;
static struct outbuf out;
static unsigned shutdown_count, graceful_count, client_write_count, reset_count;

static void run_stats(void *context, struct serve_run_stats *stats) {
    (void)context;
    *stats = (struct serve_run_stats){
        .curr_connections = 7, .is_accepting = true, .idle_kicks = 3, .max_connections = 1024};
}

static void run_stats_conns(void *context, struct stat_sink *sink) {
    (void)context;
    stat_put(sink, "5:addr", "tcp:%s", "192.0.2.1:5");
}

static void run_stats_reset(void *context) {
    (void)context;
    reset_count++;
}

static void run_shutdown(void *context, bool is_graceful) {
    (void)context;
    shutdown_count++;
    graceful_count += is_graceful;
}

static void repl_client_write(void *context) {
    (void)context;
    client_write_count++;
}

static void repl_stats(void *context, struct stat_sink *sink) {
    (void)context;
    stat_put(sink, "role", "master");
}

static void setup(void) {
    struct store_config config;
    const char *why = NULL;
    clock_start(&clock_, (uint64_t)WALL_S * 1000, 5000);
    rng_seed(&rng, 1);
    settings_init(&settings);
    store_config_default(&config);
    config.clock = &clock_;
    config.rng = &rng;
    memset(workers, 0, sizeof(workers));
    server = (struct server){.settings = &settings,
                             .clock = &clock_,
                             .event_version = "2.1",
                             .start_wall_s = WALL_S,
                             .store = store_create(&config, &why),
                             .run = {.stats = run_stats,
                                     .stats_conns = run_stats_conns,
                                     .stats_reset = run_stats_reset,
                                     .shutdown = run_shutdown},
                             .counters = worker_places,
                             .counters_count = WORKERS};
    ck_assert_msg(server.store != NULL, "%s", why);
    env = (struct session_env){
        .server = &server, .store = store_thread_join(server.store), .counters = &workers[0]};
    ck_assert_ptr_nonnull(env.store);
    struct session_peer peer = {.ip = "192.0.2.1"};
    session = session_create(&env, &peer);
    ck_assert_ptr_nonnull(session);
    outbuf_init(&out);
    shutdown_count = graceful_count = client_write_count = reset_count = 0;
}

static void teardown(void) {
    outbuf_free(&out);
    session_destroy(session);
    store_thread_leave(env.store);
    store_destroy(server.store);
    settings_free(&settings);
}

/* The reply to one line, until the next call. */
static const char *ask(const char *line) {
    struct admin_call call = {session, &env, line, strlen(line), &out};
    outbuf_free(&out);
    outbuf_init(&out);
    admin_execute(&call);
    ck_assert(outbuf_put(&out, "", 1));
    return out.data;
}

static void assert_reply(const char *line, const char *reply) {
    const char *got = ask(line);
    ck_assert_msg(strcmp(got, reply) == 0, "%s: %s", line, got);
}

/* The number of a field of `stats`, whose text is what the group's command answers. */
static uint64_t figure(const char *command, const char *name) {
    char start[64];
    const char *text = ask(command);
    snprintf(start, sizeof(start), "STAT %s ", name);
    const char *found = strstr(text, start);
    ck_assert_msg(found, "%s: no %s", command, name);
    return strtoull(found + strlen(start), NULL, 10);
}

static void store_value(const char *key, const char *value) {
    struct store_key where = {.data = key, .bytes = (uint32_t)strlen(key)};
    enum store_status why;
    char *start;
    where.hash = store_hash(server.store, key, where.bytes);
    struct item *item = store_reserve(env.store, &where, 0, 0, strlen(value), &why);
    ck_assert_ptr_nonnull(item);
    ck_assert_uint_ge(store_item_segment(server.store, item, 0, &start), strlen(value));
    memcpy(start, value, strlen(value));
    struct store_write write = {.mode = STORE_SET};
    ck_assert_int_eq(store_commit(env.store, item, where.hash, &write, NULL), STORE_OK);
}

/* ---- the form -------------------------------------------------------------------------------- */

/* Each line of the reply is STAT, a name, a space and a value, and the last is END. */
static unsigned count_rows(const char *command) {
    char text[16384];
    unsigned count = 0;
    snprintf(text, sizeof(text), "%s", ask(command));
    char *line = text;
    for (char *end; (end = strstr(line, "\r\n")); line = end + 2) {
        *end = '\0';
        if (strcmp(line, "END") == 0) {
            ck_assert_str_eq(end + 2, "");
            return count;
        }
        ck_assert_msg(strncmp(line, "STAT ", 5) == 0, "%s", line);
        const char *value = strchr(line + 5, ' ');
        ck_assert_msg(value && value > line + 5 && value[1] && !strchr(value + 1, ' '), "%s", line);
        count++;
    }
    ck_abort_msg("%s: no END", command);
    return count;
}

START_TEST(groups_have_the_form_and_the_rows_of_memcached) {
    ck_assert_uint_eq(count_rows("stats"), 93);
    ck_assert_uint_eq(count_rows("stats settings"), 79);
    ck_assert_uint_eq(count_rows("stats items"), 0);
    ck_assert_uint_eq(count_rows("stats slabs"), 2);
    store_value("a", "1");
    ck_assert_uint_eq(count_rows("stats items"), 28);
    ck_assert_uint_eq(count_rows("stats slabs"), 15 + 2);
    assert_reply("stats sizes", "STAT sizes_status disabled\r\nEND\r\n");
    assert_reply("stats conns", "STAT 5:addr tcp:192.0.2.1:5\r\nEND\r\n");
    assert_reply("stats extstore", "END\r\n");
    ck_assert_ptr_nonnull(strstr(ask("stats"), "STAT version 1.6.45\r\nSTAT libevent 2.1\r\n"
                                               "STAT pointer_size "));
    ck_assert_int_eq(strncmp(ask("stats settings"),
                             "STAT maxbytes 67108864\r\nSTAT maxconns 1024"
                             "\r\nSTAT tcpport 11211\r\n",
                             64),
                     0);
    ck_assert_ptr_nonnull(strstr(ask("stats settings"), "STAT client_flags_size 4\r\nEND\r\n"));
    ck_assert_ptr_nonnull(strstr(ask("stats settings"), "STAT evictions on\r\n"));
    ck_assert_ptr_nonnull(strstr(ask("stats settings"), "STAT domain_socket NULL\r\n"));
    ck_assert_ptr_nonnull(strstr(ask("stats settings"), "STAT umask 700\r\n"));
    ck_assert_ptr_nonnull(strstr(ask("stats settings"), "STAT growth_factor 1.25\r\n"));
}
END_TEST

START_TEST(sizes_are_told_when_they_are_tracked) {
    settings.tracks_sizes = true;
    assert_reply("stats sizes", "END\r\n");
    store_value("a", "1");
    store_value("b", "1");
    assert_reply("stats sizes", "STAT 64 2\r\nEND\r\n");
}
END_TEST

START_TEST(groups_that_are_none_are_errors) {
    static const char *const lines[] = {
        "stats fooble", "stats noreply", "stats repl",        "STATS",
        "statsx",       "stats malloc",  "stats sizes_enable"};
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
        assert_reply(lines[i], "ERROR\r\n");
}
END_TEST

START_TEST(repl_is_a_group_with_a_peer) {
    server.repl = (struct serve_repl_hooks){
        .is_on = true, .stats = repl_stats, .client_write = repl_client_write};
    assert_reply("stats repl", "STAT role master\r\nEND\r\n");
}
END_TEST

START_TEST(no_memory_for_the_rows_is_told) {
    struct admin_call call = {session, &env, "stats", 5, &out};
    outbuf_free(&out);
    outbuf_init(&out);
    ck_assert(outbuf_puts(&out, "before "));
    mem_fail_after(0);
    admin_execute(&call);
    ck_assert_msg(mem_has_failed(), "nothing was allocated");
    mem_fail_after(-1);
    ck_assert(outbuf_put(&out, "", 1));
    ck_assert_str_eq(out.data, "before SERVER_ERROR out of memory writing stats\r\n");
}
END_TEST

/* ---- figures --------------------------------------------------------------------------------- */

START_TEST(workers_counters_are_summed) {
    COUNT(&workers[0], cmd_get, 3);
    COUNT(&workers[1], cmd_get, 4);
    COUNT(&workers[1], bytes_read, 1000);
    ck_assert_uint_eq(figure("stats", "cmd_get"), 7);
    ck_assert_uint_eq(figure("stats", "bytes_read"), 1000);
    ck_assert_uint_eq(figure("stats", "curr_connections"), 7);
    ck_assert_uint_eq(figure("stats", "accepting_conns"), 1);
}
END_TEST

START_TEST(hits_come_from_the_classes) {
    store_value("a", "1");
    store_value("big", "0123456789012345678901234567890123456789012345678901234567890123456789");
    const char *const keys[] = {"a", "big"};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        struct store_key key = {.data = keys[i], .bytes = (uint32_t)strlen(keys[i])};
        struct store_view view;
        key.hash = store_hash(server.store, key.data, key.bytes);
        ck_assert_int_eq(store_get(env.store, &key, STORE_GET, &view), STORE_OK);
        store_item_release(env.store, view.item);
    }
    ck_assert_uint_eq(figure("stats", "get_hits"), 2);
    ck_assert_uint_eq(figure("stats slabs", "1:get_hits"), 1);
    ck_assert_uint_eq(figure("stats slabs", "active_slabs"), 2);
    ck_assert_uint_eq(figure("stats slabs", "total_malloced"), 2 << 20);
    ck_assert_uint_eq(figure("stats items", "items:1:number"), 1);
    ck_assert_uint_eq(figure("stats", "curr_items"), 2);
}
END_TEST

START_TEST(reset_zeroes_events_and_keeps_states) {
    store_value("a", "1");
    COUNT(&workers[0], cmd_get, 3);
    COUNT(&workers[1], get_misses, 4);
    assert_reply("stats reset", "RESET\r\n");
    ck_assert_uint_eq(reset_count, 1);
    ck_assert_uint_eq(figure("stats", "cmd_get"), 0);
    ck_assert_uint_eq(figure("stats", "get_misses"), 0);
    ck_assert_uint_eq(figure("stats", "total_items"), 0);
    ck_assert_uint_eq(figure("stats", "curr_items"), 1);
    /* A worker goes on counting where it was. */
    COUNT(&workers[0], cmd_get, 2);
    ck_assert_uint_eq(figure("stats", "cmd_get"), 2);
    assert_reply("stats reset noreply", "RESET\r\n");
    ck_assert_uint_eq(figure("stats", "cmd_get"), 0);
}
END_TEST

START_TEST(time_goes_by) {
    ck_assert_uint_eq(figure("stats", "uptime"), 0);
    ck_assert_uint_eq(figure("stats", "time"), WALL_S);
    clock_set(&clock_, (uint64_t)(WALL_S + 90) * 1000, 5000 + 90 * 1000);
    ck_assert_uint_eq(figure("stats", "uptime"), 90);
    ck_assert_uint_eq(figure("stats", "time"), WALL_S + 90);
}
END_TEST

START_TEST(idle_kicks_are_told_with_an_idle_timeout) {
    ck_assert_ptr_null(strstr(ask("stats"), "idle_kicks"));
    settings.idle_timeout = 5;
    ck_assert_uint_eq(figure("stats", "idle_kicks"), 3);
}
END_TEST

/* ---- commands -------------------------------------------------------------------------------- */

static const struct {
    const char *line;
    const char *reply;
} replies[] = {
    {"version", "VERSION 1.6.45\r\n"},
    {"version noreply", "VERSION 1.6.45\r\n"},
    {" version  x", "VERSION 1.6.45\r\n"},
    {"", "ERROR\r\n"},
    {"fooble noreply", "ERROR\r\n"},
    {"verbosity", "ERROR\r\n"},
    {"verbosity 1", "OK\r\n"},
    {"verbosity x", "CLIENT_ERROR bad command line format\r\n"},
    {"verbosity -1", "CLIENT_ERROR bad command line format\r\n"},
    {"verbosity 1 2", "OK\r\n"},
    {"verbosity 1 2 3", "ERROR\r\n"},
    {"verbosity noreply", ""},
    {"verbosity x noreply", ""},
    {"flush_all", "OK\r\n"},
    {"flush_all 100", "OK\r\n"},
    {"flush_all -5", "OK\r\n"},
    {"flush_all 1 2", "OK\r\n"},
    {"flush_all 5 noreply", ""},
    {"flush_all noreply", ""},
    {"flush_all x", "CLIENT_ERROR invalid exptime argument\r\n"},
    {"flush_all noreply x", "CLIENT_ERROR invalid exptime argument\r\n"},
    {"flush_all x noreply", ""},
    {"flush_all 1 2 noreply", "ERROR\r\n"},
    {"cache_memlimit", "ERROR\r\n"},
    {"cache_memlimit x", "ERROR\r\n"},
    {"cache_memlimit 7", "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n"},
    {"cache_memlimit 7 noreply", ""},
    {"cache_memlimit 1000000001", "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n"},
    {"cache_memlimit 64", "OK\r\n"},
    {"cache_memlimit 1 2 3", "ERROR\r\n"},
    {"shutdown", "ERROR: shutdown not enabled\r\n"},
    {"shutdown noreply", "ERROR: shutdown not enabled\r\n"},
    {"stats detail", "CLIENT_ERROR usage: stats detail on|off|dump\r\n"},
    {"stats detail off", "OK\r\n"},
    {"stats detail on", "OK\r\n"},
    {"stats cachedump", "CLIENT_ERROR bad command line\r\n"},
    {"stats cachedump a b", "CLIENT_ERROR bad command line format\r\n"},
    {"stats cachedump 64 1", "CLIENT_ERROR Illegal slab id\r\n"},
    {"lru_crawler", "ERROR\r\n"},
    {"lru_crawler crawl all", "OK\r\n"},
    {"lru_crawler crawl ,", "NOTSTARTED no items to crawl\r\n"},
    {"lru_crawler crawl hash", "ERROR an unknown error happened\r\n"},
    {"lru_crawler crawl 64", "BADCLASS invalid class id\r\n"},
    {"lru_crawler sleep x", "CLIENT_ERROR bad command line format\r\n"},
    {"lru_crawler sleep 1000001", "CLIENT_ERROR sleep must be one second or less\r\n"},
    {"lru_crawler sleep 0", "OK\r\n"},
    {"lru_crawler tocrawl x", "CLIENT_ERROR bad command line format\r\n"},
    {"lru_crawler tocrawl 7", "OK\r\n"},
    {"lru_crawler enable", "ERROR failed to start lru crawler thread\r\n"},
    {"lru_crawler disable", "OK\r\n"},
    {"lru_crawler disable noreply", "ERROR\r\n"},
    {"lru_crawler crawl all", "CLIENT_ERROR lru crawler disabled\r\n"},
    {"lru_crawler metadump all", "CLIENT_ERROR lru crawler disabled\r\n"},
    {"lru_crawler enable", "OK\r\n"},
    {"lru tune 50 31 1 1", "ERROR hot and warm pcts must not exceed 80\r\n"},
    {"lru tune 50 30 0 1", "ERROR hot/warm age factors must be greater than 0\r\n"},
    {"lru tune 50 30 1 1", "OK\r\n"},
    {"slabs", "ERROR\r\n"},
    {"slabs automove 0", "OK\r\n"},
    {"slabs automove 0 noreply", ""},
    {"slabs automove 5", "ERROR\r\n"},
    {"slabs reassign 1 2 noreply", "ERROR\r\n"},
    {"slabs reassign a b", "CLIENT_ERROR bad command line format\r\n"},
    {"slabs reassign 1 2", "NOSPARE source class has no spare pages\r\n"},
    {"slabs reassign 2 2", "SAME src and dst class are identical\r\n"},
    {"slabs reassign -2 2", "BADCLASS invalid src or dst class id\r\n"},
    {"slabs automove 2", "OK\r\n"},
    {"slabs automove -1", "CLIENT_ERROR bad command line format\r\n"},
    {"slabs automove window 20", "OK\r\n"},
    {"slabs automove window", "CLIENT_ERROR bad command line format\r\n"},
    {"slabs automove ratio 0.5", "OK\r\n"},
    {"slabs automove ratio nan", "ERROR\r\n"},
    {"slabs automove freeratio x", "ERROR\r\n"},
    {"lru", "ERROR\r\n"},
    {"lru noreply", ""},
    {"lru mode segmented", "OK\r\n"},
    {"lru temp_ttl -1", "OK\r\n"},
    {"lru temp_ttl a", "ERROR\r\n"},
    {"watch", "WATCHER_FAILED failed to add log watcher\r\n"}, /* nobody is there to show */
    {"watch fetchers bogus", "ERROR\r\n"},
    {"watch noreply", ""},
    {"misbehave", "ERROR\r\n"},
#ifdef ENABLE_DEBUG
    {"debugtime 5", "OK\r\n"},
    {"debugitem lock nothing", "NOT_FOUND\r\n"},
    {"debugitem unlock nothing", "NOT_FOUND\r\n"},
    {"debugitem ref nothing", "NOT_FOUND\r\n"},
    {"debugitem unref reffed", "OK\r\n"},
    {"debugitem unref other", "ERROR\r\n"},
    {"debugitem lock", "ERROR\r\n"},
#else
    {"debugtime 5", "ERROR\r\n"},
    {"debugitem lock nothing", "ERROR\r\n"},
    {"debugitem unref reffed", "ERROR\r\n"},
#endif
    {"extstore free_memchunks 1 2", "ERROR\r\n"},
    {"stats 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25", "ERROR\r\n"},
};

START_TEST(replies_are_memcacheds) {
    for (size_t i = 0; i < ARRAY_COUNT(replies); i++)
        assert_reply(replies[i].line, replies[i].reply);
}
END_TEST

START_TEST(verbosity_is_set_within_its_bounds) {
    (void)ask("verbosity 1");
    ck_assert_uint_eq(figure("stats settings", "verbosity"), 1);
    (void)ask("verbosity 4000000000");
    ck_assert_uint_eq(figure("stats settings", "verbosity"), 2);
    (void)ask("verbosity noreply");
    ck_assert_uint_eq(figure("stats settings", "verbosity"), 2);
}
END_TEST

START_TEST(flush_all_is_a_clients_write_that_counts) {
    server.repl = (struct serve_repl_hooks){
        .is_on = true, .stats = repl_stats, .client_write = repl_client_write};
    store_value("a", "1");
    assert_reply("flush_all", "OK\r\n");
    ck_assert_uint_eq(client_write_count, 1);
    ck_assert_uint_eq(figure("stats", "cmd_flush"), 1);
    (void)ask("flush_all x");
    ck_assert_uint_eq(client_write_count, 1);
    ck_assert_uint_eq(figure("stats", "cmd_flush"), 2);
    settings.is_flush_enabled = false;
    assert_reply("flush_all", "CLIENT_ERROR flush_all not allowed\r\n");
    assert_reply("flush_all noreply", "");
    ck_assert_uint_eq(client_write_count, 1);
}
END_TEST

START_TEST(a_delay_of_flush_all_may_be_a_time) {
    struct store_key key = {.data = "a", .bytes = 1};
    struct store_view view;
    char line[64];
    key.hash = store_hash(server.store, "a", 1);
    store_value("a", "1");
    snprintf(line, sizeof(line), "flush_all %d", WALL_S + 10);
    assert_reply(line, "OK\r\n");
    ck_assert_uint_eq(store_flush_pending(server.store), WALL_S + 10);
    ck_assert_int_eq(store_get(env.store, &key, STORE_GET, &view), STORE_OK);
    store_item_release(env.store, view.item);
    snprintf(line, sizeof(line), "flush_all %d", WALL_S - 10); /* long past */
    assert_reply(line, "OK\r\n");
    ck_assert_int_eq(store_get(env.store, &key, STORE_GET, &view), STORE_NOT_FOUND);
}
END_TEST

START_TEST(the_limit_changes_what_is_shown) {
    assert_reply("cache_memlimit 32", "OK\r\n");
    ck_assert_uint_eq(figure("stats", "limit_maxbytes"), 32 << 20);
    ck_assert_uint_eq(figure("stats settings", "maxbytes"), 32 << 20);
}
END_TEST

START_TEST(shutdown_where_it_is_enabled) {
    settings.is_shutdown_enabled = true;
    assert_reply("shutdown fooble", "CLIENT_ERROR invalid shutdown mode\r\n");
    assert_reply("shutdown graceful now", "CLIENT_ERROR invalid shutdown mode\r\n");
    ck_assert_uint_eq(shutdown_count, 0);
    assert_reply("shutdown graceful", "");
    assert_reply("shutdown", "");
    ck_assert_uint_eq(shutdown_count, 2);
    ck_assert_uint_eq(graceful_count, 1);
}
END_TEST

START_TEST(what_is_switched_off_is_not_allowed) {
    settings.is_dump_enabled = false;
    assert_reply("stats detail on", "CLIENT_ERROR stats detail not allowed\r\n");
    assert_reply("stats cachedump 1 1", "CLIENT_ERROR stats cachedump not allowed\r\n");
}
END_TEST

/* ---- by prefix ------------------------------------------------------------------------------- */

static size_t prefix_lines(struct prefixes *prefixes) {
    struct outbuf dump;
    size_t lines = 0;
    outbuf_init(&dump);
    ck_assert(prefixes_put(prefixes, &dump));
    for (size_t i = 0; i < dump.bytes; i++)
        lines += dump.data[i] == '\n';
    outbuf_free(&dump);
    return lines;
}

START_TEST(prefixes_are_counted_up_to_a_bound) {
    struct prefixes *prefixes = prefixes_create(':', WORKERS, &rng);
    prefixes_count(prefixes, 0, "none", 4, PREFIX_GET);
    ck_assert_uint_eq(prefix_lines(prefixes), 0);
    for (unsigned i = 0; i < PREFIXES_MAX + 100; i++) {
        char key[32];
        int bytes = snprintf(key, sizeof(key), "%u:x", i);
        prefixes_count(prefixes, 0, key, (size_t)bytes, PREFIX_SET);
    }
    ck_assert_uint_eq(prefix_lines(prefixes), PREFIXES_MAX);
    prefixes_forget(prefixes);
    ck_assert_uint_eq(prefix_lines(prefixes), 0);
    mem_fail_after(0);
    prefixes_count(prefixes, 0, "a:b", 3, PREFIX_GET);
    ck_assert(mem_has_failed());
    mem_fail_after(-1);
    ck_assert_uint_eq(prefix_lines(prefixes), 0);
    prefixes_count(prefixes, 0, "a:b", 3, PREFIX_GET);
    ck_assert_uint_eq(prefix_lines(prefixes), 1);
    prefixes_destroy(prefixes);
    mem_fail_after(0);
    ck_assert_ptr_null(prefixes_create(':', WORKERS, &rng));
    mem_fail_after(-1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("stats");
    TCase *tcase = tcase_create("stats");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, groups_have_the_form_and_the_rows_of_memcached);
    tcase_add_test(tcase, sizes_are_told_when_they_are_tracked);
    tcase_add_test(tcase, groups_that_are_none_are_errors);
    tcase_add_test(tcase, repl_is_a_group_with_a_peer);
    tcase_add_test(tcase, no_memory_for_the_rows_is_told);
    tcase_add_test(tcase, workers_counters_are_summed);
    tcase_add_test(tcase, hits_come_from_the_classes);
    tcase_add_test(tcase, reset_zeroes_events_and_keeps_states);
    tcase_add_test(tcase, time_goes_by);
    tcase_add_test(tcase, idle_kicks_are_told_with_an_idle_timeout);
    tcase_add_test(tcase, replies_are_memcacheds);
    tcase_add_test(tcase, verbosity_is_set_within_its_bounds);
    tcase_add_test(tcase, flush_all_is_a_clients_write_that_counts);
    tcase_add_test(tcase, a_delay_of_flush_all_may_be_a_time);
    tcase_add_test(tcase, the_limit_changes_what_is_shown);
    tcase_add_test(tcase, shutdown_where_it_is_enabled);
    tcase_add_test(tcase, what_is_switched_off_is_not_allowed);
    tcase_add_test(tcase, prefixes_are_counted_up_to_a_bound);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
