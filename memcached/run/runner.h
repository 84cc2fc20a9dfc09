/*
 * The running server: workers, background thread and listeners around one struct server, whose run
 * hooks it fills. It ends on SIGTERM, SIGINT and SIGUSR1, and when a client asks for it.
 *
 *   create -> listen -> start -> run -> stop_threads -> close_connections -> destroy
 */
#ifndef RUN_RUNNER_H
#define RUN_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "memcached/net/bufpool.h"
#include "memcached/run/listener.h"
#include "memcached/run/log.h"
#include "memcached/serve/server.h"

enum {
    RUNNER_OWN_DESCRIPTORS =
        64, /* beside clients: the loops', listeners, logs, the peer's link, ... */
    RUNNER_WORKER_DESCRIPTORS = 8,                       /* of one worker */
    RUNNER_READ_BUF_BYTES_MIN = 4 * BUFPOOL_LARGE_BYTES, /* of one worker, whatever the limit */
    RUNNER_IDLE_CHECK_MS = 1000, /* how often idle connections are looked for, */
    RUNNER_LINK_CHECK_MS = 100,  /* and silent links of the peer */
};

struct runner;

struct runner_config {
    struct server *server; /* store, settings, clock set; run hooks and counters are filled in */
    struct log *log;
    int signal_fd;           /* of process_take_signals */
    unsigned worker_count;   /* -t */
    unsigned request_max;    /* -R */
    uint64_t connection_max; /* -c */
    bool is_refusing_fast;
    int backlog;
    uint32_t socket_mark;          /* SO_MARK of sockets; 0: none */
    unsigned napi_id_count;        /* -N; 0: workers take turns */
    uint64_t idle_timeout_ms;      /* of clients; 0: none */
    uint64_t link_timeout_ms;      /* of the peer's links; 0: none */
    size_t log_bytes;              /* for the events of one thread, */
    size_t watcher_bytes;          /* and for what one watcher has not taken yet */
    uint64_t read_buf_limit_bytes; /* of all workers together; 0: none */
    bool is_fine_clock;
    uint64_t freeze_limit_ms; /* a stand-still of so long breaks clients off; 0: none does */
    void (*before_flush)(void *context, struct store_thread *thread);
    void *before_flush_context;
    void (*reload)(void *context); /* on SIGHUP, by the main thread; NULL: nothing to do */
    void *reload_context;
};

/* File descriptors that so many workers and all the rest need beside those of clients. */
static inline uint64_t runner_descriptors(unsigned worker_count) {
    return RUNNER_OWN_DESCRIPTORS + (uint64_t)worker_count * RUNNER_WORKER_DESCRIPTORS;
}

/* NULL with *why (static text). Main thread, as all that follow. */
struct runner *runner_create(const struct runner_config *config, const char **why);

/* Where to open sockets, before start. */
struct listener_set *runner_listeners(struct runner *runner);

/* Starts all threads and accepts. False when the system refuses. */
bool runner_start(struct runner *runner);

/* Serves until the end is asked for. */
void runner_run(struct runner *runner);

/* Ends accepting and the threads; connections stay open, unserved. */
void runner_stop_threads(struct runner *runner);
void runner_close_connections(struct runner *runner);
void runner_destroy(struct runner *runner);

#endif
