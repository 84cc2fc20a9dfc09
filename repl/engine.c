#include "repl/engine.h"

#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/base/num.h"
#include "repl/core/node_text.h"
#include "repl/engine_private.h"

enum { RETRY_MIN_MS = 50, RETRY_MAX_MS = 1000, TICK_ROUNDS_MAX = 8 };

void engine_overflowed(struct engine *engine) {
    atomic_store(&engine->has_overflowed, true);
    engine->transport.wake(engine->transport.context);
}

void engine_log(struct engine *engine, enum dirty_kind kind, uint64_t version, uint64_t hash,
                const char *key, uint32_t key_bytes) {
    if (!dirty_log_append(engine->log, kind, version, hash, key, key_bytes))
        engine_overflowed(engine);
}

/* Changes go straight into the stream: all before them is in it, and it takes more. */
static inline bool is_stream_open(const struct engine *engine) {
    const struct out *out = &engine->out;
    return atomic_load_explicit(&out->is_worker_fed, memory_order_relaxed) &&
           atomic_load_explicit(&out->is_pair, memory_order_relaxed) &&
           !atomic_load_explicit(&out->is_blocked, memory_order_relaxed);
}

static bool put_on_stage(struct engine *engine, const struct store_thread *thread,
                         const struct store_change *change) {
    struct stage *stage = &engine->stages[store_thread_number(thread)];
    if (stage_is_empty(stage))
        stage->start_overs = atomic_load(&engine->start_overs);
    return stage_put(stage, engine->clock, change);
}

/* The store tells of a change, under a stripe's or its admin lock. */
static bool changed(void *context, struct store_thread *thread, const struct store_change *change) {
    struct engine *engine = context;
    switch (change->kind) {
    case STORE_CHANGE_SET:
    case STORE_CHANGE_DELETE:
        if (is_stream_open(engine) && put_on_stage(engine, thread, change))
            return false;
        engine_log(engine, DIRTY_KEY, change->version, change->hash, change->key,
                   change->key_bytes);
        break;
    case STORE_CHANGE_FLUSH:
        engine_log(engine, DIRTY_FLUSH, change->version, 0, NULL, 0);
        break;
    case STORE_CHANGE_FLUSH_LATER:
        engine_log(engine, DIRTY_FLUSH_LATER, change->version, change->flush_wall_s, NULL, 0);
        break;
    }
    return true;
}

static bool stages_create(struct engine *engine) {
    engine->stage_count = store_thread_count_max(engine->store);
    engine->stages = mem_aligned_zalloc(64, engine->stage_count * sizeof(*engine->stages));
    return engine->stages != NULL;
}

static void stages_destroy(struct engine *engine) {
    if (!engine->stages)
        return;
    for (uint32_t i = 0; i < engine->stage_count; i++)
        stage_free(&engine->stages[i]);
    mem_free(engine->stages);
}

struct engine *engine_create(const struct engine_config *config, const char **why) {
    *why = "not enough memory for replication";
    struct engine *engine = mem_zalloc(sizeof(*engine));
    if (!engine)
        return NULL;
    engine->store = config->store;
    engine->clock = config->clock;
    engine->transport = config->transport;
    engine->id = config->node_id;
    lock_init(&engine->node_lock, RANK_REPL_NODE);
    struct node_config node_config = {
        .id = config->node_id,
        .join_timeout_ms = config->join_timeout_ms,
        .heartbeat_ms = config->heartbeat_ms,
        .timeout_ms = config->timeout_ms,
        .retry_min_ms = RETRY_MIN_MS,
        .retry_max_ms = RETRY_MAX_MS,
        .rng = config->rng,
    };
    engine->node = node_create(&node_config, engine_now(engine));
    engine->log = dirty_log_create(config->log_bytes);
    engine->peer_name = mem_strdup(config->peer_name ? config->peer_name : "");
    if (!out_create(engine) || !stages_create(engine) || !engine->node || !engine->log ||
        !engine->peer_name) {
        engine_destroy(engine);
        return NULL;
    }
    struct store_observer observer = {changed, engine};
    store_observe(engine->store, &observer);
    return engine;
}

static void allowed_free(char **list, size_t count) {
    for (size_t i = 0; i < count; i++)
        mem_free(list[i]);
    mem_free(list);
}

void engine_destroy(struct engine *engine) {
    if (!engine)
        return;
    CHECK(engine->link_count == 0);
    out_destroy(engine);
    stages_destroy(engine);
    allowed_free(engine->allowed, engine->allowed_count);
    mem_free(engine->peer_name);
    dirty_log_destroy(engine->log);
    node_destroy(engine->node);
    lock_destroy(&engine->node_lock);
    mem_free(engine);
}

void engine_quit(struct engine *engine, struct store_thread *thread) {
    out_close(engine, thread);
}

