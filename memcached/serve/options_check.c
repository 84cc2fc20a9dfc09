/* What has to hold between options, once all of them have been read. */
#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>

#include "memcached/serve/class_sizes.h"
#include "memcached/serve/options_private.h"

/* Sizes, in the order in which memcached looks at them. */
static bool check_sizes(struct options_parse *parse) {
    const struct settings *settings = parse->settings;
    const struct setting_row *row = options_find_letter('I');
    uint64_t item = settings->item_bytes_max;
    uint64_t chunk = settings->slab_chunk_max;
    if (item < (uint64_t)row->min)
        return options_refuse(parse, EX_USAGE,
                              "Item max size cannot be less than %" PRId64
                              " bytes: give -I more than %" PRIu64,
                              row->min, item);
    if (item > settings->limit_bytes / 2)
        return options_refuse(parse, EX_USAGE,
                              "Cannot set item size limit higher than 1/2 of memory max: "
                              "lower -I or raise -m");
    if (item > (uint64_t)row->max)
        return options_refuse(parse, EX_USAGE,
                              "Cannot set item size limit higher than a gigabyte: "
                              "lower -I");
    if (chunk > item)
        return options_refuse(parse, EX_USAGE,
                              "slab_chunk_max (bytes: %" PRIu64 ") cannot be larger than "
                              "-I (item_size_max %" PRIu64 "): lower -o slab_chunk_max",
                              chunk, item);
    if (item % chunk != 0)
        return options_refuse(parse, EX_USAGE,
                              "-I (item_size_max: %" PRIu64 ") must be evenly divisible by "
                              "slab_chunk_max (bytes: %" PRIu64 "): change either",
                              item, chunk);
    if (settings->chunk_size > chunk)
        return options_refuse(parse, EX_USAGE,
                              "-n %" PRIu32 " cannot be larger than slab_chunk_max "
                              "(bytes: %" PRIu64 ")",
                              settings->chunk_size, chunk);
    return true;
}

static bool check_class_sizes(struct options_parse *parse) {
    enum { CHUNK_BYTES_MIN = 48 }; /* has to hold an item's header */
    struct settings *settings = parse->settings;
    struct options_result *result = parse->result;
    uint64_t min = settings->chunk_size > CHUNK_BYTES_MIN ? settings->chunk_size : CHUNK_BYTES_MIN;
    if (!settings->slab_sizes ||
        class_sizes_parse(settings->slab_sizes, min, settings->slab_chunk_max,
                          settings->class_sizes, result->message, sizeof(result->message)))
        return true;
    result->exit_status = EX_USAGE;
    return options_end(parse, OPTIONS_BAD);
}

static bool check_threads(struct options_parse *parse) {
    const struct settings *settings = parse->settings;
    if (settings->napi_id_count > settings->thread_count)
        return options_refuse(parse, EX_USAGE,
                              "Number of napi_ids(%" PRIu32 ") cannot be greater than number of "
                              "threads(%" PRIu32 ")",
                              settings->napi_id_count, settings->thread_count);
    return true;
}

static bool check_lru(struct options_parse *parse) {
    const struct settings *settings = parse->settings;
    if (settings->hot_lru_pct + settings->warm_lru_pct > 80)
        return options_refuse(parse, EX_USAGE,
                              "hot_lru_pct + warm_lru_pct cannot be more than 80%% combined");
    if (settings->has_temp_lru && !settings->has_lru_maintainer)
        return options_refuse(parse, EX_USAGE,
                              "temporary_ttl requires lru_maintainer to be enabled");
    return true;
}

/* Logging in is done in the text protocol, over a connection. */
static bool check_auth(struct options_parse *parse) {
    struct settings *settings = parse->settings;
    if (!settings->auth_file)
        return true;
    if (parse->is_protocol_given && settings->binding_protocol != PROTOCOL_ASCII)
        return options_refuse(parse, EX_USAGE,
                              "ERROR: You cannot allow the BINARY protocol while using ascii "
                              "authentication tokens: -Y goes with -B ascii");
    if (settings->udp_port != 0)
        return options_refuse(parse, EX_USAGE,
                              "Cannot use UDP with ascii authentication enabled (-U 0 to disable)");
    settings->binding_protocol = PROTOCOL_ASCII;
    return true;
}

static bool check_repl(struct options_parse *parse) {
    const struct settings *settings = parse->settings;
    if (!settings->repl_peer && parse->first_repl)
        return options_refuse(parse, EX_USAGE,
                              "%s needs -x: without a peer there is no replication",
                              options_spell(parse->first_repl).text);
    if (settings->repl_peer && settings->port == 0)
        return options_refuse(parse, EX_USAGE,
                              "-x needs a port where the peer can connect: not -p 0");
    if (settings->repl_peer && settings->socket_path)
        return options_refuse(parse, EX_USAGE,
                              "-x needs a port where the peer can connect: not -s");
    if (settings->repl_peer && !settings->has_cas)
        return options_refuse(parse, EX_USAGE,
                              "-C cannot go with -x: replication needs the CAS values");
    if (settings->repl_timeout_ms < 2 * (uint64_t)settings->repl_heartbeat_ms)
        return options_refuse(parse, EX_USAGE,
                              "-o repl_timeout=%" PRIu32 " has to be at least twice "
                              "repl_heartbeat=%" PRIu32,
                              settings->repl_timeout_ms, settings->repl_heartbeat_ms);
    return true;
}

bool options_check(struct options_parse *parse) {
    return check_threads(parse) && check_sizes(parse) && check_class_sizes(parse) &&
           check_lru(parse) && check_auth(parse) && check_repl(parse);
}
