/* A worker: one thread with its loop, its handle of the store and its share of the connections. */
#ifndef RUN_WORKER_H
#define RUN_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "memcached/net/socket.h"
#include "memcached/run/conn.h"
#include "memcached/run/conn_list.h"
#include "memcached/run/freeze.h"
#include "memcached/run/log.h"
#include "memcached/run/stalls.h"
#include "memcached/serve/server.h"

struct worker;

struct worker_config {
    struct server *server;
    struct serve_counters *counters; /* this worker's own */
    struct conn_list *list;
    struct log *log;
    unsigned request_max;          /* -R */
    uint64_t read_buf_limit_bytes; /* this worker's share; 0: none */
    uint64_t idle_timeout_ms;      /* of clients; 0: none */
    uint64_t link_timeout_ms;      /* of the peer's links; 0: none */
    struct freeze *freeze;
    struct watch_hub *hub;
    struct event_log *events; /* this worker's own */
    unsigned number;          /* of this worker, from 0 on */
    /* Called once a turn, before answers are sent. NULL: nothing to do. */
    void (*before_flush)(void *context, struct store_thread *thread);
    void *before_flush_context;
};

/*
 * NULL with *why (static text) when memory, descriptors or a store handle are refused. Main thread,
 * as all that follow but where it says so.
 */
struct worker *worker_create(const struct worker_config *config, const char **why);
bool worker_start(struct worker *worker);

/*
 * Hands over an accepted socket. False when there is no memory: the caller keeps it. The accepting
 * thread.
 */
bool worker_assign(struct worker *worker, int fd, const struct socket_address *peer,
                   const struct conn_origin *origin);

/*
 * Takes over a bound UDP socket that this worker is to serve, perhaps together with others; closes it
 * and returns false when there is no memory or descriptor. Before worker_start.
 */
bool worker_serve_udp(struct worker *worker, int fd);

/* Asks it to look for idle connections. Any thread. */
void worker_check_idle(struct worker *worker);

/*
 * Ends the thread after the turn it is in, what is to be sent having been offered to the kernel.
 * Connections stay.
 */
void worker_stop(struct worker *worker);
/* Closes the connections. After worker_stop. */
void worker_close_connections(struct worker *worker);
void worker_destroy(struct worker *worker);

/* Adds this worker's share. Any thread. */
void worker_stats(struct worker *worker, struct serve_run_stats *sum);
void worker_stats_reset(struct worker *worker);
/* How long its turns take. */
struct stalls *worker_stalls(struct worker *worker);

#endif