void engine_hooks(struct engine *engine, struct serve_repl_hooks *hooks) {
    in_hooks(engine, hooks);
}

bool engine_allow(struct engine *engine, const char *const *addresses, size_t count) {
    char **list = mem_zalloc((count ? count : 1) * sizeof(*list));
    if (!list)
        return false;
    for (size_t i = 0; i < count; i++) {
        list[i] = mem_strdup(addresses[i]);
        if (!list[i]) {
            allowed_free(list, i);
            return false;
        }
    }
    lock_acquire(&engine->node_lock);
    char **old = engine->allowed;
    size_t old_count = engine->allowed_count;
    engine->allowed = list;
    engine->allowed_count = count;
    lock_release(&engine->node_lock);
    allowed_free(old, old_count);
    return true;
}

/* ---- versions of the peer ---- */

bool engine_is_version_sane(const struct engine *engine, uint64_t version) {
    uint64_t ahead_ms = (uint64_t)VERSION_AHEAD_YEARS_MAX * 365 * 24 * 3600 * 1000;
    return version >> STORE_VERSION_SEQUENCE_BITS <= clock_wall_ms(engine->clock) + ahead_ms;
}

bool engine_is_info_sane(const struct engine *engine, const char *text) {
    struct node_info info;
    const char *rest;
    return !node_text_get(text, &info, &rest) || (engine_is_version_sane(engine, info.version) &&
                                                  engine_is_version_sane(engine, info.promoted_at));
}

/* ---- the node ---- */

void engine_note_overflow_locked(struct engine *engine) {
    lock_assert_held(&engine->node_lock);
    if (atomic_exchange(&engine->has_overflowed, false))
        node_log_overflowed(engine->node, engine_now(engine));
}

void engine_publish_locked(struct engine *engine) {
    lock_assert_held(&engine->node_lock);
    struct node_view view;
    node_view(engine->node, &view);
    atomic_store(&engine->is_master, view.self.role == NODE_MASTER);
    /* Before the walk starts: what is applied without having seen this will be walked over. */
    atomic_store(&engine->is_full_out, view.out == OUT_FULL);
}

/* Every event of the node goes between these two. */
static struct node *node_enter(struct engine *engine) {
    lock_acquire(&engine->node_lock);
    engine_note_overflow_locked(engine);
    return engine->node;
}

static void node_leave(struct engine *engine) {
    engine_publish_locked(engine);
    lock_release(&engine->node_lock);
}

static void carry_out(struct engine *engine, struct store_thread *thread,
                      const struct node_action *action) {
    switch (action->kind) {
    case NODE_DIAL:
        engine->transport.dial(engine->transport.context);
        break;
    case NODE_CLOSE_OUT:
        out_close(engine, thread);
        engine->line_bytes = 0;
        engine->transport.close(engine->transport.context);
        break;
    case NODE_CLOSE_IN:
        lock_acquire(&engine->node_lock);
        in_kill_locked(engine, action->link);
        lock_release(&engine->node_lock);
        break;
    case NODE_SEND:
        out_text(engine, thread, action->text);
        break;
    case NODE_BARRIER:
        out_barrier(engine, thread);
        break;
    case NODE_BEGIN_LIVE:
        out_begin(engine, thread, false, action->dialect);
        break;
    case NODE_BEGIN_FULL:
        out_begin(engine, thread, true, action->dialect);
        break;
    case NODE_CHANGED: {
        struct node_view view;
        engine_view(engine, &view);
        engine->transport.changed(engine->transport.context, &view);
        break;
    }
    }
}

static void carry_out_all(struct engine *engine, struct store_thread *thread) {
    struct node_action action;
    for (;;) {
        lock_acquire(&engine->node_lock);
        bool has_action = node_next_action(engine->node, &action);
        lock_release(&engine->node_lock);
        if (!has_action)
            return;
        carry_out(engine, thread, &action);
    }
}

/* Is anything in the stream, or about to be, that the peer has not confirmed? */
static bool has_unacked(struct engine *engine) {
    struct dirty_log_stats log;
    dirty_log_stats(engine->log, &log);
    lock_acquire(&engine->out.lock);
    bool is_walking = engine->out.phase == OUT_PHASE_FULL && !engine->out.is_walk_done;
    lock_release(&engine->out.lock);
    return is_walking || log.entries != log.unsent_entries;
}

/* Clears up after a connection that has ended, or that the transport called broken. */
static void bury_connection(struct engine *engine, struct store_thread *thread) {
    lock_acquire(&engine->out.lock);
    bool is_broken = engine->out.is_broken;
    bool is_lost = engine->out.phase == OUT_PHASE_NONE;
    lock_release(&engine->out.lock);
    if (is_broken) {
        engine_out_closed(engine);
        engine->transport.close(engine->transport.context);
    }
    if (is_broken || is_lost)
        out_close(engine, thread);
}

