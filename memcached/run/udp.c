#include "memcached/run/udp.h"

#include <errno.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/net/udp.h"
#include "memcached/net/udp_frame.h"
#include "memcached/run/trace.h"
#include "memcached/serve/datagram.h"

/* A reply in the output: which datagram of the batch it answers. */
struct waiting {
    uint64_t bytes;
    uint16_t request_id;
    uint16_t peer_index;
};

enum { WAITING_FIRST = 32, WAITING_KEEP_MAX = 1024 };

struct udp_port {
    struct conn_env *env;
    struct udp_port *next;
    struct conn_entry entry;
    struct loop_watch *readable, *sendable;
    struct session *session;
    struct session_peer peer;
    /* the batch: its replies stand in `out` one after the other, as `waiting` divides it */
    struct udp_peer peers[UDP_BATCH_MAX];
    unsigned peer_count;
    uint16_t request_id; /* of the datagram that is being executed */
    struct outbuf out;
    struct waiting *waiting;
    size_t waiting_first, waiting_count, waiting_capacity;
    struct udp_reply reply; /* the first one's rest; none begun: 0 bytes */
    bool is_stuck;          /* the kernel took no more */
    char name[SOCKET_NAME_BYTES];
};

/*
 * ---- taking requests in -----------------------------------------------------------------------
 */

static bool waiting_grow(struct udp_port *port) {
    if (port->waiting_count < port->waiting_capacity)
        return true;
    size_t capacity = port->waiting_capacity ? port->waiting_capacity * 2 : WAITING_FIRST;
    struct waiting *waiting = mem_realloc(port->waiting, capacity * sizeof(*waiting));
    if (!waiting)
        return false;
    port->waiting = waiting;
    port->waiting_capacity = capacity;
    return true;
}

static bool on_replied(void *context, uint64_t bytes) {
    struct udp_port *port = context;
    if (port->waiting_count == UDP_REPLIES_MAX || !waiting_grow(port))
        return false;
    port->waiting[port->waiting_count++] =
        (struct waiting){.bytes = bytes,
                         .request_id = port->request_id,
                         .peer_index = (uint16_t)(port->peer_count - 1)};
    return true;
}

static void on_executed(void *context, const char *request, size_t bytes, size_t consumed,
                        struct outbuf_mark since) {
    struct udp_port *port = context;
    struct session_notes *notes = port->env->session.notes;
    struct trace trace = {.log = port->env->log,
                          .fd = port->entry.fd,
                          .is_binary = session_is_binary(port->session),
                          .request = request,
                          .bytes = bytes,
                          .consumed = consumed,
                          .notes = notes};
    trace_request(&trace, true);
    trace_answer(&trace, &port->out, since);
    *notes = (struct session_notes){0};
}

static void execute(struct udp_port *port, const char *payload, size_t bytes) {
    struct session_env *session_env = &port->env->session;
    bool is_shown = log_is_on(port->env->log, LOG_COMMANDS);
    struct session_notes notes = {0};
    struct datagram_calls calls = {
        .context = port, .replied = on_replied, .executed = is_shown ? on_executed : NULL};
    session_env->notes = is_shown ? &notes : NULL;
    datagram_execute(port->session, payload, bytes, UDP_REPLY_BYTES_MAX, &port->out, &calls);
    session_env->notes = NULL;
}

/* False when none was there. */
static bool take_datagram(struct udp_port *port) {
    struct conn_env *env = port->env;
    ssize_t got =
        udp_receive(port->entry.fd, env->receive, INBUF_BYTES_MAX, &port->peers[port->peer_count]);
    if (got < 0)
        return false;
    /* It may have waited while the process stood still: then it is lost. */
    if (!udp_frame_take(env->receive, (size_t)got, &port->request_id) ||
        freeze_is_in_doubt(env->freeze))
        return true;
    COUNT(env->session.counters, bytes_read, (uint64_t)got);
    conn_entry_touch(&port->entry, env->session.server->clock);
    port->peer_count++;
    execute(port, env->receive + UDP_FRAME_BYTES, (size_t)got - UDP_FRAME_BYTES);
    return true;
}

static void on_readable(void *context) {
    struct udp_port *port = context;
    for (int i = 0; i < UDP_BATCH_MAX && port->peer_count < UDP_BATCH_MAX; i++)
        if (outbuf_pending(&port->out) > UDP_WAITING_BYTES_MAX || !take_datagram(port))
            return;
}

/*
 * ---- sending replies --------------------------------------------------------------------------
 */

