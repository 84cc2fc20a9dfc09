/*
 * The deterministic simulator of a pair: see README.md.
 *
 *   sim [--trace] --seed N        one run, said in detail with --trace
 *   sim --seeds FROM-TO           many, one summary line
 *   sim                           as a test: SIM_SEEDS seeds (1000), and one of them twice
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/num.h"
#include "t/sim/client.h"
#include "t/sim/host.h"
#include "t/sim/profile.h"

enum { QUIET_US = 15000000, SEEDS_DEFAULT = 1000, FAILURES_SHOWN = 5 };

struct outcome {
    bool is_failed;
    uint64_t trace_hash, events;
    struct model_counts counts;
    const char *profile;
};

static void counts_add(struct model_counts *sum, const struct model_counts *more) {
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)more;
    for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
        to[i] += from[i];
}

static void stage_open(struct world *world, struct profile *profile) {
    profile_draw(world, profile);
    world->profile = profile;
    TRACE(world, "a run of the kind \"%s\": %u keys, %u clients, log of %" PRIu64 " bytes",
          profile->name, profile->key_count, profile->client_count, profile->log_bytes);
    world->net = net_create(world);
    world->net->accept = host_accept;
    world->net->delay_us_min = 20;
    world->net->delay_us_max = 200;
    world->net->capacity = profile->capacity;
    world->model = model_create(world, profile->key_count);
    for (unsigned i = 0; i < HOST_COUNT; i++)
        world->host[i] = host_create(world, i);
    world->client = clients_create(world, profile->client_count);
    world->client_count = profile->client_count;
}

static void start_second(struct world *world, void *object, uint64_t number) {
    struct host *host = object;
    (void)world;
    if (!host->is_running && host->life == number)
        host_start(host);
}

static void stage_play(struct world *world) {
    world->owner = (unsigned)world_below(world, HOST_COUNT);
    host_start(world->host[world->owner]);
    struct host *second = world->host[1 - world->owner];
    uint64_t wait_us = world_one_in(world, 2) ? 0 : world_below(world, 3000000);
    world_after(world, wait_us, start_second, second, second->life);
    for (unsigned i = 0; i < world->client_count; i++) {
        world->client[i].target = world->owner;
        client_start(&world->client[i]);
    }
    faults_start(world);
    world_run(world, world->profile->busy_us);
    if (world->is_failed)
        return;
    faults_end(world);
    world_run(world, world->now_us + QUIET_US);
    if (!world->is_failed)
        model_compare(world->model);
}

static void stage_close(struct world *world) {
    for (unsigned i = 0; i < HOST_COUNT; i++)
        host_destroy(world->host[i]);
    clients_destroy(world);
    model_destroy(world->model);
    net_destroy(world->net);
}

static struct outcome run(uint64_t seed, bool is_tracing) {
    struct world world;
    struct profile profile;
    world_open(&world, seed, is_tracing);
    stage_open(&world, &profile);
    stage_play(&world);
    struct outcome outcome = {.counts = *model_counts(world.model), .profile = profile.name};
    outcome.is_failed = world.is_failed;
    outcome.trace_hash = world.trace_hash;
    outcome.events = world.event_count;
    stage_close(&world);
    world_close(&world);
    return outcome;
}

static int run_one(uint64_t seed, bool is_tracing) {
    struct outcome outcome = run(seed, is_tracing);
    printf("seed %" PRIu64 " (%s): %s, %" PRIu64 " events, trace %016" PRIx64 "\n", seed,
           outcome.profile, outcome.is_failed ? "FAILED" : "ok", outcome.events,
           outcome.trace_hash);
    return outcome.is_failed;
}

static uint64_t run_many(uint64_t from, uint64_t to) {
    struct model_counts sum = {0};
    uint64_t failures = 0;
    uint64_t events = 0;
    for (uint64_t seed = from; seed <= to && failures < FAILURES_SHOWN; seed++) {
        struct outcome outcome = run(seed, false);
        failures += outcome.is_failed;
        events += outcome.events;
        counts_add(&sum, &outcome.counts);
    }
    printf("# %" PRIu64 " events, %" PRIu64 " changes, %" PRIu64 " reads that hit, %" PRIu64
           " looks at everything\n",
           events, sum.writes, sum.hits, sum.sweeps);
    printf("# kills checked %" PRIu64 ", syncs %" PRIu64 ", drained logs %" PRIu64
           ", starts over %" PRIu64 " (%" PRIu64 " of them lost changes for want of a log: %" PRIu64
           ")\n",
           sum.kill_checks, sum.sync_checks, sum.drained_checks, sum.start_overs,
           sum.excused_start_overs, sum.lost_writes);
    printf("# pages moved %" PRIu64 ", items that they held %" PRIu64 "; evicted %" PRIu64 "\n",
           sum.pages_moved, sum.rescues, sum.evictions);
    printf("# seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " failed%s\n", from, to, failures,
           failures == FAILURES_SHOWN ? " (stopped there)" : "");
    return failures;
}

/* Output for the test harness: 0 when all is well. */
static int check(uint64_t count) {
    uint64_t failures = run_many(1, count);
    struct outcome first = run(count / 2 + 1, false);
    struct outcome again = run(count / 2 + 1, false);
    bool is_same = first.trace_hash == again.trace_hash && first.events == again.events;
    printf("# seed %" PRIu64 " twice: trace %016" PRIx64 " and %016" PRIx64 "\n", count / 2 + 1,
           first.trace_hash, again.trace_hash);
    printf("sim: %" PRIu64 " seeds, %" PRIu64 " failed, replay %s\n", count, failures,
           is_same ? "exact" : "DIFFERS");
    return failures > 0 || !is_same;
}

static int usage(void) {
    fprintf(stderr, "usage: sim [--trace] --seed N | --seeds FROM-TO\n");
    return 2;
}

static bool number(const char *text, uint64_t *value) {
    return text && num_u64(text, strlen(text), value);
}

int main(int argc, char **argv) {
    uint64_t from, to;
    bool is_tracing = argc > 1 && strcmp(argv[1], "--trace") == 0;
    char **args = argv + 1 + is_tracing;
    int count = argc - 1 - is_tracing;
    if (count == 0 && !is_tracing)
        return check(number(getenv("SIM_SEEDS"), &to) ? to : SEEDS_DEFAULT);
    if (count == 3 && strcmp(args[2], "--trace") == 0) {
        is_tracing = true;
        count = 2;
    }
    if (count == 2 && strcmp(args[0], "--seed") == 0 && number(args[1], &from))
        return run_one(from, is_tracing);
    if (count == 2 && strcmp(args[0], "--seeds") == 0) {
        const char *dash = strchr(args[1], '-');
        if (!dash || !num_u64(args[1], (size_t)(dash - args[1]), &from) || !number(dash + 1, &to))
            return usage();
        return run_many(from, to) > 0;
    }
    return usage();
}
