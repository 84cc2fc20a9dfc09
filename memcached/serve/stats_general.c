/* `stats` and `stats reset`: figures about the whole server. */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "memcached/serve/prefixes.h"
#include "memcached/serve/stats.h"
#include "memcached/serve/version.h"
#include "memcached/store/crawler.h"

/* Everything the rows of stats.def are taken from, gathered once. */
struct general {
    const struct server *server;
    struct serve_totals totals;
    struct serve_run_stats run;
    struct store_stats store;
    struct store_crawler crawler;
    struct store_class_stats classes; /* sums of what classes count; the rest is zero */
    struct rusage usage;
};

static uint64_t load(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void stats_sum_counters(const struct server *server, struct serve_totals *totals) {
#define SERVE_COUNTER(name, meaning) totals->name = -load(&server->counters_at_reset.name);
#include "memcached/serve/counters.def"
#undef SERVE_COUNTER
    for (unsigned i = 0; i < server->counters_count; i++) {
        const struct serve_counters *worker = server->counters[i];
#define SERVE_COUNTER(name, meaning) totals->name += load(&worker->name);
#include "memcached/serve/counters.def"
#undef SERVE_COUNTER
    }
}

/* Only the owner writes a worker's counters, so a reset remembers how far they were. */
static void reset_counters(struct server *server) {
    struct serve_totals totals;
    stats_sum_counters(server, &totals);
#define SERVE_COUNTER(name, meaning)                                                               \
    atomic_fetch_add_explicit(&server->counters_at_reset.name, totals.name, memory_order_relaxed);
#include "memcached/serve/counters.def"
#undef SERVE_COUNTER
}

void stats_reset(struct server *server) {
    reset_counters(server);
    store_stats_reset(server->store);
    if (server->prefixes)
        prefixes_forget(server->prefixes);
    if (server->run.stats_reset)
        server->run.stats_reset(server->run.context);
}

static void sum_classes(struct store *store, struct store_class_stats *sum) {
    memset(sum, 0, sizeof(*sum));
    for (unsigned id = 1; id <= store_class_count(store); id++) {
        struct store_class_stats one;
        store_class_stats(store, id, &one);
#define CLASS_COUNTER(name, meaning) sum->name += one.name;
#include "memcached/store/class_counters.def"
#undef CLASS_COUNTER
        sum->crawler_reclaimed += one.crawler_reclaimed;
        sum->crawler_items_checked += one.crawler_items_checked;
        sum->lrutail_reflocked += one.lrutail_reflocked;
    }
}

static void gather(const struct server *server, struct general *g) {
    memset(g, 0, sizeof(*g));
    g->server = server;
    stats_sum_counters(server, &g->totals);
    if (server->run.stats)
        server->run.stats(server->run.context, &g->run);
    store_stats(server->store, &g->store);
    store_crawler(server->store, &g->crawler);
    sum_classes(server->store, &g->classes);
    (void)getrusage(RUSAGE_SELF, &g->usage);
}

void stats_general(const struct server *server, struct stat_sink *sink) {
    struct general general;
    const struct general *g = &general;
    gather(server, &general);
#define STAT(name, value) stat_put_u64(sink, #name, (value));
#define STAT_IF(name, condition, value)                                                            \
    if (condition)                                                                                 \
        stat_put_u64(sink, #name, (value));
#define STAT_TEXT(name, text) stat_put(sink, #name, "%s", (text));
#define STAT_TEXT_IF(name, condition, text)                                                        \
    if (condition)                                                                                 \
        stat_put(sink, #name, "%s", (text));
#define STAT_TIME(name, time)                                                                      \
    stat_put(sink, #name, "%ld.%06ld", (long)(time).tv_sec, (long)(time).tv_usec);
#include "memcached/serve/stats.def"
#undef STAT
#undef STAT_IF
#undef STAT_TEXT
#undef STAT_TEXT_IF
#undef STAT_TIME
}
