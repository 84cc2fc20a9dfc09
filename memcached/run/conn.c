#include "memcached/run/conn.h"

#include <string.h>

#include "memcached/base/check.h"
#include "memcached/net/iovec.h"
#include "memcached/proto/binary.h"
#include "memcached/run/conn_private.h"
#include "memcached/run/trace.h"

static void note_activity(struct conn *conn) {
    conn_entry_touch(&conn->entry, conn->env->session.server->clock);
}

/*
 * ---- buffers ----------------------------------------------------------------------------------
 */

static bool borrow_output(struct conn *conn) {
    return conn->out.data || outbuf_borrow(&conn->out, &conn->env->pool, CONN_OUT_BYTES);
}

/*
 * ---- executing --------------------------------------------------------------------------------
 */

static void act_on(struct conn *conn, const struct session_result *result) {
    static const enum conn_state reading[] = {
        [SESSION_AWAITS_REQUEST] = CONN_STATE_READ,
        [SESSION_AWAITS_VALUE] = CONN_STATE_NREAD,
        [SESSION_AWAITS_REFUSED] = CONN_STATE_SWALLOW,
    };
    conn->fill_bytes = 0;
    conn->read_hint = 0;
    conn->has_more = conn->may_go_on = false;
    enum conn_state state = CONN_STATE_READ;
    switch (result->next) {
    case SESSION_READ:
        conn->read_hint = result->read_hint;
        state = reading[result->awaits];
        /* A command that does not fit the largest buffer is never completed. */
        if (conn->in.bytes == INBUF_BYTES_MAX)
            conn->is_closing = true;
        break;
    case SESSION_FILL:
        conn->fill_start = result->fill_start;
        conn->fill_bytes = result->fill_bytes;
        state = CONN_STATE_NREAD;
        break;
    case SESSION_YIELD:
        conn->has_more = true;
        if (result->is_streaming) {
            conn_flush_put(conn); /* a piece a turn, however fast the client takes it */
            break;
        }
        if (outbuf_pending(&conn->out) <= conn->env->session.out_high_bytes)
            conn_add_own(&conn->env->yield_count);
        conn->may_go_on = outbuf_pending(&conn->out) <= conn->env->unsent_max;
        break;
    case SESSION_CLOSE:
        conn->is_closing = true;
        state = CONN_STATE_CLOSING;
        if (!session_has_quit(conn->session))
            conn->close_reason = "error";
        break;
    }
    if (UNLIKELY(conn->watcher))
        state = CONN_STATE_WATCH;
    conn_entry_set_state(&conn->entry, state);
    if (conn->out.is_failed)
        conn->is_broken = true;
    if (conn->is_broken || conn->is_closing || outbuf_pending(&conn->out) > 0)
        conn_flush_put(conn);
    else if (!conn->is_in_flush) /* a client that says half a line keeps no more than that */
        outbuf_give_back(&conn->out);
}

static struct session_result execute(struct conn *conn, const char *input, size_t bytes) {
    struct conn_env *env = conn->env;
    if (LIKELY(!log_is_on(env->log, LOG_COMMANDS)))
        return session_feed(conn->session, input, bytes, env->request_max, &conn->out);
    /* One request at a time, so that what was used up of the input is that request. */
    struct outbuf_mark mark = outbuf_mark(&conn->out);
    bool has_begun = session_has_begun(conn->session);
    bool is_request = !session_is_in_request(conn->session);
    bool is_login = session_awaits_login(conn->session);
    bool is_in_dump = session_is_in_dump(conn->session);
    struct session_notes notes = {0};
    env->session.notes = &notes;
    struct session_result result = session_feed(conn->session, input, bytes,
                                                is_request ? 1 : SESSION_REQUESTS_NONE, &conn->out);
    env->session.notes = NULL;
    struct trace trace = {.log = env->log,
                          .fd = conn->entry.fd,
                          .is_binary = session_is_binary(conn->session),
                          .request = input,
                          .bytes = is_request ? bytes : 0,
                          .consumed = result.consumed,
                          .notes = &notes};
    if (!has_begun && session_has_begun(conn->session) &&
        session_peer(conn->session)->protocol == PROTOCOL_AUTO)
        log_line(env->log, LOG_COMMANDS, "%d: Client using the %s protocol", trace.fd,
                 trace.is_binary ? "binary" : "ascii");
    if (is_request && !is_login) /* a log is no place for what may be a password */
        trace_request(&trace, conn->out.bytes > mark.bytes);
    if (!is_in_dump)
        trace_answer(&trace, &conn->out, mark);
    return result;
}

