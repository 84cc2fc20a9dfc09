/*
 * The outgoing stream: what the dirty log names is looked up, encoded, and handed to the peer's
 * connection.
 */
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "repl/encode.h"
#include "repl/engine_private.h"

/*
 * An item younger than this when its version was drawn may not be in the log yet: see out_barrier.
 */
enum { VERSION_SLACK_MS = 1000 };

/* A node sends no more than so many barriers a millisecond, by far. */
enum { BARRIER_NUMBER_BITS = 20 };

bool out_create(struct engine *engine) {
    lock_init(&engine->out.lock, RANK_REPL_LINK);
    outbuf_init(&engine->out.buffer);
    engine->out.barrier_number = clock_wall_ms(engine->clock) << BARRIER_NUMBER_BITS;
    return true;
}

void out_destroy(struct engine *engine) {
    outbuf_free(&engine->out.buffer);
    lock_destroy(&engine->out.lock);
}

static struct out *out_enter(struct engine *engine, struct store_thread *thread) {
    lock_acquire(&engine->out.lock);
    engine->out.thread = thread;
    return &engine->out;
}

static void out_leave(struct out *out) {
    out->thread = NULL;
    lock_release(&out->lock);
}

/* ---- handing bytes to the connection ---- */

enum { SEND_VECTORS = 16 };

/* Sends until the connection takes no more. */
static void hand_over_locked(struct engine *engine) {
    struct out *out = &engine->out;
    lock_assert_held(&out->lock);
    while (!out->is_broken && outbuf_pending(&out->buffer) > 0) {
        struct iovec vec[SEND_VECTORS];
        int count = outbuf_iov(&out->buffer, vec, SEND_VECTORS);
        ssize_t taken = engine->transport.send(engine->transport.context, vec, count);
        if (taken < 0) {
            out->is_broken = true;
            engine->transport.wake(engine->transport.context);
            return;
        }
        if (taken == 0) {
            atomic_store(&out->is_blocked, true);
            return;
        }
        out->sent_bytes += (uint64_t)taken;
        outbuf_consume(&out->buffer, (size_t)taken);
    }
}

static bool can_encode_locked(const struct out *out) {
    return !out->is_broken && !atomic_load_explicit(&out->is_blocked, memory_order_relaxed) &&
           outbuf_pending(&out->buffer) < OUT_BUFFER_HIGH_BYTES;
}

/* No memory for the stream: the link starts anew and resumes from what was acknowledged. */
static void give_up_locked(struct engine *engine) {
    engine->out.is_broken = true;
    engine->transport.wake(engine->transport.context);
}

/* ---- encoding ---- */

static void release_item(void *context, void *item) {
    struct engine *engine = context;
    store_item_release(engine->out.thread, item);
}

/* The value by reference, chunk by chunk; the last reference gives the item back. */
static bool put_value_by_reference(struct engine *engine, const struct store_view *view) {
    struct outbuf *buffer = &engine->out.buffer;
    uint64_t offset = 0;
    store_item_hold(view->item);
    while (offset < view->value_bytes) {
        char *start;
        size_t bytes = store_item_segment(engine->store, view->item, offset, &start);
        CHECK(bytes > 0);
        offset += bytes;
        bool is_last = offset >= view->value_bytes;
        if (!outbuf_put_ref(buffer, start, bytes, is_last ? release_item : NULL, engine,
                            view->item)) {
            if (!is_last)
                store_item_release(engine->out.thread, view->item);
            return false;
        }
    }
    return true;
}

/* A small value into the room that put_item has reserved behind the line: with its CR LF. */
static void put_value_by_copy(struct outbuf *buffer, const struct store_view *view) {
    char *to = buffer->data + buffer->bytes;
    memcpy(to, view->value, (size_t)view->value_bytes);
    memcpy(to + view->value_bytes, "\r\n", 2);
    outbuf_commit(buffer, (size_t)view->value_bytes + 2);
}

static bool put_absent(struct out *out, const struct store_key *key, uint64_t version) {
    char *head = outbuf_reserve(&out->buffer, ENCODE_HEAD_BYTES_MAX);
    if (!head)
        return false;
    outbuf_commit(&out->buffer, encode_delete(head, out->dialect, key, version));
    return true;
}

