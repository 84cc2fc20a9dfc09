/*
 * One half of a pair without its sockets and its thread: the node's state machine, the dirty log,
 * the outgoing stream, and the hooks through which the server tells of changes and of what comes
 * in.
 * repl/thread.c gives it real sockets and a thread; t/sim gives it simulated ones.
 *
 * Locks: RANK_REPL_NODE guards the node; RANK_REPL_LINK the outgoing stream; each incoming link has
 * one of its own (RANK_REPL_IN), held while something from it is applied.
 */
#ifndef REPL_ENGINE_H
#define REPL_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "memcached/base/clock.h"
#include "memcached/base/rng.h"
#include "memcached/serve/server.h"
#include "memcached/store/store.h"
#include "repl/core/node.h"
#include "repl/trouble.h"

struct engine;

/* The outgoing connection as the engine sees it. */
struct engine_transport {
    void *context;
    /*
     * Sends what the connection takes now: bytes taken (0: it takes no more until
     * engine_out_writable is called), or -1 when it is broken. Called with RANK_REPL_LINK held,
     * from any thread.
     */
    ssize_t (*send)(void *context, const struct iovec *vec, int count);
    /* Asks the replication thread to call engine_tick soon. Any thread, any lock held. */
    void (*wake)(void *context);
    /*
     * Start and end of the outgoing connection; nothing that it has not delivered by its end is to
     * arrive later. Called by engine_tick's thread only, no lock held.
     */
    void (*dial)(void *context);
    void (*close)(void *context);
    /* Role or state changed (state file). Called by engine_tick's thread only, no lock held. */
    void (*changed)(void *context, const struct node_view *view);
};

struct engine_config {
    uint64_t node_id;
    uint64_t log_bytes;
    uint32_t join_timeout_ms, heartbeat_ms, timeout_ms;
    const char *peer_name; /* for stats; copied */
    struct store *store;
    struct clock *clock; /* mono_ms paces the links, wall_ms stamps */
    struct rng *rng;     /* used by the node, under its lock */
    struct engine_transport transport;
};

/* NULL with *why when there is no memory. Registers itself as the store's observer. */
struct engine *engine_create(const struct engine_config *config, const char **why);
/* The replication thread's last call: ends the stream and gives back the values that wait in it. */
void engine_quit(struct engine *engine, struct store_thread *thread);
/* After engine_quit; all sessions must be gone. */
void engine_destroy(struct engine *engine);

/* Fills the hooks for the server. */
void engine_hooks(struct engine *engine, struct serve_repl_hooks *hooks);

/*
 * Numeric addresses from which a hello is accepted; replaces the list. Copies. Any thread. False:
 * no memory.
 */
bool engine_allow(struct engine *engine, const char *const *addresses, size_t count);

/*
 * A worker is about to answer its clients: what they changed is handed to the peer's connection
 * first. Cheap when nothing changed. Never blocks on the peer.
 */
void engine_before_flush(struct engine *engine, struct store_thread *thread);

/*
 * Called by the replication thread: after wake, after every out event, and at the time returned
 * (milliseconds of clock_mono_ms). Carries out what the node wants, sends a slice of a full sync or
 * a backlog. Returns the time by which it wants to be called again.
 */
uint64_t engine_tick(struct engine *engine, struct store_thread *thread);

/*
 * Events of the outgoing connection, by the replication thread; each is followed by an engine_tick.
 */
void engine_out_connected(struct engine *engine);
void engine_out_received(struct engine *engine, const char *bytes, size_t count);
void engine_out_writable(struct engine *engine);
void engine_out_closed(struct engine *engine); /* also: could not be made */

void engine_promote(struct engine *engine);
void engine_demote(struct engine *engine);
void engine_view(struct engine *engine, struct node_view *view);

/* A line for the log that is due (see repl/trouble.h); false: none. Any thread. */
bool engine_trouble(struct engine *engine, char text[TROUBLE_TEXT_BYTES]);

/* What `stats repl` shows beside the node's view. */
struct engine_stats {
#define REPL_STAT_U64(name, meaning) uint64_t name;
#include "repl/engine_stats.def"
#undef REPL_STAT_U64
};
void engine_stats(struct engine *engine, struct engine_stats *out);

#endif
