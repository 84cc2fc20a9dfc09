/* What the meta commands share, and the small ones: md, ma, me. */
#include "memcached/serve/cmd_meta.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memcached/proto/base64.h"
#include "memcached/serve/compose.h"
#include "memcached/serve/exptime.h"

static const char bad_format[] = "CLIENT_ERROR bad command line format\r\n";

/* md and ma tell fewer errors apart. */
static const char *flag_error(const struct request *request, enum meta_error error) {
    bool is_terse = request->verb == VERB_MD || request->verb == VERB_MA;
    if (error == META_TOO_MANY_FLAGS && request->verb != VERB_MG)
        return "CLIENT_ERROR options flags too long\r\n";
    if (is_terse && error != META_OPAQUE_TOO_LONG)
        return "CLIENT_ERROR invalid or duplicate flag\r\n";
    return meta_error_reply(error);
}

static const char *key_decode(const struct turn *turn, struct request *request,
                              struct meta_key *room) {
    size_t bytes = base64_decode(room->bytes, request->key, request->key_bytes);
    if (bytes == 0) {
        bool is_terse = request->verb == VERB_MD || request->verb == VERB_MA;
        return is_terse ? "CLIENT_ERROR invalid or duplicate flag\r\n"
                        : "CLIENT_ERROR error decoding key\r\n";
    }
    if (bytes > STORE_KEY_BYTES_MAX)
        return bad_format;
    request->key = room->bytes;
    request->key_bytes = (uint16_t)bytes;
    request->hash = store_hash(turn->server->store, room->bytes, bytes);
    return NULL;
}

static const char *mode_error(const struct request *request, const struct meta *meta) {
    if (LIKELY(!meta->mode))
        return NULL;
    if (request->verb == VERB_MS && !memchr("SEAPR", meta->mode, 5))
        return "CLIENT_ERROR invalid mode for ms M token\r\n";
    if (request->verb == VERB_MA && !memchr("ID+-", meta->mode, 4))
        return "CLIENT_ERROR invalid mode for ma M token\r\n";
    return NULL;
}

const char *meta_prepare(const struct turn *turn, struct request *request, struct meta *meta,
                         struct meta_key *room) {
    enum meta_error error = meta_parse(meta, request->rest, request->rest_bytes);
    if (UNLIKELY(error != META_FINE && error < META_OPAQUE_TOO_LONG))
        return flag_error(request, error);
    const char *key_error = NULL;
    if (META_HAS(meta, 'b'))
        key_error = key_decode(turn, request, room);
    else if (UNLIKELY(request->key_bytes > STORE_KEY_BYTES_MAX))
        key_error = bad_format;
    if (UNLIKELY(error >= META_BAD_TOKEN) &&
        (!key_error || meta->seen_before_error & META_BIT('b')))
        return flag_error(request, error);
    if (UNLIKELY(key_error))
        return key_error;
    if (UNLIKELY(error == META_BAD_CLIENT_FLAGS))
        return flag_error(request, error);
    const char *wrong_mode = mode_error(request, meta);
    if (UNLIKELY(wrong_mode))
        return wrong_mode;
    return LIKELY(error == META_FINE) ? NULL : flag_error(request, error);
}

static char *put_key(char *to, const struct meta_facts *facts) {
    if (!facts->is_binary)
        return put_bytes(to, facts->key, facts->key_bytes);
    to += base64_encode(to, facts->key, facts->key_bytes);
    return put_bytes(to, " b", 2);
}

char *meta_put_returns(char *to, const struct meta *meta, uint64_t allowed,
                       const struct meta_facts *facts) {
    for (unsigned i = 0; i < meta->return_count; i++) {
        char letter = meta->returns[i];
        if (!(allowed & META_BIT(letter)))
            continue;
        *to++ = ' ';
        *to++ = letter;
        switch (letter) {
        case 'O':
            to = put_bytes(to, meta->opaque, meta->opaque_bytes);
            break;
        case 'k':
            to = put_key(to, facts);
            break;
        case 'c':
            to = put_number(to, facts->version);
            break;
        case 'f':
            to = put_number(to, facts->client_flags);
            break;
        case 'h':
            *to++ = facts->was_fetched ? '1' : '0';
            break;
        case 'l':
            to = put_number(to, facts->idle_s);
            break;
        case 's':
            to = put_number(to, facts->value_bytes);
            break;
        case 't':
            to = facts->left_s < 0 ? put_bytes(to, "-1", 2)
                                   : put_number(to, (uint64_t)facts->left_s);
            break;
        default:
            break;
        }
    }
    return to;
}

void meta_reply(struct turn *turn, const char status[2], const struct meta *meta, uint64_t allowed,
                const struct meta_facts *facts) {
    char *start = outbuf_reserve(turn->out, 2 + META_RETURNS_BYTES_MAX);
    if (UNLIKELY(!start)) {
        turn->is_closing = true;
        return;
    }
    char *to = meta_put_returns(put_bytes(start, status, 2), meta, allowed, facts);
    to = put_bytes(to, "\r\n", 2);
    outbuf_commit(turn->out, (size_t)(to - start));
}

