#include "memcached/run/conn.h"

#include <string.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/net/iovec.h"
#include "memcached/proto/binary.h"
#include "memcached/run/trace.h"

struct conn {
    struct conn_env *env;
    struct loop_stream *stream; /* lives as long as the structure */
    struct session *session;
    struct conn_entry entry;
    struct inbuf in;
    struct outbuf out;
    char *fill_start; /* where the next bytes of a value go; fill_bytes 0: not reading a value */
    size_t fill_bytes;
    size_t read_hint;              /* nothing can be executed before so many bytes are here */
    bool has_more;                 /* the session yielded: what is kept may hold whole commands */
    bool may_go_on;                /* and now: nothing has to be sent before */
    bool is_closing;               /* once the output is sent */
    bool is_broken;                /* whether it is sent or not */
    bool is_stuck;                 /* the kernel took no more */
    bool is_in_again, is_in_flush; /* the latter in either list of those to be flushed */
    struct conn *again_next, *flush_next;
    struct watcher *watcher; /* NULL: an ordinary client */
    struct conn *watch_next;
    const char *close_reason;               /* for watchers; NULL: the ordinary one */
    struct conn *open_next, *open_previous; /* spare list: open_next */
    uint64_t
        /* a link: when something had last arrived, as of the check that found it silent */
        suspected_ms;
    struct session_peer peer;
};

static void add_one(_Atomic uint64_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* For what this thread alone counts: no locked instruction. */
static void add_one_own(_Atomic uint64_t *counter) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/*
 * ---- the queues --------------------------------------------------------------------------------
 */

static void queue_again(struct conn *conn) {
    if (conn->is_in_again)
        return;
    struct conn_queue *queue = &conn->env->again;
    conn->is_in_again = true;
    conn->again_next = NULL;
    if (queue->last)
        queue->last->again_next = conn;
    else
        queue->first = conn;
    queue->last = conn;
}

static struct conn *again_take(struct conn_env *env) {
    struct conn *conn = env->again.first;
    env->again.first = conn->again_next;
    if (!env->again.first)
        env->again.last = NULL;
    conn->is_in_again = false;
    return conn;
}

static void flush_append(struct conn_queue *queue, struct conn *conn) {
    conn->flush_next = NULL;
    if (queue->last)
        queue->last->flush_next = conn;
    else
        queue->first = conn;
    queue->last = conn;
}

static struct conn *flush_take(struct conn_queue *queue) {
    struct conn *conn = queue->first;
    queue->first = conn->flush_next;
    if (!queue->first)
        queue->last = NULL;
    return conn;
}

static void queue_late(struct conn *conn) {
    conn->is_in_flush = true;
    flush_append(&conn->env->late, conn);
}

static void queue_flush(struct conn *conn) {
    if (conn->is_in_flush)
        return;
    conn->is_in_flush = true;
    flush_append(&conn->env->flush, conn);
}

static void note_activity(struct conn *conn) {
    conn_entry_touch(&conn->entry, conn->env->session.server->clock);
}

/*
 * ---- watching and being watched ---------------------------------------------------------------
 */

static void tell_event(const struct conn *conn, enum event_kind kind, const char *reason) {
    struct event_log *events = conn->env->session.events;
    if (LIKELY(!event_log_is_on(events, event_stream_of(kind))))
        return;
    bool is_local = conn->entry.ip[0] == '\0';
    const char *ip = is_local ? "unix" : conn->entry.ip;
    struct event_record event = {.kind = (uint8_t)kind,
                                 .text_bytes = (uint16_t)strlen(ip),
                                 .command = is_local ? "local" : "tcp",
                                 .status = reason,
                                 .fd = conn->entry.fd,
                                 .port = conn->entry.port};
    event_log_put(events, &event, ip);
}

static const char *close_reason(const struct conn *conn) {
    if (conn->close_reason)
        return conn->close_reason;
    return conn->is_broken || conn->watcher ? "error" : "normal";
}

/* The logger has something: the worker finds out in its next turn. */
static void on_news(void *loop) {
    loop_wake(loop);
}

enum serve_watch conn_watch(struct conn *conn, uint32_t streams) {
    struct conn_env *env = conn->env;
    enum serve_watch outcome;
    conn->watcher = watch_join(env->hub, streams, on_news, env->loop, &outcome);
    if (conn->watcher) {
        conn->watch_next = env->watching;
        env->watching = conn;
    }
    return outcome;
}

void conn_look_at_watchers(struct conn_env *env) {
    for (struct conn *conn = env->watching; conn; conn = conn->watch_next)
        queue_flush(conn);
}

static void stop_watching(struct conn *conn) {
    struct conn **at = &conn->env->watching;
    while (*at != conn)
        at = &(*at)->watch_next;
    *at = conn->watch_next;
    watch_leave(conn->env->hub, conn->watcher);
    conn->watcher = NULL;
}

static void break_off(struct conn *conn) {
    conn->is_broken = true;
    queue_flush(conn);
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
            queue_flush(conn); /* a piece a turn, however fast the client takes it */
            break;
        }
        if (outbuf_pending(&conn->out) <= conn->env->session.out_high_bytes)
            add_one_own(&conn->env->yield_count);
        conn->may_go_on = outbuf_pending(&conn->out) <= SESSION_OUT_HIGH_BYTES;
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
        queue_flush(conn);
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
    bool is_wanted = !conn->has_more && !conn->is_closing &&
                     outbuf_pending(&conn->out) <= SESSION_OUT_HIGH_BYTES;
    loop_stream_want(conn->stream, is_wanted, conn->is_stuck);
}

