/* The requests of a load, written from templates made once. */
#ifndef BENCH_REQUEST_H
#define BENCH_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "t/bench/keys.h"
#include "t/bench/options.h"

/* What a request was decides what its reply looks like. */
enum op_kind {
    OP_GET,        /* get KEY...               VALUE ... END       */
    OP_SET,        /* set KEY 0 TTL BYTES      STORED              */
    OP_META_GET,   /* mg KEY v                 VA ... or EN        */
    OP_META_SET,   /* ms KEY BYTES TTTL        HD                  */
    OP_QUIET_GET,  /* mg KEY k v q             VA ... or nothing   */
    OP_QUIET_SET,  /* ms KEY BYTES TTTL q      nothing             */
    OP_BARRIER,    /* mn                       MN                  */
    OP_BINARY_GET, /* opcode 0x00              status 0 or 1       */
    OP_BINARY_SET, /* opcode 0x01              status 0            */
};

/* Read-only once made: shared by all threads. */
struct workload {
    const struct options *options;
    const struct keyspace *keys;
    enum op_kind get_kind, set_kind;
    char get_head[8], get_tail[16]; /* around the key of a single get */
    char set_head[8], set_tail[48]; /* around the key of a set, where all values have one size */
    size_t get_tail_bytes, set_tail_bytes;
    size_t request_bytes_max;
    uint32_t keys_per_op_max;
};

void workload_make(struct workload *load, const struct options *options,
                   const struct keyspace *keys);

/* Writes one get of `count` keys (one, where the form is not classic); returns its length. */
size_t request_put_get(const struct workload *load, char *out, const uint32_t *indexes,
                       uint32_t count);

/* Writes one set; returns its length. */
size_t request_put_set(const struct workload *load, char *out, uint32_t index);

/* Writes the `mn` that ends a quiet batch; returns its length. */
size_t request_put_barrier(char *out);

#endif
