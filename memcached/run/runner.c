#include "memcached/run/runner.h"

#include <signal.h>

#include "memcached/base/mem.h"
#include "memcached/run/background.h"
#include "memcached/run/conn.h"
#include "memcached/run/process.h"
#include "memcached/run/worker.h"

enum { CACHE_LINE_BYTES = 64 };

struct runner {
    struct freeze freeze;
    struct runner_config config;
    struct conn_list list;
    struct loop *loop; /* main thread */
    struct loop_watch *signals;
    struct listener_set *listeners;
    struct background *background;
    struct watch_hub *hub;
    struct worker **workers;
    unsigned worker_count;    /* created so far */
    _Atomic bool is_stopping; /* set before the loop is woken, read after it */
};

/*
 * ---- hooks ------------------------------------------------------------------------------------
 */

static uint64_t get(_Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void on_stats(void *context, struct serve_run_stats *out) {
    struct runner *runner = context;
    struct conn_list *list = &runner->list;
    uint64_t open = get(&list->listener_count) + get(&list->client_count);
    *out = (struct serve_run_stats){
        .curr_connections = open ? open - 1 : 0, /* as memcached counts: all sockets but one */
        .total_connections = get(&list->total_count),
        .rejected_connections = get(&list->rejected_count),
        .connection_structures = get(&list->structure_count),
        .max_connections = runner->config.connection_max,
        .reserved_fds = runner_descriptors(runner->config.worker_count),
    };
    for (unsigned i = 0; i < runner->worker_count; i++)
        worker_stats(runner->workers[i], out);
    listener_set_stats(runner->listeners, out);
    watch_hub_stats(runner->hub, out);
}

static void on_stats_conns(void *context, struct stat_sink *sink) {
    struct runner *runner = context;
    conn_list_stats(&runner->list, sink);
}

static void on_stats_stalls(void *context, struct stat_sink *sink) {
    struct runner *runner = context;
    struct stall_sum sums[STALL_COUNT] = {0};
    stalls_add(background_stalls(runner->background), sums);
    for (unsigned i = 0; i < runner->worker_count; i++)
        stalls_add(worker_stalls(runner->workers[i]), sums);
    stalls_stats(sums, sink);
}

static void on_stats_reset(void *context) {
    struct runner *runner = context;
    atomic_store_explicit(&runner->list.total_count, 0, memory_order_relaxed);
    atomic_store_explicit(&runner->list.rejected_count, 0, memory_order_relaxed);
    for (unsigned i = 0; i < runner->worker_count; i++)
        worker_stats_reset(runner->workers[i]);
    listener_set_stats_reset(runner->listeners);
    watch_hub_stats_reset(runner->hub);
    stalls_reset(background_stalls(runner->background));
    latch_waits_reset();
}

static enum serve_watch on_watch(void *context, void *connection, uint32_t streams) {
    (void)context;
    return connection ? conn_watch(connection, streams) : SERVE_WATCH_FAILED;
}

static void ask_to_stop(struct runner *runner) {
    atomic_store_explicit(&runner->is_stopping, true, memory_order_release);
    loop_wake(runner->loop);
}

static void on_memory_limited(void *context, uint32_t megabytes) {
    const struct runner *runner = context;
    log_line(runner->config.log, LOG_VERBOSE, "maxbytes adjusted to %" PRIu32 "m", megabytes);
}

static void on_crawl_asked(void *context) {
    const struct runner *runner = context;
    background_wake(runner->background);
}

static void on_shutdown(void *context, bool is_graceful) {
    struct runner *runner = context;
    if (is_graceful)
        log_line(runner->config.log, LOG_ALWAYS, "Gracefully stopping");
    ask_to_stop(runner);
}

static void on_signal(void *context) {
    struct runner *runner = context;
    const struct runner_config *config = &runner->config;
    int number = process_next_signal(config->signal_fd);
    if (number == SIGHUP && config->reload)
        config->reload(config->reload_context);
    else if (number && number != SIGHUP)
        on_shutdown(runner, number == SIGUSR1);
}

static void on_check_due(void *context) {
    struct runner *runner = context;
    for (unsigned i = 0; i < runner->worker_count; i++)
        worker_check_idle(runner->workers[i]);
}

/* How often to look for connections that are silent for too long; 0: never. */
static uint32_t check_period_ms(const struct runner_config *config) {
    if (config->link_timeout_ms)
        return RUNNER_LINK_CHECK_MS;
    return config->idle_timeout_ms ? RUNNER_IDLE_CHECK_MS : 0;
}

/*
 * ---- life -------------------------------------------------------------------------------------
 */

/* One worker's part of the limit; 0: none. */
static uint64_t read_buf_share(const struct runner_config *config) {
    uint64_t share = config->read_buf_limit_bytes / config->worker_count;
    bool is_limited = config->read_buf_limit_bytes > 0;
    return is_limited && share < RUNNER_READ_BUF_BYTES_MIN ? RUNNER_READ_BUF_BYTES_MIN : share;
}

static bool create_worker(struct runner *runner, unsigned index, const char **why) {
    const struct runner_config *config = &runner->config;
    struct server *server = config->server;
    *why = "no memory for counters";
    server->counters[index] = mem_aligned_zalloc(CACHE_LINE_BYTES, sizeof(struct serve_counters));
    if (!server->counters[index])
        return false;
    server->counters_count = index + 1;
    struct worker_config worker = {
        .server = server,
        .counters = server->counters[index],
        .list = &runner->list,
        .log = config->log,
        .request_max = config->request_max,
        .read_buf_limit_bytes = read_buf_share(config),
        .idle_timeout_ms = config->idle_timeout_ms,
        .link_timeout_ms = config->link_timeout_ms,
        .freeze = &runner->freeze,
        .hub = runner->hub,
        .events = watch_hub_log(runner->hub, index),
        .number = index,
        .before_flush = config->before_flush,
        .before_flush_context = config->before_flush_context,
    };
    runner->workers[index] = worker_create(&worker, why);
    if (!runner->workers[index])
        return false;
    runner->worker_count = index + 1;
    return true;
}

static bool create_parts(struct runner *runner, const char **why) {
    const struct runner_config *config = &runner->config;
    struct server *server = config->server;
    *why = "no event loop (too few file descriptors?)";
    runner->loop = loop_create(NULL, NULL);
    if (!runner->loop)
        return false;
    runner->signals = loop_watch_create(runner->loop, config->signal_fd, on_signal, runner);
    if (!runner->signals)
        return false;
    *why = "no memory for the logs of watchers";
    /* one for each worker, and the background thread's */
    struct watch_config watch = {.store = server->store,
                                 .clock = server->clock,
                                 .log_count = config->worker_count + 1,
                                 .log_bytes = config->log_bytes,
                                 .watcher_bytes = config->watcher_bytes};
    runner->hub = watch_hub_create(&watch);
    if (!runner->hub)
        return false;
    *why = "no memory for workers";
    runner->workers = mem_zalloc(config->worker_count * sizeof(struct worker *));
    server->counters = mem_zalloc(config->worker_count * sizeof(struct serve_counters *));
    if (!runner->workers || !server->counters)
        return false;
    for (unsigned i = 0; i < config->worker_count; i++)
        if (!create_worker(runner, i, why))
            return false;
    *why = "no memory for the background thread";
    struct background_config background = {.clock = server->clock,
                                           .store = server->store,
                                           .is_fine = config->is_fine_clock,
                                           .freeze = &runner->freeze,
                                           .events =
                                               watch_hub_log(runner->hub, config->worker_count),
                                           .check_ms = check_period_ms(config),
                                           .check = on_check_due,
                                           .check_context = runner};
    runner->background = background_create(&background);
    if (!runner->background)
        return false;
    *why = "no memory for listeners";
    struct listener_set_config listeners = {.loop = runner->loop,
                                            .list = &runner->list,
                                            .log = config->log,
                                            .clock = server->clock,
                                            .freeze = &runner->freeze,
                                            .protocol = server->settings->binding_protocol,
                                            .workers = runner->workers,
                                            .worker_count = config->worker_count,
                                            .connection_max = config->connection_max,
                                            .is_refusing_fast = config->is_refusing_fast,
                                            .backlog = config->backlog,
                                            .socket_mark = config->socket_mark,
                                            .napi_id_count = config->napi_id_count};
    runner->listeners = listener_set_create(&listeners);
    return runner->listeners != NULL;
}

struct runner *runner_create(const struct runner_config *config, const char **why) {
    *why = "no memory";
    struct runner *runner = mem_zalloc(sizeof(*runner));
    if (!runner)
        return NULL;
    runner->config = *config;
    freeze_init(&runner->freeze, config->freeze_limit_ms);
    conn_list_init(&runner->list, config->server->clock);
    if (!create_parts(runner, why)) {
        runner_destroy(runner);
        return NULL;
    }
    config->server->run = (struct serve_run_hooks){.context = runner,
                                                   .stats = on_stats,
                                                   .stats_conns = on_stats_conns,
                                                   .stats_stalls = on_stats_stalls,
                                                   .stats_reset = on_stats_reset,
                                                   .watch = on_watch,
                                                   .memory_limited = on_memory_limited,
                                                   .crawl_asked = on_crawl_asked,
                                                   .shutdown = on_shutdown};
    return runner;
}

struct listener_set *runner_listeners(struct runner *runner) {
    return runner->listeners;
}

bool runner_start(struct runner *runner) {
    if (!background_start(runner->background) || !watch_hub_start(runner->hub))
        return false;
    for (unsigned i = 0; i < runner->worker_count; i++)
        if (!worker_start(runner->workers[i]))
            return false;
    return listener_set_start(runner->listeners);
}

void runner_run(struct runner *runner) {
    while (!atomic_load_explicit(&runner->is_stopping, memory_order_acquire))
        loop_turn(runner->loop, true);
}

void runner_stop_threads(struct runner *runner) {
    for (unsigned i = 0; i < runner->worker_count; i++)
        worker_stop(runner->workers[i]);
    background_stop(runner->background);
    watch_hub_stop(runner->hub);
}

void runner_close_connections(struct runner *runner) {
    for (unsigned i = 0; i < runner->worker_count; i++)
        worker_close_connections(runner->workers[i]);
}

void runner_destroy(struct runner *runner) {
    if (!runner)
        return;
    struct server *server = runner->config.server;
    runner_stop_threads(runner);
    runner_close_connections(runner);
    listener_set_destroy(runner->listeners);
    background_destroy(runner->background);
    for (unsigned i = 0; i < runner->worker_count; i++)
        worker_destroy(runner->workers[i]);
    watch_hub_destroy(runner->hub);
    mem_free(runner->workers);
    for (unsigned i = 0; i < server->counters_count; i++)
        mem_free(server->counters[i]);
    mem_free(server->counters);
    server->counters = NULL;
    server->counters_count = 0;
    loop_watch_destroy(runner->signals);
    loop_destroy(runner->loop);
    conn_list_destroy(&runner->list);
    mem_free(runner);
}
