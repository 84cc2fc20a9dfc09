/* A connection as the files see it that make it: conn.c, conn_open.c. */
#ifndef RUN_CONN_PRIVATE_H
#define RUN_CONN_PRIVATE_H

#include "memcached/run/conn.h"

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

/* ---- the queues: a connection stands in `again` once, and once in one of the other two ---- */

static inline void conn_again_put(struct conn *conn) {
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

static inline struct conn *conn_again_take(struct conn_env *env) {
    struct conn *conn = env->again.first;
    env->again.first = conn->again_next;
    if (!env->again.first)
        env->again.last = NULL;
    conn->is_in_again = false;
    return conn;
}

static inline void conn_queue_append(struct conn_queue *queue, struct conn *conn) {
    conn->flush_next = NULL;
    if (queue->last)
        queue->last->flush_next = conn;
    else
        queue->first = conn;
    queue->last = conn;
}

static inline struct conn *conn_queue_take(struct conn_queue *queue) {
    struct conn *conn = queue->first;
    queue->first = conn->flush_next;
    if (!queue->first)
        queue->last = NULL;
    return conn;
}

static inline void conn_late_put(struct conn *conn) {
    conn->is_in_flush = true;
    conn_queue_append(&conn->env->late, conn);
}

static inline void conn_flush_put(struct conn *conn) {
    if (conn->is_in_flush)
        return;
    conn->is_in_flush = true;
    conn_queue_append(&conn->env->flush, conn);
}

static inline void conn_break_off(struct conn *conn) {
    conn->is_broken = true;
    conn_flush_put(conn);
}

/* For what this thread alone counts: no locked instruction. */
static inline void conn_add_own(_Atomic uint64_t *counter) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* What the loop calls. */
extern const struct loop_stream_events conn_stream_events;

/* Out of no list but those of the open ones: at once, sent or not. */
void conn_close(struct conn *conn);

#endif
