/*
 * The parts of an engine, for its own files only: engine.c (node, life), out.c (outgoing stream),
 * in.c (what comes in).
 */
#ifndef REPL_ENGINE_PRIVATE_H
#define REPL_ENGINE_PRIVATE_H

#include <stdatomic.h>

#include "memcached/base/lock.h"
#include "memcached/net/outbuf.h"
#include "repl/core/dirty_log.h"
#include "repl/core/node.h"
#include "repl/engine.h"
#include "repl/stage.h"
#include "repl/trouble.h"

enum {
    OUT_BUFFER_HIGH_BYTES = 64 * 1024, /* encoded and unsent: no more is encoded */
    OUT_COPY_BYTES_MAX = 16 * 1024,    /* larger values are referenced by the stream, not copied */
    OUT_BARRIERS_MAX = 4,              /* unanswered; the node sends at most three */
    OUT_WALK_BUCKETS = 64,             /* index buckets a step of a full sync */
    /* a full sync sends about so much between two looks at the node */
    TICK_BYTES_MAX = 1 << 20,
    SWEEP_BUCKETS = 1024, /* index buckets a step of sweeping */
    /* accepted links that still exist; all but one are superseded */
    IN_LINKS_MAX = 8,
    LINE_BYTES_MAX = 512, /* an answer of the peer on the outgoing link */
};

enum out_phase {
    OUT_PHASE_NONE, /* no connection */
    OUT_PHASE_TALK, /* connected: only text of the node goes out */
    OUT_PHASE_LIVE, /* the log is streamed */
    OUT_PHASE_FULL, /* the log is streamed, and the store is walked */
};

/* The outgoing stream. */
struct out {
    struct lock lock; /* RANK_REPL_LINK; guards all below but the atomics */
    struct outbuf buffer;
    enum out_phase phase;
    enum out_dialect dialect;
    bool is_broken;       /* the transport said so: to be closed */
    bool is_through_told; /* the node knows that the backlog is through */
    struct dirty_position backlog_end;
    uint64_t walk_cursor;
    bool is_walk_done;
    unsigned walk_percent;
    uint64_t walk_items, sent_bytes, sent_ops;
    uint64_t barrier_number; /* of the last one: unique, of earlier lives of this node too */
    struct out_barrier {
        uint64_t number;
        struct dirty_position at;
        uint64_t version; /* everything up to it has been streamed */
    } barriers[OUT_BARRIERS_MAX];
    unsigned barrier_first, barrier_count;
    struct store_thread *thread; /* of whoever holds the lock: releases of values go through it */
    struct dirty_batch batch;    /* scratch */

    /* workers are to pump: live stream, no backlog before their changes */
    _Atomic bool is_worker_fed;
    _Atomic bool is_pair;    /* the peer is one of us: what is staged may go out as it is */
    _Atomic bool is_blocked; /* the connection takes no more */
    _Atomic bool is_handing; /* entries are marked sent and on their way into the connection */
    _Atomic bool is_ack_due; /* the replication thread knows that a barrier has to follow */
};

/* One accepted link from the peer. */
struct in_link {
    struct lock lock;          /* RANK_REPL_IN: held while something from it is applied */
    struct engine *engine;     /* fixed */
    struct session *session;   /* fixed; used by the link's own worker only */
    uint64_t id;               /* fixed */
    uint64_t peer_id;          /* fixed */
    uint64_t barrier;          /* number of the `mn` that is next; 0: none. Own worker only */
    uint64_t owed;             /* of a barrier to be answered later; 0: none. Node's lock */
    bool is_filling;           /* a full sync comes by it. Own worker only */
    _Atomic uint64_t heard_ms; /* when something from it was last applied */
    bool is_dead;              /* under lock: superseded or silent; nothing more is applied */
    struct in_link *next;      /* under the node's lock */
};

struct engine {
    struct store *store;
    struct clock *clock;
    struct engine_transport transport;
    struct dirty_log *log;
    char *peer_name;
    uint64_t id;

    struct lock node_lock; /* RANK_REPL_NODE; guards the next block */
    struct node *node;
    struct in_link *links;
    unsigned link_count;
    uint64_t next_link_id;
    char **allowed;
    size_t allowed_count;
    struct trouble trouble;

    /* owned by the replication thread */
    char line[LINE_BYTES_MAX];
    size_t line_bytes;
    uint64_t sweep_cursor;

    struct out out;
    struct stage *stages; /* one for each handle of the store; its thread's */
    uint32_t stage_count; /* fixed */