/* `bytes` bytes of input, in the thread's receive buffer (is_kept false) or in the connection's. */
static void feed(struct conn *conn, const char *input, size_t bytes, bool is_kept) {
    struct conn_env *env = conn->env;
    bool had_more = conn->has_more;
    if (!borrow_output(conn)) {
        break_off(conn);
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
            break_off(conn);
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
        queue_flush(conn);
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
            break_off(conn);
        return;
    }
    feed(conn, env->receive, bytes, false);
    if (conn->may_go_on)
        queue_again(conn);
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
        queue_again(conn);
    return work + (in_bytes - conn->in.bytes) + (conn->out.bytes - out_bytes);
}

void conn_run_again(struct conn_env *env) {
    const struct conn *last = env->again.last;
    uint64_t work = 0;
    env->session.out_high_bytes = SESSION_OUT_HIGH_BYTES;
    for (struct conn *conn = NULL; conn != last && work < CONN_LONG_TURN_BYTES;) {
        conn = again_take(env);
        if (conn->is_broken)
            queue_flush(conn);
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

static void structure_destroy(struct conn_env *env, struct conn *conn) {
    loop_stream_destroy(conn->stream);
    mem_free(conn);
    atomic_fetch_sub_explicit(&env->list->structure_count, 1, memory_order_relaxed);
}

static void close_now(struct conn *conn) {
    struct conn_env *env = conn->env;
    if (conn->watcher)
        log_line(env->log, LOG_COMMANDS, "<%d connection closing from side thread.",
                 conn->entry.fd);
    log_line(env->log, LOG_COMMANDS, "<%d connection closed.", conn->entry.fd);
    tell_event(conn, EVENT_CONN_CLOSE, close_reason(conn));
    if (conn->watcher)
        stop_watching(conn);
    session_destroy(conn->session);
    conn->session = NULL;
    inbuf_free(&conn->in, &env->pool);
    outbuf_free(&conn->out);
    conn_list_remove(env->list, &conn->entry);
    loop_stream_close(conn->stream);
    if (conn->open_previous)
        conn->open_previous->open_next = conn->open_next;
    else
        env->open = conn->open_next;
    if (conn->open_next)
        conn->open_next->open_previous = conn->open_previous;
    atomic_fetch_sub_explicit(&env->list->client_count, 1, memory_order_relaxed);
    if (env->spare_count == CONN_SPARE_MAX) {
        structure_destroy(env, conn);
        return;
    }
    conn->open_next = env->spare;
    env->spare = conn;
    env->spare_count++;
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
            close_now(conn);
        return work;
    }
    if (pending == 0) {
        outbuf_give_back(&conn->out);
        if (was_stuck)
            conn_entry_set_state(&conn->entry, conn->watcher ? CONN_STATE_WATCH : CONN_STATE_READ);
    } else {
        conn_entry_set_state(&conn->entry, CONN_STATE_MWRITE);
        if (!conn->is_stuck)
            queue_late(conn);
    }
    want_input(conn);
    if (conn->has_more && !conn->is_closing && pending <= SESSION_OUT_HIGH_BYTES)
        queue_again(conn);
    return work;
}

static void flush_late(struct conn_env *env) {
    uint64_t work = 0;
    while (env->late.first && work < CONN_LONG_TURN_BYTES)
        work += flush(flush_take(&env->late));
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
        struct conn *conn = flush_take(&queue);
        if (UNLIKELY(is_long(conn)))
            flush_append(&env->late, conn);
        else
            flush(conn);
    }
    if (UNLIKELY(env->late.first))
        flush_late(env);
}

static void on_sendable(void *context) {
    struct conn *conn = context;
    note_activity(conn);
    queue_flush(conn);
}

