/* What goes wrong in a run, and the kinds of runs there are. */
#include <inttypes.h>
#include <string.h>

#include "memcached/base/check.h"
#include "t/sim/client.h"
#include "t/sim/host.h"
#include "t/sim/profile.h"

enum { MS = 1000, S = 1000000 };

/* ---- clients, and who has their address ---- */

static void tell_role(struct host *host, bool is_master) {
    if (!host->is_running || host->is_frozen)
        return;
    host_clock(host);
    TRACE(host->world, "host %u: told to be %s", host->index, is_master ? "master" : "slave");
    if (is_master)
        engine_promote(host->engine);
    else
        engine_demote(host->engine);
    if (!is_master)
        host->world->was_demoted = true;
}

static void move_now(struct world *world, void *object, uint64_t target) {
    (void)object;
    if (world->is_quiet)
        return;
    TRACE(world, "clients go to host %" PRIu64, target);
    world->owner = (unsigned)target;
    for (unsigned i = 0; i < world->client_count; i++)
        client_move(&world->client[i], (unsigned)target);
    /* Now and then nobody says so: then a client's write makes the master. */
    if (!world_one_in(world, 4))
        tell_role(world->host[target], true);
    if (!world_one_in(world, 4))
        tell_role(world->host[1 - target], false);
}

/* The address has left one host, whose clients hang, and turns up at the other. */
static void move_later(struct world *world, unsigned target, uint64_t low_us, uint64_t high_us) {
    world_after(world, world_between(world, low_us, high_us), move_now, NULL, target);
}

/* ---- faults ---- */

static void start_now(struct world *world, void *object, uint64_t number) {
    struct host *host = object;
    (void)world;
    if (!host->is_running && host->life == number)
        host_start(host);
}

static void start_later(struct host *host, uint64_t low_us, uint64_t high_us) {
    world_after(host->world, world_between(host->world, low_us, high_us), start_now, host,
                host->life);
}

static struct host *victim(struct world *world) {
    return world->host[world_one_in(world, 3) ? 1 - world->owner : world->owner];
}

static void fault_kill(struct world *world) {
    struct host *host = victim(world);
    host_kill(host);
    /* Back before anybody noticed, or later. */
    if (world_one_in(world, 4)) {
        start_later(host, 1 * MS, 50 * MS);
        return;
    }
    if (host->index == world->owner)
        move_later(world, 1 - host->index, 100 * MS, 1 * S);
    start_later(host, 20 * MS, 4 * S);
}

static void fault_machine(struct world *world) {
    struct host *host = victim(world);
    host_machine_down(host);
    if (host->index == world->owner)
        move_later(world, 1 - host->index, 300 * MS, 1 * S);
    start_later(host, 300 * MS, 6 * S);
}

static void fault_both(struct world *world) {
    bool are_machines = world_one_in(world, 2);
    for (unsigned i = 0; i < HOST_COUNT; i++) {
        if (are_machines)
            host_machine_down(world->host[i]);
        else
            host_kill(world->host[i]);
        start_later(world->host[i], 100 * MS, world_one_in(world, 2) ? 101 * MS : 1 * S);
    }
}

static void thaw_now(struct world *world, void *object, uint64_t number) {
    struct host *host = object;
    (void)world;
    if (host->life == number)
        host_freeze(host, false);
}

static void fault_freeze(struct world *world) {
    struct host *host = victim(world);
    uint64_t length_us = world_one_in(world, 2) ? world_between(world, 5 * MS, 500 * MS)
                                                : world_between(world, 500 * MS, 4 * S);
    if (!host->is_running)
        return;
    host_freeze(host, true);
    world_after(world, length_us, thaw_now, host, host->life);
    if (host->index == world->owner && length_us > 400 * MS && !world_one_in(world, 3))
        move_later(world, 1 - host->index, 300 * MS, 1 * S);
}

static void heal_now(struct world *world, void *object, uint64_t number) {
    (void)object;
    TRACE(world, "network healed");
    net_cut(world->net, (unsigned)number, 1 - (unsigned)number, false);
}

