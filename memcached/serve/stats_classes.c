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

void stats_items(const struct server *server, struct stat_sink *sink) {
    for (unsigned id = 1; id <= store_class_count(server->store); id++) {
        struct store_class_stats c;
        store_class_stats(server->store, id, &c);
        if (c.number == 0)
            continue;
#define ROW(name, value) put_class(sink, "items:", id, #name, value)
        ROW(number, c.number);
        ROW(number_hot, c.segment_number[0]);
        ROW(number_warm, c.segment_number[1]);
        ROW(number_cold, c.segment_number[2]);
        ROW(age_hot, c.age_hot);
        ROW(age_warm, c.age_warm);
        ROW(age, c.age);
        ROW(mem_requested, c.mem_requested);
        ROW(evicted, c.evicted);
        ROW(evicted_nonzero, c.evicted_nonzero);
        ROW(evicted_time, c.evicted_time);
        ROW(outofmemory, c.outofmemory);
        ROW(tailrepairs, c.tailrepairs);
        ROW(reclaimed, c.reclaimed);
        ROW(expired_unfetched, c.expired_unfetched);
        ROW(evicted_unfetched, c.evicted_unfetched);
        ROW(evicted_active, c.evicted_active);
        ROW(crawler_reclaimed, c.crawler_reclaimed);
        ROW(crawler_items_checked, c.crawler_items_checked);
        ROW(lrutail_reflocked, c.lrutail_reflocked);
        ROW(moves_to_cold, c.moves_to_cold);
        ROW(moves_to_warm, c.moves_to_warm);
        ROW(moves_within_lru, c.moves_within_lru);
        ROW(direct_reclaims, c.direct_reclaims);
        ROW(hits_to_hot, c.hits_to_hot);
        ROW(hits_to_warm, c.hits_to_warm);
        ROW(hits_to_cold, c.hits_to_cold);
        ROW(hits_to_temp, c.hits_to_temp);
#undef ROW
    }
}

void stats_slabs(const struct server *server, struct stat_sink *sink) {
    uint64_t active = 0;
    uint64_t pages = 0;
    for (unsigned id = 1; id <= store_class_count(server->store); id++) {
        struct store_class_stats c;
        store_class_stats(server->store, id, &c);
        if (c.total_pages == 0)
            continue;
        active++;
        pages += c.total_pages;
#define ROW(name, value) put_class(sink, "", id, #name, value)
        ROW(chunk_size, c.chunk_bytes);
        ROW(chunks_per_page, c.chunks_per_page);
        ROW(total_pages, c.total_pages);
        ROW(total_chunks, c.total_chunks);
        ROW(used_chunks, c.used_chunks);
        ROW(free_chunks, c.free_chunks);
        ROW(free_chunks_end, 0);
        ROW(get_hits, c.get_hits);
        ROW(cmd_set, c.set_cmds);
        ROW(delete_hits, c.delete_hits);
        ROW(incr_hits, c.incr_hits);
        ROW(decr_hits, c.decr_hits);
        ROW(cas_hits, c.cas_hits);
        ROW(cas_badval, c.cas_badval);
        ROW(touch_hits, c.touch_hits);
#undef ROW
    }
    stat_put_u64(sink, "active_slabs", active);
    stat_put_u64(sink, "total_malloced", pages * STORE_PAGE_BYTES);
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
        stat_put(sink, "sizes_status", "disabled");
}