/*
 * ---- opening and closing ----------------------------------------------------------------------
 */

static const struct loop_stream_events stream_events = {
    .space = on_space, .received = on_received, .sendable = on_sendable};

static struct conn *structure_take(struct conn_env *env) {
    struct conn *conn = env->spare;
    if (conn) {
        env->spare = conn->open_next;
        env->spare_count--;
        struct loop_stream *stream = conn->stream;
        *conn = (struct conn){.env = env, .stream = stream};
        return conn;
    }
    conn = mem_zalloc(sizeof(*conn));
    if (!conn)
        return NULL;
    conn->env = env;
    conn->stream = loop_stream_create(env->loop, &stream_events, conn);
    if (!conn->stream) {
        mem_free(conn);
        return NULL;
    }
    add_one(&env->list->structure_count);
    return conn;
}

/* As memcached says it, dots and all. */
static const char *const kinds[] = {[PROTOCOL_AUTO] = "auto-negotiating client connection",
                                    [PROTOCOL_ASCII] = "ascii client connection.",
                                    [PROTOCOL_BINARY] = "binary client connection."};

bool conn_open(struct conn_env *env, int fd, const struct socket_address *peer,
               const struct conn_origin *origin) {
    struct conn *conn = structure_take(env);
    if (!conn)
        goto out_fd;
    socket_address_ip(peer, conn->entry.ip);
    conn->entry.port = socket_address_port(peer);
    conn->entry.is_v6 = peer->any.sa_family == AF_INET6;
    conn->entry.name = peer->any.sa_family == AF_UNIX ? origin->name : NULL;
    conn->peer = (struct session_peer){
        .ip = conn->entry.ip, .fd = fd, .protocol = origin->protocol, .connection = conn};
    conn->entry.listener_name = origin->name;
    conn->entry.fd = fd;
    conn_entry_set_state(&conn->entry, CONN_STATE_NEW);
    conn->session = session_create(&env->session, &conn->peer);
    if (!conn->session)
        goto out_structure;
    if (!conn_list_add(env->list, &conn->entry))
        goto out_session;
    if (!loop_stream_open(conn->stream, fd))
        goto out_list;
    conn->open_next = env->open;
    if (env->open)
        env->open->open_previous = conn;
    env->open = conn;
    add_one(&env->list->total_count);
    log_line(env->log, LOG_COMMANDS, "<%d new %s", fd, kinds[origin->protocol]);
    tell_event(conn, EVENT_CONN_NEW, NULL);
    return true;
out_list:
    conn_list_remove(env->list, &conn->entry);
out_session:
    session_destroy(conn->session);
out_structure:
    structure_destroy(env, conn);
out_fd:
    close(fd);
    atomic_fetch_sub_explicit(&env->list->client_count, 1, memory_order_relaxed);
    return false;
}

/* Who owes the rest of a value is slow, as is who has not taken its reply. */
static bool may_idle(const struct conn *conn) {
    size_t least = session_is_binary(conn->session) ? BINARY_HEAD_BYTES : 0;
    return conn->watcher || conn->entry.ip[0] == '\0' || conn->out.bytes > 0 ||
           session_is_in_value(conn->session) || conn->read_hint > least;
}

void conn_kick_idle(struct conn_env *env, uint64_t idle_ms, uint64_t link_ms) {
    uint64_t now_ms = clock_mono_ms(env->session.server->clock);
    for (struct conn *conn = env->open; conn; conn = conn->open_next) {
        bool is_link = session_is_link(conn->session);
        uint64_t limit_ms = is_link ? link_ms : idle_ms;
        uint64_t last_ms = atomic_load_explicit(&conn->entry.last_mono_ms, memory_order_relaxed);
        if (limit_ms == 0 || conn->is_broken || now_ms - last_ms <= limit_ms)
            continue;
        if (!is_link && may_idle(conn))
            continue;
        /* This process may have been frozen, and what the peer said meanwhile not been read yet. */
        if (is_link && conn->suspected_ms != last_ms) {
            conn->suspected_ms = last_ms;
            continue;
        }
        if (!is_link)
            add_one_own(&env->idle_kick_count);
        conn->close_reason = "idle_timeout";
        break_off(conn);
    }
}

void conn_close_all(struct conn_env *env) {
    env->again = env->flush = env->late = (struct conn_queue){0};
    while (env->open)
        close_now(env->open);
}

void conn_free_spare(struct conn_env *env) {
    while (env->spare) {
        struct conn *conn = env->spare;
        env->spare = conn->open_next;
        structure_destroy(env, conn);
    }
    env->spare_count = 0;
}