static uint64_t cut(struct world *world, bool is_both) {
    uint64_t length_us = world_one_in(world, 2) ? world_between(world, 1 * MS, 600 * MS)
                                                : world_between(world, 600 * MS, 6 * S);
    unsigned from = (unsigned)world_below(world, HOST_COUNT);
    TRACE(world, "network cut from %u%s", from, is_both ? " and back" : "");
    net_cut(world->net, from, 1 - from, true);
    world_after(world, length_us, heal_now, NULL, from);
    if (is_both) {
        net_cut(world->net, 1 - from, from, true);
        world_after(world, length_us, heal_now, NULL, 1 - from);
    }
    return length_us;
}

static void fault_cut(struct world *world) {
    uint64_t length_us = cut(world, true);
    if (world_one_in(world, 4))
        move_later(world, 1 - world->owner, 100 * MS, length_us);
}

static void fault_cut_one_way(struct world *world) {
    cut(world, false);
}

static void fault_reset(struct world *world) {
    TRACE(world, "connections between the hosts reset");
    for (struct net_conn *conn = world->net->conns; conn; conn = conn->next)
        if (conn->end[0].place != HOST_CLIENTS && !world_one_in(world, 3))
            net_reset(conn);
}

static void fault_slow(struct world *world) {
    static const uint64_t delays[][2] = {{20, 200}, {20, 200}, {500, 3000}, {5 * MS, 40 * MS}};
    const uint64_t *delay = delays[world_below(world, 4)];
    TRACE(world, "network delay %" PRIu64 " to %" PRIu64 " us", delay[0], delay[1]);
    world->net->delay_us_min = delay[0];
    world->net->delay_us_max = delay[1];
    world->net->capacity = world_one_in(world, 3) ? 256 : world->profile->capacity;
}

static void fault_move(struct world *world) {
    move_later(world, 1 - world->owner, 0, 300 * MS);
}

static void fault_split(struct world *world) {
    uint64_t length_us = cut(world, true);
    unsigned other = 1 - world->owner;
    for (unsigned i = 0; i < world->client_count; i += 2)
        client_move(&world->client[i], other);
    if (!world_one_in(world, 3))
        tell_role(world->host[other], true);
    move_later(world, (unsigned)world_below(world, HOST_COUNT), length_us, length_us + 1 * S);
}

static void fault_role(struct world *world) {
    tell_role(world->host[world_below(world, HOST_COUNT)], world_one_in(world, 2));
}

static void fault_clock(struct world *world) {
    struct host *host = world->host[world_below(world, HOST_COUNT)];
    uint64_t most = world->profile->skew_ms_max + 200;
    host->skew_ms = (int64_t)world_below(world, 2 * most + 1) - (int64_t)most;
    TRACE(world, "host %u: wall clock off by %" PRId64 " ms", host->index, host->skew_ms);
}

/* `number` more of them. */
static void move_pages(struct world *world, void *object, uint64_t number) {
    (void)object;
    for (unsigned i = 0; i < HOST_COUNT; i++) {
        struct host *host = world->host[i];
        if (!host->is_running || host->is_frozen)
            continue;
        unsigned class_count = store_class_count(host->store);
        int64_t from = world_one_in(world, 3) ? STORE_REASSIGN_ANY
                                              : 1 + (int64_t)world_below(world, class_count);
        int64_t to = (int64_t)world_below(world, class_count + 1);
        host_clock(host);
        (void)store_reassign(host->handle[HANDLE_BACKGROUND], from, to);
    }
    if (number > 1 && !world->is_quiet)
        world_after(world, world_between(world, 1 * MS, 10 * MS), move_pages, NULL, number - 1);
}

static void fault_pages(struct world *world) {
    TRACE(world, "slab pages change class");
    move_pages(world, NULL, 60);
}

static void fault(struct world *world, void *object, uint64_t number) {
    const struct profile *profile = world->profile;
    unsigned sum = 0;
    (void)object;
    if (world->is_quiet)
        return;
#define SIM_FAULT(name, what) sum += profile->name##_weight;
    SIM_FAULTS
#undef SIM_FAULT
    unsigned draw = sum ? (unsigned)world_below(world, sum) : 0;
#define SIM_FAULT(name, what)                                                                      \
    if (sum > 0 && draw < profile->name##_weight) {                                                \
        fault_##name(world);                                                                       \
        sum = 0;                                                                                   \
    }                                                                                              \
    draw -= sum ? profile->name##_weight : 0;
    SIM_FAULTS
#undef SIM_FAULT
    world_after(world, 1 + world_below(world, 2 * profile->fault_us), fault, NULL, number + 1);
}

