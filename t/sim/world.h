/*
 * A simulated world: time in microseconds, a queue of events, chance from one seed, and a hash over
 * everything that happens, by which two runs of a seed are compared. One thread.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/base/rng.h"

enum {
    HOST_COUNT = 2,
    HOST_CLIENTS = 2,
    PLACE_COUNT = 3 /* both hosts, and where the clients are */
};

struct host;
struct client;
struct net;
struct model;
struct profile;
struct world;

typedef void (*world_event)(struct world *world, void *object, uint64_t number);

struct event {
    uint64_t at_us;
    uint64_t order; /* ties go by the order of asking */
    world_event run;
    void *object;
    uint64_t number;
};

struct world {
    uint64_t seed;
    uint64_t now_us;
    uint64_t trace_hash;
    uint64_t event_count;
    struct rng rng;
    bool is_tracing;
    bool is_failed;
    struct event *queue; /* a heap */
    size_t queue_count, queue_capacity;
    uint64_t next_order;

    const struct profile *profile;
    struct net *net;
    struct model *model;
    struct host *host[HOST_COUNT];
    struct client *client;
    unsigned client_count;
    uint64_t next_op;
    unsigned owner; /* the host that has the clients' address */
    bool was_demoted;
    uint64_t freeze_ms_max; /* how long a host has stood still at most */
    bool is_quiet;          /* clients and faults have ended */
};

void world_open(struct world *world, uint64_t seed, bool is_tracing);
void world_close(struct world *world);

/*
 * Runs run(world, object, number) after delay_us; nothing is ever taken back: look before acting.
 */
void world_after(struct world *world, uint64_t delay_us, world_event run, void *object,
                 uint64_t number);
/* Until the time given, a failure, or nothing is left to happen. */
void world_run(struct world *world, uint64_t until_us);

/* Chance: below `bound`; between both, inclusive; one in `count`. */
uint64_t world_below(struct world *world, uint64_t bound);
uint64_t world_between(struct world *world, uint64_t low, uint64_t high);
bool world_one_in(struct world *world, uint64_t count);

/* Into the trace hash. */
void world_mix(struct world *world, uint64_t number);
void world_mix_bytes(struct world *world, const void *data, size_t bytes);

void world_say(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line of --trace; free of cost without it. */
#define TRACE(world, ...)                                                                          \
    do {                                                                                           \
        if ((world)->is_tracing)                                                                   \
            world_say((world), __VA_ARGS__);                                                       \
    } while (0)

/* A promise is broken: says which, and how to see it again. The first one counts. */
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

uint64_t bytes_hash(const void *data, size_t bytes);

#endif