static struct meta_facts facts_of_key(const struct request *request, const struct meta *meta) {
    return (struct meta_facts){
        .key = request->key, .key_bytes = request->key_bytes, .is_binary = META_HAS(meta, 'b')};
}

/* ---- md ---- */

/* Flags I and x leave an item behind. */
static enum store_status delete_run(struct turn *turn, const struct store_key *key,
                                    const struct meta *meta) {
    bool makes_stale = META_HAS(meta, 'I');
    bool drops_value = META_HAS(meta, 'x');
    uint64_t expected = turn_expected(turn, meta->cas);
    /* with -C, 0 is everybody's */
    bool has_expected = META_HAS(meta, 'C') && (meta->cas != 0 || turn->server->settings->has_cas);
    if (!makes_stale && !drops_value)
        return store_delete(turn->thread, key, has_expected, expected, meta->new_cas);
    struct store_invalidate invalidate = {
        .has_expected = has_expected,
        .expected_version = expected,
        .new_version = meta->new_cas,
        .makes_stale = makes_stale,
        .drops_value = drops_value,
        .client_flags = meta->client_flags,
        .has_exptime = META_HAS(meta, 'T'),
        .exptime = exptime_of(turn->server, (int32_t)meta->exptime),
    };
    return store_invalidate(turn->thread, key, &invalidate);
}

void cmd_meta_delete(struct turn *turn, struct request *request) {
    const uint64_t allowed = META_BIT('k') | META_BIT('O');
    struct meta meta;
    struct meta_key room;
    const char *error = meta_prepare(turn, request, &meta, &room);
    if (error) {
        turn_reply_text(turn, error);
        return;
    }
    struct store_key key = request_key(request);
    struct meta_facts facts = facts_of_key(request, &meta);
    turn_before_write(turn);
    event_log_deleting(turn_events(turn), "md");
    switch (delete_run(turn, &key, &meta)) {
    case STORE_OK:
        if (!META_HAS(&meta, 'q'))
            meta_reply(turn, "HD", &meta, allowed, &facts);
        return;
    case STORE_EXISTS:
        COUNT(turn->counters, delete_misses, 1);
        meta_reply(turn, "EX", &meta, allowed, &facts);
        return;
    case STORE_NO_MEMORY:
        TURN_REPLY(turn, "SERVER_ERROR out of memory\r\n");
        return;
    default:
        COUNT(turn->counters, delete_misses, 1);
        meta_reply(turn, "NF", &meta, allowed, &facts);
        return;
    }
}

/* ---- ma ---- */

/* The number becomes a new item. STORE_NOT_STORED: somebody else was quicker. */
static enum store_status arith_create(struct turn *turn, const struct store_key *key,
                                      struct meta *meta, struct store_arith *arith) {
    char digits[NUM_U64_DIGITS_MAX];
    size_t bytes = num_put_u64(digits, meta->initial);
    uint32_t exptime = exptime_of(turn->server, (int32_t)meta_exptime_of_new(meta, 0));
    struct store_write write = {.mode = STORE_ADD, .new_version = meta->new_cas};
    enum store_status status;
    struct item *item = store_reserve(turn->thread, key, 0, exptime, bytes, &status);
    if (!item)
        return STORE_NO_MEMORY;
    for (size_t at = 0; at < bytes;) {
        char *start;
        size_t room = store_item_segment(turn->server->store, item, at, &start);
        size_t count = room < bytes - at ? room : bytes - at;
        put_bytes(start, digits + at, count);
        at += count;
    }
    status = store_commit(turn->thread, item, key->hash, &write, &arith->version);
    arith->value = meta->initial;
    arith->exptime_was = arith->exptime_is =
        exptime_of(turn->server, (int32_t)meta_exptime_of_new(meta, META_BIT('t')));
    meta->seen &= ~META_BIT('q'); /* q hides that a number has changed, not that there is one now */
    return status;
}

static enum store_status arith_run(struct turn *turn, const struct store_key *key,
                                   struct meta *meta, struct store_arith *arith) {
    enum store_status status = store_arith(turn->thread, key, arith);
    if (status == STORE_NOT_FOUND && META_HAS(meta, 'N')) {
        status = arith_create(turn, key, meta, arith);
        if (status == STORE_NOT_STORED)
            status = store_arith(turn->thread, key, arith);
        return status == STORE_NOT_FOUND ? STORE_NOT_STORED : status;
    }
    if (status == STORE_NOT_FOUND && arith->is_decr)
        COUNT(turn->counters, decr_misses, 1);
    else if (status == STORE_NOT_FOUND)
        COUNT(turn->counters, incr_misses, 1);
    return status;
}