static bool sweep(struct engine *engine, struct store_thread *thread) {
    if (!atomic_load(&engine->is_sweep_due))
        return false;
    if (atomic_exchange(&engine->is_sweep_restarted, false))
        engine->sweep_cursor = 0;
    if (!store_sweep(thread, &engine->sweep_cursor, SWEEP_BUCKETS))
        return true;
    if (!atomic_load(&engine->is_sweep_restarted))
        atomic_store(&engine->is_sweep_due, false);
    return atomic_load(&engine->is_sweep_due);
}

uint64_t engine_tick(struct engine *engine, struct store_thread *thread) {
    uint64_t due = 0;
    bool has_more = true;
    for (int round = 0; round < TICK_ROUNDS_MAX && has_more; round++) {
        bury_connection(engine, thread);
        atomic_store(&engine->out.is_ack_due, false);
        bool is_unacked = has_unacked(engine);
        if (is_unacked)
            atomic_store(&engine->out.is_ack_due, true);
        struct node *node = node_enter(engine);
        in_note_heard_locked(engine);
        due = node_tick(node, engine_now(engine), store_version_now(engine->store), is_unacked);
        node_leave(engine);
        carry_out_all(engine, thread);
        in_answer_owed(engine);
        bool is_through = false;
        has_more = out_slice(engine, thread, &is_through);
        if (is_through) {
            node_out_through(node_enter(engine), engine_now(engine));
            node_leave(engine);
            carry_out_all(engine, thread);
        }
        has_more |= sweep(engine, thread);
    }
    return has_more ? engine_now(engine) : due;
}

/* ---- events of the outgoing connection ---- */

void engine_out_connected(struct engine *engine) {
    out_open(engine);
    engine->line_bytes = 0;
    node_out_connected(node_enter(engine), engine_now(engine), store_version_now(engine->store));
    node_leave(engine);
}

void engine_out_closed(struct engine *engine) {
    out_lost(engine);
    node_out_closed(node_enter(engine), engine_now(engine));
    node_leave(engine);
}

void engine_out_writable(struct engine *engine) {
    /* Under the lock: a worker that is just being told "no more" must not note it after this. */
    lock_acquire(&engine->out.lock);
    atomic_store(&engine->out.is_blocked, false);
    lock_release(&engine->out.lock);
    /* It had been full: the peer has taken something since, however long its answers are. */
    node_out_heard(node_enter(engine), engine_now(engine));
    node_leave(engine);
}

bool engine_acked(struct engine *engine, uint64_t number, bool is_in_order) {
    /* in one: counted after the stream has begun anew, it would confirm what is sent there */
    struct node *node = node_enter(engine);
    unsigned count = out_acked(engine, number, is_in_order);
    for (unsigned i = 0; i < count; i++)
        node_out_acked(node, engine_now(engine));
    node_leave(engine);
    return count > 0;
}

/* Takes a line that answers a barrier; false if it is none. */
static bool take_barrier_answer(struct engine *engine, const char *line) {
    uint64_t number = 0;
    lock_acquire(&engine->out.lock);
    bool is_streaming = engine->out.phase >= OUT_PHASE_LIVE;
    bool is_classic = engine->out.dialect == DIALECT_CLASSIC;
    lock_release(&engine->out.lock);
    if (!is_streaming)
        return false;
    bool is_numbered = strncmp(line, "REPL ack ", 9) == 0 &&
                       num_u64(line + 9, strlen(line + 9), &number) && number != 0;
    if (!is_numbered && (is_classic ? strncmp(line, "VERSION ", 8) : strcmp(line, "MN")) != 0)
        return false;
    /* One of us has a stream of its own, which this has overtaken; a stock memcached has none. */
    return engine_acked(engine, number, !is_numbered);
}

/* The peer has answered our hello with this line, and the node has not taken it for a welcome. */
static void note_refusal_locked(struct engine *engine, const char *line) {
    struct node_info peer;
    const char *rest;
    lock_assert_held(&engine->node_lock);
    if (strncmp(line, "REPL ", 5) == 0 && node_text_get(line + 5, &peer, &rest) &&
        peer.id == engine->id)
        trouble_note(&engine->trouble, TROUBLE_OUR_HELLO, "%s (-x) is this server itself",
                     engine->peer_name);
    else
        trouble_note(&engine->trouble, TROUBLE_OUR_HELLO, "%s (-x) does not take this node: %s",
                     engine->peer_name, line);
}