/* What is to be said of an item behind its value. */
static bool put_state(struct out *out, const struct store_key *key, const struct store_view *view) {
    char *line = outbuf_reserve(&out->buffer, ENCODE_HEAD_BYTES_MAX);
    if (!line)
        return false;
    outbuf_commit(&out->buffer, encode_stale(line, out->dialect, key, view));
    return true;
}

/* store_visitor: the item as it is now. Under its stripe's lock. */
static bool put_item(void *context, const struct store_key *key, const struct store_view *view) {
    struct engine *engine = context;
    struct out *out = &engine->out;
    if (UNLIKELY(view->state) && encode_is_absent(out->dialect, view))
        return put_absent(out, key, view->version);
    struct outbuf_mark mark = outbuf_mark(&out->buffer);
    bool is_copied = view->value && view->value_bytes <= OUT_COPY_BYTES_MAX;
    char *head = outbuf_reserve(&out->buffer, ENCODE_HEAD_BYTES_MAX + 2 +
                                                  (is_copied ? (size_t)view->value_bytes : 0));
    if (!head)
        return false;
    size_t head_bytes = encode_set(head, out->dialect, engine->clock, key, view);
    if (head_bytes == 0)
        return true; /* this peer's dialect cannot name the key */
    outbuf_commit(&out->buffer, head_bytes);
    bool is_put = is_copied;
    if (is_copied)
        put_value_by_copy(&out->buffer, view);
    else
        is_put = put_value_by_reference(engine, view) && outbuf_puts(&out->buffer, "\r\n");
    if (UNLIKELY(view->state) && is_put)
        is_put = put_state(out, key, view);
    if (!is_put)
        outbuf_cut(&out->buffer, mark);
    return is_put;
}

static bool put_flush(struct engine *engine, uint64_t version, bool is_later, uint64_t wall_s) {
    struct out *out = &engine->out;
    char *head = outbuf_reserve(&out->buffer, ENCODE_HEAD_BYTES_MAX);
    if (!head)
        return false;
    outbuf_commit(&out->buffer,
                  is_later ? encode_flush_later(head, out->dialect, engine->clock, version, wall_s)
                           : encode_flush(head, out->dialect, version));
    return true;
}

static bool put_entry(struct engine *engine, const struct dirty_entry *entry) {
    struct out *out = &engine->out;
    if (entry->kind != DIRTY_KEY)
        return put_flush(engine, entry->version, entry->kind == DIRTY_FLUSH_LATER, entry->hash);
    struct store_key key = {entry->key, entry->key_bytes, entry->hash};
    uint64_t absent_version = 0;
    if (store_visit(out->thread, &key, put_item, engine, &absent_version) == STORE_VISITED)
        return !out->buffer.is_failed;
    /* It may have been written again and evicted since, and the eviction's tombstone forgotten. */
    uint64_t version = store_forgotten(engine->store);
    version = version > absent_version ? version : absent_version;
    return put_absent(out, &key, version > entry->version ? version : entry->version);
}

/* Encodes what the log holds, up to the high mark. True if something is left and room is there. */
static bool encode_log_locked(struct engine *engine) {
    struct out *out = &engine->out;
    dirty_log_peek(engine->log, &out->batch);
    for (unsigned i = 0; i < out->batch.count; i++)
        store_prefetch_index(engine->store, out->batch.entry[i].hash);
    unsigned done = 0;
    while (done < out->batch.count && outbuf_pending(&out->buffer) < OUT_BUFFER_HIGH_BYTES) {
        if (!put_entry(engine, &out->batch.entry[done])) {
            give_up_locked(engine);
            break;
        }
        done++;
    }
    out->sent_ops += done;
    dirty_log_sent(engine->log, &out->batch, done);
    return done > 0 && dirty_log_has_unsent(engine->log);
}

/* Up to where the log ends now: what others add meanwhile is theirs to pump. */
static void pump_locked(struct engine *engine) {
    struct out *out = &engine->out;
    struct dirty_position end = dirty_log_head_position(engine->log);
    /*
     * Seen by a worker that finds nothing unsent: its changes may be encoded but not handed over
     * yet.
     */
    atomic_store_explicit(&out->is_handing, true, memory_order_release);
    hand_over_locked(engine);
    while (can_encode_locked(out) && !dirty_log_sent_reached(engine->log, end)) {
        bool has_more = encode_log_locked(engine);
        hand_over_locked(engine);
        if (!has_more)
            break;
    }
    atomic_store_explicit(&out->is_handing, false, memory_order_release);
}

