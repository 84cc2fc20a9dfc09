/*
 * One simulated machine with one server process on it: a real store, a real engine and real
 * sessions, two workers, a background thread and the replication thread, each of which gets its
 * turns from the world's queue of events.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "memcached/base/clock.h"
#include "memcached/net/outbuf.h"
#include "memcached/serve/server.h"
#include "memcached/serve/session.h"
#include "memcached/store/store.h"
#include "repl/engine.h"
#include "t/sim/model.h"
#include "t/sim/network.h"

enum {
    WORKER_COUNT = 2,
    HANDLE_REPL = WORKER_COUNT,
    HANDLE_BACKGROUND,
    HANDLE_LOOK, /* the model's own */
    HANDLE_COUNT,
    JOIN_MS = 1000,
    HEARTBEAT_MS = 200,
    TIMEOUT_MS = 1000,
};

/* The server's side of a connection. */
struct sim_conn {
    struct sim_conn *next;
    struct host *host;
    struct net_end *end;
    struct session *session;
    struct session_peer peer;
    unsigned worker;
    char *in;
    size_t in_bytes, in_capacity;
    struct outbuf out;
    char *fill_start; /* where the rest of a value goes */
    size_t fill_bytes;
    bool has_input, is_ending; /* ending: closes when out is sent */
    bool is_peer_gone;         /* no input follows */
    /* the client's operation has been executed and is not answered yet */
    bool has_reply;
};

struct worker {
    struct session_env env;
    struct serve_counters counters;
    bool is_turn_due, is_flush_due;
};

struct host {
    struct world *world;
    unsigned index;
    int64_t skew_ms;  /* of its wall clock */
    uint64_t boot_us; /* its monotonic clock counts from here */
    bool is_running, is_frozen;
    unsigned life;     /* of the process: incarnations so far */
    uint64_t fault_us; /* when something last happened to it */
    uint64_t longest_freeze_us;

    struct clock clock;
    struct rng store_rng, node_rng;
    struct settings *settings;
    struct store *store;
    struct store_thread *handle[HANDLE_COUNT];
    struct engine *engine;
    struct serve_repl_hooks hooks; /* the engine's */
    struct server server;
    struct worker worker[WORKER_COUNT];
    struct sim_conn *conns;
    struct net_end *out;      /* dialled or connected; NULL: none */
    uint64_t tick_us;         /* the replication thread's next turn */
    uint64_t background_ms;   /* wall clock at its last turn */
    enum out_state out_state; /* as last seen */

    struct shadow shadow; /* what the model knows of this process */
};

struct host *host_create(struct world *world, unsigned index);
void host_destroy(struct host *host);

void host_start(struct host *host);
/* The process dies; its machine lives on and delivers what it has taken. */
void host_kill(struct host *host);
/* Process and machine. */
void host_machine_down(struct host *host);
void host_freeze(struct host *host, bool is_frozen);

/* Sets the process's clock to the world's time. */
void host_clock(struct host *host);
uint64_t host_wall_ms(const struct host *host);
struct host *host_peer(const struct host *host);
/* The network's callback. */
void host_accept(struct world *world, struct net_end *end);
/* Lets the replication thread have a turn soon. */
void host_wake(struct host *host);

#endif
