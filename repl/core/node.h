/*
 * One half of a pair as a state machine: role, state, and what is said on both links. It does no
 * I/O, reads no clock and holds no lock: events go in with the time, actions come out. The engine
 * above carries them out (repl/engine.h) and guards it (RANK_REPL_NODE).
 *
 *            dial                hello                   go / full                 sent through
 *   DOWN ----------> DIALING ----------> GREETING ----------------> STREAMING/SYNCING ---------> STREAMING
 *    ^  <-- backoff ------------------------------- close, timeout, "wait" --------------------------|
 */
#ifndef REPL_CORE_NODE_H
#define REPL_CORE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/base/rng.h"

enum node_role { NODE_SLAVE, NODE_MASTER };
enum node_state { NODE_JOINING, NODE_SYNCING, NODE_READY };
/* Stable one-word names, as the stream and `stats repl` spell them. */
const char *node_role_name(enum node_role role);
const char *node_state_name(enum node_state state);

/* The outgoing link: dialled by this node, carrying its changes. */
enum out_state {
    OUT_DOWN,      /* waiting to dial again */
    OUT_DIALING,   /* a connection is being made */
    OUT_GREETING,  /* hello sent, answer awaited */
    OUT_PROBING,   /* the peer is a stock memcached: its version is awaited */
    OUT_FULL,      /* sending everything, live changes interleaved */
    OUT_STREAMING, /* sending live changes */
};
const char *out_state_name(enum out_state state);

/* How the outgoing stream is spelled. */
enum out_dialect {
    DIALECT_PAIR,    /* the peer is one of us */
    DIALECT_META,    /* stock memcached that knows the E flag (1.6.27 and later) */
    DIALECT_CLASSIC, /* older: classic commands with noreply */
};

/*
 * complete_for: the peer id for which our log, since its last acknowledgement, covers all we have.
 */
enum { NODE_COMPLETE_FOR_NONE = 0 };
#define NODE_COMPLETE_FOR_ANY                                                                      \
    UINT64_MAX /* a fresh process: the log covers everything since the empty start */

struct node_config {
    uint64_t id; /* drawn anew at every start; neither 0 nor UINT64_MAX */
    uint32_t join_timeout_ms, heartbeat_ms, timeout_ms;
    uint32_t retry_min_ms, retry_max_ms; /* back-off of dialling, with jitter */
    struct rng *rng;
};

/* What a node tells of itself in its hello and in `repl info` lines. */
struct node_info {
    uint64_t id;
    enum node_role role;
    enum node_state state;
    uint64_t promoted_at; /* version at the last promotion; 0: never */
    uint64_t complete_for;
    uint64_t version; /* its clock */
};

enum node_action_kind {
    NODE_DIAL,       /* make the outgoing connection */
    NODE_CLOSE_OUT,  /* close it */
    NODE_CLOSE_IN,   /* the incoming link `link` has gone silent: close it */
    NODE_SEND,       /* send `text` on the outgoing link, in order with the stream */
    NODE_BARRIER,    /* send a barrier; its answer is reported by node_out_acked */
    NODE_BEGIN_LIVE, /* the stream starts: rewind the log and send from what was acknowledged */
    NODE_BEGIN_FULL, /* the stream starts with everything: reopen the log, then walk */
    NODE_CHANGED,    /* role or state changed: state file, atomics */
};

enum { NODE_TEXT_BYTES_MAX = 256, NODE_ACTIONS_MAX = 32 };

struct node_action {
    enum node_action_kind kind;
    uint64_t link;                  /* NODE_CLOSE_IN */
    enum out_dialect dialect;       /* NODE_BEGIN_* */
    char text[NODE_TEXT_BYTES_MAX]; /* NODE_SEND: with CR LF */
};

struct node;

/*
 * NULL when there is no memory. It starts as a joining slave and wants to dial at its first tick.
 */
struct node *node_create(const struct node_config *config, uint64_t now_ms);
void node_destroy(struct node *node);

