#define _GNU_SOURCE /* pthread_setname_np */
#include "memcached/run/worker.h"

#include <pthread.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/run/conn.h"
#include "memcached/run/handover.h"
#include "memcached/run/udp.h"

enum { UNSENT_PARTS = 128 }; /* of a worker's share of -o read_buf_mem_limit */

struct worker {
    struct worker_config config; /* fixed */
    struct conn_env env;         /* owner thread, while it runs */
    struct udp_port *udp_ports;  /* likewise */
    bool is_checking_idle;       /* owner thread: in this turn */
    bool is_opening;             /* likewise: there may be connections to open */
    bool has_begun;              /* likewise: there was something to do */
    struct stalls stalls;
    pthread_t thread;
    bool is_running; /* main thread */

    _Atomic bool is_stopping;       /* set before a wake, read after it */
    _Atomic bool is_idle_check_due; /* likewise */

    _Atomic uint64_t yields_at_reset, idle_kicks_at_reset; /* any worker writes */

    struct handover_queue handovers; /* what it is to serve and has not opened yet */
};

/*
 * Opens some of what the acceptor has handed over; the others in the next turn. Whoever has waited
 * through a stand-still of the process is closed, as the clients are who were open then.
 */
static void open_some(struct worker *worker) {
    struct handover sockets[HANDOVER_TAKE_MAX];
    size_t count = handover_take(&worker->handovers, sockets, &worker->is_opening);
    uint32_t thaws = count > 0 ? freeze_look(worker->config.freeze) : 0;
    for (size_t i = 0; i < count; i++) {
        if (UNLIKELY(sockets[i].thaws != thaws)) {
            close(sockets[i].fd);
            atomic_fetch_sub_explicit(&worker->config.list->client_count, 1, memory_order_relaxed);
            continue;
        }
        if (!conn_open(&worker->env, sockets[i].fd, &sockets[i].peer, sockets[i].origin))
            log_line(worker->config.log, LOG_VERBOSE, "no memory for a new connection");
    }
}

static void on_woken(void *context) {
    struct worker *worker = context;
    worker->is_opening = true;
    conn_look_at_watchers(&worker->env);
    if (atomic_exchange_explicit(&worker->is_idle_check_due, false, memory_order_acquire))
        worker->is_checking_idle = true;
}

static void on_turn(void *context) {
    struct worker *worker = context;
    worker->has_begun = true;
    stalls_begin(&worker->stalls);
}

/*
 * A turn has two phases: read and execute for every connection that is ready, then flush: first
 * what goes to the peer, then one send a connection.
 */
static void turn(struct worker *worker) {
    struct conn_env *env = &worker->env;
    loop_turn(env->loop, !conn_has_work(env) && !worker->is_opening);
    if (UNLIKELY(worker->is_opening))
        open_some(worker);
    conn_look_for_thaw(env);
    if (env->again.first)
        conn_run_again(env);
    if (worker->is_checking_idle) {
        /* Now, and not when woken: what arrived in this turn counts. */
        worker->is_checking_idle = false;
        conn_kick_idle(env, worker->config.idle_timeout_ms, worker->config.link_timeout_ms);
    }
    if (worker->config.before_flush)
        worker->config.before_flush(worker->config.before_flush_context, env->session.store);
    conn_flush_all(env);
    udp_port_flush_all(worker->udp_ports);
    store_thread_quiesce(env->session.store);
    if (worker->has_begun)
        stalls_end(&worker->stalls, STALL_turn);
    worker->has_begun = false;
}

static void *run(void *context) {
    struct worker *worker = context;
    while (!atomic_load_explicit(&worker->is_stopping, memory_order_acquire))
        turn(worker);
    return NULL;
}

/* Where memory for buffers is scarce, each connection has a part of it. */
static uint32_t unsent_max(uint64_t limit_bytes) {
    uint64_t part = limit_bytes / UNSENT_PARTS;
    if (limit_bytes == 0 || part > SESSION_OUT_HIGH_BYTES)
        return SESSION_OUT_HIGH_BYTES;
    return part > CONN_SHORT_BYTES ? (uint32_t)part : CONN_SHORT_BYTES;
}

