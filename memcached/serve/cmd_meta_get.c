/* mg. */
#include "memcached/serve/cmd_meta.h"
#include "memcached/serve/compose.h"
#include "memcached/serve/exptime.h"

static const char no_memory[] = "SERVER_ERROR out of memory writing get response\r\n";

static const uint64_t hit_flags = META_BIT('c') | META_BIT('f') | META_BIT('h') | META_BIT('k') |
                                  META_BIT('l') | META_BIT('O') | META_BIT('s') | META_BIT('t');
static const uint64_t miss_flags = META_BIT('k') | META_BIT('O');

enum { VALUE_FRAME_BYTES_MAX = 2 + 1 + NUM_U64_DIGITS_MAX + META_RETURNS_BYTES_MAX + 2 };

static inline void facts_fill(const struct turn *turn, const struct request *request,
                              const struct meta *meta, const struct store_view *view,
                              struct meta_facts *facts) {
    facts->key = request->key;
    facts->key_bytes = request->key_bytes;
    facts->is_binary = META_HAS(meta, 'b');
    facts->was_fetched = view->was_fetched;
    facts->client_flags = view->client_flags;
    facts->idle_s = clock_seconds(turn->server->clock) - view->access_time;
    facts->left_s = exptime_left(turn->server, view->exptime);
    facts->version = turn_cas(turn, view->version);
    facts->value_bytes = view->value_bytes;
}

/* The line before the value, or all of a reply without one. */
static inline char *put_head(char *to, const struct turn *turn, const struct request *request,
                             const struct meta *meta, const struct store_view *view) {
    if (META_HAS(meta, 'v'))
        to = put_number(put_bytes(to, "VA ", 3), view->value_bytes);
    else
        to = put_bytes(to, "HD", 2);
    if (meta->return_count == 0)
        return put_bytes(to, "\r\n", 2);
    struct meta_facts facts;
    facts_fill(turn, request, meta, view, &facts);
    return meta_put_returns(to, meta, hit_flags, &facts);
}

static void put_held(struct turn *turn, const struct request *request, const struct meta *meta,
                     const struct store_view *view) {
    struct outbuf_mark mark = turn_mark(turn);
    char *to = outbuf_reserve(turn->out, VALUE_FRAME_BYTES_MAX);
    if (LIKELY(to)) {
        outbuf_commit(turn->out, (size_t)(put_head(to, turn, request, meta, view) - to));
        if (!META_HAS(meta, 'v')) {
            store_item_release(turn->thread, view->item);
            return;
        }
        if (compose_value(turn->server->store, turn->thread, turn->out, view) &&
            outbuf_puts(turn->out, "\r\n"))
            return;
    } else {
        store_item_release(turn->thread, view->item);
    }
    turn_out_of_memory(turn, mark, no_memory);
}

static void put_miss(struct turn *turn, const struct request *request, const struct meta *meta) {
    turn->cmd_get++;
    turn->get_misses++;
    if (META_HAS(meta, 'q'))
        return;
    struct meta_facts facts = {
        .key = request->key, .key_bytes = request->key_bytes, .is_binary = META_HAS(meta, 'b')};
    meta_reply(turn, "EN", meta, miss_flags, &facts);
}

static void get_locked(struct turn *turn, const struct request *request, const struct meta *meta,
                       const struct store_key *key) {
    struct store_view view;
    enum store_get_mode mode = META_HAS(meta, 'u') ? STORE_GET_QUIETLY : STORE_GET;
    if (store_get(turn->thread, key, mode, &view) != STORE_OK) {
        put_miss(turn, request, meta);
        return;
    }
    turn->cmd_get++;
    put_held(turn, request, meta, &view);
}

static void get_and_touch(struct turn *turn, const struct request *request, const struct meta *meta,
                          const struct store_key *key) {
    struct store_view view;
    uint32_t exptime = exptime_of(turn->server, (int32_t)meta->exptime);
    turn_before_write(turn);
    if (store_get_and_touch(turn->thread, key, exptime, &view) != STORE_OK) {
        put_miss(turn, request, meta);
        return;
    }
    COUNT(turn->counters, cmd_touch, 1);
    view.exptime = exptime;
    put_held(turn, request, meta, &view);
}

/* Without a lock. False: it has to be done with one. */
static inline bool get_unlocked(struct turn *turn, const struct request *request,
                                const struct meta *meta, const struct store_key *key) {
    struct store_view view;
    switch (store_peek(turn->thread, key, &view)) {
    case STORE_PEEK_MISS:
        put_miss(turn, request, meta);
        return true;
    case STORE_PEEK_LOCKED:
        return false;
    case STORE_PEEK_HIT:
        break;
    }
    char *start = outbuf_reserve(turn->out, VALUE_FRAME_BYTES_MAX + (size_t)view.value_bytes);
    if (UNLIKELY(!start)) {
        (void)store_peek_confirm(turn->thread, &view);
        turn_out_of_memory(turn, turn_mark(turn), no_memory);
        return true;
    }
    char *to = put_head(start, turn, request, meta, &view);
    if (META_HAS(meta, 'v')) {
        store_copy(to, &view);
        to = put_bytes(to + view.value_bytes, "\r\n", 2);
    }
    if (UNLIKELY(!store_peek_confirm(turn->thread, &view)))
        return false;
    turn->cmd_get++;
    outbuf_commit(turn->out, (size_t)(to - start));
    return true;
}

void cmd_meta_get(struct turn *turn, struct request *request) {
    struct meta meta;
    struct meta_key room;
    const char *error = meta_prepare(turn, request, &meta, &room);
    if (UNLIKELY(!error && (META_HAS(&meta, 'N') || META_HAS(&meta, 'R'))))
        error = meta_unsupported;
    if (UNLIKELY(error)) {
        turn_reply_text(turn, error);
        return;
    }
    turn->has_line_mark = false;
    struct store_key key = request_key(request);
    if (META_HAS(&meta, 'T'))
        get_and_touch(turn, request, &meta, &key);
    else if (META_HAS(&meta, 'u') || !get_unlocked(turn, request, &meta, &key))
        get_locked(turn, request, &meta, &key);
}
