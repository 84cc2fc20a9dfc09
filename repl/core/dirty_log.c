#include "repl/core/dirty_log.h"

#include <stdatomic.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/lock.h"
#include "memcached/base/mem.h"

/*
 * A record in the ring, padded to 8 bytes:
 *
 *    0      1     2           4            8         16     24
 *   | kind | pad | key bytes | skip bytes | version | hash | key ...
 *
 * A record never wraps: what is too short at the end of the ring is skipped, marked by a kind of
 * KIND_SKIP and by how long it is.
 *
 * Only the first `span` bytes of the ring are in use, a power of two: while the peer keeps up, what
 * is written lies in the cache. The span doubles when it is full, up to the capacity, and falls
 * back when the log runs empty. A position's place is position modulo span, so of a doubled span
 * those records move up whose positions have the new bit set:
 *
 *   span M:   | c d | a b |            positions a..d, a at M + M/2
 *   span 2M:  |     |     | ... | a b |  with a and b moved, c and d (at 2M and up) in place
 */
enum {
    RECORD_HEADER_BYTES = 24,
    LOG_BYTES_MIN = 4096,
    SPAN_FIRST_BYTES = 256 * 1024,
    KIND_SKIP = 255,
};

struct record_head {
    uint8_t kind, pad;
    uint16_t key_bytes;
    uint32_t skip_bytes;
    uint64_t version, hash;
};
_Static_assert(sizeof(struct record_head) == RECORD_HEADER_BYTES, "the record as drawn");

struct dirty_log {
    struct latch lock; /* guards all below; head and sent are also read alone */
    char *ring;        /* fixed after create, as are the next three */
    uint64_t capacity, reserved, span_first;
    uint64_t span;
    _Atomic uint64_t head, sent; /* byte positions */
    uint64_t acked;
    uint64_t head_ops, sent_ops, acked_ops; /* the same in entries */
    uint64_t generation;                    /* changes whenever the log is emptied */
    uint64_t overflows;
    bool is_open;
};

static uint64_t get(const _Atomic uint64_t *word) {
    return atomic_load_explicit(word, memory_order_relaxed);
}

static void set(_Atomic uint64_t *word, uint64_t value) {
    atomic_store_explicit(word, value, memory_order_release);
}

struct dirty_log *dirty_log_create(uint64_t capacity_bytes) {
    struct dirty_log *log = mem_zalloc(sizeof(*log));
    if (!log)
        return NULL;
    log->capacity = capacity_bytes < LOG_BYTES_MIN ? LOG_BYTES_MIN : capacity_bytes / 4096 * 4096;
    log->span_first = LOG_BYTES_MIN;
    while (log->span_first < log->capacity && log->span_first < SPAN_FIRST_BYTES)
        log->span_first *= 2;
    log->reserved = log->span = log->span_first;
    while (log->reserved < log->capacity)
        log->reserved *= 2;
    log->ring = mem_reserve(log->reserved, false);
    if (!log->ring) {
        mem_free(log);
        return NULL;
    }
    latch_init(&log->lock, RANK_REPL_LOG);
    log->is_open = true;
    return log;
}

void dirty_log_destroy(struct dirty_log *log) {
    if (!log)
        return;
    latch_destroy(&log->lock);
    mem_unreserve(log->ring, log->reserved);
    mem_free(log);
}

static char *place(const struct dirty_log *log, uint64_t position) {
    return log->ring + (position & (log->span - 1));
}

/* Nothing is in it. */
static void shrink_locked(struct dirty_log *log) {
    if (log->span > log->span_first)
        mem_forget(log->ring + log->span_first, log->span - log->span_first);
    log->span = log->span_first;
}

static void empty_locked(struct dirty_log *log, bool is_open) {
    latch_assert_held(&log->lock);
    /* Positions go on counting, so that one taken earlier can never be mistaken for one of now. */
    log->acked = get(&log->head);
    set(&log->sent, log->acked);
    log->acked_ops = log->sent_ops = log->head_ops;
    log->generation++;
    shrink_locked(log);
    log->is_open = is_open;
}

