/*
 * The listening sockets: opened at start, they accept connections and hand them to the workers in
 * turn.
 */
#ifndef RUN_LISTENER_H
#define RUN_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "memcached/net/loop.h"
#include "memcached/run/conn_list.h"
#include "memcached/run/freeze.h"
#include "memcached/run/log.h"
#include "memcached/run/worker.h"
#include "memcached/serve/server.h"

enum {
    LISTENERS_MAX = 256,          /* and as many UDP sockets */
    LISTENER_ADDRESSES_MAX = 32,  /* of one name */
    LISTENER_ACCEPTS_MAX = 64,    /* connections accepted in one go */
    LISTENER_RETRY_MS = 10,       /* while accepting is off */
    LISTENER_PAUSE_MS_MAX = 1000, /* then it is tried again though no client has left */
};

struct listener_set;

struct listener_set_config {
    struct loop *loop; /* of the accepting thread */
    struct conn_list *list;
    struct log *log;
    struct clock *clock;
    struct freeze *freeze;
    enum settings_protocol protocol; /* -B */
    struct worker **workers;
    unsigned worker_count;
    uint64_t connection_max; /* -c */
    bool is_refusing_fast;   /* at the limit: answer and close, instead of letting clients wait */
    int backlog;             /* -b */
    uint32_t socket_mark;    /* SO_MARK of sockets; 0: none */
    unsigned napi_id_count;  /* -N, not more than workers; 0: they take turns */
};

/* NULL when there is no memory. Main thread, as all that follow but where it says so. */
struct listener_set *listener_set_create(const struct listener_set_config *config);
void listener_set_destroy(struct listener_set *set);

/*
 * Listens on every address of one interface: host, host:port, [v6]:port, v6, * or NULL for all
 * local addresses; `port` counts where none is given, port 0 chooses a free one. False when it does
 * not resolve or none of its addresses can be had; the reason has been logged.
 */
bool listener_set_open_tcp(struct listener_set *set, const char *interface, uint16_t port);
/*
 * Binds UDP sockets in the same way; each is served by `thread_count` of the workers. Before these
 * run.
 */
bool listener_set_open_udp(struct listener_set *set, const char *interface, uint16_t port,
                           unsigned thread_count);
bool listener_set_open_unix(struct listener_set *set, const char *path, mode_t mode);

/*
 * Writes lines such as "TCP INET: 11211" and "UDP INET6: 11211". A failure is a warning, as in
 * memcached.
 */
void listener_set_write_ports(struct listener_set *set, const char *path);

/* Accepts from here on. */
bool listener_set_start(struct listener_set *set);

/* Takes part in the sum. Any thread. */
void listener_set_stats(struct listener_set *set, struct serve_run_stats *sum);
void listener_set_stats_reset(struct listener_set *set);

#endif
