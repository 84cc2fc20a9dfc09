/*
 * The dirty log: a bounded ring of which keys changed, not what they became.
 *
 *      acked            sent              head        positions are byte counts that only grow;
 *   ----|----------------|-----------------|----      head - acked <= capacity
 *       kept for resuming   waiting
 *
 * Appended to by any thread; read by whoever pumps the outgoing stream. Its own lock
 * (RANK_REPL_LOG) guards everything; dirty_log_has_unsent reads one atomic.
 */
#ifndef REPL_CORE_DIRTY_LOG_H
#define REPL_CORE_DIRTY_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dirty_kind {
    DIRTY_KEY,         /* this key changed: look it up and send it as it is */
    DIRTY_FLUSH,       /* everything up to `version` is dead */
    DIRTY_FLUSH_LATER, /* a flush becomes effective at UNIX second `hash` (0: none pending) */
};

struct dirty_entry {
    uint64_t version;
    uint64_t hash;
    enum dirty_kind kind;
    uint32_t key_bytes;
    const char *key; /* into the batch's own memory */
};

struct dirty_log;

/* NULL when there is no memory. capacity_bytes is taken lazily. */
struct dirty_log *dirty_log_create(uint64_t capacity_bytes);
void dirty_log_destroy(struct dirty_log *log);

/*
 * Appends. False when this very append found the log full: then it has overflowed, is empty, and
 * stays closed until dirty_log_open. What is appended to a closed log is dropped and answers true.
 */
bool dirty_log_append(struct dirty_log *log, enum dirty_kind kind, uint64_t version, uint64_t hash,
                      const char *key, uint32_t key_bytes);

/*
 * Entries on their way to the log, as they will stand there: one thread gathers them without a lock
 * and appends them all at once. `start` has room for `bytes_max` bytes, the owner's.
 */
struct dirty_records {
    char *start;
    uint32_t bytes, bytes_max;
    uint32_t count;
};
/* Adds a DIRTY_KEY. False, and nothing done, if there is no room. */
bool dirty_records_put(struct dirty_records *records, uint64_t version, uint64_t hash,
                       const char *key, uint32_t key_bytes);
/* Copies the entry at byte *at into *entry (its key points into the records) and moves *at on;
 * false at the end. */
bool dirty_records_next(const struct dirty_records *records, uint32_t *at,
                        struct dirty_entry *entry);
/*
 * Appends all of them; `are_sent`: they have been handed to the stream. (Should something unsent
 * stand before them, they count as unsent too, and go twice.)
 */
enum dirty_append {
    DIRTY_APPENDED,
    DIRTY_OVERFLOWED, /* there was no room for these: as with dirty_log_append, told once */
    DIRTY_CLOSED,     /* dropped */
};
enum dirty_append dirty_log_append_all(struct dirty_log *log, const struct dirty_records *records,
                                       bool are_sent);

/* Empties the log and (re)opens it. */
void dirty_log_open(struct dirty_log *log);
bool dirty_log_is_open(const struct dirty_log *log);

/* One atomic load: is there anything after `sent`? */
bool dirty_log_has_unsent(const struct dirty_log *log);

enum { DIRTY_BATCH_ENTRIES = 64, DIRTY_BATCH_BYTES = DIRTY_BATCH_ENTRIES * 256 };
struct dirty_batch {
    unsigned count;
    struct dirty_entry entry[DIRTY_BATCH_ENTRIES];
    uint64_t end_position[DIRTY_BATCH_ENTRIES]; /* the position behind each entry */
    uint64_t generation;                        /* of the log when it was read */
    char keys[DIRTY_BATCH_BYTES];
};

/* Copies entries after `sent` without moving it. */
void dirty_log_peek(struct dirty_log *log, struct dirty_batch *batch);
/*
 * The first `count` entries of the batch have been handed to the stream. No effect if the log was
 * reopened since.
 */
void dirty_log_sent(struct dirty_log *log, const struct dirty_batch *batch, unsigned count);

struct dirty_position {
    uint64_t bytes, ops, generation;
};
/* Where `sent` stands; taken when a barrier is sent. */
struct dirty_position dirty_log_sent_position(const struct dirty_log *log);
/* Where the head stands; taken when a stream starts, to know when its backlog is through. */
struct dirty_position dirty_log_head_position(const struct dirty_log *log);
/* Has `sent` reached this position (or was the log reopened since)? */
bool dirty_log_sent_reached(const struct dirty_log *log, struct dirty_position position);
/* Everything before the position has been acknowledged: forgotten. */
void dirty_log_acked(struct dirty_log *log, struct dirty_position position);
/* The link broke: everything not acknowledged is to be sent again. */
void dirty_log_rewind(struct dirty_log *log);

struct dirty_log_stats {
    uint64_t capacity_bytes, bytes, entries, unsent_bytes, unsent_entries;
    uint64_t appended_ops, sent_ops, acked_ops, overflows;
    uint64_t dropped_ops;    /* since an overflow, what it held then included; 0 when open */
    uint64_t oldest_version; /* of the first entry not acknowledged, or dropped; 0: none */
    bool is_open;
};
void dirty_log_stats(const struct dirty_log *log, struct dirty_log_stats *out);

#endif