void out_pump(struct engine *engine, struct store_thread *thread) {
    struct out *out = out_enter(engine, thread);
    if (out->phase >= OUT_PHASE_LIVE)
        pump_locked(engine);
    out_leave(out);
}

/* Into the connection as far as it takes it, the rest into the buffer. */
static void put_stream_locked(struct engine *engine, const char *bytes, size_t count) {
    struct out *out = &engine->out;
    size_t taken_bytes = 0;
    if (outbuf_pending(&out->buffer) == 0) {
        struct iovec vec = {(void *)(uintptr_t)bytes, count};
        ssize_t taken = engine->transport.send(engine->transport.context, &vec, 1);
        if (taken < 0) {
            give_up_locked(engine);
            return;
        }
        taken_bytes = (size_t)taken;
        out->sent_bytes += taken_bytes;
    }
    if (taken_bytes == count)
        return;
    if (!outbuf_put(&out->buffer, bytes + taken_bytes, count - taken_bytes))
        give_up_locked(engine);
    hand_over_locked(engine);
}

/* Nothing goes out that the log does not know of: a node that starts over goes by it. */
static void take_stage_locked(struct engine *engine, const struct stage *stage) {
    struct out *out = &engine->out;
    if (out->phase >= OUT_PHASE_LIVE)
        pump_locked(engine);
    bool is_sent =
        out->phase >= OUT_PHASE_LIVE && out->dialect == DIALECT_PAIR && can_encode_locked(out);
    switch (dirty_log_append_all(engine->log, &stage->records, is_sent)) {
    case DIRTY_APPENDED:
        if (!is_sent)
            break;
        out->sent_ops += stage->records.count;
        put_stream_locked(engine, stage->stream, stage->stream_bytes);
        break;
    case DIRTY_OVERFLOWED:
        engine_overflowed(engine);
        break;
    case DIRTY_CLOSED:
        break;
    }
}

/*
 * The node has started over since these changes were made, and has not kept them: what the peer has
 * of these keys may be older. Absent on both nodes is never wrong.
 */
static void drop_staged(struct store_thread *thread, struct stage *stage) {
    struct dirty_entry entry;
    stage->is_open = false; /* what this changes takes the way through the log */
    for (uint32_t at = 0; dirty_records_next(&stage->records, &at, &entry);) {
        struct store_key key = {entry.key, entry.key_bytes, entry.hash};
        store_drop_stale(thread, &key);
    }
    stage->is_open = true;
    stage_clear(stage);
}

void out_take_stage(struct engine *engine, struct store_thread *thread, struct stage *stage) {
    struct out *out = out_enter(engine, thread);
    bool is_kept = stage->start_overs == atomic_load(&engine->start_overs);
    if (LIKELY(is_kept)) {
        take_stage_locked(engine, stage);
        stage_clear(stage);
    }
    out_leave(out);
    if (UNLIKELY(!is_kept))
        drop_staged(thread, stage);
}

/* ---- what the node says ---- */

void out_open(struct engine *engine) {
    struct out *out = out_enter(engine, NULL);
    out->phase = OUT_PHASE_TALK;
    out->dialect = DIALECT_PAIR;
    out->is_broken = false;
    atomic_store(&out->is_blocked, false);
    out_leave(out);
}

void out_lost(struct engine *engine) {
    struct out *out = out_enter(engine, NULL);
    out->phase = OUT_PHASE_NONE;
    out->is_broken = false;
    out->barrier_count = 0;
    atomic_store(&out->is_worker_fed, false);
    dirty_log_rewind(engine->log);
    out_leave(out);
}

void out_close(struct engine *engine, struct store_thread *thread) {
    out_lost(engine);
    struct out *out = out_enter(engine, thread);
    if (outbuf_pending(&out->buffer) > 0 || out->buffer.is_failed) {
        outbuf_free(&out->buffer);
        outbuf_init(&out->buffer);
    }
    out_leave(out);
}

