/*
 * -N: which worker serves a connection follows from the receive queue of the network card that it
 * comes through, which the kernel names by a NAPI id: so many queues, a worker for each, in the order
 * in which they are seen. Owned by the accepting thread, but for the counters.
 */
#ifndef RUN_NAPI_H
#define RUN_NAPI_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "memcached/serve/settings.h"

struct napi {
    unsigned count; /* of queues; 0: connections are not told apart */
    unsigned known;
    uint32_t ids[SETTINGS_THREADS_MAX];
    _Atomic uint64_t unexpected_count; /* one queue more than -N says: all are forgotten */
    _Atomic uint64_t fallback_count;   /* no queue, of a connection over loopback, say */
};

/* The index of the worker for a connection from this queue; false: any. */
bool napi_choose(struct napi *napi, uint32_t id, unsigned *worker_index);

/* The queue that an accepted connection came through; 0: none. */
uint32_t napi_id_of(int fd);

#endif
