/* What comes in: `repl` lines from clients and from the peer, and the peer's stream. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/base/num.h"
#include "memcached/serve/session.h"
#include "repl/engine_private.h"
#include "repl/keep.h"

static void wake(struct engine *engine) {
    engine->transport.wake(engine->transport.context);
}

static void count(_Atomic uint64_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ---- links ---- */

static struct in_link *find_link_locked(struct engine *engine, uint64_t id) {
    lock_assert_held(&engine->node_lock);
    struct in_link *link = engine->links;
    while (link && link->id != id)
        link = link->next;
    return link;
}

void in_kill_locked(struct engine *engine, uint64_t link_id) {
    struct in_link *link = find_link_locked(engine, link_id);
    if (!link)
        return;
    lock_acquire(&link->lock);
    link->is_dead = true;
    lock_release(&link->lock);
    if (atomic_load(&engine->full_in_link) == link_id)
        atomic_store(&engine->full_in_link, 0);
}

void in_note_heard_locked(struct engine *engine) {
    lock_assert_held(&engine->node_lock);
    for (struct in_link *link = engine->links; link; link = link->next)
        node_in_heard(engine->node, atomic_load_explicit(&link->heard_ms, memory_order_relaxed),
                      link->id);
}

static void note_heard(struct in_link *link) {
    atomic_store_explicit(&link->heard_ms, engine_now(link->engine), memory_order_relaxed);
}

static struct in_link *make_link_locked(struct engine *engine, struct session *session) {
    lock_assert_held(&engine->node_lock);
    if (engine->link_count >= IN_LINKS_MAX)
        return NULL;
    struct in_link *link = mem_zalloc(sizeof(*link));
    if (!link)
        return NULL;
    lock_init(&link->lock, RANK_REPL_IN);
    link->engine = engine;
    link->session = session;
    link->id = ++engine->next_link_id;
    link->next = engine->links;
    engine->links = link;
    engine->link_count++;
    return link;
}

static void drop_link_locked(struct engine *engine, struct in_link *link) {
    lock_assert_held(&engine->node_lock);
    struct in_link **at = &engine->links;
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    engine->link_count--;
    lock_destroy(&link->lock);
    mem_free(link);
}

static bool is_allowed_locked(const struct engine *engine, const char *ip) {
    for (size_t i = 0; i < engine->allowed_count; i++)
        if (strcmp(engine->allowed[i], ip) == 0)
            return true;
    return false;
}

static bool is_log_drained(const struct engine *engine) {
    struct dirty_log_stats log;
    dirty_log_stats(engine->log, &log);
    return log.entries == 0;
}

static void hello(struct engine *engine, struct session *session, const char *args,
                  struct outbuf *out) {
    const char *refusal = NULL;
    struct node_greeting greeting = {.is_accepted = false};
    struct node_view view;
    uint64_t now = engine_now(engine);
    lock_acquire(&engine->node_lock);
    engine_note_overflow_locked(engine);
    struct in_link *link = NULL;
    if (!is_allowed_locked(engine, session_peer(session)->ip)) {
        refusal = "CLIENT_ERROR this address is not the configured replication peer\r\n";
    } else if (!engine_is_info_sane(engine, args)) {
        refusal = "CLIENT_ERROR a version from the far future\r\n";
    } else if (!(link = make_link_locked(engine, session))) {
        refusal = "SERVER_ERROR too many replication links\r\n";
    } else {
        node_in_hello(engine->node, now, store_version_now(engine->store), link->id,
                      is_log_drained(engine), args, &greeting);
        engine_publish_locked(engine);
        node_view(engine->node, &view);
        if (greeting.is_accepted) {
            link->peer_id = view.peer.id;
            if (greeting.superseded_link)
                in_kill_locked(engine, greeting.superseded_link);
            atomic_store(&engine->full_in_link, greeting.is_full ? link->id : 0);
        } else {
            drop_link_locked(engine, link);
        }
    }
    const char *answer = refusal ? refusal : greeting.text;
    const char *why = refusal ? refusal : "it is this server's own, or another protocol";
    if (greeting.is_accepted)
        trouble_clear(&engine->trouble, TROUBLE_THEIR_HELLO);
    else
        trouble_note(&engine->trouble, TROUBLE_THEIR_HELLO,
                     "a replication link from %s is refused: %.*s", session_peer(session)->ip,
                     (int)strcspn(why, "\r"), why);
    lock_release(&engine->node_lock);
    if (greeting.is_accepted) {
        store_version_advance(engine->store, view.peer.version);
        session_become_link(session, link);
    } else {
        count(&engine->refused_hellos);
        session_end(session);
    }
    (void)outbuf_put(out, answer, strlen(answer));
    wake(engine);
}

