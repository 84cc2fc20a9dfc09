/* One connection of the load: bytes out, bytes in, and the operations that wait for a reply. */
#ifndef BENCH_CONN_H
#define BENCH_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "t/bench/hist.h"
#include "t/bench/request.h"
#include "t/bench/target.h"

enum { CONN_IN_BYTES_MIN = 64 * 1024, CONN_BUFFER_BYTES_MAX = 256 << 20, FIRST_ERROR_BYTES = 80 };

/*
 * What came of the operations. A key that was asked for is a hit, a miss or wrong; a set is
 * stored or an error.
 */
struct tally {
    uint64_t ops, keys, hits, misses, stored, wrong, errors;
    uint64_t last_reply_ns;
    char first_error[FIRST_ERROR_BYTES];
    struct hist latency;
};

struct op {
    uint64_t start_ns;
    enum op_kind kind;
    uint32_t keys_done; /* of a get: keys whose answer has come or been passed over */
};

/* Owned by one worker. */
struct conn {
    int fd;
    bool wants_write;    /* the socket took no more: EPOLLOUT is on */
    const char *failure; /* NULL: none; then the connection is no good any more */
    char *out;           /* out[out_sent..out_end) is still to be sent */
    size_t out_sent, out_end;
    char *in; /* in[0..in_end) is not understood yet */
    size_t in_end, in_bytes;
    struct op *
        ops; /* a ring: first waits longest; the key indexes of op n start at n * keys_per_op_max */
    uint32_t *indexes;
    uint32_t op_mask;
    uint32_t op_first, op_next; /* free-running */
};

/* Connects. False when there is no memory; exits when there is no server. */
bool conn_open(struct conn *conn, const struct workload *load, const struct target *target);
void conn_close(struct conn *conn);

static inline uint32_t conn_waiting(const struct conn *conn) {
    return conn->op_next - conn->op_first;
}

/*
 * Appends one operation of the load with keys of the picker's choice; at most `pipeline` may be
 * waiting.
 */
void conn_add_op(struct conn *conn, const struct workload *load, struct key_picker *picker,
                 uint64_t start_ns);

/* Ends a batch of the quiet form with `mn`; does nothing in the other forms. */
void conn_end_batch(struct conn *conn, const struct workload *load, uint64_t start_ns);

/* Sends what the socket takes. Sets `failure`. */
void conn_send(struct conn *conn);

/* Receives once and checks every reply that is whole. Sets `failure`. */
void conn_receive(struct conn *conn, const struct workload *load, struct tally *tally);

#endif
