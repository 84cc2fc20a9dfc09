#include "repl/core/dirty_log.h"

#include <stdatomic.h>
#include <string.h>

#include "memcached/base/bytes.h"
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
 * is written lies in the cache. The span doubles when it is full, up to the capacity, and halves
 * when the log has run empty many times without a need for half of it. A position's place is position modulo span, so of a doubled span
 * those records move up whose positions have the new bit set:
 *
 *   span M:   | c d | a b |            positions a..d, a at M + M/2
 *   span 2M:  |     |     | ... | a b |  with a and b moved, c and d (at 2M and up) in place
 */
enum {
    RECORD_HEADER_BYTES = 24,
    RECORD_BYTES_MAX = RECORD_HEADER_BYTES + 256,
    LOG_BYTES_MIN = 4096,
    SPAN_FIRST_BYTES = 256 * 1024,
    SPAN_CALM_COUNT = 32, /* so many times in a row */
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
    uint64_t peak_bytes;         /* the most that was in it since it last ran empty */
    unsigned calm_count;         /* times in a row that this was less than half of the span */
    _Atomic uint64_t head, sent; /* byte positions */
    uint64_t acked;
    uint64_t head_ops, sent_ops, acked_ops; /* the same in entries */
    uint64_t abandoned_ops;                 /* of acked_ops, those that nobody acknowledged */
    uint64_t generation;                    /* changes whenever the log is emptied */
    uint64_t overflows;
    uint64_t dropped_ops;     /* entries lost since it overflowed; 0 while it is open */
    uint64_t dropped_version; /* of the first of them */
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
static void span_set_locked(struct dirty_log *log, uint64_t span) {
    if (log->span > span)
        mem_forget(log->ring + span, log->span - span);
    log->span = span;
    log->peak_bytes = 0;
    log->calm_count = 0;
}

static void note_empty_locked(struct dirty_log *log) {
    bool is_calm = log->span > log->span_first && log->peak_bytes <= log->span / 2;
    log->calm_count = is_calm ? log->calm_count + 1 : 0;
    log->peak_bytes = 0;
    if (log->calm_count == SPAN_CALM_COUNT)
        span_set_locked(log, log->span / 2);
}

static void empty_locked(struct dirty_log *log, bool is_open) {
    latch_assert_held(&log->lock);
    /* Positions go on counting, so that one taken earlier can never be mistaken for one of now. */
    log->acked = get(&log->head);
    set(&log->sent, log->acked);
    log->abandoned_ops += log->head_ops - log->acked_ops;
    log->acked_ops = log->sent_ops = log->head_ops;
    log->generation++;
    span_set_locked(log, log->span_first);
    log->is_open = is_open;
}

void dirty_log_open(struct dirty_log *log) {
    latch_acquire(&log->lock);
    empty_locked(log, true);
    log->dropped_ops = log->dropped_version = 0;
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

/* Marks `bytes` bytes as none; returns them. */
static uint64_t skip_write(struct dirty_log *log, uint64_t position, uint64_t bytes) {
    struct record_head mark = {.kind = KIND_SKIP, .skip_bytes = (uint32_t)bytes};
    memcpy(place(log, position), &mark, offsetof(struct record_head, version));
    return bytes;
}

/* Where the next record at or after `position` begins. */
static uint64_t skip_mark(const struct dirty_log *log, uint64_t position) {
    struct record_head mark;
    memcpy(&mark, place(log, position), offsetof(struct record_head, version));
    if (mark.kind == KIND_SKIP)
        position += mark.skip_bytes;
    return position;
}

/* The version of the first entry that is not acknowledged; 0: there is none. */
static uint64_t oldest_version(const struct dirty_log *log, uint64_t head) {
    struct record_head oldest;
    if (log->acked == head)
        return 0;
    memcpy(&oldest, place(log, skip_mark(log, log->acked)), sizeof(oldest));
    return oldest.version;
}

/* `count` more found no room. */
static void overflow_locked(struct dirty_log *log, uint64_t count) {
    log->overflows++;
    log->dropped_ops = log->head_ops - log->acked_ops + count;
    log->dropped_version = oldest_version(log, get(&log->head));
    empty_locked(log, false);
}

/* Field by field in place: a copy of a head just filled in would wait for the small stores. */
static inline void record_write(char *record, enum dirty_kind kind, uint64_t version, uint64_t hash,
                                const char *key, uint32_t key_bytes) {
    struct record_head *head = (void *)record; /* records stand at multiples of 8 */
    head->kind = (uint8_t)kind;
    head->pad = 0;
    head->key_bytes = (uint16_t)key_bytes;
    head->skip_bytes = 0;
    head->version = version;
    head->hash = hash;
    if (key_bytes)
        bytes_put(record + RECORD_HEADER_BYTES, key, key_bytes);
}

static struct record_head record_read(const char *record, struct dirty_entry *entry) {
    struct record_head filled;
    memcpy(&filled, record, sizeof(filled));
    entry->version = filled.version;
    entry->hash = filled.hash;
    entry->kind = (enum dirty_kind)filled.kind;
    entry->key_bytes = filled.key_bytes;
    entry->key = record + RECORD_HEADER_BYTES;
    return filled;
}

bool dirty_log_append(struct dirty_log *log, enum dirty_kind kind, uint64_t version, uint64_t hash,
                      const char *key, uint32_t key_bytes) {
    DCHECK(key_bytes <= 255);
    bool has_room = true;
    latch_acquire(&log->lock);
    if (!log->is_open) {
        log->dropped_ops++;
        goto out;
    }
    uint64_t head = get(&log->head);
    uint64_t need = record_bytes(key_bytes);
    has_room = make_room_locked(log, head, need);
    if (UNLIKELY(!has_room)) {
        overflow_locked(log, 1);
        goto out;
    }
    uint64_t skip = skip_at_head(log, head, need);
    if (UNLIKELY(skip))
        head += skip_write(log, head, skip);
    record_write(place(log, head), kind, version, hash, key, key_bytes);
    log->head_ops++;
    set(&log->head, head + need);
out:
    latch_release(&log->lock);
    return has_room;
}

bool dirty_records_put(struct dirty_records *records, uint64_t version, uint64_t hash,
                       const char *key, uint32_t key_bytes) {
    DCHECK(key_bytes <= 255);
    uint32_t need = (uint32_t)record_bytes(key_bytes);
    if (records->bytes_max - records->bytes < need)
        return false;
    record_write(records->start + records->bytes, DIRTY_KEY, version, hash, key, key_bytes);
    records->bytes += need;
    records->count++;
    return true;
}

bool dirty_records_next(const struct dirty_records *records, uint32_t *at,
                        struct dirty_entry *entry) {
    if (*at == records->bytes)
        return false;
    struct record_head head = record_read(records->start + *at, entry);
    *at += (uint32_t)record_bytes(head.key_bytes);
    return true;
}

/* Of the records from byte `at` on, the bytes of those whole ones that fit into `room`. */
static uint32_t records_fitting(const struct dirty_records *records, uint32_t at, uint64_t room) {
    if (records->bytes - at <= room)
        return records->bytes - at;
    uint32_t end = at;
    struct dirty_entry entry;
    for (uint32_t next = at; dirty_records_next(records, &next, &entry) && next - at <= room;)
        end = next;
    return end - at;
}

/* A block of records at the head: where the ring ends, what does not fit goes on at its start. */
static void block_write_locked(struct dirty_log *log, const struct dirty_records *records) {
    uint64_t head = get(&log->head);
    uint32_t at = 0;
    while (at < records->bytes) {
        uint64_t to_end = log->span - (head & (log->span - 1));
        uint32_t part = records_fitting(records, at, to_end);
        memcpy(place(log, head), records->start + at, part);
        at += part;
        head += part;
        if (at < records->bytes && part < to_end)
            head += skip_write(log, head, to_end - part);
    }
    log->head_ops += records->count;
    set(&log->head, head);
}

enum dirty_append dirty_log_append_all(struct dirty_log *log, const struct dirty_records *records,
                                       bool are_sent) {
    enum dirty_append result = DIRTY_CLOSED;
    latch_acquire(&log->lock);
    if (!log->is_open) {
        log->dropped_ops += records->count;
        goto out;
    }
    /* it wraps once at most, and then skips less than a record */
    uint64_t bytes = get(&log->head) + records->bytes + RECORD_BYTES_MAX - log->acked;
    if (UNLIKELY(bytes > log->capacity)) {
        overflow_locked(log, records->count);
        result = DIRTY_OVERFLOWED;
        goto out;
    }
    while (bytes > log->span)
        grow_locked(log);
    are_sent = are_sent && get(&log->sent) == get(&log->head);
    block_write_locked(log, records);
    if (are_sent) {
        set(&log->sent, get(&log->head));
        log->sent_ops = log->head_ops;
    }
    result = DIRTY_APPENDED;
out:
    latch_release(&log->lock);
    return result;
}

bool dirty_log_has_unsent(const struct dirty_log *log) {
    return atomic_load_explicit(&log->head, memory_order_acquire) !=
           atomic_load_explicit(&log->sent, memory_order_acquire);
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
        struct dirty_entry *entry = &batch->entry[batch->count];
        struct record_head filled = record_read(place(log, position), entry);
        memcpy(batch->keys + used, entry->key, filled.key_bytes);
        entry->key = batch->keys + used;
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
    if (position.generation == log->generation && position.bytes >= log->acked) {
        if (log->peak_bytes < get(&log->head) - log->acked)
            log->peak_bytes = get(&log->head) - log->acked;
        log->acked = position.bytes;
        log->acked_ops = position.ops;
        if (log->acked == get(&log->head))
            note_empty_locked(log);
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
    out->acked_ops = log->acked_ops - log->abandoned_ops;
    out->overflows = log->overflows;
    out->is_open = log->is_open;
    out->dropped_ops = log->dropped_ops;
    out->oldest_version = log->is_open ? oldest_version(log, head) : log->dropped_version;
    latch_release(latch_of(log));
}