/* Not while commands wait to be executed, or much output. */
static void want_input(struct conn *conn) {
    bool is_wanted =
        !conn->has_more && !conn->is_closing && outbuf_pending(&conn->out) <= conn->env->unsent_max;
    loop_stream_want(conn->stream, is_wanted, conn->is_stuck);
}

/* `bytes` bytes of input, in the thread's receive buffer (is_kept false) or in the connection's. */
static void feed(struct conn *conn, const char *input, size_t bytes, bool is_kept) {
    struct conn_env *env = conn->env;
    bool had_more = conn->has_more;
    if (!borrow_output(conn)) {
        conn_break_off(conn);
        return;
    }
    conn_entry_set_state(&conn->entry, CONN_STATE_PARSE);
    struct session_result result = execute(conn, input, bytes);
    CHECK(result.consumed <= bytes);
    size_t rest = bytes - result.consumed;
    CHECK(result.next != SESSION_FILL || rest == 0);
    if (is_kept)
        inbuf_consume(&conn->in, &env->pool, result.consumed);
    else if (result.next != SESSION_CLOSE &&
             !inbuf_keep(&conn->in, &env->pool, input + result.consumed, rest))
        conn->is_broken = true;
    act_on(conn, &result);
    if (UNLIKELY(conn->has_more != had_more))
        want_input(conn);
}

/*
 * Nothing is received while commands wait to be executed; behind a value that is being filled in
 * comes the buffer.
 */
static int on_space(void *context, struct iovec vec[LOOP_SPACE_MAX]) {
    struct conn *conn = context;
    char *receive = conn->env->receive;
    int count = 0;
    if (conn->has_more || conn->is_closing || conn->is_broken)
        return 0;
    if (conn->fill_bytes)
        vec[count++] = (struct iovec){.iov_base = conn->fill_start, .iov_len = conn->fill_bytes};
    size_t kept = conn->in.bytes;
    size_t room = INBUF_BYTES_MAX - kept;
    vec[count++] = (struct iovec){.iov_base = receive + kept,
                                  .iov_len = room < CONN_RECEIVE_BYTES ? room : CONN_RECEIVE_BYTES};
    return count;
}

/* Once a turn in full, and at a glance whenever something was received. */
static inline void note_thaws(struct conn_env *env, uint32_t thaws) {
    if (LIKELY(thaws == env->thaws_seen))
        return;
    env->thaws_seen = thaws;
    log_line(env->log, LOG_ALWAYS, "the process stood still: closing the connections of clients");
    for (struct conn *conn = env->open; conn; conn = conn->open_next)
        if (!session_is_link(conn->session))
            conn_break_off(conn);
}

void conn_look_for_thaw(struct conn_env *env) {
    note_thaws(env, freeze_look(env->freeze));
}

static void on_received(void *context, ssize_t got) {
    struct conn *conn = context;
    struct conn_env *env = conn->env;
    note_thaws(env, freeze_glance(env->freeze));
    if (UNLIKELY(conn->is_broken))
        return;
    if (got <= 0) {
        if (got < 0)
            conn->is_broken = true;
        conn->is_closing = true;
        conn_entry_set_state(&conn->entry, CONN_STATE_CLOSING);
        conn_flush_put(conn);
        return;
    }
    size_t bytes = (size_t)got;
    COUNT(env->session.counters, bytes_read, bytes);
    note_activity(conn);
    if (conn->fill_bytes) {
        size_t filled = bytes < conn->fill_bytes ? bytes : conn->fill_bytes;
        bytes -= filled;
        session_filled(conn->session, filled);
    }
    size_t kept = conn->in.bytes;
    if (kept) {
        memcpy(env->receive, inbuf_head(&conn->in), kept);
        bytes += kept;
    }
    if (bytes < conn->read_hint && bytes < INBUF_BYTES_MAX) {
        if (!inbuf_keep(&conn->in, &env->pool, env->receive, bytes))
            conn_break_off(conn);
        return;
    }
    feed(conn, env->receive, bytes, false);
    if (conn->may_go_on)
        conn_again_put(conn);
}

/* Returns how much work it was. */
static uint64_t run_piece(struct conn *conn) {
    size_t in_bytes = conn->in.bytes, out_bytes = conn->out.bytes;
    uint64_t work = 0;
    conn->may_go_on = conn->has_more;
    for (int round = 0; round < CONN_ROUNDS_MAX && conn->may_go_on && !conn->is_broken; round++) {
        feed(conn, conn->in.bytes ? inbuf_head(&conn->in) : conn->env->receive, conn->in.bytes,
             true);
        work += CONN_FEED_BYTES;
    }
    if (conn->may_go_on)
        conn_again_put(conn);
    return work + (in_bytes - conn->in.bytes) + (conn->out.bytes - out_bytes);
}

