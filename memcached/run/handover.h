/*
 * Accepted sockets on their way from the accepting thread to a worker, first come first served. The
 * worker takes a few in each of its turns, so that clients who come in crowds do not keep those who
 * are there from being answered.
 */
#ifndef RUN_HANDOVER_H
#define RUN_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/base/lock.h"
#include "memcached/net/socket.h"

struct conn_origin;

struct handover {
    int fd;
    struct socket_address peer;
    const struct conn_origin *origin;
    uint32_t thaws; /* stand-stills of the process until it was handed over */
};

enum {
    HANDOVER_TAKE_MAX = 64, /* opening so many takes some 0.3 ms */
    HANDOVER_CAPACITY_MIN = 16,
};

/* At most four times as long as the most sockets that ever waited in it, which -c bounds. */
struct handover_queue {
    struct lock lock;
    struct handover *all; /* NULL: none wait */
    size_t next, end, capacity;
};

void handover_queue_init(struct handover_queue *queue);
/* Sockets that still wait stay open. */
void handover_queue_destroy(struct handover_queue *queue);

/*
 * Any thread. *is_first: none waited before, so the worker must be told of this one. False when
 * there is no memory: the socket stays the caller's.
 */
bool handover_put(struct handover_queue *queue, const struct handover *socket, bool *is_first);

/*
 * Any thread. Takes up to HANDOVER_TAKE_MAX and returns how many. *has_more: others wait, of whom
 * nobody will be told again.
 */
size_t handover_take(struct handover_queue *queue, struct handover sockets[HANDOVER_TAKE_MAX],
                     bool *has_more);

#endif