void dirty_log_open(struct dirty_log *log) {
    latch_acquire(&log->lock);
    empty_locked(log, true);
    latch_release(&log->lock);
}

bool dirty_log_is_open(const struct dirty_log *log) {
    struct dirty_log_stats stats;
    dirty_log_stats(log, &stats);
    return stats.is_open;
}

static uint64_t record_bytes(uint32_t key_bytes) {
    return (RECORD_HEADER_BYTES + key_bytes + 7u) & ~7u;
}

static uint64_t lower(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* What is in the log is no longer than the span: it lies in two blocks of that size at most. */
static void grow_locked(struct dirty_log *log) {
    uint64_t span = log->span;
    uint64_t head = get(&log->head);
    for (uint64_t block = log->acked & ~(span - 1); block < head; block += span) {
        uint64_t from = block > log->acked ? block : log->acked;
        uint64_t to = lower(block + span, head);
        if (block & span)
            memcpy(place(log, from) + span, place(log, from), to - from);
    }
    log->span = span * 2;
}

/* Bytes at the head that are too few for a record before the ring begins anew. */
static uint64_t skip_at_head(const struct dirty_log *log, uint64_t head, uint64_t need) {
    uint64_t to_end = log->span - (head & (log->span - 1));
    return need > to_end ? to_end : 0;
}

/* Makes the span large enough for `need` bytes more. False: that is beyond the capacity. */
static bool make_room_locked(struct dirty_log *log, uint64_t head, uint64_t need) {
    for (;;) {
        uint64_t bytes = head + skip_at_head(log, head, need) + need - log->acked;
        if (bytes > log->capacity)
            return false;
        if (bytes <= log->span)
            return true;
        grow_locked(log);
    }
}

bool dirty_log_append(struct dirty_log *log, enum dirty_kind kind, uint64_t version, uint64_t hash,
                      const char *key, uint32_t key_bytes) {
    DCHECK(key_bytes <= 255);
    bool has_room = true;
    latch_acquire(&log->lock);
    if (!log->is_open)
        goto out;
    uint64_t head = get(&log->head);
    uint64_t need = record_bytes(key_bytes);
    if (UNLIKELY(!make_room_locked(log, head, need))) {
        log->overflows++;
        empty_locked(log, false);
        has_room = false;
        goto out;
    }
    uint64_t skip = skip_at_head(log, head, need);
    if (UNLIKELY(skip)) {
        struct record_head mark = {.kind = KIND_SKIP, .skip_bytes = (uint32_t)skip};
        memcpy(place(log, head), &mark, offsetof(struct record_head, version));
        head += skip;
    }
    char *record = place(log, head);
    struct record_head filled = {(uint8_t)kind, 0, (uint16_t)key_bytes, 0, version, hash};
    memcpy(record, &filled, sizeof(filled));
    if (key_bytes)
        memcpy(record + RECORD_HEADER_BYTES, key, key_bytes);
    log->head_ops++;
    set(&log->head, head + need);
out:
    latch_release(&log->lock);
    return has_room;
}

bool dirty_log_has_unsent(const struct dirty_log *log) {
    return atomic_load_explicit(&log->head, memory_order_acquire) !=
           atomic_load_explicit(&log->sent, memory_order_acquire);
}

/* Where the next record at or after `position` begins. */
static uint64_t skip_mark(const struct dirty_log *log, uint64_t position) {
    struct record_head mark;
    memcpy(&mark, place(log, position), offsetof(struct record_head, version));
    if (mark.kind == KIND_SKIP)
        position += mark.skip_bytes;
    return position;
}

void dirty_log_peek(struct dirty_log *log, struct dirty_batch *batch) {
    size_t used = 0;
    batch->count = 0;
    latch_acquire(&log->lock);
    batch->generation = log->generation;
    uint64_t head = get(&log->head);
    uint64_t position = get(&log->sent);
    while (position < head && batch->count < DIRTY_BATCH_ENTRIES) {
        position = skip_mark(log, position);
        const char *record = place(log, position);
        struct dirty_entry *entry = &batch->entry[batch->count];
        struct record_head filled;
        memcpy(&filled, record, sizeof(filled));
        entry->version = filled.version;
        entry->hash = filled.hash;
        entry->kind = (enum dirty_kind)filled.kind;
        entry->key_bytes = filled.key_bytes;
        entry->key = batch->keys + used;
        memcpy(batch->keys + used, record + RECORD_HEADER_BYTES, filled.key_bytes);
        used += filled.key_bytes;
        position += record_bytes(filled.key_bytes);
        batch->end_position[batch->count++] = position;
    }
    latch_release(&log->lock);
}

void dirty_log_sent(struct dirty_log *log, const struct dirty_batch *batch, unsigned count) {
    CHECK(count <= batch->count);
    if (count == 0)
        return;
    latch_acquire(&log->lock);
    if (batch->generation == log->generation) {
        set(&log->sent, batch->end_position[count - 1]);
        log->sent_ops += count;
    }
    latch_release(&log->lock);
}

static struct latch *latch_of(const struct dirty_log *log) {
    return (struct latch *)&((struct dirty_log *)(uintptr_t)log)->lock;
}

struct dirty_position dirty_log_sent_position(const struct dirty_log *log) {
    latch_acquire(latch_of(log));
    struct dirty_position at = {get(&log->sent), log->sent_ops, log->generation};
    latch_release(latch_of(log));
    return at;
}

struct dirty_position dirty_log_head_position(const struct dirty_log *log) {
    latch_acquire(latch_of(log));
    struct dirty_position at = {get(&log->head), log->head_ops, log->generation};
    latch_release(latch_of(log));
    return at;
}

bool dirty_log_sent_reached(const struct dirty_log *log, struct dirty_position position) {
    latch_acquire(latch_of(log));
    bool is_reached = log->generation != position.generation || get(&log->sent) >= position.bytes;
    latch_release(latch_of(log));
    return is_reached;
}

void dirty_log_acked(struct dirty_log *log, struct dirty_position position) {
    latch_acquire(&log->lock);
    if (position.generation == log->generation && position.bytes > log->acked) {
        log->acked = position.bytes;
        log->acked_ops = position.ops;
        if (log->acked == get(&log->head))
            shrink_locked(log);
        /* Rewound while the answer was on its way: what is acknowledged need not go again. */
        if (get(&log->sent) < log->acked) {
            set(&log->sent, log->acked);
            log->sent_ops = log->acked_ops;
        }
    }
    latch_release(&log->lock);
}

void dirty_log_rewind(struct dirty_log *log) {
    latch_acquire(&log->lock);
    set(&log->sent, log->acked);
    log->sent_ops = log->acked_ops;
    latch_release(&log->lock);
}

void dirty_log_stats(const struct dirty_log *log, struct dirty_log_stats *out) {
    memset(out, 0, sizeof(*out));
    latch_acquire(latch_of(log));
    uint64_t head = get(&log->head);
    out->capacity_bytes = log->capacity;
    out->bytes = head - log->acked;
    out->entries = log->head_ops - log->acked_ops;
    out->unsent_bytes = head - get(&log->sent);
    out->unsent_entries = log->head_ops - log->sent_ops;
    out->appended_ops = log->head_ops;
    out->sent_ops = log->sent_ops;
    out->acked_ops = log->acked_ops;
    out->overflows = log->overflows;
    out->is_open = log->is_open;
    if (log->acked < head) {
        struct record_head oldest;
        memcpy(&oldest, place(log, skip_mark(log, log->acked)), sizeof(oldest));
        out->oldest_version = oldest.version;
    }
    latch_release(latch_of(log));
}
