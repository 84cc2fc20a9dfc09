/* `stats settings`: what the operator has set. */
#include "memcached/serve/stats.h"

void stats_settings(const struct server *server, struct stat_sink *sink) {
    const struct settings *s = server->settings;
    struct store_stats store;
    store_stats(server->store, &store);
#define SHOW(name, format, value) stat_put(sink, #name, "%" format, (value));
#define SHOW_BOOL(name, yes, no, value) sink->row(sink, #name, (value) ? yes : no);
#define SHOW_AS(name, text) sink->row(sink, #name, text);
#include "memcached/serve/stats_settings.def"
#undef SHOW
#undef SHOW_BOOL
#undef SHOW_AS
}
