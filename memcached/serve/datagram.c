#include "memcached/serve/datagram.h"

#include "memcached/base/check.h"

/* Takes the reply back that was begun at `mark`. */
static void take_back(struct outbuf *out, struct outbuf_mark mark) {
    outbuf_cut(out, mark);
    out->is_failed = false;
}

static bool is_full(const struct outbuf *out) {
    return outbuf_pending(out) > SESSION_DATAGRAM_OUT_HIGH_BYTES;
}

/*
 * The first request of the input, to its end; what of it was used is in result->consumed. What goes
 * on for long goes on without input, so that it ends with that request.
 */
static void execute_one(struct session *session, const char *payload, size_t bytes,
                        struct outbuf *out, struct session_result *result) {
    *result = session_feed(session, payload, bytes, 1, out);
    size_t consumed = result->consumed;
    while (result->next == SESSION_YIELD && !session_is_at_rest(session) && !is_full(out))
        *result = session_feed(session, NULL, 0, 1, out);
    result->consumed = consumed;
}

void datagram_execute(struct session *session, const char *payload, size_t bytes,
                      uint64_t reply_bytes_max, struct outbuf *out,
                      const struct datagram_calls *calls) {
    DCHECK(session_peer(session)->is_datagram && session_is_at_rest(session));
    struct session_result result;
    do {
        struct outbuf_mark mark = outbuf_mark(out);
        uint64_t before = outbuf_pending(out);
        execute_one(session, payload, bytes, out, &result);
        if (UNLIKELY(calls->executed))
            calls->executed(calls->context, payload, bytes, result.consumed, mark);
        payload += result.consumed;
        bytes -= result.consumed;
        bool is_complete = session_is_at_rest(session);
        if (out->is_failed || !is_complete)
            take_back(out, mark);
        bool is_too_long = !is_complete && result.next == SESSION_YIELD;
        if (is_too_long || outbuf_pending(out) - before > reply_bytes_max) {
            take_back(out, mark);
            if (!outbuf_puts(out, "SERVER_ERROR reply too long for datagrams\r\n"))
                take_back(out, mark);
        }
        uint64_t replied_bytes = outbuf_pending(out) - before;
        if (replied_bytes > 0 && !calls->replied(calls->context, replied_bytes))
            take_back(out, mark);
    } while (result.next != SESSION_CLOSE && result.consumed > 0 && bytes > 0 &&
             session_is_at_rest(session));
    session_restart(session);
}
