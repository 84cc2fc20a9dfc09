/* What dumps look like, and how they are sent: lru_crawler metadump and mgdump, stats cachedump. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memcached/proto/base64.h"
#include "memcached/proto/uri.h"
#include "memcached/serve/dump.h"

enum {
    DUMP_PIECE_BYTES = 8192,  /* about so much is added to the output before others have a turn */
    DUMP_PIECE_STEPS = 256,   /* so many looks at the store, found something or not */
    DUMP_FIGURES_BYTES = 256, /* of a line, without the key */
    CACHEDUMP_BYTES_MAX = 2 << 20,
};

/* What a visitor needs while items are visited. */
struct dump_piece {
    struct turn *turn;
    struct dump *dump;
};

/* A time of the store's clock as seconds since 1970. */
static uint64_t wall_seconds(const struct clock *clock, uint32_t seconds) {
    return clock_wall_ms(clock) / 1000 + seconds - clock_seconds(clock);
}

/* key=<encoded> exp=<UNIX time or -1> la=<UNIX time> cas= fetch= cls= size= flags= */
static bool put_meta(const struct turn *turn, const struct store_key *key,
                     const struct store_view *view) {
    const struct clock *clock = turn->server->clock;
    char *at = outbuf_reserve(turn->out, 4 + URI_BYTES_MAX(key->bytes) + DUMP_FIGURES_BYTES);
    if (!at)
        return false;
    memcpy(at, "key=", 4);
    size_t bytes = 4 + uri_encode(at + 4, key->data, key->bytes);
    int64_t exptime = view->exptime ? (int64_t)wall_seconds(clock, view->exptime) : -1;
    bytes += (size_t)snprintf(at + bytes, DUMP_FIGURES_BYTES,
                              " exp=%" PRId64 " la=%" PRIu64 " cas=%" PRIu64
                              " fetch=%s cls=%u size=%" PRIu64 " flags=%" PRIu32 "\n",
                              exptime, wall_seconds(clock, view->access_time),
                              turn_cas(turn, view->version), view->was_fetched ? "yes" : "no",
                              view->class_id, store_item_bytes(view->item), view->client_flags);
    outbuf_commit(turn->out, bytes);
    return true;
}

/* Whether a line of text can name the key. */
static bool is_text(const struct store_key *key) {
    for (uint32_t i = 0; i < key->bytes; i++)
        if ((unsigned char)key->data[i] <= ' ')
            return false;
    return true;
}

/* mg <key>, or mg <key in base64> b */
static bool put_mg(const struct turn *turn, const struct store_key *key) {
    char *start = outbuf_reserve(turn->out, BASE64_BYTES(key->bytes) + sizeof("mg  b\r\n"));
    if (!start)
        return false;
    char *at = start;
    memcpy(at, "mg ", 3);
    at += 3;
    if (is_text(key)) {
        memcpy(at, key->data, key->bytes);
        at += key->bytes;
    } else {
        at += base64_encode(at, key->data, key->bytes);
        memcpy(at, " b", 2);
        at += 2;
    }
    memcpy(at, "\r\n", 2);
    outbuf_commit(turn->out, (size_t)(at + 2 - start));
    return true;
}

/* ITEM <key> [<bytes> b; <UNIX time or 0> s]. False when that is enough. */
static bool put_cache(const struct dump_piece *piece, const struct store_key *key,
                      const struct store_view *view) {
    const struct turn *turn = piece->turn;
    struct dump *dump = piece->dump;
    if (!is_text(key))
        return true;
    char *at = outbuf_reserve(turn->out, sizeof("ITEM ") + key->bytes + DUMP_FIGURES_BYTES);
    if (!at)
        return false;
    memcpy(at, "ITEM ", 5);
    memcpy(at + 5, key->data, key->bytes);
    size_t bytes = 5 + key->bytes;
    uint64_t exptime = view->exptime ? wall_seconds(turn->server->clock, view->exptime) : 0;
    bytes += (size_t)snprintf(at + bytes, DUMP_FIGURES_BYTES, " [%" PRIu64 " b; %" PRIu64 " s]\r\n",
                              view->value_bytes, exptime);
    if (dump->bytes_left < bytes)
        return false;
    dump->bytes_left -= bytes;
    outbuf_commit(turn->out, bytes);
    return --dump->items_left > 0;
}

static bool put_item(void *context, const struct store_key *key, const struct store_view *view) {
    const struct dump_piece *piece = context;
    switch (piece->dump->format) {
    case DUMP_META:
        return put_meta(piece->turn, key, view);
    case DUMP_MG:
        return put_mg(piece->turn, key);
    case DUMP_CACHE:
        return put_cache(piece, key, view);
    }
    return false;
}

bool dump_begin(struct session *session, enum dump_format format, enum store_dump_order order,
                uint64_t classes, enum store_dump_refusal *why) {
    struct store_dump *walk = store_dump_begin(session->env->server->store, order, classes, why);
    if (!walk)
        return false;
    session->dump = (struct dump){.walk = walk,
                                  .format = format,
                                  .items_left = UINT64_MAX,
                                  .bytes_left = CACHEDUMP_BYTES_MAX};
    session->state = SESSION_IN_DUMP;
    return true;
}

void dump_limit(struct session *session, uint64_t count) {
    if (count)
        session->dump.items_left = count;
}

void dump_abandon(struct session *session) {
    if (session->state != SESSION_IN_DUMP)
        return;
    store_dump_end(session->dump.walk);
    session->state = SESSION_AT_LINE;
}

bool dump_go_on(struct turn *turn, struct session_result *result) {
    struct session *session = turn->session;
    struct outbuf *out = turn->out;
    struct dump_piece piece = {.turn = turn, .dump = &session->dump};
    enum store_dump_state state = STORE_DUMP_MORE;
    size_t before = out->bytes;
    for (unsigned i = 0; i < DUMP_PIECE_STEPS && state == STORE_DUMP_MORE &&
                         !turn_out_is_high(turn) && out->bytes - before < DUMP_PIECE_BYTES;
         i++)
        state = store_dump_step(session->dump.walk, turn->thread, put_item, &piece);
    if (state == STORE_DUMP_MORE) {
        result->next = SESSION_YIELD;
        result->is_streaming = true;
        return false;
    }
    dump_abandon(session);
    /* a client whose dump ends early must not take it for a whole one */
    if (state == STORE_DUMP_CANCELLED || out->is_failed)
        turn->is_closing = true;
    else
        turn_reply_text(turn, session->dump.format == DUMP_MG ? "EN\r\n" : "END\r\n");
    return true;
}
