#include "t/sim/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"

void world_open(struct world *world, uint64_t seed, bool is_tracing) {
    memset(world, 0, sizeof(*world));
    world->seed = seed;
    world->is_tracing = is_tracing;
    world->trace_hash = 1469598103934665603u;
    rng_seed(&world->rng, seed * 2 + 1);
}

void world_close(struct world *world) {
    mem_free(world->queue);
    world->queue = NULL;
}

static bool is_before(const struct event *a, const struct event *b) {
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void world_after(struct world *world, uint64_t delay_us, world_event run, void *object,
                 uint64_t number) {
    if (world->queue_count == world->queue_capacity) {
        world->queue_capacity = world->queue_capacity ? world->queue_capacity * 2 : 256;
        world->queue = mem_realloc(world->queue, world->queue_capacity * sizeof(*world->queue));
        CHECK(world->queue);
    }
    struct event event = {world->now_us + delay_us, world->next_order++, run, object, number};
    size_t at = world->queue_count++;
    while (at > 0 && is_before(&event, &world->queue[(at - 1) / 2])) {
        world->queue[at] = world->queue[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->queue[at] = event;
}

static struct event queue_take(struct world *world) {
    struct event first = world->queue[0];
    struct event last = world->queue[--world->queue_count];
    size_t at = 0;
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= world->queue_count)
            break;
        if (child + 1 < world->queue_count &&
            is_before(&world->queue[child + 1], &world->queue[child]))
            child++;
        if (!is_before(&world->queue[child], &last))
            break;
        world->queue[at] = world->queue[child];
        at = child;
    }
    if (world->queue_count > 0)
        world->queue[at] = last;
    return first;
}

void world_run(struct world *world, uint64_t until_us) {
    while (!world->is_failed && world->queue_count > 0 && world->queue[0].at_us <= until_us) {
        struct event event = queue_take(world);
        world->now_us = event.at_us;
        world->event_count++;
        world_mix(world, event.at_us);
        world_mix(world, event.number);
        event.run(world, event.object, event.number);
    }
    if (!world->is_failed && world->now_us < until_us)
        world->now_us = until_us;
}

uint64_t world_below(struct world *world, uint64_t bound) {
    return rng_below(&world->rng, bound);
}

uint64_t world_between(struct world *world, uint64_t low, uint64_t high) {
    return low + rng_below(&world->rng, high - low + 1);
}

bool world_one_in(struct world *world, uint64_t count) {
    return rng_below(&world->rng, count) == 0;
}

void world_mix(struct world *world, uint64_t number) {
    world->trace_hash = (world->trace_hash ^ number) * 0x9e3779b97f4a7c15u;
    world->trace_hash ^= world->trace_hash >> 29;
}

uint64_t bytes_hash(const void *data, size_t bytes) {
    const unsigned char *byte = data;
    uint64_t hash = 1469598103934665603u + bytes;
    for (; bytes >= 8; bytes -= 8, byte += 8) {
        uint64_t word;
        memcpy(&word, byte, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    for (; bytes > 0; bytes--, byte++)
        hash = (hash ^ *byte) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

void world_mix_bytes(struct world *world, const void *data, size_t bytes) {
    world_mix(world, bytes_hash(data, bytes));
}

void world_say(struct world *world, const char *format, ...) {
    va_list arguments;
    printf("# %5" PRIu64 ".%06" PRIu64 " ", world->now_us / 1000000, world->now_us % 1000000);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

void world_fail(struct world *world, const char *format, ...) {
    va_list arguments;
    if (world->is_failed)
        return;
    world->is_failed = true;
    printf("# seed %" PRIu64 " at %" PRIu64 ".%06" PRIu64 " s: ", world->seed,
           world->now_us / 1000000, world->now_us % 1000000);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n# replay it with: t/sim/sim --seed %" PRIu64 " --trace\n", world->seed);
    fflush(stdout);
}