    _Atomic uint64_t start_overs; /* how often the node has; under the outgoing stream's lock */
    _Atomic bool is_master;       /* the role gate's fast path */
    _Atomic bool is_full_out;     /* the peer is being given a full sync */
    _Atomic bool is_ack_owed;     /* some link's `owed` is not 0 */
    /* the link on which a full sync was asked for and has not begun; 0: none */
    _Atomic uint64_t full_in_link;
    _Atomic bool has_overflowed; /* the log did, and the node does not know yet */
    _Atomic bool is_sweep_due;   /* a start-over left things to sweep */
    _Atomic bool is_sweep_restarted;
    _Atomic uint64_t applied, ignored_older, rejected, refused_hellos;
    _Atomic uint64_t sync_in_items, sync_in_percent;
};

static inline uint64_t engine_now(const struct engine *engine) {
    return clock_mono_ms(engine->clock);
}

/*
 * Versions grow with the time of day. One from a hundred years ahead is none: taken over, it would
 * leave the clock no room above it. A node whose clock has started from 1970 follows its peer all
 * the same.
 */
enum { VERSION_AHEAD_YEARS_MAX = 100 };
bool engine_is_version_sane(const struct engine *engine, uint64_t version);
/* The same of the versions in a node's info; text that holds no info is for the node to judge. */
bool engine_is_info_sane(const struct engine *engine, const char *text);

/*
 * Called under the node's lock before anything is asked of the node: an overflow must not go
 * unknown.
 */
void engine_note_overflow_locked(struct engine *engine);
/* Called under the node's lock after every event: atomics that mirror the node. */
void engine_publish_locked(struct engine *engine);

/*
 * Appends to the dirty log; an overflow is noted and the replication thread woken. Any thread, any
 * lock but the log's.
 */
void engine_log(struct engine *engine, enum dirty_kind kind, uint64_t version, uint64_t hash,
                const char *key, uint32_t key_bytes);

/* The dirty log has: notes it and wakes the replication thread. Any thread, any lock but the log's. */
void engine_overflowed(struct engine *engine);

/* The peer has answered a barrier: see out_acked. True if it was open. Any thread, no lock held. */
bool engine_acked(struct engine *engine, uint64_t number, bool is_in_order);

/* ---- out.c ---- */
bool out_create(struct engine *engine);
void out_destroy(struct engine *engine);
/* A connection is there: text may go out. */
void out_open(struct engine *engine);
/* It is gone: nothing is sent any more; what was not acknowledged will be sent again. */
void out_lost(struct engine *engine);
/* The same, and what waited to be sent is dropped. */
void out_close(struct engine *engine, struct store_thread *thread);
void out_text(struct engine *engine, struct store_thread *thread, const char *text);
void out_begin(struct engine *engine, struct store_thread *thread, bool is_full,
               enum out_dialect dialect);
void out_barrier(struct engine *engine, struct store_thread *thread);
/*
 * The barrier of this number (0: the oldest) was answered, and all before it. Returns how many were
 * open until now. is_in_order: the answer has not overtaken anything that the peer had for us when it
 * gave it, so that nothing older than what it confirms is still to come.
 */
unsigned out_acked(struct engine *engine, uint64_t number, bool is_in_order);
/* Answers to the barriers that are open now will confirm nothing. Outgoing stream's lock held. */
void out_void_barriers_locked(struct engine *engine);
/* Answers a barrier of the peer's on our own stream to it, if it can. */
enum out_ack {
    OUT_ACK_SENT,
    OUT_ACK_BUSY, /* it takes no more just now */
    OUT_ACK_GONE, /* there is no stream */
};
enum out_ack out_ack(struct engine *engine, uint64_t number);
/* A worker's turn, or the replication thread's: streams what the log holds. */
void out_pump(struct engine *engine, struct store_thread *thread);
/*
 * The same, and hands over what a worker has staged; the stage is empty afterwards. By the stage's
 * thread.
 */
void out_take_stage(struct engine *engine, struct store_thread *thread, struct stage *stage);
/*
 * The replication thread's slice: log, backlog, walk. True if there is more to do at once.
 * *is_through is set
 * the first time that what had to go first is in the stream.
 */
bool out_slice(struct engine *engine, struct store_thread *thread, bool *is_through);

/* ---- in.c ---- */
/* Nothing more from this link is applied. Under the node's lock. */
void in_kill_locked(struct engine *engine, uint64_t link_id);
/*
 * Tells the node when its link was last heard of: data counts, not barriers alone. Under the node's
 * lock.
 */
void in_note_heard_locked(struct engine *engine);
/* Answers the barriers that had to wait for our own stream. By the replication thread. */
void in_answer_owed(struct engine *engine);
void in_hooks(struct engine *engine, struct serve_repl_hooks *hooks);

#endif
