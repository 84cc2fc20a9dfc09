/*
 * Replication as the server uses it: an engine (repl/engine.h) with real sockets, the thread that
 * owns them, the state file that keepalived tracks, and `stats repl`.
 *
 * main:  repl_create before privileges are dropped, repl_hooks, repl_start after the process has
 *        become a daemon, workers call repl_before_flush; at the end workers stop, then repl_stop,
 *        then sessions go, then repl_destroy, then the store.
 */
#ifndef REPL_REPL_H
#define REPL_REPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "memcached/base/clock.h"
#include "memcached/serve/auth.h"
#include "memcached/serve/server.h"
#include "memcached/store/store.h"

struct repl;

enum {
    REPL_PORT_DEFAULT = 11211,
    REPL_LOG_MB_DEFAULT = 64,
    REPL_LOG_MB_MIN = 1,
    REPL_LOG_MB_MAX = 64 * 1024,
    REPL_JOIN_MS_DEFAULT = 3000,
    REPL_HEARTBEAT_MS_DEFAULT = 200,
    REPL_TIMEOUT_MS_DEFAULT = 2000,
    REPL_TIMES_MS_MIN = 10, /* of each of the three */
    REPL_TIMES_MS_MAX = 3600 * 1000,
    REPL_ADDRESSES_MAX = 16,      /* addresses of the peer's name that are tried */
    REPL_STOP_DRAIN_MS = 1000,    /* repl_stop waits this long for the peer's last answer */
    REPL_RESOLVE_EVERY_MS = 1000, /* a name is looked up again while the link is down */
    REPL_RESOLVE_FIRST_MS = 2000, /* repl_create waits so long for a name server */
};

struct repl_config {
    const char *peer; /* host, host:port, [v6]:port or v6; copied */
    uint64_t log_mb;  /* bound of the dirty log */
    /* without an answer from the peer for so long, a joining node is master */
    uint32_t join_ms;
    uint32_t heartbeat_ms; /* a barrier at least this often on an idle link */
    uint32_t timeout_ms;   /* a link that answers nothing for so long is closed */
    /*
     * NULL: none; copied. Created if missing and written in place by repl_create, and given to
     * state_uid and state_gid ((uid_t)-1: left alone): whoever the process will be must be able to
     * open it again for every change, since keepalived takes note when a writer closes the file.
     */
    const char *state_file;
    uid_t state_uid;
    gid_t state_gid;
    uint64_t seed;       /* of the node id and of jitter: rng_system_seed() */
    struct store *store; /* outlives this; one handle is taken by the thread */
    /* outlives this; kept up to date by its owner. The thread paces itself by it. */
    struct clock *clock;
    /*
     * One line for the operator, without newline: link up and down, roles. NULL: silent. Called by
     * the thread.
     */
    void (*log)(void *context, const char *line);
    void *log_context;
    /*
     * Who this node logs in as at a peer that asks for it: the first user. NULL: nobody. Read from
     * repl_start on; outlives this.
     */
    struct auth *auth;
};

/* The defaults above, an owner of -1, all else zero. */
void repl_config_default(struct repl_config *config);

/*
 * Checks the settings, makes the engine (which observes the store: before any handle is taken) and
 * opens the state file, saying fault. Looks the peer's name up, and refuses one that is none. No
 * socket, no thread that stays. NULL with *why set to one printable line, valid until the next
 * call.
 * Main thread.
 */
struct repl *repl_create(const struct repl_config *config, const char **why);

/* Fills the hooks of a server. */
void repl_hooks(struct repl *repl, struct serve_repl_hooks *hooks);

/*
 * Starts the thread. False when the system refuses a thread, a descriptor or a store handle. Main
 * thread.
 */
bool repl_start(struct repl *repl);

/*
 * A worker is about to answer its clients: what they changed goes to the peer's connection first.
 * Cheap when nothing changed; never waits for the peer. Any worker, no lock held.
 */
void repl_before_flush(struct repl *repl, struct store_thread *thread);

/*
 * Orderly end: hands on what is left in the log, waits for the peer's answer (REPL_STOP_DRAIN_MS at
 * most, only if the link is up), closes the link, writes fault to the state file, ends the thread.
 * No client may write any more; incoming links may still be there. The thread keeps the clock
 * meanwhile: its owner has to be the calling thread, or to have stopped. Fine if never started.
 * Main thread.
 */
void repl_stop(struct repl *repl);

/* After repl_stop, when all sessions are gone. */
void repl_destroy(struct repl *repl);

#endif
