/*
 * A UDP socket as one worker has it: takes requests in, sends their replies when the turn ends.
 * Several workers may have descriptors of the same socket. Everything but opening and closing runs
 * in the worker's thread.
 *
 *   readable --> up to UDP_BATCH_MAX datagrams are executed, their replies queued
 *   end of the turn --> flush: what the kernel does not take waits for it, and nothing is read
 *                       meanwhile
 */
#ifndef RUN_UDP_H
#define RUN_UDP_H

#include <stdbool.h>

#include "memcached/run/conn.h"

enum {
    UDP_BATCH_MAX = 32,              /* datagrams executed before their replies go out */
    UDP_WAITING_BYTES_MAX = 1 << 20, /* with more to be sent, no further datagram is taken */
    UDP_REPLIES_MAX = 64 * 1024,     /* to be sent; what would make more of them is lost */
    UDP_SEND_PIECES_MAX = 64,        /* entries of one datagram beside its frame */
};

struct udp_port;

/*
 * Takes over a non-blocking socket and puts it in front of a worker's list; closes it and returns
 * false when there is no memory or descriptor. Before the worker runs.
 */
bool udp_port_open(struct udp_port **list, struct conn_env *env, int fd);

/* Sends what waits in all of a list. */
void udp_port_flush_all(struct udp_port *list);

/* Closes all, sent or not. After the worker has run. */
void udp_port_close_all(struct udp_port **list);

#endif
