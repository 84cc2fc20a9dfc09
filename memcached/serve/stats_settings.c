/* `stats settings`. */
#include "memcached/serve/stats.h"

static const char *yes_no(bool is_on) {
    return is_on ? "yes" : "no";
}

void stats_settings(const struct server *server, struct stat_sink *sink) {
    struct settings *o = server->settings;
    struct store_stats s;
    store_stats(server->store, &s);
#define SETTING(name, format, value) stat_put(sink, #name, format, value);
#include "memcached/serve/stats_settings.def"
#undef SETTING
}
