#include "t/sim/host_conn.h"

#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "repl/engine_private.h"
#include "t/sim/client.h"

enum {
    TURN_US_MAX = 60,  /* from the arrival of bytes to the worker's turn */
    FLUSH_US_MAX = 40, /* from executing to answering */
    FEEDS_MAX = 10000, /* of one connection in one turn */
};

static void flush_soon(struct host *host, unsigned worker);

const char *host_conn_address(unsigned place) {
    static const char *const address[PLACE_COUNT] = {"192.0.2.1", "192.0.2.2", "192.0.2.100"};
    return address[place];
}

/* ---- the engine's hooks, with the model listening ---- */

static void client_write(void *context) {
    struct host *host = context;
    host->hooks.client_write(host->hooks.context);
}

static bool is_link_dead(const void *link) {
    return ((const struct in_link *)link)->is_dead;
}

static enum store_status apply_set(void *context, void *link, struct store_thread *thread,
                                   struct item *item, const struct store_key *key,
                                   uint64_t version) {
    struct host *host = context;
    char name[STORE_KEY_BYTES_MAX];
    uint32_t bytes = key->bytes;
    bool was_dead = is_link_dead(link);
    /* the item, and perhaps the key in it, is the store's after this */
    memcpy(name, key->data, bytes);
    enum store_status status =
        host->hooks.apply_set(host->hooks.context, link, thread, item, key, version);
    if (!was_dead)
        model_applied(host->world->model, host, name, bytes, version,
                      status == STORE_OK ? TOLD_SET : TOLD_REFUSED);
    return status;
}

static enum store_status apply_delete(void *context, void *link, struct store_thread *thread,
                                      const struct store_key *key, uint64_t version) {
    struct host *host = context;
    bool was_dead = is_link_dead(link);
    enum store_status status =
        host->hooks.apply_delete(host->hooks.context, link, thread, key, version);
    if (!was_dead)
        model_applied(host->world->model, host, key->data, key->bytes, version, TOLD_DELETE);
    return status;
}

static void barrier(void *context, void *link, struct outbuf *out) {
    struct host *host = context;
    host->hooks.barrier(host->hooks.context, link, out);
}

static void link_rejected(void *context, void *link, const char *why) {
    struct host *host = context;
    /* Both ends are ours, and bytes arrive unharmed: nothing may ever be wrong with the stream. */
    world_fail(host->world, "host %u rejects its peer's stream: %s", host->index, why);
    host->hooks.link_rejected(host->hooks.context, link, why);
}

static void link_closed(void *context, void *link) {
    struct host *host = context;
    host->hooks.link_closed(host->hooks.context, link);
}

static bool is_word(const char *args, size_t bytes, const char *word) {
    return bytes >= strlen(word) && memcmp(args, word, strlen(word)) == 0;
}

static void link_command(struct host *host, struct sim_conn *conn, struct store_thread *thread,
                         const char *args, size_t bytes, struct outbuf *out) {
    struct model *model = host->world->model;
    struct node_view before, after;
    uint64_t floor = store_flush_floor(host->store);
    uint64_t pending = store_flush_pending_version(host->store);
    bool is_begin = is_word(args, bytes, "begin");
    engine_view(host->engine, &before);
    TRACE(host->world, "host %u: peer says repl %.*s", host->index, (int)bytes, args);
    if (is_begin)
        model_before_start_over(model, host, conn->end->conn);
    host->hooks.command(host->hooks.context, conn->session, thread, args, bytes, out);
    engine_view(host->engine, &after);
    if (is_begin && after.full_syncs_in != before.full_syncs_in)
        model_started_over(model, host, conn->end->conn);
    if (is_word(args, bytes, "synced") && after.self.state == NODE_READY)
        model_synced(model, host, conn->end->conn);
    if (store_flush_floor(host->store) > floor)
        model_flushed(model, host, store_flush_floor(host->store));
    if (store_flush_pending_version(host->store) > pending) {
        uint64_t due_ms = store_flush_pending(host->store) * 1000;
        uint64_t now_ms = host_wall_ms(host); /* it may be overdue by this clock */
        host->shadow.flush_due_ms = due_ms > 0 && due_ms < now_ms ? now_ms : due_ms;
        host->shadow.flush_version = store_flush_pending_version(host->store);
    }
}

static void command(void *context, struct session *session, struct store_thread *thread,
                    const char *args, size_t bytes, struct outbuf *out) {
    struct host *host = context;
    struct sim_conn *conn = session_peer(session)->connection;
    if (session_link(session)) {
        link_command(host, conn, thread, args, bytes, out);
        return;
    }
    TRACE(host->world, "host %u: hears repl %.*s", host->index, (int)bytes, args);
    host->hooks.command(host->hooks.context, session, thread, args, bytes, out);
}

