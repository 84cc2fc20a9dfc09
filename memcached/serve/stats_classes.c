/* `stats items`, `stats slabs`, `stats sizes`: what is told by slab class or by size. */
#include <stdio.h>

#include "memcached/serve/stats.h"

enum { ROW_NAME_BYTES_MAX = 64 };

/* STAT <prefix><class>:<name> <value> */
static void put_class(struct stat_sink *sink, const char *prefix, unsigned class_id,
                      const char *name, uint64_t value) {
    char row[ROW_NAME_BYTES_MAX];
    snprintf(row, sizeof(row), "%s%u:%s", prefix, class_id, name);
    stat_put_u64(sink, row, value);
}

/* Classes without an item are left out. */
void stats_items(const struct server *server, struct stat_sink *sink) {
    struct store_lru lru;
    store_lru(server->store, &lru);
    for (unsigned id = 1; id <= store_class_count(server->store); id++) {
        struct store_class_stats class;
        store_class_stats(server->store, id, &class);
        if (class.number == 0)
            continue;
#define ITEMS_ROW(name, field) put_class(sink, "items:", id, #name, class.field);
#define ITEMS_ROW_IF(name, condition, field)                                                       \
    if (condition)                                                                                 \
        put_class(sink, "items:", id, #name, class.field);
#include "memcached/serve/stats_classes.def"
#undef ITEMS_ROW
#undef ITEMS_ROW_IF
    }
}

/* Classes without a page are left out. */
void stats_slabs(const struct server *server, struct stat_sink *sink) {
    uint64_t active_count = 0;
    struct store_stats store;
    store_stats(server->store, &store);
    for (unsigned id = 1; id <= store_class_count(server->store); id++) {
        struct store_class_stats class;
        store_class_stats(server->store, id, &class);
        if (class.total_pages == 0)
            continue;
        active_count++;
#define SLABS_ROW(name, value) put_class(sink, "", id, #name, (value));
#include "memcached/serve/stats_classes.def"
#undef SLABS_ROW
    }
    stat_put_u64(sink, "active_slabs", active_count);
    stat_put_u64(sink, "total_malloced", store.arena_bytes_taken);
}

static void put_size(void *context, uint32_t bytes, uint64_t count) {
    char name[ROW_NAME_BYTES_MAX];
    snprintf(name, sizeof(name), "%u", bytes);
    stat_put_u64(context, name, count);
}

void stats_sizes(const struct server *server, struct store_thread *thread, struct stat_sink *sink) {
    if (server->settings->tracks_sizes)
        store_sizes(thread, put_size, sink);
    else
        sink->row(sink, "sizes_status", "disabled");
}
