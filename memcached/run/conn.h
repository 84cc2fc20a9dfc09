/*
 * One client connection: moves bytes between its socket and its session. Everything here runs in
 * the thread of the worker that owns it.
 *
 *   received --> feed --> READ, FILL: wait for more
 *                    |--> YIELD: fed again later in this turn or in the next, or after a flush when
 *                    |           much output waits already
 *                    '--> CLOSE: closed once the output is sent
 *   end of the turn --> flush: one send; what the kernel does not take waits for `sendable`
 *
 * Much work for some connections does not make a turn long. Each step comes in two parts: what is
 * short is done at once for every connection; then what is long, a piece at a time, for those whose
 * turn it has been longest, until all pieces together make CONN_LONG_TURN_BYTES. The rest is for
 * the next turns, which do not wait. Receiving is the loop's step and done likewise.
 *
 *             at once                               in turn
 *   execute   a session's first -R requests, until  up to CONN_ROUNDS_MAX times -R, until
 *             CONN_SHORT_BYTES are unsent           unsent_max are
 *   send      answers of up to CONN_SHORT_BYTES     CONN_PIECE_BYTES of those that are longer
 *   close                                           one connection
 *
 * New connections are opened between turns, a few at a time (handover.h).
 *
 * Connections are closed in the flush only, so lists of them hold no dead ones in between.
 */
#ifndef RUN_CONN_H
#define RUN_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "memcached/net/bufpool.h"
#include "memcached/net/inbuf.h"
#include "memcached/net/loop.h"
#include "memcached/net/outbuf.h"
#include "memcached/net/socket.h"
#include "memcached/run/conn_list.h"
#include "memcached/run/freeze.h"
#include "memcached/run/log.h"
#include "memcached/run/watch.h"
#include "memcached/serve/session.h"

enum {
    CONN_OUT_BYTES = BUFPOOL_MIDDLE_BYTES, /* what a connection borrows for its answers */
    CONN_RECEIVE_BYTES = 16 * 1024,        /* at once, beside a value, which needs no copy */
    CONN_SEND_PIECES_MAX = 64,             /* entries of one sendmsg */
    CONN_SPARE_MAX = 256,                  /* closed connections a worker keeps for the next */
    CONN_SHORT_BYTES = 16 * 1024,
    CONN_PIECE_BYTES = 512 * 1024,
    CONN_LONG_TURN_BYTES = 512 * 1024, /* of requests and answers, or sent; and besides: */
    CONN_FEED_BYTES = 1024,            /* what feeding a session counts as */
    CONN_CALL_BYTES = 8 * 1024,        /* what sending or closing counts as */
    /* Of -R requests: enough that a pipelined batch gets one send, little enough for one piece. */
    CONN_ROUNDS_MAX = 16,
};

struct conn;

struct conn_queue {
    struct conn *first, *last;
};

/* What a worker lends to its connections. Owner thread only, but for the atomics. */
struct conn_env {
    struct session_env session; /* fixed, but for out_high_bytes */
    struct conn_list *list;     /* fixed */
    struct log *log;            /* fixed */
    struct loop *loop;          /* fixed */
    char *receive;              /* INBUF_BYTES_MAX bytes: what arrives goes here first */
    unsigned request_max;       /* -R. Fixed. */
    uint32_t unsent_max;        /* with more bytes unsent, no request is executed. Fixed. */
    struct freeze *freeze;      /* fixed */
    uint32_t thaws_seen;        /* stand-stills after which clients have been broken off */
    struct bufpool pool;
    struct conn_queue again; /* have more to execute now */
    struct conn_queue flush; /* have something to send, or are to be closed */
    struct conn_queue late;  /* the same, and it is long */
    struct conn *open;       /* all that are open */
    struct watch_hub *hub;   /* fixed */
    struct conn *watching;   /* those of them that watch */
    struct conn *spare;      /* closed, kept for the next client */
    unsigned spare_count;
    _Atomic uint64_t yield_count;
    _Atomic uint64_t idle_kick_count;
};

/* Where connections come in. Fixed, and there as long as they are. */
struct conn_origin {
    const char *name; /* as `stats conns` shows the listener */
    enum settings_protocol protocol;
};

/* Takes over a non-blocking socket; closes it and returns false when there is no memory. */
bool conn_open(struct conn_env *env, int fd, const struct socket_address *peer,
               const struct conn_origin *origin);

/*
 * Breaks off all clients if the process has just stood still: what they sent before must not be
 * executed now. Links of the peer stay, their changes carry versions.
 */
void conn_look_for_thaw(struct conn_env *env);

/*
 * The connection becomes a watcher of these streams: what it sends from now on is ignored, what is
 * watched is sent to it.
 */
enum serve_watch conn_watch(struct conn *conn, uint32_t streams);

/* There may be something to send to watchers. */
void conn_look_at_watchers(struct conn_env *env);

/* A piece for each connection that has more to execute, unless that is too much. */
void conn_run_again(struct conn_env *env);

/* Sends what waits, closes what is to be closed; long things unless that is too much. */
void conn_flush_all(struct conn_env *env);

/* Is there something to do before anything else happens? */
static inline bool conn_has_work(const struct conn_env *env) {
    return env->again.first || env->late.first;
}

/*
 * Marks connections for closing from which nothing came for too long: clients for idle_ms, links
 * of the peer for link_ms. 0: however long. Watchers, clients of a unix socket, those to whom a
 * reply is still on its way and those in the midst of a value may be idle.
 */
void conn_kick_idle(struct conn_env *env, uint64_t idle_ms, uint64_t link_ms);

/* Closes all, sent or not. */
void conn_close_all(struct conn_env *env);

/* After conn_close_all. */
void conn_free_spare(struct conn_env *env);

#endif