void host_conn_hooks(struct host *host, struct serve_repl_hooks *hooks) {
    *hooks = (struct serve_repl_hooks){
        .is_on = true,
        .context = host,
        .client_write = client_write,
        .command = command,
        .apply_set = apply_set,
        .apply_delete = apply_delete,
        .barrier = barrier,
        .link_rejected = link_rejected,
        .link_closed = link_closed,
    };
}

/* ---- connections ---- */

static void conn_free(struct sim_conn *conn) {
    struct sim_conn **at = &conn->host->conns;
    while (*at != conn)
        at = &(*at)->next;
    *at = conn->next;
    session_destroy(conn->session);
    net_close(conn->end);
    conn->end->owner = NULL;
    outbuf_free(&conn->out);
    mem_free(conn->in);
    mem_free(conn);
}

void host_conns_end(struct host *host) {
    while (host->conns)
        conn_free(host->conns);
}

static struct op *conn_op(const struct sim_conn *conn) {
    return conn->end->conn->memo;
}

static void conn_keep(struct sim_conn *conn, const char *data, size_t bytes) {
    if (!conn->in || conn->in_capacity - conn->in_bytes < bytes) {
        conn->in_capacity = (conn->in_bytes + bytes) * 2 + 64;
        conn->in = mem_realloc(conn->in, conn->in_capacity);
        CHECK(conn->in);
    }
    memcpy(conn->in + conn->in_bytes, data, bytes);
    conn->in_bytes += bytes;
}

/* Bytes that wait go to where the value is being read to. */
static void conn_fill(struct sim_conn *conn) {
    while (conn->fill_bytes > 0 && conn->in_bytes > 0) {
        size_t part = conn->in_bytes < conn->fill_bytes ? conn->in_bytes : conn->fill_bytes;
        memcpy(conn->fill_start, conn->in, part);
        memmove(conn->in, conn->in + part, conn->in_bytes - part);
        conn->in_bytes -= part;
        conn->fill_bytes = 0;
        session_filled(conn->session, part);
    }
}

/* One step; false when there is nothing more to do now. */
static bool conn_step(struct sim_conn *conn) {
    struct host *host = conn->host;
    bool is_client = conn->end->conn->end[0].place == HOST_CLIENTS;
    uint64_t waiting = outbuf_pending(&conn->out);
    if (conn->fill_bytes > 0) {
        if (conn->in_bytes == 0)
            return false;
        conn_fill(conn);
    }
    struct session_result result =
        session_feed(conn->session, conn->in, conn->in_bytes, is_client ? 1 : 0, &conn->out);
    CHECK(result.consumed <= conn->in_bytes);
    memmove(conn->in, conn->in + result.consumed, conn->in_bytes - result.consumed);
    conn->in_bytes -= result.consumed;
    if (is_client && outbuf_pending(&conn->out) > waiting && conn_op(conn)) {
        conn->has_reply = true;
        model_executed(host->world->model, host, conn_op(conn), conn->out.data, conn->out.bytes);
    }
    switch (result.next) {
    case SESSION_READ:
        return false;
    case SESSION_FILL:
        conn->fill_start = result.fill_start;
        conn->fill_bytes = result.fill_bytes;
        return conn->in_bytes > 0;
    case SESSION_YIELD:
        return true;
    case SESSION_CLOSE:
        conn->is_ending = true;
        break;
    }
    return false;
}

static void turn(struct world *world, void *object, uint64_t number) {
    struct host *host = object;
    struct worker *worker = &host->worker[number % WORKER_COUNT];
    if (!host->is_running || host->life != number / WORKER_COUNT || host->is_frozen ||
        !worker->is_turn_due || worker->is_flush_due)
        return;
    worker->is_turn_due = false;
    host_clock(host);
    for (struct sim_conn *conn = host->conns; conn && !world->is_failed; conn = conn->next) {
        if (conn->worker != number % WORKER_COUNT || !conn->has_input || conn->is_ending)
            continue;
        conn->has_input = false;
        int feeds = 0;
        while (conn_step(conn) && !world->is_failed)
            CHECK(++feeds < FEEDS_MAX);
    }
    flush_soon(host, (unsigned)(number % WORKER_COUNT));
}

static void turn_soon(struct host *host, unsigned worker) {
    if (!host->worker[worker].is_turn_due) {
        host->worker[worker].is_turn_due = true;
        world_after(host->world, 1 + world_below(host->world, TURN_US_MAX), turn, host,
                    host->life * WORKER_COUNT + worker);
    }
}

