/* mg. */
#include "memcached/serve/cmd_meta.h"
#include "memcached/serve/compose.h"
#include "memcached/serve/exptime.h"

static const char no_memory[] = "SERVER_ERROR out of memory writing get response\r\n";

static const uint64_t hit_flags = META_BIT('c') | META_BIT('f') | META_BIT('h') | META_BIT('k') |
                                  META_BIT('l') | META_BIT('O') | META_BIT('s') | META_BIT('t');
static const uint64_t miss_flags = META_BIT('k') | META_BIT('O');

enum { VALUE_FRAME_BYTES_MAX = 2 + 1 + NUM_U64_DIGITS_MAX + META_RETURNS_BYTES_MAX + 2 };

/* mg with R claims an item that lives no longer than this: seconds, or a time, as in T. 0: none. */
static inline uint32_t claim_before(const struct turn *turn, const struct meta *meta) {
    int32_t asked = (int32_t)meta->recache_s;
    return META_HAS(meta, 'R') && asked > 0 ? exptime_of(turn->server, asked) : 0;
}

/* Whether this read has to claim the item, which takes the lock. */
static inline bool is_to_claim(const struct turn *turn, const struct meta *meta,
                               const struct store_view *view) {
    if (view->state & STORE_CLAIMED)
        return false;
    return view->state & STORE_STALE ||
           (view->exptime != 0 && view->exptime < claim_before(turn, meta));
}

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

/* Whether somebody else is to bring a new value, whether this one is stale, whether you are. */
static char *put_state(char *to, uint8_t state, bool has_claimed) {
    if (state & STORE_CLAIMED)
        to = put_bytes(to, " Z", 2);
    if (state & STORE_STALE)
        to = put_bytes(to, " X", 2);
    return has_claimed ? put_bytes(to, " W", 2) : to;
}

/* The line before the value, or all of a reply without one. */
static inline char *put_head(char *to, const struct turn *turn, const struct request *request,
                             const struct meta *meta, const struct store_view *view,
                             bool has_claimed) {
    if (META_HAS(meta, 'v'))
        to = put_number(put_bytes(to, "VA ", 3), view->value_bytes);
    else
        to = put_bytes(to, "HD", 2);
    if (meta->return_count > 0) {
        struct meta_facts facts;
        facts_fill(turn, request, meta, view, &facts);
        to = meta_put_returns(to, meta, hit_flags, &facts);
    }
    if (UNLIKELY(view->state || has_claimed))
        to = put_state(to, view->state, has_claimed);
    return put_bytes(to, "\r\n", 2);
}

static void put_held(struct turn *turn, const struct request *request, const struct meta *meta,
                     const struct store_view *view, bool has_claimed) {
    struct outbuf_mark mark = turn_mark(turn);
    char *to = outbuf_reserve(turn->out, VALUE_FRAME_BYTES_MAX);
    if (LIKELY(to)) {
        outbuf_commit(turn->out,
                      (size_t)(put_head(to, turn, request, meta, view, has_claimed) - to));
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

/* Nothing is there: N makes it, unless somebody is quicker (STORE_NOT_STORED). */
static enum store_status vivify(struct turn *turn, const struct meta *meta,
                                const struct store_key *key, struct store_view *view) {
    struct store_vivify vivify = {
        .leaves_no_mark = META_HAS(meta, 'u'),
        .exptime = exptime_of(turn->server, (int32_t)meta_exptime_of_new(meta, 0)),
        .is_touch = META_HAS(meta, 'T'),
        .new_version = meta->new_cas,
    };
    turn_before_write(turn);
    enum store_status status = store_vivify(turn->thread, key, &vivify, view);
    view->exptime = exptime_of(turn->server, (int32_t)meta_exptime_of_new(meta, META_BIT('t')));
    return status;
}

static void get_locked(struct turn *turn, const struct request *request, const struct meta *meta,
                       const struct store_key *key) {
    struct store_view view;
    struct store_fetch fetch = {
        .leaves_no_mark = META_HAS(meta, 'u'),
        .has_exptime = META_HAS(meta, 'T'),
        .exptime = exptime_of(turn->server, (int32_t)meta->exptime),
        .claim_before = claim_before(turn, meta),
        .claims_first = meta->seen_before_T & META_BIT('R'),
    };
    enum store_status status;
    if (fetch.has_exptime)
        turn_before_write(turn);
    do {
        status = store_fetch(turn->thread, key, &fetch, &view);
        if (meta->seen_before_T & META_BIT('t'))
            view.exptime = fetch.exptime_was;
        if (status == STORE_OK || !META_HAS(meta, 'N'))
            break;
        status = vivify(turn, meta, key, &view);
        fetch.has_claimed = status == STORE_OK;
        /* each round lost is another client's gain */
    } while (status == STORE_NOT_STORED);
    if (status == STORE_NO_MEMORY) {
        TURN_REPLY(turn, "SERVER_ERROR out of memory\r\n");
        return;
    }
    if (status != STORE_OK) {
        put_miss(turn, request, meta);
        return;
    }
    if (fetch.has_exptime)
        COUNT(turn->counters, cmd_touch, 1);
    else
        turn->cmd_get++;
    put_held(turn, request, meta, &view, fetch.has_claimed);
}

/* Without a lock. False: it has to be done with one. */
static inline bool get_unlocked(struct turn *turn, const struct request *request,
                                const struct meta *meta, const struct store_key *key) {
    struct store_view view;
    switch (store_peek(turn->thread, key, &view)) {
    case STORE_PEEK_MISS:
        if (META_HAS(meta, 'N'))
            return false;
        put_miss(turn, request, meta);
        return true;
    case STORE_PEEK_LOCKED:
        return false;
    case STORE_PEEK_HIT:
        break;
    }
    if (UNLIKELY(is_to_claim(turn, meta, &view))) {
        store_peek_give_up(turn->thread);
        return false;
    }
    char *start = outbuf_reserve(turn->out, VALUE_FRAME_BYTES_MAX + (size_t)view.value_bytes);
    if (UNLIKELY(!start)) {
        (void)store_peek_confirm(turn->thread, &view);
        turn_out_of_memory(turn, turn_mark(turn), no_memory);
        return true;
    }
    char *to = put_head(start, turn, request, meta, &view, false);
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
    if (UNLIKELY(error)) {
        turn_reply_text(turn, error);
        return;
    }
    turn->has_line_mark = false;
    struct store_key key = request_key(request);
    const uint64_t locking = META_BIT('T') | META_BIT('u');
    if (UNLIKELY(meta.seen & locking) || !get_unlocked(turn, request, &meta, &key))
        get_locked(turn, request, &meta, &key);
}
