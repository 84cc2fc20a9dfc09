/* Connections come and go, and watch instead of asking. */
#include <string.h>
#include <unistd.h>

#include "memcached/base/mem.h"
#include "memcached/proto/binary.h"
#include "memcached/run/conn_private.h"

static void add_one(_Atomic uint64_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
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
        conn_flush_put(conn);
}

static void stop_watching(struct conn *conn) {
    struct conn **at = &conn->env->watching;
    while (*at != conn)
        at = &(*at)->watch_next;
    *at = conn->watch_next;
    watch_leave(conn->env->hub, conn->watcher);
    conn->watcher = NULL;
}

/*
 * ---- opening and closing ----------------------------------------------------------------------
 */

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
    conn->stream = loop_stream_create(env->loop, &conn_stream_events, conn);
    if (!conn->stream) {
        mem_free(conn);
        return NULL;
    }
    add_one(&env->list->structure_count);
    return conn;
}

static void structure_destroy(struct conn_env *env, struct conn *conn) {
    loop_stream_destroy(conn->stream);
    mem_free(conn);
    atomic_fetch_sub_explicit(&env->list->structure_count, 1, memory_order_relaxed);
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

void conn_close(struct conn *conn) {
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
            conn_add_own(&env->idle_kick_count);
        conn->close_reason = "idle_timeout";
        conn_break_off(conn);
    }
}

void conn_close_all(struct conn_env *env) {
    env->again = env->flush = env->late = (struct conn_queue){0};
    while (env->open)
        conn_close(env->open);
}

void conn_free_spare(struct conn_env *env) {
    while (env->spare) {
        struct conn *conn = env->spare;
        env->spare = conn->open_next;
        structure_destroy(env, conn);
    }
    env->spare_count = 0;
}