/* Sends; true when the connection is done with. */
static bool conn_flush(struct sim_conn *conn) {
    struct iovec vec[16];
    while (outbuf_pending(&conn->out) > 0) {
        int count = outbuf_iov(&conn->out, vec, 16);
        ssize_t sent = net_send(conn->end, vec, count);
        if (sent < 0) {
            conn->is_ending = true;
            return true;
        }
        if (sent == 0)
            return false;
        outbuf_consume(&conn->out, (size_t)sent);
    }
    return conn->is_ending || conn->is_peer_gone;
}

/* What the worker is about to drop, since its node has started over in its turn. */
static void look_at_stage(struct host *host, unsigned worker) {
    const struct stage *stage = &host->engine->stages[store_thread_number(host->handle[worker])];
    struct dirty_entry entry;
    if (stage->start_overs == atomic_load(&host->engine->start_overs))
        return;
    for (uint32_t at = 0; dirty_records_next(&stage->records, &at, &entry);)
        model_dropped(host->world->model, host, entry.key, entry.key_bytes);
}

static void flush(struct world *world, void *object, uint64_t number) {
    struct host *host = object;
    unsigned index = (unsigned)(number % WORKER_COUNT);
    struct worker *worker = &host->worker[index];
    if (!host->is_running || host->life != number / WORKER_COUNT || host->is_frozen ||
        !worker->is_flush_due)
        return;
    worker->is_flush_due = false;
    host_clock(host);
    look_at_stage(host, index);
    engine_before_flush(host->engine, host->handle[index]);
    struct sim_conn *next;
    for (struct sim_conn *conn = host->conns; conn; conn = next) {
        next = conn->next;
        if (conn->worker != index)
            continue;
        bool is_done = conn_flush(conn) && (!conn->has_input || conn->is_ending);
        if (conn->has_reply)
            model_answered(world->model, host, conn_op(conn));
        conn->has_reply = false;
        if (!is_done)
            continue;
        const void *link = session_link(conn->session);
        if (link)
            model_link_ended(world->model, host, conn->end->conn,
                             is_link_dead(link) || !conn->is_peer_gone);
        conn_free(conn);
    }
    store_thread_quiesce(host->handle[index]);
    if (worker->is_turn_due) {
        worker->is_turn_due = false;
        turn_soon(host, index);
    }
}

static void flush_soon(struct host *host, unsigned worker) {
    host->worker[worker].is_flush_due = true;
    world_after(host->world, world_below(host->world, FLUSH_US_MAX), flush, host,
                host->life * WORKER_COUNT + worker);
}

void host_conns_thaw(struct host *host) {
    for (unsigned i = 0; i < WORKER_COUNT; i++) {
        if (host->worker[i].is_flush_due)
            flush_soon(host, i);
        host->worker[i].is_turn_due = false;
        turn_soon(host, i);
    }
}

/* ---- events of the network ---- */

static void in_received(struct net_end *end, const char *data, size_t bytes) {
    struct sim_conn *conn = end->owner;
    if (!conn)
        return;
    conn_keep(conn, data, bytes);
    conn->has_input = true;
    turn_soon(conn->host, conn->worker);
}

static void in_writable(struct net_end *end) {
    struct sim_conn *conn = end->owner;
    if (!conn)
        return;
    conn->has_input = true;
    turn_soon(conn->host, conn->worker);
}

static void in_closed(struct net_end *end) {
    struct sim_conn *conn = end->owner;
    if (!conn)
        return;
    conn->is_peer_gone = true;
    conn->has_input = true;
    turn_soon(conn->host, conn->worker);
}

static const struct net_events in_events = {NULL, in_received, in_writable, in_closed};

void host_accept(struct world *world, struct net_end *end) {
    struct host *host = world->host[end->place];
    struct sim_conn *conn = mem_zalloc(sizeof(*conn));
    CHECK(conn && host->is_running);
    host_clock(host);
    conn->host = host;
    conn->end = end;
    conn->worker = (unsigned)world_below(world, WORKER_COUNT);
    conn->peer =
        (struct session_peer){.ip = host_conn_address(net_other(end)->place), .connection = conn};
    conn->session = session_create(&host->worker[conn->worker].env, &conn->peer);
    CHECK(conn->session);
    outbuf_init(&conn->out);
    conn_keep(conn, "", 0);
    conn->next = host->conns;
    host->conns = conn;
    end->events = &in_events;
    end->owner = conn;
}