/* All are sent, or lost: the next batch starts over. */
static void end_batch(struct udp_port *port) {
    port->waiting_first = port->waiting_count = 0;
    port->peer_count = 0;
    if (port->waiting_capacity > WAITING_KEEP_MAX) {
        mem_free(port->waiting);
        port->waiting = NULL;
        port->waiting_capacity = 0;
    }
}

/* The next datagram of the reply that has begun. As udp_send. */
static int send_one(struct udp_port *port) {
    const struct waiting *waiting = &port->waiting[port->waiting_first];
    char frame[UDP_FRAME_BYTES];
    struct iovec vec[1 + UDP_SEND_PIECES_MAX] = {{.iov_base = frame, .iov_len = sizeof(frame)}};
    size_t bytes = udp_reply_frame(&port->reply, frame);
    /* References are to large values only: as many bytes are never in more pieces. */
    int count = outbuf_iov(&port->out, vec + 1, UDP_SEND_PIECES_MAX);
    count = udp_clip(vec + 1, count, bytes);
    int rc = udp_send(port->entry.fd, &port->peers[waiting->peer_index], vec, 1 + count);
    if (rc == 0) {
        COUNT(port->env->session.counters, bytes_written, UDP_FRAME_BYTES + (uint64_t)bytes);
        outbuf_consume(&port->out, bytes);
    }
    return rc;
}

/* A reply that cannot be sent is lost as a whole: there is nobody to tell. */
static void send_waiting(struct udp_port *port) {
    while (port->waiting_first < port->waiting_count) {
        const struct waiting *waiting = &port->waiting[port->waiting_first];
        if (port->reply.bytes == 0)
            udp_reply_begin(&port->reply, waiting->request_id, waiting->bytes);
        int rc = send_one(port);
        if (rc == -EINTR)
            continue;
        if (rc == -EAGAIN || rc == -EWOULDBLOCK) {
            port->is_stuck = true;
            return;
        }
        bool has_more = rc == 0 && udp_reply_next(&port->reply);
        if (has_more)
            continue;
        if (rc < 0)
            outbuf_consume(&port->out, (size_t)port->reply.bytes);
        port->reply.bytes = 0;
        port->waiting_first++;
    }
    end_batch(port);
}

static void flush(struct udp_port *port) {
    if (port->peer_count == 0 || port->is_stuck)
        return;
    send_waiting(port);
    if (port->is_stuck) {
        loop_watch_pause(port->readable);
        loop_watch_resume(port->sendable);
        conn_entry_set_state(&port->entry, CONN_STATE_MWRITE);
    }
}

static void on_sendable(void *context) {
    struct udp_port *port = context;
    port->is_stuck = false;
    loop_watch_pause(port->sendable);
    loop_watch_resume(port->readable);
    conn_entry_set_state(&port->entry, CONN_STATE_READ);
}

void udp_port_flush_all(struct udp_port *list) {
    for (struct udp_port *port = list; port; port = port->next)
        flush(port);
}

/*
 * ---- opening and closing ----------------------------------------------------------------------
 */

static void destroy(struct udp_port *port) {
    loop_watch_destroy(port->readable);
    loop_watch_destroy(port->sendable);
    if (port->session)
        session_destroy(port->session);
    outbuf_free(&port->out);
    mem_free(port->waiting);
    close(port->entry.fd);
    mem_free(port);
}

bool udp_port_open(struct udp_port **list, struct conn_env *env, int fd) {
    struct socket_address local;
    struct udp_port *port = mem_zalloc(sizeof(*port));
    if (!port) {
        close(fd);
        return false;
    }
    port->env = env;
    port->entry.fd = fd;
    port->entry.name = port->name;
    port->entry.is_udp = true;
    port->peer = (struct session_peer){.ip = "",
                                       .fd = fd,
                                       .protocol = env->session.server->settings->binding_protocol,
                                       .is_datagram = true};
    conn_entry_set_state(&port->entry, CONN_STATE_READ);
    if (!socket_local_address(fd, &local))
        goto out;
    socket_address_name(&local, "udp", port->name);
    port->session = session_create(&env->session, &port->peer);
    port->readable = loop_watch_create(env->loop, fd, on_readable, port);
    port->sendable = loop_watch_create_sendable(env->loop, fd, on_sendable, port);
    if (!port->session || !port->readable || !port->sendable ||
        !conn_list_add_listener(env->list, &port->entry))
        goto out;
    port->next = *list;
    *list = port;
    log_line(env->log, LOG_COMMANDS, "<%d server listening (udp)", fd);
    return true;
out:
    destroy(port);
    return false;
}

void udp_port_close_all(struct udp_port **list) {
    while (*list) {
        struct udp_port *port = *list;
        *list = port->next;
        conn_list_remove(port->env->list, &port->entry);
        destroy(port);
    }
}
