/*
 * What must be true. The model knows every state that a key has ever been put into by a client, and
 * for each process what that process has been told: it may never again show anything older
 * ("floor").
 */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include "t/sim/world.h"

enum { MODEL_KEYS_MAX = 400, MODEL_KEY_BYTES_MAX = 32 };

struct op;
struct net_conn;

enum model_told { TOLD_SET, TOLD_DELETE, TOLD_REFUSED };

/* What one process has been told, key by key. */
struct shadow {
    uint64_t floor[MODEL_KEYS_MAX];    /* newest version executed or applied here */
    uint64_t acked[MODEL_KEYS_MAX];    /* newest version that a client was answered for here */
    uint64_t executed[MODEL_KEYS_MAX]; /* newest version that a client's change got here */
    bool is_vague[MODEL_KEYS_MAX];     /* the floor was told, yet refused: the key may be absent */
    uint64_t epoch;                    /* starts over */
    uint64_t flush_due_ms;             /* a delayed flush that a client asked for here; 0: none */
    uint64_t flush_version;            /* what it has to kill at the least */
};

struct model_counts {
    uint64_t reads, hits, writes, states, sweeps, drained_checks, kill_checks, sync_checks;
    uint64_t start_overs, excused_start_overs, lost_writes;
    uint64_t pages_moved, rescues, evictions; /* in the lives that lasted to the end */
};

struct model *model_create(struct world *world, unsigned key_count);
void model_destroy(struct model *model);
const struct model_counts *model_counts(const struct model *model);
unsigned model_key_count(const struct model *model);
/* Its name; *bytes may be NULL. */
const char *model_key(const struct model *model, unsigned key, uint32_t *bytes);

/* A process begins with nothing. */
void model_started(struct model *model, struct host *host);
/* A client's command has been executed, its answer is text[0..bytes) and waits to be sent. */
void model_executed(struct model *model, struct host *host, const struct op *op, const char *answer,
                    size_t bytes);
/* The answers of this worker's turn are on their way. */
void model_answered(struct model *model, struct host *host, const struct op *op);
/* A client has read this. `floor` and `epoch` are what model_floor gave when it asked. */
void model_read(struct model *model, struct host *host, const struct op *op, const char *value,
                size_t bytes, uint64_t version);
uint64_t model_floor(const struct host *host, unsigned key);

/*
 * A client's change, not answered yet, is being dropped: its host has started over since it was
 * made, and the key may be absent now.
 */
void model_dropped(struct model *model, struct host *host, const char *key, uint32_t key_bytes);
/* A change came in on a link and the engine has dealt with it. */
void model_applied(struct model *model, struct host *host, const char *key, uint32_t key_bytes,
                   uint64_t version, enum model_told told);
void model_flushed(struct model *model, struct host *host, uint64_t version);

/* The stream of `source` begins on this connection. */
void model_stream_begins(struct model *model, struct host *source, struct net_conn *conn);
/* `repl begin` is about to be, or was, dealt with; the same for `repl synced`. */
void model_before_start_over(struct model *model, struct host *host, struct net_conn *conn);
void model_started_over(struct model *model, struct host *host, struct net_conn *conn);
void model_synced(struct model *model, struct host *host, struct net_conn *conn);

/* A process is about to be killed, while this is the connection of its stream (or NULL). */
void model_killed(struct model *model, struct host *host, struct net_conn *conn);
/* The last byte of this incoming link has been dealt with. */
void model_link_ended(struct model *model, struct host *host, struct net_conn *conn, bool is_dead);

/* Nothing older than the floors, nothing nobody stored, nothing missing. */
void model_sweep(struct model *model, struct host *host);
/* Where a stream is drained, the peer knows it all. */
void model_drained(struct model *model, struct host *host);
/* Both sides are alike, once nothing happens any more. */
void model_compare(struct model *model);

#endif