void out_text(struct engine *engine, struct store_thread *thread, const char *text) {
    struct out *out = out_enter(engine, thread);
    if (out->phase != OUT_PHASE_NONE) {
        if (!outbuf_put(&out->buffer, text, strlen(text)))
            give_up_locked(engine);
        hand_over_locked(engine);
    }
    out_leave(out);
}

/* A peer that starts with nothing has to know the floors too. */
static bool put_floors_locked(struct engine *engine) {
    struct out *out = &engine->out;
    if (out->dialect != DIALECT_PAIR)
        return put_flush(engine, 0, false, 0);
    uint64_t floor = store_flush_floor(engine->store);
    uint64_t pending = store_flush_pending(engine->store);
    return (floor == 0 || put_flush(engine, floor, false, 0)) &&
           (pending == 0 ||
            put_flush(engine, store_flush_pending_version(engine->store), true, pending));
}

void out_begin(struct engine *engine, struct store_thread *thread, bool is_full,
               enum out_dialect dialect) {
    struct out *out = out_enter(engine, thread);
    if (out->phase != OUT_PHASE_TALK)
        goto out;
    out->dialect = dialect;
    out->is_through_told = false;
    out->is_walk_done = !is_full;
    out->barrier_count = 0;
    if (is_full) {
        out->walk_cursor = 0;
        out->walk_percent = 0;
        out->walk_items = 0;
        dirty_log_open(engine->log);
        if (!put_floors_locked(engine))
            give_up_locked(engine);
    } else {
        dirty_log_rewind(engine->log);
        out->backlog_end = dirty_log_head_position(engine->log);
    }
    out->phase = is_full ? OUT_PHASE_FULL : OUT_PHASE_LIVE;
    /*
     * After a break the replication thread streams the backlog; workers join in when it is through.
     */
    atomic_store(&out->is_pair, dialect == DIALECT_PAIR);
    atomic_store(&out->is_worker_fed, is_full);
out:
    out_leave(out);
}

/*
 * Up to this version everything is in the stream; 0: unknown. With nothing unsent in the log and
 * nothing older on a stage, that is all that was given a version a while ago. "A while": a worker
 * draws a version and puts the change on its stage or into the log under one stripe lock.
 */
static uint64_t version_streamed_locked(const struct engine *engine) {
    uint64_t version = store_version_now(engine->store);
    uint64_t slack = (uint64_t)VERSION_SLACK_MS << STORE_VERSION_SEQUENCE_BITS;
    if (version < slack || dirty_log_has_unsent(engine->log))
        return 0;
    version -= slack;
    for (uint32_t i = 0; i < engine->stage_count; i++) {
        uint64_t oldest = atomic_load_explicit(&engine->stages[i].oldest, memory_order_acquire);
        if (oldest && oldest <= version)
            version = oldest - 1;
    }
    return version;
}

void out_barrier(struct engine *engine, struct store_thread *thread) {
    struct out *out = out_enter(engine, thread);
    if (out->phase < OUT_PHASE_LIVE)
        goto out;
    CHECK(out->barrier_count < OUT_BARRIERS_MAX);
    struct out_barrier *barrier =
        &out->barriers[(out->barrier_first + out->barrier_count++) % OUT_BARRIERS_MAX];
    barrier->at = dirty_log_sent_position(engine->log);
    barrier->version = version_streamed_locked(engine);
    barrier->number = ++out->barrier_number;
    char text[ENCODE_HEAD_BYTES_MAX];
    if (!outbuf_put(&out->buffer, text, encode_barrier(text, out->dialect, barrier->number)))
        give_up_locked(engine);
    hand_over_locked(engine);
out:
    out_leave(out);
}

static void acked_locked(struct engine *engine, const struct out_barrier *barrier,
                         bool is_in_order) {
    /*
     * Before it starts over, a node keeps in its log even what is acknowledged: the source may have
     * had it too late for the full sync, and an older value would show until it is told back.
     */
    if (atomic_load(&engine->full_in_link) == 0)
        dirty_log_acked(engine->log, barrier->at);
    /* Until then an older value may be on its way here, and a tombstone is all that knows better. */
    if (barrier->version && is_in_order)
        store_acknowledged(engine->store, barrier->version);
}

