#include "memcached/serve/settings.h"

#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"

void settings_init(struct settings *settings) {
    memset(settings, 0, sizeof(*settings));
    settings->port = 11211;
    settings->access_mask = 0700;
    settings->maxconns = 1024;
    settings->thread_count = 4;
    settings->limit_bytes = 64ull << 20;
    settings->is_evicting = true;
    settings->backlog = 1024;
    settings->reqs_per_event = 20;
    settings->item_bytes_max = 1 << 20;
    settings->growth_factor = 1.25;
    settings->chunk_size = 48;
    settings->slab_chunk_max = 512 << 10;
    settings->has_cas = true;
    settings->is_flush_enabled = true;
    settings->is_dump_enabled = true;
    settings->is_watch_enabled = true;
    settings->is_maxconns_fast = true;
    settings->hash_algorithm = "murmur3";
    settings->binding_protocol = PROTOCOL_AUTO;
    settings->repl_log_mb = 64;
    settings->repl_join_timeout_ms = 3000;
    settings->repl_heartbeat_ms = 200;
    settings->repl_timeout_ms = 2000;
}

void settings_free(struct settings *settings) {
    for (unsigned i = 0; i < settings->text_count; i++)
        mem_free(settings->text_memory[i]);
    settings->text_count = 0;
}

const char *settings_keep(struct settings *settings, const char *text) {
    if (settings->text_count == ARRAY_COUNT(settings->text_memory))
        return NULL;
    char *copy = mem_strdup(text);
    if (copy)
        settings->text_memory[settings->text_count++] = copy;
    return copy;
}
