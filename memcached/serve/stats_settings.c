/* `stats settings`: what the operator has set, from the rows of settings.def. */
#include <stdio.h>

#include "memcached/base/check.h"
#include "memcached/serve/settings_table.h"
#include "memcached/serve/stats.h"
#include "memcached/store/crawler.h"

/* The rules of the LRU as they are now. */
static void show_lru(const struct server *server, const struct setting_row *row,
                     struct stat_sink *sink) {
    struct store_lru lru;
    store_lru(server->store, &lru);
    switch (row->show) {
    case SHOW_LRU_SEGMENTED:
        sink->row(sink, row->stat, lru.is_segmented ? "yes" : "no");
        break;
    case SHOW_HOT_PERCENT:
        stat_put_u64(sink, row->stat, lru.hot_percent);
        break;
    case SHOW_WARM_PERCENT:
        stat_put_u64(sink, row->stat, lru.warm_percent);
        break;
    case SHOW_HOT_FACTOR:
        stat_put(sink, row->stat, "%.2f", lru.hot_max_factor);
        break;
    case SHOW_WARM_FACTOR:
        stat_put(sink, row->stat, "%.2f", lru.warm_max_factor);
        break;
    case SHOW_TEMP_LRU:
        sink->row(sink, row->stat, lru.has_temp ? "yes" : "no");
        break;
    case SHOW_TEMP_TTL:
        stat_put_u64(sink, row->stat, lru.temp_ttl_s);
        break;
    default:
        CHECK(!"a row that is not about the LRU");
    }
}

static void show_crawler(const struct server *server, const struct setting_row *row,
                         struct stat_sink *sink) {
    struct store_crawler crawler;
    store_crawler(server->store, &crawler);
    if (row->show == SHOW_CRAWLER)
        sink->row(sink, row->stat, crawler.is_enabled ? "yes" : "no");
    else
        stat_put_u64(sink, row->stat,
                     row->show == SHOW_CRAWLER_SLEEP ? crawler.sleep_us : crawler.tocrawl);
}

static void show_automove(const struct server *server, const struct setting_row *row,
                          struct stat_sink *sink) {
    struct store_automove automove;
    store_automove_get(server->store, &automove);
    if (row->show == SHOW_AUTOMOVE_LEVEL)
        stat_put_u64(sink, row->stat, automove.level);
    else if (row->show == SHOW_AUTOMOVE_WINDOW)
        stat_put_u64(sink, row->stat, automove.window_s);
    else if (row->show == SHOW_AUTOMOVE_RATIO)
        stat_put(sink, row->stat, "%.2f", automove.ratio);
    else
        stat_put(sink, row->stat, "%.3f", automove.freeratio);
}

static void show(const struct server *server, const struct setting_row *row,
                 struct stat_sink *sink) {
    const struct settings *settings = server->settings;
    char text[SETTING_TEXT_BYTES_MAX];
    switch (row->show) {
    case SHOW_VALUE:
        if (!row->idle)
            setting_print(row, settings, 1, text);
        sink->row(sink, row->stat, row->idle ? row->idle : text);
        break;
    case SHOW_ON_OFF: {
        bool is_on = *(const bool *)((const char *)settings + row->field);
        sink->row(sink, row->stat, is_on ? "on" : "off");
        break;
    }
    case SHOW_TEXT_OR_NO: {
        const char *value = *(const setting_TEXT *)((const char *)settings + row->field);
        sink->row(sink, row->stat, value ? value : "no");
        break;
    }
    case SHOW_MAXBYTES: {
        struct store_stats store;
        store_stats(server->store, &store);
        stat_put_u64(sink, row->stat, store.limit_bytes);
        break;
    }
    case SHOW_VERBOSITY:
        stat_put(sink, row->stat, "%d", atomic_load(&settings->verbose));
        break;
    case SHOW_DETAILED:
        sink->row(sink, row->stat, atomic_load(&server->is_detailed) ? "yes" : "no");
        break;
    case SHOW_OLDEST:
        stat_put_u64(sink, row->stat, atomic_load(&server->flushed_second));
        break;
    case SHOW_UDP_THREADS:
        stat_put_u64(sink, row->stat, settings_udp_threads(settings));
        break;
    case SHOW_LRU_SEGMENTED:
    case SHOW_HOT_PERCENT:
    case SHOW_WARM_PERCENT:
    case SHOW_HOT_FACTOR:
    case SHOW_WARM_FACTOR:
    case SHOW_TEMP_LRU:
    case SHOW_TEMP_TTL:
        show_lru(server, row, sink);
        break;
    case SHOW_CRAWLER:
    case SHOW_CRAWLER_SLEEP:
    case SHOW_CRAWLER_TOCRAWL:
        show_crawler(server, row, sink);
        break;
    case SHOW_AUTOMOVE_LEVEL:
    case SHOW_AUTOMOVE_WINDOW:
    case SHOW_AUTOMOVE_RATIO:
    case SHOW_AUTOMOVE_FREERATIO:
        show_automove(server, row, sink);
        break;
    }
}

void stats_settings(const struct server *server, struct stat_sink *sink) {
    const struct setting_row *by_rank[SETTING_RANK_MAX + 1] = {NULL};
    for (size_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *row = &setting_rows[i];
        if (!row->stat)
            continue;
        CHECK(row->rank >= 1 && row->rank <= SETTING_RANK_MAX && !by_rank[row->rank]);
        by_rank[row->rank] = row;
    }
    for (int rank = 1; rank <= SETTING_RANK_MAX; rank++)
        if (by_rank[rank])
            show(server, by_rank[rank], sink);
}