/* Takes the oldest action; false when there is none. Call until empty after every event. */
bool node_next_action(struct node *node, struct node_action *action);

/*
 * Time passes. `version` is the store's clock, has_unacked whether the stream holds changes that no
 * barrier has confirmed. Returns the time of the next tick that is needed.
 */
uint64_t node_tick(struct node *node, uint64_t now_ms, uint64_t version, bool has_unacked);

/* ---- the outgoing link ---- */
void node_out_connected(struct node *node, uint64_t now_ms, uint64_t version);
void node_out_closed(struct node *node, uint64_t now_ms); /* also: could not be made */
/* A line from the peer on it, without CR LF, other than the answer to a barrier. */
void node_out_line(struct node *node, uint64_t now_ms, uint64_t version, const char *line);
/*
 * By which way a barrier of this peer's is to be answered. Our own stream to it may have ended because
 * it was killed: what its kernel still delivers is lost if anything comes back on that connection.
 */
enum node_way {
    NODE_WAY_STREAM, /* our own stream, which is up */
    NODE_WAY_LATER,  /* our own stream, once it is up again */
    NODE_WAY_LINK,   /* where the barrier came from: a peer that we cannot stream to */
};
enum node_way node_answer_way(const struct node *node, uint64_t now_ms, uint64_t peer_id);
/* A barrier was answered. */
void node_out_acked(struct node *node, uint64_t now_ms);
/* The peer has taken more of the stream, although its answer is still out: it is slow, not gone. */
void node_out_heard(struct node *node, uint64_t now_ms);
/* All of a full sync, or of the backlog of a resumed stream, has been handed to the stream. */
void node_out_through(struct node *node, uint64_t now_ms);
/* The log overflowed. */
void node_log_overflowed(struct node *node, uint64_t now_ms);

/* ---- incoming links ---- */
struct node_greeting {
    bool is_accepted;
    bool is_full; /* a full sync is asked for: this node will start over */
    /* the link this one replaces: nothing more from it may be applied; 0: none */
    uint64_t superseded_link;
    char text[NODE_TEXT_BYTES_MAX]; /* the answer, with CR LF, also when refused */
};
/*
 * `repl hello <args>` on a connection from the peer's address. `link` is a number the engine made
 * up, never 0.
 */
void node_in_hello(struct node *node, uint64_t now_ms, uint64_t version, uint64_t link,
                   bool is_drained, const char *args, struct node_greeting *greeting);
enum node_line {
    NODE_LINE_BAD, /* not understood or not acceptable: the link is to be closed */
    NODE_LINE_OK,
    /*
     * a full sync begins: reopen the log and forget all we hold, before anything else from the link
     */
    NODE_LINE_START_OVER,
};
/* `repl <args>` on an accepted link: begin, synced, info. */
enum node_line node_in_line(struct node *node, uint64_t now_ms, uint64_t version, uint64_t link,
                            const char *args);
/* Something came in at that time: the link is alive. */
void node_in_heard(struct node *node, uint64_t now_ms, uint64_t link);
void node_in_closed(struct node *node, uint64_t now_ms, uint64_t link);

/* ---- operators and clients ---- */
void node_promote(struct node *node, uint64_t now_ms, uint64_t version);
void node_demote(struct node *node, uint64_t now_ms);
/* A client writes here: on a slave that is a take-over. */
void node_client_write(struct node *node, uint64_t now_ms, uint64_t version);

/* ---- looking ---- */
struct node_view {
    struct node_info self;
    struct node_info peer; /* as last told; id 0: never met */
    enum out_state out;
    enum out_dialect dialect;
    uint64_t in_link; /* 0: none */
    bool is_stock_peer;
    uint64_t full_syncs_out, full_syncs_in, partial_resyncs_out, partial_resyncs_in;
    uint64_t dials, reconnects, timeouts, refusals;
    uint64_t last_error_ms; /* on the scale of now_ms; 0: never */
};
void node_view(const struct node *node, struct node_view *view);

#endif
