/*
 * A session with all it needs and no socket: a small store, a clock that the test turns, and a
 * connection that hands over bytes in pieces of any size. Used by unit tests and fuzzers.
 */
#ifndef SESSION_HOST_H
#define SESSION_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/serve/server.h"
#include "memcached/serve/session.h"

enum { HOST_WALL_S = 1700000000 };

struct host {
    struct clock clock;
    struct rng rng; /* for pieces */
    struct store_config config;
    struct settings settings;
    struct serve_counters counters;
    struct serve_counters *counters_list[1];
    struct server server;
    struct session_env env;
    struct session_peer peer;
    struct session *session;
    struct outbuf out;
    /* the connection: what has arrived and is not used up, and what the session wants next */
    char *kept;
    size_t kept_bytes;
    struct session_result result;
    /* all that the session has said */
    char *said;
    size_t said_bytes;
    unsigned request_max;
    /* what the replication hooks were called with */
    unsigned client_writes, barriers, commands, sets, deletes, rejected, closed;
};

/* Defaults; change host->config and host->settings, then open. */
void host_init(struct host *host);
void host_open(struct host *host);
/* Ends the session, verifies and destroys the store. */
void host_close(struct host *host);
/* Makes the session anew, on the same store. */
void host_reconnect(struct host *host);

/* Replication hooks that apply to the store and count; `repl link` makes a session a link. */
void host_enable_repl(struct host *host);

/*
 * Bytes arrive, all at once (piece_max 0) or in pieces of at most piece_max. What the session says
 * is appended to host->said. False when the session wants the connection closed; the rest is lost
 * then.
 */
bool host_receive(struct host *host, const char *bytes, size_t count, size_t piece_max);

/* Forgets what was said. */
void host_forget(struct host *host);

#endif