/* ---- lines of the peer ---- */

static void reject(struct engine *engine, struct in_link *link) {
    count(&engine->rejected);
    lock_acquire(&engine->node_lock);
    in_kill_locked(engine, link->id);
    node_in_closed(engine->node, engine_now(engine), link->id);
    engine_publish_locked(engine);
    lock_release(&engine->node_lock);
    session_end(link->session);
    wake(engine);
}

static bool is_alive(struct in_link *link) {
    lock_acquire(&link->lock);
    bool is_alive = !link->is_dead;
    lock_release(&link->lock);
    return is_alive;
}

static void start_over(struct engine *engine, struct store_thread *thread) {
    keep_and_start_over(engine, thread);
    atomic_store(&engine->full_in_link, 0);
    atomic_store(&engine->sync_in_items, 0);
    atomic_store(&engine->sync_in_percent, 0);
    atomic_store(&engine->is_sweep_restarted, true);
    atomic_store(&engine->is_sweep_due, true);
}

static bool note_version(void *context, const struct store_key *key,
                         const struct store_view *view) {
    (void)key;
    *(uint64_t *)context = view->version;
    return false;
}

/* Is something strictly newer here? */
static bool is_newer_here(struct store_thread *thread, const struct store_key *key,
                          uint64_t version) {
    uint64_t here = 0;
    uint64_t absent = 0;
    if (store_visit(thread, key, note_version, &here, &absent) == STORE_ABSENT)
        here = absent;
    return here > version;
}

/*
 * What the peer sends is not sent back, but for two cases. While this node gives it a full sync,
 * the peer may have sent this before it started over and not have it any more. And a peer that
 * sends what is older than what is here has missed something, if only the delete that the full sync
 * could not show.
 */
static void note_applied(struct engine *engine, struct store_thread *thread,
                         enum store_status status, const struct store_key *key, uint64_t version) {
    count(status == STORE_OLDER ? &engine->ignored_older : &engine->applied);
    bool is_echoed = status == STORE_OLDER
                         ? is_newer_here(thread, key, version)
                         : atomic_load_explicit(&engine->is_full_out, memory_order_acquire);
    if (is_echoed)
        engine_log(engine, DIRTY_KEY, version, key->hash, key->data, key->bytes);
}

static void note_flushed(struct engine *engine, enum dirty_kind kind, uint64_t version,
                         uint64_t wall_s) {
    count(&engine->applied);
    if (atomic_load_explicit(&engine->is_full_out, memory_order_acquire))
        engine_log(engine, kind, version, wall_s, NULL, 0);
}

/* The parts of the stream that are no item: true if `args` was one of them. */
static bool stream_line(struct engine *engine, struct in_link *link, struct store_thread *thread,
                        const char *args) {
    uint64_t number;
    uint64_t second = 0;
    const char *space = strchr(args, ' ');
    if (!space)
        return false;
    size_t length = (size_t)(space - args);
    size_t digits = strcspn(space + 1, " ");
    const char *rest = space + 1 + digits;
    bool is_later = length == 11 && memcmp(args, "flush_later", 11) == 0;
    if (!num_u64(space + 1, digits, &number) || (*rest != '\0') != is_later ||
        (is_later && !num_u64(rest + 1, strlen(rest + 1), &second)))
        return false;
    lock_acquire(&link->lock);
    bool is_ours = true;
    if (link->is_dead) {
        session_end(link->session);
    } else if (!engine_is_version_sane(engine, is_later ? second : number) ||
               (is_later && number > UINT64_MAX / 1000)) {
        is_ours = false;
    } else if (length == 5 && memcmp(args, "flush", 5) == 0) {
        store_version_advance(engine->store, number);
        store_apply_flush(thread, number);
        note_flushed(engine, DIRTY_FLUSH, number, 0);
    } else if (is_later) {
        store_apply_flush_later(thread, second, number);
        note_flushed(engine, DIRTY_FLUSH_LATER, second, number);
    } else if (length == 8 && memcmp(args, "progress", 8) == 0 && number <= 100) {
        atomic_store(&engine->sync_in_percent, number);
    } else if (length == 7 && memcmp(args, "barrier", 7) == 0) {
        link->barrier = number;
    } else {
        is_ours = false;
    }
    lock_release(&link->lock);
    return is_ours;
}