static bool env_init(struct worker *worker, const char **why) {
    const struct worker_config *config = &worker->config;
    struct conn_env *env = &worker->env;
    *env = (struct conn_env){.list = config->list,
                             .log = config->log,
                             .request_max = config->request_max,
                             .freeze = config->freeze,
                             .hub = config->hub};
    env->unsent_max = unsent_max(config->read_buf_limit_bytes);
    bufpool_init(&env->pool, config->read_buf_limit_bytes);
    env->session.server = config->server;
    env->session.counters = config->counters;
    env->session.events = config->events;
    env->session.worker = config->number;
    env->session.out_high_bytes = CONN_SHORT_BYTES;
    *why = "no memory for the receive buffer";
    env->receive = mem_alloc(INBUF_BYTES_MAX);
    if (!env->receive)
        return false;
    *why = "no event loop (too few file descriptors?)";
    env->loop = loop_create(on_woken, worker);
    if (!env->loop)
        goto out_receive;
    loop_on_turn(env->loop, on_turn);
    *why = "no handle of the store";
    env->session.store = store_thread_join(config->server->store);
    if (env->session.store) {
        store_thread_tell(env->session.store, event_log_tell, config->events);
        return true;
    }
    loop_destroy(env->loop);
out_receive:
    mem_free(env->receive);
    return false;
}

struct worker *worker_create(const struct worker_config *config, const char **why) {
    *why = "no memory for a worker";
    struct worker *worker = mem_zalloc(sizeof(*worker));
    if (!worker)
        return NULL;
    worker->config = *config;
    if (!env_init(worker, why)) {
        mem_free(worker);
        return NULL;
    }
    handover_queue_init(&worker->handovers);
    return worker;
}

bool worker_start(struct worker *worker) {
    worker->is_running = pthread_create(&worker->thread, NULL, run, worker) == 0;
    if (worker->is_running)
        pthread_setname_np(worker->thread, "mc-worker");
    return worker->is_running;
}

bool worker_assign(struct worker *worker, int fd, const struct socket_address *peer,
                   const struct conn_origin *origin) {
    struct handover socket = {
        .fd = fd, .peer = *peer, .origin = origin, .thaws = freeze_look(worker->config.freeze)};
    bool is_first;
    if (!handover_put(&worker->handovers, &socket, &is_first))
        return false;
    if (is_first)
        loop_wake(worker->env.loop);
    return true;
}

bool worker_serve_udp(struct worker *worker, int fd) {
    return udp_port_open(&worker->udp_ports, &worker->env, fd);
}

void worker_check_idle(struct worker *worker) {
    atomic_store_explicit(&worker->is_idle_check_due, true, memory_order_release);
    loop_wake(worker->env.loop);
}

void worker_stop(struct worker *worker) {
    if (!worker || !worker->is_running)
        return;
    atomic_store_explicit(&worker->is_stopping, true, memory_order_release);
    loop_wake(worker->env.loop);
    pthread_join(worker->thread, NULL);
    worker->is_running = false;
}

void worker_close_connections(struct worker *worker) {
    if (!worker)
        return;
    CHECK(!worker->is_running);
    do {
        open_some(worker);
    } while (worker->is_opening);
    conn_close_all(&worker->env);
    udp_port_close_all(&worker->udp_ports);
}

void worker_destroy(struct worker *worker) {
    if (!worker)
        return;
    worker_close_connections(worker);
    conn_free_spare(&worker->env);
    store_thread_leave(worker->env.session.store);
    bufpool_free(&worker->env.pool);
    loop_destroy(worker->env.loop);
    mem_free(worker->env.receive);
    handover_queue_destroy(&worker->handovers);
    mem_free(worker);
}

static uint64_t get(_Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void worker_stats(struct worker *worker, struct serve_run_stats *sum) {
    struct conn_env *env = &worker->env;
    sum->conn_yields += get(&env->yield_count) - get(&worker->yields_at_reset);
    sum->idle_kicks += get(&env->idle_kick_count) - get(&worker->idle_kicks_at_reset);
    sum->read_buf_count += get(&env->pool.buffer_count);
    sum->read_buf_bytes += get(&env->pool.total_bytes);
    sum->read_buf_bytes_free += get(&env->pool.free_bytes);
    sum->read_buf_oom += get(&env->pool.refused_count);
}

struct stalls *worker_stalls(struct worker *worker) {
    return &worker->stalls;
}

void worker_stats_reset(struct worker *worker) {
    stalls_reset(&worker->stalls);
    /*
     * The counts are their owner's: what they were is remembered, so that no addition can undo it.
     */
    atomic_store_explicit(&worker->yields_at_reset, get(&worker->env.yield_count),
                          memory_order_relaxed);
    atomic_store_explicit(&worker->idle_kicks_at_reset, get(&worker->env.idle_kick_count),
                          memory_order_relaxed);
}
