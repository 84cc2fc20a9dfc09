/* Synthetic traces of requests: which key is asked for next, how large it is, how long it lives. */
#ifndef BENCH_TRACE_H
#define BENCH_TRACE_H

#include <stdint.h>

#include "memcached/base/rng.h"
#include "t/bench/zipf.h"

/* One look-up of a cache; on a miss the key is stored with this size and TTL. */
struct trace_request {
    uint32_t index; /* of the key */
    uint32_t value_bytes;
    uint32_t ttl_s; /* 0: does not expire */
};

struct trace;

/* A kind of trace. Sizes go by the server's memory, so that it holds a part of what is asked for. */
struct trace_kind {
    const char *name;
    const char *title;
    uint32_t typical_bytes; /* of an item, with all it takes: how many fit follows */
    double keys_per_fit;    /* keys there are for each one that fits */
    double theta;           /* of the Zipf distribution among them; 0: not used */
    double steps_per_key;   /* length */
    uint32_t seconds;       /* what the length is spread over; 0: as fast as it goes */
    struct trace_request (*next)(struct trace *);
};

struct trace {
    const struct trace_kind *kind;
    struct rng rng;
    struct zipf zipf;
    uint32_t key_count;
    uint64_t step_count;
    uint64_t step;                  /* how many were taken */
    uint32_t scan_index, scan_left; /* of the scan under way */
};

/* All kinds; the last one's name is NULL. */
extern const struct trace_kind trace_kinds[];

/* NULL if there is none of that name. */
const struct trace_kind *trace_kind_named(const char *name);

/* The same seed gives the same trace. */
void trace_start(struct trace *trace, const struct trace_kind *kind, uint64_t memory_bytes,
                 uint64_t seed);

/* The next request; no more than step_count of them. */
struct trace_request trace_next(struct trace *trace);

/* The largest value that a trace stores. */
enum { TRACE_VALUE_BYTES_MAX = 8192 };

enum { TRACE_STEPS_MIN = 1000 };

#endif
