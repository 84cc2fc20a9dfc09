/* `stats` without an argument, and `stats reset`. */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "memcached/serve/stats.h"
#include "memcached/serve/version.h"

void stats_sum_counters(const struct server *server, struct serve_totals *totals) {
    memset(totals, 0, sizeof(*totals));
    for (unsigned i = 0; i < server->counters_count; i++) {
        const struct serve_counters *counters = server->counters[i];
#define SERVE_COUNTER(name, meaning)                                                               \
    totals->name += atomic_load_explicit(&counters->name, memory_order_relaxed);
#include "memcached/serve/counters.def"
#undef SERVE_COUNTER
    }
}

/* What is counted by slab class, over all classes. */
struct class_totals {
#define CLASS_COUNTER(name, meaning) uint64_t name;
#include "memcached/store/class_counters.def"
#undef CLASS_COUNTER
    uint64_t lrutail_reflocked;
};

static void class_totals(struct store *store, struct class_totals *totals) {
    memset(totals, 0, sizeof(*totals));
    for (unsigned i = 1; i <= store_class_count(store); i++) {
        struct store_class_stats class;
        store_class_stats(store, i, &class);
#define CLASS_COUNTER(name, meaning) totals->name += class.name;
#include "memcached/store/class_counters.def"
#undef CLASS_COUNTER
        totals->lrutail_reflocked += class.lrutail_reflocked;
    }
}

static void put_time(struct stat_sink *sink, const char *name, struct timeval time) {
    stat_put(sink, name, "%ld.%06ld", (long)time.tv_sec, (long)time.tv_usec);
}

void stats_general(const struct server *server, struct stat_sink *sink) {
    struct serve_run_stats run;
    struct serve_totals t;
    struct class_totals c;
    struct store_stats s;
    struct rusage usage;
    memset(&run, 0, sizeof(run));
    if (server->run.stats)
        server->run.stats(server->run.context, &run);
    stats_sum_counters(server, &t);
    class_totals(server->store, &c);
    store_stats(server->store, &s);
    getrusage(RUSAGE_SELF, &usage);
    uint32_t uptime = clock_seconds(server->clock) - CLOCK_FIRST_SECOND;
    stat_put(sink, "pid", "%ld", (long)getpid());
    stat_put_u64(sink, "uptime", uptime);
    stat_put_u64(sink, "time", server->start_wall_s + uptime);
    stat_put(sink, "version", "%s", SERVER_VERSION);
    stat_put(sink, "libevent", "%s", server->event_version ? server->event_version : "none");
    stat_put_u64(sink, "pointer_size", 8 * sizeof(void *));
    put_time(sink, "rusage_user", usage.ru_utime);
    put_time(sink, "rusage_system", usage.ru_stime);
#define STAT(name, value) stat_put_u64(sink, #name, value);
#include "memcached/serve/stats_general.def"
#undef STAT
}

void stats_reset(const struct server *server) {
    store_stats_reset(server->store);
    /* A worker that adds at this moment may undo the zero of one counter: statistics, not money. */
    for (unsigned i = 0; i < server->counters_count; i++) {
#define SERVE_COUNTER(name, meaning)                                                               \
    atomic_store_explicit(&server->counters[i]->name, 0, memory_order_relaxed);
#include "memcached/serve/counters.def"
#undef SERVE_COUNTER
    }
    if (server->run.stats_reset)
        server->run.stats_reset(server->run.context);
}
