/* get, getk, gat, gatk, touch and their quiet forms. */
#include "memcached/serve/cmd_binary.h"
#include "memcached/serve/compose.h"
#include "memcached/serve/exptime.h"

/* What stands before the value of an item that was found. */
enum { FOUND_BYTES_MAX = BINARY_HEAD_BYTES + BINARY_FLAGS_BYTES + STORE_KEY_BYTES_MAX };

static inline char *put_found(char *to, const struct turn *turn,
                              const struct binary_request *request, const struct store_view *view,
                              uint64_t value_bytes) {
    uint16_t key_bytes = request->traits & BINARY_TELLS_KEY ? request->key_bytes : 0;
    struct binary_head head = {
        .key_bytes = key_bytes,
        .extras_bytes = BINARY_FLAGS_BYTES,
        .body_bytes = (uint32_t)(BINARY_FLAGS_BYTES + key_bytes + value_bytes),
        .cas = turn_cas(turn, view->version),
    };
    to = binary_put_head(to, &request->echo, &head);
    to = binary_put32(to, view->client_flags);
    return put_bytes(to, request->key, key_bytes);
}

/* A miss: with the key where it is told, and without a text then. */
static void put_miss(struct turn *turn, const struct binary_request *request) {
    if (binary_is_quiet(request))
        return;
    if (!(request->traits & BINARY_TELLS_KEY)) {
        binary_reply_status(turn, &request->echo, BINARY_NOT_FOUND);
        return;
    }
    char reply[BINARY_HEAD_BYTES + STORE_KEY_BYTES_MAX];
    struct binary_head head = {.status = binary_status_code(BINARY_NOT_FOUND),
                               .key_bytes = request->key_bytes,
                               .body_bytes = request->key_bytes};
    char *to = binary_put_head(reply, &request->echo, &head);
    to = put_bytes(to, request->key, request->key_bytes);
    turn_reply(turn, reply, (size_t)(to - reply));
}

static void out_of_memory(struct turn *turn, const struct binary_request *request,
                          struct outbuf_mark mark) {
    COUNT(turn->counters, response_obj_oom, 1);
    outbuf_cut(turn->out, mark);
    turn->out->is_failed = false;
    binary_reply_status(turn, &request->echo, BINARY_NO_MEMORY_FOR_REPLY);
}

/* What a held item makes: copied, or referenced until it is sent. Gives the item back. */
static void put_held(struct turn *turn, const struct binary_request *request,
                     const struct store_view *view) {
    struct outbuf_mark mark = turn_mark(turn);
    char *to = outbuf_reserve(turn->out, FOUND_BYTES_MAX);
    if (UNLIKELY(!to)) {
        store_item_release(turn->thread, view->item);
        out_of_memory(turn, request, mark);
        return;
    }
    char *end = put_found(to, turn, request, view, view->value_bytes);
    outbuf_commit(turn->out, (size_t)(end - to));
    if (UNLIKELY(!compose_value(turn->server->store, turn->thread, turn->out, view)))
        out_of_memory(turn, request, mark);
}

static void get_locked(struct turn *turn, const struct binary_request *request,
                       const struct store_key *key) {
    struct store_view view;
    if (store_get(turn->thread, key, STORE_GET, &view) == STORE_OK) {
        put_held(turn, request, &view);
    } else {
        turn->get_misses++;
        put_miss(turn, request);
    }
}

void cmd_binary_get(struct turn *turn, const struct binary_request *request) {
    struct store_key key = binary_key(request);
    struct store_view view;
    turn->cmd_get++;
    switch (store_peek(turn->thread, &key, &view)) {
    case STORE_PEEK_MISS:
        turn->get_misses++;
        put_miss(turn, request);
        return;
    case STORE_PEEK_LOCKED:
        break;
    case STORE_PEEK_HIT: {
        char *start = outbuf_reserve(turn->out, FOUND_BYTES_MAX + (size_t)view.value_bytes);
        if (UNLIKELY(!start)) {
            (void)store_peek_confirm(turn->thread, &view);
            out_of_memory(turn, request, turn_mark(turn));
            return;
        }
        char *to = put_found(start, turn, request, &view, view.value_bytes);
        store_copy(to, &view);
        if (LIKELY(store_peek_confirm(turn->thread, &view))) {
            outbuf_commit(turn->out, (size_t)(to - start) + (size_t)view.value_bytes);
            return;
        }
        break;
    }
    }
    get_locked(turn, request, &key);
}

/* touch answers with the flags and the CAS value, as if the value were empty. */
static void put_touched(struct turn *turn, const struct binary_request *request,
                        const struct store_view *view) {
    char reply[FOUND_BYTES_MAX];
    char *end = put_found(reply, turn, request, view, 0);
    turn_reply(turn, reply, (size_t)(end - reply));
    store_item_release(turn->thread, view->item);
}

void cmd_binary_gat(struct turn *turn, const struct binary_request *request) {
    struct store_key key = binary_key(request);
    uint32_t exptime = exptime_of(turn->server, binary_load32(request->extras));
    struct store_view view;
    turn_before_write(turn);
    COUNT(turn->counters, cmd_touch, 1);
    if (store_get_and_touch(turn->thread, &key, exptime, &view) != STORE_OK) {
        COUNT(turn->counters, touch_misses, 1);
        put_miss(turn, request);
    } else if (request->command == BINARY_GAT) {
        put_held(turn, request, &view);
    } else {
        put_touched(turn, request, &view);
    }
}