/* How many barriers are open up to the one of this number. */
static unsigned open_up_to_locked(const struct out *out, uint64_t number) {
    if (number == 0)
        return out->barrier_count > 0;
    for (unsigned i = 0; i < out->barrier_count; i++)
        if (out->barriers[(out->barrier_first + i) % OUT_BARRIERS_MAX].number == number)
            return i + 1;
    return 0;
}

unsigned out_acked(struct engine *engine, uint64_t number, bool is_in_order) {
    struct out *out = out_enter(engine, NULL);
    unsigned count = open_up_to_locked(out, number);
    for (unsigned i = 0; i < count; i++) {
        acked_locked(engine, &out->barriers[out->barrier_first], is_in_order);
        out->barrier_first = (out->barrier_first + 1) % OUT_BARRIERS_MAX;
        out->barrier_count--;
    }
    out_leave(out);
    return count;
}

void out_void_barriers_locked(struct engine *engine) {
    struct out *out = &engine->out;
    lock_assert_held(&out->lock);
    for (unsigned i = 0; i < out->barrier_count; i++) {
        struct out_barrier *barrier = &out->barriers[(out->barrier_first + i) % OUT_BARRIERS_MAX];
        barrier->at.generation = UINT64_MAX; /* of no log */
        barrier->version = 0;
    }
}

enum out_ack out_ack(struct engine *engine, uint64_t number) {
    struct out *out = out_enter(engine, NULL);
    char line[ENCODE_HEAD_BYTES_MAX];
    enum out_ack result = OUT_ACK_BUSY;
    if (out->phase < OUT_PHASE_LIVE || out->dialect != DIALECT_PAIR || out->is_broken) {
        result = OUT_ACK_GONE;
    } else if (can_encode_locked(out) && outbuf_pending(&out->buffer) == 0 &&
               outbuf_put(&out->buffer, line, encode_ack(line, number))) {
        /* only if it can go at once: behind a backlog it might come too late */
        hand_over_locked(engine);
        result = out->is_broken ? OUT_ACK_GONE : OUT_ACK_SENT;
    }
    out_leave(out);
    return result;
}

/* ---- full sync ---- */

static bool walk_item(void *context, const struct store_key *key, const struct store_view *view) {
    struct engine *engine = context;
    struct out *out = &engine->out;
    /* However full the buffer: a bucket that is broken off starts anew, and might for ever. */
    if (!put_item(context, key, view))
        return false;
    out->walk_items++;
    return true;
}

static void walk_locked(struct engine *engine) {
    struct out *out = &engine->out;
    unsigned percent = out->walk_percent;
    for (int i = 0; i < OUT_WALK_BUCKETS && !out->is_walk_done && can_encode_locked(out); i++)
        out->is_walk_done =
            store_walk(out->thread, &out->walk_cursor, 1, walk_item, engine, &percent);
    if (out->buffer.is_failed)
        give_up_locked(engine);
    if (out->dialect == DIALECT_PAIR && percent != out->walk_percent) {
        char *line = outbuf_reserve(&out->buffer, ENCODE_HEAD_BYTES_MAX);
        if (line)
            outbuf_commit(&out->buffer, encode_progress(line, percent));
    }
    out->walk_percent = percent;
    if (out->is_walk_done)
        out->backlog_end = dirty_log_head_position(engine->log);
}

bool out_slice(struct engine *engine, struct store_thread *thread, bool *is_through) {
    struct out *out = out_enter(engine, thread);
    bool has_more = false;
    if (out->phase == OUT_PHASE_NONE) {
        *is_through = false;
        goto out;
    }
    hand_over_locked(engine);
    if (out->phase < OUT_PHASE_LIVE)
        goto out;
    pump_locked(engine);
    uint64_t start = out->sent_bytes;
    while (!out->is_walk_done && can_encode_locked(out) &&
           out->sent_bytes - start < TICK_BYTES_MAX) {
        walk_locked(engine);
        pump_locked(engine);
    }
    if (out->is_walk_done && !out->is_through_told &&
        dirty_log_sent_reached(engine->log, out->backlog_end)) {
        *is_through = true;
        out->is_through_told = true;
        atomic_store(&out->is_worker_fed, true);
    }
    has_more = can_encode_locked(out) && (!out->is_walk_done || dirty_log_has_unsent(engine->log));
out:
    out_leave(out);
    return has_more;
}
