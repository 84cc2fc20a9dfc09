/*
 * UDP sockets: bound, received from, and answered on, each answer leaving from the very address
 * that was asked. A machine may have several, a virtual one among them, and a client takes no
 * answer from another.
 */
#ifndef NET_UDP_H
#define NET_UDP_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "memcached/net/socket.h"

/* Who sent a datagram, and to which address of this machine. */
struct udp_peer {
    struct socket_address address;
    union {
        struct in_addr v4;
        struct in6_addr v6;
    } asked;            /* of the peer's family; all zeros: unknown */
    unsigned interface; /* where it arrived, if `asked` means something there only; else 0 */
};

/* A bound, non-blocking socket, closed on exec. Negative: -errno, with *step as in socket.h. */
int udp_open(const struct socket_address *address, const char **step);

/*
 * Takes the next datagram; what does not fit into `bytes` is cut off. Returns its length; negative:
 * -errno (-EAGAIN when there is none).
 */
ssize_t udp_receive(int fd, char *space, size_t bytes, struct udp_peer *peer);

/* Sends one datagram. 0, or -errno (-EAGAIN when the kernel takes none now). */
int udp_send(int fd, const struct udp_peer *peer, const struct iovec *vec, int count);

#endif
