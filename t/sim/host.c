#include "t/sim/host.h"

#include <inttypes.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/serve/settings.h"
#include "memcached/store/crawler.h"
#include "t/sim/host_conn.h"
#include "t/sim/profile.h"

enum {
    EPOCH_WALL_MS_HIGH = 1700000, /* times a million: the wall clock at the start of a world */
    BACKGROUND_US = 100000,
    WAKE_US_MIN = 3,
    WAKE_US_MAX = 150,
};

uint64_t host_wall_ms(const struct host *host) {
    uint64_t wall = (uint64_t)EPOCH_WALL_MS_HIGH * 1000000 + host->world->now_us / 1000;
    return (uint64_t)((int64_t)wall + host->skew_ms);
}

static uint64_t host_mono_ms(const struct host *host) {
    return 1000 + (host->world->now_us - host->boot_us) / 1000;
}

void host_clock(struct host *host) {
    clock_set(&host->clock, host_wall_ms(host), host_mono_ms(host));
}

struct host *host_peer(const struct host *host) {
    return host->world->host[1 - host->index];
}

/* ---- the replication thread ---- */

static void tick(struct host *host);

static void tick_event(struct world *world, void *object, uint64_t number) {
    struct host *host = object;
    if (!host->is_running || host->life != number || host->tick_us != world->now_us)
        return;
    host->tick_us = UINT64_MAX;
    if (!host->is_frozen)
        tick(host);
}

static void tick_at(struct host *host, uint64_t at_us) {
    if (at_us >= host->tick_us)
        return;
    host->tick_us = at_us;
    world_after(host->world, at_us - host->world->now_us, tick_event, host, host->life);
}

void host_wake(struct host *host) {
    if (host->is_running)
        tick_at(host, host->world->now_us + world_between(host->world, WAKE_US_MIN, WAKE_US_MAX));
}

static bool is_up(enum out_state state) {
    return state == OUT_FULL || state == OUT_STREAMING;
}

static void tick(struct host *host) {
    struct world *world = host->world;
    host_clock(host);
    uint64_t next_ms = engine_tick(host->engine, host->handle[HANDLE_REPL]);
    store_thread_quiesce(host->handle[HANDLE_REPL]);
    struct node_view view;
    engine_view(host->engine, &view);
    if (is_up(view.out) && !is_up(host->out_state) && host->out)
        model_stream_begins(world->model, host, host->out->conn);
    if (view.out != host->out_state)
        TRACE(world, "host %u: link out %s", host->index, out_state_name(view.out));
    host->out_state = view.out;
    uint64_t now_ms = host_mono_ms(host);
    if (next_ms <= now_ms)
        tick_at(host, world->now_us + world_between(world, 1, 40));
    else
        tick_at(host, world->now_us + (next_ms - now_ms) * 1000);
}

static void out_connected(struct net_end *end) {
    struct host *host = end->owner;
    host_clock(host);
    engine_out_connected(host->engine);
    tick(host);
}

static void out_received(struct net_end *end, const char *data, size_t bytes) {
    struct host *host = end->owner;
    host_clock(host);
    engine_out_received(host->engine, data, bytes);
    tick(host);
}

static void out_writable(struct net_end *end) {
    struct host *host = end->owner;
    host_clock(host);
    engine_out_writable(host->engine);
    tick(host);
}

static void out_closed(struct net_end *end) {
    struct host *host = end->owner;
    host_clock(host);
    engine_out_closed(host->engine);
    net_close(end);
    host->out = NULL;
    tick(host);
}

static const struct net_events out_events = {out_connected, out_received, out_writable, out_closed};

static ssize_t transport_send(void *context, const struct iovec *vec, int count) {
    struct host *host = context;
    CHECK(host->out);
    return net_send(host->out, vec, count);
}

static void transport_wake(void *context) {
    host_wake(context);
}

static void transport_dial(void *context) {
    struct host *host = context;
    CHECK(!host->out);
    host->out = net_connect(host->world->net, host->index, 1 - host->index, &out_events, host);
}

static void transport_close(void *context) {
    struct host *host = context;
    if (host->out)
        net_abort(host->out);
    host->out = NULL;
}

static void transport_changed(void *context, const struct node_view *view) {
    struct host *host = context;
    TRACE(host->world, "host %u: %s %s", host->index, node_role_name(view->self.role),
          node_state_name(view->self.state));
}

/* ---- the background thread ---- */

static void background(struct world *world, void *object, uint64_t number) {
    struct host *host = object;
    if (!host->is_running || host->life != number)
        return;
    if (!host->is_frozen) {
        host_clock(host);
        store_tick(host->handle[HANDLE_BACKGROUND]);
        for (int i = 0; i < 8 && store_maintain(host->handle[HANDLE_BACKGROUND]); i++)
            ;
        for (int i = 0; i < 8 && store_grow(host->handle[HANDLE_BACKGROUND]); i++)
            ;
        store_crawl(host->handle[HANDLE_BACKGROUND]);
        store_thread_quiesce(host->handle[HANDLE_BACKGROUND]);
        store_thread_quiesce(host->handle[HANDLE_LOOK]);
        host->background_ms = host_wall_ms(host);
        model_sweep(world->model, host);
        model_drained(world->model, host);
    }
    world_after(world, world_between(world, BACKGROUND_US / 2, BACKGROUND_US * 3 / 2), background,
                host, number);
}

/* ---- life and death ---- */