static void arith_reply(struct turn *turn, const struct meta *meta, struct meta_facts *facts,
                        const struct store_arith *arith) {
    const uint64_t allowed = META_BIT('t') | META_BIT('c') | META_BIT('k') | META_BIT('O');
    facts->version = turn_cas(turn, arith->version);
    bool is_before = meta->seen_before_T & META_BIT('t');
    facts->left_s = exptime_left(turn->server, is_before ? arith->exptime_was : arith->exptime_is);
    if (!META_HAS(meta, 'v')) {
        meta_reply(turn, "HD", meta, allowed, facts);
        return;
    }
    char digits[NUM_U64_DIGITS_MAX];
    size_t bytes = num_put_u64(digits, arith->value);
    char *start = outbuf_reserve(turn->out, META_RETURNS_BYTES_MAX + 32);
    if (UNLIKELY(!start)) {
        turn->is_closing = true;
        return;
    }
    char *to = put_number(put_bytes(start, "VA ", 3), bytes);
    to = put_bytes(meta_put_returns(to, meta, allowed, facts), "\r\n", 2);
    to = put_bytes(put_bytes(to, digits, bytes), "\r\n", 2);
    outbuf_commit(turn->out, (size_t)(to - start));
}

void cmd_meta_arith(struct turn *turn, struct request *request) {
    const uint64_t allowed = META_BIT('k') | META_BIT('O');
    struct meta meta;
    struct meta_key room;
    struct store_arith arith = {0};
    const char *error = meta_prepare(turn, request, &meta, &room);
    if (error) {
        turn_reply_text(turn, error);
        return;
    }
    arith.is_decr = meta.mode == 'D' || meta.mode == '-';
    arith.delta = meta.delta;
    arith.has_expected = META_HAS(&meta, 'C') && meta.cas != 0;
    arith.expected_version = turn_expected(turn, meta.cas);
    arith.new_version = meta.new_cas;
    arith.has_exptime = META_HAS(&meta, 'T');
    arith.exptime = exptime_of(turn->server, (int32_t)meta.exptime);
    struct store_key key = request_key(request);
    struct meta_facts facts = facts_of_key(request, &meta);
    turn_before_write(turn);
    switch (arith_run(turn, &key, &meta, &arith)) {
    case STORE_OK:
        if (!META_HAS(&meta, 'q'))
            arith_reply(turn, &meta, &facts, &arith);
        return;
    case STORE_NOT_FOUND:
        meta_reply(turn, "NF", &meta, allowed, &facts);
        return;
    case STORE_EXISTS:
        meta_reply(turn, "EX", &meta, allowed, &facts);
        return;
    case STORE_NOT_STORED:
        meta_reply(turn, "NS", &meta, allowed, &facts);
        return;
    case STORE_NON_NUMERIC:
    case STORE_TOO_LONG_NUMBER:
        TURN_REPLY(turn, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
        return;
    default:
        TURN_REPLY(turn, "SERVER_ERROR out of memory\r\n");
        return;
    }
}

/* ---- me ---- */

void cmd_meta_debug(struct turn *turn, struct request *request) {
    struct meta meta = {0};
    struct meta_key room;
    const char *flags = request->rest;
    size_t flags_bytes = request->rest_bytes;
    while (flags_bytes > 0 && *flags == ' ')
        flags++, flags_bytes--;
    if (flags_bytes > 0 && *flags == 'b' && (flags_bytes == 1 || flags[1] == ' ')) {
        meta.seen = META_BIT('b');
        if (key_decode(turn, request, &room)) {
            turn_reply_text(turn, bad_format);
            return;
        }
    }
    COUNT(turn->counters, cmd_meta, 1);
    struct store_key key = request_key(request);
    struct meta_facts facts = facts_of_key(request, &meta);
    struct store_view view;
    if (store_get(turn->thread, &key, STORE_GET_QUIETLY, &view) != STORE_OK) {
        TURN_REPLY(turn, "EN\r\n");
        return;
    }
    char *start = outbuf_reserve(turn->out, META_RETURNS_BYTES_MAX + 160);
    if (start) {
        char *to = put_key(put_bytes(start, "ME ", 3), &facts);
        if (facts.is_binary)
            to -= 2; /* no flag b here */
        /* as many bits as memcached's: a lifetime beyond 2^31 seconds shows as a negative one */
        int32_t left_s = (int32_t)exptime_left(turn->server, view.exptime);
        uint32_t idle_s = clock_seconds(turn->server->clock) - view.access_time;
        to += sprintf(to,
                      " exp=%" PRId32 " la=%" PRIu32 " cas=%" PRIu64
                      " fetch=%s cls=%u size=%" PRIu64 "\r\n",
                      left_s, idle_s, turn_cas(turn, view.version), view.was_fetched ? "yes" : "no",
                      view.class_id, store_item_bytes(view.item));
        outbuf_commit(turn->out, (size_t)(to - start));
    } else {
        turn->is_closing = true;
    }
    store_item_release(turn->thread, view.item);
}