/* The peer's answer to a barrier in our stream to it. One that is no longer waited for is none. */
static void take_ack(struct engine *engine, struct in_link *link, uint64_t number) {
    if (!is_alive(link))
        session_end(link->session);
    else if (engine_acked(engine, number, true))
        wake(engine);
}

static void link_line(struct engine *engine, struct in_link *link, struct store_thread *thread,
                      const char *args) {
    uint64_t number;
    if (stream_line(engine, link, thread, args))
        return;
    if (strncmp(args, "ack ", 4) == 0 && num_u64(args + 4, strlen(args + 4), &number) && number) {
        take_ack(engine, link, number);
        return;
    }
    if (strncmp(args, "info ", 5) == 0 && !engine_is_info_sane(engine, args + 5)) {
        reject(engine, link);
        return;
    }
    if (!is_alive(link)) {
        session_end(link->session);
        return;
    }
    lock_acquire(&engine->node_lock);
    engine_note_overflow_locked(engine);
    enum node_line said = node_in_line(engine->node, engine_now(engine),
                                       store_version_now(engine->store), link->id, args);
    struct node_view view;
    node_view(engine->node, &view);
    if (said != NODE_LINE_BAD)
        store_version_advance(engine->store, view.peer.version);
    /* The node's lock is kept: no other link can take this one's place meanwhile. */
    if (said == NODE_LINE_START_OVER)
        start_over(engine, thread);
    link->is_filling =
        said == NODE_LINE_START_OVER || (link->is_filling && view.self.state == NODE_SYNCING);
    engine_publish_locked(engine);
    lock_release(&engine->node_lock);
    if (said == NODE_LINE_BAD)
        reject(engine, link);
    wake(engine);
}

/* ---- commands of operators ---- */

static void put_role(struct engine *engine, struct outbuf *out) {
    struct node_view view;
    struct engine_stats stats;
    char line[NODE_TEXT_BYTES_MAX];
    engine_view(engine, &view);
    engine_stats(engine, &stats);
    int bytes = snprintf(line, sizeof(line), "ROLE %s %s %llu\r\n", node_role_name(view.self.role),
                         node_state_name(view.self.state), (unsigned long long)stats.lag_ops);
    (void)outbuf_put(out, line, (size_t)bytes);
}

static void command(void *context, struct session *session, struct store_thread *thread,
                    const char *args, size_t args_bytes, struct outbuf *out) {
    struct engine *engine = context;
    char text[NODE_TEXT_BYTES_MAX];
    struct in_link *link = session_link(session);
    bool is_text = args_bytes < sizeof(text) && !memchr(args, '\0', args_bytes);
    if (is_text) {
        memcpy(text, args, args_bytes);
        while (args_bytes > 0 && text[args_bytes - 1] == ' ')
            args_bytes--;
        text[args_bytes] = '\0';
    }
    if (link) {
        if (is_text)
            link_line(engine, link, thread, text);
        else
            reject(engine, link);
    } else if (is_text && strncmp(text, "hello ", 6) == 0) {
        hello(engine, session, text + 6, out);
    } else if (is_text && strcmp(text, "role") == 0) {
        put_role(engine, out);
    } else if (is_text && strcmp(text, "promote") == 0) {
        engine_promote(engine);
        (void)outbuf_puts(out, "OK\r\n");
    } else if (is_text && strcmp(text, "demote") == 0) {
        engine_demote(engine);
        (void)outbuf_puts(out, "OK\r\n");
    } else {
        (void)outbuf_puts(out, "CLIENT_ERROR usage: repl role|promote|demote\r\n");
    }
}

/* ---- the stream ---- */

static bool is_acceptable(struct engine *engine, struct in_link *link, uint64_t version) {
    bool is_sane = engine_is_version_sane(engine, version);
    if (!is_sane)
        reject(engine, link);
    return is_sane;
}

static enum store_status apply_set(void *context, void *link_pointer, struct store_thread *thread,
                                   struct item *item, const struct store_key *key,
                                   uint64_t version) {
    struct engine *engine = context;
    struct in_link *link = link_pointer;
    enum store_status status = STORE_OLDER;
    if (UNLIKELY(!is_acceptable(engine, link, version))) {
        store_abandon(thread, item);
        return status;
    }
    lock_acquire(&link->lock);
    if (link->is_dead) {
        store_abandon(thread, item);
        session_end(link->session);
    } else {
        note_heard(link);
        store_version_advance(engine->store, version);
        status = store_apply_set(thread, item, key->hash, version, link->peer_id > engine->id);
        note_applied(engine, thread, status, key, version);
        if (UNLIKELY(link->is_filling))
            count(&engine->sync_in_items);
    }
    lock_release(&link->lock);
    return status;
}

