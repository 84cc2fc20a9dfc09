/* get, gets, gat, gats: one key at a time. */
#include <string.h>

#include "memcached/serve/compose.h"
#include "memcached/serve/exptime.h"
#include "memcached/serve/turn.h"

/* `VALUE `, key, flags, length, CAS and the line ends, with the END of the line. */
enum { VALUE_FRAME_BYTES_MAX = 96 };

static const char no_memory[] = "SERVER_ERROR out of memory writing get response\r\n";

static inline bool wants_cas(const struct request *request) {
    return request->verb == VERB_GETS || request->verb == VERB_GATS;
}

static inline char *put_head(char *to, const struct turn *turn, const struct request *request,
                             const struct store_view *view) {
    to = put_bytes(to, "VALUE ", 6);
    to = put_bytes(to, request->key, request->key_bytes);
    *to++ = ' ';
    to = put_number(to, view->client_flags);
    *to++ = ' ';
    to = put_number(to, view->value_bytes);
    if (wants_cas(request)) {
        *to++ = ' ';
        to = put_number(to, turn_cas(turn, view->version));
    }
    return put_bytes(to, "\r\n", 2);
}

static inline char *put_tail(char *to, const struct request *request) {
    to = put_bytes(to, "\r\n", 2);
    return request->bits & REQUEST_LAST ? put_bytes(to, "END\r\n", 5) : to;
}

static void put_end(struct turn *turn, const struct request *request) {
    if (request->bits & REQUEST_LAST)
        TURN_REPLY(turn, "END\r\n");
}

/* What a held item makes: copied, or referenced until it is sent. Gives the item back. */
static void put_held(struct turn *turn, const struct request *request,
                     const struct store_view *view) {
    struct outbuf_mark mark = turn_mark(turn);
    char *to = outbuf_reserve(turn->out, VALUE_FRAME_BYTES_MAX + request->key_bytes);
    if (LIKELY(to)) {
        outbuf_commit(turn->out, (size_t)(put_head(to, turn, request, view) - to));
        if (compose_value(turn->server->store, turn->thread, turn->out, view)) {
            to = outbuf_reserve(turn->out, VALUE_FRAME_BYTES_MAX);
            if (LIKELY(to)) {
                outbuf_commit(turn->out, (size_t)(put_tail(to, request) - to));
                return;
            }
        }
    } else {
        store_item_release(turn->thread, view->item);
    }
    turn_out_of_memory(turn, mark, no_memory);
}

static void get_locked(struct turn *turn, const struct request *request,
                       const struct store_key *key) {
    struct store_view view;
    if (store_get(turn->thread, key, STORE_GET, &view) == STORE_OK) {
        put_held(turn, request, &view);
    } else {
        turn->get_misses++;
        put_end(turn, request);
    }
}

static inline void get(struct turn *turn, const struct request *request) {
    struct store_key key = request_key(request);
    struct store_view view;
    turn->cmd_get++;
    switch (store_peek(turn->thread, &key, &view)) {
    case STORE_PEEK_MISS:
        turn->get_misses++;
        put_end(turn, request);
        return;
    case STORE_PEEK_LOCKED:
        break;
    case STORE_PEEK_HIT: {
        char *start = outbuf_reserve(turn->out, VALUE_FRAME_BYTES_MAX + request->key_bytes +
                                                    (size_t)view.value_bytes);
        if (UNLIKELY(!start)) {
            (void)store_peek_confirm(turn->thread, &view);
            turn_out_of_memory(turn, turn_mark(turn), no_memory);
            return;
        }
        char *to = put_head(start, turn, request, &view);
        store_copy(to, &view);
        to = put_tail(to + view.value_bytes, request);
        if (LIKELY(store_peek_confirm(turn->thread, &view))) {
            outbuf_commit(turn->out, (size_t)(to - start));
            return;
        }
        break;
    }
    }
    get_locked(turn, request, &key);
}

static void get_and_touch(struct turn *turn, const struct request *request) {
    struct store_key key = request_key(request);
    struct store_view view;
    turn_before_write(turn);
    COUNT(turn->counters, cmd_touch, 1);
    if (store_get_and_touch(turn->thread, &key, exptime_of(turn->server, request->exptime),
                            &view) == STORE_OK) {
        put_held(turn, request, &view);
    } else {
        COUNT(turn->counters, touch_misses, 1);
        put_end(turn, request);
    }
}

void cmd_get(struct turn *turn, const struct request *request) {
    if (request->bits & REQUEST_FIRST) {
        turn->line_mark = turn_mark(turn);
        turn->has_line_mark = true;
        turn->is_skipping_line = false;
    } else if (UNLIKELY(turn->is_skipping_line)) {
        return;
    }
    if (UNLIKELY(request->key_bytes == 0))
        put_end(turn, request);
    else if (request->verb <= VERB_GETS)
        get(turn, request);
    else
        get_and_touch(turn, request);
}