void conn_run_again(struct conn_env *env) {
    const struct conn *last = env->again.last;
    uint64_t work = 0;
    env->session.out_high_bytes = env->unsent_max;
    for (struct conn *conn = NULL; conn != last && work < CONN_LONG_TURN_BYTES;) {
        conn = conn_again_take(env);
        if (conn->is_broken)
            conn_flush_put(conn);
        else
            work += run_piece(conn);
    }
    env->session.out_high_bytes = CONN_SHORT_BYTES;
}

/*
 * ---- sending ----------------------------------------------------------------------------------
 */

/*
 * Until all is sent or a piece of it, the kernel takes no more, or the connection turns out to be
 * broken. Returns how much was sent.
 */
static uint64_t send_output(struct conn *conn) {
    struct iovec vec[CONN_SEND_PIECES_MAX];
    size_t total = 0;
    conn->is_stuck = false;
    int count;
    while (total < CONN_PIECE_BYTES &&
           (count = outbuf_iov(&conn->out, vec, CONN_SEND_PIECES_MAX)) > 0) {
        size_t offered = iovec_limit(vec, &count, CONN_PIECE_BYTES - total);
        ssize_t sent = loop_stream_send(conn->stream, vec, count);
        if (sent < 0) {
            conn->is_broken = true;
            break;
        }
        COUNT(conn->env->session.counters, bytes_written, (uint64_t)sent);
        outbuf_consume(&conn->out, (size_t)sent);
        total += (size_t)sent;
        if ((size_t)sent < offered) {
            conn->is_stuck = true;
            break;
        }
    }
    return total;
}

/* What a watcher is shown comes behind all that it was answered. */
static void send_events(struct conn *conn) {
    struct iovec vec[WATCH_PIECES_MAX];
    int count;
    while (!conn->is_stuck && (count = watcher_pieces(conn->watcher, vec)) > 0) {
        size_t offered = vec[0].iov_len + (count > 1 ? vec[1].iov_len : 0);
        ssize_t sent = loop_stream_send(conn->stream, vec, count);
        if (sent < 0) {
            conn->is_broken = true;
            return;
        }
        watcher_consume(conn->watcher, (size_t)sent);
        conn->is_stuck = (size_t)sent < offered;
    }
}

/* Returns how much work it was. */
static uint64_t flush(struct conn *conn) {
    bool was_stuck = conn->is_stuck;
    uint64_t work = CONN_CALL_BYTES;
    conn->is_in_flush = false;
    if (!conn->is_broken)
        work += send_output(conn);
    if (UNLIKELY(conn->watcher) && !conn->is_broken && !conn->is_closing && !conn->is_stuck)
        send_events(conn);
    uint64_t pending = outbuf_pending(&conn->out);
    if (conn->is_broken || (conn->is_closing && pending == 0)) {
        if (conn->is_in_again)
            conn->is_broken = true; /* the next round hands it back here */
        else
            conn_close(conn);
        return work;
    }
    if (pending == 0) {
        outbuf_give_back(&conn->out);
        if (was_stuck)
            conn_entry_set_state(&conn->entry, conn->watcher ? CONN_STATE_WATCH : CONN_STATE_READ);
    } else {
        conn_entry_set_state(&conn->entry, CONN_STATE_MWRITE);
        if (!conn->is_stuck)
            conn_late_put(conn);
    }
    want_input(conn);
    if (conn->has_more && !conn->is_closing && pending <= conn->env->unsent_max)
        conn_again_put(conn);
    return work;
}

static void flush_late(struct conn_env *env) {
    uint64_t work = 0;
    while (env->late.first && work < CONN_LONG_TURN_BYTES)
        work += flush(conn_queue_take(&env->late));
}

/* Much is to be sent, or nothing more, which the client waits for less than others do. */
static inline bool is_long(const struct conn *conn) {
    uint64_t pending = outbuf_pending(&conn->out);
    return pending > CONN_SHORT_BYTES || (pending == 0 && conn->is_closing) || conn->is_broken;
}

void conn_flush_all(struct conn_env *env) {
    struct conn_queue queue = env->flush;
    env->flush = (struct conn_queue){0};
    while (queue.first) {
        struct conn *conn = conn_queue_take(&queue);
        if (UNLIKELY(is_long(conn)))
            conn_queue_append(&env->late, conn);
        else
            flush(conn);
    }
    if (UNLIKELY(env->late.first))
        flush_late(env);
}

static void on_sendable(void *context) {
    struct conn *conn = context;
    note_activity(conn);
    conn_flush_put(conn);
}

const struct loop_stream_events conn_stream_events = {
    .space = on_space, .received = on_received, .sendable = on_sendable};
