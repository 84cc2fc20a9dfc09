/* A session that speaks the binary protocol: batches of requests, as session.c has them of lines. */
#include "memcached/serve/cmd_binary.h"
#include "memcached/serve/prefixes.h"

static inline bool ends_batch(const struct binary_request *request) {
    return request->command == BINARY_MALFORMED || request->traits & BINARY_IS_PARTIAL;
}

/*
 * First pass: requests out of the input, and what the index holds of their keys on its way into the
 * cache.
 */
static enum parse_result batch_parse(struct turn *turn, struct binary_request *batch, unsigned max,
                                     unsigned *count) {
    struct parser *parser = &turn->session->parser;
    const struct store *store = turn->server->store;
    enum parse_result result = PARSE_REQUEST;
    *count = 0;
    while (*count < max && parser->at < parser->end) {
        struct binary_request *request = &batch[*count];
        result = binary_parse(parser, request);
        if (result != PARSE_REQUEST)
            break;
        ++*count;
        if (LIKELY(request->key_bytes > 0)) {
            request->hash = store_hash(store, request->key, request->key_bytes);
            store_prefetch_index(store, request->hash);
        }
        if (UNLIKELY(ends_batch(request)))
            break;
    }
    return result;
}

/* As in session.c. */
static inline bool is_write(const struct binary_request *request) {
    return request->command >= BINARY_SET && request->command <= BINARY_DELETE &&
           request->key_bytes > 0;
}

/* Second pass, as in session.c. */
static void batch_prefetch(const struct turn *turn, const struct binary_request *batch,
                           unsigned count) {
    const struct store *store = turn->server->store;
    uint64_t later[SESSION_BATCH_MAX];
    unsigned later_count = 0;
    for (unsigned i = 0; i < count; i++) {
        if (LIKELY(batch[i].key_bytes > 0) && store_prefetch_item(store, batch[i].hash))
            later[later_count++] = batch[i].hash;
    }
    for (unsigned i = 0; i < later_count; i++)
        store_prefetch_overflow(store, later[i]);
    for (unsigned i = 0; i < count && is_write(&batch[i]); i++)
        store_prefetch_neighbours(store, batch[i].hash);
}

static unsigned prefix_events(const struct binary_request *request, bool is_hit) {
    switch ((enum binary_command)request->command) {
    case BINARY_GET:
    case BINARY_GAT:
    case BINARY_TOUCH:
        return is_hit ? PREFIX_GET | PREFIX_HIT : PREFIX_GET;
    case BINARY_SET:
    case BINARY_ADD:
    case BINARY_REPLACE:
    case BINARY_APPEND:
    case BINARY_PREPEND:
        return PREFIX_SET;
    case BINARY_DELETE:
        return PREFIX_DELETE;
    default:
        return 0;
    }
}

/* With `stats detail on`. */
static void execute_detailed(struct turn *turn, const struct binary_request *request) {
    uint64_t misses = turn_misses(turn);
    binary_execute(turn, request);
    unsigned events = prefix_events(request, turn_misses(turn) == misses);
    if (events && request->key_bytes > 0)
        prefixes_count(turn->server->prefixes, turn->session->env->worker, request->key,
                       request->key_bytes, events);
}

/* Third pass. False: not all of it was executed, for want of room in the output. */
static bool batch_execute(struct turn *turn, const struct binary_request *batch, unsigned count) {
    const _Atomic bool *is_detailed = &turn->server->is_detailed;
    for (unsigned i = 0; i < count; i++) {
        if (UNLIKELY(turn_out_is_high(turn)) && i > 0) {
            turn->session->parser.at = batch[i].start;
            return false;
        }
        if (UNLIKELY(atomic_load_explicit(is_detailed, memory_order_relaxed)))
            execute_detailed(turn, &batch[i]);
        else
            binary_execute(turn, &batch[i]);
        if (UNLIKELY(turn->is_closing || turn->session->is_ended))
            return true;
    }
    return true;
}

bool binary_batch(struct turn *turn, unsigned *request_max, struct session_result *result) {
    struct session *session = turn->session;
    struct binary_request batch[SESSION_BATCH_MAX];
    unsigned max = *request_max < SESSION_BATCH_MAX ? *request_max : SESSION_BATCH_MAX;
    unsigned count;
    enum parse_result parsed = batch_parse(turn, batch, max, &count);
    if (count > 1)
        batch_prefetch(turn, batch, count);
    *request_max -= count;
    if (!batch_execute(turn, batch, count)) {
        result->next = SESSION_YIELD;
        return false;
    }
    if (turn->is_closing || session->is_ended || parsed == PARSE_REQUEST)
        return true;
    if (parsed == PARSE_MORE) {
        result->read_hint = session->parser.wanted;
        if (result->read_hint > BINARY_HEAD_BYTES)
            result->awaits = SESSION_AWAITS_VALUE;
        return false;
    }
    turn->is_closing = true;
    return true;
}
