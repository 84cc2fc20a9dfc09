/* Sockets and addresses: listening, accepting, resolving names, and how addresses are printed. */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    SOCKET_IP_BYTES = INET6_ADDRSTRLEN,                 /* numeric address with its NUL */
    SOCKET_NAME_BYTES = sizeof(struct sockaddr_un) + 8, /* "tcp:...", "unix:..." with its NUL */
};

struct socket_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un path;
    };
    socklen_t bytes;
};

/*
 * The addresses of a host name or numeric address, at most `max` of them, in the resolver's
 * order; host NULL: the wildcard addresses, v4 first. Returns how many; 0 with *why set to the
 * resolver's message (static text). Blocks as long as the resolver does.
 */
size_t socket_resolve(const char *host, uint16_t port, struct socket_address *out, size_t max,
                      const char **why);

/*
 * Non-blocking listening sockets, closed on exec. Negative: -errno, with *step naming the call that
 * failed.
 */
int socket_listen_tcp(const struct socket_address *address, int backlog, const char **step);
/*
 * A stale socket file at the path is removed first, any other file is left alone. `mode`: its
 * permissions.
 */
int socket_listen_unix(const char *path, mode_t mode, int backlog, const char **step);

/*
 * The next connection: non-blocking, closed on exec; options such as TCP_NODELAY come from its
 * listener.
 * Negative: -errno (-EAGAIN when there is none).
 */
int socket_accept(int listener, struct socket_address *peer);

/* Local address of a socket. False on error. */
bool socket_local_address(int fd, struct socket_address *address);

/* 0 for anything but IP. */
uint16_t socket_address_port(const struct socket_address *address);

/*
 * Numeric IPv4 or IPv6 address without port, "" for others; an IPv4 address mapped into IPv6 is
 * given as IPv4.
 */
void socket_address_ip(const struct socket_address *address, char out[SOCKET_IP_BYTES]);

/*
 * As `stats conns` shows it: tcp:127.0.0.1:11211, tcp6:[::1]:11211, unix:/path. `transport` is "tcp"
 * or "udp".
 */
void socket_address_name(const struct socket_address *address, const char *transport,
                         char out[SOCKET_NAME_BYTES]);

#endif
