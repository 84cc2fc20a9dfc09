#include "t/bench/trace.h"

#include <string.h>

#include "memcached/base/check.h"
#include "t/bench/keys.h"

enum {
    DRIFT_TURNS = 4,       /* how often each rank changes its key during a trace */
    SCAN_PERIOD = 100000,  /* requests between the starts of two scans */
    SCAN_REQUESTS = 25000, /* of each; every other request belongs to it */
    SHIFT_PHASES = 4,
    LOOP_VALUE_BYTES = 1000,
};

/* Indexes beyond those of the keys that are chosen by chance. */
static const uint32_t scan_base = 1u << 31;

static uint32_t scattered_bytes(uint32_t index, uint32_t least, uint32_t most) {
    uint64_t draw = key_mix(index) >> 32;
    return least + (uint32_t)(draw * (most - least + 1) >> 32);
}

/*
 * What is popular changes: every rank is handed to another key now and then, each at its own time.
 */
static uint32_t drifting_index(struct trace *trace) {
    uint64_t rank = zipf_draw(&trace->zipf, &trace->rng);
    uint64_t life = trace->step_count / DRIFT_TURNS;
    uint64_t turn = (trace->step + key_mix(rank) % life) / life;
    const uint64_t spread = 2654435761u;
    return (uint32_t)((rank * spread + key_mix(turn) % trace->key_count) % trace->key_count);
}

static struct trace_request next_zipf(struct trace *trace) {
    uint32_t index = drifting_index(trace);
    return (struct trace_request){.index = index, .value_bytes = scattered_bytes(index, 50, 350)};
}

static struct trace_request next_small(struct trace *trace) {
    uint32_t index = drifting_index(trace);
    return (struct trace_request){.index = index, .value_bytes = 32};
}

static struct trace_request next_scan(struct trace *trace) {
    if (trace->step % SCAN_PERIOD == 0)
        trace->scan_left = SCAN_REQUESTS;
    if (trace->scan_left && trace->step % 2) {
        trace->scan_left--;
        uint32_t index = scan_base + trace->scan_index++;
        return (struct trace_request){.index = index,
                                      .value_bytes = scattered_bytes(index, 50, 350)};
    }
    uint32_t index = zipf_draw(&trace->zipf, &trace->rng);
    return (struct trace_request){.index = index, .value_bytes = scattered_bytes(index, 50, 350)};
}

/* Round and round, while one request in four is for any key: alone, the loop would never hit. */
static struct trace_request next_loop(struct trace *trace) {
    uint32_t index = (uint32_t)(trace->step % trace->key_count);
    if (rng_below(&trace->rng, 4) == 0)
        index = (uint32_t)rng_below(&trace->rng, trace->key_count);
    return (struct trace_request){.index = index, .value_bytes = LOOP_VALUE_BYTES};
}

/* Three of four keys live for one to four seconds, the others until they are evicted. */
static struct trace_request next_ttl(struct trace *trace) {
    uint32_t index = zipf_draw(&trace->zipf, &trace->rng);
    uint32_t kind = (uint32_t)(key_mix(index) & 15);
    return (struct trace_request){.index = index,
                                  .value_bytes = scattered_bytes(index, 50, 350),
                                  .ttl_s = kind < 12 ? 1 + kind % 4 : 0};
}

/* Values get larger: each phase has its own keys and sizes, the change takes half of a phase. */
static struct trace_request next_shift(struct trace *trace) {
    static const uint32_t least[SHIFT_PHASES] = {50, 300, 1000, 100};
    static const uint32_t most[SHIFT_PHASES] = {250, 900, 4000, 600};
    uint64_t phase_steps = trace->step_count / SHIFT_PHASES + 1;
    unsigned phase = (unsigned)(trace->step / phase_steps);
    uint64_t into = trace->step % phase_steps;
    if (phase > 0 && into < phase_steps / 2 && rng_below(&trace->rng, phase_steps / 2) >= into)
        phase--;
    uint32_t index = zipf_draw(&trace->zipf, &trace->rng) + phase * trace->key_count;
    return (struct trace_request){.index = index,
                                  .value_bytes = scattered_bytes(index, least[phase], most[phase])};
}

const struct trace_kind trace_kinds[] = {
    {"zipf", "zipf 0.9 with drift", 300, 6, 0.9, 4, 0, next_zipf},
    {"small", "the same, values of 32 bytes", 96, 6, 0.9, 1.5, 0, next_small},
    {"scan", "zipf 0.9, scans mixed in", 300, 3, 0.9, 8, 0, next_scan},
    {"loop", "a loop of 1.1 times what fits, and chance", 1184, 1.1, 0, 20, 0, next_loop},
    {"ttl", "zipf 0.8, most live for 1 to 4 s", 300, 3, 0.8, 6, 20, next_ttl},
    {"shift", "zipf 0.8, sizes shift", 1000, 4, 0.8, 12, 80, next_shift},
    {0},
};

const struct trace_kind *trace_kind_named(const char *name) {
    for (const struct trace_kind *kind = trace_kinds; kind->name; kind++) {
        if (strcmp(kind->name, name) == 0)
            return kind;
    }
    return NULL;
}

void trace_start(struct trace *trace, const struct trace_kind *kind, uint64_t memory_bytes,
                 uint64_t seed) {
    double fit = (double)memory_bytes / kind->typical_bytes;
    *trace = (struct trace){.kind = kind, .key_count = (uint32_t)(fit * kind->keys_per_fit)};
    trace->step_count = (uint64_t)(trace->key_count * kind->steps_per_key);
    CHECK(trace->step_count >= TRACE_STEPS_MIN);
    rng_seed(&trace->rng, seed);
    if (kind->theta > 0)
        zipf_make(&trace->zipf, trace->key_count, kind->theta);
}

struct trace_request trace_next(struct trace *trace) {
    DCHECK(trace->step < trace->step_count);
    struct trace_request request = trace->kind->next(trace);
    trace->step++;
    return request;
}
