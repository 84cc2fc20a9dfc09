/* One thread of the load: its connections, and the loop that keeps them busy for one phase. */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "t/bench/conn.h"

enum { STALL_MS_MAX = 10 * 1000 }; /* nothing from the server for so long: given up */

/* How long a phase lasts: until so many operations, or for so long, whichever is set. */
struct phase {
    uint64_t ops; /* of all threads; 0: nanoseconds count */
    uint64_t duration_ns;
};

/* Owned by its thread while a phase runs, by the main thread otherwise. */
struct worker {
    const struct workload *load;
    uint32_t number; /* 0 for the first */
    uint32_t worker_count;
    struct conn *conns;
    uint32_t conn_count;
    int epoll_fd;
    struct key_picker picker;
    struct tally tally;
    const char *failure; /* NULL: none */
    /* of the phase under way */
    uint64_t ops_left; /* operations that may still be started */
    uint64_t end_ns;   /* none is started from then on */
    uint64_t start_ns;
    uint32_t waiting_conns; /* connections with operations under way */
    pthread_t thread;
    struct phase phase;
};

/*
 * Makes worker `number` of `load->options->threads` and its share of the connections. False
 * without memory.
 */
bool worker_make(struct worker *worker, const struct workload *load, const struct target *target,
                 uint32_t number);
void worker_drop(struct worker *worker);

/*
 * Runs one phase on every worker, each in a thread of its own (a single one in the caller's), and
 * returns when every operation has been answered; tallies begin at zero. False if one failed:
 * its `failure` says how.
 */
bool workers_run(struct worker *workers, uint32_t count, const struct phase *phase);

#endif