void faults_start(struct world *world) {
    world_after(world, 1 * S + world_below(world, 2 * world->profile->fault_us), fault, NULL, 0);
}

void faults_end(struct world *world) {
    TRACE(world, "the end of clients and faults");
    world->is_quiet = true;
    world->net->delay_us_min = 20;
    world->net->delay_us_max = 200;
    world->net->capacity = world->profile->capacity;
    for (unsigned i = 0; i < HOST_COUNT; i++) {
        struct host *host = world->host[i];
        net_cut(world->net, i, 1 - i, false);
        host_freeze(host, false);
        if (!host->is_running)
            host_start(host);
    }
    /* Who demotes promotes, in the end: two slaves are nobody's fault but the operator's. */
    if (world->was_demoted)
        tell_role(world->host[world->owner], true);
}

/* ---- kinds of runs ---- */

/* clang-format off */
static const struct profile kinds[] = {
    {.name = "calm", .move_weight = 1, .fault_us = 4 * S},
    {.name = "fail-over", .kill_weight = 3, .machine_weight = 2, .move_weight = 1,
     .both_weight = 1, .fault_us = 2 * S},
    {.name = "links", .cut_weight = 3, .cut_one_way_weight = 2, .reset_weight = 3,
     .slow_weight = 2, .freeze_weight = 1, .fault_us = 1 * S},
    {.name = "overflow", .cut_weight = 3, .cut_one_way_weight = 1, .freeze_weight = 1,
     .slow_weight = 2, .kill_weight = 1, .fault_us = 2 * S, .key_count = 300, .think_us = 7 * MS,
     .log_bytes = 4096},
    {.name = "split", .split_weight = 4, .reset_weight = 1, .move_weight = 1, .role_weight = 1,
     .kill_weight = 1, .fault_us = 3 * S},
    {.name = "split overflow", .split_weight = 5, .kill_weight = 1, .slow_weight = 1,
     .fault_us = 2 * S, .key_count = 300, .think_us = 5 * MS, .log_bytes = 4096},
    {.name = "small memory", .kill_weight = 2, .cut_weight = 1, .move_weight = 1,
     .fault_us = 2 * S, .limit_bytes = 1 << 20, .value_bytes_max = 40000, .key_count = 200,
     .big_one_in = 3, .is_evicting = true},
    {.name = "pages", .pages_weight = 8, .kill_weight = 1, .cut_weight = 1, .reset_weight = 1,
     .move_weight = 1, .both_weight = 1, .fault_us = 300 * MS, .value_bytes_max = 40000,
     .key_count = 300, .big_one_in = 2},
    {.name = "restarts", .kill_weight = 4, .both_weight = 2, .role_weight = 1, .fault_us = 400 * MS},
    {.name = "everything", .kill_weight = 2, .machine_weight = 2, .both_weight = 1,
     .freeze_weight = 2, .cut_weight = 2, .cut_one_way_weight = 2, .reset_weight = 2,
     .slow_weight = 2, .move_weight = 2, .split_weight = 2, .role_weight = 1, .clock_weight = 1,
     .fault_us = 700 * MS},
};
/* clang-format on */

void profile_draw(struct world *world, struct profile *profile) {
    *profile = kinds[world_below(world, sizeof(kinds) / sizeof(kinds[0]))];
    if (!profile->key_count)
        profile->key_count = (unsigned)world_between(world, 12, 60);
    if (!profile->think_us)
        profile->think_us = world_between(world, 8 * MS, 30 * MS);
    if (!profile->value_bytes_max)
        profile->value_bytes_max = world_one_in(world, 4) ? 20000 : 300;
    if (!profile->big_one_in)
        profile->big_one_in = 12;
    if (!profile->log_bytes)
        profile->log_bytes = world_one_in(world, 3) ? 4096 : 1 << 20;
    if (!profile->limit_bytes)
        profile->limit_bytes = 64 << 20;
    profile->client_count = (unsigned)world_between(world, 2, 6);
    profile->busy_us = world_between(world, 5 * S, 12 * S);
    profile->tombstones = world_one_in(world, 4) ? 64 : 4096;
    profile->capacity = world_one_in(world, 3) ? 2000 : 64 * 1024;
    profile->skew_ms_max = world_one_in(world, 3) ? 3000 : 20;
    profile->flush_one_in = world_one_in(world, 3) ? 150 : 0;
}