static enum store_status apply_delete(void *context, void *link_pointer,
                                      struct store_thread *thread, const struct store_key *key,
                                      uint64_t version) {
    struct engine *engine = context;
    struct in_link *link = link_pointer;
    enum store_status status = STORE_OLDER;
    if (UNLIKELY(!is_acceptable(engine, link, version)))
        return status;
    lock_acquire(&link->lock);
    if (link->is_dead) {
        session_end(link->session);
    } else {
        note_heard(link);
        store_version_advance(engine->store, version);
        status = store_apply_delete(thread, key, version);
        note_applied(engine, thread, status, key, version);
    }
    lock_release(&link->lock);
    return status;
}

/* Where the barrier came from. */
static void put_ack(struct outbuf *out, uint64_t number) {
    char line[64];
    int bytes = snprintf(line, sizeof(line), "REPL ack %" PRIu64 "\r\n", number);
    (void)outbuf_put(out, line, (size_t)bytes);
}

static void owe(struct engine *engine, struct in_link *link, uint64_t number) {
    lock_acquire(&engine->node_lock);
    link->owed = number;
    atomic_store(&engine->is_ack_owed, true);
    lock_release(&engine->node_lock);
    wake(engine);
}

void in_answer_owed(struct engine *engine) {
    if (!atomic_load(&engine->is_ack_owed))
        return;
    bool is_owed = false;
    lock_acquire(&engine->node_lock);
    uint64_t now = engine_now(engine);
    for (struct in_link *link = engine->links; link; link = link->next) {
        if (link->owed && node_answer_way(engine->node, now, link->peer_id) == NODE_WAY_STREAM &&
            out_ack(engine, link->owed) == OUT_ACK_SENT)
            link->owed = 0;
        is_owed |= link->owed != 0;
    }
    atomic_store(&engine->is_ack_owed, is_owed);
    lock_release(&engine->node_lock);
}

/*
 * The answer goes out on our own stream to the peer wherever possible. Were the peer killed with an
 * answer unread on the connection that it streams on, its kernel would reset that connection, and
 * drop what it has not delivered. The same happens when it has been killed and an answer arrives on
 * that connection: so where our own stream has just ended, the answer waits for it to be up again.
 */
static void barrier(void *context, void *link_pointer, struct outbuf *out) {
    struct engine *engine = context;
    struct in_link *link = link_pointer;
    uint64_t number = link->barrier;
    link->barrier = 0;
    if (!is_alive(link)) {
        session_end(link->session);
        return;
    }
    lock_acquire(&engine->node_lock);
    node_in_heard(engine->node, engine_now(engine), link->id);
    enum node_way way = node_answer_way(engine->node, engine_now(engine), link->peer_id);
    lock_release(&engine->node_lock);
    if (number == 0) {
        (void)outbuf_puts(out, "MN\r\n");
        return;
    }
    enum out_ack result = OUT_ACK_GONE;
    if (way == NODE_WAY_STREAM)
        result = out_ack(engine, number);
    if (result == OUT_ACK_SENT)
        return;
    if (way == NODE_WAY_LINK || result == OUT_ACK_BUSY)
        put_ack(out, number);
    else
        owe(engine, link, number);
}

static void link_rejected(void *context, void *link_pointer, const char *why) {
    (void)why;
    reject(context, link_pointer);
}

static void link_closed(void *context, void *link_pointer) {
    struct engine *engine = context;
    struct in_link *link = link_pointer;
    lock_acquire(&engine->node_lock);
    in_kill_locked(engine, link->id);
    node_in_closed(engine->node, engine_now(engine), link->id);
    engine_publish_locked(engine);
    drop_link_locked(engine, link);
    lock_release(&engine->node_lock);
    wake(engine);
}

static void client_write(void *context) {
    struct engine *engine = context;
    if (LIKELY(atomic_load_explicit(&engine->is_master, memory_order_relaxed)))
        return;
    lock_acquire(&engine->node_lock);
    engine_note_overflow_locked(engine);
    node_client_write(engine->node, engine_now(engine), store_version_now(engine->store));
    engine_publish_locked(engine);
    lock_release(&engine->node_lock);
    wake(engine);
}

void in_hooks(struct engine *engine, struct serve_repl_hooks *hooks) {
    *hooks = (struct serve_repl_hooks){
        .is_on = true,
        .context = engine,
        .client_write = client_write,
        .command = command,
        .apply_set = apply_set,
        .apply_delete = apply_delete,
        .barrier = barrier,
        .link_rejected = link_rejected,
        .link_closed = link_closed,
    };
}
