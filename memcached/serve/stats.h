/*
 * The `stats` families: each writes its rows to a sink. Any worker calls them. Their figures come
 * from the settings, the store, the workers' counters and the hooks of the layers above.
 */
#ifndef SERVE_STATS_H
#define SERVE_STATS_H

#include <stdbool.h>
#include <stddef.h>

#include "memcached/serve/server.h"
#include "memcached/serve/session.h"
#include "memcached/serve/stat_sink.h"

/* `stats` (stats_general.c, stats.def) */
void stats_general(const struct server *server, struct stat_sink *sink);
/* `stats settings` (stats_settings.c, stats_settings.def) */
void stats_settings(const struct server *server, struct stat_sink *sink);
/* `stats items` and `stats slabs` (stats_classes.c, stats_classes.def) */
void stats_items(const struct server *server, struct stat_sink *sink);
void stats_slabs(const struct server *server, struct stat_sink *sink);
/* `stats sizes`: with -o track_sizes a histogram (walks the whole store), else that it is off. */
void stats_sizes(const struct server *server, struct store_thread *thread, struct stat_sink *sink);
/* `stats reset`: zeroes what counts events, everywhere. */
void stats_reset(struct server *server);

/* The sum over all workers since the last reset. */
struct serve_totals {
#define SERVE_COUNTER(name, meaning) uint64_t name;
#include "memcached/serve/counters.def"
#undef SERVE_COUNTER
};
void stats_sum_counters(const struct server *server, struct serve_totals *totals);

#endif