struct host *host_create(struct world *world, unsigned index) {
    struct host *host = mem_zalloc(sizeof(*host));
    CHECK(host);
    host->world = world;
    host->index = index;
    host->settings = mem_zalloc(sizeof(*host->settings));
    CHECK(host->settings);
    settings_init(host->settings);
    uint64_t skew = world->profile->skew_ms_max;
    host->skew_ms = (int64_t)world_below(world, 2 * skew + 1) - (int64_t)skew;
    net_machine_up(world->net, index);
    return host;
}

void host_destroy(struct host *host) {
    if (!host)
        return;
    host_kill(host);
    settings_free(host->settings);
    mem_free(host->settings);
    mem_free(host);
}

static void open_store(struct host *host) {
    const struct profile *profile = host->world->profile;
    const char *why = NULL;
    struct store_config config;
    rng_seed(&host->store_rng, rng_next(&host->world->rng));
    rng_seed(&host->node_rng, rng_next(&host->world->rng));
    store_config_default(&config);
    config.limit_bytes = profile->limit_bytes;
    /* each class may have a page beyond the limit: few classes, where memory is to be small */
    if (profile->is_evicting)
        config.growth_factor = 40;
    config.hashpower = 10;
    config.thread_count_max = HANDLE_COUNT;
    config.tombstone_count_max = profile->tombstones;
    config.is_replicated = true;
    config.clock = &host->clock;
    config.rng = &host->store_rng;
    host->store = store_create(&config, &why);
    CHECK(host->store);
}

static void open_engine(struct host *host) {
    const char *why = NULL;
    struct engine_config config = {
        .node_id = 1 + rng_below(&host->world->rng, UINT64_MAX - 1),
        .log_bytes = host->world->profile->log_bytes,
        .join_timeout_ms = JOIN_MS,
        .heartbeat_ms = HEARTBEAT_MS,
        .timeout_ms = TIMEOUT_MS,
        .peer_name = "peer",
        .store = host->store,
        .clock = &host->clock,
        .rng = &host->node_rng,
        .transport = {host, transport_send, transport_wake, transport_dial, transport_close,
                      transport_changed},
    };
    host->engine = engine_create(&config, &why);
    CHECK(host->engine);
    const char *address = host_conn_address(1 - host->index);
    CHECK(engine_allow(host->engine, &address, 1));
}

void host_start(struct host *host) {
    struct world *world = host->world;
    CHECK(!host->is_running);
    if (!world->net->is_machine_up[host->index])
        net_machine_up(world->net, host->index);
    host->life++;
    host->boot_us = world->now_us;
    host->fault_us = world->now_us;
    host->is_frozen = false;
    host->tick_us = UINT64_MAX;
    host->out_state = OUT_DOWN;
    clock_start(&host->clock, host_wall_ms(host), host_mono_ms(host));
    open_store(host);
    open_engine(host);
    host->server = (struct server){.settings = host->settings,
                                   .store = host->store,
                                   .clock = &host->clock,
                                   .start_wall_s = host_wall_ms(host) / 1000};
    engine_hooks(host->engine, &host->hooks);
    host_conn_hooks(host, &host->server.repl);
    for (unsigned i = 0; i < HANDLE_COUNT; i++) {
        host->handle[i] = store_thread_join(host->store);
        CHECK(host->handle[i]);
    }
    for (unsigned i = 0; i < WORKER_COUNT; i++) {
        memset(&host->worker[i], 0, sizeof(host->worker[i]));
        host->worker[i].env = (struct session_env){.server = &host->server,
                                                   .store = host->handle[i],
                                                   .counters = &host->worker[i].counters};
    }
    host->is_running = true;
    world->net->is_listening[host->index] = true;
    model_started(world->model, host);
    TRACE(world, "host %u: starts, skew %" PRId64 " ms", host->index, host->skew_ms);
    host_wake(host);
    world_after(world, 1, background, host, host->life);
}

static void take_down(struct host *host) {
    host->is_running = false;
    host->fault_us = host->world->now_us;
    host->world->net->is_listening[host->index] = false;
    host_conns_end(host);
    if (host->out)
        net_close(host->out);
    host->out = NULL;
    engine_quit(host->engine, host->handle[HANDLE_REPL]);
    engine_quit(host->engine, host->handle[HANDLE_REPL]);
    engine_destroy(host->engine);
    for (unsigned i = 0; i < HANDLE_COUNT; i++)
        store_thread_leave(host->handle[i]);
    store_destroy(host->store);
    host->engine = NULL;
    host->store = NULL;
}

void host_kill(struct host *host) {
    if (!host->is_running)
        return;
    TRACE(host->world, "host %u: process killed", host->index);
    if (host->is_frozen)
        host_freeze(host, false);
    host_clock(host);
    model_killed(host->world->model, host, host->out ? host->out->conn : NULL);
    take_down(host);
}

void host_machine_down(struct host *host) {
    TRACE(host->world, "host %u: machine dies", host->index);
    net_machine_down(host->world->net, host->index);
    host->is_frozen = false;
    if (host->is_running)
        take_down(host);
}

void host_freeze(struct host *host, bool is_frozen) {
    struct world *world = host->world;
    if (!host->is_running || host->is_frozen == is_frozen)
        return;
    TRACE(world, "host %u: %s", host->index, is_frozen ? "frozen" : "thawed");
    uint64_t frozen_ms = is_frozen ? 0 : (world->now_us - host->fault_us) / 1000;
    if (world->freeze_ms_max < frozen_ms)
        world->freeze_ms_max = frozen_ms;
    host->is_frozen = is_frozen;
    host->fault_us = world->now_us;
    net_freeze(world->net, host->index, is_frozen);
    if (is_frozen)
        return;
    host_wake(host);
    host_conns_thaw(host);
}