static void out_line(struct engine *engine, const char *line) {
    if (take_barrier_answer(engine, line))
        return;
    /* An answer that the node cannot read is refused there, and counted. */
    if (strncmp(line, "REPL ", 5) == 0 && !engine_is_info_sane(engine, line + 5))
        line = "REPL with a version from the far future";
    struct node_view before, view;
    struct node *node = node_enter(engine);
    node_view(node, &before);
    node_out_line(node, engine_now(engine), store_version_now(engine->store), line);
    node_view(node, &view);
    if (view.refusals != before.refusals)
        note_refusal_locked(engine, line);
    else if (view.out == OUT_STREAMING || view.out == OUT_FULL)
        trouble_clear(&engine->trouble, TROUBLE_OUR_HELLO);
    node_leave(engine);
    store_version_advance(engine->store, view.peer.version);
}

void engine_out_received(struct engine *engine, const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != '\n') {
            /* A line longer than any we know is cut; what is left of it matches nothing. */
            if (engine->line_bytes < LINE_BYTES_MAX - 1)
                engine->line[engine->line_bytes++] = bytes[i];
            continue;
        }
        if (engine->line_bytes > 0 && engine->line[engine->line_bytes - 1] == '\r')
            engine->line_bytes--;
        engine->line[engine->line_bytes] = '\0';
        engine->line_bytes = 0;
        out_line(engine, engine->line);
    }
}

/* ---- operators, workers ---- */

void engine_before_flush(struct engine *engine, struct store_thread *thread) {
    struct out *out = &engine->out;
    struct stage *stage = &engine->stages[store_thread_number(thread)];
    if (UNLIKELY(!stage->is_open))
        (void)stage_open(stage); /* without memory for it, all goes through the log */
    if (!stage_is_empty(stage)) {
        out_take_stage(engine, thread, stage);
    } else {
        if (!dirty_log_has_unsent(engine->log) &&
            !atomic_load_explicit(&out->is_handing, memory_order_acquire))
            return;
        if (!atomic_load_explicit(&out->is_worker_fed, memory_order_acquire) ||
            atomic_load_explicit(&out->is_blocked, memory_order_relaxed))
            return;
        out_pump(engine, thread);
    }
    if (!atomic_load_explicit(&out->is_ack_due, memory_order_relaxed) &&
        !atomic_exchange_explicit(&out->is_ack_due, true, memory_order_relaxed))
        engine->transport.wake(engine->transport.context);
}

void engine_promote(struct engine *engine) {
    node_promote(node_enter(engine), engine_now(engine), store_version_now(engine->store));
    node_leave(engine);
    engine->transport.wake(engine->transport.context);
}

void engine_demote(struct engine *engine) {
    node_demote(node_enter(engine), engine_now(engine));
    node_leave(engine);
    engine->transport.wake(engine->transport.context);
}

void engine_view(struct engine *engine, struct node_view *view) {
    lock_acquire(&engine->node_lock);
    node_view(engine->node, view);
    lock_release(&engine->node_lock);
}

bool engine_trouble(struct engine *engine, char text[TROUBLE_TEXT_BYTES]) {
    lock_acquire(&engine->node_lock);
    bool is_due = trouble_take(&engine->trouble, engine_now(engine), text);
    lock_release(&engine->node_lock);
    return is_due;
}

/* What workers have changed in their turns and not handed over yet. */
static uint64_t staged_count(const struct engine *engine) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < engine->stage_count; i++)
        count += atomic_load_explicit(&engine->stages[i].count, memory_order_relaxed);
    return count;
}

void engine_stats(struct engine *engine, struct engine_stats *out) {
    struct dirty_log_stats log;
    dirty_log_stats(engine->log, &log);
    memset(out, 0, sizeof(*out));
    out->version = store_version_now(engine->store);
    out->log_entries = log.entries;
    out->log_bytes = log.bytes;
    out->log_limit_bytes = log.capacity_bytes;
    out->log_overflows = log.overflows;
    out->acked_ops = log.acked_ops;
    out->lag_ops = log.entries + log.dropped_ops + staged_count(engine);
    out->lag_bytes = log.bytes;
    uint64_t oldest_ms = log.oldest_version >> STORE_VERSION_SEQUENCE_BITS;
    uint64_t wall_ms = clock_wall_ms(engine->clock);
    if (oldest_ms > 0 && wall_ms > oldest_ms)
        out->lag_ms = wall_ms - oldest_ms;
    lock_acquire(&engine->out.lock);
    out->sent_ops = engine->out.sent_ops;
    out->sent_bytes = engine->out.sent_bytes;
    out->sync_out_items = engine->out.walk_items;
    out->sync_out_percent = engine->out.walk_percent;
    lock_release(&engine->out.lock);
    out->sync_in_items = atomic_load(&engine->sync_in_items);
    out->sync_in_percent = atomic_load(&engine->sync_in_percent);
    out->applied = atomic_load(&engine->applied);
    out->ignored_older = atomic_load(&engine->ignored_older);
    out->rejected = atomic_load(&engine->rejected);
    out->refused_hellos = atomic_load(&engine->refused_hellos);
}
